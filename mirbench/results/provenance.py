"""What a manifest says of where numbers came from: versions, commit, machine."""

from __future__ import annotations

import functools
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from mirbench import __version__

MISSING = "missing"
PACKAGES = (
    "torch", "torchaudio", "numpy", "scipy", "scikit-learn", "pandas", "librosa", "soundfile", "av", "soxr", "safetensors",
    "lightning-fabric", "audiomentations", "pluggy", "matplotlib",
)  # fmt: skip
OF_MODELS = ("onnxruntime", "transformers")  # by which models of others are run


def versions() -> dict[str, str]:
    """mirbench, Python, and the packages that move numbers, without importing them; of those that run models of others what is there."""
    of_models = {name: version for name, version in versions_of(OF_MODELS).items() if version != MISSING}
    return {"mirbench": __version__, "python": platform.python_version(), **versions_of(PACKAGES), **of_models}


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """`missing` for one that is not installed."""
    return {name: _version(name) for name in packages}


@functools.cache  # a dozen parts of a plan ask for the same ones
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return MISSING


def git_commit() -> str | None:
    """The commit of the checkout that mirbench runs from, with -dirty where files differ; None outside a checkout."""
    root = Path(__file__).resolve().parent.parent.parent
    if not (root / ".git").exists():
        return None
    try:

        def git(*words: str) -> str:
            return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True).stdout.strip()

        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None
