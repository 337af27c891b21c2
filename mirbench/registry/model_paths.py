"""The path of a model where a name is expected."""

from __future__ import annotations

from pathlib import Path

from mirbench.errors import MirbenchError, printable

SCHEMES = {".onnx": "onnx", ".pt": "torchscript", ".ts": "torchscript", ".jit": "torchscript", ".torchscript": "torchscript"}
CONFIG = "config.json"  # of a folder that save_pretrained wrote


def scheme_of(given: str) -> str:
    """The scheme of the address that somebody means who gives the path of a model, there or not; nothing where it looks like none.

    >>> scheme_of("models/net.onnx"), scheme_of("NET.PT"), scheme_of("semisupcon"), scheme_of("onnx:net.onnx")
    ('onnx', 'torchscript', '', '')
    """
    path = Path(given).expanduser()
    if ":" in given or len(given) > 1000:
        return ""
    return SCHEMES.get(path.suffix.lower(), "") or ("hf" if (path / CONFIG).is_file() else "")


def no_name(given: str) -> MirbenchError | None:
    """The error for the path of a model that is given as a name; None where it looks like none."""
    if not (scheme := scheme_of(given)):
        return None
    return MirbenchError(f"'{printable(given)}' is the path of a model, no name; write its address, {scheme}:{printable(given)}.")
