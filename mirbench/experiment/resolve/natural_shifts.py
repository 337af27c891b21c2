"""Which other recordings of the test clips of a data set its probes are scored on too, beside the corruptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mirbench.data.findings import count
from mirbench.errors import MirbenchError, printable
from mirbench.experiment.resolve.records import Data, NaturalShift, in_json
from mirbench.nouns import Dataset
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig


def resolve_shifts(config: RunConfig, registry: Registry, scored: Sequence[Data], look: Callable[[Dataset], Data]) -> list[NaturalShift]:
    """look: a data set as it is now. Raises MirbenchError for one that is of no data set of the run, or lacks clips of it."""
    of_name = {data.name: data for data in scored}
    for name, data in of_name.items():
        if data.noun.shift_of:
            raise MirbenchError(
                f"data set '{name}' is of other recordings of the test clips of {data.noun.shift_of} and has nothing to fit probes on; "
                f"name {data.noun.shift_of}, which is scored on both."
            )
    shifts = []
    for noun in _named(config, registry, of_name):
        of = of_name.get(noun.shift_of or (scored[0].name if len(scored) == 1 else ""))
        if of is None:
            whose = f"other recordings of {noun.shift_of}" if noun.shift_of else "other recordings of which of them, nobody says"
            raise MirbenchError(f"--shifts {noun.name}: the run is scored on {', '.join(of_name)}, and it is {whose}; leave it out.")
        shifts.append(NaturalShift(look(noun), of.name))
        _check_twins(shifts[-1].data, of)
    return shifts


def _named(config: RunConfig, registry: Registry, scored: Iterable[str]) -> list[Dataset]:
    return [
        noun
        for name in config.shifts
        for noun in ([n for n in registry.datasets.values() if n.shift_of in scored] if name == "all" else [registry.get("dataset", name)])
    ]


def _check_twins(shift: Data, of: Data) -> None:
    """Raises MirbenchError where a test clip has no twin, or one that says something else of it."""
    if not (shift.prepared and of.prepared):
        return
    twins = {clip.id: clip for clip in shift.of("test")}
    test = of.of("test")
    if lacking := [clip.id for clip in test if clip.id not in twins]:
        more = f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
        raise MirbenchError(
            f"data set '{shift.name}' should have another recording of each of the {count(len(test), 'test clip')} of {of.name}, by the "
            f"same id, and has none of {printable(lacking[0])}{more}; add them, or leave it out with --shifts none."
        )
    for clip in test:
        told = twins[clip.id].annotations
        for name in sorted(told.keys() & clip.annotations.keys()):
            if in_json(told[name]) != in_json(clip.annotations[name]):
                raise MirbenchError(
                    f"clip {printable(clip.id)} has the {name} {in_json(clip.annotations[name])} in {of.name} and {in_json(told[name])} in "
                    f"{shift.name}, which should be another recording of the same; correct one of them."
                )
