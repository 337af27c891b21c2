"""Decoded audio in one file: what is cut from it is what is in the clips."""

import pickle

import numpy as np
import pytest
import soundfile
import torch

import mirbench
from mirbench.pretraining.backbones.mel import MelSpectrogram
from mirbench.pretraining.views import audio_cache as audio_cache
from mirbench.pretraining.views.audio_cache import load_audio_cache
from mirbench.records import Clip

RATE = 22_050


@pytest.fixture
def clips(tmp_path):
    """Three files of noise, 1.0, 0.5 and 0.2 s, and one that is no audio."""
    random = np.random.default_rng(0)
    found = []
    for i, seconds in enumerate((1.0, 0.5, 0.2)):
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, random.uniform(-0.9, 0.9, int(seconds * RATE)), RATE, subtype="FLOAT")
        found.append(Clip(f"clip{i}", path, "train", f"g{i}"))
    (tmp_path / "page.wav").write_text("<html>not found</html>")
    return [found[0], Clip("page", tmp_path / "page.wav", "train", "p"), *found[1:]]


def test_samples_are_those_of_the_files_to_16_bits(clips, tmp_path):
    audio_cache = load_audio_cache(clips, RATE, tmp_path / "cache")
    assert [c.id for c in audio_cache.clips] == ["clip0", "clip1", "clip2"]
    assert list(audio_cache.skipped) == ["page"]
    assert audio_cache.lengths.tolist() == [22_050, 11_025, 4_410]
    cut = audio_cache.cut(torch.tensor([1, 0, 2]), torch.tensor([25, 50, 0]), torch.ones(3), 3000)
    for row, (clip, start) in zip(cut, ((1, 25), (0, 50), (2, 0)), strict=True):
        audio, _ = soundfile.read(audio_cache.clips[clip].path, dtype="float32")
        assert np.abs(row.numpy() - audio[start : start + 3000]).max() < 1 / 32_000


def test_what_runs_over_the_end_of_a_clip_begins_anew(clips, tmp_path):
    audio_cache = load_audio_cache(clips, RATE, tmp_path / "cache")
    (row,) = audio_cache.cut(torch.tensor([2]), torch.tensor([4000]), torch.ones(1), 10_000)
    audio = audio_cache.cut(torch.tensor([2]), torch.tensor([0]), torch.ones(1), 4410)[0]
    assert torch.equal(row, torch.cat([audio, audio, audio, audio])[4000:14_000])


def test_bands_are_those_of_the_mel_spectrogram(clips, tmp_path):
    mel = MelSpectrogram(RATE, 32)
    audio_cache = load_audio_cache(clips, RATE, tmp_path / "cache", mel)
    audio, _ = soundfile.read(clips[0].path, dtype="float32")
    wanted = mel(torch.from_numpy(audio)[None])[0].T
    cut = audio_cache.cut(torch.tensor([0, 0]), torch.tensor([3, 0]), torch.tensor([1.0, 2.0], dtype=torch.float64), 10)
    torch.testing.assert_close(cut[0], wanted[3:13], atol=4e-3, rtol=1e-3)
    torch.testing.assert_close(cut[1], wanted[0:20:2], atol=4e-3, rtol=1e-3)


@pytest.mark.parametrize("mel", [None, MelSpectrogram(RATE, 32)])
def test_another_process_maps_the_same_file(clips, tmp_path, mel):
    audio_cache = load_audio_cache(clips, RATE, tmp_path / "cache", mel)
    where = (torch.tensor([0]), torch.tensor([5]), torch.ones(1, dtype=torch.float64), 8)
    before = audio_cache.cut(*where)
    sent = pickle.dumps(audio_cache)
    assert len(sent) < 4000
    assert torch.equal(pickle.loads(sent).cut(*where), before)
    assert torch.equal(load_audio_cache(clips, RATE, tmp_path / "cache", mel).cut(*where), before)


def test_other_bands_are_another_file(clips, tmp_path):
    class Louder(MelSpectrogram):
        def forward(self, audio):
            return super().forward(audio) + 1

    cut = [
        load_audio_cache(clips, RATE, tmp_path / "cache", mel).cut(
            torch.tensor([0]), torch.tensor([0]), torch.ones(1, dtype=torch.float64), 4
        )
        for mel in (MelSpectrogram(RATE, 32), Louder(RATE, 32))
    ]
    torch.testing.assert_close(cut[0] + 1, cut[1], atol=1e-2, rtol=0)


def test_a_long_file_is_never_whole_in_memory_and_gives_what_it_would_whole(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    path = tmp_path / "long.wav"
    soundfile.write(path, random.uniform(-0.9, 0.9, int(10.2 * RATE)), RATE, subtype="FLOAT")
    clips = [Clip("long", path, "train", "g"), Clip("part", path, "train", "g", 1.0, 7.0)]
    largest = []

    class Watched(MelSpectrogram):
        def forward(self, audio):
            largest.append(audio.shape[1])
            return super().forward(audio)

    mel = Watched(RATE, 32)
    whole = [load_audio_cache(clips, RATE, tmp_path / "whole", each) for each in (mel, None)]
    monkeypatch.setattr(audio_cache, "read_pieces", lambda clip, rate: mirbench.read_pieces(clip, rate, 0.7))
    largest.clear()
    pieces = [load_audio_cache(clips, RATE, tmp_path / "pieces", each) for each in (mel, None)]
    for one, other in zip(whole, pieces, strict=True):
        assert one.lengths.tolist() == other.lengths.tolist()
        torch.testing.assert_close(one.frames, other.frames, atol=4e-3 if one.bands else 0, rtol=1e-3 if one.bands else 0)
    assert max(largest) < 1.6 * RATE
    audio, _ = soundfile.read(path, dtype="float32")
    assert pieces[0].lengths.tolist() == [mel(torch.from_numpy(each)[None]).shape[2] for each in (audio, audio[RATE : 8 * RATE])]


@pytest.mark.parametrize("mel", [None, MelSpectrogram(RATE, 32)])
def test_a_file_that_is_broken_late_leaves_nothing_behind(clips, tmp_path, mel, monkeypatch):
    audio, _ = soundfile.read(clips[0].path, dtype="float32")
    broken = np.concatenate([audio] * 9)
    broken[-100] = np.nan
    soundfile.write(tmp_path / "late.wav", broken, RATE, subtype="FLOAT")
    wanted = load_audio_cache(clips, RATE, tmp_path / "cache", mel)
    monkeypatch.setattr(audio_cache, "read_pieces", lambda clip, rate: mirbench.read_pieces(clip, rate, 1.0))
    found = load_audio_cache([clips[0], Clip("late", tmp_path / "late.wav", "train", "l"), *clips[1:]], RATE, tmp_path / "cache", mel)
    assert list(found.skipped) == ["late", "page"]
    assert found.clips == wanted.clips
    assert torch.equal(found.frames, wanted.frames)


def test_nothing_but_broken_files_is_an_empty_material(clips, tmp_path):
    audio_cache = load_audio_cache(clips[1:2], RATE, tmp_path / "cache")
    assert audio_cache.clips == ()
    assert len(audio_cache.frames) == 0
