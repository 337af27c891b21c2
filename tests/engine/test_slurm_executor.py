"""The executor of a cluster against one that stands in for it in this process."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mirbench.engine.executor import LocalExecutor, make_several
from mirbench.engine.jobs import Cost, Graph, Job
from mirbench.engine.machine import Decided
from mirbench.engine.slurm import queue, submitting, waiting
from mirbench.engine.slurm.executor import SlurmExecutor
from mirbench.engine.slurm.node import CONTINUES, PackOnNode
from mirbench.engine.slurm.profile import Profile
from mirbench.engine.slurm.queue import Full, State, Unanswered
from mirbench.engine.slurm.submission import Submission, counts, find
from mirbench.engine.store import Store
from mirbench.errors import Detached, MirbenchError

DECIDED = Decided("cpu", False, "a processor")


@dataclass
class Cluster:
    """Each look at its queue lets one task run whose dependencies have ended. ended: how a task is to end without an answer, by its number;
    most: how many tasks it takes at a time; silent: looks that get no answer."""

    ended: dict[str, str] = field(default_factory=dict)
    most: int = 10_000
    silent: int = 0
    tasks: dict[str, object] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    after: dict[str, list[str]] = field(default_factory=dict)
    answers: dict[str, object] = field(default_factory=dict)
    asked: list = field(default_factory=list)

    def submit(self, submission, called, array, profile, after=(), on_step=True):
        if sum(state.lives for state in self.states.values()) + len(called) > self.most:
            raise Full("QOSMaxSubmitJobPerUserLimit")
        self.asked.append(array)
        number = str(len(self.asked))
        numbers = [number] if len(called) == 1 else [f"{number}_{n}" for n in range(len(called))]
        for each, function in zip(numbers, called, strict=True):
            self.tasks[each], self.states[each], self.after[each] = function, State("PENDING", "Dependency" if after else ""), list(after)
        return numbers

    def look(self, name):
        if self.silent:
            self.silent -= 1
            raise Unanswered("slurmctld is down")
        shown = dict(self.states)
        for number, state in self.states.items():
            waits = any(other.split("_")[0] in self.after[number] and self.states[other].lives for other in self.states)
            if state.lives and not waits and isinstance(self.tasks[number], PackOnNode):
                self.states[number] = State(self.ended.pop(number, "COMPLETED"))
                if self.states[number].word == "COMPLETED":
                    self.answers[number] = self.tasks[number]()
                break
        return shown


@pytest.fixture
def cluster(monkeypatch):
    cluster = Cluster()
    monkeypatch.setattr(submitting, "submit", cluster.submit)
    monkeypatch.setattr(submitting, "answer_of", lambda logs, number, processes: cluster.answers.get(number))
    monkeypatch.setattr(queue, "states", cluster.look)
    monkeypatch.setattr(queue, "array_limit", lambda: 1001)
    monkeypatch.setattr(queue, "time_limit", lambda partition: 120.0)
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr("mirbench.engine.slurm.node.keep_memory", lambda: None)
    return cluster


@dataclass
class Kitchen:
    """made: titles, as often as they were made. fails: titles of jobs that raise."""

    store: Store
    made: list[str] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)

    def job(self, title, needs=(), seconds=3600.0, **about):
        def make(folder: Path) -> None:
            self.made.append(title)
            if title in self.fails:
                raise self.fails[title]
            (folder / "x").write_text(title)

        return Job(about.pop("kind", "dishes"), title, {"title": title}, make, tuple(needs), Cost(seconds), **about)

    def executor(self, graph, profile=None, **about):
        submission = Submission(self.store.root / "slurm" / "cake-123456")
        with submission.changing():
            if not submission.tasks:
                submission.begin("mirbench run --executor slurm")
        made = SlurmExecutor(
            self.store,
            0.0,
            lambda keys, part: make_several(graph, keys, self.store, part),
            profile or Profile(),
            DECIDED,
            submission,
            ["run"],
        )
        return replace(made, **about)


@pytest.fixture
def kitchen(tmp_path):
    return Kitchen(Store(tmp_path))


def cake(kitchen):
    flour, eggs = kitchen.job("flour"), kitchen.job("eggs", kind="boxes")
    dough = kitchen.job("dough", [flour, eggs])
    return Graph([flour, eggs, dough, kitchen.job("bread", [dough]), kitchen.job("cake", [dough])])


def test_all_is_made_once_after_what_it_needs(kitchen, cluster):
    graph = cake(kitchen)
    outcome = kitchen.executor(graph).run(graph)
    assert kitchen.made == ["flour", "eggs", "dough", "bread", "cake"]
    assert graph.missing(kitchen.store) == []
    assert set(outcome.seconds) == {"boxes: eggs", *(f"dishes: {title}" for title in ("flour", "dough", "bread", "cake"))}
    assert [len(array.packs) for array in cluster.asked] == [2, 1, 2]
    again = kitchen.executor(graph)
    again.run(graph)
    assert len(cluster.asked) == 3  # nothing is submitted for what is there


def test_what_is_there_is_not_submitted(kitchen, cluster):
    graph = cake(kitchen)
    LocalExecutor(kitchen.store).run(Graph(graph.jobs[:3]))
    kitchen.made.clear()
    kitchen.executor(graph).run(graph)
    assert kitchen.made == ["bread", "cake"]
    assert [len(array.packs) for array in cluster.asked] == [2]


def test_what_leaves_no_answer_is_submitted_again(kitchen, cluster, capsys, monkeypatch):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    graph = cake(kitchen)
    cluster.ended["2"] = "NODE_FAIL"
    kitchen.executor(graph).run(graph)
    assert Counter(kitchen.made) == dict.fromkeys(["flour", "eggs", "dough", "bread", "cake"], 1)
    assert "job 2 ended without an answer (NODE_FAIL); what it was to make is submitted again." in capsys.readouterr().err


def test_what_leaves_no_answer_three_times_is_told_with_its_log_and_what_would_help(kitchen, cluster):
    graph = Graph([kitchen.job("cake")])
    cluster.ended |= dict.fromkeys("123", "OUT_OF_MEMORY")
    executor = kitchen.executor(graph)
    logs = executor.submission.logs
    logs.mkdir(parents=True)
    (logs / "3_0_log.err").write_text("reading\n\nKilled\n")
    with pytest.raises(MirbenchError) as told:
        executor.run(graph)
    assert str(told.value) == (
        f"dishes cake, job 3, ended 3 times without an answer (OUT_OF_MEMORY); raise slurm.memory_gb.\nThe end of its log in {logs}:\n"
        f"    reading\n    Killed\nAlone, on this machine: mirbench make cake-123456 {graph.jobs[0].key} --cache {kitchen.store.root}"
    )


def test_what_somebody_cancelled_is_not_submitted_again(kitchen, cluster):
    graph = Graph([kitchen.job("cake")])
    cluster.ended["1"] = "CANCELLED"
    with pytest.raises(
        MirbenchError, match=r"^dishes cake, job 1, ended without an answer \(CANCELLED\); run the same command again to go on\."
    ):
        kitchen.executor(graph).run(graph)


def test_a_failure_is_told_when_the_others_are_done(kitchen, cluster):
    graph = cake(kitchen)
    kitchen.fails["bread"] = ZeroDivisionError("no oven")
    executor = kitchen.executor(graph)
    with pytest.raises(MirbenchError) as told:
        executor.run(graph)
    assert kitchen.made == ["flour", "eggs", "dough", "bread", "cake"]
    assert str(told.value) == (
        "dishes bread failed on the cluster: ZeroDivisionError: no oven.\n"
        f"Alone, on this machine: mirbench make cake-123456 {graph.jobs[3].key} --cache {kitchen.store.root}"
    )
    kitchen.fails.clear()
    with executor.submission.changing():
        executor.submission.begin("again")
    kitchen.executor(graph).run(graph)
    assert kitchen.made[5:] == ["bread"]


def test_a_sentence_of_ours_comes_as_it_is(kitchen, cluster):
    graph = Graph([kitchen.job("cake")])
    kitchen.fails["cake"] = MirbenchError("the oven is off; turn it on.")
    with pytest.raises(MirbenchError, match=r"^dishes cake failed on the cluster: the oven is off; turn it on\.\nAlone, on this machine: "):
        kitchen.executor(graph).run(graph)


@dataclass(eq=False)
class Faulty:
    """A batch, half of which cannot be made."""

    def make(self, jobs, store):
        for job in jobs:
            if job.title != "burnt":
                with store.writing(job.kind, job.key, job.title, job.parts) as folder:
                    (folder / "x").write_text(job.title)
        return {job.key: ValueError("burnt") for job in jobs if job.title == "burnt"}


def test_what_a_batch_could_not_make_comes_back_and_what_needs_it_is_left_out(kitchen, cluster):
    batch = Faulty()
    jobs = [Job("dishes", title, {"title": title}, None, batch=batch) for title in ("good", "burnt")]
    graph = Graph([*jobs, kitchen.job("plate", jobs[:1]), kitchen.job("bin", jobs[1:])])
    outcome = kitchen.executor(graph).run(graph)
    assert list(outcome.failed) == [jobs[1].key]
    assert kitchen.made == ["plate"]
    assert len(cluster.asked) == 1 + 1  # the plate is not short, and so waits for the batch; nothing comes again


def test_a_site_that_takes_few_jobs_is_given_few_at_a_time(kitchen, cluster):
    cluster.most = 5
    graph = Graph([kitchen.job(str(n)) for n in range(12)])
    kitchen.executor(graph).run(graph)
    assert sorted(kitchen.made, key=int) == [str(n) for n in range(12)]
    assert max(len(array.packs) for array in cluster.asked) <= 5


def test_a_site_that_takes_none_is_a_sentence(kitchen, cluster):
    cluster.most = 0
    graph = Graph([kitchen.job("cake")])
    with pytest.raises(
        MirbenchError, match=r"^the site takes no more jobs of yours now \(QOSMaxSubmitJobPerUserLimit\); run the same command again "
    ):
        kitchen.executor(graph).run(graph)


def test_a_silence_of_slurm_is_waited_out_and_a_long_one_is_told(kitchen, cluster, monkeypatch):
    graph = Graph([kitchen.job("cake")])
    cluster.silent = 5
    kitchen.executor(graph).run(graph)
    assert kitchen.made == ["cake"]
    monkeypatch.setattr(waiting, "SILENCE_SECONDS", 0.0)
    other = Graph([kitchen.job("pie")])
    executor = kitchen.executor(other)
    executor.run(Graph([]))
    cluster.silent = 10**6
    with pytest.raises(
        MirbenchError, match=r"^Slurm does not answer \(slurmctld is down\); what is submitted goes on without this process: "
    ):
        executor.run(other)


def test_what_can_never_start_is_cancelled_and_told(kitchen, cluster, monkeypatch):
    cancelled = []
    monkeypatch.setattr(queue, "cancel", cancelled.append)
    monkeypatch.setattr(cluster, "look", lambda name: {"1": State("PENDING", "BadConstraints")})
    monkeypatch.setattr(queue, "states", cluster.look)
    graph = Graph([kitchen.job("cake")])
    with pytest.raises(MirbenchError, match=r"^job 1 can never start \(BadConstraints\), and is cancelled with all that was submitted; "):
        kitchen.executor(graph).run(graph)
    assert cancelled == ["mirbench-cake-123456"]


def test_no_more_time_is_asked_for_than_the_partition_gives(kitchen, cluster):
    graph = Graph([kitchen.job("cake", seconds=1e6)])
    kitchen.executor(graph).run(graph)
    assert [array.minutes for array in cluster.asked] == [120]


def test_who_detaches_leaves_one_job_that_goes_on(kitchen, cluster, monkeypatch):
    graph = cake(kitchen)
    executor = kitchen.executor(graph, Profile(detach=True))
    with pytest.raises(Detached, match=r"^submitted as cake-123456: `mirbench status cake-123456` tells where it is, "):
        executor.run(graph)
    assert executor.submission.continuation == "4"
    assert cluster.after["4"] == ["1", "2", "3"]
    with pytest.raises(Detached):  # the same command again, meanwhile
        kitchen.executor(graph, Profile(detach=True)).run(graph)
    assert len(cluster.asked) == 4
    for _ in range(8):
        cluster.look("")
    assert len(kitchen.made) == 5
    monkeypatch.setenv(CONTINUES, "4")
    kitchen.executor(graph, Profile(detach=True)).run(graph)
    assert len(cluster.asked) == 4


def test_what_does_not_stay_is_removed_at_the_end(kitchen, cluster):
    crumbs = kitchen.job("crumbs", kept=False, kind="crumbs")
    graph = Graph([crumbs, kitchen.job("cake", [crumbs])])
    kitchen.executor(graph).run(graph)
    assert not kitchen.store.has(*crumbs.name)
    assert kitchen.store.has(*graph.jobs[1].name)


def test_the_machine_that_was_decided_travels_with_a_pack_and_a_stop_is_an_exit(kitchen, monkeypatch):
    import signal

    from mirbench.engine.interrupts import Stopped
    from mirbench.engine.machine import core_count, decided

    seen, asked = [], []

    def make(keys, part):
        seen.append((decided(), os.environ.get("SLURM_NTASKS"), core_count()))
        os.kill(os.getpid(), signal.SIGUSR1)
        raise AssertionError("the signal came too late")

    monkeypatch.setattr("mirbench.engine.slurm.node.keep_memory", lambda: None)
    monkeypatch.setattr("mirbench.engine.slurm.node.subprocess.run", lambda command, check: asked.append(command))
    for name, value in {"SLURM_JOB_ID": "17", "SLURM_NTASKS": "1", "SLURM_CPUS_PER_TASK": "1"}.items():
        monkeypatch.setenv(name, value)
    other = Decided("cpu", True, "another")
    for restarts, expected in (("0", [["scontrol", "requeue", "17"]]), ("3", [])):
        monkeypatch.setenv("SLURM_RESTART_COUNT", restarts)
        asked.clear()
        with pytest.raises(SystemExit) as left:
            PackOnNode(make, ("k",), other, 0, requeues=3)()
        assert left.value.code == 128 + signal.SIGUSR1
        assert isinstance(left.value.__cause__, Stopped)
        assert asked == expected
    assert seen == [(other, None, 1)] * 2
    assert os.environ["SLURM_NTASKS"] == "1"
    assert decided() is None


def test_a_pack_that_cannot_even_plan_answers_for_each_of_its_jobs(monkeypatch):
    def make(keys, part):
        raise MirbenchError("the data are gone.")

    monkeypatch.setattr("mirbench.engine.slurm.node.keep_memory", lambda: None)
    answer = PackOnNode(make, ("a", "b"), DECIDED, 0, 3)()
    assert {key: told.sentence for key, told in answer.raised.items()} == {"a": "the data are gone.", "b": "the data are gone."}


def test_counts_tell_what_is_made_runs_waits_and_is_lost(kitchen, cluster):
    graph = cake(kitchen)
    executor = kitchen.executor(graph, Profile(detach=True))
    with pytest.raises(Detached):
        executor.run(graph)
    cluster.states |= {"1_1": State("RUNNING"), "2": State("FAILED")}
    found = counts(find(kitchen.store.root, "cake-123456"), cluster.states)
    assert [(each.kind, each.jobs, each.made, each.running, each.waiting, each.lost) for each in found] == [
        ("dishes", 4, 1, 0, 2, 1), ("boxes", 1, 0, 1, 0, 0)
    ]  # fmt: skip
