"""Locks between processes, and files that are there as a whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from mirbench.engine import files
from mirbench.engine.files import all_locked, locked, write_atomically
from mirbench.errors import MirbenchError


def test_a_killed_process_lets_go_of_its_lock(tmp_path):
    path = tmp_path / "x.lock"
    code = f"import sys, time; from pathlib import Path; from mirbench.engine.files import locked\nwith locked(Path({str(path)!r}), 'x'):"
    other = subprocess.Popen([sys.executable, "-c", f"{code}\n print(1, flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"1\n"
    threading.Timer(0.3, other.kill).start()
    begun = time.perf_counter()
    with locked(path, "x"):
        assert 0.1 < time.perf_counter() - begun < 30
    other.wait()
    assert not path.exists()


def no_fcntl(monkeypatch):
    """As on Windows."""
    monkeypatch.setattr(files, "fcntl", None)


def no_lock_daemon(monkeypatch):
    """As on a network file system whose server keeps no locks."""

    def flock(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", flock)


@pytest.mark.parametrize("without", [no_fcntl, no_lock_daemon])
@pytest.mark.parametrize("quiet", ["0", "1"])
def test_where_there_are_no_locks_work_goes_on_after_one_warning(tmp_path, monkeypatch, capsys, without, quiet):
    without(monkeypatch)
    monkeypatch.setenv("MIRBENCH_QUIET", quiet)
    one, two = tmp_path / "locks" / "1.lock", tmp_path / "locks" / "2.lock"
    with locked(one, "x"), locked(one, "x"), locked(two, "x"):
        pass
    warning = (
        f"mirbench: files in {tmp_path} cannot be locked, so that several machines may make the same there; give each its own by --cache, "
        "or parts of the work by --shard.\n"
    )
    assert capsys.readouterr().err == (warning if quiet == "0" else "")


def test_only_who_waits_for_long_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    monkeypatch.setattr(files, "PATIENCE_SECONDS", 0.2)
    path, told = tmp_path / "locks" / "x.lock", f"mirbench: another process is making tea in {tmp_path}; waiting for it.\n"

    def hold(seconds: float) -> threading.Thread:
        begun = threading.Event()

        def work() -> None:
            with locked(path, "making tea"):
                begun.set()
                time.sleep(seconds)

        thread = threading.Thread(target=work)
        thread.start()
        begun.wait()
        return thread

    for seconds, said in ((0.05, ""), (0.6, told)):
        thread = hold(seconds)
        with locked(path, "making tea"):
            assert capsys.readouterr().err == said
        thread.join()


def test_several_locks_are_taken_in_one_order(tmp_path):
    one, two, taken = tmp_path / "1.lock", tmp_path / "2.lock", []

    def work(paths):
        with all_locked(paths, "x"):
            taken.append(len(list(tmp_path.glob("*.lock"))))
            time.sleep(0.05)

    threads = [threading.Thread(target=work, args=(paths,)) for paths in ([one, two], [two, one], [one, two, one])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert taken == [2, 2, 2]
    assert list(tmp_path.glob("*.lock")) == []


def test_a_file_has_its_old_content_or_all_of_the_new(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "x.txt"
    write_atomically(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(MirbenchError, match=r"^the disk is full while writing a file at "):
            write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["x.txt"]
