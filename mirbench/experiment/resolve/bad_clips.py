"""How many clips may be unreadable, and a first look at every file before anything dear is begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mirbench.errors import MirbenchError, printable
from mirbench.experiment.resolve.records import Data, Resolved
from mirbench.records import PRETRAINING_SPLITS, SPLITS


def check_files(resolved: Resolved) -> None:
    """Raises MirbenchError where more files than allowed cannot be read, by their headers; audio that was made here is not looked at."""
    _look_at(resolved, resolved.scored_data, SPLITS)
    _look_at(resolved, [shift.data for shift in resolved.natural_shifts], ("test",))
    _look_at(resolved, resolved.pretraining_data, (*PRETRAINING_SPLITS, "valid"))


def _look_at(resolved: Resolved, several: Iterable[Data], splits: Sequence[str]) -> None:
    from mirbench.data.scans import scan_clips

    for data in several:
        if data.noun.made:
            continue
        clips = data.of(*splits)
        scans = scan_clips(clips, resolved.store.root, resolved.machine.cores, f"looking at the files of {data.name}")
        for split in dict.fromkeys(clip.split for clip in clips):
            problems = {clip.id: scans[clip.id].problem for clip in clips if clip.split == split}
            bad = {clip: why for clip, why in problems.items() if why}
            check_bad(f"{data.name} {split}", bad, len(problems), resolved.config.max_bad)


def check_bad(what: str, skipped: Mapping[str, str], total: int, max_bad: float, rendered: Path | None = None) -> None:
    """More unreadable files than allowed end the run before a number is computed. rendered: the folder of audio that was made here, of
    which none may be bad."""
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
            f"the first is {printable(clip)}: {why.rstrip('.')}. Repair them, or allow more with --max-bad SHARE."
        )
