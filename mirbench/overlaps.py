"""Clips that are pretrained on and, as the same file or the same recording, validated or tested on: refused, or allowed and marked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.chosen import Heard
from mirbench.contenders import Contender, read_heard
from mirbench.errors import MirbenchError
from mirbench.jobs import DECODING, HEARD_SPLITS, Job, Planner, write_json
from mirbench.nouns import Dataset
from mirbench.provenance import core_count
from mirbench.records import Clip
from mirbench.store import key_of

if TYPE_CHECKING:
    from mirbench.data.overlap import Overlap

TESTED_SPLITS = ("valid", "test")
LISTED = 100  # overlaps in a manifest


@dataclass(frozen=True)
class Listening:
    """Who was, or will be, pretrained on what. heard: data set -> ids of its clips, or None for all of its training clips."""

    contender: str
    heard: Mapping[str, frozenset[str] | None]


def listenings(chosen: Iterable[Contender], heard: Sequence[Heard]) -> list[Listening]:
    """Of those that learn; a checkpoint that was given says itself what it heard."""
    here: dict[str, frozenset[str] | None] = {each.dataset.name: None for each in heard}
    found = []
    for contender in chosen:
        if contender.checkpoints:
            told = [read_heard(path) for path in contender.checkpoints.values()]
            clips = {
                name: frozenset(clip for each in told if name in each for clip in each[name]["clips"]) for each in told for name in each
            }
            found.append(Listening(contender.name, clips))
        elif contender.encoder.trainable:
            found.append(Listening(contender.name, here))
    return found


def overlap_job(planner: Planner, listening: Sequence[Listening], datasets: Sequence[Dataset]) -> Job | None:
    """What finds the overlap, where there can be one; audio that was made here is nobody's recording."""
    names = dict.fromkeys(name for each in listening for name in each.heard if name in planner.registry.datasets)
    heard = [dataset for name in names if not (dataset := planner.registry.datasets[name]).made and _there(planner, dataset)]
    tested = [dataset for dataset in datasets if not dataset.made]
    if not heard or not tested:
        return None
    keys = {"heard": [planner.data_key(d) for d in heard], "tested": [planner.data_key(d) for d in tested]}
    key = key_of(overlap=keys, names=[d.name for d in (*heard, *tested)], rooms=[planner.rooms["data"]])

    def run(folder: Path) -> None:
        from mirbench.data.overlap import find_overlap

        first = list(_named(planner, heard, HEARD_SPLITS))
        second = list(_named(planner, tested, TESTED_SPLITS))
        found = find_overlap(first, second, planner.store.root, core_count())
        write_json(folder / "overlap.json", {"found": [asdict(each) for each in found]})

    seconds = sum(planner.seconds_of(d, HEARD_SPLITS) for d in heard) + sum(planner.seconds_of(d, TESTED_SPLITS) for d in tested)
    title = f"{' and '.join(d.name for d in heard)} in {' and '.join(d.name for d in tested)}"
    return Job("overlaps", key, title, seconds * DECODING, 1.0, run)


def _there(planner: Planner, dataset: Dataset) -> bool:
    """Whether its clips can be listed; what a checkpoint was pretrained on elsewhere may not be here."""
    try:
        return planner.prepared(dataset) and bool(planner.clips_of(dataset))
    except MirbenchError:
        return False


def _named(planner: Planner, datasets: Iterable[Dataset], splits: Sequence[str]) -> Iterator[Clip]:
    for dataset in datasets:
        yield from (replace(c, id=f"{dataset.name}/{c.id}") for c in planner.clips_of(dataset) if c.split in splits)


def found_by(planner: Planner, job: Job | None, listening: Sequence[Listening]) -> dict[str, list[Overlap]]:
    """contender -> what of its pretraining is in the tested clips; a contender without any is left out."""
    if job is None:
        return {}
    told = json.loads((planner.store.folder(job.kind, job.key) / "overlap.json").read_text(encoding="utf-8"))
    if not told["found"]:
        return {}
    from mirbench.data.overlap import Overlap

    pairs = [Overlap(**each) for each in told["found"]]
    found: dict[str, list[Overlap]] = {}
    for each in listening:
        for pair in pairs:
            name, _, clip = pair.first.partition("/")
            if name in each.heard and ((ids := each.heard[name]) is None or clip in ids):
                found.setdefault(each.contender, []).append(pair)
    return found


def refuse(found: Mapping[str, Sequence[Overlap]]) -> None:
    """Raises MirbenchError where anything was found."""
    for contender, pairs in found.items():
        first = pairs[0]
        many = len({pair.second for pair in pairs})
        raise MirbenchError(
            f"'{contender}' is pretrained on audio that is validated or tested on: {many} clip{'s'[: many != 1]}, the first {first.second} "
            f"({first.how} as {first.first}); take them out of one of the two, or allow it, marked in every table, with --allow-overlap."
        )


def about_overlap(found: Mapping[str, Sequence[Overlap]], splits: Mapping[str, str]) -> dict[str, Any]:
    """For the manifest. splits: of the tested clips, by their id with the data set's name before it."""
    about: dict[str, Any] = {}
    for contender, pairs in found.items():
        counts: dict[str, Counter[str]] = {}
        for clip in {pair.second for pair in pairs}:
            counts.setdefault(clip.partition("/")[0], Counter())[splits[clip]] += 1
        clips = [{"heard": pair.first, "tested": pair.second, "how": pair.how} for pair in pairs[:LISTED]]
        about[contender] = {"clips": {name: dict(sorted(count.items())) for name, count in sorted(counts.items())}, "first": clips}
    return about
