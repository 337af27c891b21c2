"""`TorchScriptEncoder`: a model that torch.jit.save wrote."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.file_models import FileEncoder
from mirbench.evaluation.embedding.models import ModelOptions
from mirbench.settings.declaring import option

FACTS = "mirbench.json"  # among the extra files of a model that mirbench exported: its ModelFacts


class TorchScriptOptions(ModelOptions):
    """Of an encoder that is a model in TorchScript."""

    file = option("", "the model, whose hash is in the keys of the cache", file=True)


class TorchScriptEncoder(FileEncoder):
    """Given (batch, samples), the model returns (batch, dim) or (batch, frames, dim), or a tuple of these, a layer each.

    file: the model; a subclass whose options say it gives none. What audio it takes that the file does not say, its options do.
    """

    description = "a TorchScript file"
    options = TorchScriptOptions()

    def __init__(self, file: str = "") -> None:
        if file:
            given = file

            class Given(TorchScriptOptions):
                file = given

            self.model, self.options = f"torchscript:{Path(file).name}", Given()

    def in_file(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            with zipfile.ZipFile(self.there(options)) as archive:
                told = [name for name in archive.namelist() if name.endswith(f"/extra/{FACTS}")]
                return self.told(archive.read(told[0])) if told else {"layers": 0}
        except (OSError, zipfile.BadZipFile) as error:
            raise MirbenchError(f"{self.model} is no TorchScript file ({error}); give one that torch.jit.save wrote.") from error

    def frames(self, options: Mapping[str, Any], device: str) -> Callable[[Any], Any]:
        import torch

        try:
            module = torch.jit.load(self.there(options), map_location=device).eval().to(getattr(torch, options["dtype"]))
        except RuntimeError as error:
            why = str(error).splitlines()[0].partition(". ")[0]
            raise MirbenchError(f"{self.model} cannot be loaded ({why}); give one that torch.jit.save wrote.") from error

        def frames(audio: Any) -> Any:
            given = torch.as_tensor(audio, device=device, dtype=getattr(torch, options["dtype"]))
            try:
                with torch.inference_mode():
                    found = module(given)
            except (RuntimeError, torch.jit.Error) as error:  # whose message is several lines of traceback, and what went wrong
                why = str(error).strip().splitlines()[-1]
                raise MirbenchError(f"{self.model} fails on audio of the shape {audio.shape}: {why.strip().rstrip('.')}.") from error
            layers = found if isinstance(found, (tuple, list)) else [found]
            if not layers or not all(isinstance(each, torch.Tensor) for each in layers):
                kinds = " and ".join(dict.fromkeys(type(each).__name__ for each in layers)) or "nothing"
                what = f"{type(found).__name__} of {kinds}" if layers is found else kinds
                raise MirbenchError(f"{self.model} must return a tensor, or a tuple of tensors, but returned {what}.")
            return [each.float().cpu().numpy() for each in layers]

        return frames
