"""A few seconds of what a run does most: decoding, log-mel bands, and an encoder, on one thread, against what is usual."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mirbench.errors import describe
from mirbench.experiment.doctor.checks import ERROR, NOTE, OK, WARNING, Check

SECONDS = 3.0  # for each
RATE, CLIP_SECONDS, WINDOW_SECONDS = 22_050, 30, 2.7
USUAL = {"decode": 2400.0, "front end": 2000.0, "encode": 950.0}  # seconds of audio in a second of a core, AMD EPYC with AVX-512
SLOW, BUSY = 0.25, 0.6  # of what is usual; the part of a core that this process was given, below which the machine is busy
WHAT = {"decode": "ogg to samples", "front end": "log-mel bands", "encode": "mel-cnn, untrained, float32"}


@dataclass(frozen=True)
class Speed:
    """per_second: seconds of audio in a second of a core. share: of a core, that was given to it meanwhile."""

    what: str
    per_second: float
    share: float


def measure(seconds: float = SECONDS) -> Iterator[Speed]:
    """seconds: that each takes. Leaves the number of torch's threads as it was."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for what, (audio_seconds, step) in _steps().items():
            step()  # what is made the first time
            yield _timed(what, audio_seconds, step, seconds)
    finally:
        torch.set_num_threads(threads)


def _timed(what: str, audio_seconds: float, step: Callable[[], object], seconds: float) -> Speed:
    begun, worked, times = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - begun < seconds or not times:
        step()
        times += 1
    share = (time.process_time() - worked) / (time.perf_counter() - begun)
    return Speed(what, times * audio_seconds / max(time.process_time() - worked, 1e-6), min(1.0, share))


def _steps() -> dict[str, tuple[float, Callable[[], object]]]:
    """By what is done, the seconds of audio that a call does it to, and the call."""
    import numpy as np
    import soundfile
    import torch

    from mirbench.pretraining.backbones.mel import MelSpectrogram
    from mirbench.registry import load

    noise = (np.random.default_rng(0).standard_normal(RATE * CLIP_SECONDS) * 0.1).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, noise, RATE, format="OGG", subtype="VORBIS")
    windows = torch.from_numpy(noise[: int(8 * WINDOW_SECONDS * RATE)].reshape(8, -1))
    bands = MelSpectrogram(RATE, 128)
    encoder = load([]).get("encoder", "untrained")
    embed = encoder.load(None, dict(encoder.options), 0, "cpu")

    def decode() -> object:
        file.seek(0)
        return soundfile.read(file, dtype="float32")

    def encode() -> object:
        return embed(windows.numpy())

    def front_end() -> object:
        with torch.inference_mode():
            return bands(windows)

    of_windows = 8 * WINDOW_SECONDS
    return {"decode": (CLIP_SECONDS, decode), "front end": (of_windows, front_end), "encode": (of_windows, encode)}


def speed() -> Iterator[Check]:
    """As checks."""
    found = []
    try:
        for each in measure():
            found.append(each)
            yield judged(each)
    except Exception as error:
        yield Check("speed", "benchmark", ERROR, f"could not be made: {describe(error)}", "mirbench run --config quick --debug")
        return
    yield busy(min(each.share for each in found))


def judged(found: Speed) -> Check:
    """
    >>> judged(Speed("decode", 480.0, 0.1)).words
    'ogg to samples, 480 s of audio in a second of a core; usual are 2,400'
    """
    usual = USUAL[found.what]
    words = f"{WHAT[found.what]}, {found.per_second:,.0f} s of audio in a second of a core; usual are {usual:,.0f}"
    if found.per_second >= SLOW * usual:
        return Check("speed", found.what, OK, words)
    return Check("speed", found.what, WARNING, words, "mirbench run --config quick   (--plan tells times of a usual machine)")


def busy(share: float) -> Check:
    """share: of a core, that this process was given."""
    words = f"{share * 100:.0f} % of a core were given to this process"
    if share >= BUSY:
        return Check("speed", "load", OK, words)
    return Check(
        "speed", "load", NOTE, f"{words}; the machine is busy, and runs take longer", "uptime   (shows the load; let less run beside it)"
    )
