"""Writes the small models of random weights that `mirbench new encoder` puts beside a plugin: python tests/helpers/stand_ins.py FOLDER"""

import sys
from pathlib import Path

import numpy as np
import torch

DIM = 8


def weights():
    """(3, DIM) float32."""
    return np.random.default_rng(0).normal(size=(3, DIM)).astype(np.float32)


def write_onnx(path):
    from onnx import TensorProto, helper, numpy_helper, save

    node = helper.make_node
    nodes = [
        node("Abs", ["audio"], ["size"]),
        node("Mul", ["audio", "audio"], ["power"]),
        node("ReduceMean", ["size"], ["mean"], axes=[1], keepdims=1),
        node("ReduceMean", ["power"], ["square"], axes=[1], keepdims=1),
        node("ReduceMax", ["size"], ["peak"], axes=[1], keepdims=1),
        node("Concat", ["mean", "square", "peak"], ["features"], axis=1),
        node("MatMul", ["features", "weights"], ["embedding"]),
    ]
    audio = helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["batch", "samples"])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIM])
    graph = helper.make_graph(nodes, "stand-in", [audio], [embedding], [numpy_helper.from_array(weights(), "weights")])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


class StandIn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.last = torch.nn.Linear(3, DIM, bias=False)
        self.last.weight.data = torch.as_tensor(weights().T.copy())

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        size = audio.abs()
        return self.last(torch.stack([size.mean(dim=1), audio.square().mean(dim=1), size.amax(dim=1)], dim=1))


def write_torchscript(path):
    torch.jit.script(StandIn().eval()).save(str(path))


def write_hf(folder):
    from tiny_hub import hubert, saved

    saved(hubert, folder)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write_onnx(folder / "stand-in.onnx")
    write_torchscript(folder / "stand-in.pt")
    write_hf(folder / "stand-in-model")
