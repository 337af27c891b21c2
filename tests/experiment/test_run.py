"""The spine end to end on a tiny configuration: a run, the same run again, a killed run, a leak, broken files."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from small import LOUD, TONES, rows

from mirbench import cli
from mirbench.results.run_folder import RunFolder


def tones(tmp_path, *, count=60, leak=False, broken=0, made=False, more=()):
    plugin = tmp_path / "tones.py"
    plugin.write_text(TONES.format(count=count, leak=leak, broken=broken, made=made) + LOUD)
    command = [
        "run",
        "--plugin",
        str(plugin),
        "--dataset",
        "tones",
        "--encoder",
        "loud",
        "--set",
        "floors=[]",
        "--quiet",
        "--corruptions",
        "none",
        *more,
    ]
    return cli.main([*command, "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results")])


def test_every_encoder_and_floor_is_scored_on_every_task(tiny_run):
    _, folder = tiny_run
    found = {(r["encoder"], r["task"], r["metric"]) for r in rows(folder)}
    metrics = {"tagging": {"macro_average_precision", "macro_roc_auc"}, "genre": {"accuracy", "macro_f1"}, "key": {"mirex", "accuracy"},
               "pitch": {"accuracy", "pitch_class_accuracy"}}  # fmt: skip
    encoders = ("semisupcon", "untrained", "handcrafted", "majority")
    assert found == {(e, t, m) for e in encoders for t, names in metrics.items() for m in names}
    for row in rows(folder):
        assert float(row["ci_low"]) <= float(row["value"]) + 1e-6
        assert float(row["value"]) <= float(row["ci_high"]) + 1e-6
        assert (row["corruption"], row["severity"]) == ("clean", "0")


def test_predictions_are_of_every_test_clip_and_give_the_score_again(tiny_run):
    cache, folder = tiny_run
    with open(next((cache / "datasets").glob("*/manifest.csv"))) as file:
        expected = {r["id"] for r in csv.DictReader(file) if r["split"] == "test" and r["genre"]}
    predictions = RunFolder(folder).read_predictions("semisupcon", "tiny", "genre", 0)
    assert set(predictions.clip_ids) == expected
    accuracy = float((predictions.scores.argmax(axis=1) == predictions.targets).mean())
    row = next(r for r in rows(folder) if (r["encoder"], r["task"], r["metric"]) == ("semisupcon", "genre", "accuracy"))
    assert float(row["value"]) == pytest.approx(accuracy, abs=1e-5)
    assert int(row["n_test"]) == len(expected)


def test_the_manifest_says_what_was_done(tiny_run):
    _, folder = tiny_run
    manifest = json.loads((folder / "manifest.json").read_text())
    checkpoint = manifest["encoders"]["semisupcon"]["checkpoints"]["0"]
    assert (checkpoint["steps"], checkpoint["views_seen"]) == (3, 48)
    assert checkpoint["labelled_clips"] == 6 * 9
    budget = manifest["label_budgets"][checkpoint["label_budget"]]
    assert len(set(budget)) == checkpoint["labelled_clips"]
    assert all(clip.startswith("tiny/") for clip in budget)
    assert sum(v for k, v in checkpoint["labels_used"].items() if k in ("reel", "jig", "rock")) > 0
    assert manifest["tasks"]["key"]["classes"][:2] == ["C major", "Db major"]
    assert manifest["tasks"]["pitch"]["classes"][:2] == ["36", "37"]
    assert manifest["tasks"]["pitch"]["changed_by"] == ["pitch"]
    assert manifest["versions"]["torch"].startswith("2.11")
    assert manifest["datasets"]["tiny"]["skipped"] == {}
    assert set(manifest["timings"]) >= {"checkpoints: semisupcon, seed 0"}


def test_tables_and_figures_are_there(tiny_run):
    _, folder = tiny_run
    table = (folder / "tables" / "scores.md").read_text()
    assert "semisupcon" in table
    assert "majority" in table
    assert (folder / "figures" / "comparison.png").stat().st_size > 10_000
    assert (folder / "figures" / "comparison.svg").exists()


@pytest.mark.parametrize("plan", [(), ("--plan",)])
def test_the_same_command_again_and_its_plan_change_nothing_and_import_nothing_heavy(tiny_run, tiny_command, tmp_path, plan):
    cache, folder = tmp_path / "cache", tiny_run[1]
    shutil.copytree(tiny_run[0], cache, copy_function=shutil.copy2)  # other tests may add to that

    def stamps(root):
        return {p: p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()}

    before = stamps(cache), stamps(folder)
    command, heavy = tiny_command(cache, folder.parent, *plan), {"torch", "pandas", "sklearn", "matplotlib"}
    code = f"import sys; from mirbench import cli; cli.main({command!r}); print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("set()")
    assert ("0 to do" if plan else "semisupcon") in done.stdout
    assert (stamps(cache), stamps(folder)) == before


@pytest.mark.slow
def test_a_run_from_an_empty_cache_gives_the_same_scores_but_for_times(tiny_run, tiny_command, tmp_path):
    _, folder = tiny_run
    assert cli.main(tiny_command(tmp_path / "cache", tmp_path / "results", "--quiet")) == 0
    (again,) = (tmp_path / "results").iterdir()
    assert again.name == folder.name
    for name in ("scores.csv", "summary.csv", "comparisons.csv"):
        first, second = rows(folder, name), rows(again, name)
        for row in (*first, *second):
            row.pop("seconds", None)
        assert first == second


@pytest.mark.slow
def test_a_run_killed_in_the_middle_goes_on_where_it_stopped(tiny_command, tmp_path):
    command = [
        sys.executable,
        "-c",
        f"from mirbench import cli; cli.main({tiny_command(tmp_path / 'cache', tmp_path / 'results', '--quiet')!r})",
    ]
    process = subprocess.Popen(command)
    for _ in range(1200):
        if list((tmp_path / "cache" / "checkpoints").glob("[0-9a-f]*")) or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None, "the run ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (checkpoint,) = (tmp_path / "cache" / "checkpoints").glob("[0-9a-f]*")
    weights = (checkpoint / "last" / "weights.safetensors").stat().st_mtime_ns
    assert not list((tmp_path / "results").glob("*/manifest.json"))
    subprocess.run(command, check=True)
    assert (checkpoint / "last" / "weights.safetensors").stat().st_mtime_ns == weights
    (folder,) = (tmp_path / "results").iterdir()
    assert len(rows(folder)) == 32


def test_a_group_in_two_splits_ends_the_run_before_any_number(tmp_path, capsys):
    assert tones(tmp_path, leak=True) == 2
    assert capsys.readouterr().err == (
        "mirbench: data set 'tones' leaks: 1 group is in two splits, "
        "'shared' in train (1) and valid (1); every group must be in one split.\n"
    )


def test_broken_files_within_the_share_are_skipped_and_listed(tmp_path):
    assert tones(tmp_path, broken=3, more=["--set", "max_bad=0.1"]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    skipped = json.loads((folder / "manifest.json").read_text())["datasets"]["tones"]["skipped"]
    assert set(skipped) == {"0", "1", "2"}
    assert all("is no audio" in why for why in skipped.values())
    (row,) = [r for r in rows(folder) if (r["encoder"], r["metric"]) == ("loud", "accuracy")]
    assert int(row["n_test"]) == 19
    assert float(row["value"]) == 1.0


def test_more_broken_files_than_allowed_end_the_run(tmp_path, capsys):
    assert tones(tmp_path, broken=3) == 2
    sentence = capsys.readouterr().err
    assert sentence.startswith("mirbench: tones train: 1 of 20 clips cannot be read, more than max_bad 1%; the first is 0: ")
    assert "Repair them, or allow more with --max-bad SHARE. Only headers were looked at: `mirbench data check " in sentence
    assert not list((tmp_path / "results").glob("*/scores.csv"))


def test_of_audio_that_was_rendered_here_no_clip_may_be_bad(tmp_path, capsys):
    assert tones(tmp_path, broken=3, made=True, more=["--set", "max_bad=0.5"]) == 2
    (folder,) = (tmp_path / "cache" / "datasets").iterdir()
    sentence = capsys.readouterr().err
    assert sentence.startswith("mirbench: tones train: 1 of 20 clips that mirbench rendered cannot be read, the first 0: ")
    assert sentence.endswith(f"Remove {folder}, and the same command renders them again.\n")
    assert not list((tmp_path / "results").glob("*/scores.csv"))


def test_nor_may_pretraining_skip_any_of_it(tmp_path, capsys):
    plugin = tmp_path / "skips.py"
    plugin.write_text(
        LOUD.replace('"loud"', '"skips"').replace("    def embed", "    trainable = True\n    def pretrain(self, job):\n"
        "        job.report['skipped'] = {job.clips[0].id: 'it is noise.'}\n\n    def embed")
    )  # fmt: skip
    words = ["--plugin", str(plugin), "--encoder", "skips", "--set", "max_bad=0.5"]
    assert tones(tmp_path, made=True, more=words) == 2
    told = "mirbench: pretraining skips: 1 of 20 clips that mirbench rendered cannot be read, the first tones/0: it is noise. Remove "
    assert capsys.readouterr().err.startswith(told)
    assert tones(tmp_path, made=False, more=[*words, "--allow-overlap"]) == 0


@pytest.mark.slow
def test_pretraining_hears_training_clips_only(tmp_path, tiny_plugin):
    plugin = tmp_path / "nosy.py"
    plugin.write_text(
        "import mirbench, numpy as np\n"
        "class Nosy(mirbench.Encoder):\n"
        "    name, trainable = 'nosy', True\n"
        "    def pretrain(self, job):\n"
        "        job.report['splits'] = sorted({c.split for c in job.clips})\n"
        "    def embed(self, audio):\n"
        "        return np.stack([audio.mean(axis=1), audio.std(axis=1)], axis=1)\n"
        "@mirbench.hookimpl\n"
        "def register_encoders():\n"
        "    return [Nosy()]\n"
    )
    command = [
        "run",
        "--plugin",
        str(tiny_plugin),
        "--plugin",
        str(plugin),
        "--encoder",
        "nosy",
        "--dataset",
        "tiny",
        "--tasks",
        "pitch",
        "--quiet",
    ]
    assert cli.main([*command, "--set", "floors=[]", "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results")]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["encoders"]["nosy"]["checkpoints"]["0"]["splits"] == ["pretrain", "train"]


def test_a_plan_prepares_nothing(tmp_path, tiny_command, capsys):
    assert cli.main(tiny_command(tmp_path / "cache", tmp_path / "results", "--plan", "--verbose")) == 0
    text = capsys.readouterr().out
    assert text.startswith("59 jobs, 59 to do: about ")
    assert re.search(r"to do +checkpoints +semisupcon, seed 0 ", text)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["sources.json"]  # what was read of the code
    assert not (tmp_path / "results").exists()


def test_a_task_whose_annotation_is_not_there_is_refused(tmp_path, capsys):
    assert tones(tmp_path, more=["--tasks", "key"]) == 2
    assert capsys.readouterr().err == "mirbench: task 'key' needs the annotation 'key', which tones does not carry; it carries genre.\n"


@pytest.mark.slow
def test_seeds_are_counted_and_averaged(tmp_path, tiny_run, tiny_command):
    cache, folder = tiny_run
    assert cli.main(tiny_command(cache, tmp_path / "results", "--seeds", "2", "--tasks", "genre", "--quiet")) == 0
    (again,) = (tmp_path / "results").iterdir()
    values = {r["seed"]: float(r["value"]) for r in rows(again) if (r["encoder"], r["metric"]) == ("semisupcon", "accuracy")}
    (mean,) = [r for r in rows(again, "summary.csv") if (r["encoder"], r["metric"]) == ("semisupcon", "accuracy")]
    assert set(values) == {"0", "1"}
    assert float(mean["value"]) == pytest.approx(np.mean(list(values.values())), abs=1e-5)
    assert (mean["n_seeds"], mean["one_training"]) == ("2", "0")
    assert [float(x) for x in mean["by_seed"].split()] == pytest.approx(list(values.values()), abs=1e-5)
    assert float(mean["ci_low"]) < min(values.values())
    single = next(r for r in rows(folder, "summary.csv") if (r["encoder"], r["metric"]) == ("semisupcon", "accuracy"))
    assert (single["n_seeds"], single["one_training"], single["by_seed"]) == ("1", "1", "")
    resampled, scores = RunFolder(again).read_resamples(), RunFolder(again).read("scores")
    assert resampled.shape[0] == len(scores)
    of = (scores["encoder"] == "semisupcon") & (scores["metric"] == "accuracy") & (scores["seed"] == 1)
    assert resampled[of.to_numpy()].mean() == pytest.approx(values["1"], abs=0.05)
    about = {"encoder": "semisupcon", "baseline": "majority", "metric": "accuracy"}
    (compared,) = [r for r in rows(again, "comparisons.csv") if about.items() <= r.items()]
    assert (compared["n_seeds"], compared["baseline_seeds"]) == ("2", "1")
    assert float(compared["p"]) <= float(compared["p_holm"])
    assert float(compared["detectable"]) > 0
    old = next(r for r in rows(folder) if (r["encoder"], r["task"], r["metric"]) == ("semisupcon", "genre", "accuracy"))
    assert values["0"] == float(old["value"])  # seed 0 was taken from the cache
