"""What is to be known of a data set before anything runs on it: what it is, what is wrong with it, and what a run will need.

Everything that a run refuses is looked for at once and told as a finding, so that no fault hides another. Prints nothing.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mirbench.data import findings, label_findings
from mirbench.data.findings import Finding, count, unique
from mirbench.data.labels import Labels, without_empty, without_unreadable
from mirbench.data.manifests.clip_names import ClipNames
from mirbench.data.manifests.faults import FaultlessRows, find_faults
from mirbench.data.manifests.own import OwnDataset
from mirbench.data.manifests.rows import ending_of
from mirbench.data.published.layout import data_root, suggest_dataset
from mirbench.engine.machine import core_count
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError, describe, printable
from mirbench.experiment.planning.plan import cost_of
from mirbench.experiment.resolve.data import place_of
from mirbench.experiment.resolve.data_selection import fit_supervision, register_own_data
from mirbench.experiment.resolve.usable import name_usable
from mirbench.experiment.run import plan
from mirbench.nouns import Dataset, Task
from mirbench.records import PRETRAINING_SPLITS, SPLITS, Clip
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig

if TYPE_CHECKING:
    from mirbench.data.duplicates.overlap import Overlap
    from mirbench.data.scans import Scan


@dataclass(frozen=True)
class SplitFacts:
    """seconds: of audio, of the clips whose length is known; unmeasured: how many there are beside those."""

    name: str
    clips: int
    groups: int
    seconds: float = 0.0
    unmeasured: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a run that has not begun needs. of: what is run. seconds: on two cores; free: megabytes on the disk of the cache."""

    of: str
    seconds: float
    megabytes: float
    free: float
    cache: Path


@dataclass(frozen=True)
class Checked:
    """annotations, split_rule: of the data set, where it can be read. made: whether its clips are there to be listed, or still to be made.
    listened: whether audio was compared with audio. encoders: that it was checked for."""

    dataset: Dataset
    annotations: tuple[str, ...] = ()
    split_rule: str = ""
    made: bool = True
    listened: bool = False
    encoders: tuple[str, ...] = ()
    splits: tuple[SplitFacts, ...] = ()
    labels: tuple[Labels, ...] = ()
    estimate: Estimate | None = None
    findings: tuple[Finding, ...] = ()

    def of_level(self, level: str) -> list[Finding]:
        """level: error | warning | note."""
        return [finding for finding in self.findings if finding.level == level]

    @property
    def works(self) -> bool:
        """Whether a run would not refuse it."""
        return not self.of_level("error")


def check(config: RunConfig, registry: Registry, cache: Path, listen: bool = True) -> Checked:
    """Checks the one data set that the settings name, for their tasks and encoders; without encoders, what depends on none. Prepares
    nothing and trains nothing.

    listen: whether near-identical audio is looked for across splits, which decodes every clip once. Raises
    MirbenchError for unknown names, and where the settings name several data sets.
    """
    config = name_usable(config, registry)
    tasks: list[Task] = registry.resolve("task", config.tasks)
    learns = any(encoder.trainable for encoder in registry.resolve("encoder", config.encoders))
    try:
        config = register_own_data(config, registry)
        dataset, report = _chosen(config, registry), list[Finding]()
    except MirbenchError as error:
        dataset, report = _faultless_rows(config, error)
    splits: tuple[SplitFacts, ...] = ()
    labels: list[Labels] = []
    made = listened = False
    try:
        folder = _folder(config, cache, dataset)
        clips = None if folder is None else _clips(dataset, folder, registry)
        annotations = dataset.annotations
    except MirbenchError as error:
        return Checked(dataset, findings=(Finding("error", str(error)),))
    if clips is not None:
        made, listened, called = True, listen and not dataset.made, ClipNames(dataset, clips)
        report += findings.of_ids(clips)
        columns: tuple[str, ...] = ()
        if isinstance(dataset, OwnDataset):
            columns = dataset.columns
            report += dataset.findings
        scans = {} if dataset.made else _scan(clips, cache, dataset, listen)
        if not dataset.made:
            report += findings.of_files(clips, scans, config.max_bad, called)
            report += findings.of_lengths(clips, scans, called, bool(dataset.files))
            mode = findings.overlap_mode(config.overlap, dataset)
            pairs, split = _overlap(clips, scans, cache, listen)
            lines = {clip.id: called.lines([clip]) for clip in unique(clips)} if pairs else {}
            report += findings.of_overlap(pairs, split, mode, refused=learns, lines=lines)
            if listen:
                report += _of_sound(clips, scans, cache, called, bool(dataset.files))
        clips, unread = without_unreadable(clips, registry.tasks.values(), config.max_bad)
        if not dataset.shift_of:  # which has test clips alone, and labels that a run compares with the others'
            labels, uncounted = label_findings.labels_of(dataset, annotations, clips, tasks)
            report += uncounted
            asked = [task for task in tasks if task.name in config.tasks]
            known = {task.annotation for task in registry.tasks.values()}
            report += label_findings.of_data(dataset, annotations, clips, unread, labels, asked, known, columns, called, config.max_bad)
        if (
            not labels
            and not dataset.shift_of
            and dataset.location is not None
            and (hint := suggest_dataset(dataset.location, registry.datasets.values()))
        ):
            report.append(Finding("note", hint))
        splits = _split_facts(clips, scans)
    planned = dataset.name in registry.datasets and (not made or bool(labels or dataset.shift_of) or "all" not in config.tasks)
    if dataset.shift_of:
        config = config.model_copy(update={"datasets": [dataset.shift_of[0]], "shifts": [dataset.name]})
    estimate = _estimate(config, registry, cache, report) if planned else None
    report.sort(key=lambda finding: finding.place)
    told = tuple(report)
    return Checked(dataset, annotations, dataset.split_rule, made, listened, tuple(config.encoders), splits, tuple(labels), estimate, told)


def _chosen(config: RunConfig, registry: Registry) -> Dataset:
    datasets: list[Dataset] = registry.resolve("dataset", config.datasets)
    if len(datasets) != 1:
        raise MirbenchError(f"one data set is checked at a time, and {', '.join(d.name for d in datasets) or 'none'} was named; name one.")
    return datasets[0]


def _faultless_rows(config: RunConfig, error: MirbenchError) -> tuple[Dataset, list[Finding]]:
    """What is in order of a manifest that is refused, and what is not; raises the error where no row by itself is at fault."""
    location = Path(config.datasets[0]).expanduser() if len(config.datasets) == 1 else Path()
    if not ending_of(location) or not location.is_file():
        raise error
    found_faults = find_faults(location, data_root=data_root(config.data_root), allow_outside=config.allow_outside)
    if not found_faults.faults or not found_faults.rows:
        raise error
    text = f"{count(len(found_faults.faults), 'fault')} in the manifest; what else is said is of the rows without."
    return FaultlessRows(location, found_faults, config.split_seed), [Finding("error", text, tuple(map(printable, found_faults.faults)))]


def _folder(config: RunConfig, cache: Path, dataset: Dataset) -> Path | None:
    """Where its files lie; None where they are still to be made."""
    _, folder, prepared = place_of(dataset, Store(cache).check(), config.data_root)
    return folder if prepared or not dataset.prepares else None


def _clips(dataset: Dataset, folder: Path, registry: Registry) -> list[Clip]:
    """Raises MirbenchError where there are none, or they cannot be listed."""
    try:
        clips = without_empty(dataset.clips(folder))
    except MirbenchError:
        raise
    except Exception as error:  # of a plugin's
        provider = registry.provider("dataset", dataset.name)
        raise MirbenchError(f"data set '{dataset.name}' (from {provider}) cannot list its clips: {describe(error)}.") from error
    if not clips:
        raise MirbenchError(f"data set '{dataset.name}' has no clips.")
    return clips


def _scan(clips: Sequence[Clip], cache: Path, dataset: Dataset, decode: bool) -> dict[str, Scan]:
    """By clip id, what a first look at each file shows and, where it is decoded, whether it can be."""
    from mirbench.data.audio.undecodable import undecodable
    from mirbench.data.scans import scan_clips

    scans = scan_clips(unique(clips), cache, core_count(), f"looking at the files of {dataset.name}")
    if decode:
        readable = [clip for clip in unique(clips) if not scans[clip.id].problem]
        damaged = undecodable(readable, cache, core_count(), f"listening to {dataset.name}")
        scans |= {name: replace(scans[name], problem=why) for name, why in damaged.items()}
    return scans


def _of_sound(clips: Sequence[Clip], scans: Mapping[str, Scan], cache: Path, called: ClipNames, published: bool) -> list[Finding]:
    """What listening to clips shows, but for what splits have in common."""
    from mirbench.data.duplicates.fingerprinting import listen_to

    heard = listen_to([clip for clip in unique(clips) if not scans[clip.id].problem], cache, core_count())
    return list(label_findings.of_listening(heard, called, published))


def _overlap(clips: Sequence[Clip], scans: Mapping[str, Scan], cache: Path, by_audio: bool) -> tuple[list[Overlap], dict[str, str]]:
    """Pairs of clips in different splits that are of one file or, by their audio, of one recording; and the split of each clip."""
    from mirbench.data.duplicates.overlap import find_overlap, overlap_between_splits

    readable = [clip for clip in unique(clips) if clip.id not in scans or not scans[clip.id].problem]
    split = {clip.id: clip.split for clip in readable}
    if by_audio:
        return overlap_between_splits(readable, cache, core_count()), split
    learnt_from, valid, rest = (
        [clip for clip in readable if clip.split in splits] for splits in (PRETRAINING_SPLITS, ("valid",), ("test",))
    )
    pairs = [(learnt_from, [*valid, *rest]), (valid, rest)]
    return [pair for first, second in pairs for pair in find_overlap(first, second, cache, core_count(), by_audio=False)], split


def _split_facts(clips: Sequence[Clip], scans: Mapping[str, Scan]) -> tuple[SplitFacts, ...]:
    by_split: dict[str, list[Clip]] = defaultdict(list)
    for clip in unique(clips):
        by_split[clip.split].append(clip)
    ordered = [*(split for split in SPLITS if split in by_split), *sorted(by_split.keys() - set(SPLITS))]
    return tuple(_facts(split, by_split[split], scans) for split in ordered)


def _facts(split: str, clips: Sequence[Clip], scans: Mapping[str, Scan]) -> SplitFacts:
    lengths = [_seconds(clip, scans.get(clip.id)) for clip in clips]
    known = [seconds for seconds in lengths if seconds is not None]
    return SplitFacts(split, len(clips), len({clip.group for clip in clips}), sum(known), len(lengths) - len(known))


def _seconds(clip: Clip, scan: Scan | None) -> float | None:
    """Of a clip, None where it cannot be told."""
    if scan is not None and scan.problem:
        return None
    if clip.duration is not None:
        return clip.duration
    return max(0.0, scan.seconds - clip.start) if scan is not None else None


def _estimate(config: RunConfig, registry: Registry, cache: Path, report: list[Finding]) -> Estimate | None:
    """What a run of encoders needs; where it cannot be planned, why is told, unless an error has been."""
    try:
        planned = plan(fit_supervision(config, registry), registry, cache)
    except MirbenchError as error:
        if not any(finding.level == "error" for finding in report):
            report.append(Finding("error", str(error)))
        return None
    if not config.encoders:
        return None
    resolved = planned.resolved
    seconds, megabytes = cost_of(planned, planned.graph.missing(resolved.store))
    free = shutil.disk_usage(cache).free / 1e6
    if megabytes > free:
        report.append(Finding("warning", f"a run needs about {megabytes:,.0f} MB in {cache}, where {free:,.0f} MB are free."))
    under = f" under {count(len(resolved.conditions), 'corruption')}" if resolved.conditions else ""
    names, tasks = (", ".join(noun.name for noun in nouns) for nouns in (resolved.entries, resolved.tasks))
    return Estimate(f"{names} on {tasks}{under}", seconds, megabytes, free, cache)
