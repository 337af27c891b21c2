"""Processes that make one job together, on one machine or several, each started by a scheduler, which tells it which of them it is.

The first makes the job as if it were alone: it holds the lock, writes to the store and answers. The others wait for its word, make the same
in a folder that is thrown away, and end with it. Words are files of a folder that all see.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirbench.engine.files import disk, write_atomically

MAKES, MEETS, ENDS = "makes", "meets", "ends"  # words: the job is made; where all meet; the first is done
POLL_SECONDS = 0.5
MEETING_SECONDS = 1800.0  # that the first to come waits for the others
LOST = "another process of this job has ended, and this one ends with it"  # what it says


class PeerLost(KeyboardInterrupt):
    """Another process of the job has ended, so that this one ends in order, as by Ctrl-C; who looks for the reason finds it there."""


@dataclass(frozen=True)
class Ranks:
    """Which of several processes this is. rank: of all; local_rank: of the `devices` of its node; node: of `nodes`, counted from 0, as all
    are. folder: where the first leaves words, of this attempt alone."""

    rank: int
    local_rank: int
    node: int
    devices: int
    nodes: int
    folder: Path

    @property
    def world(self) -> int:
        return self.nodes * self.devices

    def say(self, word: str, text: str = "") -> None:
        write_atomically(self.folder / word, text)

    def said(self, word: str) -> str | None:
        """None: it was not said yet."""
        disk.refresh(self.folder)
        try:
            return (self.folder / word).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def wait(self, *words: str, seconds: float = float("inf")) -> str:
        """Until one of them is said, which is returned, of several the first here. Raises PeerLost after that many seconds."""
        ends = time.monotonic() + seconds
        while True:
            for word in words:
                if self.said(word) is not None:
                    return word
            if time.monotonic() > ends:
                raise PeerLost(f"it said nothing for {seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def meet(self) -> None:
        """Says where the processes meet, in the variables MASTER_ADDR and MASTER_PORT, which are of this process's node and free where
        nobody set them. Raises PeerLost where the first does not come, or has ended."""
        if self.rank == 0:
            address, port = os.environ.get("MASTER_ADDR") or _own_name(), os.environ.get("MASTER_PORT") or _free_port()
            place = {"MASTER_ADDR": address, "MASTER_PORT": port}
            self.say(MEETS, json.dumps(place))
        else:
            if self.wait(ENDS, MEETS, seconds=MEETING_SECONDS) == ENDS:
                raise PeerLost("the first ended before they met")
            place = json.loads(self.said(MEETS) or "{}")
        os.environ |= place


_current: Ranks | None = None


def current_ranks() -> Ranks | None:
    """None: this process is alone at what it makes."""
    return _current


def is_first() -> bool:
    """Whether this process writes what is made."""
    return _current is None or _current.rank == 0


@contextlib.contextmanager
def taking_part(ranks: Ranks) -> Iterator[None]:
    """While the block runs, this process is one of these, also for libraries that know the variables of torchrun. At its end the first lets
    the others go."""
    global _current
    before = dict(os.environ)
    told = {"RANK": ranks.rank, "WORLD_SIZE": ranks.world, "LOCAL_RANK": ranks.local_rank, "LOCAL_WORLD_SIZE": ranks.devices}
    os.environ |= {name: str(value) for name, value in {**told, "GROUP_RANK": ranks.node}.items()}
    _current = ranks
    try:
        yield
    finally:
        _current = None
        os.environ.clear()
        os.environ |= before
        if ranks.rank == 0:
            ranks.say(ENDS)


def _own_name() -> str:
    """Of this node, as others may look it up: the scheduler's, where it is a host's, too."""
    name = os.environ.get("SLURMD_NODENAME", "")
    with contextlib.suppress(OSError):
        socket.getaddrinfo(name or None, 1)
        return name or socket.gethostname()
    return socket.gethostname()


def _free_port() -> str:
    with socket.socket() as one:
        one.bind(("", 0))
        return str(one.getsockname()[1])
