"""One file as channels of samples: by libsndfile, or, for what it cannot read, by ffmpeg."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from mirbench.data.audio.containers import Repair, RepairedFile, check_container, promised_frames
from mirbench.data.audio.opening import AudioError, Opened, part_in_words
from mirbench.data.audio.quiet import quiet_mpeg
from mirbench.data.audio.streams import check_ogg_part

BLOCK = 1 << 22  # frames decoded at a time, so that a header that lies costs no memory
MOST_FRAMES = 2**40
LEAST_RATE, MOST_RATE = 1_000, 1_000_000  # Hz
KNOWN = ("wav", "aiff", "caf", "w64", "au", "flac")  # a damaged file in one of these is refused; ffmpeg would make something of it
NO_REASON = "it is damaged, or no audio"
MISTAKEN = {7: NO_REASON, 29: NO_REASON}  # libsndfile's: 'does not exist or is no regular file', of one that is open; 'internal error'
UNSUPPORTED = (4, 18, 26, 92)  # libsndfile's codes for a coding that it does not know, and for tags before a format that allows none
# Frames to decode before those that are wanted: MP3's bit reservoir reaches back by up to 511 bytes, which are many frames of a quiet
# passage, and a Vorbis block overlaps with the one before it. Without them other samples follow a seek, and so every read: soundfile seeks
# to where it has read to.
PREROLL = {"MPEG_LAYER_III": 24 * 1152, "VORBIS": 2 * 8192, "OPUS": 2 * 8192}


class Decoder(Protocol):
    """rate: Hz. frames: samples a channel; loose: by how many of them the header may err. format: container and coding."""

    rate: int
    channels: int
    frames: int
    loose: int
    format: str

    def read(self, first: int, count: int) -> np.ndarray:
        """(at most count, channels) float32 from frame `first` on, fewer where the file ends."""

    def close(self) -> None: ...


class SoundFileDecoder:
    """By libsndfile."""

    loose = 0

    def __init__(self, file: Opened, repair: Repair) -> None:
        self.file, self.repair = file, repair
        self.sound = self._open()
        frames = repair.frames or self.sound.frames
        if self.sound.frames < frames:
            if repair.longer is None or self.sound.subtype != "MPEG_LAYER_III":
                raise AudioError(f"{file.name} does not say how long it is; convert it, to FLAC for example.")
            self.sound.close()
            self.repair = repair.longer
            self.sound = self._open()
            frames = self.sound.frames
        promised = promised_frames(file, self.sound.format)
        if promised > frames:
            raise AudioError(f"{file.name} is truncated: {promised} samples were promised, {frames} are there.")
        self.rate, self.channels, self.frames = self.sound.samplerate, self.sound.channels, frames
        self.format = f"{self.sound.format}, {self.sound.subtype}"
        self.preroll, self.position = PREROLL.get(self.sound.subtype, 0), 0
        if not 0 < self.frames < MOST_FRAMES:
            raise AudioError(f"{file.name} {'does not say how long it is' if self.frames else 'holds no samples'}.")

    def _open(self) -> Any:
        import soundfile

        with quiet_mpeg():
            if self.repair.head or self.repair.skip:
                return soundfile.SoundFile(RepairedFile(self.file, self.repair))
            os.lseek(self.file.descriptor, 0, os.SEEK_SET)
            return soundfile.SoundFile(self.file.descriptor, closefd=False)

    def read(self, first: int, count: int) -> np.ndarray:
        if self.repair.granule:
            scale = 48_000 / self.rate if "OPUS" in self.format else 1  # RFC 7845: positions are of 48 kHz
            base = self.repair.granule - self.frames * scale
            before = base + (first - self.preroll) * scale
            check_ogg_part(self.file, self.repair.skip, before, base + min(self.frames, first + count) * scale)
        parts = []
        while count > 0:
            parts.append(self._block(first, min(count, BLOCK)))
            if len(parts[-1]) < min(count, BLOCK):
                break
            first, count = first + BLOCK, count - BLOCK
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _block(self, first: int, count: int) -> np.ndarray:
        with quiet_mpeg() if self.sound.subtype.startswith("MPEG") else contextlib.nullcontext():
            return self._decoded(first, count)

    def _decoded(self, first: int, count: int) -> np.ndarray:
        if self.sound.seekable():
            before = max(0, first - self.preroll)
            if before != self.position:
                self.sound.seek(before)
        else:  # a code without an index: everything before is decoded
            if first < self.position:
                self.sound.close()
                self.sound, self.position = self._open(), 0
            before = self.position
            while first - before > BLOCK and (passed := len(self.sound.read(BLOCK, dtype="float32", always_2d=True))):
                before += passed
        # in one call, as soundfile seeks after each
        found = self.sound.read(first - before + count, dtype="float32", always_2d=True)[first - before :]
        self.position = first + len(found)
        return found

    def close(self) -> None:
        self.sound.close()


@contextlib.contextmanager
def decoding(file: Opened) -> Iterator[Decoder]:
    """A decoder of the file. Whatever goes wrong with it while it is open is raised as AudioError, and so is a change of the file."""
    decoder: Decoder | None = None
    try:
        decoder = _decoder(file)
        if not LEAST_RATE <= decoder.rate <= MOST_RATE:
            raise AudioError(f"{file.name} says a sample rate of {decoder.rate} Hz, which no audio has.")
        yield decoder
        file.check_unchanged()
    except AudioError:
        file.check_unchanged()  # which would be why
        raise
    except (RuntimeError, OSError, MemoryError) as error:
        file.check_unchanged()
        reason = MISTAKEN.get(getattr(error, "code", 0)) or getattr(error, "error_string", None) or str(error)
        reason = reason or "there is too little memory"
        raise AudioError(f"{file.name} cannot be decoded: {' '.join(reason.split()).rstrip('.') or 'it is damaged'}.") from error
    finally:
        if decoder is not None:
            decoder.close()


def _decoder(file: Opened) -> Decoder:
    import soundfile

    from mirbench.data.audio.ffmpeg import FFmpegDecoder, ffmpeg_format

    repair = check_container(file)
    try:
        decoder = SoundFileDecoder(file, repair)
    except soundfile.LibsndfileError as error:
        format = ffmpeg_format(file)
        if format is None or (format in KNOWN and error.code not in UNSUPPORTED):
            raise
        return FFmpegDecoder(file, format)
    if repair.doubtful:
        last = 0
        with contextlib.suppress(soundfile.LibsndfileError):
            last = len(decoder.read(decoder.frames - 1, 1))
        if not last:
            seconds = part_in_words(repair.there / decoder.rate, decoder.frames / decoder.rate) if repair.there else ""
            raise AudioError(f"{file.name} is truncated or damaged: its last sample cannot be decoded{seconds}.")
    return decoder
