"""What `--plan` shows: by stage, what is cached and what is to be done, and why something is done again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mirbench.engine.jobs import Job
from mirbench.experiment.planning import costs
from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.planning.power import describe_power
from mirbench.experiment.planning.reasons import Reasons
from mirbench.experiment.recipes.embedding import EmbeddingBatch
from mirbench.records import REPORT, STAGES

MOST_REASONS = 7
MOST_NAMED = 8  # corruptions


def describe_plan(run: RunGraph, verbose: bool = False) -> str:
    """At most 25 lines, and one for each task where a difference is to be found; verbose: with a line for each job."""
    graph, store = run.graph, run.resolved.store
    missing = graph.missing(store)
    seconds, megabytes = cost_of(run, missing)
    drawing = 0.0 if _is_drawn(run) else costs.reporting(run.resolved).seconds
    head = f"{len(graph.jobs)} jobs, {len(missing)} to do: about {duration(seconds + drawing)} and {size(megabytes)} in {store.root}"
    lines = [head, *_stages(run, missing), _report_line(drawing), *(_corruptions(run) if missing else [])]
    reasons = Reasons(run).of(missing)
    lines += [*_frequent(reasons), *describe_power(run)]
    if verbose:
        lines += ["", *_jobs(run, reasons)]
    return "\n".join(lines)


def _stages(run: RunGraph, missing: Sequence[Job]) -> Iterator[str]:
    names = {job.name for job in missing}
    yield f"  {'':<12} {'jobs':>6} {'cached':>7} {'to do':>7} {'time':>8} {'disk':>9}"
    for stage, kinds in STAGES.items():
        jobs = run.graph.of_kinds(kinds)
        missing_jobs = [job for job in jobs if job.name in names]
        seconds, megabytes = cost_of(run, missing_jobs)
        cost = f"{duration(seconds):>8} {size(megabytes):>9}" if missing_jobs else f"{'-':>8} {'-':>9}"
        if jobs:
            yield f"  {stage:<12} {len(jobs):>6} {len(jobs) - len(missing_jobs):>7} {len(missing_jobs):>7} {cost}"


def _corruptions(run: RunGraph) -> Iterator[str]:
    """Which there are, where they are few; those that have fewer severities have the first of these."""
    conditions = run.resolved.conditions
    if 0 < len(conditions) <= MOST_NAMED:
        severities = ", ".join(str(condition.severity) for condition in max(conditions.values(), key=len))
        shifts = "".join(f"; {shift.data.name}" for shift in run.resolved.natural_shifts)
        yield f"  corruptions: {', '.join(conditions)} at severity {severities}{shifts}"


def _report_line(drawing: float) -> str:
    """Of tables, figures and the page, which are no job and lie in the folder of the run. drawing: seconds; 0: they are there."""
    time = duration(drawing) if drawing else "-"
    return f"  {REPORT:<12} {'':>6} {'':>7} {'' if drawing else 'drawn':>7} {time:>8} {'-':>9}"


def _is_drawn(run: RunGraph) -> bool:
    """Whether the folder of the run is there, with a report of it as it is."""
    from mirbench import reporting
    from mirbench.results.run_folder import RunFolder

    config = run.resolved.config
    folder = RunFolder(Path(config.output) / run.name)
    return folder.is_whole(run.key) and reporting.up_to_date(folder.path, config.figure_width)


def _frequent(reasons: Mapping[str, str]) -> list[str]:
    """The reasons of what was made before under other circumstances, the most frequent first."""
    counts = Counter(reason for reason in reasons.values() if reason)
    shown = [f"  anew: {reason} ({count} job{'s'[: count != 1]})" for reason, count in counts.most_common(MOST_REASONS)]
    more = len(counts) - MOST_REASONS
    others = [f"  anew for {more} other reasons; --plan --verbose shows all"] if more > 0 else []
    return [*shown, *others, *(["  what was made before stays in the cache"] if shown else [])]


def _jobs(run: RunGraph, reasons: Mapping[str, str]) -> Iterator[str]:
    """reasons: of what is to do, by key."""
    for job in run.graph.jobs:
        done, reason = job.key not in reasons, reasons.get(job.key)
        cost = "" if done else f"  (about {duration(seconds_of(run, [job]))}, {size(job.cost.megabytes)})"
        yield f"  {'cached ' if done else 'to do  '} {job.kind:<21} {job.title}{cost}{f'  anew: {reason}' if reason else ''}"


def cost_of(run: RunGraph, missing: Iterable[Job]) -> tuple[float, float]:
    """Rough (seconds, megabytes in the cache) of jobs that are to do; what does not have to stay takes no more than its budget."""
    jobs = list(missing)
    passing = sum(job.cost.megabytes for job in jobs if not job.kept)
    most = max(min(costs.PASS_MEGABYTES, passing), min(run.resolved.config.keep_megabytes, passing))
    return seconds_of(run, jobs), most + sum(job.cost.megabytes for job in jobs if job.kept)


def seconds_of(run: RunGraph, jobs: Iterable[Job]) -> float:
    """Rough; of encoders whose cost was measured by an earlier run, as it was measured."""
    seconds, resolved = 0.0, run.resolved
    for job in jobs:
        seconds += job.cost.seconds
        if isinstance(job.batch, EmbeddingBatch):
            entry = job.batch.embeddings[job.key].entry
            expected = entry.encoder.embedding_cost(entry.options)
            audio = costs.sizes(resolved.data[job.batch.dataset], (job.batch.split,))[1]
            seconds += audio * (run.seconds_measured.get(entry.name, expected) - expected)
    return seconds


def duration(seconds: float) -> str:
    """
    >>> duration(42), duration(600), duration(36_000)
    ('42 s', '10 min', '10 h')
    """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 3 * 3600 else f"{seconds / 3600:.0f} h"


def size(megabytes: float) -> str:
    """
    >>> size(0.4), size(310), size(12_000)
    ('0 MB', '310 MB', '12.0 GB')
    """
    return f"{megabytes:.0f} MB" if megabytes < 10_000 else f"{megabytes / 1000:.1f} GB"
