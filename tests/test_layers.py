"""The house: imports go down its floors only, no two files import each other, and nothing grows too large to read in a sitting."""

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
FILES = [path for path in sorted(CODE.rglob("*.py")) if path not in (CODE / "__init__.py", CODE / "__main__.py")]
PLUGIN_FILES = [path for path in sorted(PLUGINS.rglob("*.py")) if not path.name.startswith("gather_")]

# From the top floor down. A room imports rooms of lower floors; those of one floor do not import each other, but for the vocabulary, whose
# files do so without a circle. A room is a folder, or a file of `mirbench/` itself.
FLOORS = (
    ("cli",),
    ("testing",),
    ("experiment",),
    ("pretraining", "evaluation", "reporting"),
    ("results", "registry"),
    ("settings", "data"),
    ("engine",),
    ("nouns", "records", "hookspecs", "errors", "notation", "seeded", "progress"),
)
VOCABULARY = FLOORS[-1]
FLOOR_OF = {room: len(FLOORS) - number for number, rooms in enumerate(FLOORS) for room in rooms}
MOST_LINES, MOST_LINES_OF_A_CLASS, MOST_ARROWS, MOST_FLOORS = 400, 200, 100, 8


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
    """The modules that a file imports, such as `evaluation.probing.metrics`; a public name is of the module that defines it."""
    found = set()
    for module, name in imported(tree, package):
        if module.split(".")[0] != "mirbench":
            found.add(module)
        elif module == "mirbench" and name in mirbench.__all__:
            found.add(getattr(getattr(mirbench, name), "__module__", "mirbench.errors").removeprefix("mirbench."))
        else:
            deeper = f"{module}.{name}".replace(".", "/").removeprefix("mirbench/")
            inside = name and ((CODE / f"{deeper}.py").is_file() or (CODE / deeper).is_dir())
            found.add((f"{module}.{name}" if inside else module).removeprefix("mirbench").lstrip("."))
    return found - {"", "mirbench"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(CODE).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    return module.split(".")[0]


def chamber_of(module: str) -> str:
    """The folder of a module, or a file of the vocabulary itself."""
    return module if (CODE / module.replace(".", "/")).is_dir() else module.rpartition(".")[0] or module


def imports() -> dict[str, set[str]]:
    """Of each module, the modules that it imports."""
    return {module_of(path): targets(ast.parse(path.read_text()), package_of(path)) for path in FILES}


def package_of(path: Path) -> str:
    return ".".join(["mirbench", *path.relative_to(CODE).parts[:-1]])


def arrows(graph: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Between rooms."""
    pairs = {(room_of(module), room_of(target)) for module, targets in graph.items() for target in targets}
    return {(room, other) for room, other in pairs if room != other}


def wrong(room: str, targets: set[str]) -> set[str]:
    """Of these modules, those that a room may not import."""
    below = {other for other, floor in FLOOR_OF.items() if floor < FLOOR_OF[room]}
    return {target for target in targets if room_of(target) not in {room, *below, *(VOCABULARY if room in VOCABULARY else ())}}


def picture() -> str:
    """The house as it stands: its floors, the lines of each room, the rooms that each imports, and what is wrong."""
    graph, lines = imports(), {}
    for path in FILES:
        lines[room_of(module_of(path))] = lines.get(room_of(module_of(path)), 0) + len(path.read_text().splitlines())
    told = []
    for floor, rooms in zip(range(len(FLOORS), 0, -1), FLOORS, strict=True):
        for room in rooms:
            found = {room_of(target) for module, targets in graph.items() if room_of(module) == room for target in targets} - {room}
            down = sorted(found, key=lambda other: -FLOOR_OF.get(other, 0))
            told.append(f"floor {floor}  {room:<12} {lines.get(room, 0):>5} lines  -> {' '.join(down)}")
            told += [f"         !! {module} imports {each}" for module in sorted(graph) if room_of(module) == room
                     for each in sorted(wrong(room, graph[module]))]  # fmt: skip
    chambers = {chamber_of(module) for module in graph}
    told.append(f"{len(FLOORS)} floors, {len(FLOOR_OF)} rooms, {len(chambers)} with their chambers, {len(arrows(graph))} arrows")
    return "\n" + "\n".join(told)


def test_every_file_has_its_room():
    strange = sorted({room_of(module_of(path)) for path in FILES} - FLOOR_OF.keys())
    assert strange == [], f"{strange} stand in mirbench/ itself; lay them in one of its rooms, or say in FLOORS where they are.{picture()}"


def test_imports_go_down():
    assert not any(wrong(room_of(module), targets) for module, targets in imports().items()), picture()


def test_no_files_import_each_other():
    left = {module: {other for other in targets if other != module} for module, targets in imports().items()}
    left = {module: targets & left.keys() for module, targets in left.items()}
    while free := [module for module, targets in left.items() if not targets]:
        left = {module: targets - set(free) for module, targets in left.items() if module not in free}
    assert left == {}, picture()


def test_the_house_stays_easy_to_draw():
    assert len(FLOORS) <= MOST_FLOORS
    assert len(arrows(imports())) <= MOST_ARROWS, picture()


@pytest.mark.parametrize("path", [*FILES, *PLUGIN_FILES], ids=lambda path: path.name)
def test_a_file_is_read_in_one_sitting(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    assert [c.name for c in classes if (c.end_lineno or 0) - c.lineno > MOST_LINES_OF_A_CLASS] == []


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES} - {CODE}), ids=lambda path: str(path.relative_to(CODE)))
def test_a_room_says_what_it_is_for(folder):
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    assert 2 <= len(said.splitlines()) <= 5, f"{folder.name}/__init__.py: what it is for, what comes in, what goes out"


@pytest.mark.parametrize(
    ("room", "source", "broken"),
    [
        ("data", "from mirbench.evaluation.probing.metrics import resolve", {"evaluation.probing.metrics"}),
        ("data", "from mirbench import semisupcon_loss", {"pretraining.losses"}),
        ("evaluation", "def late():\n    from mirbench.experiment import run", {"experiment.run"}),
        ("evaluation", "import mirbench.pretraining.losses", {"pretraining.losses"}),
        ("engine", "from ..data import audio", {"data.audio"}),
        ("evaluation", "from . import probing\nfrom .probing.metrics import Metric\nfrom mirbench.errors import MirbenchError", set()),
        ("data", "from mirbench_plugins.tasks import key", {"mirbench_plugins.tasks"}),
        ("errors", "from mirbench.records import Clip", set()),
        ("errors", "from mirbench.engine.store import Store", {"engine.store"}),
        ("reporting", "from mirbench.evaluation.probing import metrics", {"evaluation.probing.metrics"}),
        ("reporting", "from mirbench.results.merging import merge", set()),
    ],
)
def test_the_rule_sees_what_breaks_it(room, source, broken):
    assert wrong(room, targets(ast.parse(source), f"mirbench.{room}")) == broken


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
        ("import mirbench.engine.store", {"mirbench.engine.store"}),
        ("import mirbench\nx = mirbench.registry.load()", {"mirbench.registry"}),
        ("from mirbench import experiment", {"mirbench.experiment"}),
        ("from mirbench_plugins.tasks.key import Key", {"mirbench_plugins.tasks.key.Key"}),
        ("from ..tasks import key", {"..tasks"}),
    ],
)
def test_the_plugin_rule_sees_what_breaks_it(source, private):
    assert private_names(source) == private


def test_reporting_and_results_import_no_torch():
    names = [f"mirbench.{module_of(path)}" for path in FILES if room_of(module_of(path)) in ("reporting", "results")]
    code = f"import sys, importlib; [importlib.import_module(name) for name in {names}]; print({{'torch', 'sklearn'}} & set(sys.modules))"
    assert len(names) > 1
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_every_file_of_tests_has_a_name_of_its_own():
    """As pytest needs where folders of tests are no packages."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
