"""Models with several outputs of several widths: each is a layer, checked, embedded and told by its own width."""

import json
import shutil
import sys
from types import SimpleNamespace as Namespace

import numpy as np
import pytest
from songs import RATE

from mirbench import cli
from mirbench.evaluation.embedding.cost import count
from mirbench.evaluation.embedding.windows import FrozenEncoder
from mirbench.experiment.gather.costs import cost_rows
from mirbench.registry.plugins import load
from mirbench.settings.config import load_config
from mirbench.testing.examine import examine


def wide_file(path, widths=(2, 3)):
    """The mean of the audio's absolute value as often as each width says, (batch, width) each."""
    onnx = pytest.importorskip("onnx", reason="the extra test has it")
    node, tensor, of = onnx.helper.make_node, onnx.helper.make_tensor_value_info, onnx.numpy_helper.from_array
    nodes, given = [node("Abs", ["audio"], ["abs"]), node("ReduceMean", ["abs", "axis"], ["mean"])], [of(np.array([1]), "axis")]
    for number, width in enumerate(widths):
        nodes.append(node("MatMul", ["mean", f"w{number}"], [f"out{number}"]))
        given.append(of(np.arange(1, 1 + width, dtype=np.float32)[None], f"w{number}"))
    made = [tensor(f"out{number}", 1, ["batch", width]) for number, width in enumerate(widths)]
    graph = onnx.helper.make_graph(nodes, "g", [tensor("audio", 1, ["batch", "samples"])], made, given)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8), path)
    return str(path)


SAID = ("--rate", "1000", "--normalise", "none")


@pytest.fixture
def my_two(tmp_path, monkeypatch):
    """The text of what `mirbench new` wrote for a model with two outputs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # to which a plugin's folder is added
    assert cli.main(["new", "encoder", "my-two", "--from", "onnx", "--model", wide_file(tmp_path / "two.onnx"), *SAID]) == 0
    return (tmp_path / "my_two.py").read_text()


def outcome(given, promise, tmp_path, options):
    scratch = tmp_path / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    (found,) = examine(given, scratch, load_config([], [options], {}))
    return found.outcome(promise)


def test_outputs_of_a_model_are_written_as_layers_and_asked_for_where_they_are_not(my_two, tmp_path):
    assert 'Its outputs, each a layer, of which the last is probed:\n    out0, out1"""\n' in my_two
    asked = "options.my-two={sample_rate: 1000, normalise: none%s}"
    assert outcome("my_two.py", "layers", tmp_path, asked % "").told == "2 layers"
    facts = "    def facts(self, options):\n        return mirbench.ModelFacts(sample_rate=1_000, normalises=True)\n\n"
    (tmp_path / "none_two.py").write_text(my_two.replace("@mirbench.hookimpl", f"{facts}\n@mirbench.hookimpl"))
    told = outcome("none_two.py", "load", tmp_path, asked % "").told
    assert told == "two.onnx returned 2 outputs, and facts() says layers=None; let it say layers=2."
    told = outcome("none_two.py", "usable", tmp_path, asked % ", layer: 1").told
    assert told.startswith("facts() says layers=None; leave --set options.my-two.layer out, or let it say")


def test_an_output_is_named_as_the_layer_or_there_is_a_sentence_with_those_that_there_are(my_two, tmp_path, capsys):
    asked = "options.my-two.layer=%s"
    assert outcome("my_two.py", "shapes", tmp_path, asked % "out0").told.startswith("layer 0 of 0 to 1: 2 dimensions at ")
    assert outcome("my_two.py", "shapes", tmp_path, asked % "all").told.startswith("layer 1 of 0 to 1: 3 dimensions at ")
    assert cli.main(["check", "my_two.py", "--set", asked % "out2"]) == 2
    told = "options.my-two.layer: no layer is named 'out2'; did you mean 'out1'? Known: out0, out1, last, all, best, weighted."
    assert capsys.readouterr().err == f"mirbench: {told}\n"


def test_how_short_audio_may_be_is_said_where_it_can_be(my_two, tmp_path, monkeypatch):
    def picky(self, options, device):
        def frames(audio):
            if audio.shape[1] < 100:
                raise ValueError("too short")
            return [np.abs(audio[:, :2]), np.abs(audio[:, :3])]

        return frames

    monkeypatch.setattr("mirbench.OnnxEncoder.frames", picky)
    for given, name in (("my_two.py", "my-two"), ("onnx:two.onnx", "two")):
        found = outcome(given, "10 ms", tmp_path, f"options.{name}={{sample_rate: 1000, normalise: none}}")
        assert found.status == "fail"
        assert f"--set options.{name}.shortest_seconds=0.1, the shortest that was found to work" in found.promise.mend


@pytest.mark.parametrize("widths", [(2, 3), (3, 2)])
def test_the_layer_that_is_asked_for_is_checked_and_named(tmp_path, widths):
    address, promises = f"onnx:{wide_file(tmp_path / 'two.onnx', widths)}", {}
    for layer in (0, 1, "last", 7):
        config = load_config([], [f"options.two={{sample_rate: 1000, normalise: none, layer: {layer}}}"], {})
        (tmp_path / str(layer)).mkdir()
        (promises[layer],) = examine(address, tmp_path / str(layer), config)
    usable = promises[7].outcome("usable")
    assert (usable.status, usable.told) == ("fail", "options.two.layer is 7, and there are the layers 0 to 1.")
    for layer, number in ((0, 0), (1, 1), ("last", 1)):
        told = promises[layer].outcome("shapes").told
        assert told.startswith(f"layer {number} of 0 to 1: {widths[number]} dimensions at "), layer
        assert promises[layer].outcome("layers").told == "2 layers"


def test_the_dim_of_costs_is_that_of_the_layer_that_is_probed(tmp_path):
    found = load().add_address("onnx", wide_file(tmp_path / "two.onnx"))
    options, rows = {**found.options, "sample_rate": RATE, "normalise": "none"}, {}
    for embedded in ("last", 0, "all"):
        embed = found.load(None, {**options, "layer": embedded}, 0, "cpu")
        rows[embedded] = count(FrozenEncoder("two", embed, found.input(options), embedded))
    assert [rows[layer]["dim"] for layer in rows] == [3, 2, 3]
    (tmp_path / "cost.json").write_text(json.dumps(rows["all"]))
    probed = {"two[layer=0]": 0, "two[layer=1]": 1, "two": "weighted"}
    resolved = Namespace(entries=[Namespace(name=n, probed_layer=p) for n, p in probed.items()], store=Namespace(folder=lambda _: tmp_path))
    run = Namespace(resolved=resolved, costs={name: Namespace(name=("costs",)) for name in probed})
    assert [(row["encoder"], row["dim"], "dims" in row) for row in cost_rows(run)] == [
        ("two[layer=0]", 2, False),
        ("two[layer=1]", 3, False),
        ("two", 3, False),
    ]
