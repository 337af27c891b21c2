"""Clips that are pretrained on and, as the same file or what may be the same recording, validated or tested on: refused,
allowed and marked, or left out of pretraining."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.data.findings import Finding, of_overlap, overlap_mode
from mirbench.data.label_findings import of_listening
from mirbench.data.manifests.clip_names import ClipNames
from mirbench.errors import MirbenchError
from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.resolve.checkpoints import VALID_FINGERPRINTS, ClipFingerprint, file_key, read_fingerprints
from mirbench.experiment.resolve.records import Data, Resolved
from mirbench.records import PRETRAINING_SPLITS, TESTED_SPLITS, Clip

if TYPE_CHECKING:
    from mirbench.data.duplicates.overlap import Overlap

LISTED = 100  # overlaps in a manifest


@dataclass(frozen=True)
class Pretrained:
    """What an entry was, or will be, pretrained on. data: names of data sets, where that is done in this run; folders: of checkpoints that
    are there already, which hold fingerprints of what they were pretrained on."""

    entry: str
    data: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()


def pretrained(resolved: Resolved) -> list[Pretrained]:
    """Of the entries that learn."""
    datasets = tuple(each.dataset.name for each in resolved.pretraining)
    entries = []
    for entry in resolved.entries:
        kept = [key for (name, _), key in resolved.kept.keys.items() if name == entry.name]
        folders = tuple(resolved.store.folder("checkpoints", key) for key in kept) or tuple(entry.checkpoints.values())
        if folders:
            entries.append(Pretrained(entry.name, folders=folders))
        elif entry.encoder.trainable:
            entries.append(Pretrained(entry.name, datasets))
    return entries


@dataclass(frozen=True, eq=False)
class OverlapSearch:
    """Which audio is compared. learnt_from: data sets that are pretrained on; tested: those that are scored on; folders: of checkpoints.
    Published sets that are pretrained on are compared with their own valid and test clips too, scored or not, so that a checkpoint is
    the same one in every run; and those that are scored on with their own training clips, on which probes are fitted."""

    resolved: Resolved
    learnt_from: tuple[Data, ...]
    tested: tuple[Data, ...]
    folders: tuple[Path, ...]

    def write(self, folder: Path) -> None:
        """The valid clips of what is not scored on, by which a checkpoint may be chosen, are compared with the test clips."""
        from mirbench.data.duplicates.fingerprinting import listen_to
        from mirbench.data.duplicates.overlap import find_overlap

        cache, workers = self.resolved.store.root, self.resolved.machine.cores
        held_out, test = (list(_clips(self.tested, splits)) for splits in (TESTED_SPLITS, ("test",)))
        first = list(_clips(self.learnt_from, PRETRAINING_SPLITS))
        valid = list(_clips([each for each in self.learnt_from if each not in self.tested], ("valid",)))
        overlaps = []
        for clips, others in ((first, held_out), (valid, test)):
            overlaps += [("", each) for each in find_overlap(clips, others, cache, workers)] if clips and others else []
        tested = {data.name for data in self.tested}
        for checkpoint in self.folders:
            of_valid = read_fingerprints(checkpoint, VALID_FINGERPRINTS).items()
            apart = {clip: each for clip, each in of_valid if clip.partition("/")[0] not in tested}
            for prints, others in ((read_fingerprints(checkpoint), held_out), (apart, test)):
                overlaps += [(str(checkpoint), each) for each in _overlaps_of(prints, others, cache, workers)] if prints and others else []
        within = []
        for data in self.learnt_from:
            if data not in self.tested and data.noun.files:
                own, others = (list(_clips([data], splits)) for splits in (PRETRAINING_SPLITS, TESTED_SPLITS))
                within += find_overlap(own, others, cache, workers) if own and others else []
        probed = []
        for data in self.tested:
            for splits in ((("train",), TESTED_SPLITS), (("valid",), ("test",))):
                own, others = (list(_clips([data], each)) for each in splits)
                probed += find_overlap(own, others, cache, workers) if own and others else []
        for shift in self.resolved.natural_shifts:
            own, others = list(_clips([self.resolved.data[shift.of]], ("train",))), list(_clips([shift.data], ("test",)))
            probed += [] if shift.data.noun.made else find_overlap(own, others, cache, workers)
        found = [[where, asdict(each)] for where, each in overlaps]
        heard = {}
        for data in self.tested:  # of which every fingerprint is kept by now
            found_in = listen_to(data.of("train", *TESTED_SPLITS), cache, workers)
            alike = {"alike": [_ids(clips) for clips in found_in.alike]}
            heard[data.name] = {kind: _ids(getattr(found_in, kind)) for kind in ("silent", "nearly_silent", "plain")} | alike
        pairs = {"found": found, "within": list(map(asdict, within)), "probed": list(map(asdict, probed))}
        write_json(folder / "overlap.json", {**pairs, "heard": heard})

    def refuse_same_files(self, entries: Sequence[Pretrained]) -> None:
        """Refuses what needs no decoding to be seen: files that are pretrained on and tested, however many, in seconds."""
        from mirbench.data.duplicates.overlap import find_overlap

        first, held_out = list(_clips(self.learnt_from, PRETRAINING_SPLITS)), list(_clips(self.tested, TESTED_SPLITS))
        found = find_overlap(first, held_out, self.resolved.store.root, self.resolved.machine.cores, by_audio=False)
        pairs = [pair for pair in found if not _of_one_published(pair, self.resolved)]
        refuse_overlap({each.entry: pairs for each in entries if pairs and each.data}, entries)


def overlap_search(resolved: Resolved, entries: Sequence[Pretrained]) -> OverlapSearch | None:
    """None where nothing can overlap: audio that was made here is nobody's recording."""
    learnt_from = [resolved.data[name] for name in dict.fromkeys(name for each in entries for name in each.data)]
    learnt_from = [data for data in learnt_from if not data.noun.made]
    tested = [data for data in [*resolved.scored_data, *(shift.data for shift in resolved.natural_shifts)] if not data.noun.made]
    folders = dict.fromkeys(folder for each in entries for folder in each.folders)
    search = OverlapSearch(resolved, tuple(learnt_from), tuple(tested), tuple(folders))
    return search if tested or any(data.noun.files for data in learnt_from) else None


def _overlaps_of(prints: Mapping[str, ClipFingerprint], tested: Sequence[Clip], cache: Path, workers: int) -> list[Overlap]:
    """As `find_overlap`, where of what was pretrained on only that is kept."""
    from mirbench.data.duplicates.overlap import ANOTHER_PART, Overlap, find_overlap_of_fingerprints

    overlaps = find_overlap_of_fingerprints({clip: each.packed for clip, each in prints.items()}, tested, cache, workers)
    alike = {(pair.first, pair.second) for pair in overlaps}
    clips_of_file: dict[str, list[str]] = {}
    for clip in tested:
        clips_of_file.setdefault(file_key(clip.path), []).append(clip.id)
    parts = [(clip, other) for clip, each in prints.items() if each.file for other in clips_of_file.get(each.file, ())]
    return [*overlaps, *(Overlap(*pair, ANOTHER_PART) for pair in parts if pair not in alike)]


def _clips(several: Iterable[Data], splits: Sequence[str]) -> Iterator[Clip]:
    for data in several:
        yield from (replace(clip, id=f"{data.name}/{clip.id}") for clip in data.of(*splits))


def read_overlap(
    folder: Path | None, entries: Sequence[Pretrained], dropped: Mapping[str, Collection[str]] | None = None
) -> dict[str, list[Overlap]]:
    """entry -> what of its pretraining is in the tested clips; an entry without any is left out. folder: filled by `OverlapSearch`;
    dropped: as of `Resolved`."""
    found = _read(folder)["found"] if folder is not None else []
    rows = [(where, pair) for where, pair in found if where or not _is_dropped(pair["first"], dropped or {})]
    if not rows:
        return {}
    from mirbench.data.duplicates.overlap import Overlap

    by_entry: dict[str, list[Overlap]] = {}
    for each in entries:
        places = {str(checkpoint) for checkpoint in each.folders} or {""}
        if pairs := [Overlap(**pair) for where, pair in rows if where in places]:
            by_entry[each.entry] = pairs
    return by_entry


def dropped_clips(folder: Path, resolved: Resolved) -> dict[str, frozenset[str]]:
    """By data set, the clips to leave out of pretraining. folder: as of `read_overlap`.

    `overlap=drop` leaves out all that are tested too. Without it that is a mistake in what was chosen, except within one published set,
    whose split nobody here has made. `overlap=allow` leaves out none.
    """
    from mirbench.data.duplicates.overlap import Overlap

    mode = resolved.config.overlap
    if mode == "allow":
        return {}
    told = _read(folder)
    pairs = [Overlap(**pair) for where, pair in told["found"] if not where] + [Overlap(**pair) for pair in told["within"]]
    dropped: dict[str, set[str]] = {}
    for pair in pairs:
        if mode == "drop" or _of_one_published(pair, resolved):
            name, _, clip = pair.first.partition("/")
            dropped.setdefault(name, set()).add(clip)
    return {name: frozenset(clips) for name, clips in dropped.items()}


def shared_with_training(folder: Path, resolved: Resolved) -> dict[str, tuple[Finding, ...]]:
    """By data set that is scored on, its clips whose audio its own training clips hold too. folder: as of `read_overlap`."""
    from mirbench.data.duplicates.overlap import Overlap

    pairs: dict[str, list[Overlap]] = {}
    for pair in (Overlap(**pair) for pair in _read(folder)["probed"]):
        pairs.setdefault(pair.first.partition("/")[0], []).append(pair)
    findings: dict[str, tuple[Finding, ...]] = {}
    for name, of_one in pairs.items():
        data = resolved.data[name]
        shifts = [shift.data for shift in resolved.natural_shifts if shift.of == name]
        splits = {f"{each.name}/{clip.id}": clip.split for each in (data, *shifts) for clip in each.clips}
        called = ClipNames(data.noun, data.clips)
        lines = {f"{data.name}/{clip.id}": called.lines([clip]) for clip in data.clips}
        findings[name] = tuple(of_overlap(of_one, splits, overlap_mode(resolved.config.overlap, data.noun), refused=False, lines=lines))
    return findings


def findings_of_listening(folder: Path, resolved: Resolved) -> dict[str, tuple[Finding, ...]]:
    """By data set that is scored on, what listening to its clips shows of each by itself. folder: as of `read_overlap`."""
    from mirbench.data.duplicates.fingerprinting import Listened

    findings: dict[str, tuple[Finding, ...]] = {}
    for name, ids in _read(folder)["heard"].items():
        data = resolved.data[name]
        clip_of = {clip.id: clip for clip in data.clips}
        silent, nearly_silent, plain, *alike = (
            tuple(clip_of[each] for each in several if each in clip_of)
            for several in (ids["silent"], ids["nearly_silent"], ids["plain"], *ids["alike"])
        )
        heard = Listened(silent, nearly_silent, plain, tuple(alike))
        if found := tuple(of_listening(heard, ClipNames(data.noun, data.clips), bool(data.noun.files))):
            findings[name] = found
    return findings


def shared_test_clips(folder: Path, resolved: Resolved) -> dict[str, frozenset[str]]:
    """By data set that is scored on, its test clips whose audio its train or valid clips hold, or may hold, too. folder: as of
    `read_overlap`."""
    tests = {data.name: {clip.id for clip in data.of("test")} for data in resolved.scored_data}
    found: dict[str, set[str]] = {}
    for pair in _read(folder)["probed"]:
        name, _, clip = pair["second"].partition("/")
        if clip in tests.get(name, ()):
            found.setdefault(name, set()).add(clip)
    return {name: frozenset(clips) for name, clips in found.items()}


def found_in_words(findings: Mapping[str, Sequence[Finding]]) -> list[str]:
    """A sentence for each that is no note."""
    return [f"{name}: {each.level}: {each.in_words}" for name, found in findings.items() for each in found if each.level != "note"]


def dropped_in_words(dropped: Mapping[str, Collection[str]]) -> list[str]:
    """A sentence for each data set."""
    return [
        f"{len(clips)} clip{'s'[: len(clips) != 1]} of {name} {'are' if len(clips) != 1 else 'is'} left out of pretraining, since the same "
        "audio is validated or tested on."
        for name, clips in dropped.items()
    ]


def _ids(clips: Iterable[Clip]) -> list[str]:
    return [clip.id for clip in clips]


def _read(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "overlap.json").read_text(encoding="utf-8"))
    return told


def _of_one_published(pair: Overlap, resolved: Resolved) -> bool:
    """Whether both are clips of one set that others have split."""
    name = pair.first.partition("/")[0]
    return name == pair.second.partition("/")[0] and bool(resolved.data[name].noun.files)


def _is_dropped(clip: str, dropped: Mapping[str, Collection[str]]) -> bool:
    name, _, own = clip.partition("/")
    return own in dropped.get(name, ())


def refuse_overlap(overlaps: Mapping[str, Sequence[Overlap]], entries: Sequence[Pretrained]) -> None:
    """Raises MirbenchError where there is any overlap. entries: what each was, or will be, pretrained on."""
    there = {each.entry for each in entries if each.folders}
    for entry, pairs in overlaps.items():
        first = min(pairs, key=lambda pair: not pair.certain)
        certainly = "is" if all(pair.certain for pair in pairs) else "is, or may be," if first.certain else "may be"
        many = len({pair.second for pair in pairs})
        cure = "pretrain it in the run, by --pretrain-on, and leave" if entry in there else "leave"
        raise MirbenchError(
            f"'{entry}' {certainly} pretrained on audio that is validated or tested on: {many} clip{'s'[: many != 1]}, the first "
            f"{first.second} ({first.how} as {first.first}); {cure} out what overlaps with --set overlap=drop, or allow it, marked "
            "in every table, with --allow-overlap."
        )


def overlap_section(overlaps: Mapping[str, Sequence[Overlap]], splits: Mapping[str, str]) -> dict[str, Any]:
    """For the manifest. splits: of the tested clips, by their id with the data set's name before it."""
    facts: dict[str, Any] = {}
    for entry, pairs in overlaps.items():
        counts: dict[str, Counter[str]] = {}
        for clip in {pair.second for pair in pairs}:
            counts.setdefault(clip.partition("/")[0], Counter())[splits[clip]] += 1
        clips = [{"pretrained_on": pair.first, "tested": pair.second, "how": pair.how} for pair in pairs[:LISTED]]
        facts[entry] = {"clips": {name: dict(sorted(count.items())) for name, count in sorted(counts.items())}, "first": clips}
    return facts
