"""The functions of the tables on frames as pandas reads them, by somebody who knows nothing of run folders."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from mirbench.reporting.tables import robustness, scores
from mirbench.results.merging import load
from mirbench.results.schema import TABLES

REFERENCE = Path(__file__).parents[3] / "results" / "reference"
FUNCTIONS = {
    "scores": lambda summary, **_: [scores.scores(summary)],
    "headlines": lambda summary, **_: [scores.scores(summary, headlines=True)],
    "comparisons": lambda comparisons, **_: [scores.comparisons(comparisons)],
    "by_measure": lambda of, **_: list(robustness.by_measure(of).values()),
    "retained": lambda of, **_: robustness.retained(of),
    "corrupted": lambda summary, **_: robustness.corrupted(summary),
    "equivariance": lambda equivariance, summary, **_: robustness.equivariance(equivariance, summary),
    "robustness_comparisons": lambda robustness_comparisons, **_: [robustness.comparisons(robustness_comparisons)],
    "over all": lambda robustness_comparisons, **_: [robustness.comparisons(robustness_comparisons, decided=False)],
}
RUNS = [(run, name) for run in ("main", "robustness", "label-budget", "cross-supervision") for name in list(FUNCTIONS)[:3]]
RUNS += [("robustness", name) for name in list(FUNCTIONS)[3:]]


@functools.cache
def loaded(run):
    return load(REFERENCE / run)


def told_by(table, heads):
    """The rows of those columns, the best cells with a star; in any order, since only a manifest has one."""
    cells = table.cells if table.best is None else table.cells.where(~table.best, table.cells + " *")
    return Counter(cells[heads].itertuples(index=False, name=None))


@pytest.mark.parametrize(("run", "name"), RUNS)
def test_frames_of_csv_files_give_the_numbers_of_the_run(run, name):
    files = {path.stem: pd.read_csv(path) for path in (REFERENCE / run).glob("*.csv")}
    bare, complete = (
        {table.title: table for table in FUNCTIONS[name](of=frames.get("robustness"), **frames)}
        for frames in (files, {name: getattr(loaded(run), name) for name in TABLES})
    )
    complete = {title.removesuffix(" (not counted)"): table for title, table in complete.items()}
    assert bare.keys() == complete.keys()
    assert bare
    for title, table in bare.items():
        heads, whole = list(table.cells.columns), list(complete[title].cells.columns)
        bare_head = {("other recordings",): ("severity 1",)}  # what only a manifest knows; so levels, which stand before the severity
        matching = [next(full for full in whole if bare_head.get(full, full)[-len(head) :] == head) for head in heads]
        assert told_by(table, heads) == told_by(complete[title], matching)
        assert len(heads) == len(whole)
        assert table.cells.map(lambda text: "nan" not in text).all(axis=None)


@pytest.mark.parametrize("run", ["label-budget", "cross-supervision"])
def test_a_bare_summary_gives_the_table_of_a_sweep(run):
    frames = pd.read_csv(REFERENCE / run / "summary.csv"), loaded(run).summary
    bare, complete = (scores.sweep(frame, loaded(run).points) for frame in frames)
    assert told_by(bare, list(bare.cells.columns)) == told_by(complete, list(bare.cells.columns))


def test_bare_frames_keep_the_order_of_their_rows_and_know_floors_and_baseline():
    files = {name: pd.read_csv(REFERENCE / "robustness" / f"{name}.csv") for name in ("summary", "robustness")}
    table = scores.scores(files["summary"])
    assert list(table.cells.iloc[:, 0]) == ["semisupcon", "simclr", "supcon", "supervised", "untrained", "handcrafted", "majority"]
    assert table.headings == {4: "floors"}
    assert [head[0] for head in table.cells.columns[1::2]] == [f"{task} on mini-large" for task in ("tagging", "key", "pitch", "genre")]
    found = files["robustness"]
    assert "mean over families, which are not known here" in robustness.retained(found)[0].headings.values()
    assert "mean over families" in robustness.retained(loaded("robustness").robustness)[0].headings.values()
    older = found[~found["corruption"].str.contains("families")].drop(columns="families")  # of before means were over families
    assert set(robustness.retained(older)[0].headings.values()) == {"mean of those that count, which are not known here"}
    assert robustness.by_measure(found)["mce"].title == "mCE, all families (simclr = 1, lower is better)"
