"""A frozen set holds, sample for sample, what a run gives to encoders, and its checksums are those of the run's manifest. It is the same
whoever makes it and however often it is killed, and refuses to be written over anything else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbench import Clip, cli, read_clip, read_manifest, registry, reporting, resample, write_manifest
from mirbench.experiment.frozen import frozen_set, writing

RATE = 22_050
PLUGIN = """
import hashlib, os, time
import numpy as np, soundfile
import mirbench

FOLDER, SPLITS = {folder!r}, ("train", "valid", "test")

class Takes(mirbench.Dataset):
    '''Forty clips of a second, a third of them to be tested; the files are of another rate.'''

    name, annotations = "takes", ("genre", "tags")

    def prepare(self, folder):
        clips = []
        for i in range(42):
            noise = np.random.default_rng(i).uniform(-0.4, 0.4, 16000 + 100 * (i % 4)).astype(np.float32)
            soundfile.write(folder / f"{{i}}.wav", noise, 16000, subtype="FLOAT")
            labels = {{"genre": "ab"[i // 3 % 2], "tags": ("x", "y")[: i % 3]}}
            clips.append(mirbench.Clip(f"take/{{i}}", folder / f"{{i}}.wav", SPLITS[i % 3], f"g{{i}}", annotations=labels))
        mirbench.write_manifest(folder / "manifest.csv", clips)

    def clips(self, folder):
        return mirbench.read_manifest(folder / "manifest.csv")

class Spy(mirbench.Encoder):
    '''Notes the checksum of whatever it is given.'''

    def __init__(self, name, rate):
        self.name, self.sample_rate, self.window_seconds = name, rate, 5.0

    def embed(self, audio):
        with open(os.path.join(FOLDER, self.name), "a") as file:
            file.writelines(f"{{hashlib.sha256(row.astype('<f4').tobytes()).hexdigest()[:16]}}\\n" for row in audio)
        return np.stack([audio.std(axis=1), np.abs(audio).max(axis=1)], axis=1)

class Blend(mirbench.Corruption):
    name, unit, levels, others = "blend", "times", (0.1, 0.5, 1), 2

    def mix(self, audio, others, sample_rate, level, seed):
        return (audio + level * others.sum(axis=0)).astype(np.float32)

class Slow(mirbench.Corruption):
    name, unit, levels = "slow", "times", (1, 2)

    def apply(self, audio, sample_rate, level, seed):
        with open(os.path.join(FOLDER, "calls"), "a") as file:
            file.write(f"{{level}} {{seed}}\\n")
        time.sleep(0.05)
        return audio * np.float32(level)

class Broken(mirbench.Corruption):
    name, unit, levels = "broken", "x", (1, 2)

    def apply(self, audio, sample_rate, level, seed):
        return audio[1:] if level == 2 else audio

@mirbench.hookimpl
def register_datasets():
    return [Takes()]

@mirbench.hookimpl
def register_encoders():
    return [Spy("spy", 22050), Spy("spy-low", 16000)]

@mirbench.hookimpl
def register_corruptions():
    return [Blend(), Slow(), Broken()]
"""
CONDITIONS = ("clean", "white-noise-1", "white-noise-3", "blend-1", "blend-3")


@pytest.fixture
def here(tmp_path, monkeypatch, built_in):
    """The current folder, with the plugin and a cache; runs make no reports, which take longer than they do."""
    monkeypatch.setattr(reporting, "updated", lambda folder, *shown: "")
    monkeypatch.chdir(tmp_path)
    for name in ("MIRBENCH_DEBUG", "MIRBENCH_QUIET", "TQDM_DISABLE"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("MIRBENCH_CACHE", "cache")
    Path("plugin.py").write_text(PLUGIN.format(folder=str(tmp_path)))
    return tmp_path


def argv(*more, dataset="takes", corruption="white-noise,blend", severity="1,3", output="set"):
    given = ["corrupt", "--dataset", dataset, "--corruption", corruption, "--severity", severity, "-o", output, "--plugin", "plugin.py"]
    return [*given, *more]


def freeze(*more, **which) -> Path:
    assert cli.main(argv(*more, **which)) == 0
    return Path(which.get("output", "set"))


def refused(capsys, arguments) -> str:
    capsys.readouterr()
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()[-1].removeprefix("mirbench: ")


def samples(path) -> np.ndarray:
    audio, rate = soundfile.read(path, dtype="float32")
    assert (rate, audio.ndim, soundfile.info(path).subtype) == (RATE, 1, "FLOAT")
    return audio


def checksum(audio: np.ndarray) -> str:
    """As results/README.md tells it."""
    return hashlib.sha256(audio.astype("<f4").tobytes()).hexdigest()[:16]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def noted(name: str) -> set[str]:
    return set(Path(name).read_text().split())


def test_files_hold_what_encoders_are_given_and_the_checksums_of_a_run_are_those_of_the_files(here, unmeasured):
    run = ["run", "--plugin", "plugin.py", "--dataset", "takes", "--encoder", "spy,spy-low", "--tasks", "genre", "--quiet"]
    run += ["--set", "floors=none", "--set", "bootstrap.resamples=20", "--set", "run_name=x"]
    assert cli.main([*run, "--corruptions", "white-noise,blend,broken", "--severities", "1,3"]) == 0
    assert cli.main([*run, "--corruptions", "white-noise,blend,broken", "--severities", "2", "--set", "run_name=y"]) == 0
    noted_by = {name: noted(name) for name in ("spy", "spy-low")}
    folder = freeze("--quiet", severity="1,2,3")
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted([*CONDITIONS, "white-noise-2", "blend-2"])
    [prepared] = Path("cache/datasets").glob("*/")
    others = [clip for clip in read_manifest(prepared / "manifest.csv") if clip.split != "test"]
    about = json.loads((folder / "manifest.json").read_text())["sample_checksums"]["takes"]
    audio = {name: [samples(path) for path in sorted((folder / name).glob("*.wav"))] for name in about}
    assert {len(found) for found in audio.values()} == {14}
    frozen = {checksum(each) for found in audio.values() for each in found}
    assert len(frozen) == 7 * 14  # no two are alike
    clean = {checksum(read_clip(clip, RATE)) for clip in others}
    broken = noted_by["spy"] - frozen - clean
    assert frozen <= noted_by["spy"]
    assert broken == set()  # of `broken`, level 1 leaves the audio as it is
    low = {checksum(resample(each, RATE, 16_000)) for name, found in audio.items() if name != "clean" for each in found}
    assert low <= noted_by["spy-low"]

    files = {clip.id: clip.path.name for clip in read_manifest(folder / "clean" / "manifest.csv")}
    for name, clips in about.items():
        assert list(clips) == ["take/11", "take/14", "take/17"]
        assert clips == {clip: checksum(samples(folder / name / files[clip])) for clip in clips}
    for run_name in ("x", "y"):
        manifest = json.loads((Path("results") / run_name / "manifest.json").read_text())
        assert [each["corruption"] for each in manifest["robustness"]["failed"]] == (["broken"] if run_name == "y" else [])
        told = manifest["sample_checksums"]["takes"]
        broken = told.pop("broken-1", None)  # the highest that it has of 1 and 3
        assert broken == (told["clean"] if run_name == "x" else None)
        highest = 3 if run_name == "x" else 2
        assert told == {name: about[name] for name in ("clean", f"white-noise-{highest}", f"blend-{highest}")}


def test_where_nothing_is_corrupted_the_checksums_are_of_clean_audio(here):
    run = ["run", "--plugin", "plugin.py", "--dataset", "takes", "--encoder", "spy", "--tasks", "genre", "--quiet", "--corruptions", "none"]
    assert cli.main([*run, "--set", "floors=none", "--set", "bootstrap.resamples=20", "--set", "run_name=x"]) == 0
    assert set(json.loads(Path("results/x/manifest.json").read_text())["sample_checksums"]["takes"]) == {"clean"}


def test_another_replicate_and_rate_are_those_of_a_run(here):
    run = ["run", "--plugin", "plugin.py", "--dataset", "takes", "--encoder", "spy", "--tasks", "genre", "--quiet", "--severities", "3"]
    run += ["--set", "floors=none", "--set", "bootstrap.resamples=20", "--corruptions", "blend", "--set", "run_name=x"]
    assert cli.main([*run, "--set", "robustness={replicate: 1, sample_rate: 16000}"]) == 0
    told = json.loads(Path("results/x/manifest.json").read_text())["sample_checksums"]["takes"]
    found = {}
    for name, more in {"same": ("--replicate", "1", "--sample-rate", "16000"), "draw": ("--sample-rate", "16000"), "rate": ()}.items():
        folder = freeze("--quiet", *more, corruption="blend", severity="3", output=name)
        found[name] = json.loads((folder / "manifest.json").read_text())["sample_checksums"]["takes"]
    assert found["same"] == told
    assert found["draw"]["clean"] == told["clean"]
    assert not set(found["draw"]["blend-3"].values()) & set(told["blend-3"].values())
    assert not set(found["rate"]["clean"].values()) & set(told["clean"].values())


def test_the_same_bytes_from_any_number_of_workers_and_sums_that_are_right(here, capsys, monkeypatch):
    first = contents(freeze())
    said = capsys.readouterr()
    assert said.out == f"{here / 'set'}: 5 folders, 70 files, and SHA256SUMS\n"
    assert f"mirbench: {here / 'set'}: 5 folders of 14 test clips of takes, 22050 Hz, about 6 MB (" in said.err
    for count in (1, 3):
        monkeypatch.setattr(writing, "core_count", lambda count=count: count)
        assert contents(freeze("--quiet", output=f"by-{count}")) == first
        assert capsys.readouterr().out == f"{here / f'by-{count}'}\n"
    sums = dict(reversed(line.split("  ")) for line in first["SHA256SUMS"].decode().splitlines())
    assert sums == {path: hashlib.sha256(data).hexdigest() for path, data in first.items() if path != "SHA256SUMS"}
    assert not list(here.glob(".set*"))


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_sha256sum_takes_the_list_and_finds_what_was_changed(here):
    folder = freeze("--quiet")
    checked = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert Counter(line.rpartition(" ")[2] for line in checked.stdout.splitlines()) == {"OK": 70 + 5 + 1}
    [path, *_] = sorted((folder / "blend-3").glob("*.wav"))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True).returncode == 1


def test_manifests_hold_the_clips_as_the_data_set_has_them(here):
    folder = freeze("--quiet")
    [prepared] = Path("cache/datasets").glob("*/")
    tested = [clip for clip in read_manifest(prepared / "manifest.csv") if clip.split == "test"]
    for name in CONDITIONS:
        clips = read_manifest(folder / name / "manifest.csv")
        assert [(c.id, c.split, c.group, c.annotations) for c in clips] == [(c.id, "test", c.group, c.annotations) for c in tested]
        for clip in clips:
            assert clip.path.parent == folder / name
            assert np.array_equal(read_clip(clip, RATE), samples(clip.path))
    about = json.loads((folder / "manifest.json").read_text())
    assert about["folders"]["white-noise-3"] == {"corruption": "white-noise", "severity": 3, "level": 4.0, "unit": "dB SNR"}
    assert about["folders"]["clean"] == {"corruption": "clean", "severity": 0, "level": None, "unit": ""}
    assert about["robustness"] == {"replicate": 0, "sample_rate": RATE}
    assert about["datasets"]["takes"]["clips"] == {"train": 14, "valid": 14, "test": 14}
    assert about["corruptions"]["white-noise"]["levels"] == [13, 8, 4, 1, -2]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_command_goes_on(here, capsys):
    which = {"corruption": "slow", "severity": "1-2"}
    whole = contents(freeze("--quiet", **which, output="whole"))
    every = Path("calls").read_text().splitlines()
    Path("calls").unlink()
    assert len(every) == 28
    command = [sys.executable, "-m", "mirbench", *argv("--quiet", **which)]
    journal = Path("set/unfinished.jsonl")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    given_up = time.monotonic() + 120
    while not journal.exists() or len(journal.read_text().splitlines()) < 10:
        assert process.poll() is None
        assert time.monotonic() < given_up
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not Path("set/SHA256SUMS").exists()
    with open(journal, "a") as file:
        file.write('["clean/x.wav", "ab')  # as a kill in the middle of a line leaves it
    recorded = {json.loads(line)[0] for line in journal.read_text().splitlines()[1:-1]}
    stamps = {path: (Path("set") / path).stat().st_mtime_ns for path in recorded}
    Path("calls").unlink()
    capsys.readouterr()
    freeze(**which)
    assert f", 42 files, of which {len(recorded)} were there already, and SHA256SUMS" in capsys.readouterr().out
    corrupted = sum(not path.startswith("clean/") for path in recorded)
    assert len(Path("calls").read_text().splitlines()) == 28 - corrupted
    assert contents(Path("set")) == whole
    assert {path: (Path("set") / path).stat().st_mtime_ns for path in recorded} == stamps


def test_what_was_changed_or_removed_is_made_again_and_nothing_else(here):
    folder = freeze("--quiet")
    first = contents(folder)
    changed, removed, *others = sorted(folder.rglob("*.wav"))
    stamps = {path: path.stat().st_mtime_ns for path in others}
    changed.write_bytes(changed.read_bytes()[:-4] + bytes(4))
    removed.unlink()
    freeze("--quiet")
    assert contents(folder) == first
    assert {path: path.stat().st_mtime_ns for path in others} == stamps


def test_a_folder_that_holds_something_else_is_left_as_it_is(here, capsys):
    freeze("--quiet", corruption="slow", severity="1")
    before = contents(Path("set"))
    another = f"--output {here / 'set'} holds a frozen set of other data, corruptions or settings, or made by other versions; give another "
    for more in ({"severity": "2"}, {"corruption": "blend", "severity": "1"}):
        assert refused(capsys, argv(**{"corruption": "slow", **more})) == f"{another}folder, or remove that one."
    for more in (["--replicate", "1"], ["--sample-rate", "16000"]):
        assert refused(capsys, argv(*more, corruption="slow", severity="1")).startswith(another)
    assert contents(Path("set")) == before
    Path("mine").mkdir()
    Path("mine/song.txt").write_text("la")
    for name, text in (("manifest.json", "{}"), ("manifest.json", "no json"), ("unfinished.jsonl", "")):
        Path("mine", name).write_text(text)
        said = refused(capsys, argv(output="mine"))
        assert said == f"--output {here / 'mine'} holds something else; give a new folder, such as --output {here / 'mine' / 'frozen'}."
    assert refused(capsys, argv(output="plugin.py")).startswith(f"--output {here / 'plugin.py'} is a file; give the folder")
    Path("empty").mkdir()
    freeze("--quiet", corruption="slow", severity="1", output="empty")
    assert contents(Path("empty")) == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"severity": "6"}, "--severity 6 is none; give all, or some of 1 to 5, such as 3, 1-3 or 1,3,5."),
        ({"severity": "0"}, "--severity 0 is none; give all, or some of 1 to 5, such as 3, 1-3 or 1,3,5."),
        ({"severity": "loud"}, "--severity loud is none; give all, or some of 1 to 5, such as 3, 1-3 or 1,3,5."),
        ({"corruption": "wite-noise"}, "no corruption is named 'wite-noise'; did you mean 'white-noise'? Known: "),
        ({"corruption": "none"}, "a frozen set needs a corruption, and none was named; name some, or --corruption all."),
        ({"corruption": "slow", "severity": "3"}, "corruption 'slow' has severities 1 to 2, and 3 was asked for; ask for one that it has."),
        ({"dataset": "takez"}, "no data set is named 'takez'; did you mean 'takes'? Known: "),
        ({"dataset": "takes,mini"}, "one data set is frozen at a time, and takes, mini was named; name one."),
        ({"dataset": "my.csv"}, "there is no file or folder "),
        (["--replicate", "-1"], "--replicate should be a whole number of at least 0, not -1; 0 is the first draw."),
        (["--sample-rate", "10"], "--sample-rate should be a number of hertz from 1000 to 384000, not 10."),
        (["--level", "20"], "--level is for one FILE; a data set is frozen under severities: add --severity all, or some, such as 1-3."),
        ({"corruption": "broken", "severity": "2"}, "corruption 'broken' (from plugin.py) failed on clip take/"),
    ],
)
def test_a_mistake_is_one_sentence(here, capsys, arguments, sentence):
    given = argv(**arguments) if isinstance(arguments, dict) else argv(*arguments)
    assert refused(capsys, given).startswith(sentence)


def test_severity_and_output_must_be_given(here, capsys):
    given = ["corrupt", "--dataset", "takes", "--corruption", "slow"]
    assert refused(capsys, given).startswith("no --severity was given; a data set is frozen under severities: add --severity all")
    assert refused(capsys, [*given, "--severity", "all"]) == (
        "no --output was given; name the new folder that the files go to, such as -o frozen."
    )


def test_plan_tells_the_disk_and_writes_nothing(here, capsys):
    assert cli.main(argv("--plan")) == 0
    assert capsys.readouterr().out.startswith(
        f"{here / 'set'}: 5 folders of test clips of takes, 22050 Hz, how much is known when that is made ("
    )
    freeze("--quiet", output="other")
    capsys.readouterr()
    assert cli.main(argv("--plan")) == 0
    assert capsys.readouterr().out.startswith(f"{here / 'set'}: 5 folders of 14 test clips of takes, 22050 Hz, about 6 MB (")
    assert not Path("set").exists()


def test_a_disk_without_room_is_told_before(here, capsys, monkeypatch):
    written = sum(len(data) for path, data in contents(freeze("--quiet")).items() if path.endswith(".wav"))
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(frozen_set.shutil, "disk_usage", lambda path: usage(written - 1_000))
    said = refused(capsys, argv(output="new/set"))
    assert said == (
        f"about 6 MB are to be written into {here / 'new' / 'set'}, and 6 MB are free on its disk; free some, give another place with "
        "--output, or freeze fewer corruptions or severities."
    )
    assert not Path("new/set").exists()
    freeze("--quiet")  # all is there
    monkeypatch.setattr(frozen_set.shutil, "disk_usage", lambda path: usage(written + 1_000))
    freeze("--quiet", output="new/set")


def own_data(here, *names) -> None:
    """my.csv, of clips with these ids, the first two of which are not to be tested."""
    clips = []
    for i, name in enumerate(names):
        path = here / f"{i}.flac"
        soundfile.write(path, np.random.default_rng(i).uniform(-0.5, 0.5, (30_000, 2)), 44_100)
        split = ("train", "valid", "test")[min(i, 2)]
        clips.append(Clip(name, path, split, f"g{i}", start=0.1, duration=0.4, annotations={"genre": "ab"[i % 2]}))
    write_manifest(here / "my.csv", clips)


def test_own_data_with_ids_that_are_no_file_names(here):
    names = ["first", "second", "../up", "a/b", "a_b", "A_b", "=cmd()", "曲\u0301", "x" * 300, "x" * 299 + "y", "with space\tand tab"]
    own_data(here, *names)
    folder = freeze("--quiet", dataset="my.csv", corruption="white-noise", severity="3")
    clips = read_manifest(folder / "white-noise-3" / "manifest.csv")
    assert [clip.id for clip in clips] == names[2:]
    files = [clip.path.name for clip in clips]
    assert len({name.casefold() for name in files}) == 9
    assert files[0] == ".._up.wav"
    assert all(len(os.fsencode(name)) <= 128 and not set('/\\:*?"<>| \t=') & set(name) for name in files)
    assert {path.parent.name for path in folder.rglob("*.wav")} == {"clean", "white-noise-3"}
    original = {clip.id: clip for clip in read_manifest("my.csv")}
    for clip in read_manifest(folder / "clean" / "manifest.csv"):
        assert np.array_equal(samples(clip.path), read_clip(original[clip.id], RATE))


def test_a_clip_that_cannot_be_read_is_left_out_and_told(here, capsys):
    own_data(here, "first", "second", "c", "a", "b", "d", "e")
    Path("3.flac").write_bytes(b"la la la")
    given = {"dataset": "my.csv", "corruption": "white-noise", "severity": "3"}
    assert refused(capsys, argv(**given)).startswith("my test: 1 of 5 clips cannot be read, more than max_bad 1%; the first is a: ")
    folder = freeze("--max-bad", "50%", **given)
    assert capsys.readouterr().out.endswith("; clips that cannot be read were left out (1), see manifest.json\n")
    about = json.loads((folder / "manifest.json").read_text())
    assert list(about["datasets"]["my"]["skipped"]) == ["a"]
    assert list(about["sample_checksums"]["my"]["clean"]) == ["b", "c", "d"]
    for name in ("clean", "white-noise-3"):
        assert [clip.id for clip in read_manifest(folder / name / "manifest.csv")] == ["c", "b", "d", "e"]
        assert len(list((folder / name).glob("*.wav"))) == 4


def test_a_data_set_without_test_clips_is_refused(here, capsys):
    own_data(here, "first", "second")
    assert refused(capsys, argv(dataset="my.csv")) == "data set 'my' has no test clips; name one that has, or mark some as split test."


def test_of_all_corruptions_those_that_have_the_severity(here, capsys):
    lengths = [len(each.levels) for each in registry.load(["plugin.py"]).corruptions.values()]
    assert min(lengths) < 5
    for severity in ("5", "all"):
        assert cli.main(argv("--plan", corruption="all", severity=severity)) == 0
        expected = 1 + (sum(lengths) if severity == "all" else sum(length >= 5 for length in lengths))
        assert f"set: {expected} folders of " in capsys.readouterr().out
