"""`mirbench data check`, `where` and `verify`: on a small manifest with every kind of fault, and on a data set that a plugin publishes."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from mirbench import registry
from mirbench.cli import data as cli_data
from mirbench.cli.checked_text import checked_json, checked_page, verdict
from mirbench.data.duplicates.overlap import Overlap
from mirbench.data.findings import Finding, count, of_overlap, of_splits
from mirbench.data.label_findings import of_labels
from mirbench.data.labels import read_labels, without_empty
from mirbench.data.manifests.clip_names import ClipNames
from mirbench.data.similar_names import similar_names
from mirbench.errors import MirbenchError
from mirbench.experiment import check as checking
from mirbench.nouns import Dataset, Task
from mirbench.records import Clip
from mirbench.settings import config

SPLITS = ("train",) * 6 + ("valid", "valid", "test", "test")
GENRES = ("rock", "jazz")

PUBLISHED = """
import hashlib
import mirbench

class Songs(mirbench.Dataset):
    name = "songs"
    description = "ten songs"
    version = "2"
    licence = "CC0"
    home = "https://example.org/songs"
    citation = "Doe, Songs, ISMIR 2020"
    split_rule = "as published"
    access = "ask its authors"
    annotations = ("genre",)
    classes = {"genre": ("rock", "jazz", "Rock")}
    folders = ("songs-v2",)
    files = (
        mirbench.Files("*.wav", count=10, source="https://example.org/audio.zip"),
        mirbench.Files("table.csv", md5=hashlib.md5(b"songs").hexdigest()),
    )

    def clips(self, folder):
        if not (folder / "table.csv").is_file():
            raise mirbench.MirbenchError(f"{folder / 'table.csv'} is missing; get it.")
        splits = ("train",) * 6 + ("valid", "valid", "test", "test")
        about = [(f"{i}", folder / f"{i}.wav", splits[i], {"genre": ("rock", "jazz")[i % 2]}) for i in range(10)]
        return [mirbench.Clip(i, path, split, i, annotations=labels) for i, path, split, labels in about]

class Made(mirbench.Dataset):
    name = "made"
    annotations = ("genre",)
    made = True

    def prepare(self, folder):
        pass

    def clips(self, folder):
        return []

class Elsewhere(Songs):
    name = "elsewhere"
    files = ()

    def clips(self, folder):
        import pathlib
        return Songs().clips(pathlib.Path("root/songs-v2"))

@mirbench.hookimpl
def register_datasets():
    return [Songs(), Made(), Elsewhere()]
"""


def sound(path: Path, seed: int, seconds: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    time = np.arange(round(8000 * seconds)) / 8000
    chirps = zip(random.uniform(100, 2000, 4), random.uniform(0, 0.5, 4), strict=True)
    tone = sum(np.sin(2 * np.pi * f * time * (1 + k * time)) for f, k in chirps)
    soundfile.write(path, 0.1 * tone + 0.02 * random.standard_normal(len(time)), 8000)


@pytest.fixture
def data(tmp_path, monkeypatch, built_in):
    """A manifest of ten sounds, without a fault; its rows can be changed before `write`."""
    monkeypatch.setenv("MIRBENCH_QUIET", "1")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.delenv("MIRBENCH_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    rows = []
    for i, split in enumerate(SPLITS):
        sound(tmp_path / "audio" / f"{i}.wav", i)
        rows.append({"path": f"audio/{i}.wav", "split": split, "group": f"g{i}", "genre": GENRES[i % 2]})

    def write(name: str = "my.csv") -> str:
        with open(name, "w", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
        return name

    return SimpleNamespace(rows=rows, write=write, folder=tmp_path)


def checked_of(name: str, listen: bool = False, **settings) -> checking.Checked:
    found = registry.load()
    settings = {"encoders": ["handcrafted"], "floors": [], "corruptions": ["none"], "datasets": [name], **settings}
    return checking.check(config.load_config(flags=settings), found, Path("cache"), listen)


def found(checked: checking.Checked, level: str, words: str) -> tuple[str, ...]:
    """The examples of the one finding of a level that has these words in it."""
    finding = [each for each in checked.findings if words in each.text]
    assert [each.level for each in finding] == [level], [(each.level, each.text) for each in checked.findings]
    return finding[0].examples


def run(capsys, *args: str) -> tuple[int, str]:
    """Exit code and output of a command; an error is code 2 and its sentence."""
    try:
        code = cli_data.app(args=list(args), prog_name="mirbench data", standalone_mode=False) or 0
    except MirbenchError as error:
        return 2, str(error)
    return code, capsys.readouterr().out


def test_what_is_in_order_works(data):
    checked = checked_of(data.write())
    assert checked.works
    assert [(s.name, s.clips, s.groups, round(s.seconds, 6)) for s in checked.splits] == [
        ("train", 6, 6, 6),
        ("valid", 2, 2, 2),
        ("test", 2, 2, 2),
    ]
    (labels,) = checked.labels
    assert (labels.task.name, labels.classes, labels.usable) == ("genre", ("jazz", "rock"), True)
    assert labels.counts == {"train": {"jazz": 3, "rock": 3}, "valid": {"jazz": 1, "rock": 1}, "test": {"jazz": 1, "rock": 1}}
    assert checked.estimate is not None
    assert checked.estimate.seconds > 0 < checked.estimate.megabytes
    assert [finding.text for finding in checked.findings if "class" not in finding.text and "groups" not in finding.text] == []


def test_every_fault_is_told_in_one_go(data):
    rows = data.rows
    rows[1]["group"] = rows[9]["group"] = "one artist"
    for row, key in zip(rows, ("C# minor", "Db minor", "H major"), strict=False):
        row["key"] = key
    (data.folder / "audio" / "2.wav").unlink()
    (data.folder / "audio" / "4.wav").write_text("<html>404</html>")
    rows[3]["genre"] = "Jazz"
    rows[8]["genre"] = "polka"
    rows[0]["gendre"] = "x"
    rows.append(dict(rows[0]))
    checked = checked_of(data.write())
    assert found(checked, "error", "1 group in more than one split") == ("'one artist' in test (1, line 11) and train (1, line 3)",)
    assert found(checked, "warning", "task key cannot read 1 of 4 annotations, where 0 may be so (1%, by --max-bad), and is not run") == (
        "audio/2.wav (line 4): 'H major' is not a key; write it like 'C major', 'F# minor', 'Bbm', 'A:min' or, of the Camelot wheel, '8A'",
    )
    assert found(checked, "warning", "task key has no labelled clip in valid and test, and is not run") == ()
    assert found(checked, "note", "(the same key) and are one class, 'C# minor'") == (
        "'C# minor' (2, lines 2 and 12)",
        "'Db minor' (1, line 3)",
    )
    assert found(checked, "warning", "task genre: label names look alike (the same letters)") == (
        "'jazz' (4, lines 3, 7, 9 and 1 other)",
        "'Jazz' (1, line 5)",
    )
    assert found(checked, "warning", "task genre: 1 label is in no training clip, so 1 clip cannot be scored") == ("'polka' (1, line 10)",)
    assert found(checked, "error", "more clips cannot be read than the 1% of a split that --max-bad allows: 2 of 7 in train") == ()
    assert found(checked, "warning", "missing") == ("audio/2.wav (line 4)",)
    assert found(checked, "warning", "1 stretch of a file given more than once in a split") == (
        "audio/0.wav (line 2) and audio/0.wav#2 (line 12)",
    )
    assert found(checked, "note", "no task reads the annotation 'gendre'; did you mean 'genre'?") == ()
    assert any(example == "audio/4.wav (line 6)" for finding in checked.findings for example in finding.examples)
    assert not checked.works
    assert "a run would refuse it: 2 errors" in verdict(checked)


def test_a_bad_share_that_is_allowed_is_a_warning(data):
    (data.folder / "audio" / "2.wav").unlink()
    name = data.write()
    assert not checked_of(name).works
    checked = checked_of(name, max_bad=0.5)
    assert checked.works
    assert found(checked, "warning", "missing") == ("audio/2.wav (line 4)",)
    assert {s.name: (s.clips, s.unmeasured) for s in checked.splits}["train"] == (6, 1)


def test_the_same_audio_across_splits_is_heard(data):
    soundfile.write(data.folder / "audio" / "9.wav", *soundfile.read(data.folder / "audio" / "0.wav"), subtype="FLOAT")
    shutil.copy(data.folder / "audio" / "7.wav", data.folder / "audio" / "8.wav")
    name = data.write()
    learning = {"encoders": ["semisupcon"]}
    checked = checked_of(name, listen=True, **learning)
    told = ("audio/0.wav (train, line 2) and audio/9.wav (test, line 11): same audio",)
    assert found(checked, "error", "1 clip of valid or test with audio that is in training too") == told
    told = ("audio/7.wav (valid, line 9) and audio/8.wav (test, line 10): same audio",)
    assert found(checked, "warning", "1 clip of test with audio that is in valid too") == told
    assert checked.listened
    assert checked_of(name, listen=False, **learning).works
    assert checked_of(name, listen=True, overlap="allow", **learning).works
    assert checked_of(name, listen=True).works  # by an encoder that is not pretrained


def test_one_file_in_two_splits_is_seen_without_listening(data):
    (data.folder / "audio" / "9.wav").unlink()
    (data.folder / "audio" / "9.wav").symlink_to(data.folder / "audio" / "0.wav")
    told = ("audio/0.wav (train, line 2) and audio/9.wav (test, line 11): same file",)
    checked = checked_of(data.write(), encoders=["semisupcon"])
    assert found(checked, "error", "with audio that is in training too") == told


def test_damage_that_only_decoding_shows_is_heard(data):
    audio = np.zeros(8000, np.float32)
    audio[4000] = np.nan
    soundfile.write(data.folder / "audio" / "3.wav", audio, 8000, subtype="FLOAT")
    name = data.write()
    assert checked_of(name).works
    checked = checked_of(name, listen=True)
    assert [finding.examples for finding in checked.findings if "left out" in finding.text] == [("audio/3.wav (line 5)",)]
    assert found(checked, "error", "1 of 6 in train") == ()


def test_a_task_that_is_named_must_run(data):
    data.rows[0]["key"] = "C major"
    name = data.write()
    checked = checked_of(name, tasks=["key"])
    assert found(checked, "error", "task key has no labelled clip in valid and test") == ()
    assert found(checked_of(name, tasks=["tagging"]), "error", "needs the annotation 'tags'; the clips carry genre, key") == ()
    assert checked_of(name, tasks=["genre"]).works
    with pytest.raises(MirbenchError, match="did you mean 'genre'"):
        checked_of(name, tasks=["gendre"])


def test_without_labels_it_is_for_pretraining(data):
    for row in data.rows:
        del row["genre"], row["split"]
        row["bpm"] = "120"
    name = data.write()
    checked = checked_of(name)
    assert checked.works
    assert found(checked, "note", "no task finds its annotation; it can be pretrained on") == ()
    assert "it can be pretrained on" in verdict(checked)


def test_annotations_that_all_fail_are_a_problem(data):
    for row in data.rows:
        row["genre"] = ""
    data.rows[0]["genre"] = "rock"
    checked = checked_of(data.write())
    assert found(checked, "error", "no task can be run on it") == ()


def test_files_with_one_fault_are_told_in_one_go_and_exactly_where_it_is_the_same(data):
    for i in range(3):
        (data.folder / "audio" / f"{i}.wav").write_bytes(b"")
    for i in range(3, 6):
        (data.folder / "audio" / f"{i}.wav").write_bytes(b"<html>%d</html>" % i)
    checked = checked_of(data.write())
    assert len(found(checked, "warning", "3 clips left out: is empty (0 bytes).")) == 3
    assert len(found(checked, "warning", "3 clips left out: is no audio: it begins with what is told of each.")) == 3


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"train": "rock", "valid": "rock", "test": "rock"}, "has one class in train, so there is nothing to tell apart, and is not run"),
        ({"valid": "pop"}, "has no clip in valid with one of its classes, and is not run"),
        ({"valid": "pop", "test": "folk"}, "has no clip in valid and test with one of its classes, and is not run"),
    ],
)
def test_labels_that_no_probe_could_be_fitted_to_are_a_problem(data, labels, words):
    for row in data.rows:
        row["genre"] = labels.get(row["split"], row["genre"])
    checked = checked_of(data.write(), tasks=["genre"])
    assert found(checked, "error", words) == ()
    assert not checked.works


def test_tags_that_no_probe_could_be_fitted_to_are_a_problem(data):
    for row in data.rows:
        row["tags"] = "slow|loud"
    assert found(checked_of(data.write()), "warning", "no label that some training clips have and others lack") == ()
    for i, row in enumerate(data.rows):
        row["tags"] = ("slow", "loud")[i % 2] if row["split"] == "train" else "odd"
    assert found(checked_of(data.write()), "warning", "task tagging has no clip in valid and test with one of its classes") == ()


def test_ids_of_a_faulty_manifest_are_those_of_a_right_one(data):
    for row in data.rows:
        row["start"], row["duration"] = "0.0000125", "0.5"
    data.rows.append({**data.rows[0]})
    right = [clip.id for clip in checked_of(data.write()).dataset.clips(Path())]
    data.rows.append({**data.rows[1], "split": "tset"})
    assert [clip.id for clip in checked_of(data.write("faulty.csv")).dataset.clips(Path())] == right


def test_all_faults_of_a_manifest_are_told_and_the_rest_is_checked(data):
    rows = data.rows
    for i, row in enumerate(rows):
        row["id"], row["start"] = f"c{i}", "0"
    rows.extend({**rows[i], "id": f"more{i}", "group": f"more{i}"} for i in range(10))  # each again, in the same split
    rows[0]["start"] = "early"
    rows[2]["path"] = "../../etc/passwd.wav"
    rows[4]["split"] = "tset"
    rows[5]["split"] = ""
    rows[6]["id"] = "c1"
    rows[7]["split"] = "tset"
    rows[9]["path"] = " "
    rows[11]["split"] = "test"
    rows[18]["group"] = "c3 and this"
    rows[3]["group"] = "c3 and this"
    rows[3]["genre"] = "Jazz"
    (data.folder / "audio" / "3.wav").unlink()
    checked = checked_of(data.write())
    told = found(checked, "error", "8 faults in the manifest")
    assert [line.split(":")[0] for line in told] == [f"line {n}" for n in (2, 4, 6, 7, 8, 9, 11, 13)]
    words = (
        "'early'",
        "leads out",
        "did you mean 'test'",
        "no split",
        "that of line 3",
        "did you mean 'test'",
        "no path",
        "in line 3 in train",
    )
    assert [line for line, word in zip(told, words, strict=True) if word not in line] == []
    assert found(checked, "error", "1 group in more than one split") == ("'c3 and this' in test (1, line 20) and train (1, line 5)",)
    assert found(checked, "warning", "left out: is missing") == ("c3 (3.wav, line 5)", "more3 (3.wav, line 15)")
    assert found(checked, "warning", "label names look alike") == ("'jazz' (5, lines 3, 15, 17 and 2 others)", "'Jazz' (1, line 5)")
    assert sum(split.clips for split in checked.splits) == 12
    page = checked_page(checked)
    assert all(line in page for line in told)
    assert "a run would refuse it" in page


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_lines_are_those_of_the_manifest_where_an_earlier_row_is_at_fault(data, ending):
    rows = [{**row, "path": os.fspath(data.folder / row["path"]), "key": "C major"} for row in data.rows]
    rows[0]["group"], rows[1]["split"] = "two\nlines", "tset"
    rows[4]["key"], rows[5]["group"], rows[8]["group"], rows[9]["genre"] = " NaN", "Ann Lee", "ann  lee", "rock "
    name = f"lines.{ending}"
    if ending == "parquet":
        pytest.importorskip("pyarrow")
        import pandas

        pandas.DataFrame(rows).to_parquet(name)
    elif ending == "jsonl":
        Path(name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        with open(name, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="," if ending == "csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    first = {"csv": 3, "tsv": 3}.get(ending, 1)  # of the second clip less one: the cell of the first goes over two lines

    def at(clip: int) -> str:
        return f"{'row' if ending == 'parquet' else 'line'} {first + clip}"

    checked = checked_of(name, allow_outside=True)
    assert found(checked, "error", "1 fault in the manifest")[0].startswith(f"{at(1)}: split is 'tset'")
    assert found(checked, "warning", "words for a missing value") == (f"'NaN' in key (1, {at(4)})",)
    assert found(checked, "note", "spaces around") == (f"'rock ' in genre (1, {at(9)})",)
    assert found(checked, "warning", "written in several ways") == (f"'Ann Lee' (1, {at(5)}) and 'ann  lee' (1, {at(8)})",)
    assert found(checked, "error", "1 group in more than one split") == (f"'Ann Lee' in test (1, {at(8)}) and train (1, {at(5)})",)


def test_silence_is_told_where_audio_is_decoded(data):
    for name, value in (("3", 0.0), ("9", 0.25)):
        soundfile.write(data.folder / "audio" / f"{name}.wav", np.full(8000, value, np.float32), 8000)
    name = data.write()
    told = ("audio/3.wav (line 5) in train", "audio/9.wav (line 11) in test")
    assert found(checked_of(name, listen=True), "warning", "2 clips are silent, or of one constant value, throughout") == told
    assert not [each for each in checked_of(name).findings if "silent" in each.text]


def test_what_is_wrong_with_a_manifest_as_a_whole_is_an_error(data):
    for row in data.rows:
        row["group"], row["split"] = "all of one artist", ""
    with pytest.raises(MirbenchError, match="1 group"):
        checked_of(data.write())
    Path("no.csv").write_text("file\na.wav\n")
    with pytest.raises(MirbenchError, match="rename 'file' to path"):
        checked_of("no.csv")
    with pytest.raises(MirbenchError, match="there is no file or folder"):
        checked_of("nowhere.csv")


def test_a_folder_is_checked_with_its_genres(data):
    for i in range(20):
        sound(data.folder / "songs" / GENRES[i % 2] / f"{i}.wav", 100 + i)
    checked = checked_of(str(data.folder / "songs"))
    assert checked.works
    assert sum(s.clips for s in checked.splits) == 20
    assert {name for labels in checked.labels for name in labels.classes} == set(GENRES)


def test_labels_of_a_folder_that_look_alike_are_told_with_a_few_of_their_files(data):
    for i in range(20):
        sound(data.folder / "songs" / (*GENRES, "Rock ")[i % 3] / f"{i:02d}.wav", 100 + i)
    told = found(checked_of(str(data.folder / "songs")), "warning", "label names look alike")
    files = (
        "'rock' (7, rock/00.wav, rock/03.wav, rock/06.wav and 4 others)",
        "'Rock ' (6, Rock /02.wav, Rock /05.wav, Rock /08.wav and 3 others)",
    )
    assert told == files


def test_a_file_whose_name_differs_in_case_is_suggested(data):
    data.rows[2]["path"], data.rows[4]["path"] = "audio/2.WAV", "elsewhere/4.wav"
    told = found(checked_of(data.write()), "warning", "left out: is missing")
    assert told == ("audio/2.WAV (line 4); did you mean 2.wav?", "elsewhere/4.wav (line 6)")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not text")
def test_a_name_that_is_not_utf8_is_told_once(data):
    for i in range(10):
        sound(data.folder / "songs" / GENRES[i % 2] / f"{i}.wav", i)
    (data.folder / "songs" / "jazz" / os.fsdecode(b"caf\xe9\n.wav")).write_bytes(b"")
    (told,) = [each.examples for each in checked_of("songs/", max_bad=0.5).findings if "is empty (0 bytes)" in each.text]
    assert told == (r"jazz/caf\xe9\n.wav",)


def test_the_split_seed_is_used(data):
    for i, row in enumerate(data.rows):
        row["split"] = ""
        row["group"] = f"g{i}"
    name = data.write()
    assert "split seed 7" in checked_of(name, split_seed=7).split_rule


def test_the_page_and_the_json_say_the_same(data, capsys):
    data.rows[1]["group"] = data.rows[9]["group"] = "one"
    name = data.write()
    flags = ("--encoder", "handcrafted", "--no-listen", "--cache", "cache")
    code, page = run(capsys, "check", name, *flags)
    assert code == 2
    assert "train      6       6   0.00" in page
    assert "'one' in test (1, line 11) and train (1, line 3)" in page
    code, text = run(capsys, "check", name, "--json", *flags)
    told = json.loads(text)
    assert (code, told["works"], told["splits"]["train"]["clips"]) == (2, False, 6)
    assert told["tasks"]["genre"]["counts"]["test"] == {"jazz": 1, "rock": 1}
    assert [f["examples"] for f in told["findings"] if "group in" in f["text"]] == [["'one' in test (1, line 11) and train (1, line 3)"]]
    code, line = run(capsys, "check", name, "--quiet", *flags)
    assert (code, line) == (2, told["verdict"] + "\n")


def test_exit_code_0_where_a_run_would_work(data, capsys):
    assert run(capsys, "check", data.write(), "--encoder", "handcrafted", "--no-listen", "--cache", "cache")[0] == 0


def test_what_depends_on_an_encoder_is_judged_for_the_one_that_is_named(data, capsys):
    data.rows[9] |= {"path": data.rows[0]["path"], "start": 0.5}
    data.rows[0]["duration"] = 0.5
    flags = (data.write(), "--no-listen", "--cache", "cache")
    code, page = run(capsys, "check", *flags)
    assert (code, "for no encoder: whether one can be pretrained on it and what a run takes are left out" in page) == (0, True)
    assert "a run of" not in page
    told = json.loads(run(capsys, "check", *flags, "--json")[1])
    assert (told["encoders"], told["estimate"]) == ([], None)
    assert [each["level"] for each in told["findings"] if "in training too" in each["text"]] == ["warning"]
    code, page = run(capsys, "check", *flags, "--encoder", "handcrafted")
    assert (code, "for no encoder" in page, "a run of handcrafted" in page) == (0, False, True)
    code, page = run(capsys, "check", *flags, "--encoder", "simclr")
    assert (code, "errors, which a run refuses" in page) == (2, True)


@pytest.fixture
def songs(data):
    """The published data set of the plugin songs.py under the folder root; returns its folder."""
    Path("songs.py").write_text(PUBLISHED)
    folder = data.folder / "root" / "songs-v2"
    shutil.copytree(data.folder / "audio", folder)
    (folder / "table.csv").write_bytes(b"songs")
    return folder


PLUGIN = ("--plugin", "songs.py", "--data-root", "root")


def test_where_a_data_set_is(songs, capsys):
    code, page = run(capsys, "where", "songs", *PLUGIN)
    assert code == 0
    for fact in (
        "CC0",
        "https://example.org/songs",
        "Doe, Songs",
        "as published",
        "ask its authors",
        "*.wav, 10 files",
        "audio.zip",
        "md5 ",
    ):
        assert fact in page
    assert "found in root/songs-v2" in page
    told = json.loads(run(capsys, "where", "songs", "--json", *PLUGIN)[1])
    assert (told["folder"], told["looked_for"], told["files"][0]["count"]) == ("root/songs-v2", ["songs-v2"], 10)
    assert run(capsys, "where", "songs", "--quiet", *PLUGIN) == (0, "root/songs-v2\n")


def test_where_all_are(songs, capsys):
    lines = run(capsys, "where", *PLUGIN)[1].splitlines()
    (line,) = [line.split(None, 2) for line in lines if line.startswith("songs ")]
    assert line == ["songs", "found", "root/songs-v2"]
    (line,) = [line.split(None, 1) for line in lines if line.startswith("mini ")]
    assert line[1].startswith("made")
    told = json.loads(run(capsys, "where", "--json", *PLUGIN)[1])
    assert [each["folder"] for each in told if each["name"] == "songs"] == ["root/songs-v2"]


def test_where_without_a_data_root_says_what_to_do(songs, capsys):
    code, page = run(capsys, "where", "songs", "--plugin", "songs.py")
    assert code == 0
    assert "name the folder that holds songs-v2 by --data-root DIR" in " ".join(page.split())


def test_where_somebodys_own_are(data, capsys):
    code, page = run(capsys, "where", data.write())
    assert code == 0
    assert "my.csv" in page
    code, page = run(capsys, "where", "mini")
    assert code == 0
    assert "mirbench makes it at the first run" in page


def test_verify_exits_by_whether_it_is_whole(songs, capsys):
    code, page = run(capsys, "verify", "songs", *PLUGIN)
    assert (code, page.splitlines()[-2:]) == (0, ["  clips: 6 train, 2 valid, 2 test", "songs is whole."])
    (songs / "3.wav").unlink()
    (songs / "table.csv").write_bytes(b"others")
    code, page = run(capsys, "verify", "songs", *PLUGIN)
    assert code == 2
    assert "9 of 10 files" in page
    assert "missing for example 3.wav" in page
    assert "the published one" in page
    told = json.loads(run(capsys, "verify", "songs", "--json", *PLUGIN)[1])
    assert [(each["path"], each["found"], each["missing"], each["whole"]) for each in told["files"]] == [
        ("*.wav", 9, ["3.wav"], False),
        ("table.csv", 1, [], False),
    ]


def test_verify_names_a_file_that_is_cut_off_with_its_seconds(songs, capsys):
    whole = (songs / "3.wav").read_bytes()
    (songs / "3.wav").write_bytes(whole[: 44 + (len(whole) - 44) // 4])
    code, page = run(capsys, "verify", "songs", *PLUGIN)
    assert code == 2
    assert "1 file of clips cut off, or no audio:" in page
    assert "- 3.wav is truncated" in page
    assert "about 0.2 s of 1.0 s are there." in " ".join(page.split())
    assert "songs is whole" not in page
    told = json.loads(run(capsys, "verify", "songs", "--json", *PLUGIN)[1])
    assert (told["whole"], len(told["damaged"])) == (False, 1)


def test_verify_says_what_cannot_be_verified(data, songs, capsys):
    assert "`mirbench data check my.csv` looks at its files" in run(capsys, "verify", data.write())[1]
    code, text = run(capsys, "verify", "mini")
    assert (code, "mirbench makes it" in text) == (2, True)
    code, text = run(capsys, "verify", "songs", "--plugin", "songs.py")
    assert (code, "--data-root" in text) == (2, True)
    code, text = run(capsys, "verify", "sogns", *PLUGIN)
    assert (code, "did you mean 'songs'?" in text) == (2, True)


def test_a_data_set_that_neither_states_files_nor_makes_any_is_looked_into(songs, capsys):
    code, page = run(capsys, "where", "elsewhere", *PLUGIN)
    assert code == 0
    assert "wherever its plugin reads it; it states no files to look for" in " ".join(page.split())
    assert "makes it" not in page
    assert json.loads(run(capsys, "where", "elsewhere", "--json", *PLUGIN)[1])["made_here"] is False
    assert [line.split()[1] for line in run(capsys, "where", *PLUGIN)[1].splitlines() if line.startswith("elsewhere ")] == ["unknown"]
    assert "`mirbench data check elsewhere --plugin songs.py` looks at its files" in run(capsys, "verify", "elsewhere", *PLUGIN)[1]
    code, page = run(capsys, "check", "elsewhere", "--encoder", "handcrafted", "--no-listen", "--cache", "cache", *PLUGIN)
    assert code == 0
    assert "train      6       6" in page


def test_where_says_that_a_link_is_broken(songs, capsys):
    shutil.rmtree(songs)
    songs.symlink_to("gone")
    assert "songs-v2 is a link to gone, which is not there" in " ".join(run(capsys, "where", "songs", *PLUGIN)[1].split())
    (line,) = [line for line in run(capsys, "where", *PLUGIN)[1].splitlines() if line.startswith("songs ")]
    assert "is a link to gone" in line


def test_a_folder_of_a_published_data_set_is_told_from_ones_own(songs, capsys):
    code, page = run(capsys, "check", "root/songs-v2", "--no-listen", "--cache", "cache", "--plugin", "songs.py")
    assert code == 0
    where = Path("root").resolve()
    assert f"published data set songs: --dataset songs --data-root {where}." in " ".join(page.split())


def test_quiet_is_told_as_it_is(capsys):
    for command, what in (("check", "print only the verdict"), ("verify", "print only the verdict"), ("where", "print only its folder")):
        assert what in " ".join(run(capsys, command, "--help")[1].split())


def test_a_published_data_set_is_checked_where_it_lies(songs, capsys):
    flags = ("--encoder", "handcrafted", "--no-listen", "--cache", "cache", *PLUGIN)
    code, page = run(capsys, "check", "songs", *flags)
    assert code == 0
    assert "as published" in page
    assert "1 of 3 classes without any clip" in page
    assert "3 classes, 1 of them without any clip; labelled" in page
    assert [line.split()[0] for line in page.splitlines() if line.startswith("  ! ")] == ["!", "!", "!"]
    assert not [line for line in page.splitlines() if line.split()[:2] == ["!", "Rock"]]
    shutil.rmtree(songs)
    code, page = run(capsys, "check", "songs", *flags)
    assert code == 2
    assert "`mirbench data where songs --plugin songs.py` says" in " ".join(page.split())


def test_what_is_still_to_be_made_is_fine_and_what_to_do_next_is_told(songs, capsys):
    code, page = run(capsys, "check", "made", "--encoder", "handcrafted", "--cache", "cache", *PLUGIN)
    assert code == 0
    assert "mirbench makes it at the first run" in page
    assert page.rstrip().endswith("Next: mirbench run --dataset made --plugin songs.py --encoder handcrafted")


class Emotion(Task):
    name = "emotion"
    annotation = "emotion"
    target = "regression"

    def label(self, value):
        return tuple(float(x) for x in str(value).split("|"))


def clips_of(annotation: str, values, splits=("train", "valid", "test")) -> list[Clip]:
    return [Clip(str(i), Path(f"{i}.wav"), splits[i % len(splits)], str(i), annotations={annotation: v}) for i, v in enumerate(values)]


def test_ranges_of_a_regression():
    values = ["0|1", "0|3", "0|2", "2|5", "0|4", "0|3"]
    labels = read_labels(Emotion(), clips_of("emotion", values), ("arousal", "valence"))
    assert labels.ranges["train"] == {"arousal": (0, 1, 2), "valence": (1, 3, 5)}
    assert labels.usable
    assert read_labels(Emotion(), clips_of("emotion", [*values[:5], "0|2"])).unscored == ["test"]


def test_the_dimensions_of_emotion_are_named():
    task = registry.load().tasks["emotion"]
    labels = read_labels(task, clips_of("emotion", [(0, 1), (0, 3), (0, 2), (2, 5), (0, 4), (0, 3)]))
    lines = checked_page(checking.Checked(Dataset(), labels=(labels,))).splitlines()
    assert [line.split()[:2] for line in lines if "valence" in line or "arousal" in line] == [["arousal", "0"], ["valence", "1"]]


def test_numbers_that_no_regression_takes_are_told_one_by_one():
    labels = read_labels(Emotion(), clips_of("emotion", ["0|1", "0|3", "0|2", "nan|1", "loud", "1"]))
    assert {each.value: each.why.split()[0] for each in labels.unread} == {"nan|1": "it", "loud": "ValueError:", "1": "it"}
    assert labels.labelled == {"train": 1, "valid": 1, "test": 1}


def test_classes_keep_their_published_order_and_numbers_their_value():
    class Pitch(Task):
        name, annotation = "pitch", "pitch"

    clips = clips_of("pitch", [10, 9, "10", 9, 100, 9])
    assert read_labels(Pitch(), clips).classes == ("9", "10")
    assert read_labels(Pitch(), clips, ("100", "9", "10")).classes == ("100", "9", "10")
    assert read_labels(Pitch(), clips).unseen == {"100": 1}
    strange = read_labels(Pitch(), clips, ("9", "10"))
    assert strange.undeclared == strange.unseen == {"100": 1}
    told = [finding.in_words for finding in of_labels(strange, "warning", False, ClipNames(Dataset(), ()))]
    assert "task pitch: 1 label is not among the classes that the data set declares (9, 10), so 1 clip cannot be scored: '100' (1)." in told


def test_few_clips_of_a_class_are_no_fault_of_a_data_set_that_makes_them():
    class Genre(Task):
        name, annotation = "genre", "genre"

    labels = read_labels(Genre(), clips_of("genre", ["rock", "jig", "rock", "rock", "jig", "rock"]))
    called = ClipNames(Dataset(), ())
    theirs, ours = ({f.text: f.level for f in of_labels(labels, "warning", False, called, made)} for made in (False, True))
    for text in ("task genre: 1 of 1 class without a clip in valid", "task genre: 1 class with fewer than 5 training clips"):
        assert (theirs[f"{text}."], ours[f"{text}, by design."]) == ("warning", "note")


def test_empty_text_is_unknown_as_in_a_manifest():
    clips = [Clip("0", Path("0.wav"), "train", "a", annotations={"key": " ", "genre": "x", "tags": ()}), *clips_of("key", ["C major"])]
    kept = without_empty(clips)
    assert [dict(clip.annotations) for clip in kept] == [{"genre": "x", "tags": ()}, {"key": "C major"}]
    assert kept[1] is clips[1]


def test_tags_are_counted_once_a_clip():
    class Tags(Task):
        name, annotation, target = "tags", "tags", "multilabel"

    labels = read_labels(Tags(), clips_of("tags", ["a|a|b", ("a",), ["b"]]))
    assert labels.counts == {"train": {"a": 1, "b": 1}, "valid": {"a": 1, "b": 0}, "test": {"a": 0, "b": 1}}
    assert labels.names == {"a": 2, "b": 2}


def test_pretrain_counts_as_train_among_groups():
    clips = [Clip(str(i), Path(f"{i}.wav"), split, "one") for i, split in enumerate(("train", "pretrain"))]
    assert list(of_splits(clips)) == []
    (finding, _) = of_splits([*clips, Clip("2", Path("2.wav"), "test", "one")])
    assert finding.examples == ("'one' in test (1) and train (2)",)


@pytest.mark.parametrize(("mode", "advised"), [("refuse", True), ("drop", False)])
def test_shared_audio_is_told_with_what_to_do(mode, advised):
    (finding,) = of_overlap([Overlap("a", "b", "same audio")], {"a": "train", "b": "test"}, mode, refused=True)
    assert ("remove one of the two clips, or put both in one split" in finding.text) is advised


def test_groups_that_look_alike_are_refused_of_a_plugin_and_told_of_what_is_published():
    clips = [Clip(split, Path(f"{split}.wav"), split, group) for split, group in (("train", "Ann Lee"), ("test", "ann  lee"))]
    assert [finding.level for finding in of_splits(clips)] == ["warning"]  # that groups are few
    refused, told = next(of_splits(clips, alike=True)), next(of_splits(clips, published=True))
    assert (refused.level, told.level) == ("error", "warning")
    assert refused.examples == told.examples == ("'Ann Lee' in train (1) and 'ann  lee' in test (1)",)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("C# minor", "Db minor"), "the same key"),
        (("A:min", "Am"), "the same key"),
        (("60", "60.0"), "the same number"),
        (("Hip-Hop", "hip hop"), "the same letters"),
        (("lo_fi", "lofi"), "the same letters"),
        (("caf\u00e9", "cafe\u0301"), "the same letters"),
        (("rock\u00a0", "rock"), "the same letters"),
        (("drum & bass", "Drum and Bass"), "the same letters"),
        (("guitar", "guitars"), "one in plural"),
        (("male voices", "male voice"), "one in plural"),
    ],
)
def test_names_that_look_alike(names, why):
    (alike,) = similar_names(dict.fromkeys(names, 3))
    assert (set(alike.names), alike.why) == (set(names), why)


@pytest.mark.parametrize(
    "names",
    [
        ("C minor", "D minor"),
        ("G minor", "G# minor"),
        ("C major", "C minor"),
        ("bass", "brass"),
        ("viola", "violin"),
        ("male vocals", "female vocals"),
        ("singer 1", "singer 2"),
        ("singer a", "singer b"),
        ("60", "61"),
        ("bras", "brass"),
        ("", "-"),
    ],
)
def test_names_that_do_not(names):
    first, second = names
    assert similar_names({first: 100, second: 1}) == []


@pytest.mark.parametrize("typo", ["violni", "violn", "violinn", "violim", "vioilin"])
def test_a_rare_name_beside_a_frequent_one_is_a_typing_mistake(typo):
    assert [alike.names for alike in similar_names({"violin": 30, typo: 3})] == [("violin", typo)]
    assert similar_names({"violin": 30, typo: 4}) == []


def test_many_classes_stand_side_by_side():
    class Singer(Task):
        name, annotation = "singer", "singer"

    clips = [
        Clip(f"{s}{i}", Path("a.wav"), s, "g", annotations={"singer": f"s{i}"}) for s in ("train", "valid", "test") for i in range(100)
    ]
    labels = read_labels(Singer(), clips)
    checked = checking.Checked(Dataset(), labels=(labels,))
    lines = checked_page(checked).splitlines()
    assert max(map(len, lines)) <= 120
    assert len(lines) < 40
    assert all(any(f" s{i} " in line for line in lines) for i in range(100))
    assert checked_json(checked)["tasks"]["singer"]["counts"]["train"]["s99"] == 1


def test_counts_read_well():
    assert [count(1, "class"), count(2, "class"), count(1500, "stretch"), count(0, "clip")] == [
        "1 class",
        "2 classes",
        "1,500 stretches",
        "0 clips",
    ]


def test_names_of_the_same_words_in_another_order_are_told_with_their_lines(data):
    data.rows[0]["group"], data.rows[9]["group"] = "Beatles, The", "The Beatles"
    checked = checked_of(data.write())
    assert found(checked, "warning", "if names of the same words in another order, or without accents, mean one") == (
        "'Beatles, The' in train (1, line 2) and 'The Beatles' in test (1, line 11)",
    )
    assert checked.works


def test_a_name_in_another_order_is_a_warning_where_it_spans_splits_and_else_a_note():
    names = {"train": ("Beatles, The", "Davis, Miles", "Miles Davis", "take 1 of song 2"), "test": ("The Beatles", "take 2 of song 1")}
    clips = [Clip(name, Path(f"{name}.wav"), split, name) for split, several in names.items() for name in several]
    warned, noted, _ = of_splits(clips)
    assert (warned.level, warned.examples) == ("warning", ("'Beatles, The' in train (1) and 'The Beatles' in test (1)",))
    assert "where they do, give them one name and one split" in warned.text
    assert (noted.level, noted.examples) == ("note", ("'Davis, Miles' in train (1) and 'Miles Davis' in train (1)",))
    assert "they are left as published" in next(of_splits(clips, published=True)).text


def test_artists_an_accent_or_a_letter_apart_are_told_where_they_span_splits():
    names = {"train": ("Café Nord", "John Smith", "Beyoncé", "Quartet A", "DJ 12 Maria"), "test": ("Cafe Nord", "Jon Smith", "Beyonce")}
    names["test"] += ("Quartet B", "DJ 13 Maria", "Ann Lee")
    clips = [Clip(name, Path(f"{name}.wav"), split, name) for split, several in names.items() for name in several]
    warned, noted, _ = of_splits(clips)
    accents = ("'Beyonce' in test (1) and 'Beyoncé' in train (1)", "'Cafe Nord' in test (1) and 'Café Nord' in train (1)")
    assert (warned.level, warned.examples) == ("warning", accents)
    assert (noted.level, noted.examples) == ("note", ("'John Smith' in train (1) and 'Jon Smith' in test (1)",))
    assert [each.level for each in of_splits(clips, published=True)] == ["warning", "warning"]  # the names of others are left alone
    scripts = [Clip(name, Path(f"{name}.wav"), split, name) for name, split in (("мой дом", "train"), ("мои дом", "test"))]
    assert [each.kind for each in of_splits(scripts)] == ["few groups"]


@pytest.mark.parametrize("example", ["a short one {}", "one that is too long to stand in a line with others, number {}"])
def test_what_is_cut_on_the_page_says_where_the_rest_is(example):
    many = Finding("warning", "so many.", tuple(map(example.format, range(20))))
    few = Finding("warning", "so few.", many.examples[:3])
    page, short = (checked_page(checking.Checked(Dataset(), encoders=("x",), findings=(each,))) for each in (many, few))
    assert re.search(r"and 1[27] more, which\s+--json has", page)
    assert "--json" not in short
