"""The settings of encoders that learn: what each is, its default, and what it may be. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mirbench.engine.machine import native_bfloat16
from mirbench.errors import MirbenchError, unknown_name
from mirbench.nouns import Spec
from mirbench.registry import components as parts

BACKBONE_OPTIONS: dict[str, Any] = {"backbone": "mel-cnn"}
TRAINING_OPTIONS: dict[str, Any] = {
    **BACKBONE_OPTIONS,
    "steps": 800,
    "batch_views": 96,  # views a batch, of batch_views / views clips
    "views": 2,  # M: views of each clip
    "segments": "consecutive",  # the views of a clip are consecutive stretches of one excerpt, or independent ones
    "optimizer": "adamw",  # or adam
    "learning_rate": 2e-3,
    "schedule": "cosine",  # to zero, or constant; either after a warm-up
    "warm_up": 0.06,  # share of the steps
    "weight_decay": 1e-4,
    "gradient_clip": 0.0,  # largest norm of the gradient; 0 for no limit
    "ema": 0.0,  # decay of the average of the weights that is kept instead of them; 0 for none
    "precision": "auto",  # float32, bfloat16, or auto: bfloat16 where the processor computes in it
    "checkpoint": "last",  # which one is loaded: last, or best by the loss on clips of the valid split
    "augment": "auto",  # bands: log-mel bands of a backbone that listens to those; waveform; auto: bands where they will do
    "view_seconds": 2.7,
    "severity": 1.0,  # strength of the augmentations, the paper's s
    "detune_cents": 50.0,  # of bands only, where the chain's pitch shift is kept to detuning
    "stretch": 0.1,  # of bands only: half of the views are played up to this share faster or slower
}
CONTRASTIVE_OPTIONS: dict[str, Any] = {
    "temperature": 0.1,
    "epsilon": 0.0,  # added inside the logarithm; 1e-6 gives the numbers of the authors' code
    "head_norm": True,  # a batch norm in the projection head; the paper has none
}
LABEL_OPTIONS: dict[str, Any] = {
    "supervision": Spec(name="shared-tags"),  # how alike labels make clips: a name, {name, annotation, weight, ...}, or a list of these
    "label_fraction": 1.0,  # p_s: share of the labelled clips whose labels may be used
    "label_seed": 0,  # which ones; the same for every training seed, and a smaller share is inside a larger one
}

ABOVE_ZERO = 1e-9
RANGES = {
    "steps": (1, 10**8),
    "batch_views": (4, 10**6),
    "views": (2, 32),
    "learning_rate": (0, 10),
    "warm_up": (0, 1),
    "weight_decay": (0, 10),
    "gradient_clip": (0, 10**6),
    "ema": (0, 0.999999),
    "labelled_share": (0, 1),
    "label_fraction": (ABOVE_ZERO, 1),
    "label_seed": (0, 2**31),
    "severity": (0, 2),
    "detune_cents": (0, 600),
    "stretch": (0, 0.9),
    "temperature": (1e-3, 100),
    "epsilon": (0, 1),
    "view_seconds": (0.1, 60),
}
CHOICES = {
    "precision": ("auto", "float32", "bfloat16"),
    "segments": ("consecutive", "independent"),
    "optimizer": ("adamw", "adam"),
    "schedule": ("cosine", "constant"),
    "checkpoint": ("last", "best"),
    "augment": ("auto", "bands", "waveform"),
}


def check_settings(options: Mapping[str, Any]) -> None:
    """Options that would fail late or silently, as sentences."""
    for name, (low, high) in RANGES.items():
        if name in options and not low <= options[name] <= high:
            right = f"be above 0 and at most {high}" if low == ABOVE_ZERO else f"lie between {low} and {high}"
            raise MirbenchError(f"option {name} is {options[name]}; it must {right}.")
    for name, known in CHOICES.items():
        if name in options and options[name] not in known:
            raise unknown_name(f"{name} option", options[name], known)
    backbone = parts.backbone(options["backbone"])
    if options.get("augment") == "bands" and not backbone.bands:
        raise MirbenchError(f"backbone '{options['backbone']}' listens to waveforms; set augment=waveform, or auto.")
    if "views" in options and (options["batch_views"] % options["views"] or options["batch_views"] < 2 * options["views"]):
        raise MirbenchError(
            f"batch_views {options['batch_views']} is no multiple of views {options['views']} that holds two clips; choose such as "
            f"{options['views'] * max(2, round(options['batch_views'] / options['views']))}."
        )


def listens_to_bands(options: Mapping[str, Any]) -> bool:
    """Whether a backbone is trained on views of log-mel bands rather than of waveforms."""
    return parts.backbone(options["backbone"]).bands and options["augment"] != "waveform"


def precision_on(device: str, wanted: str) -> str:
    """auto is bfloat16 on a GPU, and on a CPU that computes in it; float32 elsewhere."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if device != "cpu" or native_bfloat16() else "float32"
