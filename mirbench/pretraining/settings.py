"""The options of encoders that learn: what each is for, its default, and what it may be. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mirbench.engine.machine import native_bfloat16
from mirbench.errors import MirbenchError
from mirbench.records import LAST_LAYER
from mirbench.registry import components as parts
from mirbench.settings.declaring import LayerOptions, Options, Spec, option


class BackboneOptions(Options):
    """Of every encoder that is made of a backbone."""

    backbone = option("mel-cnn", "the network, by its name; `mirbench list backbones` shows all")
    layer = LayerOptions.declared["layer"]


class TrainingOptions(BackboneOptions):
    """Of one that learns, whatever it learns from."""

    steps = option(400, "steps of the optimizer, of a batch each", ge=1, le=10**8)
    batch_views = option(96, "views in a batch, which are of batch_views / views clips", ge=4, le=10**6)
    views = option(2, "views of each clip in a batch (M)", ge=2, le=32)
    segments = option(
        "consecutive",
        "the views of a clip are consecutive stretches of one excerpt, or each from anywhere in it",
        choices=("consecutive", "independent"),
    )
    optimizer = option("adamw", "how the weights follow the gradient", choices=("adamw", "adam"))
    learning_rate = option(2e-3, "the highest, which the warm-up rises to", ge=0, le=10)
    schedule = option("cosine", "the learning rate after the warm-up: falling to zero, or constant", choices=("cosine", "constant"))
    warm_up = option(0.06, "share of the steps in which the learning rate rises", ge=0, le=1)
    weight_decay = option(1e-4, "how strongly weights are pulled towards zero", ge=0, le=10)
    gradient_clip = option(0.0, "largest norm of the gradient; 0 for no limit", ge=0, le=10**6)
    ema = option(0.0, "decay of the running average of the weights, which is kept in their place; 0 for none", ge=0, le=0.999999)
    precision = option(
        "auto",
        "numbers that it is trained in; auto: bfloat16 on a GPU and on a processor that computes in it, else float32",
        choices=("auto", "float32", "bfloat16"),
    )
    checkpoint = option(
        "last", "which weights are embedded with: the last, or the best by the loss on clips of the valid split", choices=("last", "best")
    )
    augment = option(
        "auto",
        "what is augmented: log-mel bands, for backbones that listen to them, or waveforms; auto: bands where they will do",
        choices=("auto", "bands", "waveform"),
    )
    view_seconds = option(2.7, "length of a view, in seconds", ge=0.1, le=60)
    severity = option(1.0, "strength of the augmentations (s); 0 for none", ge=0, le=2)
    detune_cents = option(50.0, "largest pitch shift of bands at severity 1, in cents", ge=0, le=600)
    stretch = option(0.1, "half of the views of bands are played faster or slower by up to this share", ge=0, le=0.9)


class ContrastiveOptions(Options):
    """Of one whose clips attract and repel each other."""

    temperature = option(0.1, "what similarities are divided by; lower looks harder at the nearest", ge=1e-3, le=100)
    epsilon = option(0.0, "added inside the logarithm of the loss; 1e-6 gives the numbers of the authors' code", ge=0, le=1)
    head_norm = option(True, "whether the projection head has a batch norm; the paper's has none")


class LabelOptions(Options):
    """Of one that learns from labels."""

    supervision = option(
        Spec(name="shared-tags"),
        "how alike labels make two clips: a supervision's name, {name, annotation, weight, and its own options}, or a list of these; "
        "`mirbench list supervisions` shows all",
    )
    label_fraction = option(1.0, "share of the labelled clips whose labels may be used (p_s)", gt=0, le=1)
    label_seed = option(
        "seed",
        "seed of which clips those are: that of the training, so that the spread of draws is in every interval, or a number, so that all "
        "trainings have the same clips; a smaller share is inside a larger one",
        choices=("seed",),
        or_number=int,
        ge=0,
        le=2**31,
    )


class SemiSupervisedOptions(TrainingOptions, ContrastiveOptions, LabelOptions):
    """Of one that learns from labels where there are some, and without them elsewhere."""

    labelled_share = option(
        0.5,
        "share of labelled clips in each batch (b_s); auto: half, or less where there are so few that each would be drawn more than "
        "`most_repeats` times as often as one without labels",
        choices=("auto",),
        or_number=float,
        ge=0,
        le=1,
    )
    most_repeats = option(10.0, "how often a labelled clip is drawn for each time that one without labels is, at most, with auto", gt=0)
    label_weight = option(
        1.0, "how positive two clips are at most that their labels make alike, against the 1 of two views of one clip", gt=0, le=1
    )
    unlabelled_in_denominator = option(True, "whether a labelled clip is also set against clips of which nothing is known")


def check_settings(options: Mapping[str, Any]) -> None:
    """Options that would fail late or silently, as sentences. Those that a plugin took over by their names alone are held to their
    bounds here."""
    from mirbench.settings.validation import WrongOption, validated  # here, since `mirbench list` needs no pydantic

    known = SemiSupervisedOptions()
    try:
        validated(known, {name: value for name, value in options.items() if name in known})
    except WrongOption as error:
        raise MirbenchError(f"{error.text}." if error.whole else f"option {error.name} {error.text}.") from None
    backbone = parts.backbone(options["backbone"])
    if options.get("layer", LAST_LAYER) != LAST_LAYER and not backbone.blocks:
        raise MirbenchError(f"backbone '{options['backbone']}' names no blocks that could be probed as layers; set layer=last.")
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


def families_of_views(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The families of corruptions that views are under; moving the pitch, by semitones or by less, is of the family time."""
    if not options["severity"]:
        return ()
    moved = not listens_to_bands(options) or options["detune_cents"]
    return ("noise", "filtering", "level", "rooms", *(("time",) if moved else ()))


def precision_on(device: str, wanted: str) -> str:
    """auto is bfloat16 on a GPU, and on a CPU that computes in it; float32 elsewhere."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if device != "cpu" or native_bfloat16() else "float32"
