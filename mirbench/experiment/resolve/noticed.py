"""What is noticed of the data of a run: cells that cannot be read, and the findings of labels and splits, as `data check` tells them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mirbench.data import label_findings
from mirbench.data.findings import Finding
from mirbench.data.labels import without_unreadable
from mirbench.data.manifests.clip_names import ClipNames
from mirbench.data.manifests.own import OwnDataset
from mirbench.experiment.resolve.records import Data
from mirbench.nouns import Task
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig


def readable_data(data: Data, tasks: Iterable[Task], max_bad: float) -> Data:
    """Its clips without the few cells that no task can read."""
    clips, unread = without_unreadable(data.clips, tasks, max_bad)
    return replace(data, clips=tuple(clips), unread=unread) if unread else data


def findings_of(data: Data, config: RunConfig, registry: Registry, scored: bool) -> tuple[Finding, ...]:
    """Of a data set as a run takes it. scored: whether tasks are run on it, or it is pretrained on alone."""
    if not data.prepared:
        return ()
    noun, known = data.noun, {task.annotation for task in registry.tasks.values()}
    read_first, columns = (noun.findings, noun.columns) if isinstance(noun, OwnDataset) else ((), ())
    tasks: Sequence[Task] = registry.resolve("task", config.tasks) if scored else []
    labels, uncounted = label_findings.labels_of(noun, noun.annotations, data.clips, tasks)
    asked = [task for task in tasks if task.name in config.tasks and task.annotation in noun.annotations]
    called = ClipNames(noun, data.clips)
    about = (data.unread, labels, asked, known, columns, called, config.max_bad)
    found = label_findings.of_data(noun, noun.annotations, data.clips, *about)
    return tuple(sorted((*read_first, *uncounted, *found), key=lambda finding: finding.place))
