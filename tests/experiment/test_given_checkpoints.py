"""What stands in a checkpoint folder, under the names of now and of earlier versions."""

from __future__ import annotations

import json

import pytest

from mirbench.engine.store import Store
from mirbench.experiment.resolve import checkpoints
from mirbench.experiment.resolve.checkpoints import ClipFingerprint

HELD = {"songs": {"key": "0123", "clips": ["a", "b"]}}
FINGERPRINTS = {"songs/a": ClipFingerprint(b"\x00\x01", "4567"), "songs/b": ClipFingerprint(None, "")}


@pytest.fixture(params=["now", "earlier"])
def folder(request, tmp_path):
    """A checkpoint of the store, with a `last` in it, as this version leaves it, or one before did."""
    store = Store(tmp_path)
    with store.writing("checkpoints", "89ab") as folder:
        (folder / "last").mkdir()
        for place in (folder, folder / "last"):
            (place / "encoder.json").write_text(json.dumps({"encoder": "semisupcon", "options": {}, "seed": 3}))
        (folder / checkpoints.CLIPS).write_text(json.dumps(HELD))
        checkpoints.write_fingerprints(folder, FINGERPRINTS)
        checkpoints.write_fingerprints(folder, {}, checkpoints.VALID_FINGERPRINTS)
        if request.param == "earlier":
            for name, former in checkpoints.FORMER_NAMES.items():
                (folder / name).rename(folder / former)
    return store.folder("checkpoints", "89ab")


def test_it_is_read_whole_and_by_its_last(folder):
    for place in (folder, folder / "last"):
        assert checkpoints.read_metadata(place) == ("semisupcon", {}, 3)
        assert checkpoints.read_pretraining_clips(place) == HELD
        assert checkpoints.read_fingerprints(place) == FINGERPRINTS
        assert checkpoints.read_fingerprints(place, checkpoints.VALID_FINGERPRINTS) == {}
        assert checkpoints.checkpoint_of(place) == folder


def test_a_copy_of_its_files_says_the_same(folder, tmp_path):
    for place in (folder, folder / "last"):
        copy = tmp_path / f"copy of {place.name}"
        for name, file in checkpoints.files_of(place).items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(file.read_bytes())
        assert checkpoints.read_pretraining_clips(copy) == HELD
        assert checkpoints.read_fingerprints(copy) == FINGERPRINTS
        assert checkpoints.digests_of(copy) == checkpoints.digests_of(place)
