"""`BackboneEncoder`: an encoder made of a backbone and, where it learns, an objective. semisupcon, simclr, supcon, supervised and
untrained are this class with different attributes; so is a plugin that wants another mix. Imports no torch until used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mirbench.errors import MirbenchError, unknown_name
from mirbench.nouns import Embed, Encoder, PretrainJob, Spec
from mirbench.provenance import native_bfloat16

if TYPE_CHECKING:
    import numpy as np

    from mirbench.pretraining.material import Material
    from mirbench.pretraining.signals import Signal
    from mirbench.pretraining.stream import ViewStream
    from mirbench.pretraining.supervision import LabelTable

SECONDS_PER_VIEW = {"mel-cnn": 0.003, "mel-cnn-small": 0.0015}  # forward and backward, two cores
SECONDS_PER_WAVEFORM_VIEW = 0.13
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


class BackboneEncoder(Encoder):
    """objective: "contrastive", "prediction" of the labels, or "" for an encoder that does not learn.

    labelled_share: b_s, the share of labelled clips in each batch, where that is no option.
    """

    objective: ClassVar[str] = ""
    labelled_share: ClassVar[float] = 0.0
    seeded = True
    load_options = ("checkpoint",)
    options: Mapping[str, Any] = BACKBONE_OPTIONS

    def check(self, options: Mapping[str, Any]) -> None:
        _check(options)
        if self._share(options):
            _signals(options)

    def cost(self, options: Mapping[str, Any]) -> tuple[float, float]:
        a_view = SECONDS_PER_VIEW.get(options["backbone"], SECONDS_PER_WAVEFORM_VIEW)
        return 30 + options.get("steps", 0) * options.get("batch_views", 0) * a_view, 20.0

    def pretrain(self, job: PretrainJob) -> None:
        import torch

        from mirbench.pretraining.material import load_material
        from mirbench.pretraining.sampling import label_budget
        from mirbench.pretraining.supervision import LabelTable
        from mirbench.pretraining.trainer import Learner, Schedule, Training, train

        options, share = job.options, self._share(job.options)
        backbone = self._build(options, job.seed)
        on_bands = _on_bands(backbone, options)
        mel = backbone.mel if on_bands else None
        material = load_material(job.clips, backbone.sample_rate, job.cache, mel)
        signals = _signals(options) if share else ()
        table = LabelTable(material.clips, signals)
        names = [table.names(i) for i in range(len(material.clips))]
        ids = [clip.id for clip in material.clips]
        budget = label_budget(names, ids, options["label_fraction"], options["label_seed"]) if share else []
        if share:
            self._check_labels(material, table, budget, options)
        classes = [_classes(table, k, budget) for k in range(len(signals))]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            objective = self._objective(backbone.dim, signals, classes, table, options)
        stream = self._stream(job, backbone, on_bands, material, table, budget, classes)
        heard = load_material(job.validation, backbone.sample_rate, job.cache, mel) if job.validation else None
        validation = None
        if heard is not None and heard.clips:
            known = LabelTable(heard.clips, signals)
            told = known.any_known.nonzero().flatten().tolist()
            if told or share < 1:
                validation = self._stream(job, backbone, on_bands, heard, known, told, classes)
        if options["checkpoint"] == "best" and validation is None:
            raise MirbenchError("checkpoint=best is chosen on clips of the valid split, and none can be used here; set checkpoint=last.")
        about = {"encoder": self.name, "options": dict(options), "seed": job.seed, "classes": classes, "backbone_dim": backbone.dim}
        schedule = Schedule(
            **{
                k: options[k]
                for k in ("steps", "optimizer", "learning_rate", "weight_decay", "schedule", "warm_up", "gradient_clip", "ema")
            },
            precision=_precision(options["precision"], job.device),
        )
        learner = Learner(backbone, objective, on_bands)
        facts = train(
            Training(learner, stream, validation, schedule, job.device, job.devices, job.folder, job.unfinished or job.folder, about)
        )
        job.report.update(
            facts,
            clips=len(material.clips),
            validation_clips=len(heard.clips) if heard else 0,
            labelled_clips=len(budget),
            labels_used=dict(sorted(Counter(name for i in budget for name in names[i]).items())),
            labelled_clip_ids=[ids[i] for i in budget],
            parameters=sum(p.numel() for p in backbone.parameters()),
            precision=schedule.precision,
            skipped=material.skipped,
        )

    def load(self, folder: Path | None, options: Mapping[str, Any], seed: int, device: str) -> Embed:
        import torch

        from mirbench.pretraining.checkpoints import WEIGHTS, load_checkpoint

        backbone = self._build(options, seed)
        if folder is not None:
            chosen = folder if (folder / WEIGHTS).is_file() else folder / options.get("checkpoint", "last")
            load_checkpoint(chosen, backbone)
        backbone.eval().to(device)

        def embed(audio: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return backbone(torch.as_tensor(audio, dtype=torch.float32, device=device)).float().cpu().numpy()

        return embed

    def _share(self, options: Mapping[str, Any]) -> float:
        return float(options.get("labelled_share", self.labelled_share))

    @staticmethod
    def _build(options: Mapping[str, Any], seed: int) -> Any:
        """Fresh weights from the seed; the global generator is left as it was."""
        import torch

        from mirbench.pretraining.backbones import build_backbone

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build_backbone(options["backbone"])

    def _objective(
        self, dim: int, signals: tuple[Signal, ...], classes: list[list[str]], table: LabelTable, options: Mapping[str, Any]
    ) -> Any:
        from mirbench.pretraining.objectives import Contrastive, Prediction, widths

        if self.objective == "prediction":
            kinds = [signal.supervision.target for signal in signals]
            return Prediction(dim, kinds, widths(table, classes), [signal.weight for signal in signals])
        return Contrastive(dim, temperature=options["temperature"], epsilon=options["epsilon"], norm=options["head_norm"])

    def _stream(
        self,
        job: PretrainJob,
        backbone: Any,
        on_bands: bool,
        material: Material,
        table: LabelTable,
        told: list[int],
        classes: list[list[str]],
    ) -> ViewStream:
        """Batches of clips of a material; told: the clips whose labels may be used."""
        import torch

        from mirbench.pretraining.objectives import LabelTruth, PairTruth
        from mirbench.pretraining.sampling import Sampler
        from mirbench.pretraining.stream import ViewStream

        options, everyone = job.options, range(len(material.clips))
        known = set(told)
        sampler = Sampler(
            labelled=torch.tensor(told, dtype=torch.long),
            unlabelled=torch.tensor([i for i in everyone if i not in known] or everyone),
            lengths=material.lengths,
            batch_views=options["batch_views"],
            views=options["views"],
            labelled_share=self._share(options),
            length=round(options["view_seconds"] * backbone.sample_rate / (backbone.mel.hop if on_bands else 1)),
            seed=job.seed,
            segments=options["segments"],
            stretch=options["stretch"] if on_bands else 0.0,
        )
        if sampler.clips % job.devices:
            raise MirbenchError(
                f"a batch of {sampler.clips} clips cannot be shared among {job.devices} devices evenly; choose another batch_views."
            )
        truth = LabelTruth(table, classes) if self.objective == "prediction" else PairTruth(table, options.get(IN_DENOMINATOR, True))
        on_device = job.device != "cpu" and not on_bands
        return ViewStream(sampler, material, _chain(backbone, on_bands, options), truth, on_device)

    def _check_labels(self, material: Material, table: LabelTable, budget: list[int], options: Mapping[str, Any]) -> None:
        """Raises MirbenchError where the labels cannot teach anything."""
        import torch

        for k, signal in enumerate(table.signals):
            if not bool(table.known[k].any()):
                carried = ", ".join(sorted({n for clip in material.clips for n in clip.annotations})) or "none"
                raise MirbenchError(
                    f"encoder '{self.name}' is supervised by '{signal.annotation}', but no pretraining clip carries that annotation; set "
                    f"options.{self.name}.supervision to one that reads one of: {carried}."
                )
        some = torch.tensor(budget[:: max(1, len(budget) // 2000)])
        alike = table.targets(some, torch.ones(len(some), dtype=torch.bool), torch.arange(len(some))).targets
        if self.objective == "contrastive" and not bool((alike - torch.eye(len(some)) > 0).any()):
            raise MirbenchError(
                f"encoder '{self.name}' finds no two of its {len(budget)} labelled clips alike under "
                f"{' and '.join(signal.supervision.name for signal in table.signals)}; choose another supervision, such as dice, a lower "
                "threshold, or a larger label_fraction."
            )


IN_DENOMINATOR = "unlabelled_in_denominator"


def _chain(backbone: Any, on_bands: bool, options: Mapping[str, Any]) -> Any:
    """The augmentations of a view."""
    if on_bands:
        from mirbench.pretraining.views import MelViews

        return MelViews(backbone.mel.centres, options["severity"], options["detune_cents"])
    from mirbench.pretraining.waveform_views import WaveformViews

    return WaveformViews(options["severity"], backbone.sample_rate)


def _signals(options: Mapping[str, Any]) -> tuple[Signal, ...]:
    from mirbench.pretraining.signals import read_signals

    return read_signals(options["supervision"])


def _classes(table: LabelTable, signal: int, budget: list[int]) -> list[str]:
    """The class names of a signal in sorted order, of the clips whose labels may be used; none for regression."""
    target = table.signals[signal].supervision.target
    told = [label for i in budget if (label := table.labels[signal][i]) is not None]
    return [] if target == "regression" else sorted({n for label in told for n in (label if target == "multilabel" else [label])})


def _on_bands(backbone: Any, options: Mapping[str, Any]) -> bool:
    listens = hasattr(backbone, "mel") and hasattr(backbone, "encode")
    if options["augment"] == "bands" and not listens:
        raise MirbenchError(f"backbone '{options['backbone']}' listens to waveforms; set augment=waveform, or auto.")
    return listens and options["augment"] != "waveform"


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
    "label_fraction": (1e-9, 1),
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


def _check(options: Mapping[str, Any]) -> None:
    """Options that would fail late or silently, as sentences."""
    from mirbench import parts

    for name, (low, high) in RANGES.items():
        if name in options and not low <= options[name] <= high:
            raise MirbenchError(f"option {name} is {options[name]}; it must lie between {low} and {high}.")
    for name, known in CHOICES.items():
        if name in options and options[name] not in known:
            raise unknown_name(f"{name} option", options[name], known)
    parts.backbone(options["backbone"])
    if "views" in options and (options["batch_views"] % options["views"] or options["batch_views"] < 2 * options["views"]):
        raise MirbenchError(
            f"batch_views {options['batch_views']} is no multiple of views {options['views']} that holds two clips; choose such as "
            f"{options['views'] * max(2, round(options['batch_views'] / options['views']))}."
        )


def _precision(wanted: str, device: str) -> str:
    """auto is bfloat16 where it is native, on a GPU too; float32 elsewhere."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if device != "cpu" or native_bfloat16() else "float32"
