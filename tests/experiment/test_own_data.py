"""`mirbench run` on files of one's own: manifests, folders, bad files, other people's labels, and audio that was pretrained on."""

import csv
import json
import re

import numpy as np
import pytest
import soundfile
from small import LOUD, rows

from mirbench import cli

RATE = 22_050
FAST = ["--set", "floors=[]", "--corruptions", "none", "--set", "bootstrap.resamples=20", "--quiet"]
TRAINED = ["--set", "options.all={steps: 2, batch_views: 8}"]


def tone(path, pitch, seed=0, seconds=1.0):
    """A note with noise of its own, as no two recordings are the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(time))
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time) + 0.1 * noise, RATE)


def music(seconds):
    """Two voices of plucked notes with eight partials each, and a snare."""
    rng, sound = np.random.default_rng(1), np.zeros(round(seconds * RATE))
    time = np.arange(RATE) / RATE
    for begin in np.arange(0, seconds - 1, 0.25):
        for low in (110, 220):
            pitch = low * 2 ** (rng.integers(12) / 12)
            note = sum(np.sin(2 * np.pi * k * pitch * time) / k * np.exp(-k * 2 * time) for k in range(1, 9))
            sound[round(begin * RATE) :][:RATE] += 0.1 * note
        if rng.random() < 0.5:
            sound[round(begin * RATE) :][:RATE] += 0.05 * rng.standard_normal(RATE) * np.exp(-30 * time)
    return sound


def write_csv(path, lines):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


@pytest.fixture
def songs(tmp_path):
    """A manifest of 24 clips without a split, of two genres and three pitches."""
    lines = [["path", "genre", "pitch", "artist"]]
    for i in range(24):
        tone(tmp_path / "songs" / f"{i}.wav", 60 + 12 * (i % 2), seed=i)
        lines.append([f"songs/{i}.wav", ("low", "high")[i % 2], 60 + 12 * (i % 2), f"artist {i // 2}"])
    return write_csv(tmp_path / "songs.csv", lines)


@pytest.fixture
def mirbench(tmp_path, monkeypatch, write, built_in, unmeasured):
    """Runs a command with the encoder `loud`; returns (exit code, the run folder or None)."""
    loud = write(LOUD, "loud_plugin.py")

    def command(*words, encoder="loud", fast=FAST):
        argv = [*words, "--plugin", loud, "--cache", str(tmp_path / "cache")]
        code = cli.main([*argv, "--encoder", encoder, "--output", str(tmp_path / "results"), *fast] if words[0] == "run" else argv)
        found = sorted((tmp_path / "results").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
        return code, found[-1].parent if code == 0 and found else None

    return command


def test_a_manifest_runs_on_every_task_whose_annotation_is_there(mirbench, songs):
    code, folder = mirbench("run", "--dataset", str(songs), "--tasks", "all")
    assert code == 0
    assert {(row["task"], row["dataset"]) for row in rows(folder)} == {("genre", "songs"), ("pitch", "songs")}
    assert min(float(row["value"]) for row in rows(folder) if row["encoder"] == "loud" and row["metric"] == "accuracy") > 0.9
    manifest = json.loads((folder / "manifest.json").read_text())
    assert "seed 0" in manifest["datasets"]["songs"]["split_rule"]
    assert set(manifest["datasets"]["songs"]["clips"]) == {"train", "valid", "test"}


@pytest.mark.slow
def test_the_same_manifest_again_does_nothing_and_a_changed_label_does(mirbench, songs):
    _, first = mirbench("run", "--dataset", str(songs), "--tasks", "genre")
    _, again = mirbench("run", "--dataset", str(songs), "--tasks", "genre")
    songs.write_text(songs.read_text().replace("songs/0.wav,low", "songs/0.wav,high"))
    _, changed = mirbench("run", "--dataset", str(songs), "--tasks", "genre")
    assert first == again != changed


def test_a_folder_takes_its_sub_folders_as_genres(mirbench, tmp_path):
    for i in range(24):
        tone(tmp_path / "My Songs" / ("low", "high")[i % 2] / f"take {i} é.wav", 50 + 20 * (i % 2), seed=i)
    code, folder = mirbench("run", "--dataset", str(tmp_path / "My Songs"), "--tasks", "all")
    assert code == 0
    assert {(row["task"], row["dataset"]) for row in rows(folder)} == {("genre", "my-songs")}


def test_one_bad_file_in_a_hundred_is_skipped_and_listed_and_two_end_the_run(mirbench, songs, tmp_path, capsys):
    loud = [each for each in FAST if each != "--quiet"]
    (tmp_path / "songs" / "3.wav").write_bytes(b"")
    code, _ = mirbench("run", "--dataset", str(songs), "--tasks", "genre", "--plan", fast=loud)
    assert code == 0
    told = capsys.readouterr()
    assert " to do: about " in told.out
    assert re.search(r"songs: error: 1 of \d+ files of \w+ is missing or empty, which a run refuses; the first is songs/3.wav", told.err)
    (tmp_path / "songs" / "3.wav").write_bytes(b"<html>not found</html>")
    soundfile.write(tmp_path / "songs" / "4.wav", np.zeros(RATE), RATE)
    code, _ = mirbench("run", "--dataset", str(songs), "--tasks", "genre")
    assert code == 2
    assert "1 of " in (told := capsys.readouterr().err)
    assert "songs/3.wav" in told
    assert "--max-bad" in told
    assert "Only headers were looked at: `mirbench data check " in told
    assert not (tmp_path / "cache" / "embeddings").exists()  # before a number is computed
    code, folder = mirbench("run", "--dataset", str(songs), "--tasks", "genre", "--max-bad", "20%")
    assert code == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    assert list(manifest["datasets"]["songs"]["skipped"]) == ["songs/3.wav"]
    (silent,) = [each for each in manifest["findings"]["songs"] if each["kind"] == "silence"]
    assert re.fullmatch(r"songs/4.wav \(line 6\) in \w+", *silent["examples"])
    (plain,) = [each for each in manifest["findings"]["songs"] if each["kind"] == "not compared"]
    assert (plain["level"], "too short or too steady to be compared" in plain["text"]) == ("note", True)
    assert "songs/4.wav (line 6)" not in plain["examples"]
    from mirbench import reporting

    assert "1 clip of songs was skipped:\n  songs/3.wav: " in reporting.table_text(folder)


def test_a_task_without_labels_enough_is_left_out_of_all_and_an_error_by_name(mirbench, songs, capsys):
    lines = list(csv.reader(songs.open()))
    write_csv(songs, [[*lines[0], "key"], *([*line, "C major" if i == 0 else ""] for i, line in enumerate(lines[1:]))])
    code, folder = mirbench("run", "--dataset", str(songs), "--tasks", "all")
    assert code == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [each["task"] for each in manifest["left_out"]] == ["key"]
    code, _ = mirbench("run", "--dataset", str(songs), "--tasks", "key")
    assert code == 2
    assert "no clip there has one" in capsys.readouterr().err


def test_an_encoder_learns_from_what_labels_there_are(mirbench, songs, capsys):
    code, folder = mirbench("run", "--dataset", str(songs), "--tasks", "genre", *TRAINED, encoder="semisupcon")
    assert code == 0
    assert "semisupcon is supervised by genre (same-class)" in capsys.readouterr().err
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["encoders"]["semisupcon"]["checkpoints"]["0"]["labels_used"]) == {"low", "high"}


@pytest.fixture
def pool(tmp_path):
    """A folder of other music without labels, and a manifest of a few labelled clips."""
    for i in range(12):
        tone(tmp_path / "pool" / f"{i}.wav", 40 + i, seed=100 + i)
    lines = [["path", "tags", "genre"]]
    for i in range(12):
        tone(tmp_path / "labelled" / f"{i}.wav", 80 + i % 2, seed=200 + i)
        lines.append([f"labelled/{i}.wav", "a|b" if i % 2 else "b|c", "x"])
    return tmp_path / "pool", write_csv(tmp_path / "labelled.csv", lines)


def test_pretraining_on_one_data_set_with_the_labels_of_another(mirbench, songs, pool):
    unlabelled, labelled = pool
    words = ["--pretrain-on", str(unlabelled), "--supervise-with", f"{labelled}:tags"]
    code, folder = mirbench("run", "--dataset", str(songs), "--tasks", "all", *words, *TRAINED, encoder="semisupcon")
    assert code == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    checkpoint = manifest["encoders"]["semisupcon"]["checkpoints"]["0"]
    assert set(checkpoint["pretrained_on"]) == {"pool", "labelled"}
    assert set(checkpoint["labels_used"]) <= set("abc")
    assert {row["dataset"] for row in rows(folder)} == {"songs"}
    assert "overlap" not in manifest


def test_labels_that_are_not_there_are_refused(mirbench, songs, pool, capsys):
    code, _ = mirbench("run", "--dataset", str(songs), "--supervise-with", f"{pool[1]}:mood", encoder="semisupcon")
    assert code == 2
    assert "carries genre, tags" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change", [pytest.param("link", marks=pytest.mark.slow), pytest.param("copy", marks=pytest.mark.slow), "quieter flac"]
)
def test_audio_that_is_pretrained_on_and_tested_on_is_refused_or_marked(mirbench, songs, pool, tmp_path, capsys, change):
    code, folder = mirbench("run", "--dataset", str(songs), "--tasks", "genre")
    tested = next(line for line in rows_of_predictions(folder))
    song = music(15)
    soundfile.write(tmp_path / tested, 0.5 * song, RATE)
    if change == "link":
        (tmp_path / "pool" / "leak.wav").symlink_to(tmp_path / tested)
    elif change == "copy":
        (tmp_path / "pool" / "leak.wav").write_bytes((tmp_path / tested).read_bytes())
    else:
        soundfile.write(tmp_path / "pool" / "leak.flac", 0.2 * song, RATE)
    words = ["run", "--dataset", str(songs), "--tasks", "genre", "--pretrain-on", str(tmp_path / "pool"), *TRAINED]
    code, _ = mirbench(*words, encoder="simclr,loud")
    assert code == 2
    told = capsys.readouterr().err
    assert f"'simclr' is pretrained on audio that is validated or tested on: 1 clip, the first songs/{tested}" in told
    assert "--allow-overlap" in told
    code, folder = mirbench(*words, "--allow-overlap", encoder="simclr,loud")
    assert code == 0
    assert {row["encoder"]: row["overlap"] for row in rows(folder)} == {"simclr": "1", "loud": "0", "majority": "0"}
    marked = [path.name for path in (folder / "tables").iterdir() if "simclr" in (text := path.read_text()) and "†" not in text]
    assert sorted(marked) == ["comparisons.tex", "cost.tex", "scores.tex", "similarity.tex"]  # which have the mark in LaTeX
    for name in marked:
        assert r"\textdagger" in (folder / "tables" / name).read_text()
    assert "pretrained on the audio of 1 test clip of songs" in (folder / "report.html").read_text()


def rows_of_predictions(folder):
    """Ids of the tested clips."""
    (path,) = [path for path in (folder / "predictions").iterdir() if "loud" in path.name]
    return [row["clip"] for row in csv.DictReader(path.open(newline=""))]


def test_what_is_strange_is_told_before_anything_is_computed_and_kept(mirbench, songs, capsys):
    lines = list(csv.reader(songs.open()))
    songs_key = [[*line, "8A" if i % 2 else "8B", "loud, low"] for i, line in enumerate(lines[1:])]
    songs_key[5][4] = "H"
    write_csv(
        songs,
        [
            ["path", "genre", "pitch", "track_artist", "key", "tags", *map(str, range(12))],
            *([*line, *"abcdefghijkl"] for line in songs_key),
        ],
    )
    aloud = [flag for flag in FAST if flag != "--quiet"]
    code, folder = mirbench("run", "--dataset", str(songs), "--tasks", "genre,key", fast=aloud)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("mirbench: songs: ")]
    assert code == 0
    assert len(told) <= 7
    (key,) = [line for line in told if "'key'" in line]
    assert key.startswith("mirbench: songs: warning: 1 of 24 cells of 'key' cannot be read, and are unknown: songs/5.wav (line 7): 'H' is")
    assert any("the column 'track_artist' is not read as the artist" in line for line in told)
    manifest = json.loads((folder / "manifest.json").read_text())
    levels = [finding["level"] for finding in manifest["findings"]["songs"]]
    assert levels == sorted(levels, key=("error", "warning", "note").index)
    assert levels.count("note") >= 12  # columns that no task reads
    page = (folder / "report.html").read_text()
    assert all(finding["text"].replace("'", "&#39;") in page for finding in manifest["findings"]["songs"])
    assert {row["task"] for row in rows(folder)} == {"genre", "key"}
