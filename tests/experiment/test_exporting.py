"""Encoders for other programs: files that onnxruntime and torch load by themselves, and folders with a card."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

import mirbench
from mirbench import cli, reporting

SHAPES = ((1, 59_535), (2, 100_000), (3, 800), (5, 59_536))
LOADED = {
    "onnx": """
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
def model(audio): return session.run(None, {session.get_inputs()[0].name: audio})[0]
""",
    "torchscript": """
import torch
module = torch.jit.load(sys.argv[1])
def model(audio): return module(torch.from_numpy(audio)).detach().numpy()
""",
}
RUN = """
audio = np.load(sys.argv[2])
np.savez(sys.argv[3], **{name: model(audio[name]) for name in audio})
assert not any(name.split(".")[0] == "mirbench" for name in sys.modules)
"""
MODELS = """
import torch

class Plain(torch.nn.Module):
    def forward(self, audio):
        return torch.stack([audio.abs().mean(dim=1), audio.std(dim=1)], dim=1)

class ByLength(Plain):
    def forward(self, audio):
        return super().forward(audio[:, :1000] if audio.shape[1] > 30_000 else audio)

class Chance(Plain):
    def forward(self, audio):
        return super().forward(audio) + torch.rand(2)

class Layers(Plain):
    def forward(self, audio):
        return torch.stack([super().forward(audio), super().forward(2 * audio)], dim=1)

class Spectral(torch.nn.Module):
    def forward(self, audio):
        return torch.fft.rfft(audio).abs()[:, :2]

def function(audio):
    return audio[:, :2]
"""


@pytest.fixture(autouse=True)
def _needs_onnx():
    pytest.importorskip("onnx", reason="the extra onnx has it")


@pytest.fixture(scope="module")
def models(tmp_path_factory, songs_run):
    """{(name, format): (file, what loads as the encoder)}"""
    folder, (_, _, checkpoint, _) = tmp_path_factory.mktemp("models"), songs_run
    made = {}
    for name, given, encoder in (("untrained", "untrained", mirbench.load("untrained")), ("simclr", checkpoint, mirbench.load(checkpoint))):
        for form in ("onnx", "torchscript"):
            path = folder / f"{name}.{form}"
            assert cli.main(["export", str(given), "--format", form, "-o", str(path), "--quiet"]) == 0
            made[name, form] = path, encoder
    return made


@pytest.mark.parametrize("form", ["onnx", "torchscript"])
@pytest.mark.parametrize(("name", "backbone"), [("untrained", "mel-cnn"), ("simclr", "samplecnn")])
def test_other_programs_embed_as_the_encoder_does(models, name, backbone, form, tmp_path):
    path, encoder = models[name, form]
    assert encoder.options["backbone"] == backbone
    audio = {str(i): np.random.default_rng(i).uniform(-0.5, 0.5, shape).astype(np.float32) for i, shape in enumerate(SHAPES)}
    np.savez(tmp_path / "audio.npz", **audio)
    words = [
        sys.executable,
        "-c",
        f"import sys\nimport numpy as np\n{LOADED[form]}{RUN}",
        path,
        tmp_path / "audio.npz",
        tmp_path / "out.npz",
    ]
    subprocess.run(list(map(str, words)), check=True)
    found = np.load(tmp_path / "out.npz")
    for number, given in audio.items():
        wanted = encoder.embedder.encoder.embed(given)
        assert found[number].shape == wanted.shape
        np.testing.assert_allclose(found[number], wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_a_model_is_scored_by_its_address_as_the_checkpoint_is(models, songs_run, tmp_path, monkeypatch, built_in):
    monkeypatch.setattr(reporting, "updated", lambda folder, *shown: "")
    folder, cache, checkpoint, _ = songs_run
    addresses = [f"{form}:{models['simclr', form][0]}" for form in ("onnx", "torchscript")]
    found = mirbench.run(
        encoders=addresses, checkpoints=[checkpoint], dataset=folder / "songs.csv", tasks="genre", floors="none", corruptions="none",
        bootstrap={"resamples": 50}, cache=cache, output=tmp_path, overlap="allow", quiet=True,
    )  # fmt: skip
    names = list(found.manifest["encoders"])
    assert len(names) == 4
    told = {name.removesuffix(" †"): found.predictions("genre", name)["loud"].to_numpy() for name in names if name != "majority"}
    for other in told.keys() - {"simclr"}:
        np.testing.assert_allclose(told[other], told["simclr"], atol=1e-3, rtol=1e-3)


def test_a_module_of_python_is_exported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export_models.py").write_text(MODELS)
    words = ["--set", "options.plain.sample_rate=8000", "--set", "options.plain.window_seconds=3"]
    audio = np.random.default_rng(0).uniform(-1, 1, (2, 500)).astype(np.float32)
    for form in ("onnx", "torchscript"):
        assert cli.main(["export", "python:export_models:Plain", "--format", form, "-o", f"new/plain.{form}", *words]) == 0
        told = f"new/plain.{form}: plain, 0 parameters, 8000 Hz; score it by --encoder {form}:new/plain.{form}\n"
        assert capsys.readouterr().out == told
        loaded = mirbench.load(f"{form}:new/plain.{form}")
        assert (loaded.input.sample_rate, loaded.input.window_seconds) == (8000, 3)
        np.testing.assert_allclose(loaded(audio)[:, 0], np.abs(audio).mean(axis=1), rtol=1e-5)
        normalised = ["--set", "options.plain.normalise=zero-mean-unit-variance"]
        assert cli.main(["export", "python:export_models:Plain", "--format", form, "-o", f"new/n.{form}", *words, *normalised]) == 0
        capsys.readouterr()
        with pytest.raises(mirbench.MirbenchError, match="does not say whether audio is normalised; give it"):
            mirbench.load(f"{form}:new/n.{form}")


@pytest.mark.parametrize("form", ["onnx", "torchscript"])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ByLength", r"in {} does not embed audio of the shape \(3, 2000\) as it does itself"),
        (
            "Chance",
            r"in {} does not embed audio of the shape \(1, 80000\) as it does itself; what it does depends on that shape, or on chance",
        ),
        ("Layers", r"in {} does not embed audio of the shape \(1, 80000\) as it does itself"),
        ("function", "is no torch module, so it cannot be exported; one that is has a method module"),
    ],
)
def test_what_a_file_would_not_do_as_the_encoder_does_is_refused(tmp_path, monkeypatch, capsys, form, name, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export_models.py").write_text(MODELS)
    words = ["--format", form, "-o", "m", "--set", "options.all.sample_rate=8000"]
    assert cli.main(["export", f"python:export_models:{name}", *words]) == 2
    assert re.search(sentence.format(form), capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("export_models.py", "__pycache__")] == []


def test_what_onnx_has_no_operation_for_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export_models.py").write_text(MODELS)
    words = ["export", "python:export_models:Spectral", "-o", "m", "--set", "options.all.sample_rate=8000", "--format"]
    assert cli.main([*words, "onnx"]) == 2
    assert capsys.readouterr().err.startswith("mirbench: encoder 'spectral' cannot be exported to onnx (UnsupportedOperatorError: ")
    assert cli.main([*words, "torchscript"]) == 0


def test_a_folder_has_what_it_takes_and_a_card(songs_run, tmp_path, monkeypatch, capsys, built_in):
    monkeypatch.chdir(tmp_path)
    folder, cache, checkpoint, run = songs_run
    words = ["export", str(checkpoint), "--format", "hub"]
    assert cli.main([*words, "-o", "simclr", "--run", str(run)]) == 0
    assert capsys.readouterr().out == 'simclr: simclr, with its card; load it by mirbench.load("simclr")\n'
    config = json.loads((tmp_path / "simclr" / "config.json").read_text())
    assert (config["dim"], config["sample_rate"], config["options"]["backbone"]) == (512, 22_050, "samplecnn")
    tone = np.sin(np.arange(30_000) * 0.1).astype(np.float32)
    assert np.array_equal(mirbench.load("simclr/")(tone), mirbench.load(checkpoint)(tone))
    from safetensors.torch import load_file

    weights = load_file("simclr/weights.safetensors")
    assert (
        sum(tensor.numel() for name, tensor in weights.items() if "running" not in name and "num_batches" not in name)
        == config["parameters"]
    )
    text = (tmp_path / "simclr" / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front == {"library_name": "mirbench", "tags": ["audio", "music", "feature-extraction", "simclr", "samplecnn"]}
    for told in ("2,368,512 parameters", "2 steps", "| batch_views | 8 |", "- songs: 12 clips", "- songs: not stated", "| simclr †"):
        assert told in text
    again = ["run", "--checkpoint", "simclr", "--dataset", str(folder / "songs.csv"), "--tasks", "genre", "--cache", str(cache), "--quiet"]
    assert cli.main([*again, "--set", "floors=none", "--corruptions", "none"]) == 2
    assert (
        "'simclr' is pretrained on audio that is validated or tested on: 18 clips" in capsys.readouterr().err
    )  # which the folder still tells
    assert cli.main([*words, "-o", "simclr"]) == 2
    assert capsys.readouterr().err == "mirbench: --output simclr is there already; remove it, or name a new folder.\n"


def test_a_card_gives_no_scores_of_another_training(songs_run, tiny_run, tmp_path, capsys):
    _, _, checkpoint, _ = songs_run
    words = ["export", str(checkpoint), "--format", "hub", "-o", str(tmp_path / "x"), "--run", str(tiny_run[1])]
    assert cli.main(words) == 2
    assert f"the run {tiny_run[1]} did not score this checkpoint; give one that did" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["untrained", "--format", "hub"], "--format hub is of a checkpoint, and untrained has none"),
        (["untrained", "--format", "tflite"], "--format tflite is none that is written; choose one of onnx, torchscript, hub."),
        (["untrained", "--format", "onnx", "--run", "x"], "--run is for the card of --format hub; leave it out."),
        (["untrained", "--format", "onnx", "--set", "options.untrained.layer=2"], "the last layer of untrained is exported"),
        (["semisupcon", "--format", "onnx"], "encoder 'semisupcon' learns, and no checkpoint of it was given"),
        (["no/folder", "--format", "onnx"], "there is no checkpoint folder no/folder"),
        (["handcrafted", "--format", "onnx"], "encoder 'handcrafted' (from mirbench) is no torch module, so it cannot be exported"),
        (
            ["untrained", "--format", "onnx", "-o", "."],
            "--output . is a folder; give the file to be written, such as --output untrained.onnx.",
        ),
        (["untrained", "--format", "onnx", "-o", "file/x"], "cannot write while writing a file at file/x (File exists)"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert cli.main(["export", *words, *([] if "-o" in words else ["-o", "out"])]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"mirbench: {sentence}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_onnx_that_is_not_installed_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert cli.main(["export", "untrained", "--format", "onnx", "-o", str(tmp_path / "m.onnx")]) == 2
    assert capsys.readouterr().err == "mirbench: exporting to onnx needs onnx and onnxruntime; pip install 'mirbench-audio[onnx]'.\n"
    assert torch.is_grad_enabled()
