"""Published data sets on disk: where they are looked for, and what of them is missing, wrong or too many."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

import mirbench
from mirbench.cli.published_text import place, verified_page, verified_verdict
from mirbench.data.published import layout as published
from mirbench.data.published.filetree import list_files, matcher
from mirbench.errors import printable
from mirbench.records import Clip

TABLE = b"id,genre\n0,rock\n1,jazz\n2,rock\n"
MD5 = hashlib.md5(TABLE).hexdigest()


class Songs(mirbench.Dataset):
    """Six clips that a table names, by two folders."""

    name = "songs"
    annotations = ("genre",)
    folders = ("songs", "Songs_v1")
    files = (
        mirbench.Files("audio/*/*.mp3", count=6, source="https://example.org/audio.zip"),
        mirbench.Files("meta/table.csv", md5=MD5),
        mirbench.Files("extras/**/*.txt", count=2, optional=True),
    )

    def clips(self, folder):
        if not (folder / "meta" / "table.csv").is_file():
            raise mirbench.MirbenchError("meta/table.csv is missing.")
        paths = [folder / "audio" / name / f"{n}.mp3" for name in "ab" for n in range(3)]
        return [Clip(path.stem + path.parent.name, path, ("train", "test")[i % 2], str(i)) for i, path in enumerate(paths)]


@pytest.fixture
def songs(tmp_path) -> Path:
    """The data set as it is published; returns its folder."""
    folder = tmp_path / "root" / "songs"
    for name in "ab":
        (folder / "audio" / name).mkdir(parents=True)
        for n in range(3):
            (folder / "audio" / name / f"{n}.mp3").write_bytes(b"x")
    (folder / "meta").mkdir()
    (folder / "meta" / "table.csv").write_bytes(TABLE)
    return folder


def test_what_is_whole_is_whole(songs):
    verified = published.verify(Songs(), songs)
    assert verified.whole
    assert [(each.found, each.whole) for each in verified.files] == [(6, True), (1, True), (0, True)]
    assert verified.clips == {"train": 3, "test": 3}
    assert (verified.missing, verified.empty, verified.extra, verified.fault) == ((), (), (), "")


def test_a_missing_file_is_named_beside_its_pattern(songs):
    (songs / "audio" / "a" / "1.mp3").unlink()
    verified = published.verify(Songs(), songs)
    assert not verified.whole
    assert (verified.files[0].found, verified.files[0].missing, verified.missing) == (5, ("audio/a/1.mp3",), ())


def test_a_file_that_replaces_a_missing_one_does_not_hide_it(songs):
    (songs / "audio" / "a" / "1.mp3").rename(songs / "audio" / "a" / "one.mp3")
    verified = published.verify(Songs(), songs)
    assert verified.files[0].found == 6
    assert verified.files[0].missing == ("audio/a/1.mp3",)
    assert not verified.whole


def test_a_changed_file_has_another_checksum(songs):
    (songs / "meta" / "table.csv").write_bytes(TABLE.replace(b"jazz", b"funk"))
    (_, table, _) = published.verify(Songs(), songs).files
    assert not table.whole
    assert table.md5 == hashlib.md5(TABLE.replace(b"jazz", b"funk")).hexdigest()


def test_a_missing_table_is_told_with_why_there_are_no_clips(songs):
    (songs / "meta" / "table.csv").unlink()
    verified = published.verify(Songs(), songs)
    assert verified.fault == "meta/table.csv is missing"
    assert (verified.files[1].found, verified.clips) == (0, {})
    assert not verified.whole


def test_a_fault_of_the_plugin_over_the_files_is_told(songs):
    class Careless(Songs):
        def clips(self, folder):
            return [{}["nothing"]]

    assert published.verify(Careless(), songs).fault == "KeyError: 'nothing'"


def test_empty_files_count_where_a_clip_is_of_them(songs):
    (songs / "audio" / "b" / "2.mp3").write_bytes(b"")
    (songs / "audio" / "b" / "9.mp3").write_bytes(b"")
    verified = published.verify(Songs(), songs)
    assert (verified.empty, verified.unused) == (("audio/b/2.mp3",), ("audio/b/9.mp3",))
    assert not verified.whole
    (songs / "audio" / "b" / "2.mp3").write_bytes(b"x")
    assert published.verify(Songs(), songs).whole


def test_an_empty_table_is_not_whole(songs):
    class Unstated(Songs):
        files = (mirbench.Files("meta/table.csv"), mirbench.Files("audio/**", count=6))

    (songs / "meta" / "table.csv").write_bytes(b"")
    verified = published.verify(Unstated(), songs)
    assert verified.empty == ("meta/table.csv",)
    assert not verified.whole


def test_what_does_not_belong_is_named_and_litter_is_not(songs):
    (songs / "audio" / "a" / "._0.mp3").write_bytes(b"x")
    (songs / "__MACOSX").mkdir()
    (songs / "__MACOSX" / "0.mp3").write_bytes(b"x")
    (songs / "my notes.txt").write_text("x")
    verified = published.verify(Songs(), songs)
    assert verified.extra == ("my notes.txt",)
    assert verified.files[0].found == 6
    assert verified.whole


def test_in_a_data_root_that_is_its_folder_others_are_no_strangers(songs):
    (songs / "gtzan").mkdir()
    (songs / "gtzan" / "blues.wav").write_bytes(b"")
    (songs / "notes.txt").write_text("x")
    (songs / "audio" / "too many.txt").write_text("x")
    verified = published.verify(Songs(), songs, shared=True)
    assert (verified.extra, verified.unused) == (("audio/too many.txt",), ())
    assert verified.whole
    assert len(published.verify(Songs(), songs).extra) == 3


def test_optional_files_may_be_there_in_part(songs):
    (songs / "extras" / "deep" / "er").mkdir(parents=True)
    (songs / "extras" / "deep" / "er" / "a.txt").write_text("x")
    verified = published.verify(Songs(), songs)
    extras = verified.files[2]
    assert (extras.found, extras.in_part, extras.whole, verified.suffices, verified.whole) == (1, True, False, True, False)
    assert "in part" in verified_page(verified)
    assert verified_verdict(verified) == ("songs has all that its clips need; what can be done without is there in part: extras/**/*.txt.")
    (songs / "extras" / "b.txt").write_text("x")
    assert published.verify(Songs(), songs).whole


def test_optional_files_that_clips_are_of_are_needed(songs):
    class Optional(Songs):
        files = (mirbench.Files("audio/*/*.mp3", count=6, optional=True), *Songs.files[1:])

    (songs / "audio" / "a" / "1.mp3").unlink()
    verified = published.verify(Optional(), songs)
    assert (verified.files[0].in_part, verified.suffices) == (True, False)
    assert "not whole" in verified_verdict(verified)


def test_linked_folders_are_followed_but_not_in_circles(songs, tmp_path):
    (songs / "audio" / "b").rename(tmp_path / "elsewhere")
    (songs / "audio" / "b").symlink_to(tmp_path / "elsewhere")
    (songs / "audio" / "a" / "loop").symlink_to(songs)
    (songs / "audio" / "a" / "gone.mp3").symlink_to(songs / "nowhere")
    verified = published.verify(Songs(), songs)
    assert verified.whole
    assert verified.files[0].found == 6


def test_what_is_no_file_is_not_counted(songs):
    (songs / "audio" / "a" / "0.mp3").unlink()
    (songs / "audio" / "a" / "0.mp3").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(songs / "audio" / "a" / "pipe.mp3")
    verified = published.verify(Songs(), songs)
    assert (verified.files[0].found, verified.files[0].missing) == (5, ("audio/a/0.mp3",))


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything can be read")
def test_a_folder_that_cannot_be_listed_is_told(songs):
    (songs / "audio" / "a").chmod(0)
    try:
        verified = published.verify(Songs(), songs)
    finally:
        (songs / "audio" / "a").chmod(0o755)
    assert verified.closed == ("audio/a: Permission denied",)
    assert not verified.whole


def test_another_case_is_told_where_it_matters(songs):
    (songs / "audio").rename(songs / "audio-")
    (songs / "audio-").rename(songs / "Audio")
    verified = published.verify(Songs(), songs)
    if (songs / "audio").exists():  # a file system that takes both for one
        assert verified.whole
    else:
        assert verified.files[0].called == "Audio/a/0.mp3"
        assert not verified.whole


def test_on_a_file_system_blind_to_case_another_case_is_as_good(songs, monkeypatch):
    (songs / "audio").rename(songs / "Audio-")
    (songs / "Audio-").rename(songs / "AUDIO")
    monkeypatch.setattr(published, "case_blind", lambda folder: True)
    assert published.verify(Songs(), songs).files[0].whole


@pytest.mark.skipif(sys.platform == "darwin", reason="names are composed by the file system")
def test_decomposed_names_are_the_composed_ones(tmp_path):
    class Accents(mirbench.Dataset):
        name = "accents"
        files = (mirbench.Files("caf\u00e9/*.wav"),)

        def clips(self, folder):
            return [Clip("a", folder / "cafe\u0301" / "a.wav", "train", "a")]

    (tmp_path / "cafe\u0301").mkdir()
    (tmp_path / "cafe\u0301" / "a.wav").write_bytes(b"x")
    assert published.verify(Accents(), tmp_path).whole


def test_clips_outside_the_folder_are_looked_for_where_they_are(songs, tmp_path):
    class Wide(Songs):
        def clips(self, folder):
            return [Clip(name, tmp_path / name, "train", name) for name in ("there.mp3", "gone.mp3")]

    (tmp_path / "there.mp3").write_bytes(b"x")
    verified = published.verify(Wide(), songs)
    assert verified.missing == (str(tmp_path / "gone.mp3"),)


def test_the_folder_is_listed_once(songs, monkeypatch):
    calls = []

    def listed(folder):
        calls.append(folder)
        return list_files(folder)

    monkeypatch.setattr(published, "list_files", listed)
    published.verify(Songs(), songs)
    assert calls == [songs]


def test_where_finds_a_folder_by_any_of_its_names(songs):
    root = songs.parent
    assert published.where(Songs(), root).folder == songs
    songs.rename(root / "SONGS_V1")
    found = published.where(Songs(), root)
    assert (found.folder, found.names) == (root / "SONGS_V1", ("songs", "Songs_v1"))
    assert published.where(Songs(), None).folder is None
    assert published.where(Songs(), root / "nowhere").folder is None


def test_where_says_what_is_in_the_place_of_the_folder(songs, tmp_path):
    root = tmp_path / "other"
    root.mkdir()
    (root / "SONGS").symlink_to(tmp_path / "gone")
    assert f"SONGS is a link to {tmp_path / 'gone'}, which is not there" in place(published.where(Songs(), root))
    with pytest.raises(mirbench.MirbenchError, match="is a link to"):
        published.folder_of(Songs(), root)
    (root / "SONGS").unlink()
    (root / "songs").write_text("x")
    assert place(published.where(Songs(), root)) == f"not found: {root / 'songs'} is not a folder"
    assert "is not a folder" in place(published.where(Songs(), root / "songs"))
    assert "is not there" in place(published.where(Songs(), root / "nowhere"))
    (root / "songs").unlink()
    assert place(published.where(Songs(), root)) == f"not in {root}, where a folder songs or Songs_v1 is looked for"
    (root / "songs").symlink_to(songs)
    assert published.where(Songs(), root).obstacle == ""


def test_a_data_root_that_cannot_be_read_is_told(songs, monkeypatch):
    monkeypatch.setattr(published.os, "access", lambda path, mode: False)
    assert "cannot be read" in place(published.where(Songs(), songs.parent))
    with pytest.raises(mirbench.MirbenchError, match="cannot be read; name the one"):
        published.folder_of(Songs(), songs.parent)


def test_a_folder_of_a_published_data_set_is_known_by_its_name_or_layout(songs, tmp_path):
    def suggest_dataset(folder):
        return published.suggest_dataset(folder, [Songs()])

    told = "it looks like the published data set songs: --dataset songs --data-root {}."
    assert suggest_dataset(songs) == told.format(songs.parent)
    other = tmp_path / "mine"
    songs.rename(other)
    assert suggest_dataset(other) == told.format(other)
    assert published.where(Songs(), other).folder == other
    (other / "meta" / "table.csv").unlink()
    assert suggest_dataset(other) == ""
    assert suggest_dataset(tmp_path / "nowhere") == ""
    for genre in ("jazz", "rock"):
        (tmp_path / "songs" / "genres" / genre).mkdir(parents=True)
    inside = tmp_path / "songs" / "genres"
    assert (
        suggest_dataset(inside.parent) == f"{told.format(tmp_path)[:-1]}; to take the folders in {inside} for genres: --dataset {inside}."
    )


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("audio/*/*.mp3", ["audio/a/1.mp3", "audio/b c/x.y.mp3"], ["audio/1.mp3", "audio/a/b/1.mp3", "audio/a/1.mp3.txt"]),
        ("**/*.wav", ["a.wav", "a/b/c.wav"], ["a.wave"]),
        ("audio/**", ["audio/a", "audio/a/b"], ["audio", "other/a"]),
        ("[0-9a-f]/?.mp3", ["0/a.mp3", "f/b.mp3"], ["g/a.mp3", "0/ab.mp3", "0/.mp3"]),
        ("[!a]/x", ["b/x"], ["a/x"]),
        ("a+b(1).txt", ["a+b(1).txt"], ["aab(1).txt"]),
        ("*", ["two\nlines"], ["a/b"]),
    ],
)
def test_patterns(pattern, matching, others):
    match = matcher(pattern).fullmatch
    assert [path for path in matching if not match(path)] == []
    assert [path for path in others if match(path)] == []


def test_names_that_are_no_text_can_be_printed(tmp_path):
    name = os.fsdecode(b"caf\xe9\n.wav")
    try:
        (tmp_path / name).write_bytes(b"x")
    except OSError:
        pytest.skip("the file system takes text only")
    sizes, _ = list_files(tmp_path)
    assert printable(next(iter(sizes))).encode() == b"caf\\udce9\\n.wav"
