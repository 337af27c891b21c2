"""How many numbers a model in ONNX has."""

from __future__ import annotations

import math
from pathlib import Path


def count_initialisers(path: str | Path) -> int | None:
    """The numbers in the initialisers of an ONNX file but whole ones of 16 bits or more, such as shapes; the bands of a front end are among
    them. None where the package onnx is not installed."""
    try:
        import onnx
    except ImportError:
        return None
    kinds = {getattr(onnx.TensorProto, name) for name in ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "INT8", "UINT8")}
    model = onnx.load(path, load_external_data=False)
    return sum(math.prod(each.dims) for each in model.graph.initializer if each.data_type in kinds)
