"""Runs as they are compared: each score with what it is in each resample of the groups, and what encoders are called among several runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.records import CLEAN, MAJORITY, SIMILARITY
from mirbench.results.merging import SHOTS, clashes, name_in_run, run_labels
from mirbench.results.order import FLOORS, own_name
from mirbench.results.overlap_mark import mark_frame, mark_manifest
from mirbench.results.predictions import frame_of
from mirbench.results.run_folder import RESAMPLES, RunFolder
from mirbench.results.schema import TABLES

if TYPE_CHECKING:
    import pandas as pd

Place = tuple[str, str, str]
"""Task, data set, metric."""
Condition = tuple[str, int]
"""Corruption, severity."""
OF_CLEAN: Condition = (CLEAN, 0)


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run. resampled: (lines of scores, resamples), None where it was kept without."""

    label: str
    folder: RunFolder
    manifest: Mapping[str, Any]
    scores: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    resampled: np.ndarray | None
    _clips: dict[tuple[str, str], dict[str, tuple[str, str]] | None] = field(default_factory=dict, repr=False)

    @cached_property
    def lines(self) -> dict[tuple[str, Place, Condition], list[int]]:
        """Encoder, place and condition -> the lines of its scores, in the order of seeds and draws."""
        found: dict[tuple[str, Place, Condition], list[tuple[int, int, int]]] = {}
        names = ["encoder", "task", "dataset", "metric", "corruption", "severity", "seed", "draw"]
        for line, row in enumerate(self.scores[names].itertuples(index=False, name=None)):
            found.setdefault((row[0], (row[1], row[2], row[3]), (row[4], row[5])), []).append((row[6], row[7], line))
        return {key: [line for *_, line in sorted(each)] for key, each in found.items()}

    @cached_property
    def places(self) -> dict[Place, None]:
        """What was scored on clean audio, by task in the order of the manifest, the headline first."""
        scored = {place for _, place, condition in self.lines if condition == OF_CLEAN and place[0] != SIMILARITY}
        about = self.manifest.get("tasks") or {}
        order = {(task, metric): i for task, of in about.items() for i, metric in enumerate(of.get("metrics", []))}
        tasks = list(about)
        known = sorted((p for p in scored if (p[0], p[2]) in order), key=lambda p: (tasks.index(p[0]), p[1], order[p[0], p[2]]))
        rest = dict.fromkeys(place for _, place, _ in self.lines if place in scored and place not in known)
        return dict.fromkeys([*known, *rest])

    def headline(self, place: Place) -> bool:
        return next(each for each in self.places if each[:2] == place[:2]) == place

    def conditions(self, encoder: str, place: Place) -> list[Condition]:
        """Under which corruptions an encoder was scored, natural shifts among them."""
        return [condition for name, of, condition in self.lines if name == encoder and of == place and condition != OF_CLEAN]

    def clips(self, task: str, dataset: str) -> dict[str, tuple[str, str]] | None:
        """Test clip -> its group and label, as predictions have them; None where the run was kept without."""
        if (task, dataset) not in self._clips:
            found = None
            if self.folder.has_predictions(MAJORITY, dataset, task, 0):
                frame = frame_of(self.folder.read_predictions(MAJORITY, dataset, task, 0)).iloc[:, :3]
                found = {clip: (group, target) for clip, group, target in frame.itertuples(index=False, name=None)}
            self._clips[task, dataset] = found
        return self._clips[task, dataset]

    @cached_property
    def seeds(self) -> dict[str, dict[int, int]]:
        """Encoder -> seed -> how often few labels were drawn, once where all were used."""
        counts: dict[str, dict[int, int]] = {}
        for (name, place, condition), lines in self.lines.items():
            if condition == OF_CLEAN and place in self.places and name not in counts:
                counts[name] = Counter(int(seed) for seed in self.scores["seed"].iloc[lines])
        return counts


@dataclass(frozen=True, eq=False)
class Entry:
    """An encoder of a run. name: in tables; own: in its run. seed: of a checkpoint that was given, the one that counts; None: all. kind:
    trained | random | fixed, as of Trainings; training: the keys of its checkpoints, by which two entries are known to be of the same."""

    name: str
    own: str
    run: Run
    role: str
    kind: str
    training: tuple[str, ...] = ()
    seed: int | None = None

    @property
    def trainings(self) -> int:
        """How many: its seeds."""
        return 1 if self.seed is not None else len(self.run.seeds.get(self.own, {0: 1}))

    @property
    def repeats(self) -> int:
        """How many numbers a score is the mean of: seeds, or draws of few labels where there is one seed."""
        seeds = self.run.seeds.get(self.own, {0: 1})
        if self.seed is not None:
            return seeds[self.seed]
        return len(seeds) if len(seeds) > 1 else next(iter(seeds.values()))

    @property
    def drawn_by(self) -> int | None:
        """The seed that its few labels were drawn by; None where all were used, or each of several seeds drew its own."""
        few = self.trainings == 1 and self.repeats > 1
        return (self.seed if self.seed is not None else next(iter(self.run.seeds[self.own]))) if few else None

    def lines(self, place: Place, condition: Condition = OF_CLEAN) -> list[int]:
        """Of the scores of its run; none where it was not scored so."""
        lines = self.run.lines.get((self.own, place, condition), [])
        return lines if self.seed is None else [line for line in lines if self.run.scores["seed"].iloc[line] == self.seed]

    def values(self, place: Place, condition: Condition = OF_CLEAN) -> list[float]:
        return [float(x) for x in self.run.scores["value"].iloc[self.lines(place, condition)]]


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Runs, each once. Raises MirbenchError for a folder that is no run, or is damaged."""
    folders = {Path(path).resolve(): RunFolder(path) for path in paths}
    return [_read(label, folder) for label, folder in zip(run_labels(list(folders)) if folders else [], folders.values(), strict=True)]


def _read(label: str, folder: RunFolder) -> Run:
    manifest = folder.read_manifest()
    mark_manifest(manifest)
    frames = [mark_frame(folder.read(name)) for name in ("scores", "summary", "comparisons")]
    for frame in frames:
        names = [column.name for column in TABLES["scores"].columns if column.dtype == "name"]
        frame[[name for name in (*names, "baseline") if name in frame]] = frame[
            [name for name in (*names, "baseline") if name in frame]
        ].astype("str")
    scores, summary, comparisons = frames
    resampled = folder.read_resamples() if (folder.path / RESAMPLES).exists() else None
    if resampled is not None and len(resampled) != len(scores):
        raise MirbenchError(
            f"{folder.path / RESAMPLES} has {len(resampled)} lines where scores.csv has {len(scores)}; run it again, or remove it."
        )
    return Run(label, folder, manifest, scores.reset_index(drop=True), summary, comparisons, resampled)


def entries_of(runs: Sequence[Run]) -> list[Entry]:
    """The encoders and floors of all runs but the majority class. One whose numbers, options or trainings differ between runs is called
    "name (run)"."""
    clash: set[str] = set()
    for table in ("scores", "summary"):
        clash |= clashes(TABLES[table], [getattr(run, table) for run in runs]) if len(runs) > 1 else set()
    made: dict[str, Any] = {}
    for run in runs:
        for own, about in (run.manifest.get("encoders") or {}).items():
            how = (about.get("encoder"), about.get("options"), {s: of.get("key") for s, of in (about.get("checkpoints") or {}).items()})
            clash |= {own} if made.setdefault(own, how) != how else set()
    found = []
    for run in runs:
        about = run.manifest.get("encoders") or {}
        once = run.summary.drop_duplicates("encoder").set_index("encoder")["one_training"]
        for own in dict.fromkeys(run.scores["encoder"]):
            if own_name(own) == MAJORITY or own not in run.seeds:
                continue
            of = about.get(own) or {}
            checkpoints = of.get("checkpoints") or {}
            training = tuple(f"{seed}:{told.get('key', '')}" for seed, told in checkpoints.items())
            random = int(once.get(own, 0)) == 3 or (not checkpoints and len(run.seeds[own]) > 1)
            kind = "trained" if checkpoints or int(once.get(own, 0)) in (1, 2) else "random" if random else "fixed"
            shots = SHOTS.search(own)
            kind += f", {own[shots.start() :].partition('=')[2].partition(']')[0].partition(',')[0]} shots" if shots else ""
            role = str(of.get("role") or ("floor" if own in FLOORS else "encoder"))
            found.append(Entry(name_in_run(own, run.label) if own in clash else own, own, run, role, kind, training))
    return found


def same_numbers(one: Entry, other: Entry) -> bool:
    """Whether two entries of different runs are one encoder under two names: every score that both have is the same number, in every
    resample too, and these differ somewhere. Of runs without resamples that is not known."""
    mine, yours = one.run.resampled, other.run.resampled
    if mine is None or yours is None:
        return False
    resamples = min(mine.shape[1], yours.shape[1])
    places = [place for place in one.run.places if one.lines(place) and other.lines(place)]
    varied = False
    for place in places:
        for condition in [OF_CLEAN, *one.run.conditions(one.own, place)]:
            if not other.lines(place, condition):
                continue
            first, second = mine[one.lines(place, condition), :resamples], yours[other.lines(place, condition), :resamples]
            own, others = (np.array(each.values(place, condition)) for each in (one, other))
            if not np.array_equal(own, others, equal_nan=True) or not np.array_equal(first, second, equal_nan=True):
                return False
            varied = varied or bool((first != first[:, :1])[~np.isnan(first)].any())
    return varied


def of_seed(entry: Entry, seed: int) -> Entry:
    """One training of an encoder by itself."""
    told = [each for each in entry.training if each.startswith(f"{seed}:")]
    return replace(entry, name=f"{entry.name}, seed {seed}", seed=seed, training=tuple(told))
