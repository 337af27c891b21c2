"""A tiny data set of real renders, and a finished run on it, shared by the tests that need one."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: its threads wait for each other beside the worker processes of a run

os.environ.setdefault("MIRBENCH_QUIET", "1")  # tests of what is said while a run goes on set it to 0

import contextlib
import importlib
import io
import json
import multiprocessing
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import children
from songs import songs

from mirbench import cli, registry
from mirbench.engine.files import locked
from mirbench.evaluation.embedding import cost

cost.SECONDS = 0.0  # that an encoder is timed for: three times are enough, as no test looks at a time
os.fsync = lambda descriptor: None  # a run of a second waits for the disk some 500 times; what is killed is killed without the machine

if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup ignores
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with Ctrl-C ignored, and so would all they start

TINY_PLUGIN = """
import mirbench
from mirbench_plugins.datasets.mini import Mini, sizes

@mirbench.hookimpl
def register_datasets():
    return [Mini("tiny", "a few clips of mini", sizes.Size((6, 2, 3), (2, 1, 1), 0, 30))]
"""
TINY_FLAGS = ["--dataset", "tiny", "--set", "options.semisupcon={steps: 3, batch_views: 16}", "--set", "bootstrap.resamples=50", "--debug"]
TINY_FLAGS += ["--corruptions", "none"]


def shared(tmp_path_factory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills, once for all test processes; the others wait."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, made = root / f"shared-{name}", root / f"shared-{name}.made"
    with locked(root / f"shared-{name}.lock", f"making {name}"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed at it
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@pytest.fixture(autouse=True)
def imports_of_its_own(tmp_path_factory):
    """Afterwards `import` finds what it found before: nothing in a folder of the test's, and no module that came from one."""
    before, modules, root = list(sys.path), set(sys.modules), tmp_path_factory.getbasetemp()
    yield
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin and not name.startswith("mirbench_plugin_") and Path(origin).resolve().is_relative_to(root):
            del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """A run draws no figures, which take most of its time, but in tests that are marked `drawn`; of what is drawn is tests/reporting."""
    if not request.node.get_closest_marker("drawn"):
        monkeypatch.setattr("mirbench.reporting.figures.write_figures", lambda *results, **more: [])


@pytest.fixture(scope="session")
def tiny_plugin(tmp_path_factory) -> Path:
    return shared(tmp_path_factory, "plugin", lambda folder: (folder / "tiny_plugin.py").write_text(TINY_PLUGIN)) / "tiny_plugin.py"


@pytest.fixture(scope="session")
def tiny_command(tiny_plugin):
    """(cache, output, *more) -> arguments of `mirbench run` on the tiny data set."""

    def command(cache, output, *more):
        return ["run", "--plugin", str(tiny_plugin), *TINY_FLAGS, "--cache", str(cache), "--output", str(output), *more]

    return command


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, tiny_command):
    """(cache, run folder) of a finished run of semisupcon and its floors on all tasks, drawn; others may add to the cache meanwhile."""

    def make(root):
        assert cli.main(tiny_command(root / "cache", root / "results")) == 0

    root = shared(tmp_path_factory, "run", make)
    (folder,) = (root / "results").iterdir()
    return root / "cache", folder


@pytest.fixture(scope="session")
def songs_run(tmp_path_factory):
    """(folder, cache, checkpoint, run folder): songs.csv in a folder, simclr pretrained on it for a step, and a finished run of that and
    untrained, without figures."""

    def make(folder):
        small = "options.simclr={steps: 2, batch_views: 8, view_seconds: 0.4, backbone: samplecnn}"
        words = ["--set", small, "--dataset", str(songs(folder, 1.0)), "--cache", str(folder / "cache"), "--quiet", "--debug"]
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            assert cli.main(["pretrain", "simclr", *words]) == 0
        (folder / "checkpoint.txt").write_text(told.getvalue().strip())
        words = ["--encoder", "untrained", "--checkpoint", told.getvalue().strip(), "--output", str(folder / "results"), *words[2:]]
        words += ["--tasks", "genre", "--set", "floors=none", "--corruptions", "none", "--set", "bootstrap.resamples=50"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mirbench.reporting.figures.write_figures", lambda *results, **more: [])
            assert cli.main(["run", *words, "--set", "overlap=allow"]) == 0

    folder = shared(tmp_path_factory, "songs", make)
    (run,) = (folder / "results").iterdir()
    return folder, folder / "cache", Path((folder / "checkpoint.txt").read_text()), run


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a plugin file into the current folder and returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "mine.py") -> str:
        Path(name).write_text(textwrap.dedent(text))
        return name

    return write


@pytest.fixture
def built_in():
    """Afterwards what is built in is all there is."""
    yield
    registry.load()


@pytest.fixture
def nothing_left():
    """Afterwards there are the child processes and threads that there were."""
    before, threads = children(), set(threading.enumerate())
    yield
    assert children() <= before
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)
        assert not thread.is_alive(), thread
    assert multiprocessing.active_children() == []


@pytest.fixture
def unmeasured(monkeypatch):
    """What encoders cost is not measured, so that they are given no noise."""

    def noted(*about):
        (about[-1] / "cost.json").write_text(json.dumps({"note": "not measured", "batch_size": 1, "device": "cpu"}))

    monkeypatch.setattr("mirbench.experiment.planning.measured_costs.measure_cost", noted)
