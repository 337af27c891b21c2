"""Models in ONNX of a few bytes."""

import numpy as np
import pytest


def onnx_file(path, shape=("batch", "samples"), outputs=1, metadata=None):
    """The mean of the audio's absolute value and, of two outputs, its square, (batch, 1) each."""
    onnx = pytest.importorskip("onnx", reason="the extra test has it")
    node, tensor = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    axis = onnx.numpy_helper.from_array(np.array([len(shape) - 1], np.int64), "axis")
    nodes = [node("Abs", ["audio"], ["abs"]), node("ReduceMean", ["abs", "axis"], ["mean"], keepdims=0 if len(shape) == 3 else 1)]
    made = [tensor("mean", 1, [shape[0], 1])]
    if outputs > 1:
        nodes += [node("Mul", ["mean", "mean"], ["squared"])]
        made += [tensor("squared", 1, [shape[0], 1])]
    graph = onnx.helper.make_graph(nodes, "g", [tensor("audio", 1, list(shape))], made, [axis])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    if metadata:
        onnx.helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return str(path)
