"""Models in ONNX of a few bytes."""

import numpy as np
import pytest

ABS = [("Abs", ["audio"], "abs", {})]  # the operators of `graph_file`


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


def graph_file(path, operators, shape=("batch", "samples"), kind=1, given=(), told=None):
    """A model in ONNX. operators: (name, inputs, output, attributes) each; kind: of its input audio; given: its constants, by name."""
    onnx = pytest.importorskip("onnx", reason="the extra test has it")
    nodes = [onnx.helper.make_node(name, inputs, [output], **more) for name, inputs, output, more in operators]
    constants = [onnx.numpy_helper.from_array(np.array(values, np.int64), name) for name, values in given]
    audio = [onnx.helper.make_tensor_value_info("audio", kind, list(shape))] if shape else []
    output = onnx.helper.make_tensor_value_info(operators[-1][2], operators[-1][3].get("to", kind), None)
    graph = onnx.helper.make_graph(nodes, "g", audio, [output], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    onnx.helper.set_model_props(model, told or {})
    onnx.save(model, path)
    return str(path)


def external_file(path, beside, weight=1.0):
    """(batch, 8) times a matrix of that weight, which lies in the file `beside` in the model's folder."""
    onnx = pytest.importorskip("onnx", reason="the extra test has it")
    weights = onnx.numpy_helper.from_array(np.full((8, 8), weight, np.float32), "w")
    value = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [value("x", 1, ["b", 8])], [value("y", 1, ["b", 8])], [weights])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    (path.parent / beside).unlink(missing_ok=True)  # to which it would be added
    onnx.save_model(model, path, save_as_external_data=True, location=beside, size_threshold=0)
