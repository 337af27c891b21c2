"""Clips that are pretrained on and, as the same file or the same recording, validated or tested on: refused, or allowed and marked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.store import key_of
from mirbench.errors import MirbenchError
from mirbench.experiment.data_selection import Heard
from mirbench.experiment.entries import VALID_PRINTS, Entry, Print, file_key, read_prints
from mirbench.experiment.jobs import DECODING, Job, Planner, write_json
from mirbench.nouns import Dataset
from mirbench.records import PRETRAINING_SPLITS, TESTED_SPLITS, Clip
from mirbench.results.provenance import core_count

if TYPE_CHECKING:
    from mirbench.data.duplicates.overlap import Overlap

LISTED = 100  # overlaps in a manifest


@dataclass(frozen=True)
class Pretrained:
    """What a entry was, or will be, pretrained on. datasets: where that is done in this run; folders: of checkpoints that are there
    already, which hold fingerprints of what they heard."""

    entry: str
    datasets: tuple[Dataset, ...] = ()
    folders: tuple[Path, ...] = ()


def pretrained(planner: Planner, chosen: Iterable[Entry], heard: Sequence[Heard]) -> list[Pretrained]:
    """Of those that learn."""
    here = tuple(each.dataset for each in heard)
    found = []
    for entry in chosen:
        kept = [key for (name, _), key in planner.kept.keys.items() if name == entry.name]
        folders = tuple(entry.checkpoints.values()) or tuple(planner.store.folder("checkpoints", key) for key in kept)
        if folders:
            found.append(Pretrained(entry.name, folders=folders))
        elif entry.encoder.trainable:
            found.append(Pretrained(entry.name, here))
    return found


def overlap_job(planner: Planner, chosen: Sequence[Pretrained], scored: Sequence[Dataset]) -> Job | None:
    """What finds the overlap, where there can be one; audio that was made here is nobody's recording. The valid clips of what is not scored
    on, by which a checkpoint may be chosen, are compared with the test clips."""
    heard = list({dataset.name: dataset for each in chosen for dataset in each.datasets if not dataset.made}.values())
    tested = [dataset for dataset in scored if not dataset.made]
    folders = list(dict.fromkeys(folder for each in chosen for folder in each.folders))
    if not tested or not (heard or folders):
        return None
    audio = [planner.data_key(dataset, ()) for dataset in (*heard, *tested)]
    names = [[dataset.name for dataset in some] for some in (heard, tested)]
    key = key_of(overlap=audio, names=names, checkpoints=[[str(f), planner.stamp_of(f)] for f in folders], rooms=[planner.rooms["data"]])

    def run(folder: Path) -> None:
        from mirbench.data.duplicates.overlap import find_overlap

        cache, workers = planner.store.root, core_count()
        held_out, test = (list(_named(planner, tested, splits)) for splits in (TESTED_SPLITS, ("test",)))
        first = list(_named(planner, heard, PRETRAINING_SPLITS))
        valid = list(_named(planner, [each for each in heard if each not in tested], ("valid",)))
        found = []
        for some, others in ((first, held_out), (valid, test)):
            found += [("", each) for each in find_overlap(some, others, cache, workers)] if some and others else []
        for checkpoint in folders:
            of_valid = read_prints(checkpoint, VALID_PRINTS).items()
            apart = {clip: each for clip, each in of_valid if clip.partition("/")[0] not in names[1]}
            for prints, others in ((read_prints(checkpoint), held_out), (apart, test)):
                found += [(str(checkpoint), each) for each in _find_kept(prints, others, cache, workers)] if prints and others else []
        write_json(folder / "overlap.json", {"found": [[where, asdict(each)] for where, each in found]})

    seconds = sum(planner.seconds_of(d, PRETRAINING_SPLITS) for d in heard) + sum(planner.seconds_of(d, TESTED_SPLITS) for d in tested)
    what = [*(d.name for d in heard), *(["checkpoints"] if folders else [])]
    title = f"{' and '.join(what)} in {' and '.join(d.name for d in tested)}"
    return Job("overlaps", key, title, seconds * DECODING, 1.0, run)


def _find_kept(prints: Mapping[str, Print], tested: Sequence[Clip], cache: Path, workers: int) -> list[Overlap]:
    """As `find_overlap`, where of what was heard only that is kept."""
    from mirbench.data.duplicates.overlap import ANOTHER_PART, Overlap, find_known

    found = find_known({clip: each.packed for clip, each in prints.items()}, tested, cache, workers)
    alike = {(pair.first, pair.second) for pair in found}
    there: dict[str, list[str]] = {}
    for clip in tested:
        there.setdefault(file_key(clip.path), []).append(clip.id)
    parts = [(clip, other) for clip, each in prints.items() if each.file for other in there.get(each.file, ())]
    return [*found, *(Overlap(*pair, ANOTHER_PART) for pair in parts if pair not in alike)]


def _named(planner: Planner, datasets: Iterable[Dataset], splits: Sequence[str]) -> Iterator[Clip]:
    for dataset in datasets:
        yield from (replace(c, id=f"{dataset.name}/{c.id}") for c in planner.clips_of(dataset) if c.split in splits)


def found_by(planner: Planner, job: Job | None, chosen: Sequence[Pretrained]) -> dict[str, list[Overlap]]:
    """entry -> what of its pretraining is in the tested clips; a entry without any is left out."""
    if job is None:
        return {}
    told = json.loads((planner.store.folder(job.kind, job.key) / "overlap.json").read_text(encoding="utf-8"))["found"]
    if not told:
        return {}
    from mirbench.data.duplicates.overlap import Overlap

    found: dict[str, list[Overlap]] = {}
    for each in chosen:
        places = {str(folder) for folder in each.folders} or {""}
        if pairs := [Overlap(**pair) for where, pair in told if where in places]:
            found[each.entry] = pairs
    return found


def refuse(found: Mapping[str, Sequence[Overlap]]) -> None:
    """Raises MirbenchError where anything was found."""
    for entry, pairs in found.items():
        first = pairs[0]
        many = len({pair.second for pair in pairs})
        raise MirbenchError(
            f"'{entry}' is pretrained on audio that is validated or tested on: {many} clip{'s'[: many != 1]}, the first {first.second} "
            f"({first.how} as {first.first}); take them out of one of the two, or allow it, marked in every table, with --allow-overlap."
        )


def about_overlap(found: Mapping[str, Sequence[Overlap]], splits: Mapping[str, str]) -> dict[str, Any]:
    """For the manifest. splits: of the tested clips, by their id with the data set's name before it."""
    about: dict[str, Any] = {}
    for entry, pairs in found.items():
        counts: dict[str, Counter[str]] = {}
        for clip in {pair.second for pair in pairs}:
            counts.setdefault(clip.partition("/")[0], Counter())[splits[clip]] += 1
        clips = [{"heard": pair.first, "tested": pair.second, "how": pair.how} for pair in pairs[:LISTED]]
        about[entry] = {"clips": {name: dict(sorted(count.items())) for name, count in sorted(counts.items())}, "first": clips}
    return about
