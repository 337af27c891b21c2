"""What an encoder is trained on: a head on the embedding and the loss of a batch. Heads are thrown away after training.

An objective has `truth(batch, rank, world)`, what the labels of a batch ask for as a mapping of tensors, made beside the views in the
data workers, and `forward(embeddings, truth)`, the loss. batch: of all ranks, in rank order; embeddings: of this rank's views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from mirbench.pretraining.losses import gather_views, semisupcon_loss
from mirbench.pretraining.supervision import LabelTable, denominator
from mirbench.pretraining.views.sampling import Batch

Truth = dict[str, Tensor]


class TruthOf(Protocol):
    """What the labels of a batch ask for. Needs no network, so that a data worker can make it."""

    def __call__(self, batch: Batch, rank: int, world: int) -> Truth: ...


class Contrastive(nn.Module):
    """The projection head of the paper, Linear(dim, 512), ReLU, Linear(512, 128) without biases, and the semi-supervised loss.

    norm: a batch norm behind the first layer, which keeps the light backbone's wide embedding from needing the paper's 200,000 steps.
    """

    def __init__(self, dim: int, *, temperature: float, epsilon: float, norm: bool) -> None:
        super().__init__()
        self.temperature, self.epsilon = temperature, epsilon
        between = [nn.BatchNorm1d(512), nn.ReLU()] if norm else [nn.ReLU()]
        self.head = nn.Sequential(nn.Linear(dim, 512, bias=False), *between, nn.Linear(512, 128, bias=False))

    def forward(self, embeddings: Tensor, truth: Mapping[str, Tensor]) -> Tensor:
        projections = gather_views(self.head(embeddings))
        return semisupcon_loss(
            projections, truth["targets"], temperature=self.temperature, epsilon=self.epsilon, in_denominator=truth.get("in_denominator")
        )


class PairTruth:
    """How positive each pair of views is, and which pairs stand in the denominator. label_weight: what labels say is multiplied by it,
    above 0 and at most 1; two views of one clip have 1."""

    def __init__(self, table: LabelTable, unlabelled_in_denominator: bool, label_weight: float = 1.0) -> None:
        self.table, self.unlabelled_in_denominator, self.label_weight = table, unlabelled_in_denominator, label_weight

    def __call__(self, batch: Batch, rank: int, world: int) -> Truth:
        pairs, clip = self.table.targets(batch.clips, batch.labelled, batch.view_to_clip), batch.view_to_clip
        targets = pairs.targets
        if self.label_weight != 1:
            targets = torch.where(clip[:, None] == clip[None, :], targets, self.label_weight * targets)
        if self.unlabelled_in_denominator:
            return {"targets": targets}
        return {"targets": targets, "in_denominator": denominator(pairs)}


@dataclass(frozen=True)
class Head:
    """What is predicted of one signal's labels, fixed by the labels that may be used.

    target: multilabel, multiclass or regression. classes: their names in sorted order, none for regression, whose numbers are
    standardised by mean and spread, (numbers,) each.
    """

    target: str
    weight: float
    classes: tuple[str, ...] = ()
    mean: Tensor | None = None
    spread: Tensor | None = None

    @property
    def width(self) -> int:
        """A class each, or the numbers of a regression target."""
        return len(self.classes) if self.mean is None else len(self.mean)


def heads_of(table: LabelTable, budget: Sequence[int]) -> list[Head]:
    """A head for each signal, from the clips whose labels may be used, each signal known of one of them at least."""
    heads = []
    for signal, labels in zip(table.signals, table.labels, strict=True):
        target, known = signal.supervision.target, [label for i in budget if (label := labels[i]) is not None]
        if target == "regression":
            numbers = torch.stack([_numbers(label) for label in known])
            spread = numbers.std(0, correction=0).clamp_min(1e-6)
            heads.append(Head(target, signal.weight, mean=numbers.mean(0), spread=spread))
        else:
            names = {name for label in known for name in (label if target == "multilabel" else [label])}
            heads.append(Head(target, signal.weight, tuple(sorted(names))))
    return heads


class Prediction(nn.Module):
    """A linear layer a head, and the loss of the labels it predicts: end-to-end supervised training.

    Binary cross-entropy for multilabel signals (mean over the classes that somebody has judged), cross-entropy for multiclass, squared
    error for regression, each a mean over the views whose clip tells the label; several are added by their weights.
    """

    def __init__(self, dim: int, heads: Sequence[Head]) -> None:
        super().__init__()
        self.targets, self.weights = tuple(head.target for head in heads), tuple(head.weight for head in heads)
        self.layers = nn.ModuleList(nn.Linear(dim, head.width) for head in heads)

    def forward(self, embeddings: Tensor, truth: Mapping[str, Tensor]) -> Tensor:
        total = embeddings.sum() * 0.0
        for k, (layer, target, weight) in enumerate(zip(self.layers, self.targets, self.weights, strict=True)):
            wanted, out = truth[f"wanted{k}"], layer(embeddings)
            if target == "multilabel":
                judged = ~wanted.isnan()
                each = functional.binary_cross_entropy_with_logits(out, wanted.nan_to_num(), reduction="none") * judged
                per_view = each.sum(dim=1) / judged.sum(dim=1).clamp_min(1)
            elif target == "multiclass":
                per_view = functional.cross_entropy(out, wanted[:, 0].long(), reduction="none")
            else:
                per_view = (out - wanted).square().mean(dim=1)
            total = total + weight * (per_view * truth[f"share{k}"]).sum()
        return total / sum(self.weights)


class LabelTruth:
    """The labels of a batch's views, head by head.

    `wanted` are 0, 1 or, where nobody has judged, nan a class, a class number, or standardised numbers; `share` is what a view counts in
    the mean over the views of all ranks that tell the label, times the number of ranks, which average.
    """

    def __init__(self, table: LabelTable, heads: Sequence[Head]) -> None:
        made = [_wanted(*each) for each in zip(table.labels, heads, table.unjudged, strict=True)]
        self.wanted, self.known = [wanted for wanted, _ in made], [known for _, known in made]

    def __call__(self, batch: Batch, rank: int, world: int) -> Truth:
        truth: Truth = {}
        views = len(batch.view_to_clip) // world
        rows = batch.clips[batch.view_to_clip]
        labelled = batch.labelled[batch.view_to_clip]
        own = slice(rank * views, (rank + 1) * views)
        for k, (wanted, of_head) in enumerate(zip(self.wanted, self.known, strict=True)):
            known = (of_head[rows] & labelled).float()
            truth[f"wanted{k}"] = wanted[rows[own]]
            truth[f"share{k}"] = known[own] * world / known.sum().clamp_min(1)
        return truth


def _numbers(label: Any) -> Tensor:
    return torch.as_tensor(label, dtype=torch.float32).reshape(-1)


def _wanted(labels: Sequence[Any], head: Head, unjudged: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
    """(clips, classes) 0, 1 or nan, (clips, 1) class numbers, or (clips, numbers) standardised, and (clips,) bool, whether they are known.

    A label that is none of the head's classes is not known.
    """
    column = {name: j for j, name in enumerate(head.classes)}
    labelled = [i for i, label in enumerate(labels) if label is not None and (head.target != "multiclass" or label in column)]
    known = torch.zeros(len(labels), dtype=torch.bool)
    known[labelled] = True
    wanted = torch.zeros(len(labels), 1 if head.target == "multiclass" else head.width)
    for i in labelled:
        if head.target == "multilabel":
            wanted[i, [column[name] for name in unjudged[i] if name in column]] = torch.nan
            wanted[i, [column[name] for name in labels[i] if name in column]] = 1
        elif head.target == "multiclass":
            wanted[i, 0] = column[labels[i]]
        elif head.mean is not None and head.spread is not None:
            wanted[i] = (_numbers(labels[i]) - head.mean) / head.spread
    return wanted, known
