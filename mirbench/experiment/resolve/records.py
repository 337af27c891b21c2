"""What resolving hands on: frozen records of everything that a run is of, from which its jobs are built without registry or disk."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.global_state import unchanged
from mirbench.engine.machine import core_count
from mirbench.engine.store import Store, key_of, key_of_rows, key_text
from mirbench.errors import MirbenchError, describe, is_not_of_plugin
from mirbench.nouns import Corruption, Dataset, Encoder, Probe, Task
from mirbench.records import ALL_LAYERS, BEST_LAYER, LAYER, OTHER_RECORDINGS, SPLITS, WEIGHTED_LAYERS, Clip, Condition, Input
from mirbench.settings.config import RunConfig

if TYPE_CHECKING:
    from mirbench.data.findings import Finding
    from mirbench.data.labels import Unread
    from mirbench.evaluation.probing.scoring import TaskData

USUAL_SECONDS = 30.0  # of a clip whose length nobody tells, in estimates
LEAST_SAMPLE_RATE = 22_050  # Hz, at which corruptions are applied
SPLIT = "\n"  # where the split of a clip comes into its stamp, which is JSON without line breaks
NOUN = {"dataset": "data set"}
PROBE, SHOTS = "probe", "shots"  # what an entry's probe and labels a class are called among its values, where there are several

Parts = Mapping[str, Any]
"""What moves a number, by name: a part of a job's key. JSON-able."""


@dataclass(frozen=True)
class Machine:
    """device: cpu, cuda or cuda:N; bfloat16: whether the processor computes in it; name: of the processor or GPU, such as NVIDIA H200."""

    device: str = "cpu"
    bfloat16: bool = False
    name: str = ""

    @property
    def kind(self) -> str:
        """cpu or cuda."""
        return self.device.split(":")[0]

    @property
    def cores(self) -> int:
        """That this process may use, asked for where workers are begun: a run that has nothing to do begins none."""
        return core_count()


@dataclass(frozen=True, eq=False)
class Data:
    """A data set as it is now. folder: where its files lie, or will. source: what makes or reads it; prepared: whether its clips can
    be listed. place: what its clips are clips of. stamps: of each clip, what of it and of its file can move a number, as `resolve.data`
    writes it. decoders: the packages that decode its files, with their versions. unread: by annotation, the cells that no task can read
    and clips are without. absent: the clips whose file is missing or empty."""

    noun: Dataset
    folder: Path
    source: Parts
    prepared: bool = True
    place: str = ""
    clips: tuple[Clip, ...] = ()
    stamps: tuple[str, ...] = ()
    decoders: Parts = field(default_factory=dict)
    provider: str = "mirbench"
    unread: Mapping[str, Sequence[Unread]] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.noun.name

    @property
    def ships_with_mirbench(self) -> bool:
        """Whether its clips are ours to the last."""
        return self.noun.made and self.provider.split(".")[0] == "mirbench_plugins"

    def of(self, *splits: str) -> list[Clip]:
        return [clip for clip in self.clips if clip.split in splits]

    def key(self, labels: Collection[str] | None = None, splits: Sequence[str] = SPLITS) -> str:
        """Of the clips as they are, or, where they are still to be made, of what will make them. labels: the annotations that are read;
        None: all. splits: those that are."""
        if not self.prepared:
            return key_of(**self.source)
        selection = (None if labels is None else tuple(sorted(set(labels))), tuple(splits))
        if selection not in self._keys:
            self._keys[selection] = key_of_rows("clips", self._rows(labels, splits), data=self.place)
        return self._keys[selection]

    def _rows(self, labels: Collection[str] | None, splits: Sequence[str]) -> Iterator[str]:
        """Each clip in these splits as a part of a key."""
        wanted = None if labels is None else _with_unknown(labels)
        own = {split: f",{key_text(split)}," for split in splits}
        for clip, stamp in zip(self.clips, self.stamps, strict=True):
            if clip.split in own:
                yield f"[{stamp.replace(SPLIT, own[clip.split])},{_labels_text(clip, wanted)}]"

    def size(self, splits: Sequence[str]) -> tuple[int, float]:
        """Clips in these splits and, roughly, seconds of audio; 0 where nothing is known yet."""
        sizes = [self._sizes[split] for split in splits]
        return sum(count for count, _ in sizes), sum(seconds for _, seconds in sizes)

    @cached_property
    def promised(self) -> Mapping[str, tuple[int, float]]:
        """As `Dataset.sizes`."""
        return self.noun.sizes()

    @cached_property
    def _keys(self) -> dict[Any, str]:
        return {}

    @cached_property
    def _sizes(self) -> dict[str, tuple[int, float]]:
        sizes = dict.fromkeys(SPLITS, (0, 0.0))
        for clip in self.clips:
            count, seconds = sizes[clip.split]
            sizes[clip.split] = count + 1, seconds + (USUAL_SECONDS if clip.duration is None else clip.duration)
        return sizes


def _with_unknown(labels: Collection[str]) -> list[str]:
    """The names of annotations and of those that say what of them nobody has judged."""
    return sorted({name for name in labels if not name.endswith("_unknown")} | {f"{name}_unknown" for name in labels})


def _labels_text(clip: Clip, wanted: Sequence[str] | None) -> str:
    """The annotations of these names, or all, as a part of a key."""
    labels = clip.annotations
    names = labels if wanted is None else [name for name in wanted if name in labels]
    return key_text({name: in_json(labels[name]) for name in names}) if names else "{}"


def in_json(value: Any) -> Any:
    """An annotation as a part of a key."""
    return list(value) if isinstance(value, tuple | list) else str(value)


@dataclass(frozen=True)
class ChosenProbe:
    """A probe of a run. seeded: whether its seed matters. module: of the plugin that provides it, whose types are trusted."""

    noun: Probe = field(default_factory=Probe)
    seeded: bool = False
    module: str = ""

    @property
    def built_in(self) -> bool:
        return self.module.split(".")[0] in ("mirbench", "mirbench_plugins")


@dataclass(frozen=True, eq=False)
class Entry:
    """An encoder as it enters the tables. name: the label in every table and row; no key depends on it, so that what two have in common is
    done once.

    options: complete, and as the encoder spells them. role: encoder | floor. seeds: of pretraining and probe. values: by swept option,
    a number or a label; empty for what is not swept. checkpoints: by seed, the folders that were given; none for what is pretrained
    here or not at all. asked: what settings say against options that those were trained with. probe: what is fitted to its embeddings.
    shots: to how many labels a class; None: all; draws: how often, to other clips.
    """

    name: str
    encoder: Encoder
    options: Mapping[str, Any]
    role: str
    seeds: tuple[int, ...]
    values: Mapping[str, float | str] = field(default_factory=dict)
    checkpoints: Mapping[int, Path] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    probe: ChosenProbe = field(default_factory=ChosenProbe)
    shots: int | None = None
    draws: int = 1

    @cached_property
    def input(self) -> Input:
        """The audio that its encoder is given."""
        return self.encoder.input(self.options)

    @cached_property
    def _layer(self) -> int | str | None:
        return self.options[LAYER] if self.encoder.layers(self.options) is not None else None

    @property
    def embedded_layer(self) -> int | str | None:
        """The layer that is embedded: a number, the last, or all, where several are probed; None where there is one embedding."""
        return ALL_LAYERS if LAYER in self.values or self._layer in (BEST_LAYER, WEIGHTED_LAYERS) else self._layer

    @property
    def probed_layer(self) -> int | str | None:
        """Which of several embedded layers is probed: a number, the best or weighted; None where one alone is embedded."""
        return self._layer if self.embedded_layer == ALL_LAYERS else None

    @property
    def embedded_options(self) -> dict[str, Any]:
        """Those that its encoder is loaded with."""
        return {**self.options, **({} if self._layer is None else {LAYER: self.embedded_layer})}

    def rivals(self, other: Entry) -> bool:
        """Whether the two are compared: variants with what is not swept and with the same point of another encoder's sweep."""
        return not self.values or not other.values or self.values == other.values


@dataclass(frozen=True)
class PretrainingData:
    """A data set that is pretrained on. labels: the annotations that may be used; None: all that it carries."""

    dataset: Dataset
    labels: tuple[str, ...] | None = None

    @property
    def annotations(self) -> tuple[str, ...]:
        return self.dataset.annotations if self.labels is None else self.labels


@dataclass(frozen=True)
class Skip:
    """A task that is not scored under a corruption on any data set, and why."""

    task: str
    corruption: str
    reason: str


@dataclass(frozen=True, eq=False)
class NaturalShift:
    """Other recordings of the test clips of a data set, by the same ids. of: that data set, whose probes and labels they are scored by."""

    data: Data
    of: str

    @property
    def condition(self) -> Condition:
        return Condition(self.data.name, 1, None, OTHER_RECORDINGS)


@dataclass(frozen=True)
class KeptCheckpoints:
    """Checkpoints of an earlier run, to be taken from the store as they are. keys: by entry and seed; by: how that run was made."""

    keys: Mapping[tuple[str, int], str] = field(default_factory=dict)
    by: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Code:
    """What of the code, of plugins and of packages makes numbers: a part of a key each, with a digest of the source that is used and the
    versions of the packages that it imports. kinds: by kind of job; pretraining, embedding: by entry; tasks, corruptions: by name;
    headlines: of tasks with their first metric alone, by which probes are chosen; probes: by name, plugin, estimator and grid."""

    kinds: Mapping[str, Parts] = field(default_factory=dict)
    pretraining: Mapping[str, Parts] = field(default_factory=dict)
    embedding: Mapping[str, Parts] = field(default_factory=dict)
    tasks: Mapping[str, Parts] = field(default_factory=dict)
    headlines: Mapping[str, Parts] = field(default_factory=dict)
    probes: Mapping[str, Parts] = field(default_factory=dict)
    corruptions: Mapping[str, Parts] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Resolved:
    """Everything that a run is of, looked up. The keys of the mappings are names.

    store: where what jobs make lies. data: all data sets; scored: those that are scored on; pretraining: those that are pretrained on;
    natural_shifts: those of other recordings of what is scored on.
    labels: by data set and task, where they can be read; left_out: why a task is not run, though its annotation is there. conditions: by
    corruption, by rising severity; families: of the corruptions that count, by the name of the family; seen_families: by entry, those that
    its encoder knows from its training; shifting: (task, corruption) where labels are shifted along. sample_rate: Hz, at which corruptions
    are applied. identities: by entry, what its encoder says that its embeddings depend on, and digests of files that its options name.
    baseline: whom errors under corruption are relative to. similarity: whether embeddings are compared, too. dropped: by data set, the
    clips that nothing is pretrained on, since they overlap with what is tested. checkpoint_files: by the folder of a checkpoint that is
    there, the digests of its files. on_bands: the entries whose backbones listen to log-mel bands. providers: by kind and name. findings:
    by data set, what is noticed of it before any of its audio is decoded.
    """

    config: RunConfig
    store: Store
    machine: Machine
    entries: tuple[Entry, ...]
    data: Mapping[str, Data]
    scored: tuple[str, ...]
    tasks: tuple[Task, ...]
    code: Code = Code()
    probes: tuple[ChosenProbe, ...] = ()
    pretraining: tuple[PretrainingData, ...] = ()
    labels: Mapping[tuple[str, str], TaskData] = field(default_factory=dict)
    left_out: Mapping[tuple[str, str], str] = field(default_factory=dict)
    corruptions: Mapping[str, Corruption] = field(default_factory=dict)
    conditions: Mapping[str, tuple[Condition, ...]] = field(default_factory=dict)
    families: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seen_families: Mapping[str, Sequence[str]] = field(default_factory=dict)
    skips: tuple[Skip, ...] = ()
    shifting: Collection[tuple[str, str]] = ()
    natural_shifts: tuple[NaturalShift, ...] = ()
    sample_rate: int = LEAST_SAMPLE_RATE
    baseline: str = ""
    similarity: bool = False
    dropped: Mapping[str, frozenset[str]] = field(default_factory=dict)
    kept: KeptCheckpoints = KeptCheckpoints()
    checkpoint_files: Mapping[Path, Mapping[str, str]] = field(default_factory=dict)
    identities: Mapping[str, Parts] = field(default_factory=dict)
    on_bands: Collection[str] = ()
    providers: Mapping[tuple[str, str], str] = field(default_factory=dict)
    plugins: Sequence[Mapping[str, Any]] = ()
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)

    @property
    def encoders(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.role == "encoder"]

    @property
    def scored_data(self) -> list[Data]:
        return [self.data[name] for name in self.scored]

    def conditions_on(self, dataset: str) -> list[Condition]:
        """Those that the probes of a data set are scored under: corruptions by rising severity, then natural shifts."""
        shifts = [shift.condition for shift in self.natural_shifts if shift.of == dataset]
        return [*(condition for conditions in self.conditions.values() for condition in conditions), *shifts]

    def nodes(self, encoder: Encoder) -> int:
        """That one pretraining of it spans, with the run's `devices` on each; of an encoder that does not say it can, one."""
        spans = self.config.executor == "slurm" and getattr(encoder, "spans_nodes", False)
        return self.config.slurm.nodes if spans else 1

    @property
    def pretraining_data(self) -> list[Data]:
        return [self.data[each.dataset.name] for each in self.pretraining]

    def pretraining_clips(self, data: Data, *splits: str) -> list[Clip]:
        """Those of a data set in these splits that may be pretrained on, or chosen by."""
        dropped = self.dropped.get(data.name, frozenset())
        return [clip for clip in data.of(*splits) if clip.id not in dropped]

    @property
    def prepared(self) -> bool:
        """Whether the clips of all data sets were there to be listed."""
        return all(data.prepared for data in self.data.values())

    def carries(self, data: Data, task: Task) -> bool:
        """Whether the task is run on the data set."""
        return task.annotation in data.noun.annotations and (data.name, task.name) not in self.left_out

    @contextlib.contextmanager
    def naming(self, kind: str, name: str, doing: str, seed: int | None = None) -> Iterator[None]:
        """A fault inside a plugin is told with the plugin's name; errors of ours and of the disk pass. What it changes of the process is
        put back. seed: where the global generators begin, for what is drawn while something is constructed."""
        with naming(kind, name, self.providers.get((kind, name), "mirbench"), doing, seed):
            yield


@contextlib.contextmanager
def naming(kind: str, name: str, provider: str, doing: str, seed: int | None = None) -> Iterator[None]:
    """As `Resolved.naming`."""
    whose = f"{NOUN.get(kind, kind)} '{name}' (from {provider})"
    try:
        with unchanged(whose, seed, may_draw=seed is not None):
            yield
    except BaseException as error:
        if is_not_of_plugin(error):
            raise
        raise MirbenchError(f"{whose} failed while {doing}: {describe(error)}; --debug shows where.") from error
