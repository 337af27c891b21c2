"""Make the pieces that `mini` ships with, from two named packages. Run by maintainers, never by users.

    apt-get install freedoom
    pip install -e '.[gather]'
    python plugins/datasets/mini/gather_pieces.py

Writes data/pieces.npz, note events of real pieces, and data/PIECES.csv, where each comes from. A file whose own metadata
reserves rights, or only bears a copyright notice (most of the Bach chorales: "PDF (c) 2004 ..."), is left out and listed on
the terminal.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import struct
import sys
import zipfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data"
FREEDOOM = "/usr/share/games/doom"
TICKS = 24  # a quarter note
MAX_NOTES = 4_000  # a piece; long movements are cut there
RESERVED = re.compile(r"rights? reserved|not for commercial|non-?commercial|copyright|\(c\)|©", re.IGNORECASE)
STYLE_WORDS = (
    "reel",
    "jig",
    "hornpipe",
    "strathspey",
    "fling",
    "air",
    "highland",
    "clog",
    "setting",
    "version",
    "first",
    "second",
    "third",
)
# parts of one madrigal, as the numbers in books 3 to 5: Vattene pur crudel; Vivro fra i miei tormenti; Rimanti in pace; Anima mia perdona;
# Ecco Silvio
MADRIGAL_PARTS = (("3.8", "3.9", "3.10"), ("3.15", "3.16", "3.17"), ("3.19", "3.20"), ("4.6", "4.7"), ("5.4", "5.5", "5.6", "5.7", "5.8"))


def _voices_of(score: Any) -> list[list[tuple[int, int, int]]]:
    """Per part, (onset, duration, MIDI pitch) in ticks, ties joined, grace notes dropped."""
    voices = []
    for part in score.parts if hasattr(score, "parts") and len(score.parts) else [score]:
        events = []
        for element in part.stripTies().flatten().notes:
            duration = round(float(element.duration.quarterLength) * TICKS)
            if duration < 1 or not hasattr(element, "pitches") or element.__class__.__name__ == "ChordSymbol":
                continue
            onset = round(float(element.offset) * TICKS)
            events += [(onset, min(duration, 32 * TICKS), int(p.midi)) for p in element.pitches if 24 <= p.midi <= 108]
        if len(events) >= 8:
            voices.append(sorted(events)[:MAX_NOTES])
    return voices


def _final_bass(voices: list[list[tuple[int, int, int]]]) -> int:
    """Pitch class of the lowest note sounding at the end."""
    end = max(onset + duration for voice in voices for onset, duration, _ in voice)
    return min(pitch for voice in voices for onset, duration, pitch in voice if onset + duration >= end - 2) % 12


def _abc_pieces(path: Path, collection: str) -> list[dict[str, Any]]:
    """The tunes of an ABC file that name a rhythm (or are among O'Neill's airs), one voice each."""
    from music21 import converter

    text = path.read_text(encoding="latin-1")
    found = []
    for block in re.split(r"(?m)^(?=X:)", text):
        if not block.startswith("X:"):
            continue
        field = {m[1]: m[2].strip() for m in re.finditer(r"(?m)^([XTRMKZBN]):\s*(.*)$", block)}
        title = re.search(r"(?m)^T:\s*(.*)$", block)
        rhythm = field.get("R", "").lower().strip()
        number = int(re.sub(r"\D", "", field.get("X", "0")) or 0)
        style = {
            "reel": "reel",
            "jig": "jig",
            "double jig": "jig",
            "hornpipe": "hornpipe",
            "strathspey": "strathspey",
            "highland fling": "strathspey",
            "fling": "strathspey",
            "air": "air",
        }.get(rhythm)
        if style is None and not rhythm and collection == "O'Neill" and 0 < number <= 625:
            style = "air"  # O'Neill's first part, "Airs and songs"
        key = re.match(r"([A-G])([#b]?)\s*(maj|min|m\b|dor|mix|lyd|phr|loc|aeo)?", field.get("K", ""), re.IGNORECASE)
        if style is None or key is None or RESERVED.search(block):
            continue
        tonic = ("C D EF G A B".index(key[1].upper()) + {"#": 1, "b": -1, "": 0}[key[2]]) % 12
        mode = {"": "major", "maj": "major", "m": "minor", "min": "minor", "aeo": "minor"}.get((key[3] or "").lower(), "modal")
        meter = field.get("M", "4/4").replace("C|", "2/2").replace("C", "4/4")
        beats = re.match(r"(\d+)/(\d+)", meter)
        if not beats:
            continue
        clean = re.sub(r'"[^"]*"|![^!]*!|\{[^}]*\}', "", block)  # fingerings, annotations, grace notes
        try:
            voices = _voices_of(converter.parse(clean, format="abc"))
        except Exception as error:  # a tune that music21 cannot read is left out, by name
            print(f"unread: {path.name} {number}: {type(error).__name__}", file=sys.stderr)
            continue
        if voices:
            found.append(
                {
                    "collection": collection,
                    "source": f"{path.name}#{number}",
                    "title": title[1] if title else "",
                    "style": style,
                    "tonic": tonic if mode != "modal" else -1,
                    "mode": mode,
                    "bar": TICKS * 4 * int(beats[1]) // int(beats[2]),
                    "voices": voices[:1],
                    "programs": [0],
                }
            )
    return found


def _score_piece(path: Path, collection: str, style: str) -> list[dict[str, Any]]:
    """A score file as one piece with all its voices; key by Krumhansl's profile, kept where the last bass note agrees."""
    from music21 import converter, meter

    with zipfile.ZipFile(path) as archive:
        if any(RESERVED.search(archive.read(n).decode("utf-8", "ignore")) for n in archive.namelist() if n.endswith(".xml")):
            print(f"rights reserved, left out: {path.name}", file=sys.stderr)
            return []
    try:
        score = converter.parse(path)
        voices = _voices_of(score)
        signature = score.recurse().getElementsByClass(meter.TimeSignature).first()
        key = score.analyze("key") if style == "chorale" else None
    except Exception as error:
        print(f"unread: {path.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return []
    if len(voices) < 3:
        return []
    certain = key is not None and key.correlationCoefficient > 0.8 and _final_bass(voices) == key.tonic.pitchClass
    return [
        {
            "collection": collection,
            "source": f"{path.parent.name}/{path.name}",
            "title": path.stem,
            "style": style,
            "tonic": key.tonic.pitchClass if key is not None and certain else -1,
            "mode": key.mode if key is not None and certain else "modal",
            "bar": round(float(signature.barDuration.quarterLength) * TICKS) if signature else 4 * TICKS,
            "voices": voices[:6],
            "programs": [0] * len(voices[:6]),
        }
    ]


def _read_midi(data: bytes) -> tuple[list[tuple[int, int, int, int, int]], float]:
    """Notes (onset, duration, pitch, channel, program) in ticks, and the mean tempo in quarter notes a minute."""
    division = struct.unpack(">H", data[12:14])[0]
    notes, tempi, at = [], [], 14
    while at + 8 <= len(data):
        size = struct.unpack(">I", data[at + 4 : at + 8])[0]
        stream = io.BytesIO(data[at + 8 : at + 8 + size])
        at += 8 + size
        now, status, programs, sounding = 0, 0, dict.fromkeys(range(16), 0), {}

        def number(stream: io.BytesIO = stream) -> int:
            value = 0
            while byte := stream.read(1):
                value = value << 7 | byte[0] & 0x7F
                if byte[0] < 0x80:
                    break
            return value

        while stream.tell() < size:
            now += number()
            byte = stream.read(1)
            if not byte:
                break
            if byte[0] >= 0x80:
                status = byte[0]
            else:
                stream.seek(-1, 1)
            if status == 0xFF:
                kind, body = stream.read(1)[0], stream.read(number())
                if kind == 0x51:
                    tempi.append(60e6 / int.from_bytes(body, "big"))
            elif status in (0xF0, 0xF7):
                stream.read(number())
            else:
                channel, kind = status & 15, status >> 4
                body = stream.read(1 if kind in (12, 13) else 2)
                if kind == 12:
                    programs[channel] = body[0]
                elif kind == 9 and body[1]:
                    sounding[channel, body[0]] = (now, programs[channel])
                elif kind in (8, 9) and (channel, body[0]) in sounding:
                    start, program = sounding.pop((channel, body[0]))
                    onset, end = round(start * TICKS / division), round(now * TICKS / division)
                    notes.append((onset, max(1, end - onset), body[0], channel, program))
    return sorted(notes), float(np.median(tempi)) if tempi else 120.0


def _rock_pieces() -> list[dict[str, Any]]:
    """The MIDI tracks of Freedoom, channels as voices, channel 10 as drums (program -1)."""
    found, seen = [], set()
    for wad in ("freedoom1", "freedoom2"):
        data = Path(FREEDOOM, f"{wad}.wad").read_bytes()
        count, table = struct.unpack("<ii", data[4:12])
        for entry in range(count):
            start, size, raw = struct.unpack("<ii8s", data[table + 16 * entry : table + 16 * entry + 16])
            name, body = raw.rstrip(b"\0").decode("latin-1"), data[start : start + size]
            if not name.startswith("D_") or body[:4] != b"MThd" or body in seen or RESERVED.search(body.decode("latin-1")):
                if name.startswith("D_") and body[:4] == b"MThd" and body not in seen:
                    print(f"rights reserved, left out: {wad} {name}", file=sys.stderr)
                continue
            seen.add(body)
            notes, tempo = _read_midi(body)
            voices: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
            for onset, duration, pitch, channel, program in notes[: 3 * MAX_NOTES]:
                voices.setdefault((channel, -1 if channel == 9 else program), []).append((onset, min(duration, 16 * TICKS), pitch))
            kept = sorted(((k, v) for k, v in voices.items() if len(v) >= 8), key=lambda kv: -len(kv[1]))[:8]
            if sum(len(v) for _, v in kept) >= 200 and len(kept) >= 2:
                found.append(
                    {
                        "collection": "Freedoom",
                        "source": f"{wad}.wad#{name}",
                        "title": name,
                        "style": "rock",
                        "tonic": -1,
                        "mode": "modal",
                        "bar": 4 * TICKS,
                        "tempo": tempo,
                        "voices": [v for _, v in kept],
                        "programs": [k[1] for k, _ in kept],
                    }
                )
    return found


def melody_grams(piece: dict[str, Any], size: int = 7) -> set[tuple[int, ...]]:
    """Interval n-grams of the melody (the first pitched voice's highest notes), free of key and tempo."""
    pitched = [v for v, p in zip(piece["voices"], piece["programs"], strict=True) if p >= 0]
    line: dict[int, int] = {}
    for onset, _, pitch in pitched[0] if pitched else []:
        line[onset] = max(pitch, line.get(onset, 0))
    pitches = [line[o] for o in sorted(line)]
    steps = [b - a for a, b in itertools.pairwise(pitches) if a != b]
    return {tuple(steps[i : i + size]) for i in range(len(steps) - size + 1) if len(set(steps[i : i + size])) > 2}


def work_of(piece: dict[str, Any]) -> str:
    """What the piece is of: the quartet of a movement, the cantata or passion of a chorale, the madrigal of a part, the title of a tune."""
    collection, source = piece["collection"], piece["source"]
    if collection == "String quartets":
        folder, name = source.split("/")
        return folder if folder not in ("beethoven", "haydn", "mozart") else Path(name).stem
    if collection == "Bach chorales":
        return Path(source).stem.split(".")[0]
    if collection == "Monteverdi madrigals":
        number = Path(source).stem.removeprefix("madrigal.")
        return next((" ".join(parts) for parts in MADRIGAL_PARTS if number in parts), number)
    if collection == "Freedoom":
        return str(source)
    words = re.sub(r"[^a-z0-9 ]", "", piece["title"].lower().replace("-", " ")).split()
    title = " ".join(word for word in words if word not in ("the", "a", "an", *STYLE_WORDS))
    return f"tune {title}" if title else str(source)


def _group(pieces: list[dict[str, Any]], share: float = 0.12) -> list[int]:
    """Union of pieces of one work, and of those of which one holds at least `share` of the other's melody n-grams: variants of one tune."""
    grams = [melody_grams(p) for p in pieces]
    parent = list(range(len(pieces)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    holders: dict[tuple[int, ...], list[int]] = {}
    for i, own in enumerate(grams):
        for gram in own:
            holders.setdefault(gram, []).append(i)
    shared: dict[tuple[int, int], int] = {}
    for members in holders.values():
        if len(members) <= 16:  # a figure that more tunes have is a commonplace, not a kinship
            for x, i in enumerate(members):
                for j in members[x + 1 :]:
                    shared[i, j] = shared.get((i, j), 0) + 1
    for (i, j), count in shared.items():
        if count >= 3 and count >= share * min(len(grams[i]), len(grams[j])):
            parent[root(i)] = root(j)
    works: dict[str, int] = {}
    for i, piece in enumerate(pieces):
        parent[root(i)] = root(works.setdefault(work_of(piece), i))
    return [root(i) for i in range(len(pieces))]


def gather_pieces() -> None:
    from music21 import corpus

    home = Path(str(corpus.__file__)).parent
    jobs: list[tuple[Any, ...]] = []
    jobs += [(_abc_pieces, p, "O'Neill") for p in sorted(home.glob("oneills1850/*.abc"))]
    jobs += [(_abc_pieces, p, "Ryan") for p in sorted(home.glob("ryansMammoth/*.abc"))]
    jobs += [(_score_piece, p, "Bach chorales", "chorale") for p in sorted(home.glob("bach/bwv*.mxl"))]
    jobs += [(_score_piece, p, "Monteverdi madrigals", "madrigal") for p in sorted(home.glob("monteverdi/*.mxl")) if "_old" not in p.name]
    quartets = [p for d in ("haydn", "mozart", "beethoven", "schumann_robert/opus41no1") for p in sorted(home.glob(f"{d}/**/*.mxl"))]
    jobs += [(_score_piece, p, "String quartets", "classical") for p in quartets if "k545" not in str(p)]
    with ProcessPoolExecutor(2) as pool:
        results = [pool.submit(*job) for job in jobs]
        pieces = [piece for result in results for piece in result.result()]
    pieces += _rock_pieces()
    pieces = [p for p in pieces if sum(map(len, p["voices"])) >= 40]
    pieces.sort(key=lambda p: (p["style"], p["collection"], p["source"]))
    groups = _group(pieces)
    events, voices, table = [], [], []
    for number, (piece, group) in enumerate(zip(pieces, groups, strict=True)):
        table.append(
            [piece["tonic"], {"major": 0, "minor": 1, "modal": 2}[piece["mode"]], piece["bar"], round(piece.get("tempo", 0)), group]
        )
        for voice, program in zip(piece["voices"], piece["programs"], strict=True):
            voice = sorted(voice)
            voices.append([number, program, len(voice)])
            events.append(np.array([[b[0] - a[0], b[1], b[2]] for a, b in zip([(0, 0, 0), *voice[:-1]], voice, strict=True)], np.int64))
    all_events = np.concatenate(events)
    all_events[:, 0] = np.clip(all_events[:, 0], 0, 32_767)
    np.savez_compressed(
        DATA / "pieces.npz",
        onset_steps=all_events[:, 0].astype(np.int16),
        durations=all_events[:, 1].astype(np.int16),
        pitches=all_events[:, 2].astype(np.uint8),
        voices=np.array(voices, np.int32),
        table=np.array(table, np.int32),
        styles=np.array([p["style"] for p in pieces]),
    )
    licences = {
        "Freedoom": "BSD-3-Clause (Freedoom)",
        **dict.fromkeys(
            ("O'Neill", "Ryan", "Bach chorales", "Monteverdi madrigals", "String quartets"),
            "work in the public domain; encoding distributed with music21",
        ),
    }
    with open(DATA / "PIECES.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["piece", "style", "collection", "source", "title", "group", "licence"])
        for number, (piece, group) in enumerate(zip(pieces, groups, strict=True)):
            writer.writerow(
                [number, piece["style"], piece["collection"], piece["source"], piece["title"], group, licences[piece["collection"]]]
            )
    size = (DATA / "pieces.npz").stat().st_size
    taken = Counter(p["style"] for p in pieces)
    print(f"{len(pieces)} pieces {dict(taken)}, {len(set(groups))} groups, {len(all_events)} notes, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    gather_pieces()
