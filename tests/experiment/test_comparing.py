"""Runs against each other: the same numbers as within one run, what is refused and why, and what is said where nothing can be paired."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from finished import LEVELS, TASKS, a_finished_run, predictions
from songs import hard_songs

from mirbench import cli
from mirbench.engine.files import sealed
from mirbench.errors import MirbenchError
from mirbench.evaluation.statistics.estimates import estimate, holm, shared
from mirbench.evaluation.statistics.replicates import Layout
from mirbench.evaluation.statistics.resampling import measure
from mirbench.experiment.comparing.compare import compare
from mirbench.experiment.comparing.differences import pairs_of
from mirbench.experiment.comparing.given import sorted_out
from mirbench.experiment.comparing.leaderboard import leaderboard
from mirbench.experiment.comparing.measured import entries_of, read_runs, same_numbers
from mirbench.experiment.comparing.settings import differing, settings_of
from mirbench.records import Condition
from mirbench.reporting.tables.across import notes_of
from mirbench.results.run_folder import RunFolder

NOISE = [Condition("white-noise", s, float(LEVELS["white-noise"][s - 1]), "dB") for s in (1, 3)]
LOW_PASS = [Condition("low-pass", 1, 8000.0, "Hz")]
REFERENCE = Path(__file__).parents[2] / "results" / "reference"
SMALL = {"clips": 60, "resamples": 60}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    """semisupcon in both, better in the second; simclr in one, supcon, trained once, in the other."""
    root = tmp_path_factory.mktemp("runs")
    one = a_finished_run(root / "one", {"semisupcon": (0.6, (0, 1, 2)), "simclr": (0.4, (0, 1))}, ("genre", "key"), NOISE, **SMALL)
    two = a_finished_run(root / "two", {"semisupcon": (0.75, (0, 1, 2)), "supcon": (0.6, (0,))}, conditions=[*NOISE, *LOW_PASS], **SMALL)
    return one, two


def changed(run: Path, folder: Path, **parts) -> Path:
    """A copy whose manifest has other parts."""
    shutil.copytree(run, folder)
    manifest = {**json.loads((run / "manifest.json").read_text()), **parts}
    manifest.pop("seal", None)
    (folder / "manifest.json").write_text(sealed(json.dumps(manifest)))
    return folder


def reasons(found) -> set[str]:
    return set(found.refused["why"])


def clean(found, metric="accuracy"):
    rows = found.differences
    return rows[(rows["corruption"] == "clean") & (rows["metric"] == metric)]


def test_encoders_of_two_runs_differ_as_they_would_within_one(runs):
    """A slow twin, from the predictions: the same vectors, shared spread, estimates and correction as of comparisons.csv."""
    found = clean(compare(runs))
    entries = {"semisupcon (one)": (0.6, (0, 1, 2)), "simclr": (0.4, (0, 1)), "semisupcon (two)": (0.75, (0, 1, 2)), "supcon": (0.6, (0,))}
    layout, vectors = Layout({name: len(seeds) for name, (_, seeds) in entries.items()}, 60, 30), {}
    for name, (right, seeds) in entries.items():
        measured = [measure(["accuracy"], predictions(right, seed, 60), 60) for seed in seeds]
        vectors[name] = layout.vector(name, [values[0] for values, _ in measured], [resampled[0] for _, resampled in measured])
    spread = shared({name: layout.training(vector, name) for name, vector in vectors.items()}, dict.fromkeys(entries, "trained"))
    pairs = list(zip(found["encoder"], found["baseline"], strict=True))
    assert set(pairs) == {
        ("semisupcon (one)", "semisupcon (two)"),
        ("semisupcon (one)", "supcon"),
        ("simclr", "semisupcon (two)"),
        ("simclr", "supcon"),
    }
    expected = [estimate(vectors[a] - vectors[b], layout, "difference", {a: spread[a], b: spread[b]}) for a, b in pairs]
    for column, what in (("difference", "value"), ("ci_low", "low"), ("ci_high", "high"), ("p", "p"), ("detectable", "detectable")):
        np.testing.assert_allclose(found[column], [getattr(each, what) for each in expected], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found["p_holm"], holm([each.p for each in expected]), rtol=1e-3)
    assert list(found["baseline_one_training"]) == [0, 2, 0, 2]


@pytest.mark.slow
def test_two_real_runs_compare_as_one_run_of_both_does(tmp_path):
    """Whatever is told within a run is told across runs, on clean audio and under corruption; numbers in files have six digits."""
    hard_songs(tmp_path, np.random.default_rng(3), {"train": 24, "valid": 12, "test": 24})

    def run(name, *encoders):
        words = ["run", "--dataset", str(tmp_path / "songs.csv"), "--tasks", "genre", "--cache", str(tmp_path / "cache"), "--quiet"]
        words += ["--output", str(tmp_path), "--set", f"run_name={name}", "--set", "floors=none", "--set", "bootstrap.resamples=80"]
        words += ["--seeds", "2", "--corruptions", "white-noise", "--severities", "1,3"]
        assert cli.main([*words, *(word for encoder in encoders for word in ("--encoder", encoder))]) == 0
        return tmp_path / name

    found = compare([run("one", "untrained"), run("two", "handcrafted")]).differences
    assert not found["difference"].eq(0).all()
    both = RunFolder(run("both", "untrained", "handcrafted"))
    within = both.read("comparisons")
    within = within[within["baseline"] == "handcrafted"]
    noisy = both.read("robustness_comparisons")
    noisy = noisy[(noisy["measure"] == "score") & (noisy["corruption"] == "white-noise")]
    for rows, expected in ((found[found["corruption"] == "clean"], within), (found[found["corruption"] == "white-noise"], noisy)):
        assert len(rows) == len(expected) > 0
        columns = ["difference", "ci_low", "ci_high", "p", "detectable"]
        np.testing.assert_allclose(rows[columns], expected[columns], rtol=2e-3, atol=1e-5)


def test_one_encoder_under_two_names_is_not_compared_with_itself(tmp_path):
    """As a layer that was scored by its number, and as the one output of another run."""
    one = a_finished_run(tmp_path / "one", {"deep[layer=0]": (0.6, (0, 1)), "worse": (0.4, (0, 1))}, conditions=NOISE, **SMALL)
    two = a_finished_run(tmp_path / "two", {"deep-mean": (0.6, (0, 1)), "better": (0.75, (0, 1))}, conditions=NOISE, **SMALL)
    found = compare([one, two])
    pairs = set(zip(found.differences["encoder"], found.differences["baseline"], strict=True))
    assert pairs == {("deep[layer=0]", "better"), ("worse", "deep-mean"), ("worse", "better")}
    assert "deep[layer=0] and deep-mean have the same scores, resample by resample, and are not compared." in found.notes
    told = notes_of(found)
    assert any("for the lines of these tables, each by themselves: 3 of headline metrics, 3 of other metrics, " in each for each in told)
    (two / "resamples.npz").unlink()
    assert len(pairs_of(entries_of(read_runs([one, two])))) == 4
    assert not any(same_numbers(*pair) for pair in pairs_of(entries_of(read_runs([one, two])))), "not known without resamples"


def test_namesakes_come_first_and_are_called_by_their_run(runs):
    found = compare(runs)
    assert found.labels == ("one", "two")
    assert tuple(found.differences[["encoder", "baseline"]].iloc[0]) == ("semisupcon (one)", "semisupcon (two)")
    assert found.differences["difference"].iloc[0] < 0


def test_corruption_is_compared_over_severities_that_both_have(runs):
    found = compare(runs)
    rows = found.differences[(found.differences["corruption"] == "white-noise") & (found.differences["baseline"] == "semisupcon (two)")]
    assert set(rows["severities"]) == {"1 3"}
    assert set(rows["metric"]) == {"accuracy"}  # the headline
    assert ("only two has it", "low-pass") in set(zip(found.refused["why"], found.refused["corruption"], strict=True))


def test_what_only_one_run_has_is_said_once_for_all_metrics(runs):
    refused = compare(runs).refused
    (row,) = refused[refused["task"] == "key"].to_dict("records")
    assert row == {"task": "key", "dataset": "mini", "metric": "accuracy and macro_f1", "corruption": "clean", "between": "one and two",
                   "why": "only one has it"}  # fmt: skip


def test_more_resamples_begin_with_those_of_fewer(runs, tmp_path):
    """A run with other resamples is paired by those that both have, and its resamples are the first of them."""
    more = a_finished_run(tmp_path / "more", {"semisupcon": (0.75, (0, 1, 2)), "supcon": (0.6, (0,))}, clips=60, resamples=90)
    few, many = clean(compare(runs)), clean(found := compare([runs[0], more]))
    np.testing.assert_allclose(many[["difference", "ci_low", "ci_high"]], few[["difference", "ci_low", "ci_high"]], rtol=1e-3, atol=1e-5)
    assert set(many["resamples"]) == {60}
    assert any("60 in one and 90 in more" in note for note in found.notes)


def test_encoders_of_the_same_checkpoints_are_paired_by_seed(tmp_path):
    """Seeds that differ by .15, and something that is better by as much with each of them: only the first is of trainings."""
    rights, spread = (0.5, 0.65), 0.15
    one, two = (a_finished_run(tmp_path / f"{r}", {"semisupcon": (r, (0, 1, 2))}, spread=spread, **SMALL) for r in rights)
    apart = clean(compare([one, two])).iloc[0]
    about = json.loads((one / "manifest.json").read_text())["encoders"]
    paired = clean(compare([one, changed(two, tmp_path / "same", encoders=about)])).iloc[0]
    of_seeds = [[measure(["accuracy"], predictions(r + spread * (seed - 1), seed, 60), 1)[0][0] for seed in range(3)] for r in rights]
    np.testing.assert_allclose([float(x) for x in paired["by_seed"].split()], np.subtract(*of_seeds), atol=1e-5)
    assert paired["difference"] == pytest.approx(apart["difference"])
    assert paired["ci_high"] - paired["ci_low"] < 0.7 * (apart["ci_high"] - apart["ci_low"])


def of_few_labels(run: Path, seed: int, key: str) -> Path:
    """A run whose seeds become draws of few labels of a single training with that seed; key: of what its majority class was scored on."""
    manifest = json.loads((run / "manifest.json").read_text())
    about = {**manifest["encoders"].pop("semisupcon"), "seeds": [seed], "checkpoints": {}}
    made = changed(run, run.with_name(f"{run.name}-{seed}-{key}"), encoders={"semisupcon[shots=5]": about, **manifest["encoders"]})
    for name in ("scores", "summary"):
        frame = RunFolder(made).read(name)
        ours = frame["encoder"] == "semisupcon"
        frame["encoder"] = frame["encoder"].astype("str").where(~ours, "semisupcon[shots=5]")
        if name == "scores":
            frame["draw"], frame["seed"] = frame["seed"].where(ours, -1), frame["seed"].where(~ours, seed)
            frame["key"] = frame["key"].astype("str").where(ours, key)
        else:
            frame.loc[ours, "one_training"] = 3
        RunFolder(made).write(name, frame)
    return made


def test_few_labels_are_paired_draw_by_draw_where_seed_and_clips_are_the_same(tmp_path):
    """Draws that differ by .15, and something that is better by as much with each of them."""
    one, two = (a_finished_run(tmp_path / f"{r}", {"semisupcon": (r, (0, 1, 2))}, spread=0.15, **SMALL) for r in (0.5, 0.65))
    given = of_few_labels(one, 0, "same")
    found = {
        (seed, key): clean(compare([given, of_few_labels(two, seed, key)])).iloc[0]
        for seed, key in ((0, "same"), (1, "same"), (0, "other"))
    }
    widths = {how: row["ci_high"] - row["ci_low"] for how, row in found.items()}
    assert widths[0, "same"] < 0.7 * widths[1, "same"] == 0.7 * widths[0, "other"]
    assert len({row["difference"] for row in found.values()}) == 1


def test_one_checkpoint_with_few_and_with_all_labels_is_not_one_thing_that_was_drawn(tmp_path):
    """Each keeps the spread of its own: the draws of the one are not those of the other."""
    one, two = (
        a_finished_run(tmp_path / f"{r}", {"semisupcon": (r, seeds)}, spread=0.15, **SMALL) for r, seeds in ((0.5, range(3)), (0.65, [0]))
    )
    few = of_few_labels(one, 0, "same")
    same = json.loads((two / "manifest.json").read_text())["encoders"]["semisupcon"]["checkpoints"]
    about = json.loads((few / "manifest.json").read_text())["encoders"]
    about["semisupcon[shots=5]"]["checkpoints"] = same
    apart, together = (clean(compare([each, two])).iloc[0] for each in (few, changed(few, tmp_path / "together", encoders=about)))
    assert together["ci_high"] - together["ci_low"] > 0.9 * (apart["ci_high"] - apart["ci_low"])


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"datasets": {"mini": {"version": "3", "key": "abc"}}}, "mini is of version 2 in one and 3 in other"),
        ({"sample_checksums": {"mini": {"clean": {"clip0": "bb"}}}}, "the audio of the clip clip0 is not the same"),
        (
            {"metrics": {"accuracy": "another accuracy", "macro_f1": "macro F1"}},
            "accuracy is accuracy in one and another accuracy in other",
        ),
    ],
)
def test_rows_that_do_not_compare_are_refused_with_the_reason(runs, tmp_path, parts, why):
    found = compare([runs[0], changed(runs[1], tmp_path / "other", **parts)])
    assert why in reasons(found)
    assert not len(clean(found))


def test_other_clips_groups_labels_and_classes_are_refused(runs, tmp_path):
    more = a_finished_run(tmp_path / "more", {"supcon": (0.6, (0,))}, clips=75, resamples=60)
    assert "15 test clips of mini are in one of them alone" in reasons(compare([runs[0], more]))
    path = "predictions/mini.genre.majority.seed0.csv"
    for name, old, new, why in (
        ("groups", "clip3,tune03", "clip3,tune04", "1 test clip of mini is in other groups"),
        ("labels", None, None, "2 test clips of mini have other labels"),
    ):
        folder = changed(runs[1], tmp_path / name)
        text = (folder / path).read_text()
        if old is None:
            lines = text.splitlines()
            cells = [line.split(",") for line in lines]
            for line in (1, 2):
                cells[line][2] = "jig" if cells[line][2] != "jig" else "air"
            text = "\n".join(",".join(each) for each in cells) + "\n"
        (folder / path).write_text(text if old is None else text.replace(old, new))
        assert why in reasons(compare([runs[0], folder])), name
    tasks = json.loads((runs[1] / "manifest.json").read_text())["tasks"]
    tasks["genre"]["classes"] = ["air", "jig", "polka"]
    assert "the classes of genre differ" in reasons(compare([runs[0], changed(runs[1], tmp_path / "classes", tasks=tasks)]))


def test_a_metric_that_is_computed_otherwise_is_known_by_the_majority_class(runs, tmp_path):
    folder = changed(runs[1], tmp_path / "two")
    text = (folder / "scores.csv").read_text().splitlines()
    lines = [i for i, line in enumerate(text) if line.startswith("majority,") and ",accuracy," in line]
    for i in lines:
        cells = text[i].split(",")
        text[i] = ",".join([*cells[:4], "0.99", *cells[5:]])
    (folder / "scores.csv").write_text("\n".join(text) + "\n")
    found = compare([runs[0], folder])
    assert any(why.startswith("accuracy is computed otherwise: the same majority class has 0.") for why in reasons(found))
    assert len(clean(found, "macro_f1"))  # which is the same


def test_other_draws_of_groups_are_refused(runs, tmp_path):
    folder = changed(runs[1], tmp_path / "two")
    with np.load(folder / "resamples.npz") as kept:
        resampled = kept["resampled"][:, ::-1]
    np.savez_compressed(folder / "resamples.npz", resampled=resampled)
    assert "their resamples are not of the same draws of groups" in reasons(compare([runs[0], folder]))


def test_the_same_job_of_the_majority_class_stands_for_all_that_it_hears(tmp_path):
    """Its key is a hash of clips, labels and code; nothing else is asked then."""
    a_finished_run(tmp_path / "one", {"semisupcon": (0.6, (0,))}, **SMALL)
    a_finished_run(tmp_path / "two", {"semisupcon": (0.7, (0,))}, **SMALL)
    text = (tmp_path / "two" / "scores.csv").read_text().replace(f"majority of {tmp_path / 'two'}", f"majority of {tmp_path / 'one'}")
    (tmp_path / "two" / "scores.csv").write_text(text)
    other = changed(tmp_path / "two", tmp_path / "three", datasets={"mini": {"version": "none that is known"}})
    assert reasons(compare([tmp_path / "one", other])) == set()


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"corruptions": {"white-noise": {"levels": [41, 31, 21, 11, 1], "unit": "dB"}}}, "severity 1 is 40 in one and 41 in other"),
        ({"corruptions": {"white-noise": {"levels": LEVELS["white-noise"], "unit": "LUFS"}}}, "its unit differs"),
        ({"robustness": {"train_on": "corrupted"}}, "robustness.train_on is clean in one and corrupted in other"),
    ],
)
def test_other_corruption_is_refused_and_clean_audio_is_not(runs, tmp_path, parts, why):
    found = compare([runs[0], changed(runs[1], tmp_path / "other", **parts)])
    assert why in reasons(found)
    assert len(clean(found))
    assert "white-noise" not in set(found.differences["corruption"])


def test_a_run_without_resamples_gives_differences_without_intervals(runs, tmp_path):
    folder = changed(runs[1], tmp_path / "kept")
    (folder / "resamples.npz").unlink()
    found = compare([runs[0], folder])
    with_them = clean(compare(runs))
    np.testing.assert_allclose(clean(found)["difference"], with_them["difference"], atol=1e-5)
    assert found.differences[["ci_low", "ci_high", "p", "p_holm", "detectable"]].isna().all(axis=None)
    assert found.notes[0].startswith("kept has no resamples.npz, so what clips and groups vary cannot be paired")


def test_runs_kept_without_predictions_compare_where_their_data_are_the_same():
    found = compare([REFERENCE / "main", REFERENCE / "label-budget"])
    assert not len(found.refused)
    assert set(found.differences["dataset"]) == {"mini-large"}
    assert math.isnan(found.differences["p"].max())
    assert "simclr has the same scores in main and label-budget." in found.notes


def test_a_damaged_run_is_told_and_so_are_resamples_of_another_one(runs, tmp_path):
    folder = changed(runs[1], tmp_path / "damaged")
    with np.load(folder / "resamples.npz") as kept:
        np.savez_compressed(folder / "resamples.npz", resampled=kept["resampled"][1:])
    with pytest.raises(MirbenchError, match=r"resamples.npz has \d+ lines where scores.csv has \d+; run it again"):
        compare([runs[0], folder])
    (folder / "resamples.npz").write_bytes(b"PK")
    with pytest.raises(MirbenchError, match="cannot be read"):
        compare([runs[0], folder])
    (folder / "scores.csv").write_text("encoder\n")
    with pytest.raises(MirbenchError, match=r"scores.csv"):
        compare([runs[0], folder])


def test_a_comparison_takes_two_that_are_not_the_same(runs, tmp_path):
    with pytest.raises(
        MirbenchError, match=r"takes two runs or checkpoints that are not the same, and .*one was given 2 times; name another one"
    ):
        compare([runs[0], runs[0] / ".." / "one"])
    with pytest.raises(MirbenchError, match="was given alone"):
        compare([runs[0]])
    with pytest.raises(MirbenchError, match=r"there is no folder .*none; give folders that `mirbench run` wrote"):
        compare([runs[0], tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(MirbenchError, match=r"is not a run folder \(no manifest.json\)"):
        compare([runs[0], tmp_path / "empty"])


def test_where_jobs_were_made_is_no_difference():
    runs = [{"config": {"executor": name, "slurm": {"partition": name}, "output": name, "seeds": 3}} for name in ("local", "slurm")]
    assert differing(["a", "b"], settings_of(runs)).empty
    runs[1]["config"]["slurm"]["nodes"] = 2  # which moves numbers
    assert differing(["a", "b"], settings_of(runs)).to_dict("records") == [{"setting": "nodes", "a": "1", "b": "2"}]


def test_weights_that_differ_stand_among_settings():
    """Of a model under one name in both runs, whose file was changed."""
    of = [{"options": {"layer": 1}, "weights": {"net.onnx": digest * 64, "net.onnx.data": "c" * 64}} for digest in "ab"]
    found = differing(["one", "other"], settings_of([{"encoders": {"net": {"role": "encoder", **each}}} for each in of]))
    assert found.values.tolist() == [["options.weights.net.onnx", "SHA-256 aaaaaaaaaaaa", "SHA-256 bbbbbbbbbbbb"]]


def test_settings_that_differ_stand_in_lines_of_their_own(runs, tmp_path):
    parts = {"config": {"probe": {"kind": ["mlp"]}, "bootstrap": {"resamples": 60}, "seeds": 3}, "versions": {"mirbench": "0.2.0"}}
    settings = compare([runs[0], changed(runs[1], tmp_path / "other", **parts)]).settings
    assert settings.to_dict("records") == [
        {"setting": "probe.kind", "one": "linear", "other": "mlp"},
        {"setting": "versions.mirbench", "one": "0.1.0", "other": "0.2.0"},
    ]
    frame = differing(["a", "b"], [{"x": 0.1, "y": None, "z": "é" * 99}, {"x": 0.1, "y": [], "z": True}])
    assert frame.to_numpy().tolist() == [["z", "é" * 59 + "…", "true"]]


def a_checkpoint(folder: Path, seed: int, right: float, steps: int = 400) -> Path:
    folder.mkdir()
    (folder / "encoder.json").write_text(json.dumps({"encoder": "semisupcon", "options": {"steps": steps}, "seed": seed}))
    (folder / "report.json").write_text(json.dumps({"key": f"semisupcon {right} {seed}", "seconds": seed + right}))
    return folder


def test_checkpoints_are_compared_by_their_options_and_by_the_runs_that_scored_them(runs, tmp_path):
    one, two = a_checkpoint(tmp_path / "a", 0, 0.6), a_checkpoint(tmp_path / "b", 1, 0.75, 800)
    alone = compare([one, two])
    assert alone.settings.to_numpy().tolist()[:2] == [["seed", "0", "1"], ["options.steps", "400", "800"]]
    assert not len(alone.differences)
    assert alone.notes[0].startswith("No run was given that scored semisupcon, seed 0 and semisupcon, seed 1; mirbench run --checkpoint")
    found = clean(compare([one, two, *runs]))
    assert list(zip(found["encoder"], found["baseline"], strict=True)) == [("semisupcon (one), seed 0", "semisupcon (two), seed 1")]
    values = [measure(["accuracy"], predictions(right, seed, 60), 1)[0][0] for right, seed in ((0.6, 0), (0.75, 1))]
    assert found["difference"].iloc[0] == pytest.approx(values[0] - values[1], abs=1e-5)
    assert found[["n_seeds", "baseline_seeds", "one_training", "baseline_one_training"]].iloc[0].tolist() == [1, 1, 1, 1]


def test_a_checkpoint_beside_runs_alone_is_refused(runs, tmp_path):
    with pytest.raises(MirbenchError, match=r"a is the only checkpoint among them; give another one, or runs alone\."):
        compare([a_checkpoint(tmp_path / "a", 0, 0.6), runs[0]])


@pytest.mark.slow
def test_a_real_checkpoint_is_known_in_the_run_that_scored_it(songs_run, tmp_path):
    _, _, checkpoint, run = songs_run
    _, (given, other) = sorted_out([checkpoint, a_checkpoint(tmp_path / "a", 0, 0.6), run])
    entries = entries_of(read_runs([run]))
    assert [each.own for each in entries if given.is_of(each)] == [each.own for each in entries if "simclr" in each.own]
    assert not any(other.is_of(each) for each in entries)
    assert given.settings()["options.steps"] == 2
    assert given.settings()["pretrained on.songs"].startswith("12 clips (")


def test_encoders_that_cannot_be_told_apart_share_a_place(tmp_path):
    """Two that are alike, and one that is far behind; ranks are 1 + those surely better to all but those surely worse."""
    encoders = {"a": (0.8, (0, 1, 2)), "b": (0.79, (3, 4, 5)), "c": (0.3, (0, 1, 2))}
    found = leaderboard([a_finished_run(tmp_path / "run", encoders, ("genre", "key"), [*NOISE, *LOW_PASS], **SMALL)])
    overall = found.standings[found.standings["family"] == "all tasks"].set_index("encoder")
    assert overall["place"].to_dict() == {"a": 1, "b": 1, "c": 3}
    assert overall.loc["c", ["mean_rank", "rank_low", "rank_high"]].tolist() == [3, 3, 3]
    assert overall.loc["a", ["rank_low", "rank_high"]].tolist() == [1, 2]
    assert overall["borda"].sum() == 2 * 3  # 3 pairs in each of two columns
    assert list(dict.fromkeys(found.standings["family"])) == ["all tasks", "style", "harmony", "under corruption"]
    rows = found.ranks
    assert ((rows["rank_low"] <= rows["rank"]) & (rows["rank"] <= rows["rank_high"])).all()
    assert rows[rows["family"] == "all tasks"].groupby("task")["rank"].sum().tolist() == [6, 6]
    under = rows[(rows["family"] == "under corruption") & (rows["task"] == "genre") & (rows["encoder"] == "a")]
    values = [[measure(["accuracy"], predictions(0.8 - 0.02 * s, seed, 60), 1)[0][0] for seed in range(3)] for s in (1, 3, 1)]
    noisy, low, dull = map(np.mean, values)  # a mean over severities, then over the two families
    assert under["value"].iloc[0] == pytest.approx((np.mean([noisy, low]) + dull) / 2, abs=1e-5)


def test_ranks_do_not_depend_on_which_run_an_encoder_is_of(tmp_path):
    encoders = {"a": (0.8, (0, 1, 2)), "b": (0.6, (0, 1)), "c": (0.3, (0, 1, 2))}
    whole = a_finished_run(tmp_path / "whole", encoders, **SMALL)
    parts = [a_finished_run(tmp_path / name, {name: of}, **SMALL) for name, of in encoders.items()]
    one, other = leaderboard([whole]), leaderboard(parts)
    columns = ["encoder", "place", "mean_rank", "rank_low", "rank_high", "borda"]
    assert one.standings[columns].to_numpy().tolist() == other.standings[columns].to_numpy().tolist()
    both = leaderboard([whole, *parts])  # an encoder with the same numbers in two runs is one
    assert both.standings[columns].to_numpy().tolist() == one.standings[columns].to_numpy().tolist()


def test_a_run_without_resamples_is_ranked_by_its_own_comparisons():
    found = leaderboard([REFERENCE / "main"])
    key = found.ranks[(found.ranks["task"] == "key") & (found.ranks["family"] == "all tasks")].set_index("encoder")
    assert key.loc["supervised", ["rank_low", "rank_high"]].tolist() == [4, 4]
    assert key.loc["simclr", ["rank_low", "rank_high"]].tolist() == [1, 3]
    assert "told apart by its comparisons.csv" in found.notes[0]


def test_encoders_that_were_not_scored_on_the_same_have_no_place_over_all(runs):
    found = leaderboard(runs)
    overall = found.standings[found.standings["family"] == "all tasks"].set_index("encoder")
    assert math.isnan(overall.loc["supcon", "place"])
    assert overall.loc["simclr", "columns"] == 2
    assert set(found.standings.loc[found.standings["family"] == "harmony", "encoder"]) == {"semisupcon (one)", "simclr"}


def test_a_column_whose_runs_do_not_compare_is_ranked_without_the_fewer(runs, tmp_path):
    other = changed(runs[1], tmp_path / "other", datasets={"mini": {"version": "3"}})
    third = a_finished_run(tmp_path / "third", {"byol": (0.5, (0, 1))}, **SMALL)
    found = leaderboard([runs[0], third, other])
    assert "genre on mini is ranked without semisupcon (other), supcon: mini is of version 2 in one and 3 in other." in found.notes
    assert set(found.ranks["encoder"]) == {"semisupcon (one)", "simclr", "byol"}


def test_one_encoder_is_no_leaderboard(tmp_path):
    run = a_finished_run(tmp_path / "run", {"a": (0.8, (0, 1))}, **SMALL)
    with pytest.raises(MirbenchError, match="a leaderboard ranks two encoders or more, and run has 1; give more runs, or --floors"):
        leaderboard([run])
    with pytest.raises(MirbenchError, match=r"and run has 1; give more runs\."):
        leaderboard([run, run], floors=True)


def test_two_that_were_trained_once_each_are_not_told_apart(tmp_path):
    run = a_finished_run(tmp_path / "run", {"a": (0.9, (0,)), "b": (0.2, (0,))}, **SMALL)
    assert set(leaderboard([run]).standings["place"]) == {1}


def test_predictions_of_the_helper_are_scored_as_runs_score_them():
    """So that the twins above are of what the folders hold."""
    drawn = predictions(0.7, 3, 60)
    assert drawn.targets.max() < len(drawn.classes)
    assert TASKS["genre"].metrics[0] == "accuracy"
    shuffled = replace(drawn, scores=drawn.scores[:, ::-1])
    values = [measure(["accuracy"], each, 2)[0][0] for each in (drawn, shuffled)]
    assert values[0] > values[1]
    assert len(set(itertools.chain(drawn.groups))) == 30


@pytest.mark.parametrize(
    ("value", "resamples", "same"),
    [
        (0.5, [0.4, 0.5, 0.6], True),
        (float("nan"), [float("nan"), 0.5, 0.6], True),  # of a score that is not defined
        (1.0, [1.0, 1.0, 1.0], False),  # of which it cannot be told whose it is
        (float("nan"), [float("nan")] * 3, False),
    ],
)
def test_the_same_encoder_is_known_by_numbers_that_vary(value, resamples, same):
    def entry(values):
        run = SimpleNamespace(resampled=np.array([values]), places=["genre"], conditions=lambda own, place: [])
        return SimpleNamespace(run=run, own="x", lines=lambda *at: [0], values=lambda *at: [value])

    assert same_numbers(entry(resamples), entry(resamples)) == same
    assert not same_numbers(entry(resamples), entry([*resamples[:2], 0.7]))
