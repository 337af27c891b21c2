"""`mini`: real pieces played by recorded instruments, rendered on this machine from 10 MB that ship with the package.

Four tasks: tagging, genre and key on 8 s of music, pitch on 2 s single notes. What is played comes from real scores, the sounds from
one-note recordings (data/PROVENANCE.md); what is known of a clip is known by construction. No work and, for pitch, no instrument is in two
splits of any task. Clips of the pool (split `pretrain`), 6 s of music without labels, come from training works and instruments.
`mini-large` is the same with a larger pool, `mini-shifted` its test clips played by other instruments in other rooms.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import mirbench

from .sizes import FULL, LARGE, QUICK, Size

if TYPE_CHECKING:
    from .plan import Plan
    from .sampler import Player

DATA = Path(__file__).parent / "data"
DONE = "done-"  # what a rendering that is not finished has made, part by part


@functools.cache
def _source_digest() -> str:
    """What the audio depends on: this package's code and data."""
    files = sorted([*Path(__file__).parent.glob("*.py"), *DATA.glob("**/*.ogg"), DATA / "notes.json", DATA / "pieces.npz"])
    return hashlib.sha256(b"".join(f.name.encode() + f.read_bytes() for f in files if not f.name.startswith("gather"))).hexdigest()[:16]


def _write(items: list[Plan], folder: Path, seed: int, player: Player) -> list[mirbench.Clip]:
    """Renders clips to FLAC, whose container carries no time stamp, or takes what an earlier, killed rendering made of them."""
    import soundfile

    from .plan import render
    from .sampler import SAMPLE_RATE

    listed, sums = (folder / f"{DONE}{items[0].id}.{ending}" for ending in ("csv", "sums"))
    if sums.is_file() and sums.read_text() == _sums(items, folder, listed):
        return mirbench.read_manifest(listed)
    clips = []
    for item in items:
        audio, annotations = render(item, seed, player)
        path = folder / "audio" / f"{item.id}.flac"
        encoded = io.BytesIO()  # soundfile syncs a file that it writes itself, which costs a fifth of the time
        soundfile.write(encoded, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16", compression_level=0.0)
        path.write_bytes(encoded.getvalue())
        clips.append(mirbench.Clip(item.id, path, item.split, item.group, duration=item.seconds, annotations=annotations))
    mirbench.write_manifest(listed, clips)
    part = sums.with_suffix(".part")
    part.write_text(_sums(items, folder, listed))
    os.replace(part, sums)
    return clips


def _sums(items: list[Plan], folder: Path, listed: Path) -> str:
    """Of the files of a part of the clips, "" where one is missing."""
    files = [listed, *(folder / "audio" / f"{item.id}.flac" for item in items)]
    if not all(file.is_file() for file in files):
        return ""
    return "\n".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()} {file.name}" for file in files)


class Mini(mirbench.Dataset):
    """The embedded data set in one of its sizes."""

    home = "shipped with mirbench"
    version = "2"
    made = True
    resumes = True
    licence = "notes MIT (FluidR3_GM), scores in the public domain, Freedoom tracks BSD-3-Clause; see data/PROVENANCE.md"
    annotations = ("genre", "key", "pitch", "tags")
    seed = 0

    def __init__(self, name: str, description: str, size: Size, workers: int | None = None) -> None:
        self.name, self.description, self.size, self.workers = name, description, size, workers

    def identity(self) -> str:
        return f"{self.name} {self.size} seed {self.seed} {_source_digest()}"

    def plan(self) -> list[Plan]:
        from .plan import plan

        return plan(self.size, self.seed)

    def player(self) -> Player:
        from .sampler import USUAL

        return USUAL

    def cost(self) -> tuple[float, float]:
        seconds = sum(seconds for _, seconds in self.sizes().values())
        return seconds / 1000, seconds * 0.022

    def sizes(self) -> dict[str, tuple[int, float]]:
        lengths: dict[str, list[float]] = {}
        for item in self.plan():
            lengths.setdefault(item.split, []).append(item.seconds)
        return {split: (len(seconds), sum(seconds)) for split, seconds in lengths.items()}

    def prepare(self, folder: Path) -> None:
        (folder / "audio").mkdir(parents=True, exist_ok=True)
        items = self.plan()
        workers = self.workers or min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
        parts = [items[i : i + 40] for i in range(0, len(items), 40)]
        clips: list[mirbench.Clip] = []
        with mirbench.progress_bar(total=len(items), desc=f"rendering {self.name}", unit="clip") as bar:
            write = functools.partial(_write, folder=folder, seed=self.seed, player=self.player())
            for done in mirbench.map_in_workers(write, parts, workers, lambda part: f"{self.name}, clips {part[0].id} to {part[-1].id}"):
                clips += done
                bar.update(len(done))
        mirbench.write_manifest(folder / "manifest.csv", clips)
        for path in folder.glob(f"{DONE}*"):
            path.unlink()

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        return mirbench.read_manifest(folder / "manifest.csv")


class Shifted(Mini):
    """The test clips, with the same notes and labels, played by other instruments in other rooms."""

    licence = (
        "notes CC BY 3.0 (tonejs-instruments) and MIT (MuseScore_General), scores in the public domain, Freedoom tracks BSD-3-Clause; "
        "see data/PROVENANCE.md"
    )

    shift_of = ("mini", "mini-large")  # which have the same test clips

    def plan(self) -> list[Plan]:
        return [item for item in super().plan() if item.split == "test"]

    def player(self) -> Player:
        from .sampler import OTHER

        return OTHER


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [
        Mini("mini", "real pieces on sampled instruments: tagging, genre, key, pitch; rendered in a minute", FULL),
        Mini("mini-large", "mini with six times the music without labels, for evidence; rendered in some minutes", LARGE),
        Shifted("mini-shifted", "the test clips of mini played by other instruments in other rooms", FULL),
        Mini("mini-quick", "a small mini for a first look and for tests; its scores are not for publishing", QUICK),
    ]
