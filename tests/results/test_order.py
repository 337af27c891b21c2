"""What a frame says beside its numbers, and in which order: told by manifests where there are any, else by the names."""

from __future__ import annotations

import io
import math

import pandas as pd
import pytest
from synthetic import a_row

from mirbench.reporting.words import panels
from mirbench.results.order import complete
from mirbench.results.schema import TABLES

MANIFEST = {
    "metrics": {"mirex": "MIREX key score (0 to 1)"},
    "tasks": {"key": {"metrics": ["mirex", "accuracy"]}, "genre": {"metrics": ["accuracy", "mirex"]}},
    "encoders": {"late": {"role": "encoder"}, "own-floor": {"role": "floor"}, "untrained": {"role": "encoder"}},
    "corruptions": {"noise": {"unit": "dB", "levels": [40, 20], "counted": True}, "polarity": {"unit": "degrees", "counted": False}},
}


def frame(*rows, table="summary"):
    return TABLES[table].frame([a_row(table, **row) for row in rows])


def names(cells):
    assert cells.cat.ordered
    return list(cells.cat.categories)


def test_encoders_come_before_floors_in_the_order_of_the_manifest():
    given = frame(*({"encoder": name} for name in ("majority", "own-floor", "handcrafted", "new", "untrained", "late")))
    found = complete(given, [MANIFEST])
    assert names(found["encoder"]) == ["late", "untrained", "new", "own-floor", "handcrafted", "majority"]
    assert dict(zip(found["encoder"], found["role"], strict=True)) == {
        "majority": "floor", "own-floor": "floor", "handcrafted": "floor", "new": "encoder", "untrained": "encoder", "late": "encoder",
    }  # fmt: skip


def test_without_a_manifest_floors_are_told_by_their_names_also_after_merging():
    found = complete(frame({"encoder": "majority (a)"}, {"encoder": "untrained"}, {"encoder": "mine (a)"}))
    assert names(found["encoder"]) == ["mine (a)", "untrained", "majority (a)"]
    assert list(found["role"]) == ["floor", "floor", "encoder"]


def test_a_headline_is_the_first_metric_of_its_task_that_is_there():
    rows = [{"task": task, "metric": metric} for task in ("genre", "key") for metric in ("mirex", "accuracy")]
    found = complete(frame(*rows, {"task": "key", "metric": "accuracy", "dataset": "other"}), [MANIFEST])
    headlines = found[found["headline"]]
    assert list(headlines[["task", "dataset", "metric"]].astype("str").itertuples(index=False, name=None)) == [
        ("genre", "mini", "accuracy"), ("key", "mini", "mirex"), ("key", "other", "accuracy"),
    ]  # fmt: skip
    assert names(found["task"]) == ["key", "genre"]
    assert set(found["label"]) == {"MIREX key score (0 to 1)", "accuracy"}
    bare = complete(frame(*rows))
    assert list(bare["metric"][bare["headline"]]) == ["mirex", "mirex"]


def test_a_mean_over_tasks_stands_last_wherever_its_rows_do():
    rows = [{"task": "all", "dataset": "all", "metric": "all"}, {"task": "new"}, {"task": "key"}]
    assert names(complete(frame(*rows, table="robustness"), [MANIFEST])["task"]) == ["key", "new", "all"]


def test_levels_are_those_of_the_severity_and_nan_where_they_are_not_known():
    conditions = [("clean", 0), ("noise", 1), ("noise", 2), ("noise", 3), ("polarity", 1), ("strange", 1)]
    found = complete(frame(*({"corruption": c, "severity": s} for c, s in conditions)), [MANIFEST])
    assert [None if math.isnan(x) else x for x in found["level"]] == [None, 40, 20, None, None, None]
    assert list(found["unit"]) == ["", "dB", "dB", "dB", "degrees", ""]
    assert found["counted"].astype(object).where(found["counted"].notna(), None).tolist() == [None, True, True, True, False, None]
    assert names(found["corruption"]) == ["clean", "noise", "polarity", "strange"]


def test_the_columns_of_a_frame_of_ones_own_are_kept():
    given = frame({"encoder": "mine"}, {"encoder": "base"}).assign(role=["encoder", "floor"], label="my metric", level=3.0, unit="dB")
    found = complete(given)
    assert list(found["role"]) == ["encoder", "floor"]
    assert set(found["label"]) == {"my metric"}
    assert set(found["level"]) == {3.0}
    assert "role" in given.columns
    assert "headline" not in given.columns


def test_a_frame_read_by_pandas_and_completed_twice_is_the_same():
    text = TABLES["comparisons"].text(frame({"baseline": "majority"}, {"baseline": "simclr"}, table="comparisons"))
    once = complete(pd.read_csv(io.StringIO(text)))
    assert list(once["baseline_role"]) == ["floor", "encoder"]
    assert names(once["baseline"]) == ["semisupcon", "simclr", "majority"]
    pd.testing.assert_frame_equal(complete(once), once)


def test_frames_of_one_run_have_their_encoders_in_common_so_that_colours_agree():
    manifest = {"encoders": {name: {"role": "encoder"} for name in ("a", "b", "c")}}
    compared = complete(frame({"encoder": "c", "baseline": "a"}, table="comparisons"), [manifest])
    assert names(compared["encoder"]) == names(compared["baseline"]) == ["a", "b", "c"]


def test_floors_that_a_frame_names_itself_keep_their_place():
    given = frame(*({"encoder": name} for name in ("a", "random", "majority"))).assign(role=["encoder", "floor", "floor"])
    assert names(complete(given)["encoder"]) == ["a", "random", "majority"]


@pytest.mark.parametrize("change", [lambda f: f, lambda f: complete(f), lambda f: f.astype({"value": "str"})])
def test_two_rows_about_the_same_are_refused_wherever_a_frame_comes_from(change):
    with pytest.raises(ValueError, match="is about the same as one before it: semisupcon, genre"):
        complete(pd.concat([change(frame({})), change(frame({"value": 0.9}))]))


def test_rows_of_ones_own_stand_beside_those_of_a_run():
    run = complete(frame({"encoder": "a"}, {"encoder": "majority"}), [MANIFEST])
    found = complete(pd.concat([run, frame({"encoder": "mine"})]))
    assert list(found["role"]) == ["encoder", "floor", "encoder"]
    assert found["headline"].all()
    assert list(found["n_test"]) == [48, 48, 48]


def test_what_is_no_such_table_is_a_sentence():
    with pytest.raises(ValueError, match=r"summary\.csv lacks the column 'value'"):
        complete(frame({}).drop(columns="value"))
    with pytest.raises(ValueError, match=r"summary\.csv, row 0, has no name in the column 'encoder'"):
        complete(frame({}).assign(encoder=math.nan))
    with pytest.raises(ValueError, match=r"summary\.csv, row 1, lacks value"):
        TABLES["summary"].frame([a_row("summary"), {k: v for k, v in a_row("summary", task="key").items() if k != "value"}])


def test_metrics_stand_in_the_order_of_their_own_task():
    tasks = {"key": ["mirex", "f1", "accuracy"], "genre": ["accuracy", "f1", "mirex"]}
    rows = [{"task": task, "metric": metric} for task in ("genre", "key") for metric in ("mirex", "f1", "accuracy")]

    def shown(frame):
        return [(panel.task, panel.metric) for panel in panels(frame)]

    told = complete(frame(*rows), [{"tasks": {task: {"metrics": metrics} for task, metrics in tasks.items()}}])
    assert shown(told) == [(task, metric) for task, metrics in tasks.items() for metric in metrics]
    more = complete(pd.concat([told, frame({"encoder": "mine", "task": "genre", "metric": "f1"})]))
    assert shown(more) == [*shown(told)[3:], *shown(told)[:3]]  # tasks as they come
    mixed = frame({"metric": "f1"}, {"metric": "accuracy"}, {"task": "key", "metric": "accuracy"}, {"task": "key", "metric": "f1"})
    assert shown(complete(mixed)) == [("genre", "f1"), ("genre", "accuracy"), ("key", "accuracy"), ("key", "f1")]
