"""The graph of a run, built from a record that is written by hand: no registry, no disk; and what `--plan` says of it."""

from __future__ import annotations

import builtins
import dataclasses
import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import mirbench
from mirbench.engine.jobs import Cost
from mirbench.engine.side_by_side import is_single
from mirbench.engine.store import Store, key_of
from mirbench.evaluation.probing.scoring import task_data
from mirbench.experiment.planning import costs
from mirbench.experiment.planning.graph import build
from mirbench.experiment.planning.plan import describe_plan, seconds_of
from mirbench.experiment.resolve.data import _stamp
from mirbench.experiment.resolve.records import ChosenProbe, Code, Data, Entry, Machine, PretrainingData, Resolved, Skip
from mirbench.records import STAGES, Clip, Condition, Input
from mirbench.settings.config import RunConfig

CONDITIONS = {"hiss": (Condition("hiss", 1, 20.0, "dB"), Condition("hiss", 2, 10.0, "dB")), "up": (Condition("up", 1, 1.0, "semitones"),)}
PART = {"code": "0", "versions": {"numpy": "2"}}


class Songs(mirbench.Dataset):
    name, annotations = "songs", ("genre", "key")
    made = True

    def prepare(self, folder):
        raise AssertionError("nothing is made")


class Learner(mirbench.Encoder):
    name, trainable, seeded = "learner", True, True


class Loud(mirbench.Encoder):
    name = "loud"


class Genre(mirbench.Task):
    name = annotation = "genre"
    metrics = ("accuracy",)


class Key(mirbench.Task):
    name = annotation = "key"
    metrics = ("accuracy",)


def clip(number: int, split: str) -> Clip:
    labels = {"genre": "ab"[number % 2], "key": "cd"[number // 2 % 2]}
    return Clip(f"{split} {number}", Path(f"{number}.wav"), split, f"{split} {number}", duration=8.0, annotations=labels)


def record(root: Path, **changed) -> Resolved:
    clips = tuple(clip(n, split) for split in ("train", "valid", "test") for n in range(4))
    data = Data(Songs(), root / "datasets" / "x", {"name": "songs"}, True, "0123", clips, tuple(f'"{c.id}"\n0' for c in clips))
    entries = (Entry("learner", Learner(), {"steps": 5}, "encoder", (0, 1)), Entry("loud", Loud(), {}, "floor", (0,)))
    tasks = (Genre(), Key())
    usual = Resolved(
        config=RunConfig(corruptions=["hiss", "up"]),
        store=Store(root),
        machine=Machine(),
        entries=entries,
        data={"songs": data},
        scored=("songs",),
        tasks=tasks,
        code=Code(
            kinds=dict.fromkeys(("embeddings", "probes", "predictions", "scores", "overlaps", "costs", "maps"), PART),
            pretraining={"learner": PART},
            embedding={"learner": PART, "loud": PART},
            tasks={"genre": PART, "key": PART},
            headlines={"genre": PART, "key": PART},
            corruptions={"hiss": PART, "up": PART},
        ),
        pretraining=(PretrainingData(data.noun),),
        labels={("songs", task.name): task_data(task, clips) for task in tasks},
        conditions=CONDITIONS,
        skips=(Skip("key", "up", "it changes the pitch"),),
        baseline="loud",
    )
    return dataclasses.replace(usual, **changed)


def counted(resolved: Resolved) -> Counter[str]:
    return Counter(job.kind for job in build(resolved).graph.jobs)


def test_the_graph_is_built_without_registry_or_disk(tmp_path, monkeypatch):
    resolved = record(tmp_path)

    def forbidden(*_, **__):
        raise AssertionError("the disk was touched")

    with monkeypatch.context() as patch:
        for name in ("stat", "listdir", "scandir", "mkdir", "open"):
            patch.setattr(os, name, forbidden)
        patch.setattr(builtins, "open", forbidden)
        kinds = counted(resolved)
    scored = 3 * (2 * 2 + 1)  # encoder and seed, by (hiss on both tasks at two severities, up on genre alone)
    assert kinds == {
        "datasets": 1, "checkpoints": 2, "embeddings": 9, "probes": 6, "predictions": 6, "corrupted-embeddings": 9,
        "corrupted-predictions": scored, "scores": 6 + scored, "costs": 2, "maps": 2,
    }  # fmt: skip
    assert not any(tmp_path.iterdir())


def test_jobs_need_what_they_are_made_of(tmp_path):
    run = build(record(tmp_path))
    score = run.clean.scores["learner", "songs", "genre", 1]
    (predictions,) = score.needs
    probe, test = predictions.needs
    assert (probe.kind, test.kind, test.title) == ("probes", "embeddings", "learner, seed 1, songs test")
    assert [job.title for job in probe.needs] == ["learner, seed 1, songs train", "learner, seed 1, songs valid"]
    assert [job.kind for job in test.needs] == ["datasets", "checkpoints"]
    assert {job.kind for job in run.graph.jobs if not job.kept} == {"corrupted-embeddings", "corrupted-predictions"}
    splits = {job.batch.split for job in run.graph.jobs if job.batch is not None and job.kind != "maps"}
    assert splits == {"train", "valid", "test"}
    assert len({job.batch for job in run.graph.jobs if job.kind == "embeddings"}) == 3


@pytest.mark.parametrize(
    ("setting", "again"),
    [
        ({"bootstrap": {"resamples": 7}}, {"scores"}),
        (
            {"embedding": {"dtype": "float16"}},
            {"embeddings", "corrupted-embeddings", "probes", "predictions", "corrupted-predictions", "scores", "maps"},
        ),
        ({"batch_size": 32}, {"embeddings", "corrupted-embeddings", "probes", "predictions", "corrupted-predictions", "scores", "maps"}),
        ({"maps": {"perplexity": 10.0}}, {"maps"}),
        ({"robustness": {"replicate": 1}}, {"corrupted-embeddings", "corrupted-predictions", "scores"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_setting_makes_anew_what_reads_it_alone(tmp_path, setting, again):
    usual = {job.key for job in build(record(tmp_path)).graph.jobs}
    config = RunConfig.model_validate({"corruptions": ["hiss", "up"], **setting})
    assert {job.kind for job in build(record(tmp_path, config=config)).graph.jobs if job.key not in usual} == again


def test_what_encoders_cost_is_measured_last_on_each_device_and_moves_no_key_of_a_run(tmp_path):
    run = build(record(tmp_path))
    assert [job.kind for job in run.graph.jobs[-2:]] == ["costs", "costs"]
    assert not any(is_single(job) for job in run.graph.jobs[-2:])  # whose times would be those of a busy machine
    assert [job.kind for job in run.costs["learner"].needs] == ["checkpoints"]
    other = build(record(tmp_path, machine=Machine(name="another processor")))
    assert {job.kind for job in other.graph.jobs if job.key not in {job.key for job in run.graph.jobs}} == {"costs"}
    assert other.key == run.key


def test_another_probe_makes_anew_what_follows_from_it(tmp_path):
    before = record(tmp_path)
    usual = {job.key for job in build(before).graph.jobs}
    other = tuple(dataclasses.replace(entry, probe=ChosenProbe(mirbench.Probe("mlp"))) for entry in before.entries)
    again = {job.kind for job in build(record(tmp_path, entries=other)).graph.jobs if job.key not in usual}
    assert again == {"probes", "predictions", "corrupted-predictions", "scores"}


def made(run) -> None:
    """As if all had been."""
    for job in run.graph.jobs:
        with run.resolved.store.writing(job.kind, job.key, job.title, job.parts):
            pass


@pytest.mark.parametrize(("hop", "each"), [(None, 0.1), (2.5, 0.4)])
def test_a_plan_takes_what_an_earlier_run_measured(tmp_path, hop, each):
    def planned(about=None):
        run = build(record(tmp_path))
        for name in ("loud", "learner") if about is not None else ():
            with run.resolved.store.writing("costs", run.costs[name].key) as folder:
                (folder / "cost.json").write_text(json.dumps(about if name == "loud" else {"note": "it could not be measured"}))
        next(entry for entry in run.resolved.entries if entry.name == "loud").__dict__["input"] = Input(22_050, 10.0, hop)
        jobs = run.graph.of_kinds(["embeddings"])
        return [seconds_of(run, [job for job in jobs if job.title.startswith(name)]) for name in ("loud", "learner")]

    assert planned({}) == planned()
    shutil.rmtree(tmp_path / "costs")
    before, after = planned(), planned({"clips_per_second": 0.5, "window_seconds": 10.0})  # by one thread, where a plan is of two
    assert after[0] - before[0] == pytest.approx(3 * 4 * 8.0 * (each - 0.0005))
    assert after[1] == before[1]


def test_a_plan_is_at_most_25_lines_however_many_jobs(tmp_path):
    entries = tuple(Entry(f"learner-{n}", Learner(), {"steps": n}, "encoder", (0, 1, 2)) for n in range(20))
    code = record(tmp_path).code
    names = {entry.name: PART for entry in entries}
    resolved = record(tmp_path, entries=entries, code=dataclasses.replace(code, pretraining=names, embedding=names))
    run = build(resolved)
    lines = describe_plan(run).splitlines()
    assert len(run.graph.jobs) > 1000
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 140
    assert [line.split()[0] for line in lines[2:]] == [*STAGES, "corruptions:"]
    assert lines[-1] == "  corruptions: hiss, up at severity 1, 2"
    verbose = describe_plan(run, verbose=True).splitlines()
    assert len(verbose) == len(lines) + 1 + len(run.graph.jobs)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"versions": {"numpy": "3"}}, "numpy 2 -> 3"),
        ({"versions": {}}, "numpy 2 -> nothing"),
        ({"versions": {"numpy": "2", "task": {"code": "ab" * 32}}}, "task is new"),
        ({"code": "1"}, "its code has changed"),
    ],
)
def test_a_plan_says_why_something_is_done_again(tmp_path, changed, reason):
    made(build(record(tmp_path)))
    code = record(tmp_path).code
    code = dataclasses.replace(code, kinds={**code.kinds, "scores": {**PART, **changed}})
    text = describe_plan(build(record(tmp_path, code=code)))
    (line,) = [line for line in text.splitlines() if "anew" in line]
    assert "  what was made before stays in the cache" in text.splitlines()
    assert line == f"  anew: {reason}{' (scoring)' if 'code' in changed else ''} (21 jobs)"
    assert re.search(r"^  scoring +42 +21 +21 ", text, re.M)


def test_what_follows_from_another_job_has_its_reason(tmp_path):
    made(build(record(tmp_path)))
    code = record(tmp_path).code
    code = dataclasses.replace(code, pretraining={"learner": {**PART, "versions": {"numpy": "3"}}})
    lines = describe_plan(build(record(tmp_path, code=code))).splitlines()
    assert [line for line in lines if "anew" in line] == ["  anew: numpy 2 -> 3 (48 jobs)"]  # all of learner's and none of loud's


def test_nothing_to_do_is_said_so(tmp_path):
    run = build(record(tmp_path))
    made(run)
    head, *rest = describe_plan(run).splitlines()
    drawing = costs.reporting(run.resolved).seconds
    assert head == f"{len(run.graph.jobs)} jobs, 0 to do: about {drawing:.0f} s and 0 MB in {tmp_path}"
    assert not any("anew" in line for line in rest)
    assert rest[-1].split() == ["report", f"{drawing:.0f}", "s", "-"]


def test_a_report_that_is_drawn_takes_no_time(tmp_path, monkeypatch):
    run = build(record(tmp_path))
    made(run)
    asked = []
    monkeypatch.setattr("mirbench.results.run_folder.RunFolder.is_whole", lambda folder, key: key == run.key)
    monkeypatch.setattr("mirbench.reporting.up_to_date", lambda path, figures: not asked.append((path.name, figures)))
    head, *rest = describe_plan(run).splitlines()
    assert "0 to do: about 0 s and 0 MB" in head
    assert rest[-1].split() == ["report", "drawn", "-", "-"]
    assert asked == [(run.name, "text")]


def test_a_report_takes_the_longer_the_more_encoders_figures_and_corruptions(tmp_path):
    whole = record(tmp_path)
    fewer = [
        {"entries": whole.entries[:1]},
        {"conditions": {}},
        {"tasks": whole.tasks[:1]},
        {"config": RunConfig.model_validate({"maps": {"method": "none"}})},
    ]
    assert all(costs.reporting(record(tmp_path, **each)).seconds < costs.reporting(whole).seconds for each in fewer)


def test_a_probe_of_many_classes_takes_longer_than_one_of_few(tmp_path):
    def cost(classes: int) -> Cost:
        clips = tuple(
            dataclasses.replace(clip(n, split), annotations={"genre": f"class {n % classes}"})
            for split in ("train", "valid", "test") for n in range(1400)
        )  # fmt: skip
        data = Data(Songs(), tmp_path, {}, True, "", clips)
        return costs.probing(data, task_data(Genre(), clips), Genre(), Entry("loud", Loud(), {}, "encoder", (0,)))

    assert cost(700).seconds > 5 * cost(7).seconds
    assert np.isfinite(cost(700).seconds)


def test_the_decoded_audio_of_a_data_set_costs_once_for_all_that_are_pretrained_on_it(tmp_path):
    of_all = dict.fromkeys(("learner", "listener", "same"), PART)
    learning = dataclasses.replace(record(tmp_path).code, pretraining=of_all, embedding=of_all)

    class Quick(Learner):
        def cost(self, options):
            return 0.0, 0.0

    def cost(*entries):
        trainings = build(record(tmp_path, entries=entries, on_bands=("learner", "listener", "same"), code=learning)).graph.of_kinds(
            ["checkpoints"]
        )
        return [sum(job.cost.seconds for job in trainings), sum(job.cost.megabytes for job in trainings)]

    def entry(name, seeds, **options):
        return Entry(name, Quick(), {"steps": 5} | options, "encoder", seeds)

    one = cost(entry("learner", (0,)))
    assert one[1] == pytest.approx(4 * 8.0 * costs.MEL_MEGABYTES)
    assert cost(entry("learner", (0, 1, 2)), entry("listener", (0,), steps=6)) == pytest.approx(one)
    assert cost(entry("learner", (0,)), entry("same", (0,))) == pytest.approx(one), "one training under two names"
    waveforms = cost(entry("learner", (0,)), entry("listener", (0, 1), augment="waveform"))
    assert waveforms == pytest.approx([2 * one[0], one[1] + 4 * 8.0 * costs.WAVEFORM_MEGABYTES])


def test_the_key_of_data_is_that_of_all_clips_in_one_text(tmp_path, monkeypatch):
    monkeypatch.setattr("mirbench.engine.store.ROWS_AT_ONCE", 3)
    labels = [{"tags": ("slow", 'a "b"'), "genre": "é\n"}, {"key": "C", "key_unknown": ()}, {"pitch": 60, "tags_unknown": ("x",)}, {}]
    clips = tuple(Clip(f"{n}é", tmp_path / f"{n}.wav", ("train", "test")[n % 2], f"g{n}", n / 3, None, labels[n % 4]) for n in range(9))
    stamps = tuple(_stamp(clip, f"{tmp_path}/", True)[0] for clip in clips)
    data = Data(Songs(), tmp_path, {}, True, "0123", clips, stamps)
    for wanted, splits in (((), ("train",)), (("tags",), ("train", "test")), (("key", "pitch"), ("test",)), (None, ("train", "test"))):
        rows = [
            [c.id, c.path.name, [], c.split, c.group, c.start, c.duration,
             {n: list(v) if isinstance(v, tuple) else str(v) for n, v in c.annotations.items()
              if wanted is None or n.removesuffix("_unknown") in wanted}]
            for c in clips if c.split in splits
        ]  # fmt: skip
        assert data.key(wanted, splits) == key_of(data="0123", clips=rows)
