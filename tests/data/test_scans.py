"""A first look at files: what it says, that it is not done twice, and that nothing wrong with files or with the cache stops it."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbench.data import file_facts as known
from mirbench.data import scans
from mirbench.data.file_facts import FileFacts, Stamp
from mirbench.data.scans import Scan, scan_clips
from mirbench.records import Clip


def clip(path: Path, start: float = 0.0, duration: float | None = None, name: str = "") -> Clip:
    return Clip(name or f"{path} {start} {duration}", path, "train", "all", start, duration)


def write(path: Path, length: float = 1.0, rate: int = 8000) -> Path:
    soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, int(length * rate)), rate)
    return path


def scan_one(one: Clip, cache: Path) -> Scan:
    return scan_clips([one], cache, 2)[one.id]


@pytest.fixture
def looks(monkeypatch):
    """The paths that were looked at."""
    seen: list[str] = []
    look = scans.describe_audio

    def counting(path):
        seen.append(os.path.basename(path))
        return look(path)

    monkeypatch.setattr(scans, "describe_audio", counting)
    return seen


def test_a_scan_says_what_the_header_says(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros((22_050, 2)), 44_100)
    assert scan_one(clip(path), tmp_path) == Scan("", 0.5, 44_100, 2, "FLAC, PCM_16")


def test_a_clip_must_be_inside_its_file(tmp_path):
    path = write(tmp_path / "a.wav")
    fine = [clip(path), clip(path, 0.5), clip(path, 0, 1), clip(path, 0.5, 0.5), clip(path, 0.25, 0.75001)]
    bad = [clip(path, 1), clip(path, 2, 1), clip(path, 0.5, 1), clip(path, -0.5, 1), clip(path, 0, 0), clip(path, 0, float("nan"))]
    found = scan_clips(fine + bad, tmp_path, 2)
    assert [found[each.id].problem for each in fine] == [""] * len(fine)
    for each in bad:
        assert str(path) in found[each.id].problem
        assert found[each.id].seconds == 1
    assert found[bad[2].id].problem == f"{path} has 1.00 s; 1.50 s are needed."


def test_anything_may_stand_where_a_file_should_be(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("<html>not found</html>")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "broken.wav").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.wav").symlink_to(tmp_path / "round.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    names = ["empty.wav", "text.wav", "folder.wav", "broken.wav", "round.wav", "pipe.wav", "missing.wav", "nul\0.wav", "x" * 300]
    found = scan_clips([clip(tmp_path / name) for name in names], tmp_path, 2)
    assert all(scan.problem.endswith(".") and scan.seconds == 0 for scan in found.values())


def test_names_need_not_be_text(tmp_path, looks):
    paths = [
        Path(os.fsdecode(os.fsencode(tmp_path / name)))
        for name in (b"\xff\xfe.wav".decode("utf-8", "surrogateescape"), "a\n'\".wav", "🎵 .wav")
    ]
    for path in paths:
        write(path.with_name("plain.wav"))
        os.rename(path.with_name("plain.wav"), path)
    for _ in range(2):
        assert not any(scan.problem for scan in scan_clips([clip(path) for path in paths], tmp_path, 2).values())
    assert len(looks) == len(paths)


def test_a_file_is_looked_at_once(tmp_path, looks):
    path = write(tmp_path / "a.wav")
    clips = [clip(path, number / 100, 0.01) for number in range(90)]
    assert len(scan_clips(clips, tmp_path, 2)) == 90
    scan_clips(clips[:3], tmp_path, 2)
    assert looks == ["a.wav"]


def test_a_changed_file_is_looked_at_again(tmp_path, looks):
    path = write(tmp_path / "a.wav")
    scan_one(clip(path), tmp_path)
    then = os.stat(path).st_mtime_ns
    write(path, 2)
    os.utime(path, ns=(then, then))  # another size
    assert scan_one(clip(path), tmp_path).seconds == 2
    os.utime(path, ns=(then, then + 1))  # another time
    scan_one(clip(path), tmp_path)
    assert len(looks) == 3


def test_other_code_looks_again(tmp_path, looks, monkeypatch):
    path = write(tmp_path / "a.wav")
    scan_one(clip(path), tmp_path)
    monkeypatch.setattr(scans, "code_version", lambda root, cache: "another")
    scan_one(clip(path), tmp_path)
    assert len(looks) == 2


def test_the_version_is_of_the_code_that_looks(tmp_path):
    look, fingerprint = "mirbench.data.scans:_scan_file", "mirbench.data.duplicates.fingerprints:fingerprint_clip"
    assert known.code_version(look, tmp_path) != known.code_version(fingerprint, tmp_path)
    assert known.code_version(look, tmp_path) == known.code_version(look, tmp_path / "other")


def test_problems_are_not_remembered(tmp_path, looks, monkeypatch):
    """A file of the same size and time may be readable now: its rights were changed, a decoder was installed."""
    path = write(tmp_path / "a.wav")
    with monkeypatch.context() as patch:
        patch.setattr(scans, "describe_audio", lambda path: (_ for _ in ()).throw(scans.AudioError("a.wav cannot be decoded.")))
        assert scan_one(clip(path), tmp_path).problem == "a.wav cannot be decoded."
    assert scan_one(clip(path), tmp_path).problem == ""


def test_an_interrupted_run_keeps_what_it_saw(tmp_path, looks, monkeypatch):
    paths = [write(tmp_path / f"{number}.wav") for number in range(20)]
    look = scans.describe_audio

    def interrupted(path):
        if path.endswith("10.wav"):
            raise KeyboardInterrupt
        return look(path)

    monkeypatch.setattr(scans, "describe_audio", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scan_clips([clip(path) for path in paths], tmp_path, 1)
    monkeypatch.setattr(scans, "describe_audio", look)
    looks.clear()
    scan_clips([clip(path) for path in paths], tmp_path, 1)
    assert "10.wav" in looks
    assert "0.wav" not in looks


def test_a_killed_run_keeps_most_of_what_it_saw(tmp_path, monkeypatch):
    sizes, put = [], FileFacts.put
    monkeypatch.setattr(known, "KEPT_AT_ONCE", 3)
    monkeypatch.setattr(FileFacts, "put", lambda facts, values: sizes.append(len(values)) or put(facts, values))
    clips = [clip(write(tmp_path / f"{number}.wav")) for number in range(8)]
    scan_clips(clips, tmp_path, 2)
    scan_clips(clips, tmp_path, 2)
    assert sizes == [3, 3, 2]


@pytest.mark.parametrize("damage", ["garbage", "cut", "other table", "folder", "overwritten"])
def test_a_damaged_cache_is_as_good_as_none(tmp_path, damage):
    paths = [write(tmp_path / f"{number}.wav") for number in range(300)]
    clips, cache = [clip(path) for path in paths], tmp_path / "cache"
    good = scan_clips(clips, cache, 2)
    file = cache / known.FILE
    data = file.read_bytes()
    assert len(data) > 20_000
    if damage == "garbage":
        file.write_bytes(b"no database" * 1000)
    elif damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "overwritten":
        file.write_bytes(data[:4096] + b"\xff" * 12_288 + data[16_384:])
    elif damage == "other table":
        file.unlink()
        with sqlite3.connect(file) as database:
            database.execute("CREATE TABLE known (something TEXT)")
    else:
        file.unlink()
        file.mkdir()
    assert scan_clips(clips, cache, 2) == good
    assert scan_clips(clips, cache, 2) == good


def test_a_cache_that_cannot_be_is_done_without(tmp_path):
    path = write(tmp_path / "a.wav")
    assert scan_one(clip(path), path / "cache").seconds == 1


def test_a_locked_cache_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr(known, "WAIT_SECONDS", 0.05)
    path = write(tmp_path / "a.wav")
    scan_one(clip(path), tmp_path)
    other = sqlite3.connect(tmp_path / known.FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert scan_one(clip(path), tmp_path).seconds == 1
    other.close()


def _put(folder, first):
    for number in range(first, first + 40):
        FileFacts(folder, "test").put({Stamp(str(number).encode(), b""): b"value"})


def test_processes_share_the_cache(tmp_path):
    processes = [multiprocessing.get_context("fork").Process(target=_put, args=(tmp_path, first)) for first in (0, 40, 80)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(FileFacts(tmp_path, "test").get([Stamp(str(number).encode(), b"") for number in range(120)])) == 120


def test_kinds_are_apart(tmp_path):
    one = Stamp(b"key", b"state")
    FileFacts(tmp_path, "this").put({one: b"a"})
    assert FileFacts(tmp_path, "that").get([one]) == {}


def _put_for_ever(folder):
    for number in itertools.count():
        FileFacts(folder, "test").put({Stamp(b"%d" % (number % 50 + each), b""): b"value" * 100 for each in range(50)})


def test_a_killed_process_leaves_a_cache_that_works(tmp_path):
    one = Stamp(b"mine", b"")
    for _ in range(3):
        process = multiprocessing.get_context("fork").Process(target=_put_for_ever, args=(tmp_path,))
        process.start()
        time.sleep(0.2)
        process.kill()
        process.join()
        FileFacts(tmp_path, "test").put({one: b"kept"})
        assert FileFacts(tmp_path, "test").get([one]) == {one: b"kept"}
