"""What is imported is declared in pyproject.toml, and what is declared there is imported, as deptry sees it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CHECKOUT = TESTS.parent
UNDECLARED, UNUSED, OF_ANOTHER, OF_TESTS = "DEP001", "DEP002", "DEP003", "DEP004"  # of deptry: see its list of codes

pytestmark = pytest.mark.skipif(importlib.util.find_spec("deptry") is None, reason="deptry is not installed")


def faults(folder: Path, report: Path, *options: str) -> set[tuple[str, str]]:
    """(code, module or package) of all that deptry finds at fault. folder: where it is run; report: a file for it to write."""
    command = [sys.executable, "-m", "deptry", *(options or (".",)), "--json-output", str(report)]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert told.returncode in (0, 1), told.stderr
    return {(fault["error"]["code"], fault["module"]) for fault in json.loads(report.read_text())}


def test_the_code_imports_what_is_declared_and_all_of_it(tmp_path):
    assert faults(CHECKOUT, tmp_path / "report.json") == set()


def test_the_tests_import_what_is_declared(tmp_path):
    files = [path.relative_to(CHECKOUT) for path in TESTS.rglob("*.py")]
    folders = sorted({str(path.parent) for path in files})  # each is where its files find each other
    ours = ("mirbench", *{path.stem for path in files})
    named = [text for name in sorted(ours) for text in ("--known-first-party", name)]
    named += ["--known-first-party", "mirbench_plugins", "--known-first-party", "mirbench_configs"]
    options = (*folders, *named, "--exclude", "none", "--ignore", f"{UNUSED},{OF_TESTS}")
    assert faults(CHECKOUT, tmp_path / "report.json", *options) == set()


def test_a_fault_is_found(tmp_path):
    """Of a project that imports one package which it does not declare, one that comes with another, and none that it does."""
    project = '[project]\nname = "x"\nversion = "0"\ndependencies = ["pytest", "pandas"]\n'
    (tmp_path / "pyproject.toml").write_text(project)
    (tmp_path / "x.py").write_text("import pytest\nimport pluggy\nimport nobody_has_this\n")
    found = faults(tmp_path, tmp_path / "report.json")
    assert found == {(UNDECLARED, "nobody_has_this"), (OF_ANOTHER, "pluggy"), (UNUSED, "pandas")}


def test_ci_asks_for_it():
    assert "\ndeptry .\n" in (CHECKOUT / ".ci" / "run").read_text()


def test_every_package_is_installed():
    """A folder that pyproject.toml does not list is there in an editable install, and missing from a wheel."""
    listed = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {path.parent.relative_to(CHECKOUT).as_posix().replace("/", ".") for path in (CHECKOUT / "mirbench").rglob("__init__.py")}
    there |= {
        f"mirbench_{path.parent.relative_to(CHECKOUT).as_posix().replace('/', '.')}"
        for path in (CHECKOUT / "plugins").rglob("__init__.py")
        if any(path.parent.glob("*.py"))
    }
    assert there <= set(listed)
