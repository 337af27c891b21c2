"""`mirbench check`: by file, name, address, package and folder; as text and as JSON; what is broken, and how to mend it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mirbench import cli

LOUDNESS = """
import mirbench

class Loudness(mirbench.Encoder):
    name = "loudness"
    window_seconds = 0.5

    def embed(self, audio):
        import numpy as np

        with np.errstate(divide="ignore"):
            return np.log(np.abs(audio).max(axis=1, keepdims=True))

class Mood(mirbench.Task):
    name = "mood"
    annotation = "mood"
    metrics = ("accuracy",)
    classes = ("calm", "tense")

    def label(self, value):
        return {"soft": "calm", "calm": "calm", "tense": "tense"}[value]

@mirbench.hookimpl
def register_encoders():
    return [Loudness()]

@mirbench.hookimpl
def register_tasks():
    return [Mood()]
"""


@pytest.fixture
def told(capsys, built_in, monkeypatch):
    """(arguments) -> exit code, output, error output. Ten minutes are one."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("mirbench.testing.embedding.MINUTES", 60.0)
    monkeypatch.setattr("mirbench.testing.corruptions.MINUTES", 60.0)

    def told(*words):
        code = cli.main(["check", *words])
        return code, *capsys.readouterr()

    return told


def test_a_broken_promise_is_told_with_how_to_mend_it(write, told):
    code, out, _ = told(write(LOUDNESS))
    assert code == 2
    lines = out.splitlines()
    assert lines[0] == "encoder 'loudness' (mine.py)"
    (at,) = [number for number, line in enumerate(lines) if "FAIL" in line]
    assert lines[at].startswith("  FAIL  silence       encoder 'loudness' on 11025 samples of silence returns values that are not")
    assert [line.strip() for line in lines[at + 2 : at + 3]] == ["mend: add a small number before a logarithm or a division"]
    assert "encoder 'loudness': 22 of 23 promises kept, 1 broken." in lines
    assert lines[-1] == "task 'mood': 6 of 6 promises kept."
    assert max(map(len, lines)) <= 120


def test_json_has_all_of_it(write, told):
    code, out, err = told(write(LOUDNESS), "--json")
    assert (code, err) == (2, "")
    encoder, task = json.loads(out)
    assert (encoder["kind"], encoder["name"], encoder["provider"], encoder["kept"]) == ("encoder", "loudness", "mine.py", False)
    (silence,) = [each for each in encoder["promises"] if each["promise"] == "silence"]
    assert silence == {
        "promise": "silence",
        "about": "finite on silence",
        "status": "fail",
        "told": "encoder 'loudness' on 11025 samples of silence returns values that are not finite",
        "mend": "add a small number before a logarithm or a division",
    }
    assert task["kept"]


def test_labels_of_ones_own_data_are_read_by_a_task(write, told):
    file = write(LOUDNESS)
    rows = [f"{number}.wav,{mood}" for number, mood in enumerate(("soft", "calm", "wild", "loud") * 3)]
    Path("mine.csv").write_text("\n".join(["path,mood", *rows]))
    for row in rows:
        Path(row.partition(",")[0]).write_bytes(b"RIFF")  # not heard by this command
    code, out, _ = told("mood", "--plugin", file, "--data", "mine.csv", "--json")
    (task,) = json.loads(out)
    assert [each["promise"] for each in task["promises"] if each["status"] == "fail"] == ["labels"]
    assert "label('wild') raises KeyError: 'wild', as 2 of 4 values do" in out
    assert code == 2


@pytest.mark.parametrize(
    ("given", "title"),
    [("echo", "corruption 'echo'"), ("genre", "task 'genre'"), ("same-class", "supervision 'same-class'")],
)
def test_what_is_built_in_is_checked_by_its_name(given, title, told):
    code, out, _ = told(given, "--quiet")
    assert (code, out.partition(":")[0]) == (0, title)


def test_an_encoder_by_address_is_checked_with_the_options_that_are_given(told):
    from mirbench.cli.new import TEMPLATES

    address = f"onnx:{TEMPLATES / 'models' / 'stand-in.onnx'}"
    code, out, _ = told(address)
    assert (code, "FAIL  usable        onnx:stand-in.onnx does not say at which sample rate it takes audio" in out) == (2, True)
    assert "--set 'options.stand-in={sample_rate: HERTZ, normalise: none}', or" in out, "what is to be copied stands on one line"
    assert ".." not in out
    code, out, _ = told(address, "--set", "options.stand-in={sample_rate: 16000, normalise: none}", "--quiet")
    assert (code, out) == (0, "encoder 'stand-in': 23 of 23 promises kept.\n")


def test_a_model_that_takes_one_length_alone_is_mended_by_its_window(told, tmp_path):
    """By a model that does not say so."""
    (tmp_path / "fixed.py").write_text(
        """import mirbench

class Fixed(mirbench.ModelEncoder):
    name = "fixed"
    model = "fixed.bin"

    def facts(self, options):
        return mirbench.ModelFacts(sample_rate=16_000, normalises=True, window_seconds=1.0)

    def frames(self, options, device):
        def run(audio):
            if audio.shape[1] != 16_000:
                raise ValueError(f"Got: {audio.shape[1]} Expected: 16000")
            return [audio[:, :4]]
        return run

@mirbench.hookimpl
def register_encoders():
    return [Fixed()]
"""
    )
    code, out, _ = told(str(tmp_path / "fixed.py"))
    out = " ".join(out.split())
    assert code == 2
    assert "FAIL dtype encoder 'fixed' raises " in out
    assert "Got: 8000 Expected: 16000" in out
    assert "mend: if it takes one length of audio alone, let facts() say so, in seconds: mirbench.ModelFacts(..., " in out
    assert "window_seconds=3.0, shortest_seconds=3.0); else mend what it raises" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["gendre"],
            "there is no plugin file, name or package 'gendre'; did you mean 'genre'? Give a .py file, a name of `mirbench list`,",
        ),
        (["handcrafted", "--set", "options.net.layer=1"], "options.net: no encoder is named 'net'"),
        (["nowhere.py"], "there is no plugin file nowhere.py; give the path of a .py file, or the dotted name of a module."),
        (["genre", "--data", "mini"], "'mini' is made by mirbench; give a manifest, a folder or a data set that is on your disk."),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(words, sentence, told):
    code, _, err = told(*words)
    assert code == 2
    assert err.startswith(f"mirbench: {sentence}")


def test_a_folder_without_a_plugin_is_told(tmp_path, told):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    code, _, err = told(str(tmp_path))
    assert (code, "names no plugin; give it a table [project.entry-points.mirbench]" in err) == (2, True)


def test_a_plugin_that_imports_something_heavy_when_it_is_loaded_is_told(write, told, monkeypatch):
    monkeypatch.setattr("mirbench.testing.importing.HEAVY", ("telnetlib", "turtledemo"))
    text = "import turtledemo\n" + LOUDNESS.replace("return np.log(", "return np.log(1e-9 + ")
    code, out, _ = told(write(text, "heavy.py"), "--json")
    broken = {each["promise"]: each["told"] for noun in json.loads(out) for each in noun["promises"] if each["status"] == "fail"}
    assert (code, list(broken)) == (2, ["import time"])
    assert "importing its file imports turtledemo" in broken["import time"]
