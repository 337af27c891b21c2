"""Manifests made at random, as people and programs write them and then break them: each is a data set whose rows are all accounted for, or
a sentence."""

import csv
import gzip
import io
import json
import random
import re

import pytest

from mirbench import registry
from mirbench.data.label_findings import labels_of, of_data
from mirbench.data.labels import without_unreadable
from mirbench.data.manifests.clip_names import ClipNames
from mirbench.data.manifests.faults import FaultlessRows, find_faults
from mirbench.data.manifests.own import ManifestDataset
from mirbench.data.manifests.rows import read_rows_of
from mirbench.errors import MirbenchError

parquet = pytest.importorskip("pyarrow.parquet")
import pyarrow  # noqa: E402

BREAK = re.compile(r"\r\n|\n|\r")
MISSING = ["", " ", "NA", "N/A", "nan", "None", "null", "?", "-", "Unknown", "Various Artists", "<NA>", "--"]
LISTS = ["a|b", "['a', 'b']", '["a", "b"]', "['a' 'b']", "a, b", "a; b", "[a b]", "[]", "|", "['a'", "[['a']]", "[1.5 2]", "array(['a'])"]
TEXT = [
    "rock",
    "Jazz",
    "jazz ",
    "Zoé",
    "Zoe\u0301",
    "THE BAND",
    "The Band",
    'say "hi"',
    '"',
    '""',
    "'",
    "a,b",
    "a;b",
    "a\tb",
    "=1+1",
    "@x",
    "\u200b",
]
ODD = ["two\nlines", "two\r\nlines", "\r", "\0", "\x0b", "\u2028", "\ufeff", "𝄞", "\x1a", "1e999", "1,5", "-0", "0x10", "１"]
KEYS = ["C major", "8A", "Bbm", "B- major", "H", "C:maj", "F♯ minor", "1d", "60", "C4", "440 Hz", "128"]
NUMBERS = ["1.5", "3", "0", "1,5", "-1", "1e400", "12:30", "0.5|1", " 3 ", "nan", "٣"]
SPLITS = ["train", "valid", "test", "Train", "dev", "pretrain", "tset", "NA"]
COLUMNS = {
    **dict.fromkeys(("start", "duration", "end", "arousal", "valence", "offset", "bpm"), NUMBERS),
    **dict.fromkeys(("split", "subset"), SPLITS),
    **dict.fromkeys(("key", "pitch"), KEYS),
    **dict.fromkeys(("tags", "tags_unknown", "mood", "emotion"), LISTS),
    **dict.fromkeys(("group", "artist", "genre", "title", "id", "Genre", "artist_id", "", "Unnamed: 0"), TEXT),
}
ENCODINGS = ["utf-8"] * 40 + ["utf-8-sig", "latin-1", "utf-16", "cp1252"]
ODD_VALUES = [True, {"a": 1}, [["a"]], [None], ["a", 1], 1.5, float("inf"), 10**30, "\ud83d", []]


def made(draw):
    """(ending, content)"""
    columns = ["path", *draw.sample(sorted(COLUMNS), draw.randint(0, 6))]
    draw.shuffle(columns)
    wild = draw.choice([0, 0, 0.01, 0.05, 0.3])

    def cell(name, at):
        if name == "path":
            return (
                draw.choice([f"{at}.wav"] * 20 + ["../a.wav", "C:\\a.wav", "a b.wav", "", "é.wav"]) if draw.random() < wild else f"{at}.wav"
            )
        if draw.random() < wild / 200:
            return "x" * 150_000
        if draw.random() < wild:
            return draw.choice(draw.choice([COLUMNS[name]] * 6 + [MISSING] * 2 + [TEXT, LISTS, ODD]))
        if name in ("id", "path"):
            return f"{at}"
        return draw.choice(COLUMNS[name][:2] if name == "split" or draw.random() < 0.8 else MISSING)

    rows = [[cell(name, at) for name in columns] for at in range(draw.choice([draw.randint(0, 30), draw.randint(8, 30)]))]
    ending = draw.choice([".csv"] * 5 + [".tsv"] * 3 + [".txt", ".jsonl", ".jsonl", ".csv.gz", ".parquet"])
    if ending == ".parquet":
        table = pyarrow.table({f"{name}": [row[at] for row in rows] for at, name in enumerate(columns)})
        buffer = io.BytesIO()
        parquet.write_table(table, buffer)
        return ending, broken(draw, buffer.getvalue(), 0.3)
    if ending == ".jsonl":
        objects = [dict(zip(columns, row, strict=True)) for row in rows]
        for each in objects:
            if draw.random() < 0.2:
                each[draw.choice(["explicit", "genre", "tags", "start", "path", "x"])] = draw.choice(ODD_VALUES)
        return ending, broken(draw, "\n".join(map(json.dumps, objects)).encode(), 0.2)
    separator = draw.choice(",,,;\t") if ending != ".tsv" else draw.choice("\t\t\t,")
    newline = draw.choice(["\n", "\n", "\r\n", "\r"])
    if draw.random() < 0.6:
        written = io.StringIO(newline="")
        writer = csv.writer(written, delimiter=separator, lineterminator=newline, quoting=draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        writer.writerows([columns, *rows])
        text = written.getvalue()
    else:  # without any quoting
        text = newline.join(separator.join(row) for row in [columns, *rows])
    if draw.random() < 0.3:  # structure, broken
        lines = text.split(newline)
        at = draw.randrange(len(lines))
        lines[at] = draw.choice(
            [
                lines[at] + separator,
                '"' + lines[at],
                lines[at] + '"',
                lines[at][: len(lines[at]) // 2],
                "",
                separator * 3,
                lines[at] * 2,
                "sep=;",
            ]
        )
        text = newline.join(lines)
    content = text.encode(draw.choice(ENCODINGS), "replace")
    content = broken(draw, content, 0.1)
    return ending, gzip.compress(content) if ending.endswith(".gz") else content


def broken(draw, content, share):
    """With a few bytes changed, left out or doubled, in this share of the cases."""
    if draw.random() > share or not content:
        return content
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        data[at : at + draw.randint(0, 3)] = bytes(draw.choice(b'",;\t\n\r|\0\xff[]{}a0') for _ in range(draw.randint(0, 3)))
    return bytes(data)


def check_accounted_for(rows, path):
    """Every line of the file is a row's, of the heading, or blank."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    lines = BREAK.split(text) if "json" not in path.suffix else text.split("\n")
    starts = [number for number, _ in rows.rows]
    assert starts == sorted(set(starts))
    taken = {}
    for number, cells in rows.rows:
        inside = sum(len(BREAK.findall(cell)) for cell in cells if isinstance(cell, str)) if "json" not in path.suffix else 0
        for line in range(number, number + inside + 1):
            assert taken.setdefault(line, number) == number
    left = [line for at, line in enumerate(lines, start=1) if at not in taken and re.sub(r'[\s,;"]', "", line) not in ("", "{}")]
    if "json" not in path.suffix:  # a heading, whose names may hold line breaks, and a line that says the separator
        heading = [line for at, line in enumerate(lines, start=1) if at < starts[0] and re.sub(r'[\s,;"]', "", line)]
        assert left == heading
        assert "path" in "".join(heading).lower()
    else:
        assert left == []


def tried(path, tasks):
    """'read', or the sentence."""
    try:
        rows = read_rows_of(path)
        data = ManifestDataset("my", path, None, False, 0)
        clips = data.clips(path.parent)
    except MirbenchError as error:
        return str(error)
    assert len(clips) == len(rows.rows)
    if path.suffix != ".parquet":
        check_accounted_for(rows, path)
    kept, unread = without_unreadable(clips, tasks, 0.01)
    labels, _ = labels_of(data, data.annotations, kept, tasks)
    known = {task.annotation for task in tasks}
    about = (unread, labels, [], known, data.columns, ClipNames(data, kept), 0.01)
    for finding in [*data.findings, *of_data(data, data.annotations, kept, *about)]:
        assert "\n" not in finding.text
    json.dumps([clip.annotations for clip in clips])
    return "read"


def fuzz(folder, seeds):
    tasks = list(registry.load().tasks.values())
    read = 0
    for seed in seeds:
        draw = random.Random(seed)
        ending, content = made(draw)
        path = folder / f"my{ending}"
        path.write_bytes(content)
        try:
            said = tried(path, tasks)
            assert "\n" not in said, said
            try:
                found = find_faults(path)
                if found.rows:
                    FaultlessRows(path, found, 0)
                assert said != "read" or not found.faults, found.faults
            except MirbenchError:
                assert said != "read" or len(found.rows) == 0
            read += said == "read"
        except Exception as error:
            raise AssertionError(f"seed {seed}: {ending}, {content[:2000]!r}") from error
        path.unlink()
    return read


def test_manifests_made_at_random_are_read_whole_or_refused(tmp_path, built_in):
    assert fuzz(tmp_path, range(400)) > 120  # and the rest is refused


@pytest.mark.slow
def test_twenty_thousand_manifests_made_at_random_are_read_whole_or_refused(tmp_path, built_in):
    assert fuzz(tmp_path, range(20_000)) > 6_000
