"""A first inspection at the files of clips, by their headers: which can be read, and how long they are. Remembered between runs."""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mirbench.data.audio.audio import ROUNDED_SECONDS, AudioError, describe_audio
from mirbench.data.audio.opening import printable_path
from mirbench.data.file_facts import SHOWN_AFTER, FileFacts, Inspection, code_version, inspect_once, stamp
from mirbench.engine.prefetch import prefetch
from mirbench.errors import describe
from mirbench.progress import progress_bar
from mirbench.records import Clip


@dataclass(frozen=True)
class Scan:
    """What a first inspection at a clip's file shows.

    problem: a sentence, empty where nothing is wrong. seconds: of the whole file; sample_rate: Hz; all as its header says, 0 and empty
    where it says nothing.
    """

    problem: str = ""
    seconds: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    format: str = ""


def scan_clips(clips: Sequence[Clip], cache: Path, workers: int, title: str = "looking at files") -> dict[str, Scan]:
    """By clip id. Each file is looked at once, by several threads, and not again while its path, size and time are the same.

    cache: the folder that keeps what was seen; files with a problem are not kept. title: of the progress bar. Never raises for a file.
    """
    by_path: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_path[os.fspath(clip.path)].append(clip)
    scans = _of_files(list(by_path), cache, workers, title)
    return {clip.id: _with_stretch(scans[os.fspath(clip.path)], clip) for clip in clips}


def scan_problems(paths: Sequence[str], workers: int, title: str) -> dict[str, str]:
    """Of each file that is missing, no audio, or shorter than its header says, why, as a sentence; what is kept is not asked."""
    with progress_bar(total=len(paths), desc=title, unit="file", leave=False, delay=SHOWN_AFTER) as bar:
        problems = {}
        for path, scan in prefetch(_scan_file, paths, max(1, workers)):
            bar.update()
            if scan.problem:
                problems[path] = scan.problem
        return problems


def _of_files(paths: Sequence[str], cache: Path, workers: int, title: str) -> dict[str, Scan]:
    how = code_version("mirbench.data.scans:_scan_file", cache)
    inspection = Inspection[str, Scan](lambda new: prefetch(_scan_file, new, max(1, workers)), _packed, _unpacked)
    return inspect_once(inspection, {path: stamp(path, how) for path in paths}, FileFacts(cache, "scan"), title, "file")


def _scan_file(path: str) -> Scan:
    try:
        audio = describe_audio(path)
    except AudioError as error:
        return Scan(str(error))
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        return Scan(f"{printable_path(path)} cannot be read: {describe(error)}.")
    return Scan("", audio.seconds, audio.sample_rate, audio.channels, audio.format)


def _packed(scan: Scan) -> bytes | None:
    return None if scan.problem else json.dumps(vars(scan)).encode()


def _unpacked(kept: bytes) -> Scan | None:
    with suppress(ValueError, TypeError):
        return Scan(**json.loads(kept))
    return None


def _with_stretch(scan: Scan, clip: Clip) -> Scan:
    """With a problem where the clip is not inside its file."""
    if scan.problem:
        return scan
    end = scan.seconds if clip.duration is None else clip.start + clip.duration
    if not (math.isfinite(end) and 0 <= clip.start < end) or clip.start >= scan.seconds:
        return replace(
            scan, problem=f"{printable_path(clip.path)} has {scan.seconds:.2f} s; nothing is left from {clip.start:.2f} s{_to(clip)}."
        )
    if end > scan.seconds + ROUNDED_SECONDS:
        return replace(scan, problem=f"{printable_path(clip.path)} has {scan.seconds:.2f} s; {end:.2f} s are needed.")
    return scan


def _to(clip: Clip) -> str:
    return "" if clip.duration is None else f" for {clip.duration:.2f} s"
