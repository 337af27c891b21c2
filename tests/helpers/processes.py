"""Processes below this one or another, by what the system says."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def children(pid="self"):
    """The process ids below a process, as text, of those that are not yet waited for."""
    pids = set()
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):  # a thread may end meanwhile
                pids |= set(Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return pids


def alive(pids):
    """Those that still run; a zombie does not."""
    running = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                running.add(pid)
    return running


def end_parent(code, by, folder, ready=None):
    """Runs code in a process of its own, signals it once it has written a line and `ready` holds, and returns its exit code, the processes
    that were below it, and those of them that are alive within two seconds of its end."""
    errors = folder / "errors.txt"
    with errors.open("w") as file, subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=file, text=True, start_new_session=True, cwd=folder
    ) as parent:  # fmt: skip
        try:
            assert parent.stdout.readline() == "ready\n", errors.read_text()
            wait_for(ready or (lambda: True), 60)
            below = children(parent.pid)
            os.killpg(parent.pid, by) if by == signal.SIGINT else parent.send_signal(by)
            exit_code = parent.wait(20)
            wait_for(lambda: not alive(below), 2)
            return exit_code, below, alive(below)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
