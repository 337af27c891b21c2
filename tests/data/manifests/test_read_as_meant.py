"""What people write otherwise than mirbench does: read as it is meant where that cannot be mistaken, and told with counts."""

import csv
import gzip
import io
import json
import os
import random
import time
import tracemalloc
from pathlib import Path

import pytest

import mirbench
from mirbench import registry
from mirbench.data.label_findings import of_annotations, of_labels
from mirbench.data.labels import read_labels, without_unreadable
from mirbench.data.manifests.cells import annotation
from mirbench.data.manifests.clip_names import ClipNames
from mirbench.data.manifests.delimited import _lines_kept
from mirbench.data.manifests.faults import find_faults
from mirbench.data.manifests.manifest import load_manifest, read_manifest, write_manifest
from mirbench.data.manifests.own import ManifestDataset
from mirbench.data.manifests.printed import printed_list
from mirbench.data.similar_names import look
from mirbench.errors import MirbenchError
from mirbench.nouns import Task

parquet = pytest.importorskip("pyarrow.parquet")
import pyarrow  # noqa: E402


def write(folder, content, name="my.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def load(folder, content, name="my.csv"):
    return load_manifest(write(folder, content, name))


def table(folder, columns, rows, name="my.csv"):
    with open(folder / name, "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return load_manifest(folder / name)


def refused(folder, content, name="my.csv"):
    with pytest.raises(mirbench.MirbenchError) as caught:
        load(folder, content, name)
    return str(caught.value).replace(f"{folder}{os.sep}", "")


def told(found, words):
    """(level, examples) of the one finding with these words."""
    (finding,) = [each for each in found.findings if words in each.text]
    return finding.level, finding.examples


def of_task(clips, task):
    return list(of_labels(read_labels(task, clips), "warning", False, ClipNames(mirbench.Dataset(), clips)))


TAGGING = type("Tagging", (Task,), {"name": "tagging", "annotation": "tags", "target": "multilabel"})()
GENRE = type("Genre", (Task,), {"name": "genre", "annotation": "genre"})()


@pytest.mark.parametrize(
    "cell",
    [
        *("['slow', 'piano']", '["slow", "piano"]', "['slow' 'piano']", "['slow'\n 'piano']", "('slow', 'piano')", "['slow', 'piano', ]"),
        *(
            "array(['slow', 'piano'], dtype=object)",
            "array(['slow', 'piano'], dtype='<U5')",
            "[ 'slow',\"piano\" ]",
            "['slow', None, 'piano']",
        ),
        *("slow|piano", " slow | piano|NA", '["slow", "\\u0070iano"]', "['slow', '\\x70iano']"),
    ],
)
def test_lists_as_programs_print_them_are_lists(tmp_path, cell):
    assert table(tmp_path, ["path", "tags"], [["a", cell]]).clips[0].annotations == {"tags": ("slow", "piano")}


@pytest.mark.parametrize(
    "text", ["[rock, loud]", "rock, loud", "['a', 'b'", "['a'; 'b']", "['a' 'b', 'c']", "(500)", "['a''b']", "[", "", "['a' ... 'b']"]
)
def test_what_is_not_unmistakably_a_list_is_none(text):
    assert printed_list(text) is None


def test_printed_numbers_and_empty_lists(tmp_path):
    found = table(
        tmp_path, ["path", "emotion", "tags", "genre"], [["a", "[0.5 -1.]", "[]", "['rock']"], ["b", "[1, 2]", "[None]", "['a', 'b']"]]
    )
    assert found.clips[0].annotations == {"emotion": (0.5, -1), "tags": (), "genre": "rock"}
    assert found.clips[1].annotations == {"emotion": (1, 2), "genre": "a|b"}


@pytest.mark.parametrize("cell", ["rock, loud", "rock; loud", "rock,loud", "[rock loud]"])
def test_tags_that_may_be_several_are_a_warning(tmp_path, cell):
    clips = table(tmp_path, ["path", "tags", "split"], [["a", cell, "train"], ["b", "rock", "train"]]).clips
    (finding,) = [each for each in of_task(clips, TAGGING) if "may hold several labels" in each.text]
    assert (finding.level, finding.examples) == ("warning", (f"'{cell}' (1)",))
    assert "in a manifest with | between" in finding.text


@pytest.mark.parametrize(
    ("value", "published", "told"),
    [
        ("rock; loud", True, "give a tuple of them"),
        ("rock, loud", True, "give a tuple of them"),
        ("rock; loud", False, "give a tuple of them"),
        (("rock; loud",), False, "give each tag by itself"),
        (("rock, loud",), True, ""),
        ("rock|loud", True, ""),
    ],
)
def test_tags_of_a_plugin_that_are_one_text_are_a_warning_even_where_its_names_are_published(value, published, told):
    clips = [mirbench.Clip("a", Path("a.wav"), "train", "a", annotations={"tags": value})]
    found = of_labels(read_labels(TAGGING, clips), "warning", published, ClipNames(mirbench.Dataset(), clips))
    texts = [each.text for each in found if "may hold several labels" in each.text]
    assert len(texts) == bool(told)
    assert all(told in text for text in texts)


@pytest.mark.parametrize(("cell", "told"), [("rock/loud", True), ("rock & loud", True), ("rock\tloud", True), ("rock/soul", False)])
def test_tags_joined_by_what_a_name_may_hold_are_a_warning_where_each_is_a_tag(tmp_path, cell, told):
    rows = [["a", cell, "train"], ["b", "rock", "train"], ["c", "loud", "train"]]
    found = [each for each in of_task(table(tmp_path, ["path", "tags", "split"], rows).clips, TAGGING) if "may hold" in each.text]
    assert [each.text.split(";")[0] for each in found] == ["task tagging: 1 label name may hold several labels, and is taken as one"] * told


def test_lists_with_nothing_in_them_and_sets():
    read = {
        ("tags", "[]"): (),
        ("tags", ""): None,
        ("genre", "[]"): None,
        ("tags", "{'slow', 'piano'}"): ("slow", "piano"),
        ("tags", "set()"): (),
        ("tags", "[None, 'slow']"): ("slow",),
        ("tags", "[None]"): None,
        ("tags", "(null)"): None,
        ("genre", "\\N"): None,
        ("mood", "."): None,
        ("emotion", "[0.5, 1]"): (0.5, 1),
    }
    assert {given: annotation(*given) for given in read} == read
    for cell in ("[0.5, None]", [0.5, float("nan")]):
        with pytest.raises(MirbenchError, match=r"^the emotion .* lacks a number; write all of them, or leave the cell empty\.$"):
            annotation("emotion", cell)


@pytest.mark.parametrize(
    "cell", ["rock\nloud", "rock，loud", "rock、loud", "rock；loud", "rock·loud", "rock loud", "rock_loud", "#rock #loud"]
)
def test_tags_joined_in_any_way_are_a_warning_where_each_is_a_tag(tmp_path, cell):
    clips = table(tmp_path, ["path", "tags", "split"], [[i, tag, "train"] for i, tag in enumerate((cell, "rock", "loud"))]).clips
    assert [each.text for each in of_task(clips, TAGGING) if "may hold" in each.text]


@pytest.mark.parametrize(("cell", "told"), [("rock, jazz", True), ("rock，jazz", True), ("rock & roll", False), ("rock jazz", True)])
def test_a_class_of_several_names_is_a_warning(tmp_path, cell, told):
    clips = table(tmp_path, ["path", "genre", "split"], [["a", cell, "train"], ["b", "rock", "train"], ["c", "jazz", "train"]]).clips
    assert bool([each for each in of_task(clips, GENRE) if "may hold" in each.text]) is told


def test_bars_within_a_list_are_bars():
    for cell in ("['slow|fast', 'loud']", ["slow|fast", "loud"]):
        assert annotation("tags", cell) == ("slow", "fast", "loud")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O\u2019Neil", "O'Neil"),
        ("A\u2010ha", "A-ha"),
        ("7", "7.0"),
        ("the_band", "The Band"),
        ("a &amp; b", "A & B"),
        ("ab\u200ec", "abc"),
        ("a\ufe0fb", "ab"),
    ],
)
def test_groups_that_look_alike_are_one(one, other):
    assert look(one) == look(other)


@pytest.mark.parametrize(("one", "other"), [("7", "7.5"), ("70", "7.0"), ("A", "Ā"), ("1.0.0", "1.0"), ("band 1", "band 2")])
def test_groups_that_do_not_are_two(one, other):
    assert look(one) != look(other)


def test_a_row_that_a_quote_swallowed_is_seen_whatever_else_is_in_between(tmp_path):
    rows = [f"{i}.wav,song {i},rock" for i in range(12)]
    for between in ("7.wav,song", "", "7.wav,so,ng,7,rock"):
        lines = ["path,title,genre", *rows]
        lines[3], lines[8], lines[6] = '2.wav,"song,rock', '7.wav,song",rock', between
        with pytest.raises(MirbenchError, match="opens a cell that takes in the next 5 lines"):
            load(tmp_path, "\n".join(lines) + "\n")


def test_a_quoted_cell_of_two_lines_is_read(tmp_path):
    text = "path,tags,split\n" + "".join(f"{i}.wav,\"array(['soft', 'loud'],\n      dtype='<U4')\",train\n" for i in range(3))
    assert [clip.annotations["tags"] for clip in load(tmp_path, text).clips] == [("soft", "loud")] * 3


def test_a_class_with_a_bar_is_a_warning(tmp_path):
    clips = table(tmp_path, ["path", "genre", "split"], [["a", "rock|jazz", "train"], ["b", "folk, world, & country", "train"]]).clips
    (finding,) = [each for each in of_task(clips, GENRE) if "may hold several labels" in each.text]
    assert finding.examples == ("'rock|jazz' (1)",)


LOOK_ALIKE = [
    ("Zoe\u0301", "Zoé"),
    ("THE BAND", "The Band"),
    ("The  Band ", "The Band"),
    ("The\u00a0Band", "The Band"),
    ("Ｂａｎｄ", "Band"),
]


@pytest.mark.parametrize("column", ["artist", "group"])
@pytest.mark.parametrize(("first", "second"), [*LOOK_ALIKE, ("Radio head", "Radiohead"), ("STRASSE", "straße"), ("a\u200bb", "ab")])
def test_names_that_look_alike_are_one_group(tmp_path, column, first, second):
    found = table(tmp_path, ["path", column], [["a", first], ["b", second], ["c", second], ["d", "Other Band"]])
    assert [clip.group for clip in found.clips] == [second, second, second, "Other Band"]
    level, (example,) = told(found, "1 group written in several ways that look alike")
    assert level == "warning"
    assert f"'{second}' (2, lines 3 and 4)" in example


def test_numbers_that_a_space_parts_are_two_groups(tmp_path):
    assert [clip.group for clip in table(tmp_path, ["path", "group"], [["a", "1 12"], ["b", "11 2"]]).clips] == ["1 12", "11 2"]


def test_files_whose_ids_look_alike_are_one_group(tmp_path):
    found = table(tmp_path, ["path", "id"], [["a", "Song 1"], ["b", "song 1"], ["c", "song 2"]])
    assert [clip.group for clip in found.clips] == ["a", "a", "c"]
    assert told(found, "1 clip with an id that looks like that of another") == ("warning", ("line 3",))


@pytest.mark.parametrize(
    "word", ["Unknown", "various artists", "n/a", "N/A", "-", "?", "None", "[unknown]", "VA", "Various  Artists", "<Unknown>"]
)
def test_a_word_for_nobody_is_no_group(tmp_path, word):
    found = table(tmp_path, ["path", "artist"], [["a", word], ["b", word], ["c", "Ann"]])
    assert [clip.group for clip in found.clips] == ["a", "b", "Ann"]
    assert found.grouped_by == "artist or file"
    level, examples = told(found, "2 clips with a word for no artist in particular")
    assert (level, examples) == ("warning", (f"'{word}' (2, lines 2 and 3)",))


def test_a_group_of_nobody_is_its_artist(tmp_path):
    found = table(tmp_path, ["path", "group", "artist"], [["a", "unknown", "Ann"], ["b", "x", "unknown"]])
    assert [clip.group for clip in found.clips] == ["Ann", "x"]


@pytest.mark.parametrize("word", ["NA", "N/A", "None", "Null", "nan", "?", "-", "n/a", " none "])
def test_words_for_a_missing_value_are_one_rule_with_counts(tmp_path, word):
    rows = [["a", word, word, "C4"], ["b", "rock", "", "-"], ["c", word, "C", ""]]
    found = table(tmp_path, ["path", "genre", "key", "pitch"], rows)
    assert [clip.annotations for clip in found.clips] == [{"pitch": "C4"}, {"genre": "rock"}, {"key": "C"}]
    level, examples = told(found, "words for a missing value are read as unknown")
    genre, key = (f"'{word.strip()}' in {column}" for column in ("genre", "key"))
    assert (level, examples) == ("warning", (f"{genre} (2, lines 2 and 4)", f"{key} (1, line 2)", "'-' in pitch (1, line 3)"))
    assert told(found, "empty cells are unknown") == ("note", ("key (1, line 3)", "pitch (1, line 4)"))


def test_spaces_around_labels_and_names_are_told_once_with_their_lines(tmp_path):
    rows = [["a ", "jazz ", " Ann", " x|y"], ["b", "jazz", "Ann", "x | y"], ["c", "jazz ", "Bob", "NA "]]
    found = table(tmp_path, ["path", "genre", "artist", "tags"], rows)
    assert [clip.annotations["genre"] for clip in found.clips] == ["jazz"] * 3
    assert told(found, "spaces around names and labels") == (
        "note",
        ("'jazz ' in genre (2, lines 2 and 4)", "' Ann' in artist (1, line 2)", "' x|y' in tags (1, line 2)"),
    )
    assert not [each for each in table(tmp_path, ["path", "genre"], [["a ", "jazz"]]).findings if "spaces" in each.text]


def test_classes_that_may_stand_for_a_missing_value_are_told(tmp_path):
    clips = table(tmp_path, ["path", "genre", "split"], [["a", "Unknown", "train"], ["b", "rock", "train"]]).clips
    (finding,) = [each for each in of_task(clips, GENRE) if "may stand for a missing value" in each.text]
    assert finding.examples == ("'Unknown' (1)",)


def test_what_would_be_read_as_missing_is_not_written(tmp_path):
    for group, labels in (("x", {"genre": "NA"}), ("x", {"tags": ("a", "none")}), ("Unknown", {})):
        with pytest.raises(mirbench.MirbenchError, match="is a word for a missing value; leave it out, or rename it"):
            write_manifest(tmp_path / "m.csv", [mirbench.Clip("1", tmp_path / "a.wav", "train", group, annotations=labels)])


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        *(("offset", "start"), ("end_time", "end"), ("subset", "split"), ("set", "split"), ("Fold", "split"), ("artist_id", "artist")),
        *(("track_artist", "artist"), ("Track Artist", "artist"), ("length", "duration"), ("genre_top", "genre"), ("labels", "tags")),
    ],
)
def test_a_column_under_another_name_is_told_by_the_name_that_is_read(tmp_path, column, meant):
    found = table(tmp_path, ["path", column], [["a", "1"]])
    (finding,) = of_annotations(found.annotations, {"genre", "tags"}, found.columns)
    assert (finding.level, finding.text) == (
        "warning",
        f"the column '{column}' is not read as the {meant}; if that is what it holds, rename it to {meant}.",
    )
    assert [each.level for each in of_annotations((column,), {"genre", "tags"}, (*found.columns, meant))] == ["note"]
    assert list(of_annotations((column,), {column}, found.columns)) == []  # which a task reads


def test_columns_of_labels_and_of_the_path(tmp_path):
    (label,) = of_annotations(("label",), {"genre", "key"}, ("path", "label"))
    assert label.text == "no task reads the column 'label'; rename it to what it tells: genre, key."
    (bpm,) = of_annotations(("bpm",), {"genre"}, ("path", "bpm"))
    assert bpm.text == "no task reads the annotation 'bpm'; a task of it would read 'tempo', and there is none."
    assert "rename 'file_name' to path" in refused(tmp_path, "file_name,genre\na,b\n")


def test_start_with_end_is_understood(tmp_path):
    clips = load(tmp_path, "path,start,End,duration\na,0.5,2,\nb,,3,\nc,1,,2\nd,1,3,2\ne,1,,\n").clips
    assert [(clip.start, clip.duration) for clip in clips] == [(0.5, 1.5), (0.0, 3.0), (1.0, 2.0), (1.0, 2.0), (1.0, None)]
    assert not any(clip.annotations for clip in clips)
    assert refused(tmp_path, "path,start,end\na,2,1.5\n").startswith("my.csv, line 2: the end, 1.5, is not after the start, 2;")
    sentence = "my.csv, line 2: the end, 4, is not the start, 1, plus the duration, 2; all are seconds: leave one out."
    assert refused(tmp_path, "path,start,end,duration\na,1,4,2\n") == sentence
    assert find_faults(tmp_path / "my.csv").faults == (sentence.removeprefix("my.csv, ").removesuffix("."),)


def test_a_cell_that_takes_in_rows_is_refused(tmp_path):
    text = "path,title,genre\n" + "".join(f"{i}.wav,{{}},rock\n" for i in range(8))
    titles = ["t"] * 8
    titles[2], titles[5] = '"Live', 'at the barn"'
    assert refused(tmp_path, text.format(*titles)) == (
        "my.csv, line 4: a double quote opens a cell that takes in the next 3 lines, which look like rows of their own; double the "
        "quote, or quote the whole cell."
    )
    titles[5] = "t"
    assert "is not valid CSV" in refused(tmp_path, text.format(*titles))
    good = load(tmp_path, 'path,title,genre\na,"two\nlines, and a comma",rock\nb,t,jazz\n')
    assert [clip.annotations["genre"] for clip in good.clips] == ["rock", "jazz"]


def test_tabs_without_quoting(tmp_path):
    text = 'path\ttitle\tgenre\na\t"Live at\trock\nb\tat the barn"\tjazz\nc\t"whole ""cell"""\t12" mix\n'
    clips = load(tmp_path, text, "a.tsv").clips
    assert [clip.annotations["title"] for clip in clips] == ['"Live at', 'at the barn"', 'whole "cell"']
    assert clips[2].annotations["genre"] == '12" mix'
    quoted = load(tmp_path, 'path\ttitle\na\t"with a\ttab"\nb\t"two\nlines"\n', "a.tsv").clips
    assert [clip.annotations["title"] for clip in quoted] == ["with a\ttab", "two\nlines"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_very_long_cells_are_read(tmp_path, name):
    limit, text = csv.field_size_limit(), "x" * 300_000
    lines = (
        [",".join(row) for row in (("path", "lyrics"), ("a", text))] if name != "a.jsonl" else [json.dumps({"path": "a", "lyrics": text})]
    )
    content = "\n".join(lines) if name != "a.tsv" else "\n".join(lines).replace(",", "\t")
    assert load(tmp_path, content, name).clips[0].annotations == {"lyrics": text}
    assert csv.field_size_limit() == limit


def test_decimal_commas_where_semicolons_separate(tmp_path):
    found = load(tmp_path, "path;start;duration;arousal;valence;genre\na;1,5;2;0,5;-1\u002c25;a,b\nb;0;2,5;;1;c\n")
    first, second = found.clips
    assert (first.start, first.duration, second.duration) == (1.5, 2.0, 2.5)
    assert first.annotations == {"emotion": "0.5|-1.25", "genre": "a,b"}
    assert told(found, "decimal commas in start, duration, arousal, valence are read as points") == ("note", ())
    assert refused(tmp_path, "path\tstart\na\t1,5\n").startswith("my.csv, line 2: the start is '1,5';")


def test_columns_that_no_task_reads_may_hold_anything(tmp_path):
    rows = [
        {"path": "a", "genre": "x", "explicit": True, "meta": {"a": 1}, "far": [[1]], "half": "\ud83d", "big": 1e999},
        {"path": "b", "genre": "y", "explicit": None},
    ]
    found = load(tmp_path, "\n".join(map(json.dumps, rows)), "a.jsonl")
    assert [clip.annotations for clip in found.clips] == [{"genre": "x"}, {"genre": "y"}]
    assert told(found, "5 columns passed over") == (
        "note",
        ("explicit: booleans", "meta: objects", "far: lists of lists", "half: halves of characters", "big: infinite numbers"),
    )
    assert "neither text nor a finite number" in refused(tmp_path, '{"path": "a", "genre": true}', "b.jsonl")


def test_parquet_columns_of_any_type(tmp_path):
    import datetime
    import decimal

    columns = {
        "path": ["a", "b"],
        "genre": pyarrow.array(["x", "y"]).dictionary_encode(),
        "duration": [decimal.Decimal("1.5"), decimal.Decimal("2.0")],
        "flag": [True, False],
        "day": [datetime.date(2020, 1, 1)] * 2,
        "when": pyarrow.array([2**62, 0], pyarrow.timestamp("us")),
        "blob": [b"\0", b"\1"],
        "nested": [{"a": [1]}, None],
        "mood": [["a"], ["b", "c"]],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    found = load_manifest(tmp_path / "a.parquet")
    assert [clip.annotations for clip in found.clips] == [{"genre": "x", "mood": ("a",)}, {"genre": "y", "mood": ("b", "c")}]
    assert [clip.duration for clip in found.clips] == [1.5, 2.0]
    _, examples = told(found, "5 columns passed over")
    assert [example.split(":")[0] for example in examples] == ["flag", "day", "when", "blob", "nested"]
    assert find_faults(tmp_path / "a.parquet").faults == ()
    parquet.write_table(pyarrow.table({"path": ["a"], "genre": [True]}), tmp_path / "a.parquet")
    with pytest.raises(mirbench.MirbenchError, match=r"^the manifest .*: the column 'genre' holds cells of the type bool; write text"):
        load_manifest(tmp_path / "a.parquet")
    parquet.write_table(pyarrow.table({"audio": [{"bytes": b"", "path": "a.wav"}]}), tmp_path / "a.parquet")
    with pytest.raises(mirbench.MirbenchError, match="holds audio itself, in 'audio'; write it to files"):
        load_manifest(tmp_path / "a.parquet")


def test_thirty_million_rows_of_parquet_end_at_once(tmp_path):
    names = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 3_000_000, pyarrow.int8()), pyarrow.array(["a.wav"]))
    parquet.write_table(pyarrow.table({"path": pyarrow.chunked_array([names] * 10)}), tmp_path / "a.parquet")
    began = time.process_time()
    with pytest.raises(mirbench.MirbenchError, match="has 30,000,000 rows, and at most 5,000,000 clips can be of one data set"):
        load_manifest(tmp_path / "a.parquet")
    assert time.process_time() - began < 10


def test_a_little_gzip_that_is_much_text_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("mirbench.data.manifests.rows.MOST_BYTES", 10**8)
    assert "more than 0.1 GB of text" in refused(tmp_path, gzip.compress(b"path\n" + b"a" * (1 << 27)), "a.csv.gz")


def test_a_name_is_a_path_and_a_missing_file_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "path,split\na,train\n")
    assert [clip.id for clip in read_manifest("my.csv")] == ["a"]
    with pytest.raises(mirbench.MirbenchError, match=r"the manifest none\.csv is missing; look for it in"):
        read_manifest("none.csv")


def test_read_manifest_warns_of_what_it_finds_strange(tmp_path):
    with pytest.warns(UserWarning, match="words for a missing value are read as unknown"):
        read_manifest(write(tmp_path, "path,split,genre\na,train,NA\n"))


def split_findings(folder, rows, columns=("path", "artist", "genre")):
    with open(folder / "my.csv", "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    data = ManifestDataset("my", folder / "my.csv", None, False, 0)
    return data.clips(folder), [each.text for each in data.findings if each.level == "warning"]


def test_a_split_far_from_what_was_asked_for_is_told_with_its_shares(tmp_path):
    sizes = {"big": 30, "middle": 19, "small": 11}
    clips, texts = split_findings(tmp_path, [[f"{name}{i}", name, "ab"[i % 2]] for name, n in sizes.items() for i in range(n)])
    assert sorted(sum(clip.split == split for clip in clips) for split in ("train", "valid", "test")) == [11, 19, 30]
    (text,) = texts
    assert text.startswith("train/valid/test are 50/")
    assert "where 70/15/15 % was asked for: 3 groups are kept whole, the largest, 'big', of 30 clips, and each label comes into" in text
    assert split_findings(tmp_path, [[f"{i}", f"{i}", "ab"[i % 2]] for i in range(100)])[1] == []


def test_a_split_column_without_valid_says_so(tmp_path):
    rows = [[f"{i}", f"{i}", "ab"[i % 2], "train" if i < 20 else "test"] for i in range(30)]
    clips, texts = split_findings(tmp_path, rows, ("path", "artist", "genre", "split"))
    assert sum(clip.split == "valid" for clip in clips) == 3
    assert texts == ["no clip is given the split valid: 3 of the 20 train clips are taken for it, in whole groups."]
    rows = [[f"{i}", "one" if i < 20 else "two", "ab"[i % 2], "train" if i < 20 else "test"] for i in range(30)]
    with pytest.raises(
        mirbench.MirbenchError, match="no clip has the split valid, and none of train can be taken for it: the clips are of 1 group"
    ):
        split_findings(tmp_path, rows, ("path", "artist", "genre", "split"))


def test_one_unreadable_cell_among_many_is_unknown():
    key = registry.load().get("task", "key")
    clips = [mirbench.Clip(str(i), Path("a"), "train", "g", annotations={"key": "H" if i == 3 else "8A"}) for i in range(48)]
    kept, unread = without_unreadable(clips, [key], 0.01)
    assert [clip.id for clip in kept if not clip.annotations] == ["3"]
    assert [(each.clip.id, each.value) for each in unread["key"]] == [("3", "H")]
    assert without_unreadable(clips, [key], 0.0) == (clips, {})
    more = [mirbench.Clip("x", Path("a"), "train", "g", annotations={"key": "H"}), *clips]
    assert without_unreadable(more, [key], 0.01) == (more, {})
    assert len(without_unreadable(more, [key], 0.05)[1]["key"]) == 2
    assert without_unreadable(clips[:5], [key], 0.01) == (clips[:5], {})


def test_too_many_classes_are_refused_in_a_sentence(tmp_path, monkeypatch):
    from mirbench.data import labels
    from mirbench.data.manifests import rows

    lines = [[f"{i}", f"g{i % 5}", f"c{i}", "|".join(f"t{i * 3 + k}" for k in range(3))] for i in range(100)]
    for module in (labels, rows):
        monkeypatch.setattr(module, "MOST_CLASSES", 99)
    sentence = (
        "the annotation 'genre' has 100 different labels, and a task of more than 99 classes cannot be run; name it otherwise if it is"
    )
    with pytest.raises(mirbench.MirbenchError, match=sentence):
        table(tmp_path, ["path", "artist", "genre", "x"], lines)
    clips = [mirbench.Clip(line[0], Path("a"), "train", "g", annotations={"tags": tuple(line[3].split("|"))}) for line in lines]
    with pytest.raises(mirbench.MirbenchError, match="the annotation 'tags' has 300 different labels"):
        read_labels(TAGGING, clips)
    assert len(table(tmp_path, ["path", "artist", "title", "x"], lines).clips) == 100


def test_a_table_of_many_tags_is_small():
    from mirbench.evaluation.probing.scoring import check_probed, task_data

    draw = random.Random(0)
    tags = [f"tag {i}" for i in range(500)]
    clips = [
        mirbench.Clip(f"{i}", Path("a"), ("train", "valid", "test")[i % 3], "g", annotations={"tags": draw.sample(tags, 50)})
        for i in range(900)
    ]
    tagging = registry.load().get("task", "tagging")
    tracemalloc.start()
    check_probed(tagging, task_data(tagging, clips))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 900 * 500  # bytes a cell; with a table of int64 and an order of all clips they were 13


def test_text_with_line_breaks_is_told_in_one_line(tmp_path):
    assert refused(tmp_path, 'path,split\na,"tr\nain"\n') == (
        "my.csv, line 2: split is 'tr\\nain'; did you mean 'train'? it must be one of train, valid, test, pretrain."
    )
    assert "'../a\\nb'" in refused(tmp_path, 'path,genre\n"../a\nb",x\n')


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\r\nb\rc\n\nd", "\n\r\n\r", 'x\u2028y\x0bz\x0c"\n"'])
def test_lines_are_those_of_a_file_with_its_line_ends(text):
    assert list(_lines_kept(text)) == list(io.StringIO(text, newline=""))


def test_other_names_of_splits_and_clips_without_an_artist_are_noted(tmp_path):
    rows = [["a", "training", "Ann"], ["b", "dev", ""], ["c", "TEST", "Unknown"], ["d", "train", ""]]
    found = table(tmp_path, ["path", "split", "artist"], rows)
    assert [clip.split for clip in found.clips] == ["train", "valid", "test", "train"]
    told_of_splits = ("'training' (1, line 2) as train", "'dev' (1, line 3) as valid")
    assert told(found, "names of splits") == ("note", told_of_splits)
    assert told(found, "2 clips without a group or artist: grouped by file") == ("note", ("lines 3 and 5",))
    rows = [[path, "train", ""] for path in "abcd"]
    assert [f.text for f in table(tmp_path, ["path", "split", "artist"], rows).findings] == ["empty cells are unknown, by column."]
