"""Excerpts of test clips to listen to on the page of a run: a few clips clean and under every condition, those that encoders get most
wrong, those of floors after them, and others for the map, as many as there is room for. They are made when a run is gathered, as no number
knows of them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

import numpy as np

from mirbench.engine.files import tell as say
from mirbench.engine.files import write_atomically
from mirbench.evaluation.embedding.corruption import Fault
from mirbench.evaluation.embedding.samples import CorruptedAudio, read_or_why
from mirbench.experiment.planning.graph import RunGraph
from mirbench.experiment.resolve.records import Data
from mirbench.records import Clip, Condition, Predictions
from mirbench.reporting.page.by_class import worst_clips
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import SOUNDS

RATE, BYTES_A_SECOND, QUALITY = 22_050, 3_040, 0.9  # Hz; of MP3 at 24 kbit/s, which is that compression level of libsndfile
MEGABYTES = 2.4  # of a run, so that its page stays below 5
SECONDS, LEAST_SECONDS = 5.0, 2.0  # of an excerpt
HEARD_SECONDS = 30.0  # of a longer clip no more is decoded and corrupted
LISTENED = 3  # clips under all conditions, fewer where there is no room
SHARE = 0.6  # of the room that these have

Said = Mapping[tuple[str, str, str], Sequence[Predictions]]  # by data set, task and entry, of each seed


def audible(run: RunGraph) -> list[Data]:
    """The data sets of which a page may play clips: all, none, or those whose audio mirbench makes itself, which is nobody's."""
    sounds = run.resolved.config.sounds
    return [data for data in run.resolved.scored_data if sounds is True or (sounds == "auto" and data.noun.made)]


def write_sounds(
    run: RunGraph, folder: RunFolder, said: Said, faults: Mapping[str, Mapping[str, Fault]], unreadable: Mapping[str, Mapping[str, str]]
) -> None:
    """Files and their table into the run folder, in the order in which a page has room for them; nothing where nothing may be heard.

    faults: by data set and corruption, what failed; unreadable: by data set, the clips that could not be read.
    """
    import soundfile

    several = audible(run)
    if several and "MP3" not in soundfile.available_formats():
        say("libsndfile is too old to write MP3, so that the page of this run plays no clips; one of 1.1 or later can.", always=True)
        return
    rows: list[dict[str, Any]] = []
    for data in several:
        room = MEGABYTES * 1e6 / len(several)
        for about, sound in _of_data(run, data, said, faults.get(data.name, {}), unreadable[data.name], room):
            about["file"] = f"{len(rows):04d}.mp3"
            write_atomically(folder.path / "sounds" / about["file"], sound)
            rows.append(about)
    folder.write("sounds", SOUNDS.frame(rows))


def _of_data(
    run: RunGraph, data: Data, said: Said, faults: Mapping[str, Fault], unreadable: Mapping[str, str], room: float
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Rows of the table, each with its MP3. room: bytes."""
    resolved = run.resolved
    clips = {clip.id: clip for clip in data.of("test") if clip.id not in unreadable}
    corrupted = [c for several in resolved.conditions.values() for c in several if c.corruption not in faults]
    corruptions = {c.corruption: resolved.corruptions[c.corruption] for c in corrupted}
    audio = CorruptedAudio.mixing(corruptions, resolved.sample_rate, resolved.config.robustness.replicate, data.of("train"))
    others = _other_recordings(run, data)
    many = 1 + len(corrupted) + len(others)
    listened, seconds = planned(list(clips), many, SHARE * room)
    encoders = [entry.name for entry in resolved.encoders]
    worst = _worst(data.name, {of: seeds for of, seeds in said.items() if of[2] in encoders})
    own_seconds = shortened(len(worst), (1 - SHARE) * room)
    for clip_id in dict.fromkeys([*listened, *worst, *_worst(data.name, said), *spread(list(clips), len(clips))]):
        if clip_id not in clips:
            continue
        under = corrupted if clip_id in listened else []
        made = _made(audio, clips[clip_id], under, others if clip_id in listened else {})
        length = seconds if clip_id in listened else own_seconds
        gain = 1 / max([1.0, *(float(np.abs(samples).max(initial=0)) for samples in made.values())])
        for condition, samples in made.items():
            sound = mp3(gain * samples[: round(length * RATE)])
            room -= len(sound)
            if room < 0:
                return
            yield (
                {
                    **{"dataset": data.name, "clip": clip_id, "corruption": condition.corruption, "severity": condition.severity},
                    **{"level": np.nan if condition.level is None else condition.level, "unit": condition.unit},
                    **{"seconds": min(len(samples) / RATE, length), "gain_db": 20 * float(np.log10(gain))},
                },
                sound,
            )


def planned(clip_ids: Sequence[str], conditions: int, room: float) -> tuple[list[str], float]:
    """The clips that are heard under so many conditions each, and how many seconds of them: as many clips, then as long, as `room` bytes
    have room for.

    >>> planned(["a", "b", "c", "d"], 10, 1e6), planned(["a", "b", "c"], 116, 1.2e6)
    ((['a', 'c', 'd'], 5.0), (['a'], 3.4))
    """
    for count in range(min(LISTENED, len(clip_ids)), 0, -1):
        seconds = int(10 * room / (count * conditions * BYTES_A_SECOND)) / 10
        if seconds >= LEAST_SECONDS or count == 1:
            return spread(clip_ids, count), min(SECONDS, max(seconds, LEAST_SECONDS))
    return [], SECONDS


def shortened(clips: int, room: float) -> float:
    """Seconds of each of so many excerpts, so that they fit into `room` bytes, as far as that leaves something to be heard.

    >>> shortened(20, 1e6), shortened(80, 1e6), shortened(1000, 1e6)
    (5.0, 4.1, 2.0)
    """
    return min(SECONDS, max(LEAST_SECONDS, int(10 * room / (max(clips, 1) * BYTES_A_SECOND)) / 10))


def spread(clip_ids: Sequence[str], count: int) -> list[str]:
    """So many of them by order of id, as far from each other as can be, the two ends first.

    >>> spread(["a", "b", "c", "d", "e"], 3)
    ['a', 'c', 'e']
    """
    ids = sorted(clip_ids)
    if count >= len(ids):  # then the coarsest grid first, so that wherever it ends they lie over all
        steps = [2**k for k in range(len(ids).bit_length(), -1, -1)]
        return list(dict.fromkeys(ids[i] for step in steps for i in range(0, len(ids), step)))
    return [ids[round(i * (len(ids) - 1) / max(count - 1, 1))] for i in range(count)]


def _worst(dataset: str, said: Said) -> list[str]:
    """The clips that somebody gets most wrong, those worst of all first."""
    lists = [[row["clip"] for row in worst_clips(seeds)] for (name, _, _), seeds in said.items() if name == dataset]
    return list(dict.fromkeys(clip for clip in chain.from_iterable(zip_longest(*lists)) if clip is not None))


def _other_recordings(run: RunGraph, data: Data) -> dict[Condition, dict[str, Clip]]:
    """By natural shift that may be heard, too: its clips by id."""
    may = run.resolved.config.sounds is True
    shifts = [shift for shift in run.resolved.natural_shifts if shift.of == data.name and (may or shift.data.noun.made)]
    return {shift.condition: {clip.id: clip for clip in shift.data.of("test")} for shift in shifts}


def _made(
    audio: CorruptedAudio, clip: Clip, conditions: Sequence[Condition], others: Mapping[Condition, Mapping[str, Clip]]
) -> dict[Condition, np.ndarray]:
    """Condition -> (samples,) float32 at RATE, clean first; without what cannot be read or made."""
    found: dict[Condition, np.ndarray] = {}
    decoded = read_or_why(clip, [audio.sample_rate])
    if isinstance(decoded, str):
        return {}
    samples = decoded[audio.sample_rate][: round(HEARD_SECONDS * audio.sample_rate)]
    for condition in (Condition(), *conditions):
        try:
            found[condition] = _at_rate(audio.under(condition, clip, samples), audio.sample_rate)
        except Fault:  # which the run has told of, where it scored under that condition
            continue
    for condition, clips in others.items():
        other = read_or_why(clips[clip.id], [audio.sample_rate]) if clip.id in clips else ""
        if not isinstance(other, str):
            found[condition] = _at_rate(other[audio.sample_rate], audio.sample_rate)
    return found


def _at_rate(samples: np.ndarray, rate: int) -> np.ndarray:
    import soxr

    return samples if rate == RATE else np.asarray(soxr.resample(samples, rate, RATE), np.float32)


def mp3(samples: np.ndarray) -> bytes:
    """(samples,) float32 at RATE, -1 to 1, as MP3 of 24 kbit/s."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="MP3", subtype="MPEG_LAYER_III", compression_level=QUALITY, bitrate_mode="CONSTANT")
    return file.getvalue()
