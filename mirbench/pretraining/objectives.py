"""What an encoder is trained on: a head on the embedding and the loss of a batch. Heads are thrown away after training.

An objective has `truth(batch, rank, world)`, what the labels of a batch ask for as a mapping of tensors, made beside the views in the
data workers, and `forward(embeddings, truth)`, the loss. batch: of all ranks, in rank order; embeddings: of this rank's views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from mirbench.pretraining.losses import gather_views, semisupcon_loss
from mirbench.pretraining.sampling import Batch
from mirbench.pretraining.supervision import LabelTable, denominator

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
    """How positive each pair of views is, and which pairs stand in the denominator."""

    def __init__(self, table: LabelTable, unlabelled_in_denominator: bool) -> None:
        self.table, self.unlabelled_in_denominator = table, unlabelled_in_denominator

    def __call__(self, batch: Batch, rank: int, world: int) -> Truth:
        pairs = self.table.targets(batch.clips, batch.labelled, batch.view_to_clip)
        if self.unlabelled_in_denominator:
            return {"targets": pairs.targets}
        return {"targets": pairs.targets, "in_denominator": denominator(pairs)}


class Prediction(nn.Module):
    """A linear layer a signal, and the loss of the labels it predicts: end-to-end supervised training.

    Binary cross-entropy for multilabel signals (mean over classes), cross-entropy for multiclass, squared error for regression (targets
    standardised), each a mean over the views whose clip tells the label; several are added by their weights.
    """

    def __init__(self, dim: int, targets: Sequence[str], widths: Sequence[int], weights: Sequence[float]) -> None:
        super().__init__()
        self.targets, self.weights = tuple(targets), tuple(weights)
        self.heads = nn.ModuleList(nn.Linear(dim, width) for width in widths)

    def forward(self, embeddings: Tensor, truth: Mapping[str, Tensor]) -> Tensor:
        total = embeddings.sum() * 0.0
        for k, (head, target, weight) in enumerate(zip(self.heads, self.targets, self.weights, strict=True)):
            wanted, out = truth[f"wanted{k}"], head(embeddings)
            if target == "multilabel":
                per_view = functional.binary_cross_entropy_with_logits(out, wanted, reduction="none").mean(dim=1)
            elif target == "multiclass":
                per_view = functional.cross_entropy(out, wanted[:, 0].long(), reduction="none")
            else:
                per_view = (out - wanted).square().mean(dim=1)
            total = total + weight * (per_view * truth[f"share{k}"]).sum()
        return total / sum(self.weights)


class LabelTruth:
    """The labels of a batch's views, signal by signal.

    classes: of each signal, empty for regression. `wanted` are 0 or 1 a class, a class number or standardised targets; `share` is what a
    view counts in the mean over the views of all ranks that tell the label, times the number of ranks, which average.
    """

    def __init__(self, table: LabelTable, classes: Sequence[Sequence[str]]) -> None:
        made = [_wanted(table, k, names) for k, names in enumerate(classes)]
        self.wanted, self.known = [wanted for wanted, _ in made], [known for _, known in made]

    def __call__(self, batch: Batch, rank: int, world: int) -> Truth:
        truth: Truth = {}
        views = len(batch.view_to_clip) // world
        rows = batch.clips[batch.view_to_clip]
        labelled = batch.labelled[batch.view_to_clip]
        own = slice(rank * views, (rank + 1) * views)
        for k, wanted in enumerate(self.wanted):
            known = (self.known[k][rows] & labelled).float()
            truth[f"wanted{k}"] = wanted[rows[own]]
            truth[f"share{k}"] = known[own] * world / known.sum().clamp_min(1)
        return truth


def widths(table: LabelTable, classes: Sequence[Sequence[str]]) -> list[int]:
    """The outputs of each signal's head: a class each, or the numbers of a regression target."""
    return [len(names) or _wanted(table, k, names)[0].shape[1] for k, names in enumerate(classes)]


def _wanted(table: LabelTable, signal: int, classes: Sequence[str]) -> tuple[Tensor, Tensor]:
    """(clips, classes) 0 or 1, (clips, 1) class numbers, or (clips, numbers) standardised, and (clips,) bool, whether they are told.

    A label that is none of the classes is not told.
    """
    target, labels = table.signals[signal].supervision.target, table.labels[signal]
    column = {name: j for j, name in enumerate(classes)}
    told = [i for i, label in enumerate(labels) if label is not None and (target != "multiclass" or label in column)]
    known = torch.zeros(len(labels), dtype=torch.bool)
    known[told] = True
    if target == "regression":
        numbers = torch.stack([torch.as_tensor(labels[i], dtype=torch.float32).reshape(-1) for i in told])
        wanted = torch.zeros(len(labels), numbers.shape[1])
        wanted[told] = (numbers - numbers.mean(0)) / numbers.std(0, correction=0).clamp_min(1e-6)
    elif target == "multilabel":
        wanted = torch.zeros(len(labels), len(classes))
        for i in told:
            wanted[i, [column[name] for name in labels[i] if name in column]] = 1
    else:
        wanted = torch.zeros(len(labels), 1)
        for i in told:
            wanted[i, 0] = column[labels[i]]
    return wanted, known
