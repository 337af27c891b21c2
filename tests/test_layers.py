"""Imports point one way: cli -> runner -> (pretraining | evaluation | data) -> records, errors; plugins see public names only."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mirbench

CODE = Path(mirbench.__file__).parent
PLUGINS = Path(importlib.import_module("mirbench_plugins").__path__[0])
FILES = sorted(CODE.rglob("*.py"))
PLUGIN_FILES = [path for path in sorted(PLUGINS.rglob("*.py")) if not path.name.startswith("gather_")]

GROUND = {
    "errors",
    "records",
    "nouns",
    "store",
    "hookspecs",
    "csvfile",
    "yamlfile",
    "progress",
    "ahead",
    "notation",
    "typed",
    "parts",
    "seeded",
}
MAY_IMPORT = {
    "errors": set(),
    "records": {"errors"},
    "progress": set(),
    "seeded": set(),
    "ahead": set(),
    "nouns": {"errors", "records"},
    "notation": {"errors"},
    "typed": {"nouns"},
    "parts": {"nouns"},
    "hookspecs": {"errors", "records", "nouns"},
    "store": {"errors", "records"},
    "csvfile": {"errors", "store"},
    "yamlfile": {"errors"},
    "provenance": GROUND,
    "options": GROUND | {"config"},
    "chosen": GROUND | {"config", "options", "registry", "data"},
    "overlaps": GROUND | {"chosen", "contenders", "data", "jobs", "provenance"},
    "contenders": GROUND | {"config", "options", "registry"},
    "jobs": GROUND | {"chosen", "contenders", "provenance", "registry", "config", "data"},
    "embedding_jobs": GROUND | {"contenders", "jobs", "provenance", "evaluation"},
    "scoring_jobs": GROUND | {"contenders", "jobs", "embedding_jobs", "provenance", "registry", "config", "results", "evaluation"},
    "contract": GROUND,
    "registry": GROUND | {"contract"},
    "config": GROUND,
    "results": GROUND,
    "merging": GROUND | {"results"},
    "data": GROUND,
    "pretraining": GROUND | {"provenance"},
    "evaluation": GROUND,
    "reporting": GROUND | {"results", "merging"},
    "planning": GROUND | {"chosen", "overlaps", "contenders", "jobs", "scoring_jobs", "registry", "config", "evaluation"},
    "measured": GROUND | {"jobs", "results", "evaluation"},
    "collect_corrupted": GROUND | {"contenders", "jobs", "measured", "planning", "results", "evaluation"},
    "collect": GROUND | {"overlaps", "contenders", "collect_corrupted", "measured", "planning", "provenance", "results", "evaluation"},
    "runner": GROUND | {"chosen", "overlaps", "planning", "jobs", "collect", "contenders", "registry", "config", "results"},
    "testing": GROUND | {"contract", "registry", "evaluation"},
    "corrupting": GROUND | {"chosen", "jobs", "registry", "config", "evaluation", "data"},
    "checking": GROUND | {"chosen", "registry", "config", "runner", "planning", "jobs", "provenance", "data", "evaluation"},
    "flags": GROUND,
    "checked_text": GROUND | {"checking", "planning", "data"},
    "published_text": GROUND | {"checked_text", "planning", "data"},
    "cli_data": GROUND | {"flags", "checked_text", "published_text", "checking", "chosen", "registry", "config", "options", "data"},
    "cli": GROUND | {"flags", "chosen", "cli_data", "registry", "config", "options", "runner", "reporting", "results", "corrupting"},
}


def imported(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    """(module, name) of each import of ours, wherever it stands; name is '' for `import module`. package: for relative imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0].startswith("mirbench"))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                module = ".".join([*parent, module] if module else parent)
            if module.split(".")[0].startswith("mirbench"):
                yield from ((module, alias.name) for alias in node.names)


def targets(tree: ast.Module, package: str) -> set[str]:
    """The rooms and modules of mirbench that a file imports: `evaluation` for mirbench.evaluation.metrics."""
    found = set()
    for module, name in imported(tree, package):
        parts = module.split(".")
        if parts == ["mirbench"]:
            if name and name not in mirbench.__all__:
                found.add(name)
        elif parts[0] == "mirbench":
            found.add(parts[1])
        else:
            found.add(module)
    return found


def room_of(path: Path) -> str:
    return path.relative_to(CODE).parts[0].removesuffix(".py")


def wrong_imports(room: str, source: str, package: str) -> set[str]:
    return targets(ast.parse(source), package) - MAY_IMPORT[room] - {room}


@pytest.mark.parametrize("path", [path for path in FILES if path != CODE / "__init__.py"], ids=lambda path: str(path.relative_to(CODE)))
def test_imports_point_one_way(path):
    package = ".".join(["mirbench", *path.relative_to(CODE).parts[:-1]])
    assert room_of(path) in MAY_IMPORT, f"say in this test where {room_of(path)} stands"
    assert wrong_imports(room_of(path), path.read_text(), package) == set()


@pytest.mark.parametrize(
    ("room", "source", "wrong"),
    [
        ("evaluation", "from mirbench.data.audio import read_audio", {"data"}),
        ("evaluation", "def late():\n    from mirbench import runner", {"runner"}),
        ("evaluation", "import mirbench.pretraining.losses", {"pretraining"}),
        ("evaluation", "from ..data import audio", {"data"}),
        ("evaluation", "from . import metrics\nfrom .metrics import Metric\nfrom mirbench.errors import MirbenchError", set()),
        ("data", "from mirbench_plugins.tasks import key", {"mirbench_plugins.tasks"}),
        ("reporting", "from mirbench.evaluation import metrics", {"evaluation"}),
        ("reporting", "from mirbench.merging import merge", set()),
    ],
)
def test_the_rule_sees_what_breaks_it(room, source, wrong):
    assert wrong_imports(room, source, f"mirbench.{room}") == wrong


def private_names(source: str) -> set[str]:
    """What of ours a plugin uses that is not public: imports, and `mirbench.x` where x is no public name."""
    tree = ast.parse(source)
    found = set()
    for module, name in imported(tree, "here.sibling"):
        if module != "mirbench" or (name and name not in mirbench.__all__):
            found.add(f"{module}.{name}" if name else module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mirbench":
            found |= {f"mirbench.{node.attr}"} - {f"mirbench.{name}" for name in mirbench.__all__}
        if isinstance(node, ast.ImportFrom) and node.level > 1:
            found.add("." * node.level + (node.module or ""))
    return found


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_plugins_use_public_names_only(path):
    assert private_names(path.read_text()) == set()


@pytest.mark.parametrize(
    ("source", "private"),
    [
        ("import mirbench\nclass A(mirbench.Task): pass\nfrom .plan import x\nimport numpy", set()),
        ("from mirbench import Task, hookimpl", set()),
        ("from mirbench.nouns import Task", {"mirbench.nouns.Task"}),
        ("import mirbench.store", {"mirbench.store"}),
        ("import mirbench\nx = mirbench.registry.load()", {"mirbench.registry"}),
        ("from mirbench import runner", {"mirbench.runner"}),
        ("from mirbench_plugins.tasks.key import Key", {"mirbench_plugins.tasks.key.Key"}),
        ("from ..tasks import key", {"..tasks"}),
    ],
)
def test_the_plugin_rule_sees_what_breaks_it(source, private):
    assert private_names(source) == private


def test_reporting_and_results_import_no_torch():
    modules = [path for path in FILES if room_of(path) in ("reporting", "results", "merging")]
    names = [".".join(["mirbench", *path.relative_to(CODE).with_suffix("").parts]).removesuffix(".__init__") for path in modules]
    code = f"import sys, importlib; [importlib.import_module(name) for name in {names}]; print({{'torch', 'sklearn'}} & set(sys.modules))"
    assert len(names) > 1
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
