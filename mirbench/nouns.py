"""What a plugin can provide: Encoder, Dataset, Task, Corruption, Probe, the parts of encoders that learn, Backbone and Supervision, and
Scheme, encoders by address. A plugin file imports nothing else of ours.

Subclass, set the attributes, override what differs, and return instances from a hook (see hookspecs.py). Importing this
module imports no torch; a plugin should import torch inside its methods, so that `mirbench list` stays quick.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from mirbench.records import Checksums, Clip, Download, Files, Input, PretrainJob

if TYPE_CHECKING:  # numpy takes longer to import than all the rest that `mirbench list` needs
    import numpy as np
    import torch

Embed: TypeAlias = "Callable[[np.ndarray], np.ndarray]"
"""(batch, samples) float32 mono audio -> (batch, dim), or of several layers (batch, layers, dim), float32."""

MetricFunction: TypeAlias = "Callable[[np.ndarray, np.ndarray, tuple[str, ...], np.ndarray], np.ndarray]"
"""(targets, scores, classes, weights) -> (resamples,) float; see the conventions of evaluation/probing/metric_functions.py."""


@dataclass(frozen=True)
class Staged:
    """An Embed in two steps, the first of which is done once for all encoders whose `kind` is equal.

    front: (batch, samples) float32 -> features, of any kind; encode: features, which it leaves as they are -> (batch, dim) float32.
    """

    kind: Hashable
    front: Callable[[np.ndarray], Any]
    encode: Callable[[Any], np.ndarray]

    def __call__(self, audio: np.ndarray) -> np.ndarray:
        return self.encode(self.front(audio))


class Encoder:
    """Music audio in, embedding out. The least plugin sets `name` and overrides `embed`.

    options: every option with its default, a dict or an instance of a class of `Options`; `--set options.NAME.OPTION=VALUE` changes one.
    trainable: whether `pretrain` is to be called. seeded: whether its embeddings depend on the seed. load_options: the options that
    `load` reads and `pretrain` does not, so that changing one trains nothing anew.
    home, licence, citation: of a model that others trained. trained_on: the data sets of mirbench that they trained it on, in whole or in
    part and for certain, such as ("nsynth",). trained_with: all that they did, in words. untried: never run with its true weights.
    """

    name: str = ""
    description: str = ""
    sample_rate: int = Input.sample_rate  # Hz
    window_seconds: float = Input.window_seconds  # a longer clip is cut into windows of this length, whose embeddings are averaged
    trainable: ClassVar[bool] = False
    seeded: ClassVar[bool] = False
    load_options: ClassVar[tuple[str, ...]] = ()
    options: Mapping[str, Any] = {}
    home: str = ""
    licence: str = ""
    citation: str = ""
    trained_on: tuple[str, ...] = ()
    trained_with: str = ""
    untried: bool = False

    def pretrain(self, job: PretrainJob) -> None:
        """Learn from job.clips and leave files in job.folder. Called only where `trainable`."""
        raise NotImplementedError(f"encoder {self.name} says it is trainable but has no pretrain")

    def identity(self, options: Mapping[str, Any] | None = None) -> str:
        """What its embeddings depend on besides its source and options, such as the version of a service that it asks. options: as they are
        in the run; one whose `identity` takes none is asked without. Of a file or folder of weights that an option names, declared as
        `mirbench.option("", "where the weights are", file=True)`, the hash is taken by itself."""
        return ""

    def check(self, options: Mapping[str, Any]) -> None:
        """Raise MirbenchError for options that cannot work; called before anything is run."""

    def missing(self, options: Mapping[str, Any]) -> str:
        """Why it cannot be used here, such as weights that are not on this disk, and what to do, as a sentence; nothing where it can. A run
        that names it is refused with that, and `all` is without it. Reads no weights."""
        return ""

    def input(self, options: Mapping[str, Any]) -> Input:
        """The audio that it is given with these options."""
        return Input(self.sample_rate, self.window_seconds)

    def complete(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """The options in one spelling of several that mean the same, since each spelling is a cache key of its own."""
        return options

    def layers(self, options: Mapping[str, Any]) -> int | None:
        """How many its embeddings have, (batch, layers, dim), of which the option `layer` (`mirbench.LayerOptions`) says which are probed;
        0: known only when it is loaded; None: it has none, and an option of that name is its own. `load` is given the option as `last`, a
        number, or `all`, where several are probed in one forward pass. Asked for the last, it may return that alone, (batch, dim)."""
        return None

    def layer_names(self, options: Mapping[str, Any]) -> Sequence[str]:
        """What its layers are called, from 0 on, in tables and in the place of a number as the option `layer`; nothing: numbers alone."""
        return ()

    def needs(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The annotations that pretraining with these options needs; refused where no chosen data set carries one."""
        return ()

    def seen_families(self, options: Mapping[str, Any]) -> Sequence[str]:
        """The families of corruptions (see Corruption) that audio was under in its training, by whoever trained it, such as the
        augmentations of its views; robustness under those is told apart from that under others."""
        return ()

    def parts(self, options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """(kind, name) of the backbones and supervisions that these options name, so that its keys follow the sources of those."""
        return ()

    def cost(self, options: Mapping[str, Any]) -> tuple[float, float]:
        """Rough (seconds on two cores, megabytes) that `pretrain` takes, for --plan."""
        return 60.0, 10.0

    def embedding_cost(self, options: Mapping[str, Any]) -> float:
        """Rough seconds on two cores that a second of audio takes to be embedded, for --plan."""
        return 0.0005

    def load(self, folder: Path | None, options: Mapping[str, Any], seed: int, device: str) -> Embed:
        """The frozen encoder, a function or a `Staged`. folder: what `pretrain` left, None where not trainable. On a CPU it may be called
        in several processes, forked after it was loaded, each with one thread."""
        return self.embed

    def embed(self, audio: np.ndarray) -> np.ndarray:
        """audio: (batch, samples) float32 in about [-1, 1] at `sample_rate`, any length; returns (batch, dim) float32, or, of several
        layers, (batch, layers, dim), of which the option `layer` chooses; other numbers and torch tensors are taken as such."""
        raise NotImplementedError(f"encoder {self.name} has neither embed nor load")


class Scheme:
    """Encoders by address, SCHEME:REST, in the place of a name: `--encoder onnx:model.onnx`. name: what stands before the colon."""

    name: str = ""
    description: str = ""

    def encoder(self, rest: str) -> Encoder:
        """The encoder of an address. rest: what stands behind the colon; a path that is there is absolute. Called when settings are read,
        so nothing heavy is imported and no weights are read. An encoder without a name gets one from the address.

        Raises MirbenchError for a rest that is no address of such an encoder."""
        raise NotImplementedError(f"scheme {self.name} has no encoder")


class Dataset:
    """Clips with audio, split, group and annotations.

    annotations: the names of those that its clips carry, e.g. ("genre", "tags"); a task runs where its own is among them. A clip may also
    carry NAME_unknown, the labels of a multilabel NAME that nobody has judged. classes: their published order, where no task fixes one.

    A published data set, which people have on disk, has `files`: those that it is made of. checksums: of those, where they come with lists
    of them. downloads: of those, what anybody may download. folders: names that its folder has under the data root, the usual one first.
    mirdata: its name in the package mirdata, which lays its files out otherwise, and a pattern of some that lie so there alone. split_rule:
    how its splits are made, in a sentence, and where that is not as published, why. access: what must be done to get it, where an address
    is not enough. location: where somebody's own data lie. made: whether `prepare` makes its audio, so that no two clips can be of one
    recording, and none can be bad. resumes: whether `prepare` goes on from what a killed one left in its folder. shift_of: the data sets of
    whose test clips these are other recordings, by the same ids, on which their probes are scored too (a natural shift; Taori et al. 2020).
    """

    name: str = ""
    description: str = ""
    home: str = ""
    version: str = ""
    licence: str = ""
    citation: str = ""
    annotations: tuple[str, ...] = ()
    classes: Mapping[str, tuple[str, ...]] = {}
    files: tuple[Files, ...] = ()
    checksums: tuple[Checksums, ...] = ()
    downloads: tuple[Download, ...] = ()
    folders: tuple[str, ...] = ()
    mirdata: tuple[str, str] | None = None
    split_rule: str = ""
    access: str = ""
    location: Path | None = None
    made: bool = False
    resumes: bool = False
    shift_of: tuple[str, ...] = ()

    @property
    def on_disk(self) -> bool:
        """Whether it is read from where people keep it, so that nothing is prepared."""
        return bool(self.files) or self.location is not None

    @property
    def prepares(self) -> bool:
        """Whether it has a `prepare` of its own."""
        return type(self).prepare is not Dataset.prepare

    def prepare(self, folder: Path) -> None:
        """Put what the data set needs into `folder`, a new folder kept in the cache; where the data set `resumes`, one that a preparation
        before may have left unfinished. Does nothing for data already on disk."""

    def identity(self) -> str:
        """What `prepare` depends on: another identity, another folder."""
        return f"{self.name} {self.version}"

    def cost(self) -> tuple[float, float]:
        """Rough (seconds, megabytes) that `prepare` takes, for --plan."""
        return 0.0, 0.0

    def sizes(self) -> Mapping[str, tuple[int, float]]:
        """What `prepare` will make, for --plan: split -> (clips, seconds of audio); nothing where that is not known before."""
        return {}

    def clips(self, folder: Path) -> list[Clip]:
        """All clips; `folder` is what `prepare` filled, or, of a published data set, where its files lie. Decodes no audio."""
        raise NotImplementedError(f"data set {self.name} has no clips")


@dataclass(frozen=True)
class Metric:
    """A named way to score predictions; larger is better.

    label: for axes and table heads. targets: the task target kinds it fits (multiclass, multilabel, regression). partial: whether
    it leaves multilabel targets of -1 out; one that does not is refused where there are such. best: what perfect predictions get, from
    which the error of mCE is counted, best - metric; infinite where there is no such value, and then no mCE. labels: of a mean over labels,
    classes or dimensions, (targets, scores) -> (classes,) bool, those that it is over; None where it is no such mean.
    """

    name: str
    label: str
    targets: frozenset[str]
    function: MetricFunction
    partial: bool = False
    best: float = 1.0
    labels: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


class Task:
    """Which annotation is predicted, what kind of target it is, which metrics score it.

    A task runs on every chosen data set that carries its annotation. classes: the published order, or empty to take the training labels in
    sorted order. metrics: names, of ours or of scikit-learn's scorers such as "balanced_accuracy", or Metric objects; the first is the
    headline, by which the probe is chosen. changed_by: what a corruption must not alter for the labels to stay true, e.g. {"pitch"}.
    """

    name: str = ""
    description: str = ""
    annotation: str = ""
    target: str = "multiclass"  # multiclass | multilabel | regression
    metrics: tuple[Any, ...] = ()
    classes: tuple[str, ...] = ()
    changed_by: frozenset[str] = frozenset()

    def label(self, value: Any) -> Any:
        """An annotation as a label: a class name (multiclass), class names (multilabel, text is split at `|`) or numbers (regression)."""
        if self.target == "multilabel":
            return tuple(value.split("|")) if isinstance(value, str) else tuple(value)
        return str(value)

    def shifted_label(self, label: Any, changes: Mapping[str, float]) -> Any:
        """A label, as `label` returns it, of a clip whose music was changed by so much, e.g. {"pitch": 2.0} for two semitones up; None
        where there is none. Where a task overrides it, equivariance is scored under corruptions that alter what it is changed by."""
        return None


class Probe:
    """What is trained on frozen embeddings: a scikit-learn estimator, and the grid of its parameters that valid chooses from.

    estimator: one that is not fitted, of which every fit is of a clone; or a function that makes one, so that to load the plugin imports no
    scikit-learn. It may be a Pipeline; the features that it gets are standardised. grid: by parameter its values, of which of equals the
    first is kept, so the strongest regularisation comes first. Where the estimator says warm_start=True, it is one estimator that goes
    through the grid. targets: the kinds that it is for; None: what the estimator says it can. seeded: whether its seed matters; None: where
    it has a random_state, which is then set.
    """

    name: str = ""
    description: str = ""
    estimator: Any = None
    grid: Mapping[str, Sequence[Any]] = {}
    targets: tuple[str, ...] | None = None
    seeded: bool | None = None

    def __init__(
        self,
        name: str = "",
        estimator: Any = None,
        grid: Mapping[str, Sequence[Any]] | None = None,
        description: str = "",
        *,
        targets: tuple[str, ...] | None = None,
        seeded: bool | None = None,
    ) -> None:
        given = {"name": name, "estimator": estimator, "grid": grid, "description": description, "targets": targets, "seeded": seeded}
        vars(self).update({attribute: value for attribute, value in given.items() if value not in (None, "")})

    def build(self, target: str) -> Any:
        """An estimator that is not fitted, for a kind of target: multiclass, multilabel or regression. Override it where these need
        different ones. A multilabel one of ours learns from labels of -1 too, which nobody has judged; others are fitted label by label."""
        from sklearn.base import clone

        if self.estimator is None:
            raise NotImplementedError(f"probe {self.name} has no estimator")
        return self.estimator() if isinstance(self.estimator, type) or not hasattr(self.estimator, "fit") else clone(self.estimator)

    def points(self, target: str) -> Mapping[str, Sequence[Any]]:
        """The grid for a kind of target."""
        return self.grid

    def cost(self, clips: int, classes: int) -> float:
        """Rough seconds on two cores that it takes to be fitted to so many training clips at all points of the grid, for --plan."""
        return 1 + 2e-5 * clips * classes


class Corruption:
    """A named degradation with a unit and up to five calibrated severities.

    levels: the physical level of severity 1, 2, ..., in `unit`, rising or falling: five, or fewer where there are no more. family: what it
    is a kind of, since means are over families and not over names: noise, filtering, level, coding, rooms, time, mixing, or another name;
    "" for a family of its own, called like it. alters: what it changes of the music, e.g. {"pitch"}; a task whose `changed_by` shares a
    word with it is skipped. limits: whether it may flatten peaks. counted: whether it counts in robustness scores; a sanity check does
    not. others: how many other clips it mixes in; then `mix` is called in the place of `apply`.
    """

    name: str = ""
    description: str = ""
    unit: str = ""
    levels: tuple[float, ...] = ()
    family: str = ""
    alters: frozenset[str] = frozenset()
    limits: bool = False
    counted: bool = True
    others: int = 0

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        """audio: (samples,) float32, in about [-1, 1], to be left as it is; returns the same shape and dtype, finite. Deterministic for a
        seed; what it draws should not depend on the level; the global generators are left as they were (see `mirbench.seeded`)."""
        raise NotImplementedError(f"corruption {self.name} has no apply")

    def mix(self, audio: np.ndarray, others: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        """As `apply`. others: (others, samples) float32, training clips as long as the audio, repeated if shorter; silence without any."""
        raise NotImplementedError(f"corruption {self.name} has no mix")

    def changes(self, level: float, seed: int) -> Mapping[str, float]:
        """How much `apply` changes what it alters, by which `Task.shifted_label` shifts labels: {"pitch": semitones, "tempo": factor}."""
        return {}


def family_of(corruption: Corruption) -> str:
    """The name of its family, its own where it is one by itself."""
    return corruption.family or corruption.name


class Backbone:
    """A network that encoders which learn are built on, by name: `--set options.semisupcon.backbone=NAME`.

    bands: whether the module has `mel`, which makes log-mel bands (batch, bands, frames) of waveforms with the attributes `banks`, `hop`
    (samples) and `centres` (Hz), and `encode`, which makes embeddings of those: the module is `encode(mel(audio))`. So it can be trained
    on augmented bands, far cheaper than on waveforms, and share them with others. blocks: names of modules in it that can be probed as
    layers, in the order in which they are run, once each; they return (batch, ..., frames).
    """

    name: str = ""
    description: str = ""
    bands: bool = False
    blocks: tuple[str, ...] = ()

    def build(self, **options: Any) -> Any:
        """A torch.nn.Module with fresh weights and the attributes `sample_rate` (Hz) and `dim`, mapping waveforms (batch, samples)
        float32 of any length to (batch, dim). Raises TypeError for an option that it does not have."""
        raise NotImplementedError(f"backbone {self.name} has no build")


class Supervision:
    """How alike two clips are, told by one of their annotations: `--set options.semisupcon.supervision=NAME`.

    annotation: the one it reads unless told another. target: what kind of label it is, for training that predicts the label
    (multiclass | multilabel | regression). options: as of an `Encoder`; `annotation` and `weight` are options of any supervision.
    """

    name: str = ""
    description: str = ""
    annotation: str = ""
    target: str = "multiclass"
    options: Mapping[str, Any] = {}

    def label(self, value: Any) -> Any:
        """An annotation as a label: a class name (multiclass), class names (multilabel, text is split at `|`) or a number or numbers
        (regression). Raises MirbenchError for a value that is none."""
        if self.target == "multilabel":
            return tuple(value.split("|")) if isinstance(value, str) else tuple(map(str, value))
        return str(value)

    def check(self, options: Mapping[str, Any]) -> None:
        """Raise MirbenchError for options that cannot work; called before anything is run."""

    def encode(self, labels: Sequence[Any], options: Mapping[str, Any]) -> torch.Tensor:
        """Labels, as `label` returns them -> (clips, features) float32, once for all clips that carry one. How alike two rows are must
        not depend on the other labels, of which some may not be known to the training."""
        raise NotImplementedError(f"supervision {self.name} has no encode")

    def similarity(self, encoded: torch.Tensor, options: Mapping[str, Any]) -> torch.Tensor:
        """Rows of `encode` -> (rows, rows) float32 in [0, 1], symmetric: how positive each pair is; called for each batch."""
        raise NotImplementedError(f"supervision {self.name} has no similarity")
