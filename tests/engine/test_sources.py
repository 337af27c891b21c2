"""What a hash of code follows and what it does not: on packages that these tests write, and on mirbench itself."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types
from pathlib import Path

import pytest

import mirbench
from mirbench.engine.sources import NEUTRAL, Sources, SourceTree

FUTURE = "from __future__ import annotations\n"
OURS = {
    "__init__.py": '"""Ours."""\nfrom ours.shapes import area as surface\n',
    "job.py": FUTURE
    + '''
"""Doc."""
import math
import os.path as where
from typing import TYPE_CHECKING
import numpy as np
import pandas
from scipy import signal as filters
import ours
from ours import tables as lists
from ours.helpers import scale, Unused
from .errors import Fault, told
from .steps.base import Base

if TYPE_CHECKING:
    import sklearn
    from ours.types import Shape

SIZE: int = 512  # samples
LOW, HIGH = 1, 9
TABLE = {"a": 1}
TABLE["b"] = LOW
COUNT = 1
COUNT += 2

def run(audio: Shape, size: int = SIZE) -> sklearn.Thing:
    """Runs."""
    from ours.late import later

    total: float = 0.0
    if size < 0:
        raise Fault(f"size is {size}, not positive; " "give another", size)
    for LOW in range(3):
        total += scale(audio) + later(LOW) + ours.surface(size) + lists.pick("x") + ours.Lazy().value
    return np.abs(total) * HIGH + COUNT

def unused(audio):
    """Nobody calls it."""
    return filters.lfilter(audio) + TABLE["a"]

class Job(Base):
    """A job."""

    rate = SIZE * 2
    names: list[str]

    def __init__(self, size):
        self.size = size

    def load(self, path):
        def inner():
            return self.prepared(path)

        return inner() + math.pi

    def train(self, path):
        return unused(path) + self.load(path)

    @property
    def long(self):
        return where.join(str(self.size))

    @staticmethod
    def made(size):
        return Job(size)
''',
    "helpers.py": "import torch\n\ndef scale(x):\n    return x * factor() - 1\n\ndef factor():\n    return deeper() + 2\n\n"
    "def deeper():\n    return torch.tensor(3)\n\nclass Unused:\n    pass\n\nTWICE = [scale for scale in (1, 2)]\n",
    "late.py": "def later(x):\n    return x ** 2\n",
    "shapes.py": "def area(x):\n    return x * x\n",
    "lazy.py": "class Lazy:\n    value = 4\n",
    "types.py": "class Shape:\n    sides = 3\n",
    "errors.py": "class Fault(Exception):\n    pass\n\ndef told(error):\n    return str(error)\n",
    "tables.py": "import joblib\n\nKNOWN = {}\n\ndef register(function):\n    KNOWN[function.__name__] = function\n    return function\n\n"
    "def pick(name):\n    return KNOWN[name]()\n\n@register\ndef x():\n    return 1\n\nfor name in ('y', 'z'):\n    KNOWN[name] = len\n",
    "steps/__init__.py": "",
    "steps/base.py": "from ours.steps.root import Root\n\nclass Base(Root):\n"
    "    def prepared(self, path):\n        return super().prepared(path) + 1\n\n"
    "    def trained(self):\n        return 7\n",
    "steps/root.py": "class Root:\n    kind = 'root'\n\n    def prepared(self, path):\n        return self.hook() + 5\n\n"
    "    def hook(self):\n        return 6\n\n    def whole(self):\n        return vars(self)\n",
}
PUBLIC = {"ours.Lazy": "ours.lazy"}


def written(folder, files=None, name="ours"):
    """A package."""
    for path, text in (OURS if files is None else files).items():
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_text(text)
    return folder / name


def tree_of(folder, **more):
    return SourceTree({folder.name: folder}, **{"public": PUBLIC, "neutral": ["ours.errors"], **more})


def used(tmp_path, files, root="ours.job:run", **more):
    return tree_of(written(tmp_path, {"__init__.py": "", **files}), **more).used_by(root)


def edited(folder, file, old, new):
    text = (folder / file).read_text()
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new))


@pytest.fixture
def ours(tmp_path):
    return written(tmp_path)


# What changes a hash, and what does not ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("job.py", "  # samples", "  # at a time\n"),
        ("job.py", '"""Runs."""', '"""Runs\n    well."""\n    "and so on"\n\n'),
        ("job.py", '    """Runs."""\n', ""),
        ("job.py", "size: int = SIZE", "size: float | None = SIZE"),
        ("job.py", "size: int = SIZE", "size=SIZE"),
        ("job.py", "-> sklearn.Thing", ""),
        ("job.py", "total: float = 0.0", "total = 0.0"),
        ("job.py", "SIZE: int = 512", "SIZE = 0x200"),
        ("job.py", "size is {size}, not positive; ", "a size of {size} is"),
        ("job.py", 'f"size is {size}, not positive; " "give another"', '"give another size"'),
        ("job.py", "filters.lfilter", "filters.filtfilt"),
        ("job.py", "        self.size = size", "        self.size = 2 * size"),
        ("job.py", "import pandas\n", ""),
        ("helpers.py", "class Unused:\n    pass", "class Unused:\n    much = 1"),
        ("helpers.py", "TWICE = [scale", "TWICE = [2 * scale"),
        ("types.py", "sides = 3", "sides = 4"),
        ("errors.py", "str(error)", "repr(error)"),
        ("errors.py", "pass", "code = 1"),
        ("steps/base.py", "+ 1", "+ 2"),
        ("steps/__init__.py", "", '"""Steps."""\n'),
    ],
)
def test_what_does_not_move_a_number_changes_nothing(ours, file, old, new):
    before = tree_of(ours).used_by("ours.job:run")
    if old:
        edited(ours, file, old, new)
    else:
        (ours / file).write_text(new)
    assert tree_of(ours).used_by("ours.job:run") == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("job.py", "SIZE: int = 512", "SIZE: int = 513"),
        ("job.py", "size: int = SIZE", "size: int = 2"),
        ("job.py", "LOW, HIGH = 1, 9", "LOW, HIGH = 1, 8"),
        ("job.py", "COUNT += 2", "COUNT += 3"),
        ("job.py", "size < 0", "size <= 0"),
        ("job.py", "np.abs(total) * HIGH", "np.abs(total) / HIGH"),
        ("job.py", 'lists.pick("x")', 'lists.pick("y")'),
        ("job.py", "import numpy as np", "import torch as np"),
        ("job.py", "from ours.helpers import scale,", "from ours.helpers import deeper as scale,"),
        ("helpers.py", "- 1", "- 2"),
        ("helpers.py", "+ 2", "+ 3"),
        ("helpers.py", "tensor(3)", "tensor(4)"),
        ("late.py", "** 2", "** 3"),
        ("lazy.py", "value = 4", "value = 5"),
        ("shapes.py", "x * x", "x + x"),
        ("__init__.py", "import area as surface", "import perimeter as surface"),
        ("tables.py", "return 1", "return 2"),
        ("tables.py", "('y', 'z')", "('y',)"),
    ],
)
def test_what_moves_a_number_changes_what_uses_it_and_nothing_else(ours, file, old, new):
    before, other = tree_of(ours).used_by("ours.job:run"), tree_of(ours).used_by("ours.steps.base")
    edited(ours, file, old, new)
    assert tree_of(ours).used_by("ours.job:run").digest != before.digest
    assert tree_of(ours).used_by("ours.steps.base") == other


def test_the_definitions_that_are_used_are_told(ours):
    assert tree_of(ours).used_by("ours.job:run").definitions == (
        *("ours.helpers:deeper", "ours.helpers:factor", "ours.helpers:scale"),
        *("ours.job:COUNT", "ours.job:COUNT#2", "ours.job:LOW, HIGH", "ours.job:SIZE", "ours.job:run"),
        *("ours.late:later", "ours.lazy:Lazy", "ours.shapes:area"),
        *("ours.tables:<module>", "ours.tables:KNOWN", "ours.tables:pick", "ours.tables:register", "ours.tables:x"),
    )


def test_a_changed_table_is_used_with_its_name(ours):
    found = tree_of(ours).used_by("ours.job:unused")
    assert found.definitions == ("ours.job:LOW, HIGH", "ours.job:TABLE", "ours.job:TABLE#2", "ours.job:unused")


def test_several_roots_are_one_closure(ours):
    tree = tree_of(ours)
    one, other, both = tree.used_by("ours.late:later"), tree.used_by("ours.lazy:Lazy"), tree.used_by("ours.late:later", "ours.lazy:Lazy")
    assert both.definitions == (*one.definitions, *other.definitions)
    assert len({one.digest, other.digest, both.digest}) == 3
    assert tree.used_by("ours.lazy:Lazy", "ours.late:later") == both


def test_names_that_are_exchanged_are_seen(tmp_path):
    files = {"a.py": "def f(): return 1\ndef g(): return 2\n", "job.py": "from ours.a import f, g\ndef run(): return f() - g()\n"}
    before = used(tmp_path, files)
    after = used(tmp_path, {**files, "job.py": files["job.py"].replace("import f, g", "import f as g, g as f")})
    assert before.definitions == after.definitions
    assert before.digest != after.digest


@pytest.mark.parametrize("root", ["ours.none:run", "ours.job:none", "ours.job:Job.none", "ours.job:run.none", "theirs:run", "ours.none"])
def test_a_root_that_is_not_there_is_refused(ours, root):
    with pytest.raises(ValueError, match=root):
        tree_of(ours).used_by(root)


# How names are followed ----------------------------------------------------------------------------------------------

TARGET = "def wanted(): return 1\ndef other(): return 2\n"


@pytest.mark.parametrize(
    "source",
    [
        "from ours.deep.target import wanted\ndef run(): return wanted()",
        "from ours.deep import target\ndef run(): return target.wanted()",
        "from .deep import target as t\ndef run(): return t.wanted()",
        "from .deep.target import wanted as w\ndef run(): return [w(x) for x in range(3)]",
        "import ours.deep.target\ndef run(): return ours.deep.target.wanted()",
        "import ours.deep.target as t\ndef run(): return t.wanted()",
        "import ours\ndef run(): return ours.again.wanted()",
        "import ours\ndef run(): return ours.deep.target.wanted()",
        "def run():\n    import ours.deep.target\n    return ours.deep.target.wanted()",
        "def run():\n    from ours.deep import target\n    def inner(target):\n        return target\n    return lambda: target.wanted()",
        "from ours import renamed\ndef run(): return renamed()",
        "from ours import late\ndef run(): return late()",
        "import ours\ndef run(): return ours.late",
        "from ours.deep.target import wanted\ntry:\n    import fast\nexcept ImportError:\n    fast = wanted\ndef run(): return fast",
        "from ours.deep.target import wanted\ndef run():\n    [wanted for wanted in range(3)]\n    return wanted",
        "from ours.deep.target import wanted\ndef run():\n    global wanted\n    wanted = wanted\n    return 1",
        "from ours.deep.target import wanted\ndef run():\n    class A:\n        wanted = wanted\n    return A",
        "from ours.deep.target import wanted\nrun = (lambda: 1) if wanted else 2",
        "class run:\n    from ours.deep.target import wanted",
        "from ours.deep.target import wanted\ndef run(): return [wanted for wanted in wanted]",
        "from ours.deep import target\nfrom ours import lates\nlates.late = target.wanted\ndef run(): return 1",
        "from ours.deep.target import wanted\nif wanted:\n    run = 1\nelse:\n    run = 2",
        "from ours.deep.target import wanted\nx = (run := wanted)",
        "from ours.deep.target import wanted\nx = y = wanted\n(z, *run), a = x, y",
        "from ours.deep.target import wanted\nclass A:\n    @wanted\n    def f(self): ...\nclass run(A): ...",
        "from ours.deep.target import wanted\nclass A:\n    def f(self, x=wanted): ...\ndef run(): raise ValueError(f'no {A}')",
        "from ours.deep.target import wanted\nclass A:\n    f: int = wanted\ndef run(x):\n    match x:\n        case A(): return 1",
    ],
)
def test_a_name_is_followed_however_it_is_imported(tmp_path, source):
    files = {
        "__init__.py": "from ours.deep import target as again\nfrom .deep.target import wanted as renamed\n",
        "deep/__init__.py": "from . import target\n",
        "deep/target.py": TARGET,
        "lates.py": "from ours.deep.target import wanted as late\n",
        "job.py": FUTURE + source,
    }
    found = used(tmp_path, files, public={"ours.late": "ours.lates"})
    assert "ours.deep.target:wanted" in found.definitions
    assert "ours.deep.target:other" not in found.definitions


@pytest.mark.parametrize(
    "source",
    [
        "from ours.deep.target import wanted\ndef run(wanted): return wanted",
        "from ours.deep.target import wanted\ndef run(x): return [wanted for wanted in x]",
        "from ours.deep.target import wanted\ndef run(x):\n    with x as wanted:\n        return lambda: wanted",
        "from ours.deep.target import wanted\ndef run(x) -> wanted:\n    y: wanted = 1\n    return y",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ours.deep.target import wanted\ndef run(x): return 'wanted'",
        "import typing\ndef run(x):\n    if typing.TYPE_CHECKING:\n        from ours.deep.target import wanted\n    return 1",
        "from ours.deep.target import wanted\ndef run(x): return x.wanted",
        "from ours.deep import target\ndef run(): return target.__file__",
    ],
)
def test_another_thing_of_the_same_name_is_not(tmp_path, source):
    found = used(tmp_path, {"deep/target.py": TARGET, "deep/__init__.py": "", "job.py": FUTURE + source})
    assert not [name for name in found.definitions if "target" in name]


@pytest.mark.parametrize(
    "source",
    [
        "from ours.deep.target import *\ndef run(): return wanted()",
        "import importlib\ndef run(): return importlib.import_module('ours.deep.target').wanted()",
        "from ours.deep import target\ndef run(name): return getattr(target, name)()",
        "from ours.deep.target import something\ndef run(): return something()",
        "from ours import reached\ndef run(): return vars(reached)",
        "from ours import again\ndef run(name): return getattr(again, name)",
    ],
)
def test_where_it_is_not_clear_what_is_used_all_of_the_module_is(tmp_path, source):
    files = {"deep/target.py": TARGET, "deep/__init__.py": "", "reached.py": "from ours.deep import target as t\nx = dir(t)\n"}
    files["again.py"] = "from .deep.target import wanted as wanted, other as other\n"
    found = used(tmp_path, {**files, "job.py": source})
    assert {"ours.deep.target:wanted", "ours.deep.target:other"} <= set(found.definitions)


def test_names_that_are_made_up_may_be_any_of_their_own_module(tmp_path):
    found = used(tmp_path, {"job.py": "def run(name): return globals()[name]()\ndef f(): return 1\n"})
    assert "ours.job:f" in found.definitions


def test_annotations_that_python_evaluates_are_followed(tmp_path):
    source = "from ours.deep.target import wanted\ndef run(x: wanted): return x"
    found = used(tmp_path, {"deep/target.py": TARGET, "deep/__init__.py": "", "job.py": source})
    assert "ours.deep.target:wanted" in found.definitions


@pytest.mark.parametrize(
    ("old", "new"),
    [("b: int = 1", "b: int = 2"), ("b: int = 1", "b: ClassVar[int] = 1"), ("b: int = 1", "b = 1"), ("a: int\n", "c: int\n")],
)
def test_the_fields_of_a_dataclass_count(tmp_path, old, new):
    source = FUTURE + "from typing import ClassVar\nfrom dataclasses import dataclass\n@dataclass\nclass run:\n    a: int\n    b: int = 1\n"
    before = used(tmp_path, {"job.py": source})
    assert used(tmp_path, {"job.py": source.replace("a: int", "a: float")}) == before
    assert used(tmp_path, {"job.py": source.replace(old, new)}).digest != before.digest


def test_what_importing_does_counts(tmp_path):
    files = {
        "job.py": "import ours.deep.extra\nfrom ours.deep import quiet\ndef run(): return 1\n",
        "deep/__init__.py": "print('deep')\n",
        "deep/extra.py": "from ours.tables import register\n@register\ndef extra(): return 1\ndef unused(): return 2\n",
        "deep/quiet.py": "def f(): return 1\nf()\ndef g(): return 2\n",
        "tables.py": OURS["tables.py"],
    }
    assert used(tmp_path, files).definitions == (
        *("ours.deep.extra:extra", "ours.deep.quiet:<module>", "ours.deep.quiet:f", "ours.deep:<module>", "ours.job:run"),
        *("ours.tables:<module>", "ours.tables:KNOWN", "ours.tables:register", "ours.tables:x"),
    )


def test_a_decorator_of_a_neutral_module_registers_nothing(tmp_path):
    files = {"hooks.py": "def hook(f): return f\n", "job.py": "from ours.hooks import hook\ndef run(): ...\n@hook\ndef other(): ...\n"}
    assert used(tmp_path, files).definitions == ("ours.hooks:hook", "ours.job:other", "ours.job:run")
    assert used(tmp_path, files, neutral=["ours.hooks"]).definitions == ("ours.job:run",)


def test_circular_imports_come_to_an_end(tmp_path):
    files = {
        "job.py": "from ours.b import A, g, lost\ndef run(): return g() + lost\ndef f(): return run()\nclass A(A):\n    def f(self): ...\n",
        "b.py": "from ours.job import f, lost, A\ndef g(): return f()\nclass A(A): ...\n",
    }
    assert used(tmp_path, files).definitions[:4] == ("ours.b:g", "ours.job:f", "ours.job:run")
    assert "ours.job:A" in tree_of(tmp_path / "ours").used_by("ours.b:A").definitions
    assert "ours.job:A.f" in tree_of(tmp_path / "ours").used_by("ours.b:A.f").definitions


# Packages of others --------------------------------------------------------------------------------------------------


def test_packages_follow_use(ours):
    tree = tree_of(ours)
    assert tree.used_by("ours.job:run").packages == ("numpy", "torch")
    assert tree.used_by("ours.job:unused").packages == ("scipy",)
    assert tree.used_by("ours.late:later").packages == ()
    assert tree.used_by("ours.steps.base").packages == ()


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        ("import numpy.linalg\ndef run(): return numpy.linalg.norm", ("numpy",)),
        ("def run():\n    from torch.nn import functional as F\n    return F.relu", ("torch",)),
        ("def run():\n    import audiomentations  # noqa: F401\n    return 1", ()),
        ("import importlib\ndef run(): return importlib.import_module('mirdata')", ("mirdata",)),
        ("from numpy import *\ndef run(): return array", ("numpy",)),
        ("import torch\nclass run(torch.nn.Module): ...", ("torch",)),
        ("import torch\n@torch.no_grad()\ndef run(): ...\n@torch.no_grad()\ndef other(): ...", ("torch",)),
        ("try:\n    import av\nexcept ImportError:\n    av = None\ndef run(): return av", ("av",)),
        ("try:\n    import av\nexcept ImportError:\n    av = None\ndef run(): return 1", ()),
        ("import json, os.path, numpy as np\ndef run(): return json, os", ()),
    ],
)
def test_packages_however_they_are_imported(tmp_path, source, packages):
    assert used(tmp_path, {"job.py": source}).packages == packages


# Methods -------------------------------------------------------------------------------------------------------------


def test_a_class_is_used_with_those_above_it(ours):
    found = tree_of(ours).used_by("ours.job:Job")
    assert {"ours.job:Job.train", "ours.job:unused", "ours.steps.base:Base.trained", "ours.steps.root:Root.whole"} <= set(found.definitions)


def test_one_method_is_used_with_what_it_reaches(ours):
    found = tree_of(ours).used_by("ours.job:Job.load")
    assert found.definitions == (
        *("ours.job:Job", "ours.job:Job.__init__", "ours.job:Job.load", "ours.job:Job.long", "ours.job:SIZE"),
        *("ours.steps.base:Base", "ours.steps.base:Base.prepared"),
        *("ours.steps.root:Root", "ours.steps.root:Root.hook", "ours.steps.root:Root.prepared"),
    )
    assert "ours.job:unused" in tree_of(ours).used_by("ours.job:Job.train").definitions
    assert "ours.steps.base:Base.trained" in tree_of(ours).used_by("ours.job:Job.whole").definitions


def test_a_method_under_another_name_is_used_with_its_class(tmp_path):
    source = "class A:\n    def _f(self): return self.g()\n    f = _f\n    def g(self): ...\n    def h(self): ...\n    def i(self): ...\n"
    assert used(tmp_path, {"job.py": source}, "ours.job:A.i").definitions == ("ours.job:A", "ours.job:A._f", "ours.job:A.g", "ours.job:A.i")


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("job.py", "unused(path) + self", "unused(path) - self", False),
        ("job.py", "math.pi", "math.e", True),
        ("job.py", "rate = SIZE * 2", "rate = SIZE * 3", True),
        ("job.py", "        self.size = size", "        self.size = 2 * size", True),
        ("steps/base.py", "+ 1", "+ 2", True),
        ("steps/base.py", "return 7", "return 8", False),
        ("steps/root.py", "return 6", "return 7", True),
        ("steps/root.py", "kind = 'root'", "kind = 'other'", True),
    ],
)
def test_a_changed_method_changes_what_reaches_it(ours, file, old, new, changed):
    before = tree_of(ours).used_by("ours.job:Job.load")
    edited(ours, file, old, new)
    assert (tree_of(ours).used_by("ours.job:Job.load") != before) is changed


# Objects and files ---------------------------------------------------------------------------------------------------


def imported(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A package and a file outside, imported, that builds on it."""
    package = written(tmp_path, {
        "__init__.py": "",
        "base.py": "from ours.parts import part, cost\nclass Base:\n    def load(self): return self.build() + part()\n"
        "    def build(self): return 1\n    def train(self): return cost()\n",
        "parts.py": "def part():\n    import torch\n    return torch\n\ndef cost():\n    import scipy\n    return scipy\n",
    })  # fmt: skip
    file = tmp_path / "plugins" / "mine.py"
    file.parent.mkdir()
    file.write_text(
        "from ours.base import Base\nfrom mine_helper import help\n"
        "class Mine(Base):\n    name = 'mine'\n    def build(self): return help()\n"
        "    def check(self):\n        import numpy\n        return numpy\n"
    )
    (file.parent / "mine_helper.py").write_text("def help(): return 1\ndef other(): return 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(file.parent))
    yield package, file, imported(file, "mirbench_plugin_mine_0123").Mine()
    for name in [name for name in sys.modules if name.startswith(("ours", "mine_helper", "mirbench_plugin_mine_"))]:
        del sys.modules[name]


def test_the_methods_of_an_object_are_those_of_its_class(mine):
    package, _, thing = mine
    load = tree_of(package).of_object(thing, methods=["load"])
    assert load.definitions == (
        *("mine:Mine", "mine:Mine.build", "mine_helper:help", "ours.base:Base", "ours.base:Base.load", "ours.parts:part"),
    )  # fmt: skip
    assert load.packages == ("torch",)
    whole = tree_of(package).of_object(thing)
    assert set(whole.definitions) - set(load.definitions) == {
        "mine:Mine.check",
        "ours.base:Base.build",
        "ours.base:Base.train",
        "ours.parts:cost",
    }
    assert whole.packages == ("numpy", "scipy", "torch")
    with pytest.raises(ValueError, match="Mine has no fly"):
        tree_of(package).of_object(thing, methods=["fly"])


def test_a_plugin_file_is_used_whole_wherever_it_lies(mine, tmp_path):
    package, file, _ = mine
    found = tree_of(package).of_files([file])
    assert {"mine:Mine.check", "mine_helper:help", "ours.base:Base.train"} <= set(found.definitions)
    assert "mine_helper:other" not in found.definitions
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in file.parent.glob("*.py"):
        (elsewhere / path.name).write_text(path.read_text())
    assert tree_of(package).of_files([elsewhere / "mine.py"]) == found
    edited(elsewhere, "mine_helper.py", "return 1", "return 3")
    assert tree_of(package).of_files([elsewhere / "mine.py"]).digest != found.digest
    with pytest.raises(FileNotFoundError):
        tree_of(package).of_files([tmp_path / "none.py"])


def test_two_plugin_files_of_one_name_are_two(tmp_path):
    package = written(tmp_path, {"__init__.py": ""})
    for folder, number in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "numpy.py").write_text(f"X = {number}\n")
    tree = tree_of(package)
    files = tmp_path / "a" / "numpy.py", tmp_path / "b" / "numpy.py"
    one, other, both = tree.of_files(files[:1]), tree.of_files(files[1:]), tree.of_files(files)
    assert len({one.digest, other.digest, both.digest}) == 3
    assert tree_of(package).of_files(files[1:]) == other


def test_the_package_of_a_stranger_is_read_like_ours(tmp_path):
    ours = written(tmp_path, {"__init__.py": "", "parts.py": "def part(): return 1\ndef other(): return 2\n"})
    files = {
        "__init__.py": "from .plug import Plug\n",
        "plug.py": "from ours import parts\nclass Plug:\n    def f(self): return parts.part()\n",
    }
    theirs = written(tmp_path, files, "theirs")
    found = tree_of(ours).of_files([theirs / "__init__.py", theirs / "plug.py"])
    assert found == Sources(found.digest, (), ("ours.parts:part", "theirs.plug:Plug", "theirs.plug:Plug.f"))


def test_objects_made_with_arguments_are_of_all_of_their_module(tmp_path, monkeypatch):
    source = (
        "class Sized:\n    def __init__(self, size): self.size = size\n    def f(self): return self.size\ndef made(): return [Sized({})]\n"
    )
    package = written(tmp_path, {"__init__.py": "", "sized.py": source.format(3)}, "sizes")
    monkeypatch.syspath_prepend(str(tmp_path))
    thing = importlib.import_module("sizes.sized").made()[0]
    before = tree_of(package).of_object(thing, methods=["f"])
    (package / "sized.py").write_text(source.format(4))
    assert tree_of(package).of_object(thing, methods=["f"]).digest != before.digest


def test_a_file_that_is_no_python_counts_by_its_bytes(ours):
    (ours / "late.py").write_text("def later(x:\n")
    before = tree_of(ours).used_by("ours.job:run")
    assert "ours.late:<module>" in before.definitions
    edited(ours, "late.py", "later", "LATER")
    assert tree_of(ours).used_by("ours.job:run").digest != before.digest


# The memo ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def unread(monkeypatch):
    """Nothing can be parsed."""

    def refuse(*given):
        raise AssertionError("it is read anew")

    return lambda: monkeypatch.setattr("mirbench.engine.syntax.summary_of", refuse)


def test_a_memo_gives_the_same_without_reading(ours, tmp_path, unread):
    roots = ["ours.job:run", "ours.job:Job.load", "ours.steps.base"]
    plain = [tree_of(ours).used_by(root) for root in roots]
    memo = tmp_path / "cache" / "memo.json"
    assert [tree_of(ours, memo=memo).used_by(root) for root in roots] == plain
    unread()
    assert [tree_of(ours, memo=memo).used_by(root) for root in roots] == plain


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b.replace(b"later", b"LATER"), lambda b: b"\xff[]"]
)
def test_a_damaged_memo_is_made_anew(ours, tmp_path, damage, unread):
    memo = tmp_path / "memo.json"
    before = tree_of(ours, memo=memo).used_by("ours.job:run")
    memo.write_bytes(damage(memo.read_bytes()))
    assert tree_of(ours, memo=memo).used_by("ours.job:run") == before
    unread()
    assert tree_of(ours, memo=memo).used_by("ours.job:run") == before


def test_a_memo_that_cannot_be_written_is_done_without(ours, tmp_path):
    (tmp_path / "file").touch()
    assert tree_of(ours, memo=tmp_path / "file" / "memo.json").used_by("ours.job:run") == tree_of(ours).used_by("ours.job:run")


def test_a_changed_file_is_seen(ours, tmp_path):
    memo = tmp_path / "memo.json"
    before = tree_of(ours, memo=memo).used_by("ours.job:run")
    stat = (ours / "late.py").stat()
    edited(ours, "late.py", "** 2", "** 3")
    os.utime(ours / "late.py", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert tree_of(ours, memo=memo).used_by("ours.job:run") == tree_of(ours).used_by("ours.job:run") != before


# mirbench itself -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mirbench_tree():
    return SourceTree(neutral=(*NEUTRAL, "mirbench.registry"))


def test_loading_a_backbone_does_not_follow_how_it_was_trained(mirbench_tree):
    load = mirbench_tree.used_by("mirbench.pretraining.encoder:BackboneEncoder.load")
    pretrain = mirbench_tree.used_by("mirbench.pretraining.encoder:BackboneEncoder.pretrain")
    loss = "mirbench.pretraining.losses:semisupcon_loss"
    assert loss in pretrain.definitions
    assert loss not in load.definitions
    assert "mirbench.pretraining.checkpoints:load_checkpoint" in load.definitions
    assert "lightning_fabric" in pretrain.packages
    assert not {"lightning_fabric", "scipy", "soundfile"} & set(load.packages)


def test_a_built_in_noun_is_its_own_class(mirbench_tree):
    from mirbench_plugins.corruptions.levels import GainDown

    found = mirbench_tree.of_object(GainDown())
    assert "mirbench_plugins.corruptions.levels:GainDown.apply" in found.definitions
    assert "mirbench.seeded:seeded" in found.definitions
    assert not [name for name in found.definitions if "GainUp" in name or "register" in name]
    assert "audiomentations" in found.packages


def test_every_file_of_ours_can_be_read(mirbench_tree):
    files = sorted(Path(mirbench.__file__).parent.joinpath("pretraining").rglob("*.py"))
    found = mirbench_tree.of_files(files)
    assert len(found.definitions) > 100
    assert not {"mirbench", "mirbench_plugins", "os", "ast"} & set(found.packages)


def test_every_public_name_is_found(mirbench_tree):
    lost = [name for name in mirbench.__all__ if not mirbench_tree.used_by(f"mirbench:{name}").definitions]
    assert lost == ["MirbenchError", "hookimpl", "progress_bar"]


MADE = """
class Loud:
    gain = 1

    def load(self):
        return 2

def make():
    it = Loud()
    it.gain = 3
    return it
"""


def test_an_object_with_attributes_of_its_own_has_all_of_its_module(tmp_path):
    """They are set somewhere in it."""

    def digest(text: str) -> str:
        module = types.ModuleType("loud_encoder")
        module.__file__ = str(tmp_path / "loud_encoder.py")
        Path(module.__file__).write_text(text)
        sys.modules["loud_encoder"] = module
        exec(compile(text, module.__file__, "exec"), vars(module))
        try:
            return SourceTree().of_object(module.make(), ["load"]).digest
        finally:
            del sys.modules["loud_encoder"]

    assert digest(MADE) == digest(MADE + "# as it is\n")
    assert digest(MADE) != digest(MADE.replace("it.gain = 3", "it.gain = 5"))
