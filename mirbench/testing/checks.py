"""`check_encoder` and its like, for the tests of plugin authors: AssertionError with the sentence of the first promise that is broken."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mirbench.nouns import Backbone, Corruption, Dataset, Encoder, Probe, Supervision, Task
from mirbench.records import Clip
from mirbench.testing.backbones import BACKBONE, BackboneSubject
from mirbench.testing.corruptions import CORRUPTION, CorruptionSubject
from mirbench.testing.datasets import DATASET, DatasetSubject
from mirbench.testing.encoders import ENCODER, EncoderSubject
from mirbench.testing.means import contract
from mirbench.testing.probes import PROBE, ProbeSubject
from mirbench.testing.promises import keep
from mirbench.testing.supervisions import SUPERVISION, SupervisionSubject
from mirbench.testing.tasks import TASK, TaskSubject


def check_encoder(
    encoder: Encoder,
    *,
    options: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    clips: Sequence[Clip] | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> None:
    """Embeds noise and silence of several lengths: finite (batch, dim), one dim for all, the same again, and alone as in a batch; where it
    has layers, the last and all, (batch, layers, dim), as many as it says, of which the last is what the last alone is. Its torch modules
    are in eval mode and stay as they are, no gradients are kept, and what it reads is in its key. As in a run, numbers of any width and
    torch tensors are taken as float32, and `pretrain`, `load` and the first call, where a library constructs its modules, may draw from the
    global generators, which begin at `seed`.

    options: instead of some defaults, e.g. {"steps": 2} to keep a test short. A trainable encoder is first pretrained in a new
    folder on `clips` (default: twelve short tones with tags, key, pitch and genre), or taken from `folder` where that is given.
    """
    contract("encoder", encoder)
    with tempfile.TemporaryDirectory() as scratch:
        keep(EncoderSubject(encoder, Path(scratch), options, folder, clips, seed, device), ENCODER)


def check_dataset(dataset: Dataset, folder: Path) -> list[Clip]:
    """Prepares the data set in `folder` and checks its clips: unique ids, known splits, files that are there, no group in two splits.

    `train` and `pretrain` may share groups, since pretraining hears both. Returns the clips.
    """
    contract("dataset", dataset)
    subject = DatasetSubject(dataset, Path(folder))
    keep(subject, DATASET)
    return list(subject.clips)


def check_task(task: Task, values: Iterable[Any] = ()) -> None:
    """Checks target, metrics and classes, and that `label` makes a right label of each class and of each of `values`."""
    contract("task", task)
    keep(TaskSubject(task, values), TASK)


def check_corruption(corruption: Corruption, sample_rate: int = 22_050) -> None:
    """Applies every severity to noise, silence and 10 ms: the same shape, float32, finite, the same again, and audible at the last.

    Unless it `limits`, it is given louder noise too, with peaks of 1.5, which must not come out with flat tops.
    """
    contract("corruption", corruption)
    keep(CorruptionSubject(corruption, sample_rate), CORRUPTION)


def check_backbone(backbone: Backbone, *, options: Mapping[str, Any] | None = None) -> None:
    """Builds it and embeds noise and silence of several lengths, as `check_encoder` does, and learns from a batch.

    options: given to `build`, e.g. {"channels": 8} to keep a test short. One seed of torch must give the same weights again, and another
    others; an option that it does not have must be a TypeError; every gradient must be finite.
    """
    contract("backbone", backbone)
    keep(BackboneSubject(backbone, options), BACKBONE)


def check_supervision(supervision: Supervision, values: Sequence[Any], *, options: Mapping[str, Any] | None = None) -> None:
    """Reads `values`, as clips carry them, encodes them, and checks that their similarities are finite, in [0, 1], symmetric, and for
    each pair the same whatever else is in the batch and in whatever order.

    values: some annotations, of which several differ. options: instead of some defaults.
    """
    contract("supervision", supervision)
    assert len(values) > 1, f"supervision '{supervision.name}': give two values or more to check it with"
    keep(SupervisionSubject(supervision, values, options), SUPERVISION)


def check_probe(probe: Probe, *, targets: Collection[str] = (), seed: int = 0) -> None:
    """Fits it to made-up features of each kind of target that it is for, and checks its scores: finite, the same again for one seed, and
    the same after it was stored and read, which restores types of scikit-learn, mirbench and the probe's own module alone.

    targets: of these kinds alone. Labels that nobody has judged are among those of a multilabel task.
    """
    contract("probe", probe)
    keep(ProbeSubject(probe, targets, seed), PROBE)
