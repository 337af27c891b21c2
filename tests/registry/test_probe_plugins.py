"""A probe of a plugin: found by name, run with its estimator and grid, stored without pickle, and refused where it cannot work."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from probe_data import fitted, made
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, SVR

import mirbench
from mirbench import MirbenchError, cli, registry
from mirbench.evaluation.probing.probes import is_seeded, misfit
from mirbench.evaluation.probing.stored_probes import read_probe, write_probe
from mirbench.testing import check_probe

PLUGIN = """
import mirbench


def svm():
    from sklearn.svm import SVC

    return SVC()


@mirbench.hookimpl
def register_probes():
    return [mirbench.Probe("svm", svm, {"C": [0.1, 1, 10]}, "support vectors", targets=("multiclass",))]
"""
OWN = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

import mirbench


class First(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(X[:, 0] > 0).astype(int)]


@mirbench.hookimpl
def register_probes():
    return [mirbench.Probe("first", First(), description="by the sign of the first feature")]
"""

pytestmark = pytest.mark.usefixtures("built_in")


def refused(*files: str) -> str:
    with pytest.raises(MirbenchError) as caught:
        registry.load(files)
    return str(caught.value)


def test_what_is_built_in_imports_no_scikit_learn_until_it_is_fitted():
    code = "import sys; from mirbench import registry; print(list(registry.load().probes), 'sklearn' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "['linear', 'mlp', 'knn', 'nearest-centroid'] False\n"


@pytest.mark.parametrize("name", ["linear", "mlp", "knn", "nearest-centroid"])
def test_the_built_in_probes_keep_to_the_contract(name):
    check_probe(registry.load().probes[name])


def test_the_nearest_neighbours_are_those_of_the_same_direction():
    found = registry.load().probes["knn"].build("multiclass").set_params(n_neighbors=1).fit([[1.0, 0.0], [0.0, 10.0]], ["near", "along"])
    assert found.predict([[0.2, 1.0]]) == ["along"]


@pytest.mark.slow
def test_a_probe_of_a_plugin_runs_and_another_grid_fits_anew(tiny_run, tiny_command, tmp_path):
    cache, _ = tiny_run
    plugin = tmp_path / "svm.py"

    def run(name, text, code=0, probe="svm"):
        plugin.write_text(text)
        words = ("--plugin", str(plugin), "--probe", probe, "--tasks", "genre", "--encoder", "untrained", "--quiet", "--set")
        assert cli.main([*tiny_command(cache, tmp_path / "results", *words, "floors=[]"), "--set", f"run_name={name}"]) == code

    def probes():
        return {path.name for path in (cache / "probes").iterdir()}

    before = probes()
    run("one", PLUGIN)
    new = probes() - before
    (report,) = [json.loads((cache / "probes" / key / "report.json").read_text()) for key in new]
    assert report["kind"] == "svm"
    assert report["grid"] == [{"C": 0.1}, {"C": 1}, {"C": 10}]
    assert report["chosen"] == report["grid"][int(np.argmax(report["validation"]))]
    with open(tmp_path / "results" / "one" / "scores.csv") as file:
        assert {row["encoder"] for row in csv.DictReader(file)} == {"untrained", "majority"}
    run(
        "two", PLUGIN.replace("def svm():", 'def svm():\n    """A docstring."""').replace("import mirbench", "import mirbench  # a comment")
    )
    assert probes() - before == new
    run("three", PLUGIN.replace("[0.1, 1, 10]", "[0.1, 1]"))
    assert len(probes() - before) == 2


def test_the_nearest_name_is_told(write, tiny_command, tmp_path, capsys):
    plugin = write(PLUGIN)
    assert cli.main(["run", "--plugin", plugin, "--probe", "svn", "--cache", str(tmp_path), "--plan"]) == 2
    said = capsys.readouterr().err
    assert "no probe is named 'svn'; did you mean 'svm'? Known: knn, linear, mlp, nearest-centroid, svm." in said


def test_a_grid_that_the_estimator_does_not_have_is_told_by_the_plan(write, tiny_command, tmp_path, capsys):
    plugin = write(PLUGIN.replace('{"C": ', '{"Cs": '))
    words = ("--plugin", plugin, "--probe", "svm", "--tasks", "genre", "--encoder", "untrained", "--plan")
    assert cli.main(tiny_command(tmp_path / "cache", tmp_path / "results", *words)) == 2
    assert "no parameter of SVC, the estimator of the probe 'svm', is named 'Cs'; did you mean 'C'?" in capsys.readouterr().err


def test_a_list_and_a_page(write, capsys):
    plugin = write(PLUGIN)
    assert cli.main(["list", "probes", "--plugin", plugin]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["linear", "mlp", "knn", "nearest-centroid", "svm"]
    assert cli.main(["list", "svm", "--plugin", plugin]) == 0
    page = capsys.readouterr().out
    assert page.splitlines()[0] == "probe svm: support vectors"
    assert "multiclass: SVC(), at C [0.1, 1, 10]" in page
    assert "regression" not in page
    assert cli.main(["list", "probes", "linear", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["targets"]["regression"]["estimator"] == "sklearn.linear_model._ridge.Ridge"
    assert facts["targets"]["multiclass"]["parameters"]["max_iter"] == "3000"
    assert facts["seeded"] is False


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "svm, {",
            "None, {",
            "probe 'svm' has no estimator; give it a scikit-learn estimator, such as estimator=SVC(), or a function that",
        ),
        ("svm, {", "3, {", "probe 'svm' has estimator = 3; give it a scikit-learn estimator"),
        (
            '{"C": [0.1, 1, 10]}',
            "[1, 2]",
            "probe 'svm' has grid = [1, 2]; it should be a mapping of parameters to their values, such as {'C'",
        ),
        ("[0.1, 1, 10]", "10", "probe 'svm' has 10 for 'C' in its grid; it should be a list of values, such as [0.1, 1, 10] or np."),
        (
            '("multiclass",)',
            '"multiclass"',
            "probe 'svm' has targets = 'multiclass'; it should be a tuple of some of multiclass, multilabel",
        ),
        (
            '"svm", svm',
            '"linear", svm',
            "two plugins provide the probe 'linear': mirbench and mine.py; rename one or leave one plugin out.",
        ),
    ],
)
def test_a_probe_that_breaks_the_contract(write, old, new, sentence):
    assert old in PLUGIN
    assert sentence in refused(write(PLUGIN.replace(old, new, 1)))


# Any estimator --------------------------------------------------------------------------------------------------------


def probe(estimator, grid=None) -> mirbench.Probe:
    return mirbench.Probe("mine", estimator, grid or {})


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (SVC(), {"C": [0.1, 1]}),  # decision_function
        (SVC(decision_function_shape="ovo"), {}),  # which has a column for each pair
        (RandomForestClassifier(n_estimators=20), {"max_depth": [2, None]}),  # predict_proba
        (KNeighborsClassifier(), {"n_neighbors": [5, 1]}),
        (Pipeline([("pca", PCA()), ("svc", SVC())]), {"pca__n_components": [2, 10], "svc__C": [1, 10]}),
        (Pipeline([("few", PCA(20)), ("logistic", LogisticRegression(max_iter=500))]), {"logistic__C": [0.01, 1]}),
    ],
    ids=["svc", "ovo", "forest", "knn", "grid over steps", "pipeline"],
)
@pytest.mark.parametrize("target", ["multiclass", "multilabel"])
def test_any_classifier_learns(estimator, grid, target):
    (x, y), valid = made(target, clips=150)
    y = np.where(np.random.default_rng(0).random(y.shape) < 0.2, -1, y) if target == "multilabel" else y
    found = fitted((x, y), valid, target, kind=probe(estimator, grid))
    chance = 0.35 if target == "multiclass" else 0.5
    assert max(found.report["validation"]) > chance + 0.1
    scores = found.predict(valid[0])
    assert scores.shape == (150, 5)
    assert np.isfinite(scores).all()


def test_labels_are_fitted_by_themselves_to_the_clips_that_were_judged():
    (x, y), valid = made("multilabel", clips=120)
    judged = np.random.default_rng(0).random(y.shape) < 0.6
    scores = fitted((x, np.where(judged, y, -1)), valid, "multilabel", kind=probe(SVC())).predict(valid[0])
    mean, spread = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    for label in range(5):
        rows = judged[:, label]
        alone = SVC(random_state=0).fit(((x - mean) / spread)[rows], y[rows, label])
        assert scores[:, label] == pytest.approx(alone.decision_function((valid[0] - mean) / spread), abs=1e-4)


def test_an_estimator_of_many_labels_is_fitted_once_where_all_are_judged():
    (x, y), valid = made("multilabel", clips=120)
    last = fitted((x, y), valid, "multilabel", kind=probe(KNeighborsClassifier())).pipeline[-1]
    assert isinstance(last, KNeighborsClassifier)
    one = y[:, :1] * np.array([[1, 0, 0, 0, 0]]) + np.array([[0, 1, 1, 1, 1]])  # one label alone varies
    found = fitted((x, one), (valid[0], one), "multilabel", kind=probe(SVC()))
    assert found.report["not_learned"] == ["1", "2", "3", "4"]
    assert np.ptp(found.predict(valid[0])[:, 0]) > 0


@pytest.mark.parametrize("dims", [1, 2])
def test_a_regressor_of_one_number_learns_several(dims):
    train, valid = made("regression", classes=dims)
    found = fitted(train, valid, "regression", dims, kind=probe(SVR(), {"C": [1, 10]}))
    assert found.predict(valid[0]).shape == (250, dims)
    assert max(found.report["validation"]) > 0.3
    assert set(found.report["chosen"]) == {"C"}


def test_what_cannot_be_fitted_to_a_target_is_told():
    assert misfit(probe(SVC()), "regression") == (
        "the probe 'mine' is of SVC, a classifier, and cannot be fitted to regression targets; name another, such as --probe linear, or "
        "tasks that it can learn."
    )
    assert "is of Ridge, a regressor, and cannot be fitted to multiclass targets" in misfit(probe(Ridge()), "multiclass")
    assert "is of PCA, no classifier and no regressor" in misfit(probe(PCA()), "multiclass")
    train, valid = made("multiclass")
    with pytest.raises(
        MirbenchError, match=r"^no parameter of SVC, the estimator of the probe 'mine', is named 'gama'; did you mean 'gamma'\?"
    ):
        fitted(train, valid, "multiclass", kind=probe(SVC(), {"gama": [1]}))
    with pytest.raises(MirbenchError, match="the probe 'mine' could not be fitted: ValueError: Expected n_neighbors <= n_samples_fit"):
        fitted(train, valid, "multiclass", kind=probe(KNeighborsClassifier(), {"n_neighbors": [1000]}))
    few = fitted(train, valid, "multiclass", kind=probe(KNeighborsClassifier(), {"n_neighbors": [1000, 5]}))
    assert few.report["chosen"] == {"n_neighbors": 5}
    assert list(few.report["failed"]) == ["0"]


HEIGHT = """

class Height(mirbench.Task):
    name, annotation, target, metrics = "height", "pitch", "regression", ("r2",)

    def label(self, value):
        return float(value)


@mirbench.hookimpl
def register_tasks():
    return [Height()]
"""


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ("", "the probe 'svm' is of SVC, a classifier, and cannot be fitted to regression targets; name another"),
        (', targets=("multiclass",)', "the probe 'svm' is for multiclass targets, not for regression ones; name another"),
        (', targets=("regression",)', "the probe 'svm' is of SVC, a classifier, and cannot be fitted to regression targets; name another"),
    ],
    ids=["by its tags", "by what it says", "by its tags, whatever it says"],
)
def test_a_classifier_is_refused_a_regression_before_anything_is_computed(write, tiny_command, tmp_path, capsys, declared, sentence):
    plugin = write(PLUGIN.replace(', targets=("multiclass",)', declared) + HEIGHT)
    words = ("--plugin", plugin, "--probe", "svm", "--tasks", "height", "--encoder", "untrained", "--quiet")
    assert cli.main(tiny_command(tmp_path / "cache", tmp_path / "results", *words)) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "cache" / "embeddings").exists()
    assert not (tmp_path / "results").exists()


def test_transformers_may_choose_by_the_labels_and_their_failures_are_of_their_point() -> None:
    train, valid = made("multiclass")
    chain = Pipeline([("scale", SelectKBest()), ("svc", SVC())])  # a step named as ours is
    found = fitted(train, valid, "multiclass", kind=probe(chain, {"scale__k": [3, -1, 30]}))
    assert found.report["validation"][2] > found.report["validation"][0]
    assert list(found.report["failed"]) == ["1"]
    assert "k=-1" in found.report["failed"]["1"] or "'k'" in found.report["failed"]["1"]
    with pytest.raises(MirbenchError, match="the grid of the probe 'mine' swaps its estimator, 'svc'; register a probe for each"):
        fitted(train, valid, "multiclass", kind=probe(chain, {"svc": [SVC(), LogisticRegression()]}))


@pytest.mark.parametrize("meta", [MultiOutputClassifier, ClassifierChain])
def test_what_is_for_several_labels_is_given_them_together(meta) -> None:
    train, valid = made("multilabel")
    found = fitted(train, valid, "multilabel", kind=probe(meta(LogisticRegression(max_iter=500))))
    assert isinstance(found.pipeline[-1], meta)
    assert max(found.report["validation"]) > 0.7


def test_boosting_that_looks_at_its_own_validation_is_fitted_as_it_is() -> None:
    train, valid = made("multiclass", clips=80)
    found = fitted(train, valid, "multiclass", kind=probe(HistGradientBoostingClassifier(scoring=None, max_iter=5)))
    assert "failed" not in found.report


@pytest.mark.parametrize(("made_by", "what"), [(lambda: None, "nothing"), (lambda: object(), "object, which has no fit")])
def test_what_is_no_estimator_is_told(made_by, what) -> None:
    assert misfit(probe(made_by), "multiclass") == (
        f"the probe 'mine' makes {what}; its estimator should be one of scikit-learn's kind, or a function that returns one."
    )


class Drawing(LogisticRegression):
    """Fits to clips that it draws by the global generator."""

    def fit(self, X, y):
        rows = np.random.permutation(len(X))[: len(X) // 2]
        return super().fit(X[rows], y[rows])


def test_what_draws_from_the_global_generators_is_the_same_again_and_leaves_them_alone() -> None:
    train, valid = made("multiclass")
    np.random.seed(5)
    expected = np.random.RandomState(5).random()
    first = fitted(train, valid, "multiclass", kind=probe(Drawing())).predict(valid[0])
    assert np.random.random() == expected
    assert (fitted(train, valid, "multiclass", kind=probe(Drawing())).predict(valid[0]) == first).all()


def test_the_seed_goes_where_a_random_state_is():
    train, valid = made("multiclass", clips=100)
    forest = probe(RandomForestClassifier(n_estimators=5))
    assert is_seeded(forest)
    assert not is_seeded(probe(KNeighborsClassifier()))
    first, again, other = (fitted(train, valid, "multiclass", kind=forest, seed=seed).predict(valid[0]) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


# On disk --------------------------------------------------------------------------------------------------------------


def test_a_class_of_the_plugin_is_read_and_of_no_other_module(write, tmp_path):
    loaded = registry.load([write(OWN)])
    first, module = loaded.probes["first"], loaded.module("probe", "first").__name__
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    found = fitted((x, (x[:, 0] > 0).astype(int)), (x, (x[:, 0] > 0).astype(int)), "multiclass", 2, first)
    write_probe(tmp_path, found, [module])
    assert (read_probe(tmp_path, [module]).predict(x) == found.predict(x)).all()
    with pytest.raises(MirbenchError, match=rf"holds a {module}\.First, which is neither scikit-learn's, mirbench's nor of the plugin"):
        read_probe(tmp_path)
    with pytest.raises(MirbenchError, match="use an estimator of scikit-learn, or define yours in the plugin"):
        write_probe(tmp_path, found)
    check_probe(first, targets=["multiclass"])


class Drawn(LogisticRegression):
    """Says something else each time, of one seed, and draws from the global generator where it is told to."""

    def __init__(self, fenced=True):
        super().__init__()
        self.fenced = fenced

    def decision_function(self, X):
        noise = np.random.default_rng().normal(size=(len(X), 1)) if self.fenced else torch.randn(len(X), 1).numpy()
        return super().decision_function(X) + noise


@pytest.mark.parametrize(
    ("mine", "targets", "sentence"),
    [
        (probe(Drawn()), ["multiclass"], "probe 'mine': its scores of multiclass targets are others after it was stored and read"),
        (
            probe(Drawn(fenced=False)),
            ["multiclass"],
            "probe 'mine', fitted to multiclass targets, changes the global random state of torch",
        ),
        (probe(PCA()), [], "probe 'mine' is for no kind of target: the probe 'mine' is of PCA, no classifier and no regressor"),
        (
            probe(SVC()),
            ["regression", "multiclass"],
            "probe 'mine': the probe 'mine' is of SVC, a classifier, and cannot be fitted to regression",
        ),
        (probe(SVC(), {"gama": [1]}), [], "probe 'mine': no parameter of SVC, the estimator of the probe 'mine', is named 'gama'"),
        (probe(None), [], "probe 'mine' has no estimator; give it a scikit-learn estimator"),
    ],
    ids=["noise", "global", "transformer", "target", "grid", "none"],
)
def test_what_the_check_for_plugin_authors_finds(mine, targets, sentence):
    with pytest.raises(AssertionError) as caught:
        check_probe(mine, targets=targets)
    assert str(caught.value).startswith(sentence)


def test_the_same_fit_is_the_same_bytes(tmp_path):
    train, valid = made("multilabel", clips=60)
    for kind in ("linear", probe(RandomForestClassifier(n_estimators=3))):
        files = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir(exist_ok=True)
            found = fitted(train, valid, "multilabel", kind=kind)
            write_probe(tmp_path / name, found, ["test_probe_plugins"])
            files.append((tmp_path / name / "probe.skops").read_bytes())
            assert (read_probe(tmp_path / name).predict(valid[0]) == found.predict(valid[0])).all()
            kept = [np.zeros(1000 * (len(files) + 1))]  # so that nothing lies where it lay
        assert files[0] == files[1]
        del kept


def test_damage_is_a_sentence(tmp_path):
    train, valid = made("multiclass", clips=60)
    write_probe(tmp_path, fitted(train, valid, "multiclass"))
    file = tmp_path / "probe.skops"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(MirbenchError, match="cannot be read: BadZipFile: File is not a zip file; delete that folder to make it again"):
        read_probe(tmp_path)


class Backwards(LogisticRegression):
    """Its classes in descending order, with its columns, as the contract of scikit-learn allows."""

    def fit(self, X, y):
        super().fit(X, y)
        if len(self.classes_) > 2:
            self.coef_, self.intercept_ = self.coef_[::-1], self.intercept_[::-1]
        else:
            self.coef_, self.intercept_ = -self.coef_, -self.intercept_
        self.classes_ = self.classes_[::-1]
        return self


class OneColumn(LogisticRegression):
    def __getattribute__(self, name):
        if name == "decision_function":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def predict_proba(self, X):
        return np.ones((len(X), 1))


@pytest.mark.parametrize(("target", "classes"), [("multiclass", 5), ("multiclass", 2), ("multilabel", 4)])
def test_columns_follow_the_order_of_the_estimators_classes(target, classes):
    train, valid = made(target, classes=classes)
    scores = []
    for estimator in (LogisticRegression, Backwards):
        probe = mirbench.Probe("own", lambda estimator=estimator: estimator(max_iter=500), {"C": [1.0]}, targets=(target,))
        scores.append(fitted(train, valid, target, classes, kind=probe).predict(valid[0]))
    assert scores[1] == pytest.approx(scores[0], abs=1e-4)


def test_outputs_of_another_shape_are_refused():
    train, valid = made("multiclass")
    probe = mirbench.Probe("one", lambda: OneColumn(max_iter=200), {"C": [1.0]}, targets=("multiclass",))
    with pytest.raises(MirbenchError, match=r"gives outputs of the shape \(\d+, 1\), and they should be \(\d+, 5\)"):
        fitted(train, valid, "multiclass", kind=probe)
