"""Which probe is fitted, and whether it is for the tasks that were chosen."""

from __future__ import annotations

from mirbench.errors import MirbenchError
from mirbench.evaluation.probing.probes import declared_misfit, is_seeded, misfit, unfitted
from mirbench.experiment.resolve.records import ChosenProbe, Resolved, naming
from mirbench.nouns import Probe
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig


def resolve_probes(config: RunConfig, registry: Registry) -> list[ChosenProbe]:
    """Raises MirbenchError that names the nearest where none has a name."""
    nouns: list[Probe] = registry.resolve("probe", config.probe.kind)
    return [_chosen(noun, registry) for noun in nouns]


def _chosen(noun: Probe, registry: Registry) -> ChosenProbe:
    with naming("probe", noun.name, registry.provider("probe", noun.name), "being looked at"):
        return ChosenProbe(noun, is_seeded(noun), registry.module("probe", noun.name).__name__)


def why_not(probe: Probe, target: str) -> str:
    """Why it is not for a kind of target, as a sentence, or "". Imports scikit-learn only where the probe does not say by itself."""
    return misfit(probe, target) if probe.targets is None else declared_misfit(probe, target)


def check_probes(resolved: Resolved, built_in: bool = True) -> None:
    """Raises MirbenchError where a probe is not for a task, or its grid not for its estimator; before anything is computed. built_in:
    whether of those that are, too."""
    import numpy as np

    for probe in (each.noun for each in resolved.probes if built_in or not each.built_in):
        with resolved.naming("probe", probe.name, "being made"):
            for target in dict.fromkeys(task.target for task in resolved.tasks):
                try:
                    unfitted(probe, target, np.zeros((1, 1 if target == "multiclass" else 2)))
                except NotImplementedError as error:
                    raise MirbenchError(f"{error}.") from error
