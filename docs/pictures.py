"""Draws the pictures of method.md with the functions that train: `python docs/pictures.py` writes docs/pictures/*.png."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mirbench_plugins.supervisions.key_distance import KeyDistance
from mirbench_plugins.supervisions.pitch_distance import PitchDistance
from mirbench_plugins.supervisions.same_class import SameClass

import mirbench
from mirbench.nouns import Supervision

HERE = Path(__file__).parent / "pictures"
CLIPS = ("A: rock, guitar", "B: rock, drums", "C: rock, guitar, slow", "D: no labels")
TAGS = torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 0, 0]])  # rock, guitar, drums, slow
LABELLED = torch.tensor([True, True, True, False])
VIEWS = torch.arange(4).repeat_interleave(2)
OTHER_LABELS: tuple[tuple[str, Supervision, tuple[str, ...]], ...] = (
    ("same class: genre", SameClass(), ("jazz", "jazz", "rock", "folk", "rock")),
    ("key distance", KeyDistance(), ("C major", "G major", "A minor", "C minor", "F# major")),
    ("pitch distance", PitchDistance(), ("60", "60", "72", "64", "48")),
)


def targets() -> Figure:
    """One batch of four clips with two views each, as four ways of reading its labels see it."""
    found = {
        "own views alone: simclr, b_s = 0": mirbench.label_targets(VIEWS, TAGS, torch.zeros(4, dtype=torch.bool)),
        "at least one tag in common": mirbench.label_targets(VIEWS, TAGS, LABELLED),
        "at least two tags in common": mirbench.label_targets(VIEWS, TAGS, LABELLED, threshold=2),
        "by degrees: Dice": mirbench.label_targets(VIEWS, TAGS, LABELLED, weighted=True),
    }
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.9), layout="constrained")
    for axis, (title, matrix) in zip(axes, found.items(), strict=True):
        _matrix(axis, matrix, title, CLIPS if axis is axes[0] else tuple(name[0] for name in CLIPS), tuple(name[0] for name in CLIPS))
    return figure


def supervisions() -> Figure:
    """How alike five clips are by labels of other kinds, one view of each."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for axis, (title, supervision, labels) in zip(axes, OTHER_LABELS, strict=True):
        encoded = supervision.encode([supervision.label(label) for label in labels], supervision.options)
        _matrix(axis, supervision.similarity(encoded, supervision.options), title, labels, labels)
        axis.tick_params(axis="x", rotation=30)
    return figure


def _matrix(axis: Axes, matrix: torch.Tensor, title: str, rows: tuple[str, ...], columns: tuple[str, ...]) -> None:
    """Targets of pairs without the diagonal, which is of no account to the loss. rows, columns: names of clips, each of so many views."""
    views = len(matrix) // len(rows)
    axis.imshow(matrix.float().fill_diagonal_(float("nan")), vmin=0, vmax=1, cmap="Blues")
    for row in range(len(matrix)):
        for column in range(len(matrix)):
            value = float(matrix[row, column])
            if row != column and value:
                colour = "white" if value > 0.6 else "black"
                axis.text(column, row, f"{value:.2g}".removeprefix("0"), ha="center", va="center", fontsize=7, color=colour)
    middles = [(views - 1) / 2 + views * clip for clip in range(len(rows))]
    axis.set_xticks(middles, columns)
    axis.set_yticks(middles, rows)
    edges = [views * clip - 0.5 for clip in range(1, len(rows))]
    axis.set_xticks(edges, minor=True)
    axis.set_yticks(edges, minor=True)
    axis.grid(which="minor", color="0.6", linewidth=0.8)
    axis.tick_params(which="both", length=0)
    axis.set_title(title, fontsize=9)


PICTURES = {"targets": targets, "supervisions": supervisions}

if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    with plt.rc_context({"font.size": 9, "figure.dpi": 150}):
        for name, draw in PICTURES.items():
            draw().savefig(HERE / f"{name}.png", metadata={"Software": None})
