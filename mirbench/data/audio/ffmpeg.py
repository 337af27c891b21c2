"""Audio that libsndfile cannot read, such as m4a, wma or opus in Matroska, by ffmpeg: PyAV, the extra `[formats]`.

The format is told from the first bytes and then fixed: left to guess, ffmpeg would also take a text for a playlist, and open what it names.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from mirbench.data.audio.containers import Repair, RepairedFile, after_tags
from mirbench.data.audio.opening import AudioError, Opened

BEGINNINGS = {  # of files -> ffmpeg's name of the format
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "asf",
    b"\x1a\x45\xdf\xa3": "matroska",
    b"OggS": "ogg",
    b"fLaC": "flac",
    b"RIFF": "wav",
    b"RF64": "wav",
    b"riff": "w64",
    b"FORM": "aiff",
    b"caff": "caf",
    b".snd": "au",
    b"wvpk": "wv",
    b"TTA1": "tta",
    b"MAC ": "ape",
    b"MPCK": "mpc8",
    b"MP+": "mpc",
    b"DSD ": "dsf",
    b"tBaK": "tak",
    b"#!AMR": "amr",
    b"ADIF": "aac",
    b"\x0b\x77": "ac3",
    b"FLV": "flv",
}
BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
RAW_STREAMS = ("aac", "ac3", "amr")  # without a length: packets are counted
DRIFTING = ("ac3", "amr")  # their times are sums of rounded durations
PREROLL = 0.5  # seconds decoded before what is wanted, in which a decoder settles
FORWARD = 5.0  # seconds that are rather decoded than jumped over
LOOSE = 0.1  # seconds by which the length in a header may differ from what is decoded, as by an encoder's padding


def ffmpeg_format(file: Opened) -> str | None:
    """ffmpeg's name of a format that it may read; raises AudioError where the file is shorter than its header says."""
    begin = after_tags(file)
    start = file.bytes_at(begin, 16)
    if start[4:8] in BOXES:
        _check_boxes(file)
        return "mov"
    if len(start) > 1 and start[0] == 0xFF and start[1] & 0xF6 == 0xF0:
        return "aac"
    format = next((name for beginning, name in BEGINNINGS.items() if start.startswith(beginning)), None)
    if format == "asf":
        _check_asf(file)
    if format == "matroska":
        _check_matroska(file)
    return format


def _check_boxes(file: Opened) -> None:
    """ISO/IEC 14496-12: every box has a size; `moov` says where the audio lies."""
    at, kinds = 0, set()
    while len(header := file.bytes_at(at, 16)) >= 8:
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        size = size or file.size - at  # 0: to the end
        if size < 8 or at + size > file.size:
            raise AudioError(f"{file.name} is truncated: its part {header[4:8]!r} should end at byte {at + size} of {file.size}.")
        kinds.add(header[4:8])
        at += size
    if b"moov" not in kinds:
        raise AudioError(f"{file.name} is truncated: it has no index (moov) of its audio.")


def _check_asf(file: Opened) -> None:
    """ASF 1.2, section 3.2: the file properties say how many bytes the file has, unless it was broadcast."""
    header = file.bytes_at(0, 1 << 16)
    at = header.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    if at < 0 or len(header) < at + 92:
        raise AudioError(f"{file.name} is truncated: its header ends before any audio.")
    size, flags = struct.unpack("<Q", header[at + 40 : at + 48])[0], header[at + 88]
    if not flags & 1 and size > file.size:
        raise AudioError(f"{file.name} is truncated: its header says {size} bytes, the file has {file.size}.")


def _check_matroska(file: Opened) -> None:
    """RFC 8794: the segment follows the EBML header; a size of ones only is unknown."""
    _, body, size = _element(file, 0)
    name, body, size = _element(file, body + (size or 0))
    if name == bytes.fromhex("18538067") and size is not None and body + size > file.size:
        raise AudioError(f"{file.name} is truncated: its segment should end at byte {body + size}, but the file has {file.size} bytes.")


def _element(file: Opened, at: int) -> tuple[bytes, int, int | None]:
    header = file.bytes_at(at, 12).ljust(12, b"\0")
    name = header[: 9 - header[0].bit_length()]
    width = 9 - header[len(name)].bit_length() if len(name) < 8 else 9
    if width > 8:
        return name, at + 12, None
    value = int.from_bytes(header[len(name) : len(name) + width], "big") & ((1 << 7 * width) - 1)
    return name, at + len(name) + width, None if value == (1 << 7 * width) - 1 else value


@contextlib.contextmanager
def _naming(file: Opened) -> Iterator[None]:
    import av

    try:
        yield
    except (av.FFmpegError, ValueError, IndexError, EOFError) as error:
        file.check_unchanged()
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{file.name} cannot be decoded: {' '.join(reason.split()).rstrip('.')}.") from error


class FFmpegDecoder:
    """By ffmpeg. A seek lands on a frame whose time says which samples it holds; where times are too coarse for that (milliseconds in ASF
    and Matroska), on the nearest frame of a grid of equally long ones, and without such a grid everything before is decoded."""

    def __init__(self, file: Opened, format: str) -> None:
        try:
            import av
        except ImportError:
            raise AudioError(f"{file.name} is in a format that needs ffmpeg; pip install 'mirbench-audio[formats]'.") from None
        self.file, self.open = file, lambda: av.open(RepairedFile(file, Repair()), format=format)  # type: ignore[call-overload]
        with _naming(file):
            self.container: Any = self.open()
        try:
            with _naming(file):
                self._begin(format)
        except AudioError:
            self.close()
            raise

    def _begin(self, format: str) -> None:
        streams = self.container.streams.audio
        if not streams or streams[0].codec_context is None:
            raise AudioError(f"{self.file.name} has no audio in it that ffmpeg can decode.")
        self.stream = streams[0]
        context = self.stream.codec_context
        self.rate, self.channels, self.format = context.sample_rate, context.layout.nb_channels, f"{format.upper()}, {context.name}"
        if not self.rate or not self.channels:
            raise AudioError(f"{self.file.name} says no sample rate.")
        self.loose = int(LOOSE * self.rate)
        if format in RAW_STREAMS:
            base = self.stream.time_base
            self.frames = sum(round(packet.duration * base * self.rate) for packet in self.container.demux(self.stream) if packet.duration)
            self._reopen()
        elif self.stream.duration:
            self.frames = round(self.stream.duration * self.stream.time_base * self.rate)
        else:
            self.frames = round((self.container.duration or 0) * self.rate / 1_000_000)
        beginning = []
        for frame in self.container.decode(self.stream):
            beginning.append(frame)
            if len(beginning) == 4:
                break
        if not beginning or not self.frames:
            raise AudioError(f"{self.file.name} holds no samples.")
        self.origin = beginning[0].pts or 0
        lengths = [frame.samples for frame in beginning]
        self.exact = self.stream.time_base * self.rate <= 1 and format not in DRIFTING
        self.grid = lengths[1] if len(lengths) == 4 and len(set(lengths[1:])) == 1 and format not in DRIFTING else 0
        self.lead = lengths[0] % self.grid if self.grid else 0
        self._restart(0)

    def _restart(self, first: int) -> None:
        """Next to be decoded is a frame from `first` on or a little before it."""
        before = max(0, first - int(PREROLL * self.rate)) if self.exact or self.grid else 0
        if before:
            self.container.seek(self.origin + int(before / self.rate / self.stream.time_base), stream=self.stream)
        else:
            self._reopen()  # as a seek to the start leaves out what stands before time 0
        self.source = self._parts(None if before else 0)
        self.rest, self.position = np.empty((0, self.channels), np.float32), before

    def _reopen(self) -> None:
        self.container.close()
        self.container = self.open()
        self.stream = self.container.streams.audio[0]

    def _parts(self, at: int | None) -> Iterator[tuple[int, np.ndarray]]:
        """(where it begins, (samples, channels)) of each frame from here on."""
        landed = True
        for frame in self.container.decode(self.stream):
            if not frame.samples:
                continue
            if frame.sample_rate != self.rate or frame.layout.nb_channels != self.channels:
                raise AudioError(f"{self.file.name} changes its rate or channels midway.")
            if at is None:
                if frame.pts is None or (landed and not self.exact):
                    landed = False  # what a decoder drops of the first frame moves it off the grid
                    continue
                at = round((frame.pts - self.origin) * self.stream.time_base * self.rate)
                if not self.exact:
                    at = self.lead + round((at - self.lead) / self.grid) * self.grid
            yield at, _samples(frame)
            at += frame.samples

    def read(self, first: int, count: int) -> np.ndarray:
        with _naming(self.file):
            if not self.position <= first <= self.position + FORWARD * self.rate:
                self._restart(first)
            parts, missing = [], count
            while missing:
                if not len(self.rest):
                    try:
                        self.position, self.rest = next(self.source)
                    except StopIteration:
                        break
                    if self.position > first + count - missing:  # the seek went too far
                        self.exact, self.grid = False, 0
                        self._restart(first)
                        continue
                skip = max(0, first + count - missing - self.position)
                part = self.rest[skip : skip + missing]
                self.rest = self.rest[skip + len(part) :]
                self.position += skip + len(part)
                missing -= len(part)
                parts.append(part)
        return np.concatenate(parts) if parts else np.empty((0, self.channels), np.float32)

    def close(self) -> None:
        self.container.close()


def _samples(frame: Any) -> np.ndarray:
    """(samples, channels) float32."""
    samples = frame.to_ndarray()
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return (samples / float(-np.iinfo(samples.dtype).min)).astype(np.float32)
    return np.ascontiguousarray(samples, np.float32)
