"""Many at one store: processes of one machine, machines without locks, and a file system that shows late what others did."""

from __future__ import annotations

import collections
import errno
import functools
import multiprocessing
import os
import random
import tempfile
import time
from pathlib import Path

import pytest
from slow_disk import SlowDisk, Turns

from mirbench.engine import files
from mirbench.engine.executor import LocalExecutor
from mirbench.engine.files import disk
from mirbench.engine.jobs import Graph, Job
from mirbench.engine.store import Store, damage

TRIES = 4
IN_MEMORY = "/dev/shm"  # where there is one: many thousand files are made


class Kitchen:
    """A graph whose jobs read what they need, go on from what is unfinished, and note in `log` who makes them; the same for all machines.

    A dough; slices of it, made in one pass, that do not stay; meals of slices; a menu of all meals.
    """

    def __init__(self, root: Path, log: Path, machine: int, step=lambda: None) -> None:
        self.store, self.log, self.machine, self.step = Store(root), log, machine, step
        dough, crumb = self.job("dough", []), self.job("crumb", [], kept=False)
        slices = [self.job(f"slice{n}", [dough], batch=self, kept=False) for n in range(2)]
        meals = [self.job(f"meal{n}", [each, crumb], lock="oven") for n, each in enumerate(slices)]
        self.graph = Graph([dough, crumb, *slices, *meals, self.job("menu", [*meals, dough])])

    def job(self, title, needs, batch=None, kept=True, lock=""):
        kind = title.rstrip("0123456789")
        make = None if batch else functools.partial(self.write, title, needs)
        return Job(kind, title, {"title": title}, make, tuple(needs), batch=batch, kept=kept, lock=lock, key=f"{title}-key")

    def make(self, jobs, store):
        for job in jobs:
            with store.writing(job.kind, job.key, job.title, job.parts) as folder:
                self.write(job.title, job.needs, folder)
        return {}

    def write(self, title, needs, folder):
        self.note(f"begin {title}")
        unfinished = self.store.unfinished(f"{title}-key")
        unfinished.mkdir(parents=True, exist_ok=True)
        for line in ("one\n", "two\n"):
            with open(unfinished / "state", "a+") as state:
                state.seek(0)
                if line not in state.read():  # of one that was killed
                    state.write(line)
            self.step()
        read = [(self.store.folder(*need.name) / "x").read_text() for need in needs]
        self.step()
        (folder / "x").write_text(f"{title} of {' and '.join(read)}")
        (folder / "state").write_text((unfinished / "state").read_text())
        self.step()
        self.note(f"made {title}")

    def note(self, text):
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, f"{self.machine} {text}\n".encode())
        os.close(handle)

    def run(self):
        """As a run has it: what another has removed meanwhile is tried again."""
        executor = LocalExecutor(self.store)
        for _ in range(TRIES):
            executor.run(self.graph, read=[job for job in self.graph.jobs if job.kept])
            if not self.graph.missing(self.store):
                return
        raise AssertionError([job.title for job in self.graph.missing(self.store)])

    def check(self):
        """Everything is there, is right, and nothing else is left."""
        whole = {job.title: job for job in self.graph.jobs if job.kept}
        for job in whole.values():
            folder = self.store.folder(*job.name)
            assert damage(folder) == ""
            assert (folder / "x").read_text() == _expected(job)
            assert (folder / "state").read_text() == "one\ntwo\n"
        left = [path for path in self.store.root.rglob("*") if path.name.startswith(".part-") or path.name.endswith(".lock")]
        assert [path.name for path in left] in ([], ["in-use.lock"])
        assert list((self.store.root / "unfinished").glob("*")) == []

    def made(self):
        """How often each machine has made each job."""
        lines = [line.split(" ", 1) for line in self.log.read_text().splitlines()]
        return collections.Counter((int(machine), text.removeprefix("made ")) for machine, text in lines if text.startswith("made "))


def _expected(job):
    return f"{job.title} of {' and '.join(_expected(need) for need in job.needs)}"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("MIRBENCH_QUIET", "1")


def interleaved(folder, seed, monkeypatch):
    """Two or three machines at one store, with locks or without, now and then with a damaged entry or what a killed run left."""
    turns = Turns(seed)
    locks, machines = turns.random.random() < 0.5, turns.random.choice([2, 2, 3])
    root = folder / "cache"
    kitchens = [Kitchen(root, folder / "log", number, turns.step) for number in range(machines)]
    if turns.random.random() < 0.3:
        with kitchens[0].store.writing("dough", "dough-key", "dough", {"title": "dough"}) as part:
            (part / "x").write_text("dough of ")
            (part / "state").write_text("one\ntwo\n")
        (root / "dough" / "dough-key" / "x").write_text("dust of ")
    if turns.random.random() < 0.3:
        (root / "meal" / ".part-00000000-old").mkdir(parents=True)
        os.utime(root / "meal" / ".part-00000000-old", (1, 1))
    slow = SlowDisk(turns, root, locks)
    with monkeypatch.context() as patch:
        for name in ("stat", "rename", "unlink", "sync", "flock", "refresh"):
            patch.setattr(disk, name, getattr(slow, name), raising=False)
        patch.setattr(files, "PATIENCE_SECONDS", 0.0)
        for module in ("files", "store"):
            patch.setattr(f"mirbench.engine.{module}.temporary_folder", lambda: folder / f"tmp{turns.me.number}")
        faults = turns.run([kitchen.run for kitchen in kitchens])
    for fault in faults:
        raise fault
    kitchens[0].check()
    made = kitchens[0].made()
    if locks:
        titles = collections.Counter(title for _, title in made.elements())
        assert {title: count for title, count in titles.items() if count > 1} == {}
    kept = {job.title for job in kitchens[0].graph.jobs if job.kept}
    assert {at: count for at, count in made.items() if count > 1 and at[1] in kept} == {}
    return machines, locks


@pytest.mark.parametrize("seeds", [range(100), pytest.param(range(100, 1100), marks=pytest.mark.slow)], ids=["100", "1000"])
def test_in_whatever_order_all_is_made_and_right(monkeypatch, seeds):
    found = set()
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None) as folder:
            try:
                found.add(interleaved(Path(folder), seed, monkeypatch))
            except BaseException as error:
                error.add_note(f"seed {seed}")
                raise
    assert found == {(machines, locks) for machines in (2, 3) for locks in (True, False)}


def many(works):
    """In a process each, at once; what they raised ends in an exit code."""
    begin = multiprocessing.get_context("fork").Event()

    def at_once(work):
        begin.wait(30)
        work()

    processes = [multiprocessing.get_context("fork").Process(target=at_once, args=(work,)) for work in works]
    for process in processes:
        process.start()
    begin.set()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def a_moment():
    time.sleep(0.002)


def test_ten_processes_make_each_job_once(tmp_path):
    kitchens = [Kitchen(tmp_path / "cache", tmp_path / "log", number, a_moment) for number in range(10)]
    assert many([kitchen.run for kitchen in kitchens]) == [0] * 10
    kitchens[0].check()
    titles = collections.Counter(title for _, title in kitchens[0].made().elements())
    assert titles == {job.title: 1 for job in kitchens[0].graph.jobs}


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.ENOSYS], ids=["ENOLCK", "ENOSYS"])
def test_two_machines_without_locks_make_each_job_at_most_twice(tmp_path, monkeypatch, reason):
    """Each with a home and a temporary folder of its own, which can be locked, and three processes."""

    def flock(handle, how):
        if os.readlink(f"/proc/self/fd/{handle}").startswith(str(tmp_path / "cache")):
            raise OSError(reason, "no locks")
        locked(handle, how)

    locked = files.fcntl.flock
    monkeypatch.setattr(files.fcntl, "flock", flock)
    kitchens = [Kitchen(tmp_path / "cache", tmp_path / "log", number % 2, a_moment) for number in range(6)]

    def on_its_machine(kitchen):
        for name, folder in (("HOME", "home"), ("TMPDIR", "tmp")):
            os.environ[name] = str(tmp_path / f"{folder}{kitchen.machine}")
            Path(os.environ[name]).mkdir(exist_ok=True)
        tempfile.tempdir = None
        kitchen.run()

    assert many([functools.partial(on_its_machine, kitchen) for kitchen in kitchens]) == [0] * 6
    kitchens[0].check()
    kept = {job.title for job in kitchens[0].graph.jobs if job.kept}
    made = {at: count for at, count in kitchens[0].made().items() if at[1] in kept}
    assert {title for _, title in made} == kept
    assert set(made.values()) == {1}  # of each machine


def test_processes_that_are_killed_at_any_moment_leave_what_the_next_goes_on_with(tmp_path):
    """Three at one store; one of them is killed again and again, and another takes its place."""
    chance, context = random.Random(0), multiprocessing.get_context("fork")
    kitchens = [Kitchen(tmp_path / "cache", tmp_path / "log", number, a_moment) for number in range(3)]
    running = [context.Process(target=kitchen.run) for kitchen in kitchens]
    for process in running:
        process.start()
    for _ in range(8):
        time.sleep(chance.uniform(0, 0.06))
        victim = chance.randrange(3)
        running[victim].kill()
        running[victim].join(10)
        running[victim] = context.Process(target=kitchens[victim].run)
        running[victim].start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0] * 3
    for part in (tmp_path / "cache").rglob(".part-*"):
        os.utime(part, (1, 1))
    LocalExecutor(kitchens[0].store).run(Graph([kitchens[0].job("late", [])]))  # the next run, which clears up
    for lock in (tmp_path / "cache" / "locks").iterdir():
        lock.unlink()
    kitchens[0].check()


def test_what_nobody_wants_any_more_may_fail(tmp_path):
    """Another run has made the last that needs it, and has taken away what it kept to go on from."""
    kitchen, made = Kitchen(tmp_path / "cache", tmp_path / "log", 0), []

    def write(folder):
        unfinished = kitchen.store.unfinished("broth-key")
        unfinished.mkdir(parents=True)
        if not made:
            with kitchen.store.writing(soup.kind, soup.key, soup.title, soup.parts) as other:
                (other / "x").write_text("soup of another run")
            made.append("soup")
            LocalExecutor(kitchen.store)._clear(graph)
        (unfinished / "state").write_text("one\n")

    broth = Job("broth", "broth", {"title": "broth"}, write, (), kept=False, key="broth-key")
    soup = kitchen.job("soup", [broth])
    graph = Graph([broth, soup])
    LocalExecutor(kitchen.store).run(graph)
    assert made == ["soup"]
    assert graph.missing(kitchen.store) == []

    def fails(folder):
        raise ValueError("spilt")

    spilt = Job("broth", "broth", {"title": "spilt"}, fails, (), kept=False, key="spilt-key")
    with pytest.raises(ValueError, match="spilt"):
        LocalExecutor(kitchen.store).run(Graph([spilt, kitchen.job("stew", [spilt])]))


def test_what_another_machine_has_made_meanwhile_may_fail(tmp_path):
    """A third process, of this machine, has taken away what it kept to go on from, as the job is there."""
    kitchen = Kitchen(tmp_path / "cache", tmp_path / "log", 0)

    def write(folder):
        unfinished = kitchen.store.unfinished("stew-key")
        unfinished.mkdir(parents=True)
        with kitchen.store.writing("stew", "stew-key", "stew", {"title": "stew"}) as other:
            (other / "x").write_text("stew of another run")
        LocalExecutor(kitchen.store)._clear(graph)
        (unfinished / "state").write_text("one\n")

    graph = Graph([Job("stew", "stew", {"title": "stew"}, write, (), key="stew-key")])
    LocalExecutor(kitchen.store).run(graph)
    assert graph.missing(kitchen.store) == []
    assert (kitchen.store.folder("stew", "stew-key") / "x").read_text() == "stew of another run"
