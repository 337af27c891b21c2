"""How many seeds a run needs to find a difference: from what trainings and clips varied in earlier runs.

The variance of a difference of two encoders over so many seeds each is clips + 2 trainings / seeds (see
evaluation.statistics.estimates). Finished runs leave both in the cache, of two trained encoders and of one and a floor; of `mini` those of
the reference runs come with mirbench.
"""

from __future__ import annotations

import csv
import json
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from mirbench.engine.store import Store
from mirbench.evaluation.probing.metric_table import resolve as resolve_metric
from mirbench.experiment.planning.graph import RunGraph

SPREADS = "spreads"  # the kind of entry in a cache
MOST_SEEDS = 50
TRAINED, RANDOM, FIXED = "trained", "random", "fixed"  # what a trained encoder is against: kinds of `gather.resamples.Trainings`
AGAINST = {
    TRAINED: "between two trained encoders",
    RANDOM: "between a trained encoder and one of random weights, as untrained is",
    FIXED: "between a trained encoder and one that no seed changes, as handcrafted is",
}
TAKE = "  run the same command with the largest of these; where test clips are too few, on a larger data set"
FIRST = "  run the same command with two trained encoders and --seeds 2 first, such as --encoder semisupcon,simclr"
UNKNOWN = {
    TRAINED: "not known before a first run of two trained encoders, with --seeds 2 or more, has been scored on the data",
    **dict.fromkeys((RANDOM, FIXED), "not known before a first run with --seeds 2 or more has been scored on the data"),
}


@dataclass(frozen=True)
class Spread:
    """Of the headline metric of a task on a data set, as variances. clips: of a difference of two encoders, over their test clips;
    trainings: of one training, mean over the two, nan where none was repeated; groups: of test clips; freedom: of `trainings`; against:
    TRAINED, RANDOM or FIXED."""

    task: str
    dataset: str
    metric: str
    clips: float
    trainings: float
    groups: int
    freedom: float
    against: str = TRAINED

    def detectable(self, seeds: float) -> float:
        """The smallest difference that 80 of 100 runs of so many seeds find, at .05 two-sided; nan of one seed, whose spread is unknown.
        groups: 2 at least."""
        from mirbench.evaluation.statistics.estimates import detectable

        if seeds < 2:
            return math.nan
        of_trainings = 0.0 if math.isinf(seeds) else 2 * self.trainings / seeds
        parts = [(self.clips, self.groups - 1), (of_trainings, (seeds - 1) * (1 if self.against == FIXED else 2))]
        variance = sum(part for part, _ in parts)
        return detectable(math.sqrt(variance), variance**2 / sum(part**2 / freedom for part, freedom in parts)) if variance else 0.0

    def seeds_for(self, difference: float) -> int | None:
        """The fewest seeds, 2 or more; None where MOST_SEEDS do not do."""
        return next((seeds for seeds in range(2, MOST_SEEDS + 1) if self.detectable(seeds) <= difference), None)


def keep_spreads(spreads: Iterable[Spread], store: Store, key: str) -> None:
    """Of a finished run, by its key."""
    if (found := [asdict(each) for each in spreads]) and not store.has(SPREADS, key):
        with store.writing(SPREADS, key) as folder:
            (folder / "spreads.json").write_text(json.dumps(found), encoding="utf-8")


def describe_power(run: RunGraph) -> list[str]:
    """Lines for the plan, a task each; none where no difference is asked for (`power.difference`)."""
    resolved = run.resolved
    wanted, seeds = resolved.config.power.difference, resolved.config.seeds
    if wanted is None:
        return []
    if not any(e.encoder.trainable or e.encoder.seeded or e.probe.seeded or e.shots for e in resolved.encoders):
        return [
            f"a difference of {wanted:g}: the embeddings are the same for every seed, so that more seeds find no smaller one; test clips do"
        ]
    own, shipped, known = _by_task(_kept(resolved.store)), _by_task(_shipped()), False
    lines = [f"seeds that find a difference of {wanted:g} in 80 of 100 runs (two-sided, .05, uncorrected)"]
    scored = [(data, task) for data in resolved.scored_data for task in resolved.tasks if resolved.carries(data, task)]
    for against, heading in AGAINST.items():
        lines.append(f"  {heading}:")
        every = [(task.name, data.name, resolve_metric(task.metrics[0]).name, against) for data, task in scored]
        if not any(about in own or about in shipped for about in every):
            lines.append(f"    {UNKNOWN[against]}")
            continue
        known = True
        for about in every:
            spread, source = (own[about], "earlier runs") if about in own else (shipped.get(about), "the reference runs")
            said = _in_words(spread, wanted, seeds, source) if spread else UNKNOWN[against]
            lines.append(f"    {about[0]} on {about[1]}, {about[2]}: {said}")
    return [*lines, TAKE if known else FIRST]


def _in_words(spread: Spread, wanted: float, seeds: int, source: str) -> str:
    """seeds: of the run that is planned. source: of the spread."""
    if math.isnan(spread.trainings):
        if (least := spread.detectable(math.inf)) <= wanted:
            return UNKNOWN[spread.against]
        return f"the test clips are too few for it, whatever the seeds (they find {least:.3f} or more) (from {source})"
    needed = spread.seeds_for(wanted)
    if needed is None:
        few_clips = spread.detectable(math.inf) > wanted
        why = "the test clips are too few for it, whatever the seeds" if few_clips else f"more than {MOST_SEEDS}"
        said = f"{why} (--seeds {MOST_SEEDS} finds {spread.detectable(MOST_SEEDS):.3f} or more)"
    else:
        said = f"--seeds {needed}" if needed > seeds else f"the {seeds} of this run do"
    now = f"; --seeds {seeds} finds {spread.detectable(seeds):.3f} or more" if seeds > 1 else ""
    return f"{said}{now} (from {source})"


def _by_task(spreads: Iterable[Spread]) -> dict[tuple[str, str, str, str], Spread]:
    """By task, data set, metric and what it is against, the medians of what is told of each; of those that were trained several times,
    where there are any."""
    told: dict[tuple[str, str, str, str], list[Spread]] = {}
    for each in spreads:
        told.setdefault((each.task, each.dataset, each.metric, each.against), []).append(each)
    found = {}
    for about, every in told.items():
        several = [each for each in every if not math.isnan(each.trainings)] or every
        parts = ("clips", "trainings", "freedom")
        clips, trainings, freedom = (statistics.median(getattr(each, part) for each in several) for part in parts)
        found[about] = Spread(*about[:3], clips, trainings, min(each.groups for each in several), freedom, about[3])
    return found


def _kept(store: Store) -> Iterator[Spread]:
    for entry in store.entries(SPREADS):
        if not store.is_damaged(SPREADS, entry.key):
            told = json.loads((store.folder(SPREADS, entry.key) / "spreads.json").read_text(encoding="utf-8"))
            yield from (each for row in told if (each := _read(row)).groups > 1 and math.isfinite(each.clips))


def _shipped() -> Iterator[Spread]:
    text = files("mirbench.experiment.planning").joinpath("spreads.csv").read_text(encoding="utf-8")
    yield from (_read(row) for row in csv.DictReader(text.splitlines()))


def _read(row: Mapping[str, Any]) -> Spread:
    numbers = float(row["clips"]), float(row["trainings"]), int(row["groups"]), float(row["freedom"])
    return Spread(row["task"], row["dataset"], row["metric"], *numbers, row.get("against", TRAINED))
