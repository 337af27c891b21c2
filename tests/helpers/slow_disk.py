"""Machines in threads that take turns at one store, as a seed has it, on a file system that shows late what the others did."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from mirbench.engine import files

CHANGES = (1.0, 0.3, 0.1, 0.03)  # how likely another's turn comes at a step, one of them a seed
REMEMBERED = (1, 12, 200)  # steps that a machine may remember what it saw of a path, one of them a seed


class Turns:
    """One thread at a time, and at a step another or the same, at random: from step by step to one long after another."""

    def __init__(self, seed: int) -> None:
        self.random, self.clock, self.waiting = random.Random(seed), 0, dict[int, threading.Semaphore]()
        self.change = self.random.choice(CHANGES)
        self.me = threading.local()

    def step(self, waits: bool = False) -> None:
        """waits: for another, so that it goes on only when there is no other."""
        self.clock += 1
        number = getattr(self.me, "number", None)
        if number is None or (self.random.random() > self.change and not waits):
            return
        if (other := self.random.choice([each for each in self.waiting if each != number or not waits])) != number:
            self.waiting[other].release()
            self.waiting[number].acquire()

    def run(self, works: Sequence[Callable[[], None]]) -> list[BaseException]:
        """What they raised."""
        faults: list[BaseException] = []
        self.waiting = {number: threading.Semaphore(0) for number in range(len(works))}

        def work(number: int) -> None:
            self.me.number = number
            self.waiting[number].acquire()
            try:
                works[number]()
            except BaseException as error:
                faults.append(error)
            del self.waiting[number]
            if self.waiting:
                self.waiting[self.random.choice(list(self.waiting))].release()

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(works))]
        for thread in threads:
            thread.start()
        self.waiting[self.random.randrange(len(works))].release()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "two wait for each other"
        return faults


class SlowDisk(files.Disk):
    """locks: whether there are any below root. lost: how often what was done is answered with an error, as it was asked twice."""

    def __init__(self, turns: Turns, root: Path, locks: bool, lost: float = 0.1) -> None:
        self.turns, self.root, self.locks, self.lost = turns, os.fspath(root), locks, lost
        self.remembered = turns.random.choice(REMEMBERED)
        self.seen: dict[tuple[int, str], tuple[int, os.stat_result | None]] = {}  # by machine and path: until when, and what

    def stat(self, path: Path) -> os.stat_result:
        self.turns.step()
        at = self._at(path)
        until, found = self.seen.get(at, (-1, None))
        if until < self.turns.clock:
            try:
                found = os.stat(path)
            except FileNotFoundError:
                found = None
            self.seen[at] = self.turns.clock + self.turns.random.randrange(self.remembered), found
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", os.fspath(path))
        return found

    def rename(self, path: Path, to: Path) -> None:
        self.turns.step()
        os.rename(path, to)
        for each in (path, to):
            self.seen.pop(self._at(each), None)
        self.turns.step()
        if self.turns.random.random() < self.lost:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", os.fspath(path))

    def unlink(self, path: Path) -> None:
        self.turns.step()
        os.unlink(path)
        self.seen.pop(self._at(path), None)

    def sync(self, handle: int) -> None:
        self.turns.step()

    def refresh(self, folder: Path) -> None:
        self.turns.step()
        for at in [at for at in self.seen if at[0] == self.turns.me.number and os.path.dirname(at[1]) == os.fspath(folder)]:
            del self.seen[at]

    def flock(self, handle: int, how: int) -> None:
        self.turns.step()
        if not self.locks and os.readlink(f"/proc/self/fd/{handle}").startswith(self.root):
            raise OSError(self.turns.random.choice([errno.ENOLCK, errno.ENOSYS]), "No locks available")
        while True:
            try:
                return fcntl.flock(handle, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if how & fcntl.LOCK_NB:
                    raise
                self.turns.step(waits=True)

    def _at(self, path: Path) -> tuple[int, str]:
        return self.turns.me.number, os.fspath(path)
