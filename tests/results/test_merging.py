"""Several runs as one: agreement collapses, disagreement keeps both numbers, and what does not compare is left out or refused."""

from __future__ import annotations

import math

import pytest
from test_results import a_comparison, a_run, a_score, a_summary, against, kept, rows_of

from mirbench.errors import MirbenchError
from mirbench.results.merging import merge
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import TABLES


def a_sweep_run(path, robustness=(), compared=(), equivariance=()) -> RunFolder:
    return a_run(path, robustness=robustness, compared=compared, equivariance=equivariance)


def cells(frame, *columns) -> list[tuple]:
    return list(frame[list(columns)].astype(object).itertuples(index=False, name=None))


def robustness_of(merged) -> list[dict]:
    return rows_of(merged.robustness, "robustness")


def compared_of(merged) -> list[dict]:
    return rows_of(merged.robustness_comparisons, "robustness_comparisons")


def test_runs_that_agree_become_one(tmp_path):
    one = a_run(tmp_path / "one", [a_score(seconds=1.0)], [a_summary(n_seeds=1)])
    two = a_run(tmp_path / "two", [a_score(seconds=9.0), a_score(task="key")], [a_summary(n_seeds=3), a_summary(task="key")])
    merged = merge([one, two, RunFolder(tmp_path / "two" / ".." / "one")])
    assert cells(merged.scores, "encoder", "task") == [("semisupcon", "genre"), ("semisupcon", "key")]
    assert cells(merged.summary, "task", "n_seeds") == [("genre", 3), ("key", 3)]
    assert list(merged.manifests) == ["one", "two"]
    assert not merged.renamed


def test_runs_that_disagree_keep_both_numbers_under_two_names(tmp_path):
    rows = {
        name: [a_summary(value=value), a_summary(encoder="majority", value=0.2, ci_low=math.nan), a_summary(task=f"only-{name}")]
        for name, value in (("one", 0.6), ("two", 0.7))
    }
    compared = [a_comparison(baseline="majority", difference=0.4, ci_low=0.3, ci_high=0.5)]
    merged = merge([a_run(tmp_path / name, [a_score(seed=4)], summaries, compared) for name, summaries in rows.items()])
    values = {tuple(about): value for *about, value in cells(merged.summary, "encoder", "task", "value")}
    assert values[("semisupcon (one)", "genre")] == 0.6
    assert values[("semisupcon (two)", "genre")] == 0.7
    assert ("semisupcon (two)", "only-two") in values  # the new name holds in all of the run
    assert list(merged.summary["encoder"]).count("majority") == 1  # agrees, a missing interval included
    assert set(merged.comparisons["encoder"]) == {"semisupcon (one)", "semisupcon (two)"}
    assert set(merged.scores["encoder"]) == {"semisupcon (one)", "semisupcon (two)"}
    assert merged.renamed == ("semisupcon (one)", "semisupcon (two)")
    assert list(merged.manifests["two"]["encoders"]) == ["semisupcon (two)"]


def test_runs_that_differ_in_intervals_alone_are_one(tmp_path):
    """What an encoder's seeds vary is estimated together with the others of its run, and p is corrected for its own table."""
    other = {"ci_low": 0.5, "ci_high": 0.7}
    clean = {"p": 0.04, "p_holm": 0.16, "detectable": 0.07, "ci_low": -0.07, "ci_high": 0.02}
    noisy = {"p": 0.03, "p_holm": 0.3, "detectable": 0.07, "ci_low": 0.02, "ci_high": 0.3}
    rows = [
        ([a_score()], [a_summary()], [a_comparison()], [kept()], [against()], [a_summary()]),
        (
            [a_score(**other)], [a_summary(**other)], [a_comparison(**clean)], [kept() | other], [against(**noisy)], [a_summary(**other)],
        ),
    ]  # fmt: skip
    names = ("scores", "summaries", "comparisons", "robustness", "compared", "equivariance")
    one, two = (a_run(tmp_path / name, **dict(zip(names, each, strict=True))) for name, each in zip(("one", "two"), rows, strict=True))
    for runs, kept_rows in (([one, two], rows[0]), ([two, one], rows[1])):  # those of the first stay, whole
        merged = merge(runs)
        assert not merged.renamed
        for table, expected in zip(TABLES, kept_rows, strict=True):
            found = rows_of(getattr(merged, table), table)
            assert [{k: v for k, v in row.items() if k != "level"} for row in found] == [
                {k: v for k, v in row.items() if k != "level"} for row in expected
            ]
            assert set(getattr(merged, table)["encoder"]) == {"semisupcon"}
    lost = a_run(tmp_path / "lost", summaries=[a_summary(ci_low=math.nan, ci_high=math.nan)])
    assert not merge([one, lost]).renamed


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("summaries", a_summary(value=0.619)), ("summaries", a_summary(n_test=47)), ("comparisons", a_comparison(difference=-0.05)),
        ("robustness", kept(value=0.71)), ("compared", against(difference=0.11)), ("equivariance", a_summary(value=0.619)),
    ],
)  # fmt: skip
def test_runs_that_differ_in_a_number_or_its_clips_are_two(tmp_path, table, row):
    rows = {"summaries": [a_summary()], "comparisons": [a_comparison()], "robustness": [kept()], "compared": [against()]}
    rows |= {"equivariance": [a_summary()]}
    merged = merge([a_run(tmp_path / "one", **rows), a_run(tmp_path / "two", **{**rows, table: [row]})])
    assert set(merged.renamed) == {"semisupcon (one)", "semisupcon (two)"}


def test_a_sweep_that_disagrees_at_one_variant_is_renamed_whole_so_that_its_curve_is_not_torn(tmp_path):
    def a_sweep(path, value):
        names = [f"semisupcon[views={m}]" for m in (2, 4, 8)]
        points = [{"name": n, "encoder": "semisupcon", "values": {"views": m}} for n, m in zip(names, (2, 4, 8), strict=True)]
        manifest = {"encoders": {name: {} for name in [*names, "simclr"]}, "sweep": {"points": points}}
        rows = [a_summary(encoder=n, value=value if n == names[1] else 0.5) for n in [*names, "simclr"]]
        return a_run(path, summaries=rows, manifest=manifest)

    merged = merge([a_sweep(tmp_path / "one", 0.6), a_sweep(tmp_path / "two", 0.7)])
    variants = {f"semisupcon[views={m}] ({run})" for m in (2, 4, 8) for run in ("one", "two")}
    assert set(merged.summary["encoder"]) == variants | {"simclr"}
    points = [point for manifest in merged.manifests.values() for point in manifest["sweep"]["points"]]
    assert {p["name"] for p in points} == variants == set(merged.renamed)
    assert [p["encoder"] for p in points] == ["semisupcon (one)"] * 3 + ["semisupcon (two)"] * 3


def test_a_difference_in_one_seed_is_enough(tmp_path):
    one = a_run(tmp_path / "one", [a_score(seed=0), a_score(seed=1, value=0.3)], [a_summary()])
    two = a_run(tmp_path / "two", [a_score(seed=0), a_score(seed=1, value=0.4)], [a_summary()])
    assert len(merge([one, two]).scores) == 4


def test_a_baseline_that_disagrees_is_renamed_in_comparisons(tmp_path):
    compared = [a_comparison(difference=d) for d in (0.04, 0.05)]
    runs = [a_run(tmp_path / str(i), summaries=[a_summary(encoder="simclr", value=i / 10)], comparisons=[compared[i]]) for i in (0, 1)]
    assert set(cells(merge(runs).comparisons, "encoder", "baseline", "difference")) == {
        ("semisupcon", "simclr (0)", 0.04), ("semisupcon", "simclr (1)", 0.05),
    }  # fmt: skip


def test_runs_of_one_name_are_told_apart_by_their_parents(tmp_path):
    runs = [a_run(tmp_path / parent / "run", summaries=[a_summary(value=v)]) for parent, v in (("x", 0.1), ("y", 0.2))]
    assert set(merge(runs).summary["encoder"]) == {"semisupcon (x/run)", "semisupcon (y/run)"}


def test_sweeps_that_agree_become_one(tmp_path):
    rows = [kept(), kept(corruption="all", severity=0), kept(task="all", corruption="all", severity=0)]
    runs = [a_sweep_run(tmp_path / n, rows, [against(p_holm=p)], [a_summary()]) for n, p in (("one", 0.04), ("two", 0.08))]
    merged = merge([*runs, a_run(tmp_path / "clean", summaries=[a_summary(task="key")])])
    assert robustness_of(merged) == rows
    assert compared_of(merged) == [against()]  # another table to correct for is no conflict
    assert rows_of(merged.equivariance, "equivariance") == [a_summary()]
    assert not merged.renamed
    assert robustness_of(merge([runs[0]])) == rows


def test_sweeps_that_disagree_are_renamed_baseline_included(tmp_path):
    runs = [
        a_sweep_run(
            tmp_path / str(i),
            [kept("simclr", value=i), kept(measure="ce", severity=0, baseline="simclr", value=0.5 + i)],
            [against(difference=0.1 + i)],
            [a_summary(encoder="simclr", value=i)],
        )
        for i in (0, 1)
    ]
    merged = merge(runs)
    assert set(cells(merged.robustness, "encoder", "baseline")) == {
        ("simclr (0)", ""), ("simclr (1)", ""), ("semisupcon", "simclr (0)"), ("semisupcon", "simclr (1)"),
    }  # fmt: skip
    assert set(cells(merged.robustness_comparisons, "encoder", "baseline")) == {
        ("semisupcon", "simclr (0)"), ("semisupcon", "simclr (1)"),
    }  # fmt: skip
    assert list(merged.equivariance["encoder"]) == ["simclr (0)", "simclr (1)"]
    assert merged.renamed == ("simclr (0)", "simclr (1)")


@pytest.mark.parametrize("rows", [([kept()], [kept(value=0.1)]), ([], [])], ids=["robustness", "comparisons"])
def test_a_disagreement_in_one_table_alone_is_enough(tmp_path, rows):
    compared = ([against()], [against(difference=0.2)]) if not rows[0] else ((), ())
    merged = merge([a_sweep_run(tmp_path / str(i), rows[i], compared[i], [a_summary()]) for i in (0, 1)])
    assert set(merged.renamed) == {"semisupcon (0)", "semisupcon (1)"}
    assert len(merged.robustness) + len(merged.robustness_comparisons) == len(merged.equivariance) == 2


def test_means_over_other_tasks_or_corruptions_are_left_out_of_a_merged_table(tmp_path):
    def means(value):
        return [kept(task=t, corruption="all", severity=0, value=value) for t in ("genre", "all")]

    one = a_sweep_run(tmp_path / "one", [kept(), *means(0.5)], [against(), against(corruption="all")])
    more = [kept(), kept(corruption="mp3"), *means(0.4)]
    two = a_sweep_run(tmp_path / "two", more, [against(), against(corruption="mp3"), against(corruption="all", difference=0.3)])
    merged = merge([one, two])
    assert robustness_of(merged) == [kept(), kept(corruption="mp3")]
    assert compared_of(merged) == [against(), against(corruption="mp3")]
    assert not merged.renamed
    other_task = a_sweep_run(tmp_path / "three", [kept(), kept(task="key"), *means(0.5)])
    assert robustness_of(merge([one, other_task])) == [kept(), means(0.5)[0], kept(task="key")]  # genre's own mean stays


def curves(severities, corruptions=("noise", "mp3"), value=0.5):
    """retained of one task at each severity, over them, over corruptions, and over tasks."""
    single = [kept(corruption=c, severity=s) for c in corruptions for s in severities]
    over = [kept(corruption=c, severity=0, value=value) for c in corruptions]
    return [*single, *over, *(kept(task=t, corruption="all", severity=0, value=value) for t in ("genre", "all"))]


def test_means_over_other_severities_are_left_out_of_a_merged_table(tmp_path):
    """The run that was tested harder would look worse."""
    mild = [*curves((1, 2), value=0.8), kept(corruption="gain", severity=4), kept(corruption="gain", severity=0)]
    harsh = curves((1, 2, 3), value=0.4)
    compared = [against(corruption=c) for c in ("noise", "gain", "all")]
    one = a_sweep_run(tmp_path / "one", mild, compared)
    two = a_sweep_run(tmp_path / "two", harsh, [against(corruption="noise", difference=0.3), against("supcon", corruption="all")])
    merged = merge([one, two])
    assert set(cells(merged.robustness, "corruption", "severity")) == {
        *((c, s) for c in ("noise", "mp3") for s in (1, 2, 3)), ("gain", 4), ("gain", 0),
    }  # fmt: skip
    assert compared_of(merged) == [against(corruption="gain")]  # its severities are those of one run alone
    assert merged.torn == ("noise", "mp3")
    assert not merged.renamed
    same = merge([one, a_sweep_run(tmp_path / "three", mild, compared)])
    assert robustness_of(same) == mild
    assert compared_of(same) == compared
    assert same.torn == ()


def test_only_the_corruption_and_the_task_that_differ_lose_their_means(tmp_path):
    def run(name, severities):
        heard = [("key", 1), ("key", 0), *(("genre", s) for s in (0, *severities))]
        rows = [kept(task=task, severity=severity) for task, severity in heard]
        return a_sweep_run(tmp_path / name, [*rows, *(kept(task=t, corruption="all", severity=0) for t in ("key", "genre", "all"))])

    merged = merge([run("one", (1,)), run("two", (1, 2))])
    assert set(cells(merged.robustness[merged.robustness["severity"] == 0], "task", "corruption")) == {("key", "noise"), ("key", "all")}


def test_means_over_families_of_which_others_are_unseen_are_left_out(tmp_path):
    def run(name, encoder, **families):
        singles = [kept(encoder, corruption="noise", severity=s) for s in (0, 1)]
        return a_sweep_run(
            tmp_path / name, [*singles, *(kept(encoder, corruption=k, severity=0) | {"families": v} for k, v in families.items())]
        )

    of_one = {"unseen families": "coding", "seen families": "noise", "all families": "noise coding"}
    other = run("other", "supcon", **{"unseen families": "noise", "all families": "noise coding"})
    merged = merge([run("one", "semisupcon", **of_one), other]).robustness
    assert set(cells(merged[merged["severity"] == 0], "encoder", "corruption")) == {
        ("semisupcon", "noise"), ("semisupcon", "all families"),
        ("supcon", "noise"), ("supcon", "all families"),
    }  # fmt: skip
    frozen = run("frozen", "clap", **{"all families": "noise coding"})  # which knows none, so that none is told apart
    merged = merge([run("four", "semisupcon", **of_one), frozen]).robustness
    assert set(merged["corruption"]) == {"noise", "all families"}
    same = merge([run("two", "semisupcon", **of_one), run("three", "supcon", **of_one)]).robustness
    assert len(same[same["corruption"] == "unseen families"]) == 2


def test_a_run_without_comparisons_does_not_take_away_those_of_another(tmp_path):
    one = a_sweep_run(tmp_path / "one", curves((1,)), [against(corruption="noise"), against(corruption="all")])
    alone = a_sweep_run(tmp_path / "two", [kept("simclr", corruption="noise", severity=s) for s in (0, 1, 2)])
    assert compared_of(merge([one, alone])) == [against(corruption="noise"), against(corruption="all")]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"train_on": "corrupted"}, "robustness.train_on (clean and corrupted)"),
        ({"replicate": 1}, "robustness.replicate (0 and 1)"),
        ({"sample_rate": 44100, "replicate": 2}, "robustness.replicate (0 and 2) and robustness.sample_rate (22050 and 44100)"),
    ],
)
def test_runs_that_did_not_hear_the_same_are_refused(tmp_path, other, said):
    common = {"train_on": "clean", "replicate": 0, "sample_rate": 22050}
    manifests = {"one": {}, "two": {"robustness": {**common, "baseline": "a"}}, "three": {"robustness": {**common, **other}}}
    clean, two, three = (a_run(tmp_path / name, manifest={"key": name, **about}) for name, about in manifests.items())
    assert len(merge([clean, two]).manifests) == len(merge([clean, three]).manifests) == 2
    with pytest.raises(MirbenchError) as caught:
        merge([clean, two, three])
    assert str(caught.value).startswith(f"the runs two and three differ in {said}, so their scores under corruption")
    assert str(caught.value).endswith("report them separately.")
