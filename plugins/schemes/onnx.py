"""`onnx:FILE`: a model in ONNX, run by onnxruntime (`pip install 'mirbench-audio[onnx]'`)."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import mirbench

from ._file import FileEncoder, file_of

FACTS = "mirbench"  # the key of the metadata of a model that mirbench exported: its ModelFacts
LOCATION = re.compile(rb"\n\x08location\x12([\x80-\xff]?)([\x01-\x7f])")  # of external data: the key, and the length of the value
DESCRIBE = """
import json, sys
try:
    import onnxruntime
except ImportError:
    sys.exit(3)
try:
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
except Exception as error:
    sys.exit(str(error).splitlines()[0])
inputs, outputs = session.get_inputs(), session.get_outputs()
told = session.get_modelmeta().custom_metadata_map.get(sys.argv[2], "{}")
kinds = {i.name: i.type for i in inputs}
outputs = [[o.name, o.shape] for o in outputs]
print(json.dumps({"inputs": [[i.name, i.shape] for i in inputs], "kinds": kinds, "outputs": outputs, "facts": told}))
"""
KINDS = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
}  # of audio, as onnxruntime and as numpy has them


class OnnxEncoder(FileEncoder):
    """Given (batch, samples), or (batch, 1, samples) where that is its input, the model returns (batch, dim) or (batch, frames, dim); of
    several outputs each is a layer, in their order."""

    description = "an ONNX file"
    forks = False  # its threads are lost

    def __init__(self, file: str) -> None:
        given = file

        class OnnxOptions(mirbench.PoolOptions):
            file = mirbench.option(given, "the model", file=True)
            outputs = mirbench.option("", "which outputs are read, by their names with commas between; empty: all")

        self.model, self.options = f"onnx:{Path(file).name}", OnnxOptions()

    def identity(self, options: Mapping[str, Any] | None = None) -> str:
        """Of the weights that lie beside the model, in files that it names (external data); the model's own hash is taken by itself."""
        digest = hashlib.sha256()
        file, *beside = self.weight_files(None, options or self.options)
        for path in beside:
            digest.update(f"{os.path.relpath(path, file.parent)}\n".encode(errors="surrogateescape"))
            if path.is_file():
                with open(path, "rb") as opened:
                    digest.update(hashlib.file_digest(opened, "sha256").digest())
        return digest.hexdigest()

    def weight_files(self, folder: Path | None, options: Mapping[str, Any]) -> list[Path]:
        """The model, and the files beside it that it names."""
        (file,) = super().weight_files(folder, options)
        return [file, *(file.parent / name for name in (_external(file, file.stat().st_mtime_ns) if file.is_file() else ()))]

    @cached_property
    def about(self) -> dict[str, Any]:
        """Its inputs, outputs and facts, as another process sees them: one that has imported onnxruntime should not fork, since that has
        threads."""
        file = self.options["file"]
        asked = subprocess.run([sys.executable, "-c", DESCRIBE, file, FACTS], capture_output=True, text=True, check=False)
        if asked.returncode == 3:
            raise mirbench.MirbenchError(f"{self.model} needs onnxruntime; pip install 'mirbench-audio[onnx]'.")
        if asked.returncode:
            why = asked.stderr.strip().splitlines()[-1:] or ["it ended the process"]
            raise mirbench.MirbenchError(f"{self.model} cannot be loaded ({why[0]}); give a model in ONNX.")
        described: dict[str, Any] = json.loads(asked.stdout)
        return described

    def check(self, options: Mapping[str, Any]) -> None:
        shapes, kinds = dict(self.about["inputs"]), self.about["kinds"]
        shape: list[Any] = next(iter(shapes.values()), [])
        channels = shape[1] if len(shape) == 3 else 1
        fits = len(shape) in (2, 3) and (channels in (1, None) or isinstance(channels, str))
        if len(shapes) != 1 or not fits or not set(kinds.values()) <= KINDS.keys():
            inputs = ", ".join(f"{name} {shape} {kinds[name]}" for name, shape in shapes.items()) or "nothing"
            raise mirbench.MirbenchError(
                f"{self.model} takes {inputs}, and should take (batch, samples) or (batch, 1, samples) of floats; export it with audio as "
                "its one input."
            )
        known = dict(self.about["outputs"])
        if lost := [name for name in _names(options) if name not in known]:
            raise mirbench.MirbenchError(f"{self.model} has no output '{lost[0]}'; it has {', '.join(known)}.")
        super().check(options)

    def facts(self, options: Mapping[str, Any]) -> mirbench.ModelFacts:
        """A shape that is fixed says how long a window is, at the rate that is known."""
        told, outputs = self.told(self.about["facts"]), dict(self.about["outputs"])
        names = [name for name in _names(options) if name in outputs] or list(outputs)
        dims = [outputs[name][-1] for name in names if outputs[name] and isinstance(outputs[name][-1], int)]
        shapes = [shape for _, shape in self.about["inputs"] if shape]
        samples, rate = shapes[0][-1] if shapes else None, options["sample_rate"] or told.get("sample_rate")
        samples = samples if isinstance(samples, int) else None
        seconds = samples / rate if samples and rate else None
        fixed = {"window_seconds": seconds, "shortest_seconds": seconds} if seconds else {}
        about: dict[str, Any] = {"layers": len(names) if len(names) > 1 else None, "names": names, "samples": samples}
        about |= {"dims": dims if len(dims) == len(names) else ()}
        return mirbench.ModelFacts(**{**about, **fixed, **told})

    def count_parameters(self, options: Mapping[str, Any]) -> int | None:
        return mirbench.count_initialisers(options["file"])

    def frames(self, options: Mapping[str, Any], device: str) -> Callable[[Any], Any]:
        names, ((given, shape),) = _names(options) or None, self.about["inputs"]
        kind = KINDS[self.about["kinds"][given]]
        fixed = shape[0] if isinstance(shape[0], int) else None
        sessions: list[Any] = []  # once there is audio

        def frames(audio: Any) -> Any:
            import numpy as np

            sessions[:] = sessions or [_session(options["file"], device)]
            batch = np.asarray(audio if len(shape) == 2 else audio[:, None], kind)
            if fixed is None:
                return sessions[0].run(names, {given: batch})
            parts = [np.resize(batch[i : i + fixed], (fixed, *batch.shape[1:])) for i in range(0, len(batch), fixed)]
            runs = [[self.checked(each, fixed) for each in sessions[0].run(names, {given: part})] for part in parts]
            return [np.concatenate(each)[: len(batch)] for each in zip(*runs, strict=True)]

        return frames


@functools.lru_cache(maxsize=8)
def _external(file: Path, changed: int) -> list[str]:
    """The files of external data that a model names. Read without the package onnx, which need not be installed. changed: when it was."""
    model, names = file.read_bytes(), set()
    for found in LOCATION.finditer(model):
        first, last = (int.from_bytes(part, "little") for part in found.groups())
        length = last if not found[1] else (first & 127) | last << 7
        names.add(os.fsdecode(model[found.end() : found.end() + length]))
    return sorted(names)


def _session(file: str, device: str) -> Any:
    """Of one thread."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # what is fatal: the rest is raised as an error
    providers = [*(["CUDAExecutionProvider"] if device != "cpu" else []), "CPUExecutionProvider"]
    return onnxruntime.InferenceSession(file, settings, providers=providers)


def _names(options: Mapping[str, Any]) -> list[str]:
    return [name.strip() for name in options["outputs"].split(",") if name.strip()]


class Onnx(mirbench.Scheme):
    name = "onnx"
    description = "onnx:FILE, a model in ONNX, from (batch, samples) to (batch, dim) or (batch, frames, dim)"

    def encoder(self, rest: str) -> mirbench.Encoder:
        return OnnxEncoder(file_of("onnx", rest, "a model in ONNX"))


@mirbench.hookimpl
def register_schemes() -> list[mirbench.Scheme]:
    return [Onnx()]
