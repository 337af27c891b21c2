"""Plugins that end the program, keep it alive, change it, or import what lies beside them."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from small import rows
from test_own_data import tone, write_csv

from mirbench import cli, registry
from mirbench.errors import MirbenchError

ENCODER = """
import os, sys, threading, time
import numpy as np
import mirbench
{above}
class Mine(mirbench.Encoder):
    name = "mine"
    def embed(self, audio):
        {embed}
        return np.stack([audio.std(axis=1), np.abs(np.diff(audio, axis=1)).mean(axis=1)], axis=1).astype(np.float32)

@mirbench.hookimpl
def register_encoders():
    return [Mine()]
"""
FAST = ["--set", "floors=[]", "--corruptions", "none", "--set", "bootstrap.resamples=10", "--quiet", "--set", "run_name=run"]


@pytest.fixture
def work(tmp_path, monkeypatch, unmeasured):
    monkeypatch.chdir(tmp_path)
    lines = [["path", "split", "genre"]]
    for i in range(12):
        tone(tmp_path / f"{i}.wav", 48 + 24 * (i % 2), seed=i, seconds=0.3)
        lines.append([f"{i}.wav", ("train", "train", "valid", "test")[i // 2 % 4], "ab"[i % 2]])
    write_csv(tmp_path / "set.csv", lines)

    def command(above="", embed="pass", text=ENCODER):
        Path("mine.py").write_text(text.format(above=textwrap.dedent(above), embed=embed))
        return ["run", "--dataset", "set.csv", "--tasks", "genre", "--encoder", "mine", "--plugin", "mine.py", "--cache", "cache", *FAST]

    return command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("above", "embed", "code", "said"),
    [
        ("sys.exit(0)", "pass", 2, "plugin mine.py failed to load: "),
        ("os._exit(0)", "pass", 2, "plugin mine.py failed to load: "),
        ("os.abort()", "pass", -signal.SIGABRT, '/mine.py", line'),
        ("", "sys.exit(0)", 2, "encoder 'mine' (from mine.py) failed while embedding: SystemExit"),
        ("", "os._exit(0)", 2, "encoder 'mine' (from mine.py) failed while embedding: ExitRefused"),
        ("threading.Thread(target=time.sleep, args=(600,)).start()", "pass", 0, ""),
        ("import atexit\natexit.register(lambda: os._exit(0))\n1 / 0", "pass", 2, "ZeroDivisionError"),
    ],
)
def test_a_run_that_a_plugin_ends_or_keeps_alive_has_the_right_code(work, above, embed, code, said):
    words = work(above=above, embed=embed)
    done = subprocess.run([sys.executable, "-m", "mirbench", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    assert said in done.stderr


@pytest.mark.slow
def test_what_a_plugin_changes_moves_no_number_and_is_named(work, capfd, built_in):
    assert cli.main(work()) == 0
    fair, cache = rows(Path("results/run")), sorted(path.name for path in Path("cache/embeddings").iterdir())
    change = "import torch\ntorch.set_default_dtype(torch.float64); np.seterr(all='raise'); np.random.seed(1)"
    assert cli.main(work(above=change, embed="np.seterr(over='raise')")) == 0
    told = capfd.readouterr().err
    assert "plugin mine.py left the default dtype of torch, " in told or "and the default dtype of torch changed" in told
    assert told.count("encoder 'mine' (from mine.py) left the error state of numpy changed") == 1
    assert [row["value"] for row in rows(Path("results/run"))] == [row["value"] for row in fair]
    assert cache


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("np.array([['a']] * len(audio))", "<U1, not float32"),
        ("np.array([[None]] * len(audio))", "object, not float32"),
        ("np.ones((len(audio), 1), complex)", "complex128, not float32"),
        ("np.ones((len(audio), 0))", "an embedding without dimensions"),
        ("[[1.0]] * len(audio)", "list, not a numpy array"),
    ],
)
def test_what_is_no_embedding_is_told_with_encoder_and_clip(work, capfd, built_in, returned, said):
    assert cli.main(work(embed=f"return {returned}")) == 2
    told = capfd.readouterr().err
    assert "encoder 'mine' (from mine.py) must return an array of" in told
    assert f"but returned {said}, for " in told
    assert ".wav)" in told


@pytest.mark.slow
def test_a_tensor_is_taken_as_the_array_that_it_is(work, built_in):
    assert cli.main(work()) == 0
    wanted = [row["value"] for row in rows(Path("results/run"))]
    same = "import torch; return torch.as_tensor(np.stack([audio.std(axis=1), np.abs(np.diff(audio, axis=1)).mean(axis=1)], axis=1))"
    assert cli.main(work(embed=same)) == 0
    assert [row["value"] for row in rows(Path("results/run"))] == wanted


def key():
    return json.loads(Path("results/run/manifest.json").read_text())["key"]


@pytest.mark.slow
def test_a_plugin_file_imports_what_lies_beside_it_and_keys_follow_that(work, built_in, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    words = work(above="import beside_mine", embed="audio = audio * np.float32(beside_mine.GAIN)")
    (folder / "mine.py").write_text(Path("mine.py").read_text())
    words[words.index("mine.py")] = str(folder / "mine.py")
    keys = []
    for gain in ("2.0", "4.0", "2.0"):
        (folder / "beside_mine.py").write_text(f"GAIN = {gain}\n")
        assert cli.main(words) == 0
        keys.append(key())
    assert keys[0] == keys[2] != keys[1]
    other = tmp_path / "other"
    other.mkdir()
    (other / "beside_mine.py").write_text("GAIN = 8.0\n")
    (other / "second.py").write_text("import beside_mine\n")
    with pytest.raises(MirbenchError, match=r"imports 'beside_mine', which lies beside it, but .* has that name too"):
        registry.load([folder / "mine.py", other / "second.py"])


IDENTITY = """
import numpy as np
import mirbench

class Weights(mirbench.Options):
    weights = mirbench.option("", "where the weights are", file={file})

class Mine(mirbench.Encoder):
    name = "mine"
    options = Weights()
    {identity}
    def load(self, folder, options, seed, device):
        gain = np.float32(float(open(options["weights"]).read()))
        return lambda audio: gain * np.stack([audio.std(axis=1), np.abs(np.diff(audio, axis=1)).mean(axis=1)], axis=1)

@mirbench.hookimpl
def register_encoders():
    return [Mine()]
"""


@pytest.mark.parametrize(
    ("file", "identity"),
    [
        (True, ""),
        pytest.param(False, "def identity(self, options): return open(options['weights']).read()", marks=pytest.mark.slow),
        pytest.param(True, "def identity(self): return 'one'", marks=pytest.mark.slow),
    ],
    ids=["declared", "by itself", "without options"],
)
def test_weights_that_are_replaced_in_place_are_another_encoder(work, built_in, capfd, file, identity):
    words = [*work(), "--set", "options.mine.weights=w.txt"]
    Path("mine.py").write_text(IDENTITY.format(file=file, identity=identity))
    keys = []
    for gain in ("1.5", "2.5", "1.5"):
        Path("w.txt").write_text(gain)
        os.utime("w.txt", (1, 1))
        assert cli.main(words) == 0
        keys.append(key())
    assert keys[0] == keys[2] != keys[1]
    if file:
        Path("w.txt").unlink()
        assert cli.main(words) == 2
        assert "options.mine.weights: there is no file or folder w.txt" in capfd.readouterr().err


TASK = """
import mirbench

class Mine(mirbench.Task):
    name = "mine"
    annotation = "genre"
    metrics = ("accuracy",)
    classes = ("low", "high")
    def label(self, value):
        return {label}

@mirbench.hookimpl
def register_tasks():
    return [Mine()]
"""


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("{'a': 'low'}[value]", "task 'mine' cannot read the annotation 'b' of clip 1.wav: KeyError: 'b'."),
        (
            "'lower'",
            "task 'mine' has no clip in the train split with one of its classes, where {n} clips have labels outside its classes, such as "
            "'lower'.",
        ),
        (
            "'low' if value == 'a' else 'higher'",
            "task 'mine' cannot be learned, where {n} clips have labels outside its classes, such as 'higher': the training",
        ),
        ("3", "task 'mine' reads the annotation 'a' of clip 0.wav as 3, and a class name is text."),
    ],
)
def test_a_label_that_is_no_class_is_told_with_the_value(work, built_in, capfd, label, said):
    words = work()
    Path("task.py").write_text(TASK.replace("{label}", label))
    words[words.index("genre")] = "mine"
    words[words.index("mine", words.index("--encoder"))] = "handcrafted"
    assert cli.main([*words, "--plugin", "task.py"]) == 2
    assert said in re.sub(r"\d+ clips have", "{n} clips have", capfd.readouterr().err)
