"""Which other recordings of the test clips of a data set its probes are scored on too, beside the corruptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from mirbench.data.findings import count
from mirbench.errors import MirbenchError, in_words, printable
from mirbench.experiment.resolve.records import Data, NaturalShift
from mirbench.nouns import Dataset, Task
from mirbench.records import ALL, CLEAN, FAMILIES, FAMILY, SEEN, UNSEEN, Clip
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig


def resolve_shifts(
    config: RunConfig, registry: Registry, scored: Sequence[Data], tasks: Iterable[Task], look: Callable[[Dataset], Data]
) -> list[NaturalShift]:
    """look: a data set as it is now. Raises MirbenchError for one that is of no data set of the run, lacks clips of it, says something else
    of one, or is called like a corruption."""
    of_name = {data.name: data for data in scored}
    for name, data in of_name.items():
        if data.noun.shift_of:
            raise MirbenchError(
                f"data set '{name}' is of other recordings of the test clips of {' and '.join(data.noun.shift_of)} and has nothing to fit "
                f"probes on; name {data.noun.shift_of[0]}, which is scored on both."
            )
    shifts = []
    for noun in _named(config, registry, of_name):
        _check_name(noun.name, registry)
        data = look(noun)
        for of in _of(data, of_name):
            shifts.append(NaturalShift(_twins(data, of, tasks), of.name))
    return shifts


def _named(config: RunConfig, registry: Registry, scored: Iterable[str]) -> list[Dataset]:
    """Each once."""
    known = [noun for noun in registry.datasets.values() if set(noun.shift_of) & set(scored)]
    named = [noun for name in config.shifts for noun in (known if name == "all" else [registry.get("dataset", name)])]
    return list({noun.name: noun for noun in named}.values())


def _check_name(name: str, registry: Registry) -> None:
    if name in registry.corruptions or name in (ALL, CLEAN, FAMILIES, SEEN, UNSEEN) or name.startswith(FAMILY.format("")):
        raise MirbenchError(f"--shifts {name}: this is what a corruption is called, or a mean over some; give the data set another name.")


def _of(shift: Data, scored: Mapping[str, Data]) -> list[Data]:
    """The data sets whose test clips these are other recordings of: those that it says, or else the one that has the same ids."""
    others = [data for data in scored.values() if data.name != shift.name]
    if shift.noun.shift_of:
        found = [data for data in others if data.name in shift.noun.shift_of]
    else:
        ids = {clip.id for clip in shift.clips}
        found = others if len(scored) == len(others) == 1 else [data for data in others if {clip.id for clip in data.of("test")} <= ids]
    if not found:
        whose = f"other recordings of {' and '.join(shift.noun.shift_of)}" if shift.noun.shift_of else "of other clips than those"
        raise MirbenchError(f"--shifts {shift.name}: the run is scored on {', '.join(scored)}, and it is {whose}; leave it out.")
    return found


def _twins(shift: Data, of: Data, tasks: Iterable[Task]) -> Data:
    """The recordings of the test clips alone, in their order, whatever their split is called. Raises MirbenchError where one is missing, or
    says something else of what a task reads."""
    if not (shift.prepared and of.prepared):
        return shift
    rows, test = {clip.id: row for row, clip in enumerate(shift.clips)}, of.of("test")
    if lacking := [clip.id for clip in test if clip.id not in rows]:
        more = f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
        raise MirbenchError(
            f"data set '{shift.name}' should have another recording of each of the {count(len(test), 'test clip')} of {of.name}, by the "
            f"same id, and has none of {printable(lacking[0])}{more}; add them, or leave it out with --shifts none."
        )
    twins = [shift.clips[rows[clip.id]] for clip in test]
    for task in tasks:
        for clip, twin in zip(test, twins, strict=True):
            if task.annotation in twin.annotations and task.annotation in clip.annotations and _label(task, twin) != _label(task, clip):
                told = [in_words(each.annotations[task.annotation]) for each in (clip, twin)]
                raise MirbenchError(
                    f"clip {printable(clip.id)} has the {task.annotation} {told[0]} in {of.name} and {told[1]} in {shift.name}, which "
                    "should be another recording of the same; correct one of them."
                )
    stamps = tuple(shift.stamps[rows[clip.id]] for clip in test)
    return replace(shift, clips=tuple(replace(twin, split="test") for twin in twins), stamps=stamps)


def _label(task: Task, clip: Clip) -> object:
    label = task.label(clip.annotations[task.annotation])
    return frozenset(label) if task.target == "multilabel" else label
