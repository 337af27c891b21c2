"""`mirbench corrupt`: the file holds what a run would make of it, the line says what it is, and every mistake is one sentence. Also what
`mirbench list corruptions` shows."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mirbench import cli, registry
from mirbench.cli import app
from mirbench.evaluation.embedding.corruption import corruption_seed
from mirbench.experiment import corrupt as corrupting

RATE = 16_000
WHITE = "white-noise has severities 1 to 5, which are 13, 8, 4, 1, -2 dB SNR"
FORMATS = "give a whole audio file, such as WAV, FLAC, OGG or MP3."
PLUGIN = """
import numpy as np, soundfile
import mirbench

class Flats(mirbench.Dataset):
    '''Clips of one value each: 1/4, 1/8, ... for training, 0.7 for testing.'''

    name = "flats"
    train = 8

    def prepare(self, folder):
        for k in range(self.train):
            soundfile.write(folder / f"{k}.wav", np.full(6 * 16000, 2.0 ** -(k + 2), np.float32), 16000, subtype="FLOAT")
        soundfile.write(folder / "test.wav", np.full(6 * 16000, 0.7, np.float32), 16000, subtype="FLOAT")

    def cost(self):
        return 12.0, 1.0

    def clips(self, folder):
        train = [mirbench.Clip(str(k), folder / f"{k}.wav", "train", f"g{k}") for k in range(self.train)]
        return [*train, mirbench.Clip("test", folder / "test.wav", "test", "t")]

class Bare(Flats):
    name = "bare"
    train = 0

class Blend(mirbench.Corruption):
    name = "blend"
    unit = "times"
    levels = (0.5, 1)
    others = 2

    def mix(self, audio, others, sample_rate, level, seed):
        return (audio + level * others.sum(axis=0)).astype(np.float32)

class Broken(mirbench.Corruption):
    name = "broken"
    levels = (1,)

    def apply(self, audio, sample_rate, level, seed):
        raise ValueError("no\\nroom")

class Double(Broken):
    name = "double"
    unit = "level"
    counted = False
    alters = frozenset({"tempo", "pitch"})

    def apply(self, audio, sample_rate, level, seed):
        return audio.astype(np.float64)

@mirbench.hookimpl
def register_datasets():
    return [Flats(), Bare()]

@mirbench.hookimpl
def register_corruptions():
    return [Blend(), Broken(), Double()]
"""


@pytest.fixture
def song(tmp_path, monkeypatch, built_in):
    """Two seconds of stereo as song.wav in the current folder; returns its channels."""
    monkeypatch.chdir(tmp_path)
    for name in ("MIRBENCH_DEBUG", "MIRBENCH_QUIET", "TQDM_DISABLE"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("MIRBENCH_CACHE", "cache")
    Path("plugin.py").write_text(PLUGIN)
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (2 * RATE, 2)).astype(np.float32)
    soundfile.write("song.wav", samples, RATE, subtype="FLOAT")
    return samples


def corrupt(capsys, *argv: str) -> str:
    """What is printed."""
    assert cli.main(["corrupt", "song.wav", *argv]) == 0
    return capsys.readouterr().out


def read(name: str) -> np.ndarray:
    samples, rate = soundfile.read(name, dtype="float32")
    assert rate == RATE
    return samples


def refused(capsys, *argv: str, code: int = 2) -> str:
    """The sentence."""
    assert cli.main(["corrupt", *argv]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("mirbench: ")
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("mirbench: ").removesuffix("\n")


def test_the_file_holds_what_the_corruption_makes_of_the_mono_file(song, capsys):
    said = corrupt(capsys, "--corruption", "white-noise", "--severity", "3")
    assert said == "song.white-noise-3.wav: white-noise at 4 dB SNR (severity 3), 2.0 s at 16000 Hz, mono\n"
    noise = registry.load().corruptions["white-noise"]
    expected = noise.apply(song.mean(axis=1), RATE, 4.0, corruption_seed("white-noise", 0, "song.wav"))
    found = read("song.white-noise-3.wav")
    assert np.array_equal(found, expected)
    assert not np.array_equal(found, song.mean(axis=1))
    assert soundfile.info("song.white-noise-3.wav").subtype == "FLOAT"


def test_the_same_command_writes_the_same_bytes_and_a_level_is_its_severity(song, capsys, monkeypatch):
    corrupt(capsys, "--corruption", "white-noise", "--severity", "3")
    first = Path("song.white-noise-3.wav").read_bytes()
    for level in ("4", "4.0", "4e0"):
        Path("song.white-noise-3.wav").unlink()
        assert "at 4 dB SNR (severity 3)" in corrupt(capsys, "--corruption", "white-noise", "--level", level)
        assert Path("song.white-noise-3.wav").read_bytes() == first
    assert "echo at -5 dB of each repeat (severity 1)" in corrupt(capsys, "--corruption", "echo", "--level", "-5")
    assert "compression at 2:1 ratio (severity 2)" in corrupt(capsys, "--corruption", "compression", "--level", "2")


def test_bytes_do_not_depend_on_the_time_of_day():
    audio = np.float32([0.5, -1.5, 0.25])
    first = corrupting.wav(audio, RATE)
    time.sleep(1.1)
    assert corrupting.wav(audio, RATE) == first


def test_another_replicate_is_another_draw_with_a_name_of_its_own(song, capsys):
    corrupt(capsys, "--corruption", "white-noise", "--severity", "3")
    assert corrupt(capsys, "--corruption", "white-noise", "--severity", "3", "--replicate", "2", "--quiet") == (
        "song.white-noise-3-replicate-2.wav\n"
    )
    assert not np.array_equal(read("song.white-noise-3.wav"), read("song.white-noise-3-replicate-2.wav"))


def test_nothing_is_scaled_or_cut_and_peaks_beyond_full_scale_are_said(song, capsys):
    corrupt(capsys, "--corruption", "gain-down", "--severity", "5")
    assert read("song.gain-down-5.wav") == pytest.approx(song.mean(axis=1) * 10 ** (-65 / 20), abs=1e-7)
    soundfile.write("song.wav", 3 * song[:, 0], RATE, subtype="FLOAT")
    said = corrupt(capsys, "--corruption", "polarity", "--severity", "1")
    peak = float(np.abs(3 * song[:, 0]).max())
    assert said.endswith(f"; its peak is {peak:.2f} times full scale, which the file (32-bit float) holds and a player may cut off\n")
    assert np.array_equal(read("song.polarity-1.wav"), -3 * song[:, 0])


def test_another_sample_rate_and_a_level_that_does_nothing_there(song, capsys):
    said = corrupt(capsys, "--corruption", "sample-rate", "--severity", "1", "--sample-rate", "8000")
    assert said == (
        "song.sample-rate-1.wav: sample-rate at 8500 Hz (severity 1), 2.0 s at 8000 Hz, mono; nothing was changed, since at this level it "
        "leaves this audio as it is\n"
    )
    assert soundfile.info("song.sample-rate-1.wav").samplerate == 8000
    assert "nothing was changed" not in corrupt(capsys, "--corruption", "sample-rate", "--severity", "1")


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ("song.wav --corruption white-noise", f"neither --severity nor --level was given; {WHITE}, so add --severity 1, for example."),
        (
            "song.wav --corruption white-noise --severity 1 --level 4",
            f"both --severity 1 and --level 4 were given; {WHITE}; leave one of the two out.",
        ),
        ("song.wav --corruption white-noise --severity 0", f"severity 0 was asked for, but {WHITE}; choose one that it has."),
        ("song.wav --corruption white-noise --severity 6", f"severity 6 was asked for, but {WHITE}; choose one that it has."),
        ("song.wav --corruption white-noise --severity -1", f"severity -1 was asked for, but {WHITE}; choose one that it has."),
        ("song.wav --corruption white-noise --level 25", f"level 25 was asked for, but {WHITE}; choose a level that it has."),
        ("song.wav --corruption white-noise --level loud", f"level loud was asked for, but {WHITE}; choose a level that it has."),
        ("song.wav --corruption white-noise --level nan", f"level nan was asked for, but {WHITE}; choose a level that it has."),
        (
            "song.wav --corruption polarity --severity 3",
            "severity 3 was asked for, but polarity has one severity, 1, which is 180 degrees; choose one that it has.",
        ),
        (
            "song.wav --corruption chain --severity 5",
            "severity 5 was asked for, but chain has severities 1 to 4, which are levels 1, 2, 3, 4; choose one that it has.",
        ),
        ("song.wav --corruption wite-noise --severity 1", "no corruption is named 'wite-noise'; did you mean 'white-noise'? Known: "),
        ("song.wav --severity 1", "Missing option '--corruption'. See mirbench corrupt --help."),
        (
            "song.wav --corruption echo --severity x",
            "--severity x is no whole number; a file gets one of 1 to 5, such as --severity 1.",
        ),
        (
            "song.wav --corruption echo --severity 1-3",
            "--severity 1-3 is no whole number; a file gets one of 1 to 5, such as --severity 1.",
        ),
        (
            "song.wav --corruption echo --severity 1 --plan",
            "--plan is for a --dataset, and a FILE was given; leave one of the two out.",
        ),
        (
            "--corruption echo --severity 1",
            "neither a FILE to corrupt nor a --dataset to freeze was given; give one of the two, such as --dataset mini.",
        ),
        (
            "song.wav --corruption echo --severity 1 --replicate -1",
            "--replicate should be a whole number of at least 0, not -1; 0 is the first draw.",
        ),
        (
            "song.wav --corruption echo --severity 1 --sample-rate 10",
            "--sample-rate should be a number of hertz from 1000 to 384000, not 10.",
        ),
        ("song.wav --corruption echo --severity 1 --dataset minni", "no data set is named 'minni'; did you mean 'mini'? Known: "),
        ("nope.wav --corruption echo --severity 1", "there is no file nope.wav; give the path of an audio file."),
        ("songs --corruption echo --severity 1", f"songs is a folder; give one audio file, such as {Path('songs/NAME.wav')}."),
        (
            "text.txt --corruption echo --severity 1",
            f"text.txt is no audio: it begins with b'la la la'; {FORMATS}",
        ),
        (
            "bare.raw --corruption echo --severity 1",
            f"bare.raw is no audio: it begins with b'la la la'; {FORMATS}",
        ),
        (
            "silent.wav --corruption echo --severity 1",
            f"silent.wav holds no samples; {FORMATS}",
        ),
        (
            "nan.wav --corruption echo --severity 1",
            f"nan.wav holds samples that are not finite; {FORMATS}",
        ),
        (
            "song.wav --corruption echo --severity 1 -o new.flac",
            "--output new.flac does not end in .wav; only WAV is written, since it holds peaks beyond full scale; use --output new.wav.",
        ),
        (
            "song.wav --corruption echo --severity 1 --output songs",
            f"--output songs is a folder; give the file to be written, such as --output {Path('songs/song.echo-1.wav')}.",
        ),
        (
            "song.wav --corruption echo --severity 1 -o text.txt/new.wav",
            "cannot write while writing a file at text.txt/new.wav (",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(song, capsys, argv, sentence):
    Path("songs").mkdir()
    for name in ("text.txt", "bare.raw"):
        Path(name).write_text("la la la")
    soundfile.write("silent.wav", np.zeros(0, np.float32), RATE)
    soundfile.write("nan.wav", np.float32([0, np.nan]), RATE, subtype="FLOAT")
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    assert refused(capsys, *argv.split()).startswith(sentence)
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


@pytest.mark.parametrize("how", ["same", "symlink", "hard link", "roundabout"])
def test_the_file_that_is_read_is_never_written(song, capsys, how):
    out = {"same": "song.wav", "roundabout": "./x/../song.wav"}.get(how, "other.wav")
    Path("x").mkdir()
    if how == "symlink":
        Path("other.wav").symlink_to("song.wav")
    if how == "hard link":
        os.link("song.wav", "other.wav")
    before = Path("song.wav").read_bytes()
    assert refused(capsys, "song.wav", "--corruption", "echo", "--severity", "1", "-o", out) == (
        f"--output {Path(out)} is the file to be read, which is left as it is; choose another, such as --output song.echo-1.wav."
    )
    assert Path("song.wav").read_bytes() == before


def test_output_may_be_in_a_new_folder_and_is_overwritten(song, capsys):
    for severity, level in (("1", "13"), ("5", "-2")):
        said = corrupt(capsys, "--corruption", "white-noise", "--severity", severity, "-o", "new/heard.WAV")
        assert said.startswith(f"{Path('new/heard.WAV')}: white-noise at {level} dB SNR")
    noise, seed = registry.load().corruptions["white-noise"], corruption_seed("white-noise", 0, "song.wav")
    expected = noise.apply(song.mean(axis=1), RATE, -2.0, seed)
    assert np.array_equal(read("new/heard.WAV"), expected)
    assert [path.name for path in Path("new").iterdir()] == ["heard.WAV"]


def test_a_file_that_may_not_be_read(song, capsys, monkeypatch):
    free = os.open

    def locked(path, *flags, **more):
        if os.fsdecode(path) == "song.wav":
            raise PermissionError(errno.EACCES, "Permission denied", "song.wav")
        return free(path, *flags, **more)

    monkeypatch.setattr(os, "open", locked)
    told = refused(capsys, "song.wav", "--corruption", "echo", "--severity", "1")
    assert told == f"song.wav may not be read by this user; {FORMATS}"


BLEND = ["--corruption", "blend", "--severity", "2", "--dataset", "flats", "--plugin", "plugin.py"]
VALUES = {2.0**-k for k in range(2, 10)}  # of the training clips


def mixed_in(file: str, replicate: int, capsys) -> set[float]:
    """The values of the two training clips that were mixed into a file at level 1."""
    assert cli.main(["corrupt", file, *BLEND, "--replicate", str(replicate), "-o", "mixed.wav"]) == 0
    capsys.readouterr()
    clean = soundfile.read(file, dtype="float32", always_2d=True)[0].mean(axis=1)
    added = read("mixed.wav") - clean
    assert np.ptp(added) < 1e-6
    total = float(np.median(added))
    [pair] = [{a, b} for a in VALUES for b in VALUES if a < b and abs(a + b - total) < 1e-6]
    return pair


def test_other_training_clips_are_mixed_in_and_the_data_set_is_prepared_once(song, capsys):
    assert cli.main(["corrupt", "song.wav", *BLEND]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("song.blend-2.wav: blend at 1 times (severity 2), 2.0 s at 16000 Hz, mono")
    announced, *stages = captured.err.splitlines()
    assert announced == "mirbench: blend mixes in training clips of flats, which is prepared first, once, in cache (about 12 s)."
    assert stages == ["mirbench: data: 1 to make"]
    assert cli.main(["corrupt", "song.wav", *BLEND]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main(["corrupt", "song.wav", *BLEND, "--cache", "another", "--quiet"]) == 0
    assert capsys.readouterr() == ("song.blend-2.wav\n", "")
    [folder] = Path("cache/datasets").iterdir()
    assert (folder / "test.wav").is_file()
    drawn = [mixed_in("song.wav", replicate, capsys) for replicate in range(12)]
    assert set().union(*drawn) == VALUES
    assert drawn[0] == mixed_in("song.wav", 0, capsys)


def test_a_clip_of_the_data_set_is_not_mixed_into_itself(song, capsys):
    mixed_in("song.wav", 0, capsys)
    [folder] = Path("cache/datasets").iterdir()
    drawn = [mixed_in(str(folder / "0.wav"), replicate, capsys) for replicate in range(12)]
    assert set().union(*drawn) == VALUES - {0.25}


def test_it_is_what_a_run_mixes_into_a_clip_of_that_name(song, capsys):
    from mirbench.evaluation.embedding.samples import CorruptedAudio
    from mirbench.records import Clip, Condition

    assert cli.main(["corrupt", "song.wav", *BLEND]) == 0
    [folder] = Path("cache/datasets").iterdir()
    known = registry.load(["plugin.py"])
    background = [clip for clip in known.datasets["flats"].clips(folder) if clip.split == "train"]
    condition = Condition("blend", 2, 1.0, "times")
    audio = CorruptedAudio.mixing({"blend": known.corruptions["blend"]}, RATE, 0, background)
    heard = audio.under(condition, Clip("song.wav", Path("song.wav"), "test", "song"), song.mean(axis=1))
    assert np.array_equal(heard, read("song.blend-2.wav"))


def test_a_data_set_without_training_clips_is_refused(song, capsys):
    assert cli.main(["corrupt", "song.wav", *BLEND, "--dataset", "bare", "--quiet"]) == 2
    assert capsys.readouterr().err == (
        "mirbench: blend mixes in other clips, but data set 'bare' has no training clips to mix in; name another with --dataset.\n"
    )


@pytest.mark.parametrize(("name", "reason"), [("broken", "raised ValueError: no room"), ("double", "returned float64, not float32")])
def test_a_corruption_that_breaks_its_promises_is_named(song, capsys, name, reason):
    assert refused(capsys, "song.wav", "--corruption", name, "--severity", "1", "--plugin", "plugin.py") == (
        f"corruption '{name}' (from plugin.py) failed on song.wav at severity 1: it {reason}; --debug shows where."
    )
    assert not Path(f"song.{name}-1.wav").exists()


def test_list_shows_units_levels_and_what_to_know(song, capsys):
    assert cli.main(["list", "corruptions", "--plugin", "plugin.py"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    below = {line.split()[0]: lines[i + 1] for i, line in enumerate(lines[:-1])}
    assert len(lines) == 2 * len(registry.load(["plugin.py"]).corruptions)
    assert below["white-noise"] == "13, 8, 4, 1, -2 dB SNR; noise"
    assert below["low-pass"] == "900, 640, 470, 340, 240 Hz; filtering"
    assert below["compression"] == "1.5:1, 2:1, 4:1, 8:1, 20:1 ratio; level"
    assert below["pitch-shift"] == "2, 3, 4, 6, 8 semitones; time; alters pitch"
    assert below["polarity"] == "180 degrees; not counted in the robustness scores"
    assert below["double"] == "level 1; alters pitch and tempo; not counted in the robustness scores"
    assert cli.main(["list", "corruptions", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    told = {name: rows["gain-up"][name] for name in ("unit", "levels", "alters", "limits", "counted", "others")}
    assert told == {
        "unit": "dB over full scale", "levels": [10, 18, 26, 35, 48], "alters": [], "limits": True, "counted": True, "others": 0,
    }  # fmt: skip
    assert (rows["background-chatter"]["others"], rows["polarity"]["counted"]) == (6, False)


@pytest.mark.parametrize("unit", ["dB SNR", ":1 ratio", ":1", "level", "", "% of samples"])
def test_list_and_reports_say_levels_alike(unit):
    from mirbench.notation import in_unit
    from mirbench.reporting.tables.robustness import head_of

    assert head_of(1, 1.5, unit) == (in_unit([1.5], unit), "severity 1")
    assert head_of(2, math.nan, unit) == ("severity 2",)


def test_help_and_where_a_mistake_points(song, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["corrupt", "--help"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "Usage: mirbench corrupt [OPTIONS] [FILE]"
    assert not set("{}<>") & set(said)
    told = " ".join(said.replace("|", " ").split())
    assert "with another draw of what is random" in told
    assert "from mild (1) to harsh (5)" in told
    assert "corrupt" in app.COMMANDS


def test_list_stays_light():
    code = (
        "import sys; from mirbench.cli import main; main(['list', 'corruptions']);"
        "print(sorted({'torch', 'numpy', 'scipy', 'soundfile', 'audiomentations'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("stem", ["x" * 230, "曲" * 75], ids=["ascii", "kanji"])
def test_a_file_of_a_very_long_name_gets_one_that_can_be_written(song, capsys, stem):
    Path("song.wav").rename(f"{stem}.wav")
    assert cli.main(["corrupt", f"{stem}.wav", "--corruption", "white-noise", "--severity", "3"]) == 0
    (written,) = Path.cwd().glob("*.white-noise-3.wav")
    assert written.name.startswith(stem[:20])
    assert len(os.fsencode(written.name)) <= 128
