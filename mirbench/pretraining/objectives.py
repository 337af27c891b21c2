"""What an encoder is trained on: a head on the embedding and the loss of a batch. Heads are thrown away after training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mirbench.pretraining.losses import semisupcon_loss
from mirbench.pretraining.supervision import label_targets


class Contrastive(nn.Module):
    """The projection head of the paper, Linear(dim, 512), ReLU, Linear(512, 128) without biases, and the semi-supervised loss.

    targets: dice, or shared-tags (1 where two clips share at least `threshold` labels).

    A batch norm behind the first layer keeps the light backbone's wide embedding from needing the paper's 200,000 steps.
    """

    def __init__(self, dim: int, *, temperature: float, targets: str, threshold: int) -> None:
        super().__init__()
        self.temperature, self.targets, self.threshold = temperature, targets, threshold
        self.head = nn.Sequential(nn.Linear(dim, 512, bias=False), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 128, bias=False))

    def forward(self, embeddings: Tensor, view_to_clip: Tensor, labels: Tensor, labelled: Tensor) -> Tensor:
        weighted = self.targets == "dice"
        targets = label_targets(view_to_clip, labels, labelled, weighted=weighted, threshold=1 if weighted else self.threshold)
        return semisupcon_loss(self.head(embeddings), targets.to(embeddings.device), temperature=self.temperature)


class TagClassification(nn.Module):
    """One linear layer and binary cross-entropy over the labelled views: end-to-end supervised training."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(dim, classes)

    def forward(self, embeddings: Tensor, view_to_clip: Tensor, labels: Tensor, labelled: Tensor) -> Tensor:
        known = labelled[view_to_clip].to(embeddings.device)
        truth = labels[view_to_clip].to(embeddings.device)
        per_view = functional.binary_cross_entropy_with_logits(self.head(embeddings).float(), truth.float(), reduction="none").mean(dim=1)
        return (per_view * known).sum() / torch.clamp(known.sum(), min=1)
