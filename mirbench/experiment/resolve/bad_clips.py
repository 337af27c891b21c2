"""How many clips may be unreadable, and a first look at every file before anything dear is begun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mirbench.data.asked_for import asked_for
from mirbench.data.findings import count
from mirbench.data.manifests.clip_names import ClipNames
from mirbench.errors import MirbenchError, printable
from mirbench.experiment.resolve.records import Data, Resolved
from mirbench.records import PRETRAINING_SPLITS, SPLITS


def check_files(resolved: Resolved) -> None:
    """Raises MirbenchError where more files than allowed cannot be read, by their headers; audio that was made here is not looked at."""
    from mirbench.data.scans import scan_clips

    for data, splits in _looked_at(resolved):
        clips = data.of(*splits)
        scans = scan_clips(clips, resolved.store.root, resolved.machine.cores, f"looking at the files of {data.name}")
        for split in dict.fromkeys(clip.split for clip in clips):
            problems = {clip.id: scans[clip.id].problem for clip in clips if clip.split == split}
            bad = {clip: why for clip, why in problems.items() if why}
            more = f" Only headers were looked at: `mirbench data check {asked_for(data.noun)}` decodes all and tells all."
            check_bad(f"{data.name} {split}", bad, len(problems), resolved.config.max_bad, more=more)


def absent_in_words(resolved: Resolved) -> list[str]:
    """A sentence for each split of each data set with files that are missing or empty, as they were when its clips were
    listed; nothing is opened to see it."""
    sentences = []
    for data, splits in _looked_at(resolved):
        called = ClipNames(data.noun, data.clips)
        for split in dict.fromkeys(clip.split for clip in data.of(*splits)):
            clips = data.of(split)
            absent = [clip for clip in clips if clip.id in data.absent]
            if absent:
                refused = len(absent) > resolved.config.max_bad * len(clips) + 1e-9
                level, which = ("error", "which a run refuses") if refused else ("warning", "which a run leaves out")
                files = f"{len(absent):,} of {count(len(clips), 'file')} of {split} {'is' if len(absent) == 1 else 'are'} missing or empty"
                sentences.append(f"{data.name}: {level}: {files}, {which}; the first is {called(absent[0])}.")
    return sentences


def _looked_at(resolved: Resolved) -> Iterator[tuple[Data, Sequence[str]]]:
    """Each data set whose files are somebody's, once, with the splits that a run reads."""
    several: list[tuple[Data, Sequence[str]]] = [(data, SPLITS) for data in resolved.scored_data]
    several += [(shift.data, ("test",)) for shift in resolved.natural_shifts]
    several += [(data, (*PRETRAINING_SPLITS, "valid")) for data in resolved.pretraining_data]
    united = dict[str, tuple[Data, Sequence[str]]]()
    for data, splits in several:
        united[data.name] = data, tuple(dict.fromkeys((*united.get(data.name, (data, ()))[1], *splits)))
    yield from (each for each in united.values() if not each[0].noun.made)


def check_bad(what: str, skipped: Mapping[str, str], total: int, max_bad: float, rendered: Path | None = None, more: str = "") -> None:
    """More unreadable files than allowed end the run before a number is computed. rendered: the folder of audio that was made here, of
    which none may be bad. more: a further sentence."""
    if rendered is not None and skipped:
        clip, why = next(iter(skipped.items()))
        raise MirbenchError(
            f"{what}: {len(skipped)} of {total} clips that mirbench rendered cannot be read, the first {printable(clip)}: "
            f"{why.rstrip('.')}. Remove {rendered}, and the same command renders them again."
        )
    if len(skipped) > max_bad * total + 1e-9:
        clip, why = next(iter(skipped.items()))
        raise MirbenchError(
            f"{what}: {len(skipped)} of {total} clips cannot be read, more than max_bad {100 * max_bad:g}%; "
            f"the first is {printable(clip)}: {why.rstrip('.')}. Repair them, or allow more with --max-bad SHARE.{more}"
        )
