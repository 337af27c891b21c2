"""A run from its settings to its report, as `mirbench run` and `mirbench.run` make it: settings and plugins checked against each other,
what is noticed of the data told, tables and figures brought up to date. Everything heavy is imported when it is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.data.asked_for import asked_for
from mirbench.experiment.resolve.resolve import settle
from mirbench.nouns import Encoder
from mirbench.registry import Registry, load
from mirbench.settings.config import RunConfig, load_config

if TYPE_CHECKING:
    from mirbench.engine.shards import Shard
    from mirbench.experiment.resolve.records import KeptCheckpoints, Resolved

MOST = 8  # lines
USUAL = ("rare classes", "few groups")  # kinds of findings that small data sets have, and that are told after the others


def settled(
    files: Sequence[Path],
    overrides: Sequence[str],
    settings: Mapping[str, Any],
    plugins: Iterable[str | Path],
    encoders: Iterable[Encoder] = (),
) -> tuple[RunConfig, Registry]:
    """The settings, as `load_config` takes them, and the plugins, checked against each other. settings: the name of a probe, or several,
    may stand for its mapping. encoders: more of them, which a program made itself. Raises MirbenchError for what is wrong with either."""
    probe = settings.get("probe")
    config = load_config(files, overrides, {**settings, "probe": {"kind": probe} if isinstance(probe, str | list | tuple) else probe})
    registry = load(plugins)
    for encoder in encoders:
        registry.add_encoder(encoder)
    return settle(config, registry), registry


def run_whole(
    config: RunConfig,
    registry: Registry,
    cache: Path,
    command: str,
    width: int,
    kept: KeptCheckpoints | None = None,
    quiet: bool = False,
    all_metrics: bool = False,
) -> tuple[Path, str]:
    """Does what is left of a run to do, and its report; returns its folder, and the scores for a terminal of `width` columns.

    command: for the manifest. kept: as of `experiment.run.run`. quiet: nothing is told of the data. all_metrics: the scores are of every
    metric, not of the first of each task.
    """
    from mirbench import reporting
    from mirbench.engine.holds import held
    from mirbench.engine.store import Store
    from mirbench.experiment import run as experiment

    with held(Store(cache)):
        folder = experiment.run(config, registry, cache, command, kept, say_nothing if quiet else tell_findings)
    return folder, reporting.updated(folder, width, config.figure_width, all_metrics)


def run_part(
    config: RunConfig,
    registry: Registry,
    cache: Path,
    command: str,
    width: int,
    shard: Shard,
    quiet: bool = False,
    all_metrics: bool = False,
) -> tuple[Path | None, str]:
    """As `run_whole`, of a part; while others are to be made yet, None and a sentence about them, as of `experiment.shards.run_shard`."""
    from mirbench import reporting
    from mirbench.experiment.shards import run_shard

    folder, sentence = run_shard(config, registry, cache, shard, command, say_nothing if quiet else tell_findings)
    return (folder, reporting.updated(folder, width, config.figure_width, all_metrics)) if folder else (None, sentence)


def say_nothing(resolved: Resolved) -> None:
    """In the place of `tell_findings`."""


def tell_findings(resolved: Resolved) -> None:
    """On the error output, at most MOST lines."""
    for line in finding_lines(resolved):
        print(f"mirbench: {line}", file=sys.stderr)


def tell_of_plan(resolved: Resolved) -> None:
    """As `tell_findings`, before them of each split whose files are missing or empty: what is seen while no audio is opened."""
    from mirbench.experiment.resolve.bad_clips import absent_in_words

    for line in absent_in_words(resolved):
        print(f"mirbench: {line}", file=sys.stderr)
    tell_findings(resolved)


def finding_lines(resolved: Resolved) -> list[str]:
    """A line for each error and warning, or for all of one kind, errors first and what is usual last, and a last one that says where to
    read more."""
    found = [(name, each) for name, several in resolved.findings.items() for each in several if each.level != "note"]
    found.sort(key=lambda item: (item[1].level != "error", item[1].kind in USUAL))
    if not found:
        return []
    of_kinds: dict[tuple[str, str, str], list[str]] = {}
    for place, (name, each) in enumerate(found):
        of_kinds.setdefault((name, each.level, each.kind or str(place)), []).append(each.in_words)
    lines = [_line(name, level, texts) for (name, level, _), texts in list(of_kinds.items())[: MOST - 1]]
    left = sum(map(len, list(of_kinds.values())[MOST - 1 :]))
    more = f"and {left:,} more; " if left else ""
    names = dict.fromkeys(name for name, _ in found)
    given = [asked_for(resolved.data[name].noun) for name in names]
    return [*lines, f"{more}mirbench data check {' or '.join(given[:2])}{' ...' if len(given) > 2 else ''} tells more."]


def _line(name: str, level: str, texts: Sequence[str]) -> str:
    """The first of its kind, and how many more there are."""
    more = f" And {len(texts) - 1:,} more like this." if len(texts) > 1 else ""
    return f"{name}: {level}: {texts[0]}{more}"
