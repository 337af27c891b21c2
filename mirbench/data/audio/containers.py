"""What a header promises, held against the bytes that are there: decoders shorten a truncated file without a word.

RIFF/RF64 (Microsoft; EBU Tech 3306), Wave64 (Sony), AIFF (Apple 1989), AU (Sun), CAF (Apple), NIST SPHERE. A stream written to a pipe
does not know its length: WAV then says 0, 0xFFFFFFFF (ffmpeg) or about 0x7FFFF000 (sox, arecord), CAF -1, AU 0xFFFFFFFF. PAF,
PVF, IRCAM and XI say no length, so that nothing can be held against it.
"""

from __future__ import annotations

import codecs
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mirbench.data.audio.mpeg import mpeg_start, repair_mpeg
from mirbench.data.audio.opening import AudioError, Opened, part_in_words
from mirbench.data.audio.streams import check_ogg, repair_flac

UNKNOWN = 0x7F00_0000  # bytes; a 32-bit length from here on that the file does not reach is a placeholder
UNKNOWN_64 = 2**62
MOST_CHUNKS = 10_000
FRAMES_AT = {"AVR": 26, "MPC2K": 30, "WVE": 18, "MAT4": 47, "MAT5": 236}  # byte at which the number of frames is written
ONE_SAMPLE = (1, 3, 6, 7, 0xFFFE)  # codes of WAV with a fixed number of bytes a sample: integers, floats, A-law, mu-law, extensible
WAVE64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # of every chunk's GUID but the first
NO_AUDIO = (b"<", b"%PDF", b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x7fELF")


@dataclass(frozen=True)
class Repair:
    """How a file is to be read where its decoder needs help: as `head` and then the file from `skip` on. frames: how many samples a
    channel are in it, where the decoder only guesses, and stops where it guessed; longer: how to read it where that is too early."""

    head: bytes = b""
    skip: int = 0
    frames: int | None = None
    doubtful: bool = False  # whether the decoder should be asked for the last sample
    granule: int = 0  # position at the end of an Ogg stream
    longer: Repair | None = None
    there: int = 0  # samples a channel up to the last frame that was found, where it is not the one that the header says is last


class RepairedFile:
    """Some bytes and then a file from `skip` on, as one file."""

    def __init__(self, file: Opened, repair: Repair) -> None:
        self.file, self.head, self.skip, self.position = file, repair.head, repair.skip, 0
        self.size = len(self.head) + file.size - self.skip

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.position = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence])
        return self.position

    def tell(self) -> int:
        return self.position

    def read(self, count: int = -1) -> bytes:
        count = self.size - self.position if count < 0 else count
        data = self.head[self.position : self.position + count]
        if len(data) < count:
            data += self.file.bytes_at(self.skip + max(0, self.position - len(self.head)), count - len(data))
        self.position += len(data)
        return data

    def write(self, data: bytes) -> int:
        raise OSError("it is only read")


def check_container(file: Opened) -> Repair:
    """Raises AudioError where the file is shorter than its header says, or is known not to be audio; reads headers only."""
    begin = after_tags(file)
    start = file.bytes_at(begin, 16)
    kind = start[:4]
    if kind in (b"RIFF", b"RIFX", b"RF64", b"BW64") and start[8:12] == b"WAVE":
        return _wave(file, begin, ">" if kind == b"RIFX" else "<")
    if kind == b"riff" and start[4:8] == bytes.fromhex("2e91cf11"):
        return _wave64(file, begin)
    if kind == b"FORM" and start[8:12] in (b"AIFF", b"AIFC", b"8SVX", b"16SV"):
        return _form(file, begin)
    if kind in (b".snd", b"dns."):
        return _au(file, begin)
    if kind == b"caff":
        return _caf(file, begin)
    if start[:7] == b"NIST_1A":
        return _nist(file, begin)
    if start == b"Creative Voice F":
        return _voc(file)
    if kind == b"fLaC":
        head, skip, doubtful, there = repair_flac(file, begin)
        return Repair(head, skip, doubtful=doubtful, there=there)
    if kind == b"OggS":
        return Repair(skip=begin, granule=check_ogg(file, begin))
    if (frame := mpeg_start(file, begin)) is not None:
        return _mpeg(file, frame)
    if start.lstrip().startswith(NO_AUDIO) or _is_text(file):
        raise AudioError(f"{file.name} is no audio: it begins with {file.bytes_at(0, 24)!r}.")
    if start[:1] == b"\xff" or file.name.lower().endswith((".mp3", ".mp2")):
        frame = mpeg_start(file, begin, search=True)
    return replace(_mpeg(file, frame), skip=frame) if frame else Repair()


def _mpeg(file: Opened, start: int) -> Repair:
    head, skip, frames = repair_mpeg(file, start)
    return Repair(frames=frames, longer=Repair(head, skip)) if frames else Repair()


def after_tags(file: Opened) -> int:
    """Where the file begins after ID3v2 tags (id3.org), which may stand before any format."""
    begin = 0
    while (tag := file.bytes_at(begin, 10))[:3] == b"ID3" and len(tag) == 10 and max(tag[6:10]) < 128:
        size = (tag[6] << 21) + (tag[7] << 14) + (tag[8] << 7) + tag[9]
        begin += 10 + size + (10 if tag[5] & 0x10 else 0)
    if begin >= file.size:
        raise AudioError(f"{file.name} is truncated: its ID3 tag of {begin} bytes is longer than the file.")
    return begin


def _is_text(file: Opened) -> bool:
    sample = file.bytes_at(0, 512)
    encoding = "utf-16" if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:  # a character that the sample ends in is left out
        return codecs.getincrementaldecoder(encoding)().decode(sample).replace("\n", "").replace("\r", "").replace("\t", "").isprintable()
    except UnicodeDecodeError:
        return False


def _fits(file: Opened, what: str, end: int, begin: int = 0, a_second: int = 0) -> None:
    """begin: where it begins; a_second: bytes of a second of it, where that is known."""
    if end > file.size:
        seconds = part_in_words(max(0, file.size - begin) / a_second, (end - begin) / a_second) if a_second else ""
        raise AudioError(f"{file.name} is truncated: {what} should end at byte {end}, but the file has {file.size} bytes{seconds}.")


def _chunks(file: Opened, begin: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """(name, where its body begins, size as it is written) of each chunk of an IFF file."""
    at = begin + 12
    for _ in range(MOST_CHUNKS):
        header = file.bytes_at(at, 8)
        if len(header) < 8:
            return
        size = struct.unpack(order + "I", header[4:])[0]
        yield header[:4], at + 8, size
        at += 8 + size + size % 2


def _wave(file: Opened, begin: int, order: str) -> Repair:
    whole, long, a_second = struct.unpack(order + "I", file.bytes_at(begin + 4, 4))[0], None, 0
    for name, body, size in _chunks(file, begin, order):
        if name == b"ds64":
            long = struct.unpack("<QQQ", file.bytes_at(body, 24).ljust(24, b"\0"))[1]
        if name == b"fmt ":
            _check_rates(file, file.bytes_at(body, 16), order)
            a_second = int.from_bytes(file.bytes_at(body + 8, 4), "big" if order == ">" else "little")
        if name != b"data":
            continue
        if size == 0xFFFF_FFFF and long is not None:
            _fits(file, "its audio", body + long, body, a_second)
        elif size >= UNKNOWN:  # a placeholder, or as much as a file of 2 GB has
            pass
        elif size:
            _fits(file, "its audio", body + size, body, a_second)
            after = body + size + size % 2
            if whole + 8 == file.size - begin and after + 8 <= file.size and not _is_chunk(file, after, order):
                raise AudioError(f"{file.name} has a damaged header: what follows its {size} bytes of audio is no part of a WAV file.")
        elif body < file.size and whole + 8 != file.size - begin and not _is_chunk(file, body, order):
            there = file.size - body
            head = file.bytes_at(begin, body - begin - 4) + struct.pack(order + "I", min(there, 0xFFFF_FFFF))
            return Repair(head[:4] + struct.pack(order + "I", min(len(head) - 8 + there, 0xFFFF_FFFF)) + head[8:], body)
        return Repair()
    raise AudioError(f"{file.name} is truncated: its header ends before any audio.")


def _is_chunk(file: Opened, at: int, order: str) -> bool:
    header = file.bytes_at(at, 8)
    return (
        len(header) == 8
        and header[:4].isascii()
        and header[:4].decode().isprintable()
        and (at + 8 + struct.unpack(order + "I", header[4:])[0] <= file.size)
    )


def _check_rates(file: Opened, fmt: bytes, order: str) -> None:
    """The sample rate is written twice for linear samples: a damaged one would change the pitch without a word."""
    if len(fmt) < 16:
        return
    tag, channels, rate, a_second, align, bits = struct.unpack(order + "HHIIHH", fmt)
    if tag not in ONE_SAMPLE or not a_second or not align:
        return
    if a_second != rate * align:
        raise AudioError(f"{file.name} has a damaged header: {rate} Hz of {align} bytes do not make {a_second} bytes a second.")
    if align != channels * (-(-bits // 8)):
        raise AudioError(f"{file.name} has a damaged header: {channels} channels of {bits} bits do not make {align} bytes.")


def _wave64(file: Opened, begin: int) -> Repair:
    at = begin + 40
    for _ in range(MOST_CHUNKS):
        header = file.bytes_at(at, 24)
        if len(header) < 24:
            break
        size = struct.unpack("<Q", header[16:])[0]
        if header[:16] == b"data" + WAVE64_TAIL:
            if 24 <= size < UNKNOWN_64:
                _fits(file, "its audio", at + size)
            return Repair(skip=begin)
        at += max(24, size + -size % 8)
    raise AudioError(f"{file.name} is truncated: its header ends before any audio.")


def _form(file: Opened, begin: int) -> Repair:
    for name, body, size in _chunks(file, begin, ">"):
        if name in (b"SSND", b"BODY"):
            if 0 < size < UNKNOWN:
                _fits(file, "its audio", body + size)
            return Repair()
    raise AudioError(f"{file.name} is truncated: its header ends before any audio.")


def _au(file: Opened, begin: int) -> Repair:
    order = ">" if file.bytes_at(begin, 1) == b"." else "<"
    header = file.bytes_at(begin + 4, 8)
    if len(header) < 8:
        raise AudioError(f"{file.name} is truncated: its header ends before any audio.")
    offset, size = struct.unpack(order + "II", header)
    if size < UNKNOWN:
        _fits(file, "its audio", begin + offset + size)
    return Repair()


def _caf(file: Opened, begin: int) -> Repair:
    at = begin + 8
    for _ in range(MOST_CHUNKS):
        header = file.bytes_at(at, 12)
        if len(header) < 12:
            break
        size = struct.unpack(">q", header[4:])[0]
        if header[:4] == b"data" and size < 0:  # to the end of the file
            head = file.bytes_at(begin, at + 4 - begin) + struct.pack(">q", file.size - at - 12)
            return Repair(head, at + 12)
        if header[:4] == b"data":
            _fits(file, "its audio", at + 12 + size)
            return Repair()
        at += 12 + max(size, 0)
    raise AudioError(f"{file.name} is truncated: its header ends before any audio.")


def _voc(file: Opened) -> Repair:
    at = int.from_bytes(file.bytes_at(20, 2), "little")
    for _ in range(MOST_CHUNKS):
        header = file.bytes_at(at, 4)
        if len(header) < 4 or not header[0]:
            break
        _fits(file, "a block of it", at + 4 + int.from_bytes(header[1:], "little"))
        at += 4 + int.from_bytes(header[1:], "little")
    return Repair()


def promised_frames(file: Opened, format: str) -> int:
    """How many samples a channel the header of a rare format says, of which libsndfile gives fewer where fewer are there."""
    field = file.bytes_at(FRAMES_AT[format], 4) if format in FRAMES_AT else b""
    return min(int.from_bytes(field, "little"), int.from_bytes(field, "big"))  # files are written in either order


def _nist(file: Opened, begin: int) -> Repair:
    header = file.bytes_at(begin, 1024).decode("latin-1").split("end_head")[0].splitlines()
    fields = {words[0]: words[2] for words in (line.split() for line in header[2:]) if len(words) == 3}
    try:
        size = int(fields["sample_count"]) * int(fields["sample_n_bytes"]) * int(fields.get("channel_count", "1"))
        begins = begin + int(header[1])
    except (KeyError, ValueError, IndexError):
        return Repair()
    if "," not in fields.get("sample_coding", ""):  # not compressed
        _fits(file, "its audio", begins + size)
    return Repair()
