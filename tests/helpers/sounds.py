"""Files of audio in every format that can be written here, and ways to break them."""

from __future__ import annotations

import functools
import io

import numpy as np
import soundfile

RATE = 22_050
CRASHES = ("ALAC_20", "ALAC_24", "ALAC_32")  # writing them kills libsndfile 1.2.2
UNREADABLE = ("DWVW_12", "DWVW_16", "DWVW_24")  # it writes them, but cannot read them again
NO_LENGTH = ("IRCAM", "PAF", "PVF", "XI", "SDS", "HTK")  # rare formats whose headers do not say how long they are, or only roughly


def tune(seconds: float, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """(samples,) or (samples, channels) float32 within [-0.6, 0.6], never the same twice."""
    random = np.random.default_rng(0)
    time = np.arange(round(seconds * rate)) / rate
    found = 0.4 * np.sin(2 * np.pi * 330 * time * (1 + 0.1 * np.sin(3 * time))) + 0.03 * random.standard_normal(len(time))
    audio = np.stack([np.roll(found, 50 * channel) for channel in range(channels)], axis=1)
    return (audio if channels > 1 else audio[:, 0]).astype(np.float32)


def written(format: str, subtype: str | None = None, audio: np.ndarray | None = None, rate: int = RATE) -> bytes:
    file, audio = io.BytesIO(), tune(2.0) if audio is None else audio
    with soundfile.SoundFile(file, "w", rate, 1 if audio.ndim == 1 else audio.shape[1], subtype, format=format) as out:
        for at in range(0, len(audio), 4096):  # as libvorbis dies of much at once
            out.write(audio[at : at + 4096])
    return file.getvalue()


@functools.cache
def every_format() -> dict[tuple[str, str], bytes]:
    """(format, subtype) -> a file of two seconds."""
    found = {}
    for format in soundfile.available_formats():
        for subtype in soundfile.available_subtypes(format):
            rate = 24_000 if subtype == "OPUS" else 8_000 if format == "WVE" else RATE
            if format in ("RAW", "SD2") or subtype in CRASHES or subtype in UNREADABLE:
                continue
            try:
                found[format, subtype] = written(format, subtype, tune(2.0, rate), rate)
            except (soundfile.LibsndfileError, ValueError):
                continue
    return found


def plainly(data: bytes, start: int = 0, stop: int | None = None) -> tuple[np.ndarray, int]:
    """((frames, channels) float32, Hz) by libsndfile from the start, as nothing but it would read it."""
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        return file.read(file.frames, dtype="float32", always_2d=True)[start:stop], file.samplerate
