"""What stands in a checkpoint folder, under the names of now and of earlier versions."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mirbench import registry
from mirbench.engine.store import ENTRY, Store
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve import checkpoints
from mirbench.experiment.resolve.checkpoints import ClipFingerprint
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.settings.config import load_config

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


@pytest.mark.parametrize("name", ["encoder.json", "last/weights.safetensors", "last/more", "loop"])
@pytest.mark.parametrize("target", ["{outside}/secret.txt", "../../../../secret.txt", "{outside}"])
def test_a_link_that_leaves_the_folder_is_refused(folder, name, target):
    outside = folder.parents[1]
    (outside / "secret.txt").write_text(json.dumps({"encoder": "semisupcon", "options": {}, "seed": 3}))
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target.format(outside=outside))
    for place in (folder, folder / "last") if name.startswith("last") else (folder,):
        with pytest.raises(MirbenchError) as caught:
            checkpoints.read_metadata(place)
        assert str(caught.value) == (
            f"checkpoint {place} has a link that leaves its folder, {name} to {target.format(outside=outside)}; copy what it should hold "
            "(cp -rL), and give the copy."
        )


def test_links_inside_a_checkpoint_and_to_it_are_read(folder, tmp_path):
    (folder / "encoder.json").rename(folder / "about.json")
    (folder / "encoder.json").symlink_to("about.json")
    (folder / "last" / "encoder.json").unlink()
    (folder / "last" / "encoder.json").symlink_to("../about.json")
    (tmp_path / "link").symlink_to(folder)
    for place in (folder, folder / "last", tmp_path / "link", tmp_path / "link" / "last"):
        assert checkpoints.read_metadata(place) == ("semisupcon", {}, 3)
    os.symlink("loop", folder / "loop")
    assert checkpoints.read_metadata(folder) == ("semisupcon", {}, 3)


def test_nested_too_deeply_is_no_metadata(folder):
    (folder / "encoder.json").write_text("[" * 100_000)
    with pytest.raises(MirbenchError, match=r"encoder\.json does not say which encoder, options and seed it is of"):
        checkpoints.read_metadata(folder)


def test_a_configuration_that_ships_with_mirbench_asks_nothing_of_a_checkpoint(folder, tmp_path):
    """Its steps are those of pretraining; what somebody typed is asked for."""
    (folder / "encoder.json").write_text(json.dumps({"encoder": "semisupcon", "options": {"steps": 7}, "seed": 3}))
    (folder / ENTRY).unlink(missing_ok=True)
    (tmp_path / "mine.yaml").write_text("options: {semisupcon: {steps: 8}}")
    for files, overrides, asked in (
        (["quick"], [], {}),
        (["quick"], ["options.semisupcon.steps=40"], {"steps": 40}),
        ([tmp_path / "mine.yaml"], [], {"steps": 8}),
        (["quick"], ["options.semisupcon.steps=7"], {}),
    ):
        config = load_config([Path(file) for file in files], [*overrides, "floors=none"], {"checkpoints": [str(folder)]})
        (entry,) = resolve_entries(config, registry.load())
        assert (entry.options["steps"], entry.asked) == (7, asked)
