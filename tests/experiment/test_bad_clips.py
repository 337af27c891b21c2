"""Which files a run looks at before it computes anything."""

from __future__ import annotations

from types import SimpleNamespace

from mirbench.experiment.resolve.bad_clips import _looked_at


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
