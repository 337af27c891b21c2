"""Which tasks are run on which data sets: those that were asked for, whose labels are there and can be learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirbench.data.labels import check_class_count
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.data_selection import suggestion
from mirbench.experiment.resolve.probe import why_not
from mirbench.experiment.resolve.records import Data
from mirbench.nouns import Probe, Task
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig

if TYPE_CHECKING:
    from mirbench.evaluation.probing.scoring import TaskData


@dataclass
class TaskLabels:
    """By data set and task. labels: of those that can be run; left_out: why another cannot, though its annotation is there."""

    labels: dict[tuple[str, str], TaskData] = field(default_factory=dict)
    left_out: dict[tuple[str, str], str] = field(default_factory=dict)

    def read(self, data: Data, task: Task, named: bool, probes: Sequence[Probe]) -> bool:
        """Whether the task is run on the data set: one that can be; raises MirbenchError for one that cannot and was asked for by name."""
        if task.annotation not in data.noun.annotations:
            return False
        unfit = next(filter(None, (why_not(probe, task.target) for probe in probes)), "")
        if data.prepared or unfit:
            try:
                if unfit:
                    raise MirbenchError(unfit)
                self.labels[data.name, task.name] = read_labels(task, data)
            except MirbenchError as error:
                if named:
                    raise
                self.left_out[data.name, task.name] = str(error)
                return False
        return True


def read_labels(task: Task, data: Data) -> TaskData:
    """Raises MirbenchError where no probe could be fitted on them, chosen or scored."""
    from mirbench.evaluation.probing.scoring import check_probed, task_data

    check_class_count(task, data.clips)
    found = task_data(task, data.clips, data.noun.classes.get(task.annotation, ()))
    check_probed(task, found)
    return found


def resolve_tasks(config: RunConfig, registry: Registry, scored: Sequence[Data]) -> tuple[list[Task], TaskLabels]:
    """Those that were asked for and find their annotation in a data set, and labels enough. Raises MirbenchError where there are none."""
    from mirbench.evaluation.probing import metrics

    tasks: list[Task] = registry.resolve("task", config.tasks)
    probes: list[Probe] = registry.resolve("probe", config.probe.kind)
    nouns = [data.noun for data in scored]
    for task in tasks:
        if not any(task.annotation in noun.annotations for noun in nouns) and "all" not in config.tasks:
            carried = sorted({a for noun in nouns for a in noun.annotations})
            raise MirbenchError(
                f"task '{task.name}' needs the annotation '{task.annotation}', which {', '.join(noun.name for noun in nouns)} "
                f"does not carry; it carries {', '.join(carried) or 'none'}.{suggestion(nouns, registry)}"
            )
        for metric in map(metrics.resolve, task.metrics):
            metrics.check_fits(metric, task.target)
    labels = TaskLabels()
    run_on = {task.name: [labels.read(data, task, task.name in config.tasks, probes) for data in scored] for task in tasks}
    tasks = [task for task in tasks if any(run_on[task.name])]
    if not tasks:
        names, why = ", ".join(noun.name for noun in nouns), next(iter(labels.left_out.values()), "")
        none = f"none of the tasks finds its annotation in {names}; it can be pretrained on: --pretrain-on {names}."
        raise MirbenchError((why or none) + suggestion(nouns, registry))
    return tasks, labels
