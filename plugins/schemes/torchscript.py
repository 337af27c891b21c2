"""`torchscript:FILE`: a model that torch.jit.save wrote."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mirbench

from ._file import FileEncoder, file_of

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
                facts = self.told(archive.read(told[0])) if told else {"layers": 0}
        except (OSError, zipfile.BadZipFile) as error:
            raise mirbench.MirbenchError(f"{self.model} is no TorchScript file ({error}); give one that torch.jit.save wrote.") from error
        return mirbench.ModelFacts(**facts)

    def frames(self, options: Mapping[str, Any], device: str) -> Callable[[Any], Any]:
        import torch

        try:
            module = torch.jit.load(options["file"], map_location=device).eval().to(getattr(torch, options["dtype"]))
        except RuntimeError as error:
            why = str(error).splitlines()[0].partition(". ")[0]
            raise mirbench.MirbenchError(f"{self.model} cannot be loaded ({why}); give one that torch.jit.save wrote.") from error

        def frames(audio: Any) -> Any:
            given = torch.as_tensor(audio, device=device, dtype=getattr(torch, options["dtype"]))
            try:
                with torch.inference_mode():
                    found = module(given)
            except (RuntimeError, torch.jit.Error) as error:  # whose message is several lines of traceback, and what went wrong
                why = str(error).strip().splitlines()[-1]
                raise mirbench.MirbenchError(
                    f"{self.model} fails on audio of the shape {audio.shape}: {why.strip().rstrip('.')}."
                ) from error
            layers = found if isinstance(found, (tuple, list)) else [found]
            if not layers or not all(isinstance(each, torch.Tensor) for each in layers):
                kinds = " and ".join(dict.fromkeys(type(each).__name__ for each in layers)) or "nothing"
                what = f"{type(found).__name__} of {kinds}" if layers is found else kinds
                raise mirbench.MirbenchError(f"{self.model} must return a tensor, or a tuple of tensors, but returned {what}.")
            return [each.float().cpu().numpy() for each in layers]

        return frames


class TorchScript(mirbench.Scheme):
    name = "torchscript"
    description = "torchscript:FILE, a model that torch.jit.save wrote, from (batch, samples) to (batch, dim) or (batch, frames, dim)"

    def encoder(self, rest: str) -> mirbench.Encoder:
        return TorchScriptEncoder(file_of("torchscript", rest, "one that torch.jit.save wrote"))


@mirbench.hookimpl
def register_schemes() -> list[mirbench.Scheme]:
    return [TorchScript()]
