"""What may be removed from a store beside those who use it."""

import json
import os
import subprocess
import sys
import time

import pytest

from mirbench.engine import holds
from mirbench.engine.executor import LocalExecutor
from mirbench.engine.files import Presence
from mirbench.engine.holds import held, held_since, holders, is_held, remove
from mirbench.engine.inventory import LEFT_OVER, take_inventory
from mirbench.engine.jobs import Graph, Job
from mirbench.engine.store import Store
from mirbench.errors import MirbenchError

LONG_AGO = time.time() - 100 * 86_400

AT_A_JOB = """
import sys, time
from pathlib import Path
from mirbench.engine.executor import LocalExecutor
from mirbench.engine.jobs import Graph, Job
from mirbench.engine.store import Store

def wait(folder):
    (folder / "y").write_text("y")
    print("ready", flush=True)
    sys.stdin.readline()

first = Job("dishes", "first", {"of": "first"}, lambda folder: None)
second = Job("dishes", "second", {"of": "second"}, wait, (first,))
LocalExecutor(Store(Path(sys.argv[1]))).run(Graph([first, second]))
"""


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def made(store, title, kind="dishes", used=LONG_AGO, **files):
    """The name of a job that is in the store, and was last used then."""
    job = Job(kind, title, {"of": title}, None)
    with store.writing(kind, job.key, title, job.parts) as folder:
        for name, text in files.items():
            (folder / name).write_text(text)
    os.utime(store.folder(*job.name), (used, used))
    return job.name


def test_what_a_live_process_uses_is_not_removed_beside_it(store):
    """It needs what was made long ago and is at a job; what is neither may go, and when it has ended, all of it."""
    first, other = made(store, "first"), made(store, "other")
    second = Job("dishes", "second", {"of": "second"}, None).name
    with subprocess.Popen(
        [sys.executable, "-c", AT_A_JOB, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        (holder,) = holders(store)
        assert (holder.process, holder.certain) == (process.pid, True)
        assert remove(store, [first, second, other]) == ([other], [first])  # second is not there yet
        process.communicate("go on\n")
    assert process.returncode == 0
    assert store.has(*first)
    assert store.has(*second)
    assert holders(store) == []
    assert remove(store, [first, second]) == ([first, second], [])
    assert not store.has(*first)


def test_one_that_was_killed_holds_nothing(store):
    first = made(store, "first")
    with subprocess.Popen(
        [sys.executable, "-c", AT_A_JOB, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.kill()
    assert list(store.lock_file("x").parent.glob(holds.HELD))
    assert remove(store, [first]) == ([first], [])
    assert not list(store.lock_file("x").parent.glob(holds.HELD))


def test_a_graph_is_used_when_it_is_run(store):
    """Of what does not stay, only what is needed."""
    kept, transient = made(store, "kept"), made(store, "transient")
    jobs = [Job("dishes", "kept", {"of": "kept"}, None), Job("dishes", "transient", {"of": "transient"}, None, kept=False)]
    LocalExecutor(store, budget_megabytes=1.0).run(Graph(jobs))
    assert store.folder(*kept).stat().st_mtime > time.time() - 60
    assert store.folder(*transient).stat().st_mtime == pytest.approx(LONG_AGO)


def test_what_is_compared_before_it_is_read_is_used(store):
    name = made(store, "soup", x="1")
    with held(store):
        assert not store.is_damaged(*name)
        assert remove(store, [name]) == ([], [name])


def test_a_run_of_an_earlier_version_holds_all(store):
    """Which says nothing of itself, but is at the store."""
    first = made(store, "first")
    with Presence(store.lock_file("in-use")):
        assert remove(store, [first]) == ([], [first])
    assert remove(store, [first]) == ([first], [])


def test_where_files_cannot_be_locked_a_holder_is_one_until_its_file_is_gone(store, monkeypatch):
    first = made(store, "first", used=time.time())
    monkeypatch.setattr(holds, "lock", lambda handle: None)
    with held(store):
        (holder,) = holders(store)
        assert not holder.certain
        assert holder.in_words.startswith(f"process {os.getpid()} on ")
        assert holder.in_words.endswith(f"delete {holder.path})")
        assert remove(store, [first]) == ([], [first])
    assert holders(store) == []


def test_what_is_unfinished_is_held_as_long_as_anybody_is_there(store):
    assert is_held("unfinished", LONG_AGO, time.time())
    assert not is_held("dishes", LONG_AGO, time.time())
    assert not is_held("unfinished", LONG_AGO, float("inf"))
    assert held_since(store) == float("inf")


def test_a_store_that_cannot_be_written_to_is_held_by_nothing(store, monkeypatch):
    monkeypatch.setattr(Store, "is_writable", lambda store: False)
    with held(store):
        assert list(store.root.iterdir()) == []


def test_where_nothing_can_be_removed_it_is_an_error(tmp_path):
    (tmp_path / "locks").write_text("no folder")
    with pytest.raises(MirbenchError, match="cannot write while removing from the cache"):
        remove(Store(tmp_path), [("dishes", "x")])


def test_an_inventory_has_all_there_is(store):
    """An entry of now and one of an earlier version, without a description; what is being written, what is known, and what is not."""
    name = made(store, "soup", x="12345", y="1")
    earlier = store.folder("dishes", "ab" * 10)
    (earlier / "deep").mkdir(parents=True)
    (earlier / "deep" / "file").write_text("123")
    (store.root / "dishes" / ".part-0-x").mkdir()
    (store.root / "dishes" / ".part-0-x" / "file").write_text("1234")
    (store.root / "dishes" / "notes.txt").write_text("12")
    (store.root / "dishes" / ("cd" * 10)).symlink_to(earlier)
    (store.root / "table").mkdir()
    (store.root / "table" / "file").write_text("1")
    (store.root / "facts").write_text("123456")
    found = take_inventory(store, ["dishes", "none"], ["facts"])
    entries = {each.name: each for each in found.entries}
    assert set(entries) == {name, ("dishes", "ab" * 10)}
    assert entries[name].bytes == sum(path.stat().st_size for path in store.folder(*name).iterdir())
    assert (entries[name].title, entries[name].parts, entries[name].used) == ("soup", {"of": "soup"}, pytest.approx(LONG_AGO))
    assert (entries["dishes", "ab" * 10].bytes, entries["dishes", "ab" * 10].title, entries["dishes", "ab" * 10].made) == (3, "", 0)
    assert found.files == {"facts": 6, LEFT_OVER: 4}
    assert set(found.strange) == {"dishes/notes.txt", "dishes/" + "cd" * 10, "table"}
    assert found.strange["table"] == 1
    assert found.bytes == entries[name].bytes + 3 + 10 + sum(found.strange.values())


def test_an_entry_whose_description_is_damaged_is_counted_by_its_files(store):
    name = made(store, "soup", x="12345")
    path = store.folder(*name) / ".entry.json"
    path.write_text(json.dumps({"of": 1}))
    (found,) = take_inventory(store, ["dishes"], []).entries
    assert (found.bytes, found.title) == (5 + path.stat().st_size, "")
