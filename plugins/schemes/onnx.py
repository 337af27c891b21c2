"""`onnx:FILE`: a model in ONNX, run by onnxruntime (`pip install 'mirbench-audio[onnx]'`)."""

from __future__ import annotations

import mirbench

from ._file import file_of


class Onnx(mirbench.Scheme):
    name = "onnx"
    description = "onnx:FILE, a model in ONNX, from (batch, samples) to (batch, dim) or (batch, frames, dim)"

    def encoder(self, rest: str) -> mirbench.Encoder:
        return mirbench.OnnxEncoder(file_of("onnx", rest, "a model in ONNX"))


@mirbench.hookimpl
def register_schemes() -> list[mirbench.Scheme]:
    return [Onnx()]
