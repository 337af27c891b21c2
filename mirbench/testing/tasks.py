"""What tasks promise.

PYTEST_DONT_REWRITE: what an assertion says is the whole sentence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from mirbench.errors import MirbenchError, describe
from mirbench.nouns import Supervision, Task
from mirbench.registry.contract import wrong_label
from mirbench.testing.importing import IMPORTED
from mirbench.testing.means import contract, fenced
from mirbench.testing.promises import WRITTEN, NotSeen, Promise


class TaskSubject:
    """values: of its annotation, as clips carry them; its classes where none are given."""

    source = ""

    def __init__(self, task: Task, values: Iterable[Any] = ()) -> None:
        self.task, self.title, self.wrong = task, f"task '{task.name}'", list[str]()
        own = task.classes if getattr(task, "target", "") != "regression" else ()
        self.values = list(values) or [(name,) if task.target == "multilabel" else name for name in own]


def _contract(subject: TaskSubject) -> str:
    contract("task", subject.task)
    return f"{subject.task.target}, of '{subject.task.annotation}'"


def _metrics(subject: TaskSubject) -> str:
    from mirbench.evaluation.probing import metrics

    found = []
    for metric in subject.task.metrics:
        try:
            found.append(metrics.resolve(metric))
            metrics.check_fits(found[-1], subject.task.target)
        except MirbenchError as error:
            raise AssertionError(f"{subject.title}: {error}") from error
    return ", ".join(metric.name for metric in found)


def _classes(subject: TaskSubject) -> str:
    """One of which label() raises is a matter of values."""
    task = subject.task
    if task.target == "regression":  # whose classes are names of numbers
        return f"{len(task.classes)} numbers" if task.classes else ""
    for value in task.classes:
        with contextlib.suppress(Exception, SystemExit):
            label = task.label(value if task.target != "multilabel" else (value,))
            known = set(label if task.target == "multilabel" else [label]) <= set(task.classes)
            subject.wrong += [] if known else [f"label({value!r}) is {label!r}, which is not among the classes"]
    assert not subject.wrong, f"{subject.title}: {subject.wrong[0]}"
    return f"{len(task.classes)} classes" if task.classes else "those of the training labels"


def _labels(subject: TaskSubject) -> str:
    if not subject.values:
        raise NotSeen(f"no data set here says what values '{subject.task.annotation}' has; name yours by --data")
    labels, refused = set(), []
    for value in subject.values:
        try:
            label = subject.task.label(value)
        except (Exception, SystemExit) as error:
            refused.append(f"label({value!r}) raises {describe(error)}")
            continue
        right_label(f"{subject.title}: label({value!r}) is {label!r}", subject.task, value, label, subject.task.classes)
        labels.add(repr(label))
    some = f", as {len(refused)} of {len(subject.values)} values do" if len(refused) > 1 else ""
    assert not refused, f"{subject.title}: {refused[0]}{some}"
    return f"{len(subject.values)} values, {len(labels)} labels"


def _global_state(subject: TaskSubject) -> str:
    for value in subject.values:
        with fenced(f"{subject.title}: label({value!r})"):
            subject.task.label(value)
    return ""


def right_label(what: str, reader: Task | Supervision, value: Any, label: Any, classes: Sequence[str] = ()) -> None:
    """AssertionError where it is wrong for the target, not the same the next time, or none of these classes where there are any."""
    assert repr(reader.label(value)) == repr(label), f"{what} once and something else the next time"
    wrong = wrong_label(reader.target, classes, label)
    assert not wrong, f"{what}{',' if wrong.startswith('which') else ';'} {wrong.removeprefix('and ')}"


TASK = (
    Promise("contract", "what the registry asks of a task", WRITTEN.format("task"), _contract),
    IMPORTED,
    Promise(
        "metrics",
        "metrics that fit the target",
        "name metrics of this kind of target; `mirbench list NAME` of a task shows its own",
        _metrics,
        ("contract",),
    ),
    Promise("classes", "label() of a class is a class", "let label() return a class for the name of a class", _classes, ("contract",)),
    Promise(
        "labels",
        "label() makes a right label of each value",
        "let label() return one of the classes for every value that clips carry",
        _labels,
        ("contract",),
    ),
    Promise(
        "global state",
        "label() leaves the process alone",
        "draw no random numbers in label(), and set nothing that others read",
        _global_state,
        ("labels",),
    ),
)
