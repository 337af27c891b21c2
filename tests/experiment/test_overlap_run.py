"""What a run, a sweep and a report make of audio that was pretrained on, of tasks that cannot be run, and of what has changed since."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
import soundfile
import torch
from small import LOUD, rows
from test_own_data import FAST, RATE, TRAINED, music, tone, write_csv

from mirbench import cli, registry, reporting
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.bad_clips import check_bad
from mirbench.experiment.resolve.data_selection import fit_supervision, register_own_data
from mirbench.experiment.run import plan, run
from mirbench.settings.config import load_config

SPLITS = ("train", "train", "valid", "test")
SWEEP = ["--corruptions", "white-noise", "--severities", "1", "--quiet"]


def manifest(path, folder="", count=16, seed=0, split=lambda i: SPLITS[i // 2 % 4], **columns):
    """A manifest of tones with a split, of two genres and any other columns, each a function of the clip's number."""
    columns = {"genre": lambda i: ("low", "high")[i % 2], **columns}
    lines = [["path", "id", "split", *columns]]
    for i in range(count):
        sound = path.parent / folder / f"{i}.wav"
        if not sound.exists():
            tone(sound, 60 + 12 * (i % 2), seed=1000 * seed + i)
        lines.append([f"{folder}/{i}.wav" if folder else f"{i}.wav", f"clip {i}", split(i), *(column(i) for column in columns.values())])
    return write_csv(path, lines)


@pytest.fixture
def work(tmp_path, write, built_in):
    """In a folder of its own, with the encoder `loud`: runs a command, and returns what it exits with."""

    class Work:
        cache, plugin = tmp_path / "cache", str(tmp_path / write(LOUD, "loud_plugin.py"))

        def __call__(self, *words):
            return cli.main([*map(str, words), *([] if words[0] == "report" else ["--plugin", self.plugin, "--cache", str(self.cache)])])

        def run(self, *words, name="run", tasks="genre"):
            return self("run", "--tasks", tasks, "--output", tmp_path / "results", "--set", f"run_name={name}", *words, *FAST, *TRAINED)

        def folder(self, name="run"):
            return tmp_path / "results" / name

        def manifest(self, name="run"):
            return json.loads((self.folder(name) / "manifest.json").read_text())

        def checkpoint(self, capsys, *words, encoder="simclr"):
            capsys.readouterr()
            assert self("pretrain", encoder, *words, *TRAINED, "--quiet") == 0
            return capsys.readouterr().out.strip()

        def settled(self, *settings, **flags):
            """What a run is of, with all read anew."""
            flags = {"floors": [], "corruptions": ["none"], "device": "cpu", **flags}
            nouns = registry.load([self.plugin])
            config = register_own_data(load_config([], [*settings, TRAINED[1]], flags), nouns)
            return fit_supervision(config, nouns), nouns, self.cache

        def plan(self, *settings, **flags):
            return plan(*self.settled(*settings, **flags))

    return Work()


def leaking(tmp_path, reencoded):
    """(a folder to pretrain on, a manifest of which one test clip is in there)"""
    scored = manifest(tmp_path / "scored.csv", "scored")
    song = music(12)
    soundfile.write(tmp_path / "scored" / "6.wav", 0.5 * song, RATE)
    for i in range(6):
        tone(tmp_path / "pool" / f"{i}.wav", 40 + i, seed=500 + i)
    if reencoded:
        soundfile.write(tmp_path / "pool" / "leak.ogg", 0.2 * song[2 * RATE :], RATE)
    else:
        shutil.copy(tmp_path / "scored" / "6.wav", tmp_path / "pool" / "leak.wav")
    return tmp_path / "pool", scored


@pytest.mark.slow
@pytest.mark.parametrize(("reencoded", "since"), [(False, "gone"), (True, "renamed"), (True, "moved")])
def test_a_checkpoint_that_heard_a_test_clip_is_refused_or_marked(work, tmp_path, capsys, reencoded, since):
    pool, scored = leaking(tmp_path, reencoded)
    given = work.checkpoint(capsys, "--dataset", pool)
    if since == "gone":
        shutil.rmtree(pool)
    elif since == "renamed":
        pool.rename(tmp_path / "other")
    else:  # and far from the cache that it was made in
        shutil.move(given, tmp_path / "weights")
        given = tmp_path / "weights" / "last"
        shutil.rmtree(work.cache)
    assert work.run("--dataset", scored, "--checkpoint", given) == 2
    told = capsys.readouterr().err
    certainly = "may be" if reencoded else "is"  # as there is no audio to confirm by the waveform what fingerprints say
    assert f"'simclr' {certainly} pretrained on audio that is validated or tested on: 1 clip, the first scored/clip 6" in told
    assert "as pool/leak." in told
    assert work.run("--dataset", scored, "--checkpoint", given, "--allow-overlap") == 0
    assert {row["encoder"]: row["overlap"] for row in rows(work.folder())} == {"simclr": "1", "majority": "0"}
    assert work.manifest()["overlap"]["simclr"]["clips"] == {"scored": {"test": 1}}


@pytest.mark.parametrize("reencoded", [False, True])
@pytest.mark.slow
def test_what_is_tested_is_left_out_of_pretraining_where_that_is_asked_for(work, tmp_path, capsys, reencoded):
    pool, scored = leaking(tmp_path, reencoded)
    words = ["--dataset", scored, "--encoder", "simclr", "--pretrain-on", pool]
    assert work.run(*words) == 2
    assert "leave out what overlaps with --set overlap=drop, or allow it" in capsys.readouterr().err
    assert work.run(*words, "--set", "overlap=drop") == 0
    told = "1 clip of pool is left out of pretraining, since the same audio is validated or tested on."
    assert f"mirbench: {told}\n" in capsys.readouterr().err
    leak = "leak.ogg" if reencoded else "leak.wav"
    assert work.manifest()["left_out_of_pretraining"] == {"pool": {"clips": 1, "first": [leak]}}
    assert "overlap" not in work.manifest()
    assert {row["encoder"] for row in rows(work.folder())} == {"simclr", "majority"}
    (checkpoint,) = (work.cache / "checkpoints").glob("[0-9a-f]*")
    heard = json.loads((checkpoint / "pretraining_clips.json").read_text())["pool"]["clips"]
    assert (len(heard), leak in heard) == (6, False)
    assert "1 clip of pool left out of pretraining" in reporting.table_text(work.folder())
    before = (work.folder() / "manifest.json").stat().st_mtime_ns
    assert work.run(*words, "--set", "overlap=drop") == 0  # and nothing is done again
    assert (work.folder() / "manifest.json").stat().st_mtime_ns == before
    assert work.run("--dataset", scored, "--checkpoint", checkpoint, name="given") == 0


def test_files_that_are_in_both_are_refused_before_any_is_opened(work, tmp_path, capsys, monkeypatch):
    scored = manifest(tmp_path / "scored.csv", "scored")
    monkeypatch.setattr("mirbench.data.scans.scan_clips", lambda *_: pytest.fail("a file is opened"))
    monkeypatch.setattr("mirbench.data.duplicates.overlap.fingerprint_clips", lambda *_: pytest.fail("a file is decoded"))
    assert work.run("--dataset", scored, "--encoder", "simclr", "--pretrain-on", tmp_path / "scored") == 2
    assert "8 clips, the first scored/clip 12 (same file as " in capsys.readouterr().err


def test_of_a_given_checkpoint_nothing_can_be_left_out(work, tmp_path, capsys):
    pool, scored = leaking(tmp_path, reencoded=False)
    given = work.checkpoint(capsys, "--dataset", pool)
    assert work.run("--dataset", scored, "--checkpoint", given, "--set", "overlap=drop") == 2
    assert "pretrain it in the run, by --pretrain-on, and leave out what overlaps with --set overlap=drop" in capsys.readouterr().err


PUBLISHED = """
import mirbench

class Published(mirbench.Dataset):
    name = "published"
    annotations = ("genre",)
    files = (mirbench.Files("*.wav", count=16),)

    def clips(self, folder):
        splits = ("train", "train", "valid", "test")
        return [
            mirbench.Clip(str(i), folder / f"{i}.wav", splits[i // 2 % 4], f"g{i}", annotations={"genre": ("low", "high")[i % 2]})
            for i in range(16)
        ]

@mirbench.hookimpl
def register_datasets():
    return [Published()]
"""


@pytest.mark.slow
def test_a_published_set_with_the_same_audio_in_two_of_its_splits_runs_without_that(work, tmp_path, capsys):
    (tmp_path / "plugin.py").write_text(PUBLISHED)
    manifest(tmp_path / "unused.csv", "published", seed=4)
    shutil.copy(tmp_path / "published" / "6.wav", tmp_path / "published" / "0.wav")  # test and train
    shutil.copy(tmp_path / "published" / "14.wav", tmp_path / "published" / "6.wav")  # both test
    shutil.copy(tmp_path / "published" / "14.wav", tmp_path / "published" / "8.wav")
    words = ["--plugin", tmp_path / "plugin.py", "--dataset", "published", "--data-root", tmp_path]
    given = work.checkpoint(capsys, *words)
    assert work.run(*words, "--encoder", "simclr") == 0
    assert "1 clip of published is left out of pretraining" in capsys.readouterr().err
    assert work.manifest()["left_out_of_pretraining"] == {"published": {"clips": 1, "first": ["8"]}}
    assert "overlap" not in work.manifest()
    assert [path.name for path in (work.cache / "checkpoints").glob("[0-9a-f]*")] == [tmp_path.joinpath(given).name]
    assert work.run(*words, "--checkpoint", given, name="given") == 0
    assert work.run(*words, "--encoder", "simclr", "--allow-overlap", name="all") == 0
    assert {(row["encoder"], row["overlap"]) for row in rows(work.folder("all"))} == {("simclr", "1"), ("majority", "0")}


def test_a_checkpoint_is_not_refused_for_other_audio_of_the_same_name_and_ids(work, tmp_path, capsys):
    first = manifest(tmp_path / "a" / "split.csv", seed=1)
    second = manifest(tmp_path / "b" / "split.csv", seed=2, split=lambda i: SPLITS[::-1][i // 2 % 4])
    given = work.checkpoint(capsys, "--dataset", first)
    assert work.run("--dataset", second, "--checkpoint", given) == 0
    assert "overlap" not in work.manifest()


@pytest.mark.slow
def test_a_marked_run_stays_marked_in_a_sweep_and_beside_an_unmarked_one_and_needs_what_it_heard_no_more(work, tmp_path, capsys):
    pool, scored = leaking(tmp_path, reencoded=False)
    swept = ["--encoder", "simclr", "--dataset", scored, "--set", "sweep.simclr={temperature: [0.1, 0.2]}"]
    assert work.run(*swept, "--pretrain-on", pool, "--allow-overlap") == 0
    names = {"simclr[temperature=0.1]", "simclr[temperature=0.2]"}
    shutil.rmtree(pool)
    assert work("sweep", work.folder(), *SWEEP) == 0
    assert set(work.manifest()["overlap"]) == names
    assert {row["encoder"] for row in rows(work.folder()) if row["corruption"] == "white-noise"} == names
    assert work.manifest()["config"]["pretrain_on"] == [str(pool)]
    markdown = (work.folder() / "tables" / "sweep.md").read_text()
    assert re.search(r"(?m)^\| simclr † +\|", markdown)
    assert "pretrained on the audio of 1 test clip of scored" in markdown
    assert "simclr †" in legend(work.folder())

    again = tmp_path / "again"  # with other numbers
    shutil.copytree(work.folder(), again)
    summary = again / "summary.csv"
    summary.write_text(re.sub(r"(?m)^(simclr.*,accuracy),[^,]+", r"\1,0.123", summary.read_text()))
    told = json.loads((again / "manifest.json").read_text())
    (again / "manifest.json").write_text(json.dumps({name: value for name, value in told.items() if name not in ("files", "seal")}))
    assert {"simclr (run) †", "simclr (again) †"} <= legend(work.folder(), again)

    for i in range(6):
        tone(tmp_path / "fair" / f"{i}.wav", 40 + i, seed=600 + i)
    assert work.run(*swept, "--pretrain-on", tmp_path / "fair", name="fair") == 0
    assert "overlap" not in work.manifest("fair")
    assert work("report", work.folder(), work.folder("fair"), "--output", tmp_path / "both") == 0
    assert {"simclr", "simclr †"} <= legend(work.folder(), work.folder("fair"))
    markdown = (tmp_path / "both" / "tables" / "sweep.md").read_text()
    assert [len(re.findall(rf"(?m)^\| {name} +\|", markdown)) for name in ("simclr †", "simclr")] == [2, 2]
    assert markdown.count("pretrained on the audio of") == 2  # of the marked ones alone


@pytest.mark.slow
def test_audio_of_the_test_split_that_probes_are_fitted_on_is_told_of_encoders_that_learn_nothing(work, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    scored = manifest(tmp_path / "scored.csv", "scored")
    shutil.copy(tmp_path / "scored" / "0.wav", tmp_path / "scored" / "6.wav")
    told = (
        "scored: warning: 1 clip of valid or test with audio that is in training too, which flatters every probe; remove one of the "
        "two clips, or put both in one split; pretraining on that is "
    )
    words = ["--encoder", "loud", "--dataset", scored]
    loud = ["run", *words, "--tasks", "genre", *FAST[:-1], "--set", "run_name=run", "--output", tmp_path / "results"]
    for _ in ("computed", "there"):
        assert work(*loud) == 0
        err = capsys.readouterr().err
        assert err.count(told) == 1
        assert "clip 0 (train, line 2) and scored/clip 6 (test, line 8): same audio" in err
        (finding,) = [each for each in work.manifest()["findings"]["scored"] if "flatters" in each["text"]]
        assert (finding["level"], len(finding["examples"])) == ("warning", 1)
    assert work.manifest()["tasks"]["genre"]["dataset"]["scored"]["n_shared"] == 1
    for name in ("report.html", "tables/scores.md"):
        page = (work.folder() / name).read_text()
        assert "genre on scored ‡" in page
        assert re.search(r"genre on scored ‡: 1 of \d test clips has, or may have, audio that train or valid has too", page)
    assert "which flatters every probe" in (work.folder() / "report.html").read_text()
    assert work.run(*words, "--encoder", "simclr") == 2  # which learns
    assert work.run(*words, "--encoder", "simclr", "--set", "overlap=drop", name="dropped") == 0
    (finding,) = [each for each in work.manifest("dropped")["findings"]["scored"] if "flatters" in each["text"]]
    assert finding["text"].endswith("; that is left out of pretraining.")


@pytest.mark.slow
def test_another_part_of_a_file_that_was_heard_is_told_of_a_checkpoint_too(work, tmp_path, capsys):
    scored = manifest(tmp_path / "scored.csv", "scored", start=lambda i: "", duration=lambda i: "")
    tone(tmp_path / "scored" / "long.wav", 60, seed=11, seconds=4)
    with open(scored, "a") as file:
        file.write("scored/long.wav,second half,test,low,2,2\n")
    (tmp_path / "link.wav").symlink_to(tmp_path / "scored" / "long.wav")
    pool = write_csv(tmp_path / "pool.csv", [["path", "start", "duration"], ["link.wav", 0, 2]])
    words = ["--encoder", "simclr", "--dataset", scored, "--pretrain-on", pool]
    assert work.run(*words) == 2
    assert "scored/second half" in capsys.readouterr().err
    assert work.run(*words, "--allow-overlap") == 0
    assert work("sweep", work.folder(), *SWEEP) == 0
    assert set(work.manifest()["overlap"]) == {"simclr"}
    given = work.checkpoint(capsys, "--dataset", pool)
    assert work.run("--dataset", scored, "--checkpoint", given, name="given") == 2
    assert "scored/second half" in capsys.readouterr().err


@pytest.mark.parametrize("tested", ["valid", "test"])
@pytest.mark.slow
def test_what_a_checkpoint_may_be_chosen_by_is_not_tested_on(work, tmp_path, capsys, tested):
    """Nor told otherwise in a sweep, or of a checkpoint that was given."""
    scored = manifest(tmp_path / "scored.csv", "scored")
    pool = manifest(tmp_path / "pool.csv", "pool", seed=7)
    shutil.copy(tmp_path / "scored" / f"{4 if tested == 'valid' else 6}.wav", tmp_path / "pool" / "4.wav")  # which is valid
    words = ["--dataset", scored, "--pretrain-on", pool]
    assert work.run(*words, "--encoder", "simclr") == (2 if tested == "test" else 0)
    assert work.run(*words, "--encoder", "simclr", "--allow-overlap") == 0
    assert work("sweep", work.folder(), *SWEEP) == 0
    marked = {(row["encoder"], row["overlap"]) for row in rows(work.folder()) if row["encoder"] != "majority"}
    assert marked == {("simclr", "1" if tested == "test" else "0")}
    given = work.checkpoint(capsys, "--dataset", pool)
    assert work.run("--dataset", scored, "--checkpoint", given, name="given") == (2 if tested == "test" else 0)
    assert work.run("--dataset", pool, "--checkpoint", given, name="own") == 0


@pytest.mark.slow
def test_a_sweep_needs_neither_the_audio_nor_the_labels_that_were_pretrained_on(work, tmp_path, capsys):
    scored = manifest(tmp_path / "scored.csv", "scored")
    labelled = manifest(tmp_path / "labelled.csv", "labelled", seed=4, tags=lambda i: "ab"[i % 2])
    tone(tmp_path / "pool" / "1.wav", 50, seed=900)
    words = ["--pretrain-on", tmp_path / "pool", "--supervise-with", f"{labelled}:tags", "--encoder", "semisupcon"]
    assert work.run("--dataset", scored, *words) == 0
    shutil.rmtree(tmp_path / "pool")
    labelled.unlink()
    assert work("sweep", work.folder(), *SWEEP) == 0
    assert {row["corruption"] for row in rows(work.folder())} == {"clean", "white-noise"}
    capsys.readouterr()
    assert work("sweep", work.folder(), *SWEEP, "--set", "seeds=2") == 2  # of which one has yet to be pretrained
    assert f"there is no file or folder {tmp_path / 'pool'}" in capsys.readouterr().err


def legend(*folders):
    """Of the figure of a sweep."""
    from mirbench.reporting import figures
    from mirbench.results.merging import load

    results = load(*folders)
    figure = figures.sweep(results.summary, results.points)
    return {text.get_text() for text in figure.legends[0].get_texts()}


def split_of(i):
    return SPLITS[i // 2 % 4]


def of_one_valid(numbers):
    return {name: lambda i, sign=sign: "" if split_of(i) == "valid" and i != 4 else sign * i / 16 for name, sign in numbers.items()}


USELESS = {
    "one class in train": ("genre", {"genre": lambda i: "low" if split_of(i) == "train" else ("low", "high")[i % 2]}),
    "no known class in valid": ("genre", {"genre": lambda i: f"{'other ' * (split_of(i) == 'valid')}{('low', 'high')[i % 2]}"}),
    "tags all alike": ("tagging", {"tags": lambda i: "loud|slow"}),
    "tags of test all alike": ("tagging", {"tags": lambda i: ("loud", "slow")[i % 2] if split_of(i) != "test" else "loud|slow"}),
    "one number in valid": ("emotion", of_one_valid({"arousal": 1, "valence": -1})),
}


@pytest.mark.parametrize("how", USELESS)
def test_a_task_that_cannot_be_scored_is_left_out_of_all_and_an_error_by_name(work, tmp_path, capsys, how):
    task, columns = USELESS[how]
    scored = manifest(tmp_path / "own.csv", "own", pitch=lambda i: 60 + i % 2, **columns)
    planned = work.plan(encoders=["loud"], datasets=[str(scored)])
    assert {each.name for each in planned.resolved.tasks} == {"pitch", "genre"} - {task}
    assert work.run("--dataset", scored, "--encoder", "simclr", tasks=task) == 2
    assert capsys.readouterr().err == f"mirbench: {planned.resolved.left_out['own', task]}\n"
    assert not (work.cache / "checkpoints").exists()


def test_a_task_that_is_left_out_is_told_with_its_reason(work, tmp_path, capsys):
    scored = manifest(tmp_path / "own.csv", "own", **USELESS["tags all alike"][1])
    assert work.run("--dataset", scored, "--encoder", "loud", tasks="all") == 0
    (left_out,) = work.manifest()["left_out"]
    assert (left_out["dataset"], left_out["task"]) == ("own", "tagging")
    assert f"tagging is not run on own: {left_out['why']}" in reporting.table_text(work.folder())


@pytest.mark.slow
def test_two_splits_of_the_same_files_may_both_be_pretrained_on_and_not_both_be_scored(work, tmp_path, capsys):
    first = manifest(tmp_path / "first.csv", "audio")
    second = manifest(tmp_path / "second.csv", "audio", split=lambda i: SPLITS[::-1][i // 2 % 4])
    scored = manifest(tmp_path / "scored.csv", "scored", seed=3)
    assert work.run("--dataset", scored, "--encoder", "simclr", "--pretrain-on", f"{first},{second}") == 0
    assert "overlap" not in work.manifest()
    both = ["--dataset", f"{first},{second}", "--encoder", "simclr"]
    assert work.run(*both) == 2
    assert "--allow-overlap" in capsys.readouterr().err
    assert work.run(*both, "--allow-overlap", name="both") == 0
    assert {row["encoder"] for row in rows(work.folder("both")) if row["overlap"] == "1"} == {"simclr"}


@pytest.mark.slow
def test_tags_that_nobody_has_judged_do_not_count_against_a_clip_that_is_supervised(work, tmp_path, capsys):
    def weights(name, encoder="supervised", **columns):
        own = manifest(tmp_path / name / "own.csv", tags=lambda i: ("a|b", "c")[i % 2], **columns)
        words = ["--dataset", own, "--set", f"options.{encoder}.supervision=shared-tags"]
        return (tmp_path / work.checkpoint(capsys, *words, encoder=encoder) / "last" / "weights.safetensors").read_bytes()

    without = weights("without")
    assert weights("known", tags_unknown=lambda i: "") == without
    assert weights("unknown", tags_unknown=lambda i: ("c", "a|b")[i % 2]) != without
    assert weights("without", "semisupcon") == weights("unknown", "semisupcon", tags_unknown=lambda i: ("c", "a|b")[i % 2])


def test_tags_that_nobody_has_judged_leave_the_pairs_as_they_are():
    from pathlib import Path

    from mirbench import Clip
    from mirbench.pretraining.objectives import LabelTruth, PairTruth, heads_of
    from mirbench.pretraining.signals import read_signals
    from mirbench.pretraining.supervision import LabelTable
    from mirbench.pretraining.views.sampling import Batch

    def table(unknown):
        tags = [("a", "b"), ("c",), ("a",)]
        about = [{"tags": t, **({"tags_unknown": u} if unknown else {})} for t, u in zip(tags, [("c",), (), ("b",)], strict=True)]
        clips = [Clip(str(i), Path("x"), "train", str(i), annotations=a) for i, a in enumerate(about)]
        return LabelTable(clips, read_signals("shared-tags"))

    rows = torch.arange(3)
    batch = Batch(rows, torch.ones(3, dtype=torch.bool), rows, torch.zeros(3, dtype=torch.long), torch.ones(3))
    for in_denominator in (True, False):
        one, other = (PairTruth(table(unknown), in_denominator)(batch, 0, 1) for unknown in (False, True))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    wanted = LabelTruth(table(True), heads_of(table(True), [0, 1, 2]))(batch, 0, 1)["wanted0"]
    assert wanted.isnan().tolist() == [[False, False, True], [False, False, False], [False, True, False]]


def done(planned):
    """kind -> the titles of what need not be done again."""
    found = {}
    missing = {job.key for job in planned.graph.missing(planned.resolved.store)}
    for job in planned.graph.jobs:
        if job.key not in missing:
            found.setdefault(job.kind, []).append(job.title)
    return found


def test_what_has_changed_is_done_again_and_nothing_else(work, tmp_path):
    scored = manifest(tmp_path / "own.csv", "own", count=24, pitch=lambda i: 60 + i % 2)
    settings = {"encoders": ["simclr"], "datasets": [str(scored)], "tasks": ["genre", "pitch"]}
    run(*work.settled(f"output={tmp_path / 'results'}", **settings))
    planned = work.plan(**settings)
    assert planned.graph.missing(planned.resolved.store) == []
    before, table = done(planned), list(csv.reader(scored.open()))

    def changed(row, column, value):
        lines = [list(line) for line in table]
        lines[row + 1][table[0].index(column)] = value
        write_csv(scored, lines)
        return done(work.plan(**settings))

    test_clip = 6
    kept = {kind: [title for title in titles if kind in ("checkpoints", "embeddings", "overlaps")] for kind, titles in before.items()}
    again = changed(test_clip, "genre", "high")
    for kind in ("checkpoints", "embeddings", "overlaps"):
        assert again[kind] == kept[kind], kind
    for kind in ("probes", "predictions", "scores"):
        assert [title.split()[0] for title in again[kind]] == ["pitch"], kind
    assert changed(0, "genre", "high").get("checkpoints") == before["checkpoints"]  # simclr reads no label
    assert changed(test_clip, "split", "train").get("checkpoints") is None

    write_csv(scored, table)
    assert done(work.plan(**settings)) == before
    tone(tmp_path / "own" / f"{test_clip}.wav", 60, seed=999)
    again = done(work.plan(**settings))
    assert again["checkpoints"] == before["checkpoints"]  # which never heard it
    assert len(again["embeddings"]) == 2
    tone(tmp_path / "own" / "0.wav", 60, seed=998)
    assert "checkpoints" not in done(work.plan(**settings))


@pytest.mark.parametrize(("share", "bad"), [("29%", 29), ("0.5%", 0), ("1%", 1), ("0%", 0), ("100%", 100)])
def test_as_many_bad_clips_as_are_allowed_are_allowed(share, bad):
    max_bad = load_config([], [], {"max_bad": share}).max_bad
    skipped = {f"clip {i}": "no audio" for i in range(bad + 1)}
    check_bad("own test", dict(list(skipped.items())[:bad]), 100, max_bad)
    if bad < 100:
        with pytest.raises(MirbenchError) as caught:
            check_bad("own test", skipped, 100, max_bad)
        assert f"{bad + 1} of 100 clips cannot be read, more than max_bad {share};" in str(caught.value)


def test_nobody_looks_at_the_test_clips_of_what_is_pretrained_on_alone(work, tmp_path, capsys):
    pool = manifest(tmp_path / "pool.csv", "pool", seed=5)
    scored = manifest(tmp_path / "scored.csv", "scored", seed=6)
    (tmp_path / "pool" / "6.wav").write_bytes(b"<html>not found</html>")
    assert work("pretrain", "simclr", "--dataset", pool, *TRAINED, "--quiet") == 0
    words = ["--dataset", scored, "--encoder", "simclr", "--pretrain-on", pool]
    assert work.run(*words) == 0
    (tmp_path / "pool" / "0.wav").write_bytes(b"<html>not found</html>")
    assert work.run(*words) == 2
    assert "pool train: 1 of 8 clips cannot be read" in capsys.readouterr().err


def test_what_labels_are_taken_from_is_one_data_set_that_has_them(work, tmp_path, capsys):
    scored = manifest(tmp_path / "scored.csv", "scored")
    for given, told in [
        ("all:genre", "--supervise-with all:genre: name one data set by itself, such as magnatagatune:tags."),
        (f"{scored}:mood", f"--supervise-with {scored}:mood: data set 'scored' carries genre; name one that it carries."),
    ]:
        for encoder in ("semisupcon", "loud"):
            assert work.run("--dataset", scored, "--encoder", encoder, "--supervise-with", given) == 2
            assert capsys.readouterr().err == f"mirbench: {told}\n"


def test_a_data_set_on_the_line_is_pretrained_on_whatever_the_configuration_says(work, tmp_path, capsys):
    for i in range(6):
        tone(tmp_path / "pool" / f"{i}.wav", 40 + i, seed=700 + i)
        tone(tmp_path / "usual" / f"{i}.wav", 40 + i, seed=800 + i)
    (tmp_path / "mine.yaml").write_text("pretrain_on: [./usual]\n")
    given = work.checkpoint(capsys, "--dataset", "./pool", "--config", "mine.yaml")
    assert set(json.loads((tmp_path / given / "pretraining_clips.json").read_text())) == {"pool"}
    given = work.checkpoint(capsys, "--config", "mine.yaml")
    assert set(json.loads((tmp_path / given / "pretraining_clips.json").read_text())) == {"usual"}


@pytest.mark.slow
def test_a_run_on_relative_paths_is_swept_from_anywhere(work, tmp_path, capsys, monkeypatch):
    manifest(tmp_path / "lists" / "own.csv", "own")
    (tmp_path / "lists" / "music").mkdir()
    (tmp_path / "lists" / "own").rename(tmp_path / "lists" / "music" / "own")
    given = work.checkpoint(capsys, "--dataset", "lists/own.csv", "--data-root", "lists/music")
    shutil.copytree(tmp_path / given, tmp_path / "weights")
    relative = {"datasets": ["lists/own.csv"], "data_root": "lists/music", "checkpoints": ["weights"], "tasks": ["genre"]}
    absolute = {"datasets": [str(tmp_path / "lists/own.csv")], "data_root": str(tmp_path / "lists/music")}
    one, other = (work.plan(**{**relative, **spelt}) for spelt in ({}, {**absolute, "checkpoints": [str(tmp_path / "weights")]}))
    assert (one.key, one.name) == (other.key, other.name)
    words = ["--dataset", "lists/own.csv", "--data-root", "lists/music", "--checkpoint", "weights"]
    assert work.run(*words) == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert work("sweep", work.folder(), *SWEEP) == 0
    assert {row["corruption"] for row in rows(work.folder())} == {"clean", "white-noise"}
    assert np.isfinite([float(row["value"]) for row in rows(work.folder())]).all()
