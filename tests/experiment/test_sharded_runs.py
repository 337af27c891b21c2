"""A run in parts: every job is one shard's, shards that cannot be gathered together are found out, and the parts are the whole run."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path

import pytest
from small import LOUD
from songs import songs
from test_build import record

from mirbench import cli
from mirbench.engine.executor import Outcome
from mirbench.engine.jobs import Graph
from mirbench.engine.merging import merge
from mirbench.engine.shards import Shard
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.experiment import shards
from mirbench.experiment.planning.graph import build
from mirbench.experiment.resolve.records import Machine
from mirbench.experiment.shard_notes import NOTES, compare_shards, forget_shards, note_shard
from mirbench.experiment.shards import deal, describe_part
from mirbench.settings.config import RunConfig


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_job_is_of_one_shard_and_a_probe_is_with_its_scores(tmp_path, count):
    planned = build(record(tmp_path))
    dealt = deal(planned, Shard(1, count))
    parts = [{job.name for job in dealt.of(Shard(number, count))} for number in range(1, count + 1)]
    all_shared = {job.name for job in planned.graph.jobs if job.kind not in ("datasets", "costs")}
    assert set().union(*parts) == all_shared
    assert sum(map(len, parts)) == len(all_shared)
    for job in planned.graph.jobs:
        if job.kind in ("predictions", "corrupted-predictions", "scores"):
            follows = [need for need in job.needs[:1] if job.kind != "corrupted-predictions"]
            assert {dealt.shards[need.name] for need in (*follows, *(n for n in job.needs if not n.kept))} == {dealt.shards[job.name]}


def test_corruptions_are_dealt_out_and_their_keys_stay(tmp_path):
    whole, in_parts = (build(record(tmp_path), passes) for passes in (1, 2))
    assert {job.name for job in whole.graph.jobs} == {job.name for job in in_parts.graph.jobs}
    for planned, passes in ((whole, 1), (in_parts, 2)):
        assert len({job.batch for job in planned.graph.jobs if job.kind == "corrupted-embeddings"}) == passes


def test_a_plan_says_what_is_of_the_shard(tmp_path):
    planned = build(record(tmp_path))
    told = [describe_part(planned, Shard(number, 3)) for number in (1, 2, 3)]
    assert sum(int(line.split()[2]) for line in told) == len(planned.graph.jobs) - 3  # without the data set and two costs
    assert told[0].startswith("shard 1/3: ")


def on(resolved, **machine):
    return dataclasses.replace(resolved, machine=Machine(**machine))


def test_shards_of_other_devices_are_refused_and_told_to_who_gathers(tmp_path, capsys):
    here = record(tmp_path)
    note_shard(here, "key", Shard(1, 3))
    note_shard(here, "key", Shard(1, 3))
    note_shard(here, "key", Shard(2, 3))
    assert capsys.readouterr().err == ""
    for machine, words in (({"device": "cuda"}, "cuda without native"), ({"bfloat16": True}, "cpu with native")):
        about = (
            "shard 1/3 and shard 2/3 of this run were made on cpu without native bfloat16, and this machine computes on "
            f"{words} bfloat16, which gives results of their own"
        )
        with pytest.raises(MirbenchError) as refused:
            note_shard(on(here, **machine), "other key", Shard(3, 3))
        assert str(refused.value).startswith(
            f"{about}; give all shards the same --device, on machines of one kind, or, where what was made "
        )
        compare_shards(on(here, **machine), "other key")
        assert capsys.readouterr().err.startswith(f"mirbench: {about}: they are not gathered, but made again. ")
    assert len(list(here.store.entries(NOTES))) == 2


def test_shards_of_other_data_are_told_and_those_of_another_run_are_not(tmp_path, capsys):
    here = record(tmp_path)
    note_shard(here, "key", Shard(1, 2))
    note_shard(here, "new key", Shard(1, 2))  # the same shard again, with new data
    assert capsys.readouterr().err == ""
    note_shard(here, "new key", Shard(2, 2))
    assert capsys.readouterr().err.startswith("mirbench: shard 1/2 of this run had other data, plugins or versions of packages ")
    other = dataclasses.replace(here, config=here.config.model_copy(update={"seeds": 5}))
    note_shard(on(other, device="cuda"), "key", Shard(2, 2))
    elsewhere = dataclasses.replace(here, config=here.config.model_copy(update={"device": "cpu", "output": "x"}))
    assert capsys.readouterr().err == ""
    forget_shards(elsewhere)
    assert [entry.parts["device"] for entry in here.store.entries(NOTES)] == ["cuda"]


def command(*more):
    Path("loud.py").write_text(LOUD)
    words = ["run", "--plugin", "loud.py", "--encoder", "loud", "--dataset", "songs.csv", "--tasks", "genre", "--set", "floors=none"]
    return [*words, "--corruptions", "white-noise,low-pass", "--severities", "1", "--set", "bootstrap.resamples=50", "--debug", *more]


class Writing:
    """An executor that makes empty entries."""

    def __init__(self, store):
        self.store, self.made = store, []

    def run(self, graph, outcome=None, read=()):
        for job in graph.missing(self.store):
            self.made.append(job)
            with self.store.writing(*job.name):
                pass


@pytest.fixture
def shard_of(tmp_path, monkeypatch):
    """Makes a shard of three of a hand-written run, in a cache of its own, whose executor is `executors` of its number."""
    monkeypatch.setattr("mirbench.engine.store.sync", lambda path: None)
    executors = {number: Writing(Store(tmp_path / str(number))) for number in range(1, 4)}

    def made(number):
        planned = build(record(tmp_path / str(number)))
        executor = executors[number]
        executor.run(Graph(planned.preparations))
        monkeypatch.setattr(shards, "begin", lambda *_: (planned, executor, Outcome()))
        monkeypatch.setattr(shards, "finish", lambda *_: tmp_path / "run")
        return shards.run_shard(RunConfig(), None, None, Shard(number, 3), "", None)

    made.executors = executors
    return made


def test_what_waits_for_others_is_left_with_a_sentence_and_the_last_shard_gathers(shard_of, tmp_path):
    said, turns = [], 0
    while not (said and said[-1] is None) and turns < 6:
        turns += 1
        for number in (3, 1, 2):
            try:
                folder, sentence = shard_of(number)
            except MirbenchError as error:
                folder, sentence = None, str(error)
            said.append(None if folder else sentence)
            if folder:
                break
        for one, other in itertools.permutations(shard_of.executors.values(), 2) if not folder else ():
            merge(one.store, other.store)
    assert folder == tmp_path / "run"
    assert 1 < turns < 6
    left = r"^shard 3/3 has made what it can; \d+ of its jobs wait for what is not in .*/3 yet: .* of .* for .* of .*\. Run shards? ./3 "
    assert re.match(left + "(and ./3 )?with this cache, or merge theirs into it with `mirbench cache merge`; then give", said[0])
    done = r"^shard ./3 is done; \d+ jobs of shards? ./3 (and ./3 )?are not in .* yet\. Run those with this cache, or merge theirs into it "
    assert any(re.match(done, text) for text in said[:-1])
    made = [job.name for executor in shard_of.executors.values() for job in executor.made if job.kind != "datasets"]
    assert len(made) == len(set(made))
    assert {job.kind for job in build(record(tmp_path)).graph.jobs} - {kind for kind, _ in made} == {"datasets", "costs"}


def test_a_cluster_shares_out_itself():
    with pytest.raises(MirbenchError, match=r"^--shard is for machines without slurm, which shares a run out itself; "):
        shards.run_shard(RunConfig(executor="slurm"), None, None, Shard(1, 2), "", None)


def test_a_job_that_nobody_makes_ends_a_shard(shard_of):
    shard_of.executors[1].run = lambda graph, *_: None
    with pytest.raises(MirbenchError, match=r" still not done, the first "):
        shard_of(1)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False], ids=["one cache", "caches that are merged"])
def test_shards_give_the_scores_of_the_whole_run(tmp_path, monkeypatch, capsys, built_in, unmeasured, shared):
    monkeypatch.chdir(tmp_path)
    songs(tmp_path, 0.3)
    assert cli.main(command("--cache", "whole", "--output", "expected", "--quiet")) == 0
    turns = 0
    while not Path("results").exists() and turns < 8:
        for number in (2, 3, 1):
            code = cli.main(command("--cache", "cache" if shared else f"cache{number}", "--shard", f"{number}/3"))
            assert code in (0, 2)
            for other in (1, 2, 3) if not shared else ():
                if other != number:
                    assert cli.main(["cache", "merge", f"cache{number}", "--into", f"cache{other}"]) == 0
        turns += 1
    assert 1 < turns < 8
    (folder,), (expected,) = Path("results").iterdir(), Path("expected").iterdir()
    assert folder.name == expected.name

    def scores(run):
        lines = [line.split(",") for line in (run / "scores.csv").read_text().splitlines()]
        seconds = lines[0].index("seconds")
        return [[cell for place, cell in enumerate(line) if place != seconds] for line in lines]

    assert scores(folder) == scores(expected)
    assert not list(Store(tmp_path / ("cache" if shared else "cache1")).entries(NOTES))
    made = {
        name: {path.parent.name for path in Path(name).glob("scores/*/.entry.json")} for name in ("whole", "cache" if shared else "cache1")
    }
    assert len(made["whole"]) > 1
    assert len({*map(frozenset, made.values())}) == 1  # the same keys
    assert "damaged" not in capsys.readouterr().err
