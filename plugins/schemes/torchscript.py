"""`torchscript:FILE`: a model that torch.jit.save wrote."""

from __future__ import annotations

import mirbench

from ._file import file_of


class TorchScript(mirbench.Scheme):
    name = "torchscript"
    description = "torchscript:FILE, a model that torch.jit.save wrote, from (batch, samples) to (batch, dim) or (batch, frames, dim)"

    def encoder(self, rest: str) -> mirbench.Encoder:
        return mirbench.TorchScriptEncoder(file_of("torchscript", rest, "one that torch.jit.save wrote"))


@mirbench.hookimpl
def register_schemes() -> list[mirbench.Scheme]:
    return [TorchScript()]
