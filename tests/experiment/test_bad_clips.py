"""Which files a run looks at before it computes anything."""

from __future__ import annotations

from types import SimpleNamespace

from mirbench import Clip
from mirbench.experiment.resolve.bad_clips import _looked_at, absent_in_words


def data(name, made=False):
    return SimpleNamespace(name=name, noun=SimpleNamespace(made=made))


def test_a_data_set_is_looked_at_once_in_all_splits_that_a_run_reads():
    """One that is a natural shift, and is pretrained on too."""
    songs, again = data("songs"), data("again")
    resolved = SimpleNamespace(
        scored_data=[songs, data("mini", made=True)],
        natural_shifts=[SimpleNamespace(data=again)],
        pretraining_data=[songs, again],
    )
    found = {each.name: set(splits) for each, splits in _looked_at(resolved)}
    assert found == {"songs": {"train", "pretrain", "valid", "test"}, "again": {"train", "pretrain", "valid", "test"}}


def test_missing_files_are_told_as_they_were_when_clips_were_listed(tmp_path, monkeypatch):
    """A plan looks at each file once."""
    monkeypatch.setattr("os.stat", None)
    clips = [Clip(name, tmp_path / name, "test", name) for name in ("a.wav", "b.wav", "c.wav")]
    songs = SimpleNamespace(name="songs", noun=SimpleNamespace(made=False, location=None), clips=clips, of=lambda *splits: clips)
    resolved = SimpleNamespace(scored_data=[songs], natural_shifts=[], pretraining_data=[], config=SimpleNamespace(max_bad=0.5))
    for absent, told in (
        ({"b.wav"}, "warning: 1 of 3 files of test is missing or empty, which a run leaves out; the first is b.wav."),
        ((), ""),
    ):
        songs.absent = absent
        assert absent_in_words(resolved) == ([f"songs: {told}"] if told else [])
