"""What libmpg123 writes to the error output stays off the screen, and nothing else does."""

from __future__ import annotations

import contextlib
import os
import threading

import numpy as np
import pytest
import soundfile

from mirbench.data.audio.audio import describe_audio, read_audio
from mirbench.data.audio.opening import AudioError
from mirbench.data.audio.quiet import quiet_mpeg

NOISE = (
    b"Note: Trying to resync...\n"
    b"[src/libmpg123/layer3.c:INT123_do_layer3():1804] error: dequantization failed!\n"
    b"\nWarning: Xing stream size off by more than 1%, fuzzy seeking may be even more fuzzy than by design!\n"
)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("mp3"), np.random.default_rng(0)
    soundfile.write(folder / "good.mp3", 0.2 * random.standard_normal(4 * 44_100), 44_100)
    good, paths = (folder / "good.mp3").read_bytes(), []
    for number in range(6):
        data = bytearray(good)
        for place in random.integers(3000, len(data), 300):
            data[place] = random.integers(256)
        paths.append(folder / f"{number}.mp3")
        paths[-1].write_bytes(data)
    return paths


def decode(paths):
    for path in paths:
        for read in (describe_audio, lambda path: read_audio(path, 22_050)):
            with contextlib.suppress(AudioError):
                read(path)


def test_damaged_mp3_says_nothing_past_us(damaged, capfd):
    for path in damaged:  # as libsndfile has it
        with soundfile.SoundFile(path) as file:
            file.read()
    assert b"libmpg123" in os.fsencode(capfd.readouterr().err)
    decode(damaged)
    assert capfd.readouterr().err == ""


def test_what_others_write_meanwhile_comes_afterwards(capfd):
    with quiet_mpeg():
        os.write(2, b"mirbench: one clip was skipped.\n" + NOISE)
        os.write(2, b"UserWarning: a number is odd\n 10%|#   |")
        with quiet_mpeg():
            os.write(2, NOISE)
        os.write(2, NOISE[:9])
    assert capfd.readouterr().err == "mirbench: one clip was skipped.\nUserWarning: a number is odd\n 10%|#   |"
    os.write(2, b"Note: ours\n")
    with quiet_mpeg():
        pass
    assert capfd.readouterr().err == "Note: ours\n"


def test_many_threads_lose_nothing_and_leave_no_descriptor(damaged, capfd):
    decode(damaged)
    before = len(os.listdir("/proc/self/fd"))
    threads = [threading.Thread(target=decode, args=(damaged,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for number in range(200):
        os.write(2, b"%d\n" % number)
    for thread in threads:
        thread.join()
    assert sorted(map(int, capfd.readouterr().err.split())) == list(range(200))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked")
def test_a_process_that_is_forked_meanwhile_has_its_error_output(capfd):
    with quiet_mpeg():
        if (child := os.fork()) == 0:
            os.write(2, b"of a child\n")
            with quiet_mpeg():
                os.write(2, NOISE)
            os._exit(0)
        os.waitpid(child, 0)
        os.write(2, NOISE)
    assert capfd.readouterr().err.strip() == "of a child"


def test_a_process_without_error_output_decodes(damaged):
    real = os.dup(2)
    os.close(2)
    try:
        decode(damaged[:1])
    finally:
        os.dup2(real, 2)
        os.close(real)
