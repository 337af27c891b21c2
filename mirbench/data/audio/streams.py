"""What FLAC and Ogg promise: their last frame, and pages with checksums (RFC 9639, RFC 3533)."""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mirbench.data.audio.opening import AudioError, Opened, part_in_words

BLOCK = 1 << 16  # bytes
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
FLAC_RATES = {1: 88_200, 2: 176_400, 3: 192_000, 4: 8_000, 5: 16_000, 6: 22_050, 7: 24_000, 8: 32_000, 9: 44_100, 10: 48_000, 11: 96_000}


def repair_flac(file: Opened, begin: int) -> tuple[bytes, int, bool, int]:
    """(what to read instead of the beginning, how many bytes it stands for, whether it is doubtful that the last frame is there, and then
    the number of samples up to the last one found).

    The last frame's header says which samples are in it. A stream written to a pipe gets its total from there.
    """
    streaminfo = file.bytes_at(begin, 42)
    if len(streaminfo) < 42:
        raise AudioError(f"{file.name} is truncated: its header ends before any audio.")
    total = int.from_bytes(streaminfo[21:26], "big") & (2**36 - 1)
    most, rate = int.from_bytes(streaminfo[10:12], "big"), int.from_bytes(streaminfo[18:21], "big") >> 4
    largest = min(int.from_bytes(streaminfo[15:18], "big") or BLOCK, 32 * BLOCK)
    tail = file.bytes_at(max(begin, file.size - largest - BLOCK), largest + BLOCK)
    at, ends = len(tail), []
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        header = tail[at : at + 16]
        if header[1:2] not in (b"\xf8", b"\xf9") or (end := _flac_end(header, most)) is None:
            continue
        agrees = FLAC_RATES.get(header[2] & 15, rate) == rate
        if agrees and end == total:
            return b"", 0, False, 0
        if agrees and not total:
            return streaminfo[:21] + (int.from_bytes(streaminfo[21:26], "big") | end).to_bytes(5, "big"), begin + 26, True, 0
        ends.append(end)
    if not total or any(end >= total for end in ends):
        raise AudioError(f"{file.name} is damaged: its header and its last frame do not agree on its length and sample rate.")
    return b"", 0, True, max(ends, default=0)


def _flac_end(header: bytes, most: int) -> int | None:
    """The number of the sample after a frame, or nothing where this is no frame's header. most: samples in a frame of a fixed size."""
    header = header.ljust(16, b"\0")
    if header[3] & 1 or header[2] & 15 == 15:
        return None
    code, lead = header[2] >> 4, header[4]
    more = 0 if lead < 0x80 else 8 - (lead ^ 0xFF).bit_length() - 1  # bytes after the first, as in UTF-8
    if more > 6 or lead >> 6 == 2:
        return None
    number = lead if not more else lead & (0x3F >> more)
    for byte in header[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    at = 5 + more
    if code == 6:
        size, at = header[at] + 1, at + 1
    elif code == 7:
        size, at = int.from_bytes(header[at : at + 2], "big") + 1, at + 2
    else:
        size = {1: 192}.get(code, 576 << code - 2 if 2 <= code <= 5 else 256 << code - 8 if code >= 8 else 0)
    at += {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0)
    if not size or header[at] != _crc8(header[:at]):
        return None
    return number + size if header[1] & 1 else number * most + size


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 7 if crc & 0x80 else crc << 1) & 0xFF
    return crc


@dataclass(frozen=True)
class Page:
    """Of an Ogg stream. granule: what its last whole packet ends at, -1 where none ends in it."""

    offset: int
    size: int
    flags: int
    granule: int
    serial: int
    number: int
    data: bytes

    @property
    def whole(self) -> bool:
        """Whether all of it is there, as its CRC says: that of zlib with its bits the other way round."""
        mirrored = (self.data[:22] + bytes(4) + self.data[26:]).translate(REVERSED)
        crc = binascii.crc32(mirrored, 0xFFFF_FFFF) ^ 0xFFFF_FFFF
        return len(self.data) == self.size and self.data[22:26] == crc.to_bytes(4, "little").translate(REVERSED)[::-1]


def _page(data: bytes, at: int, offset: int) -> Page | None:
    """The page that begins at `at` of some bytes; offset: of these bytes in the file."""
    if data[at : at + 5] != b"OggS\0" or len(data) < at + 27:
        return None
    flags, granule, serial, number = struct.unpack("<BqII", data[at + 5 : at + 22])
    lengths = data[at + 27 : at + 27 + data[at + 26]]
    size = 27 + data[at + 26] + sum(lengths)
    return Page(offset + at, size, flags, granule, serial, number, data[at : at + size])


def _pages(file: Opened, at: int) -> Iterator[Page]:
    """Pages that follow one another, until what follows is none."""
    data, offset = b"", at
    while True:
        page = _page(data, at - offset, offset)
        if page is None or len(page.data) < page.size:
            data, offset = file.bytes_at(at, 4 * BLOCK), at
            page = _page(data, 0, at)
            if page is None:
                return
        yield page
        at += page.size


def check_ogg(file: Opened, begin: int) -> int:
    """The granule position at its end; raises AudioError where the last page is missing, or another stream follows, which is not read."""
    first = _page(file.bytes_at(begin, BLOCK), 0, begin)
    offset = max(begin, file.size - 2 * BLOCK)
    tail = file.bytes_at(offset, 2 * BLOCK)
    at, last = len(tail), None
    while last is None and (at := tail.rfind(b"OggS", 0, at)) >= 0:
        last = _page(tail, at, offset)
    if first is None or last is None or not last.whole or not last.flags & 4:
        seconds = _seconds(first, tail, offset)
        raise AudioError(f"{file.name} is truncated: its last page, which says that the stream ends, is missing or damaged{seconds}.")
    if first.serial != last.serial:
        raise AudioError(f"{file.name} holds several streams, of which only one would be heard; give each a file of its own.")
    return last.granule


def _seconds(first: Page | None, tail: bytes, offset: int) -> str:
    """As `part_in_words`, by the last page that is whole; nothing where that is not known. tail: the end of the file, from `offset` on."""
    rate = _rate(first.data) if first else 0
    pages = (page for at in _all(tail, b"OggS") if (page := _page(tail, at, offset)) and page.whole and page.granule > 0)
    granule = max((page.granule for page in pages), default=0)
    return part_in_words(granule / rate) if rate and granule else ""


def _rate(page: bytes) -> int:
    """In what the positions of a stream count, by its first page: Hz of Vorbis, 48,000 of Opus (RFC 7845), 0 for what is neither."""
    if (at := page.find(b"\x01vorbis")) >= 0:
        return int.from_bytes(page[at + 12 : at + 16], "little")
    return 48_000 if b"OpusHead" in page else 0


def check_ogg_part(file: Opened, begin: int, first: float, last: float) -> None:
    """Raises AudioError where a page is damaged or missing that holds what lies between two granule positions."""
    low, high = begin, file.size
    while high - low > BLOCK:
        middle = (low + high) // 2
        data = file.bytes_at(middle, 2 * BLOCK)
        page = next((page for page in (_page(data, at, middle) for at in _all(data, b"OggS")) if page and page.granule >= 0), None)
        if page is None or page.granule >= first:
            high = middle
        else:
            low = page.offset
    at, number = low, None
    for page in _pages(file, low):
        if not page.whole or number not in (None, page.number):
            break
        at, number = page.offset + page.size, page.number + 1
        if page.granule >= last or page.flags & 4:
            return
    raise AudioError(f"{file.name} is damaged: what its page at byte {at} holds is not what its checksum says, or a page is missing.")


def _all(data: bytes, wanted: bytes) -> Iterator[int]:
    at = -1
    while (at := data.find(wanted, at + 1)) >= 0:
        yield at
