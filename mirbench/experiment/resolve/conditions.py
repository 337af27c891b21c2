"""Under which conditions a run scores, and which tasks a corruption leaves nothing to score of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mirbench.errors import MirbenchError, unknown_name
from mirbench.experiment.resolve.records import Entry, Skip, naming
from mirbench.nouns import Corruption, Task, family_of
from mirbench.records import OF_CORRUPTIONS, Condition
from mirbench.registry import Registry
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


def families_of(corruptions: Iterable[Corruption]) -> dict[str, list[str]]:
    """Of those that count: family -> their names."""
    families: dict[str, list[str]] = {name: [] for name in OF_CORRUPTIONS}
    for corruption in corruptions:
        if corruption.counted:
            families.setdefault(family_of(corruption), []).append(corruption.name)
    return {family: names for family, names in families.items() if names}


def seen_families(entries: Iterable[Entry], registry: Registry) -> dict[str, tuple[str, ...]]:
    """By entry, the families that its encoder says to know from its training. Raises MirbenchError for one that no corruption is of."""
    known = dict.fromkeys(family_of(corruption) for corruption in registry.corruptions.values())
    found = {}
    for entry in entries:
        name, provider = entry.encoder.name, registry.provider("encoder", entry.encoder.name)
        with naming("encoder", name, provider, "telling its seen_families"):
            found[entry.name] = tuple(entry.encoder.seen_families(entry.options))
        for family in found[entry.name]:
            if family not in known:
                raise unknown_name(f"family of corruptions in the seen_families of encoder '{name}' (from {provider})", family, list(known))
    return found


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
