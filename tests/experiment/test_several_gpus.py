"""A run on two GPUs, which are two processes on a CPU here, has the vectors and scores of a run on one to the digit; plugins from files
are found in them."""

import csv
import json
import os

import pytest
from songs import songs

from mirbench import cli
from mirbench.engine import gpu_processes
from mirbench.engine.store import Store
from mirbench.experiment import execution

pytestmark = pytest.mark.usefixtures("built_in", "nothing_left")

PLUGIN = """
import json, os
import numpy as np
import mirbench

class Loudness(mirbench.Encoder):
    name = "loudness"
    sample_rate = 16_000

    def load(self, folder, options, seed, device):
        with open({seen!r}, "a") as lines:
            lines.write(json.dumps([os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES"), device]) + chr(10))
        return lambda batch: np.stack([batch.std(axis=1), np.abs(batch).mean(axis=1)], axis=1)

@mirbench.hookimpl
def register_encoders():
    return [Loudness()]
"""
FLAGS = ["--encoder", "loudness,untrained", "--tasks", "genre", "--corruptions", "white-noise,background-music", "--severities", "1"]
FLAGS += ["--set", "floors=none", "--set", "bootstrap.resamples=50", "--set", "maps=none", "--set", "keep_megabytes=1000", "--debug"]


@pytest.fixture
def ran(tmp_path, monkeypatch, unmeasured):
    """(name, gpus) -> the cache and scores of a run on so many GPUs, with a cache of its own."""
    plugin, manifest = tmp_path / "loudness.py", songs(tmp_path)
    plugin.write_text(PLUGIN.format(seen=str(tmp_path / "seen")))
    monkeypatch.setattr(gpu_processes, "LEAST_SECONDS", 0.0)

    def run(name, gpus):
        monkeypatch.setattr(execution, "gpus_of", lambda device: [str(number) for number in range(gpus)])
        place = ["--cache", str(tmp_path / name / "cache"), "--output", str(tmp_path / name / "results")]
        assert cli.main(["run", "--plugin", str(plugin), "--dataset", str(manifest), *FLAGS, *place]) == 0
        (folder,) = (tmp_path / name / "results").iterdir()
        with (folder / "scores.csv").open(newline="") as file:
            scores = [{**row, "seconds": ""} for row in csv.DictReader(file)]
        return Store(tmp_path / name / "cache"), scores

    return run


def vectors(store):
    """By key, digests of what is in the files of embeddings."""
    kinds = ("embeddings", "corrupted-embeddings")
    return {each.key: store.entry(kind, each.key).files for kind in kinds for each in store.entries(kind)}


@pytest.mark.slow
def test_two_gpus_make_what_one_makes(ran, tmp_path):
    one, scores = ran("one", 1)
    (tmp_path / "seen").unlink()
    two, same = ran("two", 2)
    assert vectors(two) == vectors(one)
    assert len(vectors(one)) == 2 * (3 + 2)
    assert same == scores
    assert len(scores) > 8
    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    children = {(pid, gpu) for pid, gpu, _ in seen if pid != os.getpid()}
    assert {gpu for _, gpu in children} == {"0", "1"}
    assert len(children) == 2
    assert {device for *_, device in seen} == {"cpu"}
