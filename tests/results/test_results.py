"""The run folder: what is written is what is read, and damage is named by file and line."""

from __future__ import annotations

import csv
import itertools
import json
import math
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from older import RUNS, run_of_before
from synthetic import a_row

from mirbench.errors import MirbenchError
from mirbench.records import Predictions
from mirbench.results.merging import load
from mirbench.results.order import complete
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import ALL_TABLES, TABLES, listed

COLUMNS = "encoder,task,dataset,metric,value,ci_low,ci_high,corruption,severity,level,unit,seed,label_fraction,n_train,n_test,seconds,key"
COLUMNS += ",n_labels,of_labels,overlap,n_groups,draw"


def a_score(**changes) -> dict:
    return a_row("scores", **{"value": 0.618, "ci_low": 0.58, "ci_high": 0.65, "n_train": 300, "key": "ab12", "n_groups": 24, **changes})


def a_summary(**changes) -> dict:
    about = {"value": 0.618, "ci_low": 0.58, "ci_high": 0.65, "n_groups": 24, "by_seed": "0.6 0.604 0.65", "one_training": 0}
    return a_row("summary", **{**about, **changes})


def kept(encoder="semisupcon", corruption="noise", severity=3, value=0.7, task="genre", measure="retained", baseline="") -> dict:
    about = {} if task != "all" else {"dataset": "all", "metric": "all"}
    about |= {"encoder": encoder, "task": task, "measure": measure, "corruption": corruption, "severity": severity, "baseline": baseline}
    about |= {"n_groups": 24, "by_seed": "0.7 nan 0.8", "one_training": 1}
    return a_row("robustness", value=value, ci_low=0.6, ci_high=0.8, **about)


def against(encoder="semisupcon", baseline="simclr", corruption="noise", difference=0.1, p_holm=0.04, **changes) -> dict:
    about = {"encoder": encoder, "baseline": baseline, "corruption": corruption, "measure": "score", "p": 0.004, "p_holm": p_holm}
    about |= {"detectable": 0.05, "n_groups": 24, "baseline_one_training": 1, "ci_low": 0.01, "ci_high": 0.2}
    return a_row("robustness_comparisons", difference=difference, **{**about, **changes})


def a_comparison(encoder="semisupcon", baseline="simclr", difference=-0.04, **changes) -> dict:
    about = {"ci_low": -0.08, "ci_high": 0.01, "p": 0.08, "p_holm": 0.24, "detectable": 0.05, "baseline_seeds": 2, "n_groups": 24}
    about |= {"by_seed": "-0.05 -0.03 0.01", "one_training": 0, "baseline_one_training": 1}
    return a_row("comparisons", encoder=encoder, baseline=baseline, difference=difference, **{**about, **changes})


def a_run(path, scores=(), summaries=(), comparisons=(), manifest=None, robustness=(), compared=(), equivariance=()) -> RunFolder:
    run = RunFolder.create(path)
    run.write_manifest(manifest or {"encoders": {"semisupcon": {"role": "encoder"}}})
    tables = (scores, summaries, comparisons, robustness, compared, equivariance)
    for name, rows in zip(TABLES, tables, strict=True):
        run.write(name, TABLES[name].frame(rows))
    return run


def rows_of(frame, table) -> list[dict]:
    """As the functions above make them."""
    return frame[TABLES[table].names].astype(object).to_dict("records")


def test_scores_survive_with_columns_in_order(tmp_path):
    odd = a_score(encoder='odd, "name"|é', corruption="noise", severity=3, level=12.5, unit="dB", seed=2, label_fraction=0.1)
    run = a_run(tmp_path / "r", [odd, a_score()])
    (first, second) = rows_of(run.read("scores"), "scores")
    assert first == odd
    assert {**second, "level": 0} == {**a_score(), "level": 0}
    assert math.isnan(second["level"])
    lines = (tmp_path / "r" / "scores.csv").read_text().split("\n")
    assert lines[0] == COLUMNS
    assert lines[2] == "semisupcon,genre,mini,accuracy,0.618,0.58,0.65,clean,0,,,0,1,300,48,0,ab12,0,0,0,24,-1"


def test_numbers_that_are_not_numbers_survive(tmp_path):
    run = a_run(tmp_path / "r", [a_score(ci_low=math.nan, ci_high=math.inf, value=np.float32(0.5))])
    (score,) = rows_of(run.read("scores"), "scores")
    assert math.isnan(score["ci_low"])
    assert score["ci_high"] == math.inf
    assert score["value"] == 0.5
    assert "0.5,nan,inf,clean,0,,," in (tmp_path / "r" / "scores.csv").read_text()


@pytest.mark.parametrize("name", ["NA", "None", "nan", "null", "1", "1.50", " a ", "\u2028", "a\nb"])
def test_names_that_look_like_something_else_survive(tmp_path, name):
    run = a_run(tmp_path / "r", summaries=[a_summary(encoder=name), a_summary(encoder="b", task=name)])
    assert list(run.read("summary")["encoder"]) == [name, "b"]
    assert list(run.read("summary")["task"]) == ["genre", name]


def test_summaries_and_comparisons_survive(tmp_path):
    run = a_run(tmp_path / "r", summaries=[a_summary(corruption="mp3", severity=5)], comparisons=[a_comparison()])
    assert rows_of(run.read("summary"), "summary") == [a_summary(corruption="mp3", severity=5)]
    assert rows_of(run.read("comparisons"), "comparisons") == [a_comparison()]


@pytest.mark.parametrize(
    ("numbers", "cell"),
    [([], ""), ([0.5, 0.25], "0.5 0.25"), ([-1 / 3, math.nan, 0.0], "-0.333333 nan 0"), ([1e-7, math.inf, np.float32(2)], "1e-07 inf 2")],
)
def test_single_seeds_are_listed_in_a_cell_as_numbers_are_and_survive(tmp_path, numbers, cell):
    assert listed(numbers) == cell
    run = a_run(tmp_path / "r", summaries=[a_summary(by_seed=listed(numbers))])
    assert f",{cell},0\n" in (run.path / "summary.csv").read_text()  # no `'` before a minus
    assert list(run.read("summary")["by_seed"]) == [cell]
    bare = complete(pd.read_csv(run.path / "summary.csv"))
    assert list(bare["by_seed"]) == [cell]


def test_a_run_that_compared_nothing_has_no_comparisons(tmp_path):
    run = a_run(tmp_path / "r")
    assert not (tmp_path / "r" / "comparisons.csv").exists()
    assert run.read("comparisons").empty


def test_names_are_ordered_categoricals_in_the_order_of_the_file(tmp_path):
    found = a_run(tmp_path / "r", summaries=[a_summary(encoder=name) for name in "zab"]).read("summary")["encoder"]
    assert found.cat.ordered
    assert list(found.cat.categories) == ["z", "a", "b"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop(columns="metric"), r"summary\.csv lacks the column 'metric'"),
        (lambda f: f.assign(value="much"), r"summary\.csv, row 0, has 'much' in the column 'value', which is not a number"),
        (lambda f: f.assign(n_test=1.5), r"has '1\.5' in the column 'n_test', which is not a whole number"),
        (lambda f: pd.concat([f, f]), "is about the same as one before it: semisupcon, genre, mini, accuracy, clean, 0"),
    ],
)
def test_what_is_no_such_table_is_not_written(tmp_path, change, said):
    frame = TABLES["summary"].frame([a_summary()])
    with pytest.raises(ValueError, match=said):
        RunFolder.create(tmp_path).write("summary", change(frame))
    assert not list(tmp_path.iterdir())


def test_manifest_takes_what_a_runner_has(tmp_path):
    run = RunFolder.create(tmp_path / "r")
    given = {"b": np.float32(0.5), "a": (1, np.int64(2)), "where": tmp_path, "bad": math.nan, 3: np.arange(2), "far": [np.inf]}
    run.write_manifest(given)
    assert run.read_manifest() == {"b": 0.5, "a": [1, 2], "where": str(tmp_path), "bad": None, "3": [0, 1], "far": [None]}
    assert next(iter(run.read_manifest())) == "b"  # the order is the runner's: it orders the tables


def targets_of(kind: str, classes: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    if kind == "multiclass":
        return rng.integers(len(classes), size=20)
    shape = (20, len(classes))
    return rng.integers(-1, 2, size=shape) if kind == "multilabel" else rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
@pytest.mark.parametrize("classes", [("a|b", "100%", "x,y", 'say "z"', "clip", "?a", "a"), ("only",), ("60", "61")])
def test_predictions_survive_to_the_last_bit(tmp_path, kind, classes):
    rng = np.random.default_rng(0)
    scores = (rng.normal(size=(20, len(classes))) * 10.0 ** rng.integers(-30, 30, size=(20, 1))).astype(np.float32)
    clips = tuple(f"clip, {i}" for i in range(20))
    written = Predictions(clips, tuple(f"g{i % 3}" for i in range(20)), classes, kind, targets_of(kind, classes, rng), scores)
    run = RunFolder.create(tmp_path / "r")
    run.write_predictions("enc/1.5", "my data", "key", 2, written)
    read = run.read_predictions("enc/1.5", "my data", "key", 2)
    assert [p.name for p in (tmp_path / "r" / "predictions").iterdir()] == ["my%20data.key.enc%2F1%2E5.seed2.csv"]
    assert (read.clip_ids, read.groups, read.classes, read.target) == (written.clip_ids, written.groups, classes, kind)
    assert read.targets.dtype == (np.float32 if kind == "regression" else np.int64)
    np.testing.assert_array_equal(read.targets, written.targets)
    np.testing.assert_array_equal(read.scores, scores)


def test_names_that_would_share_a_file_do_not(tmp_path):
    run = RunFolder(tmp_path)
    assert run.predictions_path("c", "a.b", "t", 0) != run.predictions_path("c", "a", "b.t", 0)


def test_predicted_is_the_first_of_the_highest(tmp_path):
    run = RunFolder.create(tmp_path)
    scores = np.array([[0.1, 0.9, 0.9], [0.3, 0.2, 0.1]])
    run.write_predictions("e", "d", "t", 0, Predictions(("x", "y"), ("g", "g"), ("a", "b", "c"), "multiclass", np.array([2, 0]), scores))
    with open(run.predictions_path("e", "d", "t", 0)) as file:
        assert [row["predicted"] for row in csv.DictReader(file)] == ["b", "a"]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("scores.csv", "0.618", "0.6x8", "scores.csv line 2 has '0.6x8' in the column 'value', which is not a number"),
        ("scores.csv", "300,48", "3.5,48", "scores.csv line 2 has '3.5' in the column 'n_train', which is not a whole number"),
        ("scores.csv", ",ci_low", ",low", "scores.csv line 1 lacks the column 'ci_low'"),
        ("scores.csv", ",ab12", "", "scores.csv line 2 has 21 columns where the heading has 22"),
        ("scores.csv", "semisupcon", '"semisupcon', "scores.csv line 2 is not valid CSV"),
        (
            "summary.csv",
            "semisupcon",
            "a,genre,mini,accuracy,0.6,0.5,0.7,clean,0,3,48,0,24,,0\na",
            "summary.csv line 3 is about the same as one before it: a, genre",
        ),
        ("summary.csv", "0.65", "", "summary.csv line 2 has '' in the column 'ci_high', which is not a number"),
        ("manifest.json", '"role":', '"role"', "manifest.json line 4 is not valid JSON"),
    ],
)
def test_damage_is_named_by_file_and_line(tmp_path, file, old, new, said):
    run = a_run(tmp_path / "r", [a_score()], [a_summary()])
    path = tmp_path / "r" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(MirbenchError) as caught:
        run.read_manifest() if file == "manifest.json" else run.read(file.removesuffix(".csv"))
    assert said in str(caught.value)
    assert str(caught.value).endswith("restore the file, or run again into a new folder.")


def test_damaged_predictions_are_named(tmp_path):
    run = RunFolder.create(tmp_path)
    predictions = Predictions(("x", "y"), ("g", "g"), ("a", "b"), "multiclass", np.array([0, 1]), np.eye(2))
    run.write_predictions("e", "d", "t", 0, predictions)
    path = run.predictions_path("e", "d", "t", 0)
    path.write_text(path.read_text().replace("y,g,b,", "y,g,q,"))
    with pytest.raises(MirbenchError, match="line 3 has the target 'q', which is none of the classes"):
        run.read_predictions("e", "d", "t", 0)


def test_binary_rubbish_and_empty_files_are_named(tmp_path):
    run = a_run(tmp_path / "r", [a_score()])
    (tmp_path / "r" / "scores.csv").write_bytes(b"encoder\n\xff\xfe")
    with pytest.raises(MirbenchError, match=r"scores\.csv line 2 is not UTF-8"):
        run.read("scores")
    (tmp_path / "r" / "scores.csv").write_text("")
    with pytest.raises(MirbenchError, match=r"scores\.csv line 1 is missing: the file is empty"):
        run.read("scores")


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path):
    with pytest.raises(MirbenchError, match=r"is not a run folder \(no manifest\.json\); give a folder that `mirbench run` wrote"):
        RunFolder(tmp_path).read("scores")
    with pytest.raises(MirbenchError, match=r"nowhere is not a run folder \(no such folder\)"):
        RunFolder(tmp_path / "nowhere").read_manifest()


def test_a_run_without_scores_says_what_is_missing(tmp_path):
    run = a_run(tmp_path / "r")
    (tmp_path / "r" / "scores.csv").unlink()
    with pytest.raises(MirbenchError, match=r"has no scores\.csv; run it again to complete it"):
        run.read("scores")


def test_a_file_in_the_way_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MirbenchError, match="cannot write while making the run folder"):
        RunFolder.create(tmp_path / "file" / "run")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_place_is_a_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(MirbenchError, match="choose a writable place"):
        RunFolder.create(tmp_path / "run")


def test_writing_leaves_no_temporary_file_and_the_same_bytes(tmp_path):
    run = a_run(tmp_path / "r", [a_score()], [a_summary()])
    before = {p.name: p.read_bytes() for p in run.path.iterdir()}
    a_run(tmp_path / "r", [a_score()], [a_summary()])
    assert {p.name: p.read_bytes() for p in run.path.iterdir()} == before
    assert set(before) == {"manifest.json", "scores.csv", "summary.csv"}
    assert json.loads(before["manifest.json"])


def test_the_tables_of_a_corruption_sweep_survive(tmp_path):
    robustness = [kept(), kept(measure="mce", corruption="all", severity=0, baseline="simclr"), kept(severity=4, value=math.inf)]
    moved = [a_summary(corruption="pitch_shift", severity=2)]
    run = a_run(tmp_path / "r", robustness=robustness, compared=[against()], equivariance=moved)
    for name, rows in (("robustness", robustness), ("robustness_comparisons", [against()]), ("equivariance", moved)):
        assert rows_of(run.read(name), name) == rows
    assert (run.path / "robustness.csv").read_text().splitlines()[1].endswith(",0.7,0.6,0.8,,3,48,0,0,24,0.7 nan 0.8,1,0,")  # no baseline


def test_no_sweep_no_files(tmp_path):
    rows = {"robustness": [kept()], "compared": [against()], "equivariance": [a_summary()]}
    run = a_run(tmp_path / "r", **rows)
    names = ("robustness", "robustness_comparisons", "equivariance")
    assert all((run.path / f"{name}.csv").exists() for name in names)
    a_run(tmp_path / "r")
    assert not any((run.path / f"{name}.csv").exists() for name in names)
    assert all(run.read(name).empty for name in names)
    a_run(tmp_path / "r", **rows).clear()
    assert not any((run.path / f"{name}.csv").exists() for name in names)


@pytest.mark.parametrize("name", ALL_TABLES)
def test_the_readme_has_the_columns_of_every_table_as_they_are_declared(name):
    text = (Path(__file__).parents[2] / "results" / "README.md").read_text()
    section = text.split(f"\n## {name}.csv\n")[1].split("\n## ")[0]
    assert ALL_TABLES[name].markdown() in section


def test_very_long_names_get_files_of_their_own(tmp_path):
    """That every file system takes, eCryptfs too, with the temporary name before it."""
    run = RunFolder.create(tmp_path / "r")
    names = [f"semisupcon[{'supervision=' * 20}{i}]" for i in range(2)] + ["x" * 230, "曲" * 80]
    paths = [run.predictions_path(encoder, dataset, "genre", 10) for encoder in names for dataset in (*names, "mini")]
    assert len(set(paths)) == len(paths)
    assert max(len(os.fsencode(path.name)) for path in paths) <= 143 - len(".part-12345678-")
    assert ".genre." in paths[0].name  # what is short is left whole
    assert run.predictions_path("e" * 50, "d" * 50, "t" * 10, 0).name == f"{'d' * 50}.{'t' * 10}.{'e' * 50}.seed0.csv"


FORMULAS = ["=1+1", "@SUM(A1)", "+cmd|x", "-2+3", "\t=1", "'=1", "''=1", "'tis", "-nation", "- "]


@pytest.mark.parametrize("name", FORMULAS)
def test_no_text_is_a_formula_to_a_spreadsheet_and_all_comes_back(tmp_path, name):
    run = a_run(tmp_path / "r", [a_score(unit=name)], summaries=[a_summary(encoder=name, value=-0.5), a_summary(encoder="b", task=name)])
    assert list(run.read("summary")["encoder"]) == [name, "b"]
    assert list(run.read("summary")["task"]) == ["genre", name]
    assert list(run.read("scores")["unit"]) == [name]
    written = Predictions((name, "y"), ("g", name), (name, "b"), "multiclass", np.array([0, 1]), np.array([[0.5, -0.5], [-1, 1]]))
    run.write_predictions("e", "d", "t", 0, written)
    read = run.read_predictions("e", "d", "t", 0)
    assert (read.clip_ids, read.groups, read.classes, read.target) == ((name, "y"), ("g", name), (name, "b"), "multiclass")
    np.testing.assert_array_equal(read.scores, written.scores)
    np.testing.assert_array_equal(read.targets, written.targets)
    for path in run.path.rglob("*.csv"):
        with open(path, newline="") as file:
            for cell in itertools.chain(*csv.reader(file)):
                assert not re.match(r"[=+\-@\t\r]", cell) or math.isfinite(float(cell)), (path.name, cell)
    with open(run.path / "summary.csv") as file:
        assert float(next(csv.DictReader(file))["value"]) == -0.5


@pytest.mark.parametrize("name", ["-1", "+3", "-.5e-3", "-inf"])
def test_text_that_is_a_number_stays_one(tmp_path, name):
    run = a_run(tmp_path / "r", summaries=[a_summary(encoder=name)])
    assert f"\n{name},genre" in (run.path / "summary.csv").read_text()
    assert list(run.read("summary")["encoder"]) == [name]


def test_regression_targets_stay_numbers(tmp_path):
    run = RunFolder.create(tmp_path / "r")
    values = np.array([[-0.5, 1], [-2, -3]], np.float32)
    run.write_predictions("e", "d", "t", 0, Predictions(("x", "y"), ("g", "h"), ("a", "b"), "regression", values, values))
    with open(run.predictions_path("e", "d", "t", 0)) as file:
        assert [row["target"] for row in csv.DictReader(file)] == ["-0.5 1", "-2 -3"]


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_classes_that_are_called_like_columns_do_not_collide(tmp_path, kind):
    classes = ("clip", "group", "target", "predicted", "class:clip", "class:class:group", "class:x", "x")
    scores = np.arange(16, dtype=np.float32).reshape(2, 8)
    targets = np.array([0, 4]) if kind == "multiclass" else np.eye(8, dtype=int)[[0, 4]]
    run = RunFolder.create(tmp_path / "r")
    run.write_predictions("e", "d", "t", 0, Predictions(("u", "v"), ("g", "h"), classes, kind, targets, scores))
    read = run.read_predictions("e", "d", "t", 0)
    assert (read.classes, read.target) == (classes, kind)
    np.testing.assert_array_equal(read.scores, scores)
    np.testing.assert_array_equal(read.targets, targets)
    frame = pd.read_csv(run.predictions_path("e", "d", "t", 0))
    assert list(frame.columns[:6]) == ["clip", "group", "target", "predicted", "class:clip", "class:group"]
    assert frame.columns.is_unique
    assert list(frame["clip"]) == ["u", "v"]
    assert frame.columns[-2:].tolist() == ["class:x", "x"]


def as_before(run, name):
    """The file without the columns that earlier versions lack."""
    path = run.path / f"{name}.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    later = [column.name for column in TABLES[name].columns if column.later]
    frame.drop(columns=later).to_csv(path, index=False, lineterminator="\n")
    return later


def test_a_folder_of_before_intervals_covered_seeds_is_read_with_what_is_not_known_of_it(tmp_path):
    rows = {"summaries": [a_summary()], "comparisons": [a_comparison()], "robustness": [kept()], "compared": [against()]}
    run = a_run(tmp_path / "r", [a_score()], **rows, equivariance=[a_summary()])
    later = {name: as_before(run, name) for name in TABLES}
    assert set(later["comparisons"]) >= {"p", "p_holm", "detectable", "baseline_seeds", "n_groups", "by_seed", "one_training"}
    assert {"n_groups"} < set(later["scores"])
    assert {"detectable", "n_groups", "one_training", "baseline_one_training"} < set(later["robustness_comparisons"])
    for name in ("summary", "equivariance", "robustness"):
        assert {"n_groups", "by_seed", "one_training"} < set(later[name])
    loaded = load(run.path)
    for name in TABLES:
        (row,) = rows_of(getattr(loaded, name), name)
        assert {column: row[column] for column in later[name] if row[column] == row[column]} == {
            column.name: column.default for column in TABLES[name].columns if column.later and column.default == column.default
        }
        assert all(math.isnan(row[column]) for column in later[name] if column in ("p", "detectable"))
        assert row["n_test"] == 48
    assert math.isnan(rows_of(loaded.comparisons, "comparisons")[0]["p_holm"])
    assert rows_of(loaded.robustness_comparisons, "robustness_comparisons")[0]["p_holm"] == 0.04  # they had those
    assert not loaded.renamed


@pytest.mark.parametrize("name", RUNS)
def test_runs_of_before_intervals_covered_seeds_are_read(name, tmp_path):
    loaded = load(run_of_before(name, tmp_path))
    assert len(loaded.summary) > 20
    assert len(loaded.comparisons) > 20
    assert loaded.comparisons["p"].isna().all()
    assert loaded.comparisons["ci_low"].notna().all()
    frames = [getattr(loaded, table) for table in TABLES]
    assert all((frame["n_groups"] == 0).all() for frame in frames)
    assert all((frame[column] == 0).all() for frame in frames for column in ("one_training", "baseline_one_training") if column in frame)
    assert all((frame["by_seed"] == "").all() for frame in frames if "by_seed" in frame)


def test_a_folder_of_before_has_the_mark_of_overlap_in_the_name_and_a_new_one_in_a_column(tmp_path):
    marked = {"encoders": {"simclr": {"role": "encoder"}}, "overlap": {"simclr": {"clips": {"mini": {"test": 3}}}}}
    new = a_run(
        tmp_path / "new",
        [a_score(encoder="simclr", overlap=1)],
        [a_summary(encoder="simclr", overlap=1)],
        [{**a_comparison("semisupcon", "simclr"), "baseline_overlap": 1}],
        manifest=marked,
    )
    assert set(new.read("summary")["encoder"]) == {"simclr"}
    old_manifest = {"encoders": {"simclr †": {"role": "encoder"}}, "overlap": {"simclr †": {"clips": {"mini": {"test": 3}}}}}
    old = a_run(tmp_path / "old", [a_score(encoder="simclr †")], [a_summary(encoder="simclr †")], manifest=old_manifest)
    for name in ("scores", "summary"):
        as_before(old, name)
    assert "overlap" not in (old.path / "scores.csv").read_text()
    for folder in (new.path, old.path):
        results = load(folder)
        (manifest,) = results.manifests.values()
        assert set(results.summary["encoder"]) == {"simclr †"}
        assert set(manifest["encoders"]) == set(manifest["overlap"]) == {"simclr †"}
    assert list(load(new.path).comparisons["baseline"]) == ["simclr †"]
    assert len(load(new.path, old.path).summary) == 1  # the same numbers of the same encoder


def test_a_frame_of_a_file_shows_the_mark():
    frame = pd.DataFrame([a_summary(encoder="simclr", overlap=1), a_summary(encoder="majority")])
    assert set(complete(complete(frame))["encoder"]) == {"simclr †", "majority"}
