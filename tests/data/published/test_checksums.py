"""Lists of checksums that come with a data set: what is read of them, which files they are of, and which files differ."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

import mirbench
from mirbench.cli.published_text import verified_json, verified_page, verified_verdict
from mirbench.data.published import checksums
from mirbench.data.published import layout as published
from mirbench.data.published.checksums import read_list
from mirbench.records import Clip

PATHS = [f"audio/0{n % 2}/{n}.mp3" for n in range(4)]


class Loops(mirbench.Dataset):
    name = "loops"
    files = (mirbench.Files("audio/*/*.mp3", count=4),)
    checksums = (mirbench.Checksums("audio/checksums"),)

    def clips(self, folder):
        return [Clip(path, folder / path, "train", path) for path in PATHS]


class Anywhere(Loops):
    checksums = (mirbench.Checksums("**/lists/*.txt", of="**/{}"),)


class Bare(Loops):
    checksums = (mirbench.Checksums("md5/*.md5", of="../audio/00/{}.mp3"),)


@pytest.fixture
def loops(tmp_path) -> Path:
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(path.encode())
    return tmp_path


def digest(kind: str, path: str) -> str:
    return hashlib.new(kind, path.encode()).hexdigest()


def write(path: Path, *lines: str, end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(end.join(lines) + end)


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
@pytest.mark.parametrize("between", ["  ", " *", " ", "  ./"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_are_compared_with_lists_of_any_kind(loops, kind, between, end):
    write(loops / "audio" / "checksums", *(f"{digest(kind, path)}{between}{path.removeprefix('audio/')}" for path in PATHS), end=end)
    verified = published.verify(Loops(), loops)
    assert (verified.whole, verified.lists, verified.compared, verified.differing) == (True, 1, 4, ())
    assert verified.extra == ()
    (loops / PATHS[2]).write_bytes(b"x" * len(PATHS[2]))
    verified = published.verify(Loops(), loops)
    assert (verified.suffices, verified.compared, verified.differing) == (False, 4, (PATHS[2],))
    assert f"checksums: 4 files compared; 1 of other content than published: {PATHS[2]}" in verified_page(verified)
    assert "not whole" in verified_verdict(verified)
    assert verified_json(verified)["differing"] == (PATHS[2],)


def test_digests_in_capitals_are_as_good(loops):
    write(loops / "audio" / "checksums", *(f"{digest('sha1', path).upper()}  {path.removeprefix('audio/')}" for path in PATHS))
    assert published.verify(Loops(), loops).whole


def test_without_a_list_that_is_told(loops):
    verified = published.verify(Loops(), loops)
    assert (verified.whole, verified.lists) == (True, 0)
    assert "none of its publisher's lists is there, audio/checksums" in verified_page(verified)


def test_files_that_are_not_there_are_not_compared_and_none_outside_the_folder(loops, tmp_path):
    outside = tmp_path.parent / "outside.mp3"
    outside.write_bytes(b"x")
    write(loops / "audio" / "checksums", *(f"{'0' * 32}  {name}" for name in ("00/9.mp3", f"../../{outside.name}", str(outside))))
    verified = published.verify(Loops(), loops)
    assert (verified.whole, verified.compared) == (True, 0)


def test_a_damaged_list_is_named_and_the_rest_of_it_used(loops):
    lines = [f"{digest('sha1', path)}  {path.removeprefix('audio/')}" for path in PATHS]
    write(loops / "audio" / "checksums", *lines[:2], lines[2][:17])
    verified = published.verify(Loops(), loops)
    assert (verified.suffices, verified.compared) == (False, 2)
    assert verified.unread == ("audio/checksums: line 3 is no checksum",)
    assert "1 damaged list: audio/checksums: line 3" in verified_page(verified)
    (loops / "audio" / "checksums").write_bytes(b"")
    assert published.verify(Loops(), loops).unread == ("audio/checksums: without a checksum",)


def test_a_digest_alone_is_of_the_file_that_the_list_is_named_after(loops):
    for n in (0, 2):
        write(loops / "md5" / f"{n}.md5", digest("md5", PATHS[n]))
    assert published.verify(Bare(), loops).compared == 2
    write(loops / "md5" / "0.md5", digest("md5", PATHS[2]))
    assert published.verify(Bare(), loops).differing == (PATHS[0],)


def test_a_file_may_be_anywhere_and_in_several_lists(loops):
    write(loops / "data" / "lists" / "low.txt", f"{digest('sha256', PATHS[0])} 00/0.mp3", f"{digest('sha256', PATHS[1])} 01/1.mp3")
    write(loops / "data" / "lists" / "other.txt", f"{digest('sha256', 'another')} 00/0.mp3", f"{digest('md5', PATHS[3])} 3.mp3")
    verified = published.verify(Anywhere(), loops)
    assert (verified.lists, verified.compared, verified.differing) == (2, 3, ())
    (loops / PATHS[0]).write_bytes(b"neither")
    assert published.verify(Anywhere(), loops).differing == (PATHS[0],)


def test_a_file_is_read_once(loops, monkeypatch):
    class Both(Loops):
        files = (*Loops.files, mirbench.Files(PATHS[0], md5=digest("md5", PATHS[0])))
        checksums = (*Loops.checksums, *Anywhere.checksums)

    write(loops / "audio" / "checksums", *(f"{digest('sha1', path)}  {path.removeprefix('audio/')}" for path in PATHS))
    write(loops / "lists" / "a.txt", f"{digest('sha256', PATHS[0])} 00/0.mp3")
    opened = []

    def spy(path, mode):
        opened.append(path)
        return open(path, mode)

    monkeypatch.setattr(checksums, "open", spy, raising=False)
    assert published.verify(Both(), loops).whole
    assert sorted(opened) == sorted(loops / path for path in PATHS)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything can be read")
def test_a_file_that_cannot_be_read_differs(loops):
    write(loops / "audio" / "checksums", f"{digest('md5', PATHS[0])}  00/0.mp3")
    (loops / PATHS[0]).chmod(0)
    assert published.verify(Loops(), loops).differing == (PATHS[0],)


def test_names_are_read_as_they_are_written(tmp_path):
    name, zero = "a\nb\\c.mp3", "0" * 32
    path = tmp_path / "list"
    path.write_bytes(rf"\{zero}  a\nb\\c.mp3".encode() + b"\n" + f"{zero}  two words .mp3\n{zero}  caf".encode() + b"\xe9\n\n")
    assert read_list(path) == ({name: zero, "two words .mp3": zero, os.fsdecode(b"caf\xe9"): zero}, "")


def test_a_list_that_is_none_says_so(tmp_path):
    path = tmp_path / "list"
    path.write_text("<html>\nnot found\n")
    assert read_list(path) == ({}, "line 1 is no checksum")
    assert read_list(tmp_path)[1].startswith("unreadable (")
