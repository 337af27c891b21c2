"""The plugin for pytest: promises as tests, and its fixtures."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

PLUGIN = "mirbench.testing.pytest_plugin"
INSTALLED = any(entry.value == PLUGIN for entry in importlib.metadata.entry_points(group="pytest11"))
LEVEL = """
import mirbench

class Level(mirbench.Corruption):
    name = "level"
    unit = "dB"
    levels = (-6, -12)

    def apply(self, audio, sample_rate, level, seed):
        return audio * 10 ** (level / 20)

@mirbench.hookimpl
def register_corruptions():
    return [Level()]
"""


def run_pytest(folder, *words, **files):
    """In a process of its own, as its user would; files: by name without its ending."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    loaded = [] if INSTALLED else ["-p", PLUGIN]
    alone = ["-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull, "--rootdir", str(folder)]
    given = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MIRBENCH_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "pytest", *loaded, *alone, *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=given)


@pytest.mark.slow
def test_each_promise_is_a_test_of_its_own(tmp_path):
    """What a promise is, is looked at in test_promises, and what an item does below."""
    tests = """
    def test_it(mirbench_check):
        mirbench_check("mine.py")
    """
    told = run_pytest(tmp_path, "-v", "--mirbench", "mine.py", "test_mine.py", mine=LEVEL, test_mine=tests)
    assert told.returncode == 0, told.stdout
    for name in ("test_mine.py::test_it", "mine.py::corruption:level:dtype", "mine.py::corruption:level:10-minutes"):
        assert f"\n{name} PASSED" in told.stdout


@pytest.fixture
def items(pytestconfig, request, built_in):
    """(file) -> by promise the item of a test."""
    from mirbench.testing import pytest_plugin

    def made(file):
        (examination,) = pytest_plugin._examined(str(file), pytestconfig)
        names = [promise.name for promise in examination.promises]
        make = pytest_plugin.PromiseItem.from_parent
        return {name: make(request.session, name=name, examination=examination, promise=name) for name in names}

    return made


def test_an_item_passes_fails_with_the_mend_or_is_skipped(items, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(LEVEL.replace("return audio", "return audio.astype(float)"))
    found = items(path)
    found["shapes"].runtest()
    with pytest.raises(pytest.fail.Exception, match=r"returns float64, not float32\.\nmend: return it as float32: out\.astype"):
        found["dtype"].runtest()
    with pytest.raises(pytest.skip.Exception, match="needs dtype"):
        found["silence"].runtest()
    assert found["dtype"].reportinfo()[0] == path


def test_what_is_no_plugin_is_told_in_a_sentence(items, tmp_path):
    with pytest.raises(pytest.UsageError, match=r"there is no plugin file .*nowhere\.py; give the path of a \.py file"):
        items(tmp_path / "nowhere.py")


FILED = """
import mirbench

class Filed(mirbench.Dataset):
    name = "filed"
    files = (mirbench.Files("list.txt"), mirbench.Files("*.wav"))

    def clips(self, folder):
        return [mirbench.Clip(name, folder / name, "test", name) for name in (folder / "list.txt").read_text().split()]

@mirbench.hookimpl
def register_datasets():
    return [Filed()]
"""


def test_the_fixture_takes_settings_and_fails_with_a_sentence(request, built_in, tmp_path, monkeypatch):
    from mirbench.testing import pytest_plugin

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIRBENCH_DATA", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))  # to which a plugin's folder is added
    (tmp_path / "filed.py").write_text(FILED)
    (tmp_path / "data" / "filed").mkdir(parents=True)
    (tmp_path / "data" / "filed" / "list.txt").write_text("a.wav b.wav")
    (tmp_path / "data" / "filed" / "b.wav").touch()
    check = pytest_plugin.mirbench_check.__wrapped__(request)
    with pytest.raises(
        pytest.fail.Exception, match="data set 'filed' is read from your disk; name the folder that holds it by --data-root"
    ):
        check("filed.py")
    with pytest.raises(pytest.fail.Exception, match=r"mend: put a\.wav into data/filed, or list no clip of it"):
        check("filed.py", data_root="data")


def test_the_plugin_is_light_and_declared():
    """pytest imports it wherever mirbench is installed."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"mirbench": PLUGIN}
    code = f"import sys, {PLUGIN}; print(sorted({{'torch', 'numpy', 'pydantic', 'mirbench.registry'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.slow
def test_the_fixtures_run_mirbench_on_a_few_clips(tmp_path):
    """Nothing else renders these clips; what `mirbench.run` does with them is looked at in test_library."""
    tests = """
    import mirbench

    def test_clips(mirbench_mini):
        clips = mirbench.read_manifest(mirbench_mini / "manifest.csv")
        assert {clip.split for clip in clips} == {"train", "valid", "test", "pretrain"}
        assert all(clip.path.is_file() for clip in clips)

    def test_scores(mirbench_tiny_run):
        results = mirbench_tiny_run(encoders=["untrained"], tasks=["genre"])
        assert set(results.scores["encoder"]) == {"untrained", "majority"}
        assert "genre" in set(results.scores["task"])
    """
    told = run_pytest(tmp_path, "-q", "test_mine.py", test_mine=tests)
    assert "2 passed" in told.stdout, told.stdout + told.stderr
