"""Entries are there as a whole or not at all, and say what they are of."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time

import pytest

from mirbench.engine.store import DAMAGED, ENTRY, NEW_PART_SECONDS, Store, damage
from mirbench.errors import MirbenchError


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def filled(store, kind, key, size=1000, **about):
    with store.writing(kind, key, **about) as folder:
        (folder / "x.bin").write_bytes(b"x" * size)


def test_an_old_part_is_swept_unless_somebody_is_still_at_it(store):
    old = time.time() - 2 * NEW_PART_SECONDS
    with store.writing("demo", "1") as busy:
        abandoned = busy.with_name(".part-00000000-3")
        abandoned.mkdir()
        for part in (busy, abandoned):
            os.utime(part, (old, old))
        with store.writing("demo", "2"):
            pass
        assert (busy.exists(), abandoned.exists()) == (True, False)
    assert store.has("demo", "1")


def test_what_raises_leaves_nothing(store, tmp_path):
    def half():
        with store.writing("demo", "1") as folder:
            (folder / "x").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert not store.has("demo", "1")
    assert list((tmp_path / "demo").iterdir()) == []


def test_the_first_of_two_twins_stays(store):
    with store.writing("demo", "1") as one:
        with store.writing("demo", "1") as two:
            (two / "x").write_text("two")
        (one / "x").write_text("one")
    assert (store.folder("demo", "1") / "x").read_text() == "two"


def test_an_entry_says_what_it_is_of_and_has_a_digest_of_every_file(store):
    with store.writing("demo", "1", "a title", {"steps": 5}) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "x.bin").write_bytes(b"abc")
    entry = store.entry("demo", "1")
    assert (entry.title, entry.parts) == ("a title", {"steps": 5})
    assert entry.files == {"deep/x.bin": (3, hashlib.blake2b(b"abc", digest_size=16).hexdigest())}
    (store.folder("demo", "1") / ENTRY).write_text("{")
    assert store.entry("demo", "1").title == ""
    assert [each.key for each in store.entries("demo")] == ["1"]
    assert list(store.entries("nothing")) == []


def test_what_was_used_last_stays_within_the_budget(store):
    for number in range(4):
        filled(store, "passing", str(number), size=100_000)
        os.utime(store.folder("passing", str(number)), (number, number))
    filled(store, "staying", "9", size=100_000)
    filled(store, "passing", "8", size=100_000)
    store.touch("passing", "0")
    assert store.trim(["passing"], 0.25, spared={"1"}, own={"1", "2"}) == pytest.approx(0.4, abs=0.01)  # others may be at the rest
    assert [number for number in "01238" if store.has("passing", number)] == ["0", "1", "3", "8"]
    assert store.trim(["passing"], 0.25, spared={"1"}) == pytest.approx(0.2, abs=0.01)
    assert [number for number in "01238" if store.has("passing", number)] == ["0", "1"]
    assert store.has("staying", "9")


def test_a_folder_that_nobody_may_write_to_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MirbenchError, match=r"^cannot write while opening the cache at "):
        Store(tmp_path / "file" / "cache").check()


def spoil(path, at=-1):
    """One bit, at equal length and with the time as it was."""
    data, times = bytearray(path.read_bytes()), path.stat()
    data[at] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("again", [False, True], ids=["in the process that made it", "in another"])
def test_a_damaged_entry_counts_as_missing_and_is_set_aside_when_it_is_made_again(store, tmp_path, capsys, monkeypatch, again):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    filled(store, "demo", "1", title="one")
    assert not store.is_damaged("demo", "1")
    spoil(tmp_path / "demo" / "1" / "x.bin")
    store = Store(tmp_path) if again else store
    assert store.has("demo", "1")  # nobody has looked
    assert store.is_damaged("demo", "1")
    said = "mirbench: demo one in the cache is damaged (x.bin is not as it was written), and is made again.\n"
    assert capsys.readouterr().err == said
    assert not store.has("demo", "1")
    assert not store.is_damaged("demo", "1")  # told once
    filled(store, "demo", "1")
    assert store.has("demo", "1")
    assert (tmp_path / "demo" / "1" / "x.bin").read_bytes() == b"x" * 1000
    (told,) = Store(tmp_path).untold_damage()  # also where the run that set it aside was killed
    assert (told["kind"], told["key"], told["title"], told["file"]) == ("demo", "1", "one", "x.bin")
    assert told["folder"].startswith(str(tmp_path / DAMAGED))
    store.told_damage([told])
    assert store.untold_damage() == []


def test_a_twin_that_was_made_again_elsewhere_is_taken(store, tmp_path):
    filled(store, "demo", "1")
    spoil(tmp_path / "demo" / "1" / "x.bin")
    other = Store(tmp_path)
    assert store.is_damaged("demo", "1")
    assert other.is_damaged("demo", "1")
    filled(other, "demo", "1")
    assert store.has("demo", "1")
    filled(store, "demo", "1", size=5)  # the first twin stays
    assert (tmp_path / "demo" / "1" / "x.bin").stat().st_size == 1000


@pytest.mark.parametrize("harm", ["missing", "longer", "no digests", "garbled digests", "emptied digests", "deep digests"])
def test_whatever_is_not_as_it_was_written_is_damage(store, tmp_path, harm):
    filled(store, "demo", "1")
    folder = tmp_path / "demo" / "1"
    if harm == "missing":
        (folder / "x.bin").unlink()
    elif harm == "longer":
        (folder / "x.bin").write_bytes(b"x" * 1001)
    elif harm == "no digests":
        (folder / ENTRY).unlink()
    elif harm == "emptied digests":
        text = (folder / ENTRY).read_text()
        (folder / ENTRY).write_text(re.sub(r'"files":\{.*?\}', '"files":{}', text))
    elif harm == "deep digests":
        (folder / ENTRY).write_text("[" * 100_000)
    else:
        (folder / ENTRY).write_bytes((folder / ENTRY).read_bytes()[:50])
    assert damage(folder) == ("x.bin" if harm in ("missing", "longer") else ENTRY)


def test_what_lies_below_may_be_left_for_later(store, tmp_path):
    with store.writing("demo", "1") as folder:
        (folder / "audio").mkdir()
        (folder / "audio" / "a.flac").write_bytes(b"music")
    spoil(tmp_path / "demo" / "1" / "audio" / "a.flac")
    assert not store.is_damaged("demo", "1", below=False)
    assert store.is_damaged("demo", "1")


def test_what_was_compared_is_not_read_again_until_it_is_written_to(store, tmp_path, monkeypatch):
    filled(store, "demo", "1")
    read = []
    monkeypatch.setattr("mirbench.engine.store.digest_of", lambda path: read.append(path.name) or (1000, ""))
    assert damage(tmp_path / "demo" / "1") == ""
    assert read == []
    os.utime(tmp_path / "demo" / "1" / "x.bin")
    assert damage(tmp_path / "demo" / "1") == "x.bin"
    assert read == ["x.bin"]


def test_a_file_in_the_place_of_an_entry_gives_way(store, tmp_path):
    filled(store, "demo", "1")
    shutil.rmtree(tmp_path / "demo" / "1")
    (tmp_path / "demo" / "1").write_text("no folder")
    assert not store.has("demo", "1")
    filled(store, "demo", "1")
    assert (tmp_path / "demo" / "1" / "x.bin").is_file()


def test_entries_that_changed_places_are_damaged(store, tmp_path):
    for key in ("1", "2"):
        filled(store, "demo", key, size=int(key) * 100)
    first, second, away = (tmp_path / "demo" / name for name in ("1", "2", "away"))
    first.rename(away)
    second.rename(first)
    away.rename(second)
    again = Store(tmp_path)
    assert again.is_damaged("demo", "1")
    assert again.is_damaged("demo", "2")


ODD = ["{}", "[]", "null", "5", "no JSON", '{"kind": [], "key": 1}', '{"kind": "a", "key": "b", "title": "", "file": "", "time": "x"}']


@pytest.mark.parametrize("said", ODD)
def test_what_a_set_aside_entry_says_of_itself_may_be_damaged_too(store, tmp_path, said):
    filled(store, "demo", "1")
    spoil(tmp_path / "demo" / "1" / "x.bin")
    assert store.is_damaged("demo", "1")
    filled(store, "demo", "1")
    odd = tmp_path / DAMAGED / "odd"
    odd.mkdir()
    (odd / ".damage.json").write_text(said)
    assert [each["key"] for each in store.untold_damage()] == ["1"]


def test_a_cache_that_was_moved_tells_its_damage_once(store, tmp_path):
    filled(store, "demo", "1")
    spoil(tmp_path / "demo" / "1" / "x.bin")
    assert store.is_damaged("demo", "1")
    filled(store, "demo", "1")
    shutil.copytree(tmp_path, moved := tmp_path.with_name(f"{tmp_path.name}-moved"))
    elsewhere = Store(moved)
    (told,) = elsewhere.untold_damage()
    elsewhere.told_damage([told])
    assert elsewhere.untold_damage() == []
    assert len(store.untold_damage()) == 1
