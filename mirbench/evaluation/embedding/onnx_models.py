"""`OnnxEncoder`: a model in ONNX, run by onnxruntime (`pip install 'mirbench-audio[onnx]'`), which is imported where it is used."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mirbench.errors import MirbenchError, printable
from mirbench.evaluation.embedding.file_models import FileEncoder
from mirbench.evaluation.embedding.initialisers import count_initialisers
from mirbench.evaluation.embedding.model_files import onnx_files
from mirbench.evaluation.embedding.models import ModelFacts, PoolOptions
from mirbench.settings.declaring import option

FACTS = "mirbench"  # the key of the metadata of a model that mirbench exported: what it says of itself, in JSON
RATES = ("sample_rate", "sampling_rate")  # keys of the metadata of a model whose value is its rate in Hz, a whole number
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
metadata = dict(session.get_modelmeta().custom_metadata_map)
kinds = {i.name: i.type for i in inputs}
outputs = [[o.name, o.shape] for o in outputs]
print(json.dumps({"inputs": [[i.name, i.shape] for i in inputs], "kinds": kinds, "outputs": outputs, "metadata": metadata}))
"""
KINDS = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
}  # of audio, as onnxruntime and as numpy has them


class OnnxOptions(PoolOptions):
    """Of an encoder that is a model in ONNX."""

    file = option("", "the model; its hash, and that of files beside it that it names, are in the keys of the cache", file=True)
    outputs = option("", "which outputs are read, by their names with commas between; empty: all")


class OnnxEncoder(FileEncoder):
    """Given (batch, samples), or (batch, 1, samples) where that is its input, the model returns (batch, dim) or (batch, frames, dim); of
    several outputs each is a layer, in their order. A number of samples or of windows that is fixed is obeyed.

    file: the model; a subclass whose options say it gives none. What audio it takes that its metadata do not say, its options do.
    """

    description = "an ONNX file"
    options = OnnxOptions()
    forks = False  # its threads are lost

    def __init__(self, file: str = "") -> None:
        if file:
            given = file

            class Given(OnnxOptions):
                file = given

            self.model, self.options = f"onnx:{Path(file).name}", Given()

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
        return onnx_files(options["file"])

    def about(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Its inputs, outputs and metadata, as another process sees them: one that has imported onnxruntime should not fork, since that has
        threads. Raises MirbenchError for a file that cannot be loaded."""
        file = self.there(options)
        code, out, why = _described(str(file), file.stat().st_mtime_ns)
        if code == 3:
            raise MirbenchError(f"{self.model} needs onnxruntime; pip install 'mirbench-audio[onnx]'.")
        if code and (gone := [path.name for path in onnx_files(file) if not path.is_file()]):
            raise MirbenchError(f"{self.model} has weights in {', '.join(gone)}, not there; put that beside it.")
        if code:
            raise MirbenchError(f"{self.model} cannot be loaded ({why}); give a model in ONNX.")
        described: dict[str, Any] = json.loads(out)
        return described

    def in_file(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """What mirbench export wrote into the metadata, and the rate that others write there."""
        metadata = self.about(options)["metadata"]
        told = self.told(metadata[FACTS]) if FACTS in metadata else {}
        for key in RATES:
            if text := metadata.get(key, "").strip():
                if not text.isascii() or not text.isdecimal() or not int(text):
                    raise MirbenchError(
                        f"{self.model} says in its metadata {key}={printable(text):.60}, which is no rate in Hz; write a whole number."
                    )
                if (other := told.setdefault("sample_rate", int(text))) != int(text):
                    raise MirbenchError(
                        f"{self.model} says in its metadata {key}={int(text)}, and elsewhere in them {other} Hz; correct what is wrong."
                    )
        return told

    def missing(self, options: Mapping[str, Any]) -> str:
        """Why audio cannot be given to it."""
        try:
            self._check_input(options)
        except MirbenchError as error:
            return str(error)
        return ""

    def _check_input(self, options: Mapping[str, Any]) -> None:
        about = self.about(options)
        shapes, kinds = dict(about["inputs"]), about["kinds"]
        shape: list[Any] = next(iter(shapes.values()), [])
        channels = shape[1] if len(shape) == 3 else 1
        fits = len(shapes) == 1 and len(shape) in (2, 3) and (channels in (1, None) or isinstance(channels, str))
        if fits and set(kinds.values()) <= KINDS.keys():
            return
        inputs = ", ".join(f"{name} {shape} {kinds[name]}" for name, shape in shapes.items()) or "nothing"
        should = f"{self.model} takes {inputs}, and should take (batch, samples) or (batch, 1, samples) of floats"
        if fits:
            raise MirbenchError(
                f"{should}; export it with a cast in it, whose input is float32 in [-1, 1], such as (audio * 32768).to(torch.int16) for "
                "whole numbers of 16 bits."
            )
        raise MirbenchError(f"{should}; export it with audio as its one input.")

    def check(self, options: Mapping[str, Any]) -> None:
        self._check_input(options)
        known = dict(self.about(options)["outputs"])
        if lost := [name for name in _names(options) if name not in known]:
            raise MirbenchError(f"{self.model} has no output '{lost[0]}'; it has {', '.join(known)}.")
        super().check(options)

    def facts(self, options: Mapping[str, Any]) -> ModelFacts:
        """A shape that is fixed says how long a window is, at the rate that is known."""
        about, told = self.about(options), self.in_file(options)
        outputs = dict(about["outputs"])
        names = [name for name in _names(options) if name in outputs] or list(outputs)
        dims = [outputs[name][-1] for name in names if outputs[name] and isinstance(outputs[name][-1], int)]
        shapes = [shape for _, shape in about["inputs"] if shape]
        samples, rate = shapes[0][-1] if shapes else None, options["sample_rate"] or told.get("sample_rate")
        samples = samples if isinstance(samples, int) else None
        seconds = samples / rate if samples and rate else None
        fixed = {"window_seconds": seconds, "shortest_seconds": seconds} if seconds else {}
        found: dict[str, Any] = {"layers": len(names) if len(names) > 1 else None, "names": names, "samples": samples}
        found |= {"dims": dims if len(dims) == len(names) else ()}
        return ModelFacts(**{**found, **fixed, **told})

    def count_parameters(self, options: Mapping[str, Any]) -> int | None:
        return count_initialisers(options["file"])

    def frames(self, options: Mapping[str, Any], device: str) -> Callable[[Any], Any]:
        about, names, file = self.about(options), _names(options) or None, str(self.there(options))
        ((given, shape),) = about["inputs"]
        kind = KINDS[about["kinds"][given]]
        fixed = shape[0] if isinstance(shape[0], int) else None
        sessions: list[Any] = []  # once there is audio

        def frames(audio: Any) -> Any:
            import numpy as np

            sessions[:] = sessions or [_session(file, device)]
            batch = np.asarray(audio if len(shape) == 2 else audio[:, None], kind)
            if fixed is None:
                return sessions[0].run(names, {given: batch})
            parts = [np.resize(batch[i : i + fixed], (fixed, *batch.shape[1:])) for i in range(0, len(batch), fixed)]
            runs = [[self.checked(each, fixed) for each in sessions[0].run(names, {given: part})] for part in parts]
            return [np.concatenate(each)[: len(batch)] for each in zip(*runs, strict=True)]

        return frames


@functools.lru_cache(maxsize=32)
def _described(file: str, changed: int) -> tuple[int, str, str]:
    """Exit code, output, and the last line that a process says that describes a file. changed: when it was."""
    asked = subprocess.run([sys.executable, "-c", DESCRIBE, file], capture_output=True, text=True, check=False)
    return asked.returncode, asked.stdout, (asked.stderr.strip().splitlines()[-1:] or ["it ended the process"])[0]


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
