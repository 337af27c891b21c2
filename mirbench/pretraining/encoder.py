"""`BackboneEncoder`: an encoder made of a backbone and, where it learns, an objective. semisupcon, simclr, supervised and
untrained are this class with different attributes; so is a plugin that wants another mix. Imports no torch until used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mirbench.errors import MirbenchError, unknown_name
from mirbench.nouns import Embed, Encoder, PretrainJob
from mirbench.provenance import native_bfloat16

if TYPE_CHECKING:
    import numpy as np

SECONDS_PER_CLIP = 0.005  # two views of the default backbone, forward and backward, two cores
BACKBONE_OPTIONS: dict[str, Any] = {"backbone": "mel-cnn"}
TRAINING_OPTIONS: dict[str, Any] = {
    **BACKBONE_OPTIONS,
    "steps": 800,
    "batch_clips": 48,  # clips a batch, two views each
    "learning_rate": 2e-3,
    "weight_decay": 1e-4,
    "precision": "auto",  # float32, bfloat16, or auto: bfloat16 where the processor computes in it
    "view_seconds": 2.7,
    "severity": 1.0,  # strength of the augmentations, the paper's s
    "detune_cents": 50.0,
    "stretch": 0.1,  # views are played up to this share faster or slower
}
LABEL_OPTIONS: dict[str, Any] = {
    "supervision": "tags",  # the annotation that tells which clips are alike
    "label_fraction": 1.0,  # p_s: share of the labelled clips whose labels may be used
}


class BackboneEncoder(Encoder):
    """objective: "contrastive", "classification", or "" for an encoder that does not learn."""

    objective: ClassVar[str] = ""
    seeded = True
    options: Mapping[str, Any] = BACKBONE_OPTIONS

    def check(self, options: Mapping[str, Any]) -> None:
        _check(options)

    def cost(self, options: Mapping[str, Any]) -> tuple[float, float]:
        return 30 + options.get("steps", 0) * options.get("batch_clips", 0) * SECONDS_PER_CLIP, 10.0

    def pretrain(self, job: PretrainJob) -> None:
        import torch

        from mirbench.pretraining.checkpoints import save_checkpoint
        from mirbench.pretraining.material import load_material
        from mirbench.pretraining.sampling import Sampler
        from mirbench.pretraining.trainer import Schedule, train
        from mirbench.pretraining.views import MelViews

        options = job.options
        backbone = self._build(options, job.seed)
        material = load_material(job.clips, backbone.mel, backbone.sample_rate, job.cache)
        classes, labels, budget = self._labels(material.clips, options)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            objective = self._objective(backbone.dim, len(classes), options)
        share = 1.0 if self.objective == "classification" else float(options.get("labelled_share", 0.0))
        told = set(budget)
        sampler = Sampler(
            labelled=torch.tensor(budget, dtype=torch.long),
            unlabelled=torch.tensor([i for i in range(len(material.clips)) if share == 0 or i not in told] or range(len(material.clips))),
            lengths=material.lengths,
            clips=options["batch_clips"],
            labelled_share=share,
            length=round(options["view_seconds"] * backbone.sample_rate / backbone.mel.hop),
            stretch=options["stretch"],
            seed=job.seed,
        )
        views = MelViews(options["severity"], options["detune_cents"])
        schedule = Schedule(
            options["steps"], options["learning_rate"], options["weight_decay"], _precision(options["precision"], job.device)
        )
        facts = train(backbone, objective, sampler, views, material, labels, schedule, job.device, job.folder)
        used = Counter(tag for i in budget for tag in _tags(material.clips[i], options.get("supervision", "")))
        job.report.update(
            facts,
            clips=len(material.clips),
            labelled_clips=len(budget),
            labels_used=dict(sorted(used.items())),
            parameters=sum(p.numel() for p in backbone.parameters()),
            precision=schedule.precision,
            skipped=material.skipped,
        )
        save_checkpoint(
            job.folder, backbone, {"encoder": self.name, "options": dict(options), "seed": job.seed, "classes": classes, **job.report}
        )

    def load(self, folder: Path | None, options: Mapping[str, Any], seed: int, device: str) -> Embed:
        import torch

        from mirbench.pretraining.checkpoints import load_checkpoint

        backbone = self._build(options, seed)
        if folder is not None:
            load_checkpoint(folder, backbone)
        backbone.eval().to(device)

        def embed(audio: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return backbone(torch.as_tensor(audio, dtype=torch.float32, device=device)).float().cpu().numpy()

        return embed

    @staticmethod
    def _build(options: Mapping[str, Any], seed: int) -> Any:
        """Fresh weights from the seed; the global generator is left as it was."""
        import torch

        from mirbench.pretraining.backbones import build_backbone

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build_backbone(options["backbone"])

    def _objective(self, dim: int, classes: int, options: Mapping[str, Any]) -> Any:
        from mirbench.pretraining.objectives import Contrastive, TagClassification

        if self.objective == "classification":
            return TagClassification(dim, classes)
        return Contrastive(
            dim, temperature=options["temperature"], targets=options.get("targets", "dice"), threshold=options.get("threshold", 1)
        )

    def _labels(self, clips: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[list[str], Any, list[int]]:
        """Class names, (clips, classes) 0/1 labels, and the clips whose labels are told."""
        import torch

        from mirbench.pretraining.sampling import label_budget

        name = options.get("supervision", "")
        needed = self.objective == "classification" or options.get("labelled_share", 0.0) > 0
        candidates = [i for i, clip in enumerate(clips) if _tags(clip, name)]
        if needed and not candidates:
            raise MirbenchError(
                f"encoder '{self.name}' is supervised by '{name}', but no pretraining clip carries that annotation; set "
                f"options.{self.name}.supervision to one of {', '.join(sorted({n for c in clips for n in c.annotations})) or 'none'}."
            )
        budget = label_budget(candidates, options.get("label_fraction", 1.0)) if needed else []
        if needed and not budget:
            raise MirbenchError(
                f"label_fraction {options['label_fraction']} of {len(candidates)} labelled clips is none; use a larger one."
            )
        fewest = options.get("threshold", 1) if options.get("targets") == "shared-tags" else 1
        if budget and max(len(_tags(clips[i], name)) for i in budget) < fewest:
            raise MirbenchError(
                f"encoder '{self.name}' takes two clips for alike where they share {fewest} labels, but no clip has so many "
                f"'{name}' labels; "
                f"set options.{self.name}.threshold=1 or options.{self.name}.targets=dice."
            )
        classes = sorted({tag for i in budget for tag in _tags(clips[i], name)})
        column = {tag: j for j, tag in enumerate(classes)}
        labels = torch.zeros(len(clips), max(1, len(classes)))
        for i in budget:
            for tag in _tags(clips[i], name):
                labels[i, column[tag]] = 1
        return classes, labels, budget


def _tags(clip: Any, annotation: str) -> tuple[str, ...]:
    """The clip's labels of that name as a tuple; a single value is a tuple of one."""
    value = clip.annotations.get(annotation, ())
    return tuple(map(str, value)) if isinstance(value, tuple | list) else (str(value),)


RANGES = {
    "steps": (1, 10**8),
    "batch_clips": (2, 10**5),
    "learning_rate": (0, 10),
    "weight_decay": (0, 10),
    "labelled_share": (0, 1),
    "label_fraction": (0, 1),
    "severity": (0, 2),
    "detune_cents": (0, 600),
    "stretch": (0, 0.9),
    "threshold": (1, 10**4),
    "temperature": (1e-3, 100),
    "view_seconds": (0.1, 60),
}
CHOICES = {"precision": ("auto", "float32", "bfloat16"), "targets": ("shared-tags", "dice")}


def _check(options: Mapping[str, Any]) -> None:
    """Options that would fail late or silently, as sentences."""
    from mirbench.pretraining.backbones import BACKBONES

    for name, (low, high) in RANGES.items():
        if name in options and not low <= options[name] <= high:
            raise MirbenchError(f"option {name} is {options[name]}; it must lie between {low} and {high}.")
    for name, known in {**CHOICES, "backbone": tuple(BACKBONES)}.items():
        if name in options and options[name] not in known:
            raise unknown_name(f"{name} option", options[name], known)


def _precision(wanted: str, device: str) -> str:
    """auto is bfloat16 where it is native, on a GPU too; float32 elsewhere."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if device != "cpu" or native_bfloat16() else "float32"
