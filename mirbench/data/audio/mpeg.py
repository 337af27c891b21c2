"""What MPEG audio promises: the headers of its frames (ISO/IEC 11172-3 and 13818-3), and the Xing, Info or VBRI header in its first."""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

from mirbench.data.audio.opening import AudioError, Opened, part_in_words

BLOCK = 1 << 16  # bytes
INEXACT = 2048  # bytes by which headers err, as they count tags or not; whether samples are missing is seen when these are decoded
TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
FOLLOWING = 3  # frames in a row are MPEG audio; one header may be chance
BITRATES = {  # kbit/s, by (MPEG 1 or not, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = (44_100, 48_000, 32_000)  # Hz, of MPEG 1; half of MPEG 2, a quarter of MPEG 2.5


@dataclass(frozen=True)
class Frame:
    """A header of MPEG audio. kind: version, layer and rate, which do not change within a stream."""

    size: int  # bytes
    samples: int
    kind: int
    mono: bool
    mpeg1: bool
    rate: int  # Hz


@functools.lru_cache(4096)
def _frame(header: int) -> Frame | None:
    """Of a header's 32 bits; none where it is no header, or one of a free bit rate."""
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    bitrate, rate = header >> 12 & 15, header >> 10 & 3
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3 or header & 3 == 2:
        return None
    mpeg1 = version == 3
    hertz = RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    bits, padding = BITRATES[mpeg1, layer][bitrate] * 1000, header >> 9 & 1
    if layer == 1:
        return Frame((12 * bits // hertz + padding) * 4, 384, header >> 10 & 0x7FF_83, header >> 6 & 3 == 3, mpeg1, hertz)
    samples = 576 if layer == 3 and not mpeg1 else 1152
    return Frame(samples // 8 * bits // hertz + padding, samples, header >> 10 & 0x7FF_83, header >> 6 & 3 == 3, mpeg1, hertz)


def mpeg_start(file: Opened, begin: int, search: bool = False) -> int | None:
    """Where the first frame is that others of its kind follow, after padding; search: or after anything, as the rest of a cut frame."""
    data = file.bytes_at(begin, BLOCK)
    padding = len(data) - len(data.lstrip(b"\0"))
    for at in (at for at in range(len(data)) if data[at] == 0xFF) if search else [padding]:
        first = frame = _frame(int.from_bytes(data[at : at + 4], "big"))
        following, count = begin + at, 0
        while first and frame and frame.kind == first.kind and count < FOLLOWING:
            following, count = following + frame.size, count + 1
            frame = _frame(int.from_bytes(file.bytes_at(following, 4), "big"))
        if count == FOLLOWING or (count and not search and following + 4 > file.size):
            return begin + at
    return None


def repair_mpeg(file: Opened, start: int) -> tuple[bytes, int, int]:
    """Of a stream that begins at `start`: (a frame to put before it, where it then begins, its samples a channel), or no samples where
    its own header says how many.

    Without such a header, or where frames follow after as many bytes as it says, all frames are walked: the decoder would only guess from
    the size of the first, and it stops where it guessed, so that a header is put before the stream. Raises AudioError where clearly fewer
    bytes are there than a header says.
    """
    data = file.bytes_at(start, 4096)
    frame = _frame(int.from_bytes(data[:4], "big"))
    assert frame is not None
    frames, size = _promise(data[: frame.size])
    if size and start + size > file.size + INEXACT:
        there, whole = file.size - start, frames * frame.samples / frame.rate
        seconds = part_in_words(whole * there / size, whole) if frames else ""
        raise AudioError(f"{file.name} is truncated: its header says {size} bytes of audio, {there} are there{seconds}.")
    if frames:
        if not size or mpeg_start(file, start + size, search=True) != start + size:
            return b"", start, 0
        start += frame.size
    count = _walk(file, start, frame)
    return _info_frame(int.from_bytes(data[:4], "big"), frame, count, file.size - start), start, count * frame.samples


def _promise(data: bytes) -> tuple[int, int]:
    """(frames, bytes) that the header in a first frame says, 0 for what it does not say."""
    at = max(data.find(b"Xing", 0, 48), data.find(b"Info", 0, 48))
    if at > 0 and len(data) >= at + 16:
        flags = int.from_bytes(data[at + 4 : at + 8], "big")
        frames = int.from_bytes(data[at + 8 : at + 12], "big") if flags & 1 else 0
        where = at + 12 if flags & 1 else at + 8
        return frames, int.from_bytes(data[where : where + 4], "big") if flags & 2 else 0
    if data[36:40] == b"VBRI" and len(data) >= 54:
        return int.from_bytes(data[50:54], "big"), int.from_bytes(data[46:50], "big")
    return 0, 0


def _walk(file: Opened, start: int, first: Frame) -> int:
    """How many whole frames there are, up to the tags at the end."""
    count, at, offset, data, lost = 0, start, start, b"", False
    while at + 4 <= file.size:
        if at + 4 > offset + len(data):
            data, offset = file.bytes_at(at, 16 * BLOCK), at
            if len(data) < 4:  # the file has become shorter
                break
        frame = _frame(int.from_bytes(data[at - offset : at - offset + 4], "big"))
        if frame and frame.kind == first.kind and not (lost and mpeg_start(file, at) != at):
            at += frame.size
            count += at <= file.size
            lost = False
        elif data.startswith(TAGS, at - offset):
            break
        else:  # junk between frames
            found = data.find(b"\xff", at - offset + 1)
            at, lost = offset + (found if found >= 0 else len(data)), True
    return count


def _info_frame(header: int, first: Frame, count: int, size: int) -> bytes:
    """A frame of silence that says how many follow, of the same kind as the first (layer 3)."""
    whole = header & ~0xF200 | 0x1_E000  # without a CRC, at the highest bit rate, so that there is room
    frame = _frame(whole)
    assert frame is not None
    at = 4 + (32 if first.mpeg1 and not first.mono else 9 if first.mono and not first.mpeg1 else 17)
    head = whole.to_bytes(4, "big").ljust(at, b"\0") + b"Xing" + struct.pack(">III", 3, count, size + frame.size)
    return head.ljust(frame.size, b"\0")
