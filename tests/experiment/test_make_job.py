"""Every job can be made in a fresh process from the settings of its run and its key alone, and is then the same to the byte."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mirbench import cli, registry
from mirbench.engine.jobs import Part
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding import passes
from mirbench.experiment.resolve.resolve import settle
from mirbench.experiment.run import make_job, make_jobs, plan
from mirbench.settings.config import RunConfig, load_config

QUICK = ["options.semisupcon.steps=3", "corruptions=[white-noise, background-music]", "severities=[2]", "bootstrap.resamples=50"]
TELL_SECONDS = r"((^|/)report\.json|metrics\.jsonl|/encoder\.json|tfevents.*)$"
CODE = """
import json, sys
from pathlib import Path
from mirbench.experiment.run import make_job
from mirbench.settings.config import RunConfig
config, plugins, cache, key = json.loads(sys.argv[1])
make_job(RunConfig.model_validate(config), plugins, Path(cache), key)
"""

pytestmark = pytest.mark.usefixtures("built_in")


def made_again(config, plugins, cache, kinds):
    """By kind: (digests of what the run left, digests of what a fresh process makes); what tells seconds is left out."""
    nouns = registry.load(plugins)
    planned, store = plan(settle(config, nouns), nouns, cache), Store(cache)
    assert [job for job in planned.graph.missing(store) if job.kept] == []
    found = {}
    for kind in kinds:
        job = [job for job in planned.graph.jobs if job.kind == kind and store.has(*job.name)][-1]
        before = store.entry(*job.name).files
        store.remove(*job.name)
        told = json.dumps([config.model_dump(), plugins, str(cache), job.key])
        subprocess.run([sys.executable, "-c", CODE, told], check=True)
        after = store.entry(*job.name).files
        found[kind] = tuple({name: of for name, of in files.items() if not re.search(TELL_SECONDS, name)} for files in (before, after))
        assert found[kind][0], kind
    return found


def settings(folder: Path) -> RunConfig:
    """Those of a finished run."""
    return RunConfig.model_validate(json.loads((folder / "manifest.json").read_text())["config"])


@pytest.mark.slow
def test_predictions_and_scores_are_made_again_from_their_keys(tiny_run, tiny_plugin):
    cache, folder = tiny_run
    for kind, (before, after) in made_again(settings(folder), [str(tiny_plugin)], cache, ("predictions", "scores")).items():
        assert before == after, kind


def test_what_a_pretrained_checkpoint_needs_is_planned_alone(songs_run):
    """As `mirbench pretrain` plans it: its key is that of the checkpoint, and it is there."""
    _, cache, checkpoint, _ = songs_run
    (title,) = [entry.title for entry in Store(cache).entries("checkpoints") if entry.key == checkpoint.name]
    assert title == "simclr, seed 0"
    files = [
        "options.simclr={steps: 2, batch_views: 8, view_seconds: 0.4, backbone: samplecnn}",
        f"datasets=[{songs_run[0] / 'songs.csv'}]",
    ]
    outcome = make_jobs(load_config([], [*files, "encoders=[simclr]"]), [], cache, None, "simclr", [checkpoint.name])
    assert (outcome.seconds, outcome.raised) == ({}, {})


def test_a_key_of_no_job_is_a_sentence(tiny_run, tiny_plugin):
    cache, folder = tiny_run
    with pytest.raises(MirbenchError, match=r"^the run has no job with the key 0123; its data, its plugins or mirbench may have changed "):
        make_job(settings(folder), [str(tiny_plugin)], cache, "0123")


def test_a_pass_that_several_share_makes_the_same(songs_run, monkeypatch):
    """Of three chunks of clips, in two parts, as two machines would; the first chunk is there from a division in three."""
    _, cache, _, folder = songs_run
    config, nouns = settings(folder), registry.load()
    planned, store = plan(settle(config, nouns), nouns, cache), Store(cache)
    (job,) = [job for job in planned.graph.of_kinds(["embeddings"]) if job.title.startswith("untrained, ") and job.title.endswith(" test")]
    before = store.entry(*job.name).files
    store.remove(*job.name)
    monkeypatch.setattr(passes, "CHUNK_SECONDS", 100.0)  # of clips that do not say how long they are
    chunks = passes.chunks_of(job.batch.resolved.data[job.batch.dataset].of(job.batch.split))
    assert job.batch.most_parts() == len(chunks) == 3
    made, embed = [], passes.embed_passes
    monkeypatch.setattr(passes, "embed_passes", lambda *about: (made.append(rows.chunk.begin) or rows for rows in embed(*about)))
    for part in (Part(0, 3), Part(0, 2), Part(1, 2)):
        assert make_jobs(config, [], cache, None, None, [job.key], part).raised == {}
        assert not store.has(*job.name)
    assert made == [chunk.begin for chunk in (chunks[0], chunks[2], chunks[1])]
    monkeypatch.setattr(passes, "embed_passes", None)  # nothing is left to embed
    assert make_jobs(config, [], cache, None, None, [job.key]).raised == {}
    assert store.entry(*job.name).files == before
    assert not store.unfinished(job.key).exists()


@pytest.mark.slow
def test_every_kind_of_job_of_the_quick_configuration_is_made_in_a_fresh_process(tmp_path):
    command = ["run", "--config", "quick", "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results"), "--quiet"]
    assert cli.main([*command, *(word for setting in QUICK for word in ("--set", setting))]) == 0
    config = load_config([Path("quick")], [*QUICK, f"output={tmp_path / 'results'}"])
    nouns = registry.load()
    kinds = list(dict.fromkeys(job.kind for job in plan(settle(config, nouns), nouns, tmp_path / "cache").graph.jobs))
    assert set(kinds) == {
        "datasets", "checkpoints", "embeddings", "probes", "predictions", "scores", "corrupted-embeddings", "corrupted-predictions",
        "decisions", "similarities", "maps", "costs",
    }  # fmt: skip
    compared = [kind for kind in kinds if kind != "costs"]  # which are measured anew
    for kind, (before, after) in made_again(config, [], tmp_path / "cache", compared).items():
        assert before == after, kind
