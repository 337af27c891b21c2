"""What is wrong with clips whose damage only decoding shows."""

import os
import signal

import numpy as np
import pytest
import soundfile

from mirbench.data.audio import undecodable as room
from mirbench.data.audio.audio import AudioError, read_clip
from mirbench.data.audio.undecodable import undecodable
from mirbench.data.duplicates import fingerprinting
from mirbench.records import Clip


@pytest.fixture
def clips(tmp_path):
    for number in range(12):
        soundfile.write(tmp_path / f"{number}.wav", np.random.default_rng(number).uniform(-0.5, 0.5, 800), 8000)
    return [Clip(str(number), tmp_path / f"{number}.wav", "train", "g") for number in range(12)]


def decoder(clip, *more):
    if clip.id == "3":
        raise AudioError("it is a cake.")
    if clip.id == "4":
        raise ZeroDivisionError("no channels.")
    if clip.id in ("6", "9"):
        os._exit(9) if clip.id == "6" else os.kill(os.getpid(), signal.SIGKILL)
    return read_clip(clip, *more)


@pytest.mark.usefixtures("nothing_left")
def test_each_is_told_why_also_one_that_ends_its_process(clips, tmp_path, monkeypatch):
    def fingerprint(clip):
        if clip.id in ("1", "3", "4", "6", "9"):
            raise AudioError("cannot be heard")
        return whole(clip)

    whole = fingerprinting.fingerprint_clip
    monkeypatch.setattr(fingerprinting, "fingerprint_clip", fingerprint)
    monkeypatch.setattr(room, "read_clip", decoder)
    ends = {name: f"{clips[int(name)].path} ends the process that decodes it." for name in ("6", "9")}
    whys = {"3": "it is a cake.", "4": f"{clips[4].path} cannot be decoded: ZeroDivisionError: no channels.", **ends}
    assert undecodable(clips, tmp_path, 2, "listening") == whys  # clip 1 can be heard after all

    monkeypatch.setattr(room, "EXPLAINED", 2)
    whys = {"3": "it is a cake.", **{name: f"{clips[int(name)].path} cannot be decoded." for name in ("4", "6", "9")}}
    assert undecodable(clips, tmp_path, 2, "listening") == whys
    assert undecodable(clips[7:9], tmp_path, 2, "listening") == {}
