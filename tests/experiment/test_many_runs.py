"""The same command many times at once, at one store: of one machine, and of two that cannot lock its files."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small import LOUD, rows
from songs import songs

SITE = """
import contextlib, errno, fcntl, os
import mirbench.engine.store as store

CACHE, flock, writing = os.environ["MIRBENCH_CACHE"], fcntl.flock, store.Store.writing

def no_lock(handle, how):
    if os.readlink(f"/proc/self/fd/{handle}").startswith(CACHE):
        raise OSError(errno.ENOLCK, "No locks available")
    flock(handle, how)

@contextlib.contextmanager
def noted(self, kind, key, *about, **more):
    with writing(self, kind, key, *about, **more) as folder:
        yield folder
    handle = os.open(os.environ["MADE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{os.environ['HOME']} {kind} {key}\\n".encode())
    os.close(handle)

store.Store.writing = noted
if os.environ["LOCKS"] == "no":
    fcntl.flock = no_lock
"""
WORDS = ["--plugin", "loud.py", "--encoder", "loud", "--dataset", "songs.csv", "--tasks", "genre", "--corruptions", "white-noise,low-pass"]
WORDS += ["--severities", "1,3", "--set", "floors=none", "--set", "bootstrap.resamples=50", "--set", "run_name=r", "--debug", "--quiet"]


def start(folder, machine, locks):
    home = folder / f"home{machine}"
    home.mkdir(exist_ok=True)
    path = os.pathsep.join([str(folder / "site"), *sys.path])
    about = {"HOME": home, "TMPDIR": home, "MIRBENCH_CACHE": folder / "cache", "MADE": folder / "made", "LOCKS": locks, "PYTHONPATH": path}
    environment = {**os.environ, **{name: str(value) for name, value in about.items()}}
    words = [sys.executable, "-m", "mirbench", "run", *WORDS, "--output", str(folder / f"out{machine}")]
    return subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "machines", "locks"), [(10, 1, "yes"), (2, 2, "no")], ids=["ten of one machine", "two machines"])
def test_the_same_command_many_times_at_once(tmp_path, processes, machines, locks):
    songs(tmp_path, 0.3)
    Path(tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    running = [start(tmp_path, number % machines, locks) for number in range(processes)]
    said = [process.communicate(timeout=900)[0] for process in running]
    assert [process.returncode for process in running] == [0] * processes, "\n".join(said)
    made = collections.Counter((tmp_path / "made").read_text().splitlines())
    kept = {line: count for line, count in made.items() if "corrupted-" not in line}  # the others go when a run is done with them
    assert {line: count for line, count in (made if locks == "yes" else kept).items() if count > 1} == {}
    scores = [[{**row, "seconds": ""} for row in rows(tmp_path / f"out{machine}" / "r")] for machine in range(machines)]
    assert len(scores[0]) >= 5
    assert all(each == scores[0] for each in scores)
    assert not list((tmp_path / "cache").rglob(".part-*"))
    assert not list((tmp_path / "cache" / "unfinished").glob("*"))
