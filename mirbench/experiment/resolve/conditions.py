"""Under which conditions a run scores, and which tasks a corruption leaves nothing to score of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mirbench.errors import MirbenchError, unknown_name
from mirbench.experiment.resolve.records import Entry, Skip
from mirbench.nouns import Corruption, Task
from mirbench.records import Condition
from mirbench.settings.config import RunConfig


def conditions_of(corruption: Corruption, config: RunConfig) -> tuple[Condition, ...]:
    """Those of the severities that it has. Raises MirbenchError where it was named and has none of them."""
    levels, wanted = dict(enumerate(corruption.levels, start=1)), config.severities
    if corruption.name in config.corruptions and not set(wanted) & set(levels):
        has = f"severities 1 to {len(levels)}" if len(levels) > 1 else "severity 1 alone"
        raise MirbenchError(
            f"corruption '{corruption.name}' has {has}, and {', '.join(map(str, wanted))} was asked for; ask for one that it has."
        )
    return tuple(Condition(corruption.name, s, float(levels[s]), corruption.unit) for s in wanted if s in levels)


def untrue_labels(tasks: Iterable[Task], corruptions: Iterable[Corruption]) -> tuple[list[Skip], set[tuple[str, str]]]:
    """The tasks whose labels a corruption makes untrue, and those of them, (task, corruption), that can shift their labels along."""
    skips, shifting = [], set()
    for task in tasks:
        for corruption in corruptions:
            if words := sorted(task.changed_by & corruption.alters):
                reason = f"it changes the {' and '.join(words)} of the music, and with it what the labels of {task.name} mean"
                if type(task).shifted_label is not Task.shifted_label and type(corruption).changes is not Corruption.changes:
                    shifting.add((task.name, corruption.name))
                    reason += "; equivariance is scored instead, against labels that are moved along"
                skips.append(Skip(task.name, corruption.name, reason))
    return skips, shifting


def baseline_of(config: RunConfig, entries: Sequence[Entry]) -> str:
    """Whom errors under corruption are relative to: the one that was named, or `untrained`, or the first."""
    names, named = [entry.name for entry in entries], config.robustness.baseline
    if named is None:
        return "untrained" if "untrained" in names else names[0]
    if named not in names:
        raise unknown_name("encoder of this run", named, names)
    return named
