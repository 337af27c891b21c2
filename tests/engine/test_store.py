"""Entries are there as a whole or not at all, and say what they are of."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from mirbench.engine.store import ENTRY, STALE_PART_SECONDS, Store
from mirbench.errors import MirbenchError


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def filled(store, kind, key, size=1000, **about):
    with store.writing(kind, key, **about) as folder:
        (folder / "x.bin").write_bytes(b"x" * size)


def test_an_old_part_is_swept_unless_somebody_is_still_at_it(store):
    old = time.time() - 2 * STALE_PART_SECONDS
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
