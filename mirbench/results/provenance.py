"""What a manifest says of where numbers came from: versions, commit, machine."""

from __future__ import annotations

import hashlib
import importlib
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from mirbench import __version__

PACKAGES = (
    "torch",
    "torchaudio",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "librosa",
    "soundfile",
    "av",
    "soxr",
    "safetensors",
    "lightning-fabric",
    "audiomentations",
    "pluggy",
    "matplotlib",
)
SHARED_MODULES = ("notation.py", "nouns.py", "seeded.py", "settings/typed.py")  # what every room is built on
MOVES_NUMBERS = ("torch", "torchaudio", "numpy", "scipy", "librosa", "soxr", "soundfile", "av", "lightning-fabric")


def versions() -> dict[str, str]:
    """mirbench, Python, and the packages that move numbers, without importing them."""
    return {"mirbench": __version__, "python": platform.python_version(), **versions_of(PACKAGES)}


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """`missing` for one that is not installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def moving_versions() -> dict[str, str]:
    """The versions of the packages that can move a number."""
    return versions_of(MOVES_NUMBERS)


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


def room_digest(*rooms: str) -> str:
    """A hash of the source of these rooms of mirbench, with what they are built on: a changed room retires what it made."""
    own = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for room in rooms:
        folders = [own / room]
        if room == "pretraining":
            folders += [Path(importlib.import_module(f"mirbench_plugins.{kind}").__path__[0]) for kind in ("backbones", "supervisions")]
        for path in [*(own / name for name in SHARED_MODULES), *(path for folder in folders for path in sorted(folder.rglob("*.py")))]:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
