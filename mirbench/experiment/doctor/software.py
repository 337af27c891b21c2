"""Python, torch and its sister, devices, codecs, extras and plugins."""

from __future__ import annotations

import importlib
import io
import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from mirbench.engine.machine import native_bfloat16, processor
from mirbench.errors import describe
from mirbench.experiment.doctor.checks import ERROR, NOTE, OK, WARNING, Check
from mirbench.registry import Registry

OLDEST, TOO_NEW = (3, 11), (3, 14)  # Python
PAIR = "pip install 'torch>=2.11,<2.12' 'torchaudio>=2.11,<2.12'"
CODECS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
EXTRAS = {
    "formats": ("av", "pyarrow"),
    "hf": ("transformers", "huggingface-hub"),
    "muq": ("muq",),
    "onnx": ("onnxruntime", "onnx"),
    "umap": ("umap-learn",),
    "mirdata": ("mirdata",),
    "tensorboard": ("tensorboard",),
    "models": ("torchcrepe", "onnxruntime"),
    "cluster": ("submitit",),
}
FOR = {
    "formats": "audio such as m4a, manifests in Parquet",
    "hf": "models of the hub",
    "muq": "the encoder muq-large",
    "onnx": "models in ONNX",
    "umap": "maps by UMAP",
    "mirdata": "data sets by mirdata",
    "tensorboard": "events of pretraining",
    "models": "crepe and other encoders with their weights",
    "cluster": "--executor slurm",
}


def software(registry: Registry) -> Iterator[Check]:
    yield _python()
    yield _pair()
    yield from _devices()
    yield _codecs()
    yield from _extras()
    yield from _plugins(registry)


def _python() -> Check:
    version = platform.python_version()
    words = f"{version}, {platform.system()} {platform.machine()}, {processor()}"
    if OLDEST <= sys.version_info[:2] < TOO_NEW:
        return Check("software", "python", OK, words)
    need = f"{'.'.join(map(str, OLDEST))} to {TOO_NEW[0]}.{TOO_NEW[1] - 1}"
    return Check("software", "python", ERROR, f"{words}; mirbench is for {need}", "python3.12 -m venv .venv, and install mirbench there")


def _pair() -> Check:
    """torch and torchaudio are of one release, and can be imported."""
    versions = {name: _version(name) for name in ("torch", "torchaudio")}
    words = ", ".join(f"{name} {version or 'is missing'}" for name, version in versions.items())
    releases = {version.split("+")[0].rpartition(".")[0] for version in versions.values()}
    if not all(versions.values()) or len(releases) > 1:
        return Check("software", "torch", ERROR, f"{words}: they have to be of the same release", PAIR)
    for name in versions:
        try:
            importlib.import_module(name)
        except Exception as error:
            return Check("software", "torch", ERROR, f"{words}: {name} cannot be imported ({describe(error)})", PAIR)
    return Check("software", "torch", OK, words)


def _devices() -> Iterator[Check]:
    if native_bfloat16():
        yield Check("software", "bfloat16", OK, "the processor multiplies in bfloat16, in which training takes about half the time")
    else:
        yield Check("software", "bfloat16", NOTE, "the processor does not multiply in bfloat16; training is in float32, and takes longer")
    try:
        import torch

        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
        built = torch.version.cuda
    except Exception as error:
        yield Check("software", "devices", WARNING, f"what devices there are cannot be told ({describe(error)})", PAIR)
        return
    if names:
        yield Check("software", "devices", OK, f"cpu, {', '.join(f'cuda:{number} ({name})' for number, name in enumerate(names))}")
    else:
        why = "no GPU is there, or its driver is not" if built else "torch was built without CUDA"
        yield Check("software", "devices", NOTE, f"cpu alone: {why}")


def _codecs() -> Check:
    """Whether a moment of each format can be written and read again."""
    try:
        import numpy as np
        import soundfile
    except Exception as error:
        return Check(
            "software", "codecs", ERROR, f"soundfile cannot be imported ({describe(error)})", "pip install --force-reinstall soundfile"
        )
    bad = []
    for name, (container, subtype) in CODECS.items():
        file = io.BytesIO()
        try:
            soundfile.write(file, np.zeros(48_000, np.float32), 48_000, format=container, subtype=subtype)
            file.seek(0)
            soundfile.read(file)
        except Exception:
            bad.append(name)
    words = f"libsndfile {soundfile.__libsndfile_version__} reads {', '.join(name for name in CODECS if name not in bad)}"
    if bad:
        return Check(
            "software", "codecs", WARNING, f"{words}, but not {', '.join(bad)}", "pip install --upgrade --force-reinstall soundfile"
        )
    return Check("software", "codecs", OK, f"{words}; m4a and more by ffmpeg" if _version("av") else words)


def _extras() -> Iterator[Check]:
    there = [name for name, packages in EXTRAS.items() if all(map(_version, packages))]
    yield Check("software", "extras", OK, f"installed: {', '.join(there) or 'none'}")
    if missing := [name for name in EXTRAS if name not in there]:
        words = f"not installed: {'; '.join(f'{name} ({FOR[name]})' for name in missing)}"
        yield Check("software", "more extras", NOTE, words, f"pip install 'mirbench-audio[{','.join(missing)}]'")


def _plugins(registry: Registry) -> Iterator[Check]:
    doors = [plugin.door for plugin in registry.plugins]
    yield Check("software", "plugins", OK, f"{doors.count('built in')} built in, {len(doors) - doors.count('built in')} of others")
    for failure in registry.failures:
        mend = f"mirbench list plugins {failure.name}   (shows where; mend it, or uninstall what provides it)"
        yield Check("software", f"plugin {failure.name}", ERROR, f"of {failure.provider}, failed to load: {failure.reason}", mend)


def _version(package: str) -> str:
    """Nothing where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
