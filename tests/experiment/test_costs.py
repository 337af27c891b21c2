"""What encoders cost: counted by hand, taken from the cache, and unknown where nothing can tell."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

import mirbench
import mirbench.registry
from mirbench import cli, load_results
from mirbench.evaluation.embedding import cost

RATE = 22_050
RANDOM = np.random.default_rng(0)
ENCODERS = """
import numpy as np
import torch
import mirbench

class Linear(mirbench.Encoder):
    "10 numbers of 100 samples, through a layer with 7 outputs, and a layer that is never run"
    name, window_seconds = "linear", 0.5

    def load(self, folder, options, seed, device):
        network = torch.nn.ModuleDict({"run": torch.nn.Linear(100, 7), "idle": torch.nn.Linear(1000, 1000)}).to(device)

        def embed(audio):
            with torch.inference_mode():
                return network["run"](torch.as_tensor(audio[:, :100], device=device)).cpu().numpy()

        return embed

class Loud(mirbench.Encoder):
    name = "loud"

    def embed(self, audio):
        return audio.std(axis=1, keepdims=True).astype(np.float32) + [[0.0, 1.0]]

class Picky(Loud):
    name = "picky"

    def embed(self, audio):
        if len(audio) == 11:  # 30 s of windows of 2.7 s, as which noise comes and a short clip does not
            raise RuntimeError("no noise, please")
        return super().embed(audio)

class Learner(Loud):
    name, trainable = "learner", True

    def pretrain(self, job):
        (job.folder / "weights").mkdir()
        (job.folder / "weights" / "all.bin").write_bytes(bytes(1500))

class Heavy(Loud):
    "Imports what holds 120 MB, and has weights of 120 MB"
    name = "heavy"

    def load(self, folder, options, seed, device):
        import large_library

        weights = np.ones(30_000_000, np.float32)
        return lambda audio: audio.std(axis=1, keepdims=True) * weights[:2]

class OfFile(Loud):
    name, options = "of-file", type("FileOptions", (mirbench.Options,), {"weights": mirbench.option("songs.csv", "weights", file=True)})()

@mirbench.hookimpl
def register_encoders():
    return [Linear(), Loud(), Picky(), Learner(), Heavy(), OfFile()]
"""


@pytest.fixture
def run(tmp_path, monkeypatch, built_in):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "costly.py").write_text(ENCODERS)
    lines = ["path,split,genre,artist"]
    for split, count in (("train", 12), ("valid", 6), ("test", 6)):
        for i in range(count):
            soundfile.write(f"{split}{i}.wav", 0.1 * (1 + i % 2) * RANDOM.standard_normal(RATE // 4).clip(-1, 1), RATE)
            lines.append(f"{split}{i}.wav,{split},{('quiet', 'loud')[i % 2]},{split}{i}")
    (tmp_path / "songs.csv").write_text("\n".join(lines) + "\n")

    def command(encoders, output="results", *more):
        argv = ["run", "--encoder", encoders, "--dataset", "songs.csv", "--tasks", "genre", "--corruptions", "none", "--quiet"]
        argv += ["--plugin", "costly.py", "--cache", "cache", "--output", output, *more]
        for setting in ("floors=none", "bootstrap.resamples=20", "run_name=one"):
            argv += ["--set", setting]
        assert cli.main(argv) == 0
        return tmp_path / output / "one"

    return command


def costs_of(folder):
    return pd.read_csv(folder / "costs.csv").set_index("encoder")


def test_costs_are_those_counted_by_hand_and_unknown_where_nothing_tells(run):
    folder = run("linear,loud")
    costs = costs_of(folder)
    linear, loud = costs.loc["linear"], costs.loc["loud"]
    assert (linear["parameters"], linear["dim"]) == (707, 7)
    assert linear["gflop_per_second"] == pytest.approx(2 * 100 * 7 / 0.5 / 1e9, rel=1e-5)
    assert (linear["batch_size"], linear["window_seconds"]) == (60, 0.5)
    assert loud["dim"] == 2
    assert loud[["parameters", "gflop_per_second", "disk_mb"]].isna().all()
    assert (costs["clips_per_second"] > 0).all()
    assert costs["device"].str.endswith(", 1 thread").all()
    assert all(note.startswith("its process used") for note in costs["note"].dropna())
    frame = load_results(folder).costs
    assert list(frame["encoder"].astype("str")) == ["linear", "loud"]
    assert frame.loc[0, "parameters"] == 707


@pytest.mark.slow
def test_the_size_on_disk_is_that_of_the_weights_alone(run, tmp_path):
    disk = costs_of(run("learner,of-file,loud"))["disk_mb"]
    assert disk["learner"] == 0.0015, "not what the planner adds to a checkpoint"
    assert disk["of-file"] == pytest.approx((tmp_path / "songs.csv").stat().st_size / 1e6, rel=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_that_of_the_encoder_and_not_of_what_it_imports(run, tmp_path):
    (tmp_path / "large_library.py").write_text("import numpy\nheld = numpy.ones(30_000_000, numpy.float32)\n")
    peak = costs_of(run("heavy,loud"))["peak_memory_mb"]
    assert 120 <= peak["heavy"] < 200
    assert peak["loud"] < 60


def test_weights_of_a_checkpoint_of_ours_are_found(tmp_path):
    encoder = mirbench.registry.load().get("encoder", "simclr")
    for name in ("last", "best"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights.safetensors").touch()
    assert encoder.weight_files(tmp_path, {"checkpoint": "best"}) == [tmp_path / "best" / "weights.safetensors"]
    assert encoder.weight_files(None, {}) == []


def test_parameters_of_a_model_in_onnx_are_its_initialisers(tmp_path):
    onnx = pytest.importorskip("onnx")
    kinds = {"w": (onnx.TensorProto.FLOAT, (3, 4)), "shape": (onnx.TensorProto.INT64, (2,))}
    given = [onnx.helper.make_tensor(name, kind, size, np.zeros(size).flatten()) for name, (kind, size) in kinds.items()]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [], given)), tmp_path / "model.onnx")
    encoder = mirbench.registry.load().schemes["onnx"].encoder(str(tmp_path / "model.onnx"))
    assert encoder.count_parameters(encoder.options) == 12


def test_what_was_measured_is_kept(run, tmp_path, monkeypatch):
    folder = run("linear")
    before = (folder / "costs.csv").read_text()

    def never(*_, **__):
        raise AssertionError("it was measured again")

    monkeypatch.setattr(cost, "measure", never)
    assert (run("linear", "elsewhere") / "costs.csv").read_text() == before
    (job,) = (tmp_path / "cache" / "costs").glob("*/cost.json")
    assert json.loads(job.read_text())["parameters"] == 707


def test_an_encoder_that_cannot_take_noise_loses_no_scores(run, capfd):
    folder = run("picky,loud")
    costs = costs_of(folder)
    assert "no noise, please" in costs.loc["picky", "note"]
    assert costs.loc["picky", ["dim", "clips_per_second"]].isna().all()
    assert costs.loc["loud", "dim"] == 2
    assert "what picky costs could not be measured: encoder 'picky'" in capfd.readouterr().err
    assert "picky" in set(pd.read_csv(folder / "summary.csv")["encoder"])


def attention():
    layer = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    return layer, torch.ones(1, 5, 8), 2 * (5 * 8 * 4 * 8 + 2 * 5 * 5 * 8)


def recurrent():
    return torch.nn.LSTM(8, 4, batch_first=True), torch.ones(1, 5, 8), 2 * 5 * (8 + 4) * 4 * 4


def convolution():
    return torch.nn.Conv1d(2, 3, 4), torch.ones(1, 2, 13), 2 * 2 * 3 * 4 * 10


def encoder_block():
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    return layer, torch.ones(1, 5, 8), 2 * (5 * 8 * 4 * 8 + 2 * 5 * 5 * 8 + 2 * 5 * 8 * 16)


def normalised_weights():
    """As of the convolution in HuBERT that tells positions."""
    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(4, 6, 3)).eval()
    return layer, torch.ones(1, 4, 10), 2 * 8 * 6 * 4 * 3


@pytest.mark.parametrize("made", [attention, recurrent, convolution, encoder_block, normalised_weights])
def test_operations_of_whatever_layer_are_counted(made):
    """Of those that libraries do in one call too, which the counter of torch does not see by itself."""
    layer, given, operations = made()
    attended = (given,) * 3 if made is attention else (given,)
    with torch.inference_mode():
        assert cost.counted(lambda: layer(*attended)) == (operations, sum(each.numel() for each in layer.parameters()))
    assert torch.backends.mkldnn.enabled
    assert torch.backends.mha.get_fastpath_enabled()
