"""What ends a command from outside: signals, and faults of the machine or of files; each is a sentence and an exit code."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mirbench import cli
from mirbench.cli import app
from mirbench.engine.interrupts import SIGNALS

STOPPED = "mirbench: stopped; what is finished is kept in the cache, and the same command goes on from there.\n"


@pytest.fixture
def failing(monkeypatch, capsys):
    """(what a command does) -> its exit code and what it says on the error output."""

    def fail(does, argv=("list",)):
        monkeypatch.setattr(app, "app", app.typer.Typer())
        app.app.command("list")(does)
        app.app.command("other")(lambda: None)
        return cli.main(list(argv)), capsys.readouterr().err.lstrip("\n")

    return fail


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_is_told_as_ctrl_c_is(failing, number):
    def stopped():
        os.kill(os.getpid(), number)
        time.sleep(5)

    assert failing(stopped) == (128 + number, "mirbench: stopped.\n")


def test_the_end_of_a_file_is_not_ctrl_c(failing, tmp_path):
    def ends():
        np.load(tmp_path / "rows.npy")

    (tmp_path / "rows.npy").touch()
    code, said = failing(ends)
    assert code == 2
    assert said == (
        f"mirbench: {tmp_path / 'rows.npy'} ends too early or is empty (EOFError: No data left in file); give a whole one, or where it "
        "lies in the cache, delete it to have it made again.\n"
    )


def nested(path: Path) -> None:
    json.loads(path.read_text())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            MemoryError("Unable to allocate 9 GiB"),
            "there is not enough memory (MemoryError: Unable to allocate 9 GiB); let less run beside",
        ),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "there is not enough memory (RuntimeError: Default"),
        (
            OSError(errno.EFBIG, "File too large"),
            "a file could not be written whole: it would be larger than files may be here (`ulimit -f`",
        ),
        (OSError("22784 requested and 15616 written"), "a file could not be written whole: "),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full; free some space"),
        (PermissionError(errno.EACCES, "Permission denied", "/x\ny"), "cannot use /x\\ny: Permission denied."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_faults_of_the_machine_are_a_sentence(failing, error, said):
    def fails():
        raise error

    code, told = failing(fails)
    assert code == 2
    assert told.startswith(f"mirbench: {said}")
    assert told.count("\n") == 1


def test_a_file_that_is_nested_too_deeply_is_named(failing, tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    code, said = failing(lambda: nested(tmp_path / "deep.json"))
    assert code == 2
    assert said.startswith(f"mirbench: {tmp_path / 'deep.json'} is nested too deeply to be read; give one that is not")


def test_a_fault_of_ours_stays_one(failing):
    code, said = failing(lambda: 1 / 0)
    assert code == 1
    assert said.startswith("mirbench: this should not have happened: ZeroDivisionError")


def command(folder, *argv):
    return [sys.executable, "-m", "mirbench", *argv, "--cache", str(folder / "cache")]


def test_a_file_that_may_not_grow_is_told(tmp_path):
    """`ulimit -f`, as a cluster may set it."""
    code = (
        "import sys; from pathlib import Path; from mirbench import cli; from mirbench.cli import app\n"
        "from mirbench.engine.files import write_atomically\n"
        "app.app.command('grow')(lambda: write_atomically(Path('large.bin'), bytes(10**6)))\n"
        "sys.exit(cli.main(['grow']))"
    )
    limit = (100_000, 100_000)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("mirbench: a file would be larger than files may be here (`ulimit -f`, or the file system's limit) while")
    assert "large.bin" in done.stderr
    assert not list(tmp_path.glob("*.bin"))


@pytest.mark.parametrize(
    ("number", "whom"),
    [
        (signal.SIGTERM, "parent"),  # kill
        (signal.SIGINT, "group"),  # Ctrl-C
        *(
            pytest.param(number, whom, marks=pytest.mark.slow)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)
            for whom in ("parent", "group")
            if (number, whom) not in {(signal.SIGTERM, "parent"), (signal.SIGINT, "group")}
        ),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_run_that_is_signalled_says_so_and_leaves_nothing(tmp_path, number, whom):
    """While it renders, in worker processes."""
    from processes import alive, children, wait_for

    def defaults():
        for each in (signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_DFL)

    argv = command(tmp_path, "run", "--config", "quick", "--encoder", "untrained", "--output", str(tmp_path / "results"))
    environment = {**os.environ, "MIRBENCH_QUIET": "1"}
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=defaults, env=environment) as run:
        try:
            wait_for(lambda: len(list((tmp_path / "cache").rglob("*.flac"))) > 5, 60)
            below = children(run.pid)
            os.killpg(run.pid, number) if whom == "group" else run.send_signal(number)
            assert run.wait(20) == 128 + number
            assert run.stderr.read() == STOPPED
            wait_for(lambda: not alive(below), 5)
            assert below
            assert alive(below) == set()
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
