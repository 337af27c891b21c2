"""`BackboneEncoder`: an encoder made of a backbone and, where it learns, an objective. semisupcon, simclr, supcon, supervised and
untrained are this class with different attributes; so is a plugin that wants another mix. Imports no torch until used.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mirbench.engine.ranks import current_ranks
from mirbench.errors import MirbenchError
from mirbench.nouns import Embed, Encoder, Staged
from mirbench.pretraining.settings import BackboneOptions, check_settings, families_of_views, listens_to_bands, precision_on
from mirbench.records import LAST_LAYER, Clip, PretrainJob
from mirbench.registry import components as parts

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from mirbench.pretraining.objectives import Head, TruthOf
    from mirbench.pretraining.signals import Signal
    from mirbench.pretraining.supervision import LabelTable
    from mirbench.pretraining.views.audio_cache import AudioCache
    from mirbench.pretraining.views.stream import ViewStream

SECONDS_PER_VIEW = {"mel-cnn": 0.002, "mel-cnn-small": 0.001}  # forward and backward, two cores
SECONDS_PER_WAVEFORM_VIEW = 0.13
SECONDS_PER_SECOND = {"mel-cnn": 0.0003, "mel-cnn-small": 0.0002}  # of audio, embedded, two cores
SECONDS_PER_WAVEFORM_SECOND = 0.016


class BackboneEncoder(Encoder):
    """objective: "contrastive", "prediction" of the labels, or "" for an encoder that does not learn.

    labelled_share: b_s, the share of labelled clips in each batch, where that is no option. spans_nodes: whether `pretrain` can be one of
    several processes, on one node or several, that make a checkpoint together (`engine.ranks`).
    """

    objective: ClassVar[str] = ""
    labelled_share: ClassVar[float] = 0.0
    seeded = True
    spans_nodes = True
    load_options = ("checkpoint", "layer")
    options: Mapping[str, Any] = BackboneOptions()

    def check(self, options: Mapping[str, Any]) -> None:
        check_settings(options)
        if self._learns_labels(options):
            _signals(options)

    def complete(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """The supervision as a list of {name, annotation, weight, and all of its own options}, where labels are used."""
        if not self._learns_labels(options):
            return options
        told = [{"name": s.supervision.name, "annotation": s.annotation, "weight": s.weight, **s.options} for s in _signals(options)]
        return {**options, "supervision": told}

    def needs(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(signal.annotation for signal in _signals(options))) if self._learns_labels(options) else ()

    def layers(self, options: Mapping[str, Any]) -> int | None:
        """The blocks of its backbone, and the embedding."""
        blocks = len(parts.backbone(options["backbone"]).blocks) if "layer" in options else 0
        return blocks + 1 if blocks else None

    def seen_families(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        return families_of_views(options) if self.objective else ()

    def parts(self, options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        told = [signal.supervision.name for signal in _signals(options)] if self._learns_labels(options) else []
        return (("backbone", options["backbone"]), *(("supervision", name) for name in dict.fromkeys(told)))

    def cost(self, options: Mapping[str, Any]) -> tuple[float, float]:
        a_view = SECONDS_PER_VIEW.get(options["backbone"], SECONDS_PER_WAVEFORM_VIEW)
        return 30 + options.get("steps", 0) * options.get("batch_views", 0) * a_view, 20.0

    def embedding_cost(self, options: Mapping[str, Any]) -> float:
        return SECONDS_PER_SECOND.get(options["backbone"], SECONDS_PER_WAVEFORM_SECOND)

    def pretrain(self, job: PretrainJob) -> None:
        import torch

        from mirbench.pretraining.objectives import heads_of
        from mirbench.pretraining.supervision import LabelTable
        from mirbench.pretraining.trainer import Learner, Schedule, Training, train
        from mirbench.pretraining.views.audio_cache import load_audio_cache

        options, learns_labels = job.options, self._learns_labels(job.options)
        clips = options["batch_views"] // options["views"]
        if clips % job.devices:
            raise MirbenchError(
                f"a batch of {clips} clips cannot be shared among {job.devices} devices evenly; choose another batch_views."
            )
        backbone = self._build(options, job.seed)
        on_bands = listens_to_bands(options)
        mel = backbone.mel if on_bands else None
        audio_cache = load_audio_cache(job.clips, backbone.sample_rate, job.cache, mel)
        if not audio_cache.clips:
            raise MirbenchError(
                f"none of the {len(job.clips)} clips to pretrain on can be read, the first because {_first(audio_cache.skipped)}"
            )
        signals = _signals(options) if learns_labels else ()
        if job.devices > 1 and current_ranks() is None:
            _check_importable(backbone, signals)
        table = LabelTable(audio_cache.clips, signals)
        budget = _budget(audio_cache.clips, table, options["label_fraction"], options, job.seed) if learns_labels else []
        if learns_labels:
            _check_labels(self, audio_cache, table, budget)
        heads = heads_of(table, budget) if self.objective == "prediction" else []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            objective = self._objective(backbone.dim, heads, options)
        stream = _stream(self, job, backbone, on_bands, audio_cache, table, budget, heads)
        too_short = max(0, len(audio_cache.clips) - len(budget) - len(stream.sampler.unlabelled))
        valid_audio = load_audio_cache(job.validation, backbone.sample_rate, job.cache, mel) if job.validation else None
        validation, valid_budget = None, []
        if valid_audio is not None and valid_audio.clips:
            valid_labels = LabelTable(valid_audio.clips, signals)
            valid_budget = _budget(valid_audio.clips, valid_labels, 1.0, options, job.seed) if learns_labels else []
            if valid_budget or self._share(options) != 1:
                validation = _stream(self, job, backbone, on_bands, valid_audio, valid_labels, valid_budget, heads)
        if options["checkpoint"] == "best" and validation is None:
            raise MirbenchError("checkpoint=best is chosen on clips of the valid split, and none can be used here; set checkpoint=last.")
        classes = [list(head.classes) for head in heads]
        metadata = {"encoder": self.name, "options": dict(options), "seed": job.seed, "classes": classes, "backbone_dim": backbone.dim}
        schedule = Schedule(
            **{
                k: options[k]
                for k in ("steps", "optimizer", "learning_rate", "weight_decay", "schedule", "warm_up", "gradient_clip", "ema")
            },
            precision=precision_on(job.device, options["precision"]),
        )
        learner = Learner(backbone, objective, on_bands)
        facts = train(
            Training(learner, stream, validation, schedule, job.device, job.devices, job.folder, job.unfinished or job.folder, metadata)
        )
        job.report.update(
            facts,
            clips=len(audio_cache.clips),
            validation_clips=len(valid_audio.clips) if valid_audio else 0,
            validation_labelled_clips=len(valid_budget),
            labelled_clips=len(budget),
            unlabelled_clips=len(stream.sampler.unlabelled),
            too_short_clips=too_short,
            labelled_share=stream.sampler.labelled_share,
            labels_used=dict(sorted(Counter(name for i in budget for name in table.names(i)).items())),
            labelled_clip_ids=[audio_cache.clips[i].id for i in budget],
            parameters=sum(p.numel() for p in backbone.parameters()),
            precision=schedule.precision,
            skipped={**audio_cache.skipped, **(valid_audio.skipped if valid_audio else {})},
        )

    def weight_files(self, folder: Path | None, options: Mapping[str, Any]) -> list[Path]:
        from mirbench.pretraining.checkpoints import WEIGHTS, weights_folder

        return [] if folder is None else [weights_folder(folder, options) / WEIGHTS]

    def load(self, folder: Path | None, options: Mapping[str, Any], seed: int, device: str) -> Embed:
        import torch

        from mirbench.pretraining.backbones.layers import fuse_norms, with_layers
        from mirbench.pretraining.checkpoints import WEIGHTS, load_checkpoint

        backbone = self._build(options, seed)
        if folder is not None:
            which = options.get("checkpoint", "last")
            chosen = folder if (folder / WEIGHTS).is_file() else folder / which
            if which == "best" and chosen != folder and (folder / "last").is_dir() and not chosen.is_dir():
                raise MirbenchError(
                    f"the checkpoint {folder} has no best: no clips of the valid split could be used to choose it; set checkpoint=last."
                )
            load_checkpoint(chosen, backbone)
        fuse_norms(backbone.eval()).to(device)

        def hear(audio: np.ndarray) -> Any:
            with torch.inference_mode():
                return first(torch.as_tensor(audio, dtype=torch.float32, device=device))

        def embed(features: Any) -> np.ndarray:
            with torch.inference_mode():
                found: np.ndarray = then(features).float().cpu().numpy()
                return found

        about = parts.backbone(options["backbone"])
        first, then = (backbone.mel, backbone.encode) if about.bands else (torch.nn.Identity(), backbone)
        if options.get("layer", LAST_LAYER) != LAST_LAYER:
            then = with_layers(backbone, about.blocks, then)
        return Staged(_kind(first, device), hear, embed)

    def _share(self, options: Mapping[str, Any]) -> float | str:
        """b_s, or "auto"."""
        share: float | str = options.get("labelled_share", self.labelled_share)
        return share

    def _learns_labels(self, options: Mapping[str, Any]) -> bool:
        return self._share(options) != 0

    @staticmethod
    def _build(options: Mapping[str, Any], seed: int) -> Any:
        """Fresh weights from the seed; the global generator is left as it was."""
        import torch

        from mirbench.pretraining.backbones import build_backbone

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build_backbone(options["backbone"])

    def _objective(self, dim: int, heads: list[Head], options: Mapping[str, Any]) -> Any:
        from mirbench.pretraining.objectives import Contrastive, Prediction

        if self.objective == "prediction":
            return Prediction(dim, heads)
        return Contrastive(dim, temperature=options["temperature"], epsilon=options["epsilon"], norm=options["head_norm"])


def _stream(
    encoder: BackboneEncoder,
    job: PretrainJob,
    backbone: Any,
    on_bands: bool,
    audio_cache: AudioCache,
    table: LabelTable,
    budget: list[int],
    heads: list[Head],
) -> ViewStream:
    """Batches of clips of an audio cache; budget: the clips whose labels may be used."""
    import torch

    from mirbench.pretraining.objectives import LabelTruth, PairTruth
    from mirbench.pretraining.views.sampling import Sampler, share_of_labelled
    from mirbench.pretraining.views.stream import ViewStream

    options = job.options
    length = round(options["view_seconds"] * backbone.sample_rate / (backbone.mel.hop if on_bands else 1))
    unlabelled = _unlabelled(audio_cache, budget, length)
    sampler = Sampler(
        labelled=torch.tensor(budget, dtype=torch.long),
        unlabelled=unlabelled,
        lengths=audio_cache.lengths,
        batch_views=options["batch_views"],
        views=options["views"],
        labelled_share=share_of_labelled(encoder._share(options), options.get("most_repeats", 1.0), len(budget), len(unlabelled)),
        length=length,
        seed=job.seed,
        segments=options["segments"],
        stretch=options["stretch"] if on_bands else 0.0,
    )
    if encoder.objective == "prediction":
        truth: TruthOf = LabelTruth(table, heads)
    else:
        truth = PairTruth(table, options.get("unlabelled_in_denominator", True), options.get("label_weight", 1.0))
    on_device = job.device != "cpu" and not on_bands
    return ViewStream(sampler, audio_cache, _chain(backbone, on_bands, options), truth, on_device)


def _kind(module: Any, device: str) -> Hashable:
    """Equal for two front ends that make the same of any audio: the same classes within each other, with equal settings and tensors. One
    with a setting that cannot be compared, such as a function, is equal to none but itself."""
    import torch

    parts: list[Hashable] = [device]
    for name, part in module.named_modules():
        settings = {k: v for k, v in vars(part).items() if k not in vars(torch.nn.Module()) and not isinstance(v, torch.Tensor)}
        if not all(_comparable(value) for value in settings.values()):
            return id(module)
        parts += [name, f"{type(part).__module__}.{type(part).__qualname__}", tuple(sorted(settings.items()))]
    tensors = [*module.named_parameters(), *module.named_buffers()]
    tensors += [(f"{name}.{k}", v) for name, part in module.named_modules() for k, v in vars(part).items() if isinstance(v, torch.Tensor)]
    for name, tensor in tensors:
        parts += [name, hashlib.sha256(tensor.detach().cpu().numpy().tobytes()).digest(), tuple(tensor.shape)]
    return tuple(parts)


def _check_labels(encoder: BackboneEncoder, audio_cache: AudioCache, table: LabelTable, budget: list[int]) -> None:
    """Raises MirbenchError where the labels cannot teach anything."""
    import torch

    for k, signal in enumerate(table.signals):
        known = table.known[k]
        if bool(known.any()) and not bool(known[budget].any()):
            raise MirbenchError(
                f"encoder '{encoder.name}' is supervised by '{signal.annotation}', but none of the {len(budget)} clips in its label "
                "budget carries that annotation; use a larger label_fraction."
            )
        if not bool(known.any()):
            carried = ", ".join(sorted({n for clip in audio_cache.clips for n in clip.annotations})) or "none"
            raise MirbenchError(
                f"encoder '{encoder.name}' is supervised by '{signal.annotation}', but no pretraining clip carries that annotation; set "
                f"options.{encoder.name}.supervision to one that reads one of: {carried}."
            )
    some = torch.tensor(budget[:: max(1, len(budget) // 2000)])
    alike = table.targets(some, torch.ones(len(some), dtype=torch.bool), torch.arange(len(some))).targets
    if encoder.objective == "contrastive" and not bool((alike - torch.eye(len(some)) > 0).any()):
        raise MirbenchError(
            f"encoder '{encoder.name}' finds no two of its {len(budget)} labelled clips alike under "
            f"{' and '.join(signal.supervision.name for signal in table.signals)}; choose another supervision, such as dice, a lower "
            "threshold, or a larger label_fraction."
        )


def _comparable(value: Any) -> bool:
    return value is None or isinstance(value, (int, float, str)) or (isinstance(value, tuple) and all(map(_comparable, value)))


def _chain(backbone: Any, on_bands: bool, options: Mapping[str, Any]) -> Any:
    """The augmentations of a view."""
    if on_bands:
        from mirbench.pretraining.views.bands import MelViews

        return MelViews(backbone.mel.centres, options["severity"], options["detune_cents"])
    from mirbench.pretraining.views.waveforms import WaveformViews

    return WaveformViews(options["severity"], backbone.sample_rate)


def _signals(options: Mapping[str, Any]) -> tuple[Signal, ...]:
    from mirbench.pretraining.signals import read_signals

    return read_signals(options["supervision"])


def _unlabelled(audio_cache: AudioCache, budget: list[int], length: int) -> Tensor:
    """The rows of the clips that are drawn without their labels: those outside the budget that are longer than a view, since two views of a
    shorter one would begin and end alike; where there are none, shorter ones, or those of the budget."""
    import torch

    labelled, everyone = set(budget), range(len(audio_cache.clips))
    others = [i for i in everyone if i not in labelled]
    return torch.tensor([i for i in others if audio_cache.lengths[i] > length] or others or everyone, dtype=torch.long)


def _budget(clips: Sequence[Clip], table: LabelTable, fraction: float, options: Mapping[str, Any], seed: int) -> list[int]:
    """The rows of the clips whose labels may be used."""
    from mirbench.pretraining.views.sampling import label_budget

    names = [table.names(i) for i in range(len(clips))]
    drawn_by = seed if options["label_seed"] == "seed" else options["label_seed"]
    return label_budget(names, [clip.id for clip in clips], fraction, drawn_by)


def _check_importable(backbone: Any, signals: tuple[Signal, ...]) -> None:
    """Raises MirbenchError for a part that another process cannot import: one that a --plugin file defines."""
    for part in (*backbone.modules(), *(signal.supervision for signal in signals)):
        if type(part).__module__.startswith("mirbench_plugin_"):
            raise MirbenchError(
                f"{type(part).__name__} comes from a plugin file, which the processes of several devices cannot import; install it as a "
                "package with an entry point, or train on --devices 1."
            )


def _first(skipped: Mapping[str, str]) -> str:
    return next(iter(skipped.values()), "there are none.")
