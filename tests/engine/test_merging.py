"""Entries of one store into another: what is whole is taken, and never what is broken."""

from __future__ import annotations

import json
import os

import pytest
from test_store import filled, spoil

from mirbench.engine.files import sealed
from mirbench.engine.merging import merge
from mirbench.engine.store import DAMAGED, ENTRY, Store, damage
from mirbench.errors import MirbenchError


@pytest.fixture
def stores(tmp_path):
    return Store(tmp_path / "from"), Store(tmp_path / "into")


def test_what_is_whole_is_copied_and_what_is_there_stays(stores):
    source, into = stores
    filled(source, "demo", "1", size=100, title="one", parts={"steps": 5})
    filled(source, "demo", "2", size=200)
    with source.writing("other", "3") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "x.bin").write_bytes(b"abc")
    filled(into, "demo", "2", size=7)  # as whole, with other seconds in it
    source.unfinished("4").mkdir(parents=True)
    merged = merge(source, into)
    assert (merged.taken, merged.taken_bytes) == ({"demo": 1, "other": 1}, {"demo": 100, "other": 3})
    assert (merged.there, merged.there_bytes) == ({"demo": 1}, {"demo": 200})
    assert (merged.broken, merged.repaired.total()) == ([], 0)
    assert into.entry("demo", "1").parts == {"steps": 5}
    assert into.entry("demo", "1").of == "demo/1"
    assert (into.folder("other", "3") / "deep" / "x.bin").read_bytes() == b"abc"
    assert (into.folder("demo", "2") / "x.bin").stat().st_size == 7
    assert not any(damage(Store(into.root).folder(*name)) for name in (("demo", "1"), ("demo", "2"), ("other", "3")))
    assert not into.unfinished("4").exists()
    again = merge(source, Store(into.root))
    assert (again.taken.total(), again.there.total()) == (0, 3)


@pytest.mark.parametrize("harm", ["a bit", "a file", "no digests", "another's place", "a file instead", "out of the folder"])
def test_what_is_broken_is_left_out_and_told(stores, harm):
    source, into = stores
    for key in ("1", "2"):
        filled(source, "demo", key, title=f"entry {key}")
    folder = source.folder("demo", "1")
    if harm == "a bit":
        spoil(folder / "x.bin")
    elif harm == "a file":
        (folder / "x.bin").unlink()
    elif harm == "no digests":
        (folder / ENTRY).unlink()
    elif harm == "another's place":
        os.rename(folder, source.folder("demo", "3"))
    elif harm == "a file instead":
        (source.root / "demo" / "3").touch()
    else:
        said = json.loads((folder / ENTRY).read_text())
        (source.root / "y").write_bytes(b"")
        said["files"] = {"../../y": [0, "cae66941d9efbd404e4d88758ea67670"]}
        del said["seal"]
        (folder / ENTRY).write_text(sealed(json.dumps(said)))
    merged = merge(Store(source.root), into)
    assert len(merged.broken) == 1
    assert {path.name for path in (into.root / "demo").iterdir()} == ({"1", "2"} if harm == "a file instead" else {"2"})
    assert merged.taken == {"demo": len(list((into.root / "demo").iterdir()))}


def test_a_broken_one_never_takes_the_place_of_a_whole_one_and_a_whole_one_does_of_a_broken_one(stores):
    source, into = stores
    for store in stores:
        for key in "123":
            filled(store, "demo", key)
    spoil(source.folder("demo", "1") / "x.bin")
    spoil(into.folder("demo", "2") / "x.bin")
    spoil(source.folder("demo", "3") / "x.bin")
    spoil(into.folder("demo", "3") / "x.bin")
    merged = merge(Store(source.root), Store(into.root))
    assert [damage(into.folder("demo", key)) for key in "123"] == ["", "", "x.bin"]
    assert (merged.taken, merged.repaired, merged.there) == ({"demo": 1}, {"demo": 1}, {"demo": 1})
    assert [key for _, key, _ in merged.broken] == ["3"]
    assert len(list((into.root / DAMAGED).iterdir())) == 1
    assert not (source.root / DAMAGED).exists()  # which is only read


def test_what_is_spoilt_on_the_way_is_left_out(stores, monkeypatch):
    source, into = stores
    filled(source, "demo", "1")

    def copy(path, to):
        to.write_bytes(path.read_bytes()[:-1])

    monkeypatch.setattr("mirbench.engine.merging.shutil.copyfile", copy)
    merged = merge(source, into)
    assert (len(merged.broken), merged.taken.total()) == (1, 0)
    assert list((into.root / "demo").iterdir()) == []


def test_a_cache_into_itself_and_none_at_all_are_sentences(stores, tmp_path):
    source, _ = stores
    with pytest.raises(MirbenchError, match=r"^there is no cache in .*; name a folder that --cache or MIRBENCH_CACHE named "):
        merge(source, source)
    filled(source, "demo", "1")
    (tmp_path / "link").symlink_to(source.root)
    with pytest.raises(MirbenchError, match=r"^.*link is the cache that is merged into; name another one, "):
        merge(Store(tmp_path / "link"), source)
