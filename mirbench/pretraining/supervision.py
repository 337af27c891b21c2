"""From the labels of the clips in a batch to how positive each pair of views is.

A `LabelTable` holds the labels of all clips, as one or several signals read them, and gives the target matrix of a batch. A
clip that lacks the annotation, or whose labels may not be used, is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mirbench.errors import MirbenchError, in_words
from mirbench.pretraining.signals import Signal
from mirbench.records import Clip

ROUNDING = 1e-5  # how far outside [0, 1] a similarity may be for the order of a summation


def label_targets(view_to_clip: Tensor, labels: Tensor, labelled: Tensor, *, threshold: int = 1, weighted: bool = False) -> Tensor:
    """The target matrix of the semi-supervised loss for multi-label tags (Guinot et al. 2024).

    view_to_clip: (views,) int, the clip that each view is of. labels: (clips, classes) 0 or 1. labelled: (clips,) bool; the
    labels of a clip that is not labelled are unknown and never read. threshold: two labelled clips are positive where they
    share at least so many labels. weighted: instead, by Dice, 2 |a & b| / (|a| + |b|), 0 where both are empty.
    Returns (views, views) float32 in [0, 1], symmetric: 1 between views of one clip, labels' value between labelled clips,
    0 elsewhere; the diagonal is 1 and of no account to the loss.
    Raises ValueError where shapes disagree, a view names no clip, or threshold is below 1 or given together with weighted.

    >>> clips, tags = torch.tensor([0, 0, 1, 2]), torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]])
    >>> label_targets(clips, tags, torch.tensor([True, True, False]), weighted=True)[0]
    tensor([1.0000, 1.0000, 0.6667, 0.0000])
    """
    if view_to_clip.ndim != 1 or labels.ndim != 2 or labelled.shape != (len(labels),):
        raise ValueError(
            "view_to_clip must be (views,), labels (clips, classes), labelled (clips,), not "
            f"{tuple(view_to_clip.shape)}, {tuple(labels.shape)}, {tuple(labelled.shape)}"
        )
    _check_rows("view_to_clip", view_to_clip, len(labels))
    if threshold < 1 or (weighted and threshold != 1):
        raise ValueError(f"threshold must be at least 1, and is for threshold mode only; it is {threshold}")
    known = labelled.to(torch.bool)
    one_hot = torch.where(known[:, None], labels, torch.zeros_like(labels)).to(torch.float32)
    if bool(((one_hot != 0) & (one_hot != 1)).any()):
        raise ValueError("labels must be 0 or 1")
    shared = one_hot @ one_hot.T
    if weighted:
        count = one_hot.sum(dim=1)
        total = count[:, None] + count[None, :]
        by_label = 2 * shared / total.clamp(min=1)
    else:
        by_label = (shared >= threshold).to(torch.float32)
    by_label = by_label * (known[:, None] & known[None, :])
    return by_label.fill_diagonal_(1.0)[view_to_clip][:, view_to_clip]


@dataclass(frozen=True)
class PairTargets:
    """What is said of each pair of views in a batch.

    targets: (views, views) float32 in [0, 1], symmetric, how positive each pair is; the diagonal is 1. known: (views, views) bool,
    symmetric: own views, and pairs of which some signal tells. told: (views,) bool, views of clips of which some signal tells.
    """

    targets: Tensor
    known: Tensor
    told: Tensor


def denominator(pairs: PairTargets) -> Tensor:
    """Which pairs stand in the denominator of the loss where what is unknown is left out, (views, views) bool, a row for each anchor.

    An anchor of which some signal tells is set against views that are known to be like or unlike it; any other against all.
    """
    return pairs.known | ~pairs.told[:, None]


class LabelTable:
    """The labels of all clips, read once.

    labels: for each signal, the label of each clip, as its supervision reads it, None where the clip lacks the annotation. unjudged: the
    names that nobody has judged for it. known: (signals, clips) bool, which are there.
    Raises MirbenchError that names clip and annotation for a value that cannot be read.

    >>> from pathlib import Path
    >>> from mirbench.pretraining.signals import read_signals
    >>> clips = [Clip(str(i), Path("x"), "train", str(i), annotations={"key": key}) for i, key in enumerate(["C", "G", "Am"])]
    >>> table, batch = LabelTable(clips, read_signals("key-distance")), torch.arange(3)
    >>> table.targets(batch, torch.tensor([True, True, False]), batch).targets
    tensor([[1.0000, 0.5000, 0.0000],
            [0.5000, 1.0000, 0.0000],
            [0.0000, 0.0000, 1.0000]])
    """

    def __init__(self, clips: Sequence[Clip], signals: Sequence[Signal]) -> None:
        self.signals = tuple(signals)
        self.labels = [[_label(clip, signal) for clip in clips] for signal in signals]
        self.unjudged = [[tuple(clip.annotations.get(f"{s.annotation}_unknown", ())) for clip in clips] for s in signals]
        told = [[label is not None for label in labels] for labels in self.labels]
        self.known = torch.tensor(told, dtype=torch.bool).reshape(len(self.signals), len(clips))
        self.encoded = [_encoded(signal, labels) for signal, labels in zip(self.signals, self.labels, strict=True)]

    def names(self, clip: int) -> tuple[str, ...]:
        """The label names of a clip, for label budgets and manifests: `reel`, or `genre=reel` where there are several signals; of a
        regression target only that it is there. None for a clip without labels."""
        label_names: list[str] = []
        for signal, labels in zip(self.signals, self.labels, strict=True):
            label = labels[clip]
            if label is None:
                continue
            if signal.supervision.target == "regression":
                label_names.append(signal.annotation)
                continue
            names = label if signal.supervision.target == "multilabel" else [label]
            label_names += [name if len(self.signals) == 1 else f"{signal.annotation}={name}" for name in names]
        return tuple(dict.fromkeys(label_names))

    def targets(self, clips: Tensor, labelled: Tensor, view_to_clip: Tensor) -> PairTargets:
        """What the labels say of a batch.

        clips: (n,) int, rows of the table, the clips of the batch. labelled: (n,) bool, whose labels may be used; those of the others are
        never read. view_to_clip: (views,) int, rows of `clips`. A pair of clips gets the mean of what the signals say that both clips
        carry, weighted; views of one clip 1; a pair of which no signal tells 0. A clip that was drawn twice is two clips, alike only as
        its labels say, as in the authors' code.
        Raises ValueError where shapes disagree or a row is none; MirbenchError where a supervision does not keep to its contract.
        """
        if clips.ndim != 1 or labelled.shape != clips.shape or view_to_clip.ndim != 1:
            raise ValueError(
                "clips and labelled must be (n,) and view_to_clip (views,), not "
                f"{tuple(clips.shape)}, {tuple(labelled.shape)}, {tuple(view_to_clip.shape)}"
            )
        _check_rows("clips", clips, self.known.shape[1])
        _check_rows("view_to_clip", view_to_clip, len(clips))
        n = len(clips)
        total, weight = torch.zeros(n, n), torch.zeros(n, n)
        usable = self.known[:, clips] & labelled.to(torch.bool)
        for signal, encoded, here in zip(self.signals, self.encoded, usable, strict=True):
            rows = here.nonzero().flatten()
            if len(rows):
                pair = (rows[:, None], rows[None, :])
                total[pair] += signal.weight * _similarity(signal, encoded[clips[rows]])
                weight[pair] += signal.weight
        known = (weight > 0).fill_diagonal_(True)
        alike = torch.where(weight > 0, total / weight.clamp_min(1e-30), total).clamp_(max=1).fill_diagonal_(1.0)
        views = view_to_clip
        return PairTargets(alike[views][:, views], known[views][:, views], usable.any(dim=0)[views])


def _check_rows(what: str, rows: Tensor, count: int) -> None:
    if len(rows) and not (int(rows.min()) >= 0 and int(rows.max()) < count):
        raise ValueError(f"{what} must lie in 0 to {count - 1}")


def _label(clip: Clip, signal: Signal) -> Any:
    value = clip.annotations.get(signal.annotation)
    if value is None or value == "" or value == () or value == [] or (isinstance(value, float) and math.isnan(value)):
        return None  # a clip without tags has unknown tags
    what = f"clip '{clip.id}': its annotation '{signal.annotation}'"
    try:
        return signal.supervision.label(value)
    except MirbenchError as error:
        raise MirbenchError(f"{what} cannot be used: {error}") from error
    except (TypeError, ValueError) as error:
        remedy = "correct it, or choose another supervision"
        raise MirbenchError(f"{what} is {in_words(value)}, which supervision '{signal.supervision.name}' cannot read; {remedy}.") from error


def _encoded(signal: Signal, labels: Sequence[Any]) -> Tensor:
    """(clips, features) float32, zeros where there is no label."""
    labelled = [i for i, label in enumerate(labels) if label is not None]
    if not labelled:
        return torch.zeros(len(labels), 1)
    what = f"supervision '{signal.supervision.name}' of the annotation '{signal.annotation}'"
    try:
        rows = signal.supervision.encode([labels[i] for i in labelled], signal.options)
    except MirbenchError as error:
        raise MirbenchError(f"{what}: {error}") from error
    if not isinstance(rows, Tensor) or rows.ndim != 2 or len(rows) != len(labelled):
        raise MirbenchError(f"{what}: encode should return a tensor (clips, features) with {len(labelled)} rows; correct the supervision.")
    encoded = torch.zeros(len(labels), rows.shape[1])
    encoded[labelled] = rows.float()
    return encoded


def _similarity(signal: Signal, encoded: Tensor) -> Tensor:
    alike = signal.supervision.similarity(encoded, signal.options)
    n = len(encoded)
    if alike.shape != (n, n) or not bool(((alike >= -ROUNDING) & (alike <= 1 + ROUNDING)).all()):
        raise MirbenchError(
            f"supervision '{signal.supervision.name}': similarity should return ({n}, {n}) values from 0 to 1 for {n} clips; correct it, "
            "with mirbench.testing.check_supervision to help."
        )
    return alike.float().clamp(0, 1)
