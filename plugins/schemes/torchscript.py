"""`torchscript:FILE`: a model that torch.jit.save wrote."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mirbench

from ._file import FileEncoder

FACTS = "mirbench.json"  # among the extra files of a model that mirbench exported: its ModelFacts


class TorchScriptEncoder(FileEncoder):
    """Given (batch, samples), the model returns (batch, dim) or (batch, frames, dim), or a tuple of these, a layer each."""

    description = "a TorchScript file"

    def __init__(self, file: str) -> None:
        given = file

        class TorchScriptOptions(mirbench.ModelOptions):
            file = mirbench.option(given, "the model", file=True)

        self.model, self.options = f"torchscript:{Path(file).name}", TorchScriptOptions()

    def facts(self, options: Mapping[str, Any]) -> mirbench.ModelFacts:
        try:
            with zipfile.ZipFile(options["file"]) as archive:
                told = [name for name in archive.namelist() if name.endswith(f"/extra/{FACTS}")]
                return mirbench.ModelFacts(**json.loads(archive.read(told[0]))) if told else mirbench.ModelFacts(layers=0)
        except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise mirbench.MirbenchError(f"{self.model} is no TorchScript file ({error}); give one that torch.jit.save wrote.") from error

    def frames(self, options: Mapping[str, Any], device: str) -> Callable[[Any], Any]:
        import torch

        try:
            module = torch.jit.load(options["file"], map_location=device).eval().to(getattr(torch, options["dtype"]))
        except RuntimeError as error:
            why = str(error).splitlines()[0]
            raise mirbench.MirbenchError(f"{self.model} cannot be loaded ({why}); give one that torch.jit.save wrote.") from error

        def frames(audio: Any) -> Any:
            with torch.inference_mode():
                found = module(torch.as_tensor(audio, device=device, dtype=getattr(torch, options["dtype"])))
            return [each.float().cpu().numpy() for each in (found if isinstance(found, (tuple, list)) else [found])]

        return frames


class TorchScript(mirbench.Scheme):
    name = "torchscript"
    description = "torchscript:FILE, a model that torch.jit.save wrote, from (batch, samples) to (batch, dim) or (batch, frames, dim)"

    def encoder(self, rest: str) -> mirbench.Encoder:
        if not Path(rest).is_file():
            raise mirbench.MirbenchError(f"there is no file {rest}, which torchscript:{rest} names; give one that torch.jit.save wrote.")
        return TorchScriptEncoder(rest)


@mirbench.hookimpl
def register_schemes() -> list[mirbench.Scheme]:
    return [TorchScript()]
