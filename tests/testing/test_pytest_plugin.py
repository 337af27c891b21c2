"""The plugin for pytest: promises as tests, and its fixtures."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import textwrap

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
    given = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MIRBENCH_CACHE": str(folder / "cache")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        *loaded,
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-c",
        os.devnull,
        "--rootdir",
        str(folder),
        *words,
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=given)


@pytest.mark.slow
def test_each_promise_is_a_test_of_its_own(tmp_path):
    """What the command does is looked at in test_check_command, what an item does below."""
    tests = """
    def test_it(mirbench_check):
        mirbench_check("mine.py")
    """
    told = run_pytest(
        tmp_path, "-v", "--mirbench", "mine.py", "test_mine.py", mine=LEVEL.replace("apply(self", "apply(me"), test_mine=tests
    )
    assert told.returncode == 1, told.stdout
    assert "corruption:level:dtype PASSED" in told.stdout
    assert "corruption:level:10-minutes PASSED" in told.stdout


@pytest.fixture
def items(pytestconfig, request, tmp_path, built_in):
    """(file) -> by promise the item of a test."""
    from mirbench.testing import pytest_plugin

    def made(file):
        (examination,) = pytest_plugin._examined(str(file), pytestconfig)
        found = {}
        for promise in examination.promises:
            found[promise.name] = pytest_plugin.PromiseItem.from_parent(
                request.session, name=promise.name, examination=examination, promise=promise.name
            )
        return found

    return made


def test_an_item_passes_fails_with_the_mend_or_is_skipped(items, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(LEVEL.replace("return audio", "return audio.astype(float)"))
    found = items(path)
    found["shapes"].runtest()
    with pytest.raises(pytest.fail.Exception, match=r"returns float64, not float32\.\nmend: return it as float32: out\.astype"):
        found["dtype"].runtest()
    with pytest.raises(pytest.skip.Exception, match="needs dtype"):
        found["determinism"].runtest()
    assert found["dtype"].reportinfo()[0] == path


def test_the_plugin_is_light_and_declared():
    """pytest imports it wherever mirbench is installed."""
    code = f"import sys, {PLUGIN}; print(sorted({{'torch', 'numpy', 'pydantic', 'pluggy', 'mirbench.registry'}} & set(sys.modules) - {{'pluggy'}}))"
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
        assert set(results.scores["encoder"]) == {"untrained"}
        assert "genre" in set(results.scores["task"])
    """
    told = run_pytest(tmp_path, "-q", "test_mine.py", test_mine=tests)
    assert "2 passed" in told.stdout, told.stdout + told.stderr
