"""Manifests as people write them: what is read, and what is told where something cannot be meant."""

import csv
import gzip
import json
import os
from pathlib import Path

import pytest

import mirbench
from mirbench.data.manifests.manifest import load_manifest, read_manifest, write_manifest
from mirbench.data.splits import check_clips

parquet = pytest.importorskip("pyarrow.parquet")
import pyarrow  # noqa: E402


def write(folder, content, name="my.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def load(folder, content, name="my.csv", **options):
    return load_manifest(write(folder, content, name), **options).clips


def refused(folder, content, name="my.csv", **options):
    path = write(folder, content, name)
    with pytest.raises(mirbench.MirbenchError) as caught:
        load_manifest(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(f"{folder}{os.sep}", "")


ONE_OF = "it must be one of train, valid, test, pretrain."
MISSING = "write the cells that are missing, also where they are empty."
OTHER = "its cells have semicolons between, and those of the heading commas: write the same."
AT_END = "put a cell that holds the separator into double quotes, or take away the separator at the end, which other lines have not."
QUOTES = "put a cell that holds the separator into double quotes."
ROWS = [
    {
        "path": "a b.wav",
        "start": 1.5,
        "duration": 3,
        "split": "train",
        "group": "x",
        "tags": ["slow", "piano"],
        "key": "C minor",
        "pitch": 60,
    },
    {"path": "sub/c,d.wav", "start": None, "duration": None, "split": "test", "group": "y", "tags": [], "key": None, "pitch": None},
]


def as_csv(separator, newline="\n", bom=""):
    def cell(name, value):
        text = "|".join(value) or "|" if name == "tags" else "" if value is None else str(value)
        return f'"{text}"' if any(mark in text for mark in ",;\t") else text

    lines = [separator.join(ROWS[0]), *(separator.join(cell(*item) for item in row.items()) for row in ROWS)]
    return bom + newline.join(lines) + newline


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("my.csv", as_csv(",")),
        ("my.CSV", as_csv(",", "\r\n", "\ufeff")),
        ("my.csv", as_csv(";")),
        ("my.csv", as_csv("\t")),
        ("my.csv", as_csv(",", "\r")),
        ("my.csv", "sep=;\r\n" + as_csv(";", "\r\n")),
        ("my.tsv", as_csv("\t")),
        ("my.tsv", as_csv(",")),
        ("my.csv", as_csv(",").replace("path,start", " Path , START").replace("\n", "\n\n").replace("key", "Key")),
        ("my.csv", as_csv(",").replace("\n", ",\n") + ",,,,,,,,\n , ,,,,,,,\n"),
        ("my.csv.gz", gzip.compress(as_csv(",").encode())),
        ("my.jsonl", "\n".join(json.dumps(row) for row in ROWS)),
        ("my.ndjson", "\ufeff" + "\r\n".join(json.dumps({k: v for k, v in row.items() if v is not None}) for row in ROWS) + "\n\n"),
        ("my.jsonl", "\n".join(json.dumps({name.upper(): v for name, v in row.items()}) for row in ROWS)),
        ("my.parquet", None),
    ],
)
def test_every_way_of_writing_it_is_the_same_data(tmp_path, name, content):
    if content is None:
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / name)
        clips = load_manifest(tmp_path / name).clips
    else:
        clips = load(tmp_path, content, name)
    first, second = clips
    assert (first.id, first.path, first.split, first.group) == ("a b.wav@1.5", tmp_path / "a b.wav", "train", "x")
    assert (first.start, first.duration) == (1.5, 3.0)
    assert first.annotations == {"tags": ("slow", "piano"), "key": "C minor", "pitch": first.annotations["pitch"]}
    assert mirbench.parse_pitch(first.annotations["pitch"]) == 60
    assert (second.id, second.path, second.split, second.group) == ("sub/c,d.wav", tmp_path / "sub" / "c,d.wav", "test", "y")
    assert (second.start, second.duration, second.annotations) == (0.0, None, {"tags": ()})


def test_what_is_written_is_read_again(tmp_path):
    clips = [
        mirbench.Clip("1", tmp_path / "a.wav", "train", "g", 0.25, 2.5, {"tags": ("b", "a"), "pitch": 60, "tags_unknown": ("c",)}),
        mirbench.Clip("2", tmp_path / 'sub "x"' / "new\nline.wav", "test", "h, i", annotations={"mood": (), "genre": "é|b", "BPM": 99.5}),
    ]
    write_manifest(tmp_path / "m.csv", clips)
    first, second = read_manifest(tmp_path / "m.csv")
    assert first.annotations == {"tags": ("b", "a"), "pitch": "60", "tags_unknown": ("c",)}
    assert second.annotations == {"mood": (), "genre": "é|b", "BPM": "99.5"}
    for clip, back in zip(clips, (first, second), strict=True):
        assert (back.id, back.path, back.split, back.group) == (clip.id, clip.path, clip.split, clip.group)
        assert (back.start, back.duration) == (clip.start, clip.duration)


def test_unknown_is_unknown_in_every_spelling(tmp_path):
    for cell in ("", " ", "NaN", "nan", "null", "NULL"):
        assert load(tmp_path, f"path,genre,key\na.wav,{cell},C\n")[0].annotations == {"key": "C"}
    for value in (None, float("nan"), "", "nan"):
        assert load(tmp_path, json.dumps({"path": "a.wav", "genre": value, "tags": value}), "a.jsonl")[0].annotations == {}


def test_numbers_keep_their_meaning(tmp_path):
    table = pyarrow.table(
        {"path": ["a", "b"], "pitch": [60.0, None], "year": [1990, 1991], "emotion": [[0.5, 1.0], [2.0, -1.0]], "id": [1, 2]}
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    clips = load_manifest(tmp_path / "a.parquet").clips
    assert [clip.id for clip in clips] == ["1", "2"]
    assert [clip.annotations for clip in clips] == [
        {"pitch": 60, "year": 1990, "emotion": (0.5, 1)},
        {"year": 1991, "emotion": (2, -1)},
    ]


def test_a_table_of_pandas_is_read(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"path": ["a.wav", "b.wav"], "genre": pandas.Categorical(["x", "y"]), "pitch": [60.0, None]}, index=[3, 7])
    frame.to_csv(tmp_path / "a.csv")
    frame.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        clips = load_manifest(tmp_path / name).clips
        assert [sorted(clip.annotations) for clip in clips] == [["genre", "pitch"], ["genre"]]
        assert mirbench.parse_pitch(clips[0].annotations["pitch"]) == 60


def test_arousal_and_valence_are_emotion(tmp_path):
    assert load(tmp_path, "path,arousal,Valence\na,0.5,-1\nb,,1\n")[0].annotations == {"emotion": "0.5|-1"}
    assert load(tmp_path, "path,arousal,valence\na,0.5,-1\nb,,1\n")[1].annotations == {}
    assert load(tmp_path, "path,arousal,valence,emotion\na,1,2,3|4\n")[0].annotations == {"arousal": "1", "valence": "2", "emotion": "3|4"}
    assert load(tmp_path, "path,arousal\na,1\n")[0].annotations == {"arousal": "1"}


def test_groups_are_told_by_group_artist_or_file(tmp_path):
    found = load_manifest(write(tmp_path, "path,group,artist\na,g,x\nb,,x\n./c/../d,,\nd,,nan\n"))
    assert [clip.group for clip in found.clips] == ["g", "x", "d", "d"]
    assert found.grouped_by == "group or artist or file"
    assert found.annotations == ()
    assert load_manifest(write(tmp_path, "path,artist\na,x\n")).grouped_by == "artist"
    assert load_manifest(write(tmp_path, "path\na\n")).grouped_by == "file"


def test_made_ids_are_unique_and_do_not_depend_on_other_rows(tmp_path):
    clips = load(tmp_path, "path,start\na,0\na,10\na,2.5\nb,\nb,0\n")
    assert [clip.id for clip in clips] == ["a", "a@10", "a@2.5", "b", "b#2"]
    clips = load(tmp_path, "path,id\na,b\nb,\n")
    assert [clip.id for clip in clips] == ["b", "b#2"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        *(("training", "train"), (" Train ", "train"), ("val", "valid"), ("dev", "valid"), ("VALIDATION", "valid")),
        *(("eval", "test"), ("testing", "test"), ("evaluation", "test"), ("pretrain", "pretrain")),
    ],
)
def test_splits_by_their_other_names(tmp_path, given, meant):
    assert load(tmp_path, f"path,split\na,{given}\n")[0].split == meant


def test_without_a_split_column_the_splits_are_assigned(tmp_path):
    path = write(tmp_path, "path,genre,split\n" + "".join(f"{i},{'ab'[i % 2]},\n" for i in range(40)))
    clips = read_manifest(path)
    check_clips("mine", clips)
    assert {clip.split for clip in clips} == {"train", "valid", "test"}
    assert clips == read_manifest(path, split_seed=0)
    assert [c.split for c in clips] != [c.split for c in read_manifest(path, split_seed=1)]
    assert {clip.split for clip in load_manifest(path).clips} == {""}


def test_a_line_is_that_of_the_file(tmp_path):
    text = 'path,genre,start\n"new\nline.wav",rock,0\n\nb.wav,"two\r\nlines",x\n'
    assert refused(tmp_path, text) == "my.csv, line 5: the start is 'x'; it must be seconds, 0 or more, such as 12.5."
    assert refused(tmp_path, '{"path": "a"}\n\n{"path": "b", "start": -1}\n', "a.jsonl").startswith("a.jsonl, line 3: the start is -1;")
    parquet.write_table(pyarrow.table({"path": ["a", None]}), tmp_path / "a.parquet")
    with pytest.raises(mirbench.MirbenchError, match="row 2: there is no path; write that of an audio file, or remove the row"):
        load_manifest(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the manifest my.csv is empty; it needs a line per clip, with its path."),
        (" \n\n", "the manifest my.csv is empty; it needs a line per clip, with its path."),
        ("path,genre\n", "the manifest my.csv has a heading and no clips; add a line per clip."),
        ("path,genre\n,,\n", "the manifest my.csv has a heading and no clips; add a line per clip."),
        ("Filename,genre\na,b\n", "my.csv, line 1: the heading has no column 'path' among Filename, genre; rename 'Filename' to path."),
        ("pth,genre\na,b\n", "my.csv, line 1: the heading has no column 'path' among pth, genre; rename 'pth' to path."),
        ("a.wav,rock\nb.wav,pop\n", "my.csv, line 1: the heading has no column 'path' among a.wav, rock."),
        ("path,Genre,genre\na,b,c\n", "my.csv, line 1: the heading has the column 'genre' twice; rename or remove one."),
        ("path,genre\na\n", "my.csv, line 2: the line has 1 cell where the heading has 2 columns; " + MISSING),
        ("path,genre\na,b,c\n", "my.csv, line 2: the line has 3 cells where the heading has 2 columns; " + QUOTES),
        ("path,genre,key\na;b;C\n", "my.csv, line 2: the line has 1 cell where the heading has 3 columns; " + OTHER),
        (
            "path,genre\na,b,c\nd,e\nf,g,h\n",
            "my.csv, line 2: the line has 3 cells where the heading has 2 columns (another number is in line 4 too); " + QUOTES,
        ),
        ("path,genre\na,b\nc,d,\n", "my.csv, line 3: the line has 3 cells where the heading has 2 columns; " + AT_END),
        ("path,genre\na,b\n,c\n", "my.csv, line 3: there is no path; write that of an audio file, or remove the line."),
        ("path,split\na,trian\n", "my.csv, line 2: split is 'trian'; did you mean 'train'? " + ONE_OF),
        ("path,split\na,7\n", "my.csv, line 2: split is '7'; " + ONE_OF),
        ("path,split\na,train\nb,\n", "my.csv, line 3: there is no split, and other clips have one; write train, valid, test or pretrain."),
        ("path,id\na,x\nb,y\nc,x\n", "my.csv, line 4: the id 'x' is that of line 2 already; every clip needs an id of its own."),
        ("path,duration\na,0\n", "my.csv, line 2: the duration is '0'; it must be seconds, more than 0, such as 12.5."),
        ("path,start\na,inf\n", "my.csv, line 2: the start is 'inf'; it must be seconds, 0 or more, such as 12.5."),
        ("path,start\na,0:30\n", "my.csv, line 2: the start is '0:30'; it must be seconds, 0 or more, such as 12.5."),
        ("path\tstart\na\t1,5\n", "my.csv, line 2: the start is '1,5'; it must be seconds, 0 or more, such as 12.5."),
        ("path\nhttps://a/b.wav\n", "my.csv, line 2: the path 'https://a/b.wav' is an address; download the file and write its path."),
        ("path\nfile:///a.wav\n", "my.csv, line 2: the path 'file:///a.wav' is an address; download the file and write its path."),
        ("path\nC:\\a.wav\n", "my.csv, line 2: the path 'C:\\a.wav' is an absolute one of Windows; write it relative to the manifest."),
        ("path\na\0b\n", "my.csv, line 2: the path 'a\\x00b' holds a character that no file name has; write the path of a file."),
        (
            "path,split,group,start,duration\na,train,x,0,10\nb,test,y,0,10\na,test,z,9,10\n",
            "my.csv, line 4: 'a' is in the split test here and in train in line 2, with a stretch in common; "
            "a stretch must be in one split.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told_with_its_line(tmp_path, text, sentence):
    assert refused(tmp_path, text).replace(f"'{tmp_path}{os.sep}", "'") == sentence


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ('["path"]', "a.jsonl, line 1: this is not a JSON object; write one a line"),
        ('[{"path": "a"},', "a.jsonl, line 1: this is not a JSON object; write one a line"),
        ('{"path": "a"', "a.jsonl, line 1: this is not a JSON object (JSONDecodeError: "),
        ('{"path": "a", "genre": true}', "line 1: the genre True is neither text nor a finite number; write one of these."),
        ('{"path": "a", "genre": {"a": 1}}', "line 1: the genre {'a': 1} is neither text nor a finite number; write one of these."),
        ('{"path": "a", "tags": ["b", ["c"]]}', "line 1: the tags ['c'] is neither text nor a finite number; write one of these."),
        (
            '{"path": "a", "emotion": [0.5, null]}',
            "line 1: the emotion [0.5, None] lacks a number; write all of them",
        ),
        ('{"path": "a", "path": "b"}', "line 1: this is not a JSON object (ValueError: the name 'path' is given twice)"),
        ('{"path": "a", "pitch": Infinity}', "line 1: the pitch inf is neither text nor a finite number; write one of these."),
        ('{"path": "a", "start": true}', "line 1: the start True is neither text nor a finite number; write one of these."),
        ('{"path": "a", "genre": "\\ud83d"}', "line 1: the genre '\\ud83d' holds half a character; write it whole."),
        ('{"path": "\\ud83d"}', "line 1: the path '\\ud83d' holds a character that no file name has; write the path of a file."),
        ('{"file": "a"}', "line 1: the heading has no column 'path' among file; rename 'file' to path."),
        ('{"path": ["a"]}', "line 1: the path ['a'] is neither text nor a finite number; write one of these."),
        ("[" * 100_000, "a.jsonl, line 1: this is not a JSON object"),
        ('{"path": "a", "start": 1' + "0" * 400 + "}", "line 1: the start is 1000"),
    ],
)
def test_what_json_cannot_mean(tmp_path, line, part):
    assert part in refused(tmp_path, line, "a.jsonl")


def test_files_that_are_no_text_of_this_kind(tmp_path):
    latin = "path,genre\na.wav,café\n".encode("latin-1")
    assert refused(tmp_path, latin) == "the manifest my.csv is not UTF-8 text: line 2 has the byte 0xe9; save it as UTF-8."
    assert "is not UTF-8 text" in refused(tmp_path, "path\na\n".encode("utf-16"))
    assert "my.csv, line 3: the line is not valid CSV (unexpected end of data)" in refused(tmp_path, 'path,genre\na,b\nc,"d\ne,f\n')
    assert "cannot be read as Parquet" in refused(tmp_path, "no", "a.parquet")
    assert "cannot be read (BadGzipFile" in refused(tmp_path, "path\na\n", "a.csv.gz")
    assert "cannot be read (EOFError" in refused(tmp_path, gzip.compress(b"path\na\n")[:-9], "a.csv.gz")
    assert refused(tmp_path, "x", "a.xlsx") == "the manifest a.xlsx has none of the endings .csv, .tsv, .txt, .jsonl, .ndjson, .parquet."
    assert "; write one object a line and name it .jsonl." in refused(tmp_path, "[]", "a.json")
    with pytest.raises(mirbench.MirbenchError, match="is missing; look for it in"):
        load_manifest(tmp_path / "none.csv")
    empty = pyarrow.table({"path": pyarrow.array([], pyarrow.string())})
    parquet.write_table(empty, tmp_path / "empty.parquet")
    with pytest.raises(mirbench.MirbenchError, match="has columns and no clips"):
        load_manifest(tmp_path / "empty.parquet")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert "install it by pip install 'mirbench-audio[formats]'." in refused(tmp_path, "x", "a.parquet")


def one_path(folder, text, **options):
    path = folder / "one.jsonl"
    path.write_text(json.dumps({"path": text}))
    (clip,) = load_manifest(path, **options).clips
    return clip


@pytest.fixture
def tree(tmp_path):
    """manifests/, and audio beside it, within root/."""
    for name in ("manifests/here.wav", "audio/there.wav", "both.wav", "manifests/both.wav"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).touch()
    return tmp_path / "root"


def test_paths_are_relative_to_the_manifest_and_then_to_the_root(tree):
    folder = tree / "manifests"
    assert one_path(folder, "here.wav", data_root=tree).path == folder / "here.wav"
    assert one_path(folder, "audio/there.wav", data_root=tree).path == tree / "audio" / "there.wav"
    assert one_path(folder, "both.wav", data_root=tree).path == folder / "both.wav"
    assert one_path(folder, "nowhere.wav", data_root=tree).path == folder / "nowhere.wav"
    assert one_path(folder, "audio/there.wav").path == folder / "audio" / "there.wav"


def test_paths_that_lead_outside_work_only_below_the_root_or_when_allowed(tree):
    folder, audio = tree / "manifests", tree / "audio" / "there.wav"
    for text in ("../audio/there.wav", "x/../../audio/there.wav", str(audio), f"{folder}/../audio/there.wav"):
        with pytest.raises(mirbench.MirbenchError) as caught:
            one_path(folder, text)
        assert str(caught.value).startswith(f"{folder / 'one.jsonl'}, line 1: the path '{text}' ")
        assert str(caught.value).endswith("name the folder that holds it by --data-root DIR, or give --allow-outside.")
        with pytest.raises(mirbench.MirbenchError, match="not below the data root"):
            one_path(folder, text, data_root=tree / "manifests")
        with pytest.raises(mirbench.MirbenchError, match="not below the data root"):
            one_path(folder, text, data_root=Path(f"{tree}/aud"))  # of a folder whose name only begins alike
        assert one_path(folder, text, allow_outside=True).path == audio
        clip = one_path(folder, text, data_root=tree)
        assert (clip.path, clip.id, clip.group) == (audio, "audio/there.wav", "audio/there.wav")
    assert one_path(folder, "x/../here.wav").path == folder / "here.wav"
    assert one_path(folder, "..hidden.wav").path == folder / "..hidden.wav"
    with pytest.raises(mirbench.MirbenchError, match="not below the data root"):
        one_path(folder, "/etc/passwd", data_root=tree)
    with pytest.raises(mirbench.MirbenchError, match="leads out"):
        one_path(folder, "../../x.wav", data_root=tree)


def test_links_are_followed(tree):
    (tree / "manifests" / "link").symlink_to(tree / "audio")
    assert one_path(tree / "manifests", "link/there.wav").path == tree / "manifests" / "link" / "there.wav"
    assert one_path(tree / "manifests", "link/../here.wav").path == tree / "manifests" / "here.wav"  # as it is written


@pytest.mark.skipif(os.name == "nt", reason="there both are separators")
def test_windows_separators_where_the_literal_name_is_not_there(tree):
    folder = tree / "manifests"
    (folder / "sub").mkdir()
    (folder / "sub" / "a.wav").touch()
    clip = one_path(folder, "sub\\a.wav")
    assert (clip.path, clip.id) == (folder / "sub" / "a.wav", "sub/a.wav")
    (folder / "sub\\a.wav").touch()
    assert one_path(folder, "sub\\a.wav").path == folder / "sub\\a.wav"
    assert one_path(folder, "audio\\there.wav", data_root=tree).path == tree / "audio" / "there.wav"


@pytest.mark.parametrize(
    "name",
    [
        *(" a.wav", "a.wav ", "a 'b'.wav", 'a "b".wav', "a,b;c.wav", "a\nb.wav", "a\tb.wav", "é.wav", "e\u0301.wav", "🎵.wav"),
        *("-a.wav", "a|b.wav", "50%.wav", "..a.wav", "#a.wav", "~a.wav", "$HOME.wav", "nan.wav", "*.wav"),
    ],
)
def test_file_names_are_data(tmp_path, name):
    (tmp_path / name).touch()
    with open(tmp_path / "my.csv", "w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["path", "genre"], [name, "x"]])
    (clip,) = load_manifest(tmp_path / "my.csv").clips
    assert clip.path.exists()
    assert clip.path.name == name


def test_a_name_is_found_composed_or_decomposed_and_with_spaces_around(tmp_path):
    (tmp_path / "e\u0301.wav").touch()
    clip = one_path(tmp_path, "é.wav")
    assert (clip.path.exists(), clip.id) == (True, "é.wav")
    (tmp_path / "b.wav").touch()
    for name in ("b.wav", "nowhere.wav"):
        clip = load(tmp_path, f"path, genre\n {name} , x\n")[0]
        assert (clip.path.exists(), clip.id, clip.annotations) == (name == "b.wav", name, {"genre": "x"})


def test_a_name_that_is_not_utf8_has_an_id_that_can_be_written(tmp_path):
    clip = one_path(tmp_path, os.fsdecode(b"caf\xe9.wav"))
    assert os.fsencode(clip.path).endswith(b"caf\xe9.wav")
    assert clip.id.encode() == b"caf\\xe9.wav"


@pytest.mark.parametrize(
    ("rows", "fine"),
    [
        ("a,train,x,0,10\na,test,y,10,10\n", True),
        ("a,train,x,0,10\na,train,x,5,10\n", True),
        ("a,train,x,0,10\na,pretrain,x,5,10\n", True),
        ("a,train,x,0,\na,test,y,100,10\n", False),
        ("a,test,x,50,1\na,train,y,0,100\na,train,y,10,1\n", False),
        ("a,pretrain,x,0,10\n./a,test,y,9.9,10\n", False),
    ],
)
def test_a_stretch_of_a_file_is_in_one_split(tmp_path, rows, fine):
    text = "path,split,group,start,duration\n" + rows
    if fine:
        assert len(load(tmp_path, text)) == 2
    else:
        assert "with a stretch in common; a stretch must be in one split." in refused(tmp_path, text)


def test_known_columns_in_any_case_and_others_by_their_own_name(tmp_path):
    clips = load(tmp_path, "PATH,Genre,Mood Name,TAGS\na,x,y,z\n")
    assert clips[0].annotations == {"genre": "x", "Mood Name": "y", "tags": ("z",)}


def test_equal_labels_are_one_object(tmp_path):
    clips = load(tmp_path, "path,tags,genre\n" + "".join(f"{i},slow|piano,rock\n" for i in range(3)))
    assert len({id(clip.annotations["tags"]) for clip in clips}) == len({id(clip.annotations["genre"]) for clip in clips}) == 1
