"""What two sets of clips have in common, however it is reached, and that nothing on the way stops the search."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbench.data.duplicates import fingerprinting
from mirbench.data.duplicates.fingerprints import Fingerprint
from mirbench.data.duplicates.overlap import (
    ANOTHER_PART,
    SAME_AUDIO,
    SAME_FILE,
    SAME_RECORDING,
    SAME_WAVEFORM,
    Overlap,
    find_overlap,
    overlap_between_splits,
)
from mirbench.records import Clip

RATE = 16_000


def music(seed: int, seconds: float = 8.0) -> np.ndarray:
    random, audio, t = np.random.default_rng(seed), np.zeros(int((seconds + 1) * RATE)), np.arange(RATE) / RATE
    for step in range(int(seconds * 4)):
        hertz = 110 * 2 ** (random.integers(36) / 12)
        audio[step * 4000 : step * 4000 + RATE] += sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 6)) * np.exp(-5 * t)
    return audio[: int(seconds * RATE)] * 0.1


def clip(path: Path, split: str = "train", start: float = 0.0, duration: float | None = None, name: str = "") -> Clip:
    return Clip(name or path.name, path, split, path.name, start, duration)


def write(path: Path, audio: np.ndarray) -> Path:
    soundfile.write(path, audio, RATE, **({} if path.suffix in (".wav", ".flac") else {"compression_level": 0.5}))
    return path


@pytest.fixture
def fingerprinted(monkeypatch):
    """The files that were fingerprinted, in this process."""
    seen: list[str] = []
    fingerprint_clip = fingerprinting.fingerprint_clip

    def counting(clip):
        seen.append(clip.path.name)
        return fingerprint_clip(clip)

    monkeypatch.setattr(fingerprinting, "fingerprint_clip", counting)
    return seen


def test_the_same_file_by_any_path(tmp_path, fingerprinted):
    (tmp_path / "folder").mkdir()
    path = write(tmp_path / "a.wav", music(0))
    os.link(path, tmp_path / "hard.wav")
    (tmp_path / "soft.wav").symlink_to(path)
    others = [clip(tmp_path / name) for name in ("folder/../a.wav", "hard.wav", "soft.wav")]
    assert find_overlap([clip(path)], others, tmp_path, 1, by_audio=False) == [Overlap("a.wav", other.id, SAME_FILE) for other in others]
    assert fingerprinted == []


def test_another_part_of_the_same_file_counts(tmp_path):
    path = write(tmp_path / "a.wav", music(0))
    first = [clip(path, start=0, duration=3)]
    second = [clip(path, start=2, duration=1, name="inside"), clip(path, start=3, name="after"), clip(path, name="all")]
    found = find_overlap(first, second, tmp_path, 1)
    assert [(each.second, each.how) for each in found] == [("inside", SAME_FILE), ("after", ANOTHER_PART), ("all", SAME_FILE)]


def test_the_same_samples_in_another_container(tmp_path):
    short = (music(0)[:2000] * 32767).astype(np.int16)  # integers, since formats differ in how they round
    first = [clip(write(tmp_path / "a.wav", short)), clip(write(tmp_path / "zeros.wav", np.zeros(9000)))]
    second = [
        clip(write(tmp_path / "b.flac", np.stack([short, short], axis=1))),
        clip(write(tmp_path / "c.flac", (short * 0.9).astype(np.int16))),
        clip(write(tmp_path / "zeros.flac", np.zeros(9000))),
    ]
    assert find_overlap(first, second, tmp_path, 1) == [Overlap("a.wav", "b.flac", SAME_AUDIO), Overlap("a.wav", "c.flac", SAME_WAVEFORM)]


def test_very_many_that_are_all_alike_are_each_named_and_not_each_pair(monkeypatch):
    packed = Fingerprint(b"x" * 16, np.zeros(0, np.int64), np.zeros(0, np.int64)).pack()
    monkeypatch.setattr("mirbench.data.duplicates.overlap.fingerprint_clips", lambda clips, *_: [packed] * len(clips))
    first, second = ([clip(Path(f"/nowhere/{side}{number}.wav")) for number in range(3000)] for side in "ab")
    found = find_overlap(first, second, Path("/nowhere"), 1)
    assert len(found) < 6001
    assert {each.first for each in found} == {each.id for each in first}
    assert {each.second for each in found} == {each.id for each in second}
    few = find_overlap(first[:3], second[:4], Path("/nowhere"), 1)
    assert len(few) == 12
    assert {each.how for each in found + few} == {SAME_AUDIO}


def test_the_same_recording_says_where(tmp_path):
    whole, part = clip(write(tmp_path / "whole.wav", music(0))), clip(write(tmp_path / "part.ogg", 0.4 * music(0)[2 * RATE : 7 * RATE]))
    rest = [clip(write(tmp_path / f"{seed}.wav", music(seed))) for seed in range(1, 5)]
    for first, second, offset in (([whole, *rest], [part], 2), ([part], [whole, *rest], -2)):
        (found,) = find_overlap(first, second, tmp_path, 1)
        assert (found.first, found.second, found.how) == (first[0].id, second[0].id, SAME_RECORDING)
        assert found.offset == pytest.approx(offset, abs=0.05)


def test_an_offset_is_from_where_the_clip_begins(tmp_path):
    path, other = write(tmp_path / "a.wav", music(0)), write(tmp_path / "b.wav", 0.5 * music(0))
    (found,) = find_overlap([clip(path, start=1, duration=6)], [clip(other, start=2, duration=6)], tmp_path, 1)
    assert found.offset == pytest.approx(1, abs=0.05)


def test_splits_of_one_set(tmp_path):
    paths = [write(tmp_path / f"{number}.wav", (1 - number / 10) * music(0)) for number in range(5)]
    splits = ("train", "pretrain", "valid", "test", "test")
    found = overlap_between_splits([clip(path, split) for path, split in zip(paths, splits, strict=True)], tmp_path, 1)
    assert {(each.first[0], each.second[0]) for each in found} == {
        ("0", "2"),
        ("1", "2"),
        ("0", "3"),
        ("0", "4"),
        ("1", "3"),
        ("1", "4"),
        ("2", "3"),
        ("2", "4"),
    }
    assert {each.how for each in found} == {SAME_RECORDING}


def test_files_that_cannot_be_read_are_passed_over(tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "folder.wav").mkdir()
    broken = [clip(tmp_path / name) for name in ("text.wav", "folder.wav", "missing.wav", "nul\0.wav")]
    good = [clip(write(tmp_path / "a.wav", music(0))), clip(write(tmp_path / "b.wav", 0.5 * music(0)))]
    found = find_overlap([*broken, good[0]], [good[1], *(clip(each.path, name=f"other {each.id}") for each in broken)], tmp_path, 1)
    assert ("a.wav", "b.wav", SAME_RECORDING) in {(each.first, each.second, each.how) for each in found}
    assert not any(each.how in (SAME_AUDIO, SAME_RECORDING) for each in found[:-1])


def test_what_was_fingerprinted_is_not_fingerprinted_again(tmp_path, fingerprinted):
    clips = [clip(write(tmp_path / f"{number}.wav", music(number, 6))) for number in range(3)]
    find_overlap(clips[:1], clips[1:], tmp_path, 1)
    find_overlap(clips[1:], clips[:1], tmp_path, 1)
    assert sorted(fingerprinted) == ["0.wav", "1.wav", "2.wav"]
    write(clips[0].path, music(1, 7))
    assert [each.how for each in find_overlap(clips[:1], clips[1:2], tmp_path, 1)] == [SAME_RECORDING]
    assert fingerprinted[3:] == ["0.wav"]


def test_stretches_of_one_file_are_fingerprinted_apart(tmp_path, fingerprinted):
    path = write(tmp_path / "a.wav", music(0))
    clips = [clip(path, start=start, duration=2, name=str(start)) for start in (0, 2, 4, 4)]
    assert len(set(fingerprinting.fingerprint_clips(clips, tmp_path, 1))) == 3
    assert len(fingerprinted) == 3


def test_a_fingerprint_that_was_damaged_is_made_again(tmp_path, fingerprinted):
    one = clip(write(tmp_path / "a.wav", music(0)))
    (good,) = fingerprinting.fingerprint_clips([one], tmp_path, 1)
    mark = fingerprinting.stamp(one.path, fingerprinting.code_version(fingerprinting.CODE, tmp_path), one.start, one.duration)
    fingerprinting.FileFacts(tmp_path, "fingerprint").put({mark: good[:-9]})
    assert fingerprinting.fingerprint_clips([one], tmp_path, 1) == [good]
    assert len(fingerprinted) == 2


@pytest.fixture
def many(tmp_path):
    return [clip(write(tmp_path / f"{number:02}.wav", music(number, 1))) for number in range(40)]


def test_workers_hear_what_one_process_hears(many, tmp_path, nothing_left):
    assert fingerprinting.fingerprint_clips(many, tmp_path / "one", 1) == fingerprinting.fingerprint_clips(many, tmp_path / "two", 3)


@pytest.mark.parametrize("fatal", [("00.wav",), ("03.wav", "27.wav"), ("07.wav", "08.wav", "09.wav", "39.wav")])
def test_a_clip_that_ends_its_worker_costs_no_other(many, tmp_path, monkeypatch, fatal, nothing_left):
    good, fingerprint_clip = fingerprinting.fingerprint_clips(many, tmp_path / "one", 1), fingerprinting.fingerprint_clip
    monkeypatch.setattr(fingerprinting, "fingerprint_clip", lambda clip: os._exit(9) if clip.path.name in fatal else fingerprint_clip(clip))
    prints = fingerprinting.fingerprint_clips(many, tmp_path / "two", 2)
    assert prints == [None if each.id in fatal else packed for each, packed in zip(many, good, strict=True)]


def test_a_clip_that_ends_its_worker_is_tried_again_with_nothing_beside_it(many, tmp_path, monkeypatch, nothing_left):
    """For want of memory, it may have been."""
    good, fingerprint_clip = fingerprinting.fingerprint_clips(many, tmp_path / "one", 1), fingerprinting.fingerprint_clip
    tried = tmp_path / "tried"

    def first_time(clip):
        if clip.path.name == "11.wav" and not tried.exists():
            tried.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return fingerprint_clip(clip)

    monkeypatch.setattr(fingerprinting, "fingerprint_clip", first_time)
    assert fingerprinting.fingerprint_clips(many, tmp_path / "two", 2) == good
    assert tried.exists()


def test_an_interrupt_leaves_no_worker_and_keeps_what_was_fingerprinted(many, tmp_path, monkeypatch, nothing_left):
    fingerprint_clip, parent = fingerprinting.fingerprint_clip, os.getpid()

    def interrupts(clip):
        if clip.path.name == "20.wav":
            time.sleep(0.5)
            os.kill(parent, signal.SIGINT)
            time.sleep(60)
        return fingerprint_clip(clip)

    monkeypatch.setattr(fingerprinting, "fingerprint_clip", interrupts)
    with pytest.raises(KeyboardInterrupt):
        fingerprinting.fingerprint_clips(many, tmp_path, 2)
    how = fingerprinting.code_version(fingerprinting.CODE, tmp_path)
    marks = [fingerprinting.stamp(each.path, how, each.start, each.duration) for each in many]
    assert len(fingerprinting.FileFacts(tmp_path, "fingerprint").get(marks)) >= 12


def test_nothing_has_nothing_in_common(tmp_path):
    assert find_overlap([], [], tmp_path, 2) == overlap_between_splits([], tmp_path, 2) == []


@pytest.mark.parametrize("constant", ["INDEXED_BYTES", "PASSING_BYTES"])
def test_sets_are_looked_up_in_parts(tmp_path, monkeypatch, constant):
    first = [clip(write(tmp_path / f"{number}.wav", music(number))) for number in range(4)]
    second = [clip(write(tmp_path / f"{number}.flac", 0.5 * music(number))) for number in (3, 1, 0)]
    whole = find_overlap(first, second, tmp_path, 1)
    monkeypatch.setattr(f"mirbench.data.duplicates.overlap.{constant}", 1)
    assert find_overlap(first, second, tmp_path, 1) == whole
    assert [(each.first[0], each.second[0]) for each in whole] == [("0", "0"), ("1", "1"), ("3", "3")]
