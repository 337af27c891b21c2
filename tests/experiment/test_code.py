"""What is retired by a change of the code: nothing by comments, sentences and reports, and by code exactly what uses it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mirbench
from mirbench import registry
from mirbench.data.file_facts import SourceTree
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.code import ROOTS, resolve_code, source_tree

CODE = Path(mirbench.__file__).parent
PLAN = """
import json
from pathlib import Path
from mirbench import registry
from mirbench.experiment.resolve.resolve import settle
from mirbench.experiment.run import plan
from mirbench.settings.config import load_config
nouns = registry.load()
tasks = ["tagging", "key", "genre"]
flags = {"encoders": ["semisupcon", "simclr"], "tasks": tasks, "corruptions": ["low-pass"], "severities": "1", "device": "cpu"}
planned = plan(settle(load_config([], [], flags), nouns), nouns, Path("cache"))
print(json.dumps({job.kind.removeprefix("corrupted-") + ": " + job.title: job.key for job in planned.graph.jobs}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the code, and what changing it retires: (file, old, new) -> the kinds and titles of jobs."""
    home = tmp_path_factory.mktemp("copy")
    shutil.copytree(CODE, home / "mirbench", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("plugins", "configs"):
        source = next(iter(__import__(f"mirbench_{name}").__path__))
        shutil.copytree(source, home / f"mirbench_{name}", ignore=shutil.ignore_patterns("__pycache__"))

    def keys() -> dict[str, str]:
        environment = os.environ | {"PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([sys.executable, "-c", PLAN], cwd=home, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    usual = keys()

    def retired(file: str, old: str, new: str) -> set[str]:
        path = home / file
        text = path.read_text()
        assert text.count(old) >= 1, (file, old)
        path.write_text(text.replace(old, new, 1))
        try:
            return {title for title, key in keys().items() if usual[title] != key}
        finally:
            path.write_text(text)

    retired.all = usual
    return retired


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("mirbench/evaluation/probing/probes.py", "from __future__", "# a comment\nfrom __future__"),
        (
            "mirbench/evaluation/embedding/windows.py",
            '"""(samples,) -> (windows',
            '"""Other words: (samples,) -> (windows',
        ),
        ("mirbench/evaluation/embedding/windows.py", "failed while embedding", "broke while it embedded"),
        ("mirbench/reporting/tables/scores.py", "from __future__ import annotations\n", "from __future__ import annotations\nX = 1\n"),
        ("mirbench/cli/app.py", "from __future__ import annotations\n", "from __future__ import annotations\nX = 1\n"),
        ("mirbench/engine/executor.py", "self.sharing = store, budget_megabytes, sharing", "self.x = store, budget_megabytes, sharing"),
        ("mirbench/evaluation/probing/metric_functions.py", "def r2(", "def r2_of_old(): ...\n\n\ndef r2("),
        ("mirbench_plugins/probes/linear.py", "dimensions, 500 to 5,000", "dimensions, 500 to 6,000"),
        ("mirbench_plugins/probes/mlp.py", "hidden", "big hidden"),
        ("mirbench/evaluation/estimators/mlp.py", "self.best_iter_, kept = -np.inf, 0", "self.best_iter_, kept = -np.inf, 1"),
        ("mirbench/evaluation/probing/scorers.py", "if not counts.any()", "if not counts.all()"),
        ("mirbench_plugins/tasks/emotion.py", "from __future__ import annotations\n", "from __future__ import annotations\nX = 1\n"),
    ],
    ids=lambda text: text[:24] if "/" not in text else text.rpartition("/")[2],
)
def test_what_makes_no_number_of_the_run_retires_nothing(copy, file, old, new):
    assert copy(file, old, new) == set()


def of(copy, *words, kinds=("checkpoints", "embeddings", "probes", "predictions", "scores", "similarities", "decisions", "costs", "maps")):
    return {title for title in copy.all if title.split(":")[0] in kinds and all(word in title for word in words)}


def test_a_loss_retires_what_learns_by_it(copy):
    changed = copy("mirbench/pretraining/losses.py", "temperature: float = 0.1", "temperature: float = 0.2")
    assert changed == of(copy, "semisupcon") | of(copy, "simclr")


def test_a_window_rule_retires_embeddings_and_what_is_made_of_them_alone(copy):
    rule = "count = -(-(len(audio) - length) // min(hop or length, length)) + 1"
    changed = copy("mirbench/evaluation/embedding/windows.py", rule, rule.removesuffix("1") + "2")
    assert changed == of(copy, kinds=("embeddings", "probes", "predictions", "scores", "similarities", "decisions", "maps"))
    assert of(copy, kinds=("checkpoints",)) - changed


def test_a_metric_retires_the_scores_of_the_tasks_that_it_scores(copy):
    """And their probes where it is the headline, by which those are chosen."""
    at = "mirbench/evaluation/probing/metric_functions.py"
    f1 = copy(at, "def macro_f1(targets: np.ndarray, ", "def macro_f1(others: np.ndarray, ")
    assert f1 == of(copy, "genre on", kinds=("scores",))
    mirex = copy(at, "return 0.3", "return 0.31")
    assert mirex == of(copy, "key on", kinds=("probes", "predictions", "scores")) | of(copy, kinds=("similarities", "decisions", "maps"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("mirbench_plugins/probes/linear.py", "1e-1, 1.0, 10.0)", "1e-1, 1.0)"),
        ("mirbench_plugins/probes/linear.py", "warm_start=True", "warm_start=False"),
        ("mirbench/evaluation/estimators/solver.py", "ARMIJO = 1e-4", "ARMIJO = 1e-3"),
        ("mirbench/evaluation/estimators/scaler.py", "ROUNDING = 1e-6", "ROUNDING = 1e-5"),
        ("mirbench/evaluation/probing/probes.py", "validation[-1] > highest", "validation[-1] >= highest"),
    ],
)
def test_a_grid_an_estimator_and_how_one_is_chosen_retire_the_probes(copy, file, old, new):
    standardised = ("similarities", "maps") if file.endswith("scaler.py") else ()
    assert copy(file, old, new) == of(copy, kinds=("probes", "predictions", "scores", "decisions", *standardised))


def test_a_corruption_retires_what_is_made_under_it(copy):
    changed = copy("mirbench_plugins/corruptions/filters.py", "def apply(self", "def apply_again(self): ...\n\n    def apply(self")
    assert changed == set()
    changed = copy("mirbench/evaluation/embedding/corruption.py", "digest()[:4]", "digest()[4:8]")
    under = {title for title in of(copy, "low-pass") if not title.startswith("checkpoints")}
    assert under <= changed
    assert not of(copy, kinds=("checkpoints",)) & changed


PROBE = """
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

import mirbench


@mirbench.hookimpl
def register_probes():
    chain = make_pipeline(FunctionTransformer(np.tanh), FunctionTransformer(lambda x: 2 * x), SVC(kernel=KERNEL))
    return [mirbench.Probe("mine", chain, {"svc__class_weight": [dict(enumerate(WEIGHTS)), None], "svc__C": [0.1, 1]})]


KERNEL, WEIGHTS = "rbf", np.arange(2000.0) + 1
"""


def test_an_estimator_that_is_given_is_known_by_its_values_and_never_by_where_they_lie(tmp_path):
    def of(text: str) -> dict:
        (tmp_path / "mine.py").write_text(text)
        nouns, store = registry.load([str(tmp_path / "mine.py")]), Store(tmp_path / "cache")
        found = resolve_code(source_tree(store), nouns, [], probes=[nouns.probes["mine"]]).probes["mine"]
        return {"estimator": found["estimator"], "grid": found["grid"]}

    first = of(PROBE)
    assert "0x" not in str(first)
    kept = [np.zeros(99) for _ in range(1000)]  # so that nothing lies where it lay
    assert of(PROBE) == first
    assert of(PROBE.replace('"rbf"', '"linear"'))["estimator"] != first["estimator"]
    for array in ("WEIGHTS[::-1]", "WEIGHTS[1:]"):
        assert (
            of(PROBE.replace("dict(enumerate(WEIGHTS))", array))["grid"] != of(PROBE.replace("dict(enumerate(WEIGHTS))", "WEIGHTS"))["grid"]
        )
    with pytest.raises(MirbenchError, match=r"the probe 'mine' has a parameter <object object at 0x.*, of which nothing tells its value"):
        of(PROBE.replace("[0.1, 1]", "[object()]"))
    del kept


def test_all_by_which_audio_is_compared_and_listened_to_is_in_the_key_of_that(tmp_path):
    tree = SourceTree(memo=tmp_path / "memo")
    used = {name for name in tree.used_by("mirbench.experiment.recipes.overlap:OverlapSearch").definitions if ".data.duplicates." in name}
    keyed = {name for root in ROOTS["overlaps"] for name in tree.used_by(root).definitions}
    assert "mirbench.data.duplicates.outline:MOST_SILENT" in used
    assert used - keyed == set()
