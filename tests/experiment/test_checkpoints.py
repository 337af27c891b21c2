"""What a checkpoint is kept under, who may work at it, and on which devices."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mirbench import registry
from mirbench.engine.store import STALE_PART_SECONDS, Store, locked
from mirbench.errors import MirbenchError
from mirbench.experiment.jobs import Job, Planner, check_devices
from mirbench.experiment.planning import plan
from mirbench.experiment.runner import _do
from mirbench.results import provenance
from mirbench.settings.config import load_config

PARTS = """
import mirbench

class Line(mirbench.Backbone):
    name = "line"

    def build(self):
        raise NotImplementedError

class Decade(mirbench.Supervision):
    name, annotation = "decade", "tags"

    def encode(self, labels, options):
        raise NotImplementedError

    def similarity(self, encoded, options):
        raise NotImplementedError

@mirbench.hookimpl
def register_backbones():
    return [Line()]

@mirbench.hookimpl
def register_supervisions():
    return [Decade()]
"""


pytestmark = pytest.mark.usefixtures("built_in")


def key(tmp_path, *settings, plugins=(), encoder="semisupcon"):
    """Of the checkpoint."""
    config = load_config([], settings, {"encoders": [encoder], "floors": [], "tasks": ["tagging"], "device": "cpu"})
    (job,) = plan(config, registry.load(plugins), tmp_path / "cache").checkpoints.values()
    return job.key


def test_one_supervision_has_one_key_however_it_is_spelt(tmp_path):
    spellings = ["shared-tags", "{name: shared-tags, threshold: 1}", "{name: shared-tags, threshold: 1.0, annotation: tags}",
                 "[shared-tags]", "[{threshold: 1, weight: 1, name: shared-tags}]"]  # fmt: skip
    assert len({key(tmp_path, f"options.semisupcon.supervision={s}") for s in spellings}) == 1
    others = ["{name: shared-tags, threshold: 2}", "{name: shared-tags, annotation: genre}", "[shared-tags, dice]", "dice"]
    assert len({key(tmp_path, f"options.semisupcon.supervision={s}") for s in (*others, *spellings)}) == 5


def test_parts_of_plugins_move_the_keys_of_the_encoders_that_name_them_alone(tmp_path):
    plugin = tmp_path / "parts.py"
    plugin.write_text(PARTS)
    uses = ("options.semisupcon.backbone=line", "options.semisupcon.supervision=decade")
    before = [key(tmp_path), *(key(tmp_path, setting, plugins=[plugin]) for setting in uses)]
    assert key(tmp_path, plugins=[plugin]) == before[0]
    plugin.write_text(PARTS + "# changed\n")
    after = [key(tmp_path, plugins=[plugin]), *(key(tmp_path, setting, plugins=[plugin]) for setting in uses)]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, False]
    silent = "options.semisupcon={supervision: decade, labelled_share: 0}"
    plugin.write_text(PARTS)
    first = key(tmp_path, silent, plugins=[plugin])
    plugin.write_text(PARTS + "# changed\n")
    assert key(tmp_path, silent, plugins=[plugin]) == first


def test_what_moves_numbers_is_in_the_keys(tmp_path, monkeypatch):
    assert "lightning-fabric" in provenance.versions()
    assert provenance.moving_versions()["lightning-fabric"] not in ("missing", "")
    code = "import sys; from mirbench.results.provenance import versions; versions(); print('lightning_fabric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    read = Path.read_bytes
    for room in ("data", "pretraining", "evaluation"):
        before = provenance.room_digest(room)
        for name in ("nouns.py", "typed.py", "notation.py"):
            with monkeypatch.context() as patch:
                patch.setattr(Path, "read_bytes", lambda path, name=name: read(path) + (b"#" if path.name == name else b""))
                assert provenance.room_digest(room) != before


def test_more_devices_than_there_are_are_refused(tmp_path, monkeypatch):
    import torch

    def planner(device, devices):
        return Planner(load_config([], [], {"device": device, "devices": devices}), registry.load(), Store(tmp_path))

    one = r"^device cuda:1 is one device, and 2 were asked for; use --device cuda, or --devices 1\.$"
    with pytest.raises(MirbenchError, match=one):
        planner("cuda:1", 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(MirbenchError, match=r"^--devices 2 was asked for, but torch sees 1 CUDA device here; use fewer\.$"):
        planner("cuda", 2)
    assert planner("cuda", 1).device == "cuda"
    assert planner("cpu", 2).device == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    check_devices("cuda", 4)


def job(store, run, key="0123"):
    return Job("checkpoints", key, "learner, seed 0", 1.0, 1.0, run, store.root / "unfinished" / key)


def test_of_two_runs_one_pretrains_and_the_other_waits_for_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    store, begun, ended, faults = Store(tmp_path), threading.Event(), [], []

    def pretrain(folder):
        unfinished = store.root / "unfinished" / "0123"
        unfinished.mkdir(parents=True, exist_ok=True)
        (unfinished / "state").write_text("half")
        begun.set()
        time.sleep(0.4)
        ended.append((unfinished / "state").read_text())
        (folder / "weights").write_text("1")

    def work():
        try:
            _do(store, [job(store, pretrain)])
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    threads[0].start()
    begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (faults, ended) == ([], ["half"])
    assert store.has("checkpoints", "0123")
    assert list((tmp_path / "unfinished").iterdir()) == []
    said = f"mirbench: another process is pretraining learner, seed 0 in {tmp_path / 'unfinished'}; waiting for it.\n"
    assert capsys.readouterr().err == 2 * said


def test_a_killed_process_lets_go_of_its_lock(tmp_path, capsys):
    path = tmp_path / "x.lock"
    code = f"import sys, time; from pathlib import Path; from mirbench.engine.store import locked\nwith locked(Path({str(path)!r}), 'x'):"
    other = subprocess.Popen([sys.executable, "-c", f"{code}\n print(1, flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"1\n"
    threading.Timer(0.3, other.kill).start()
    begun = time.perf_counter()
    with locked(path, "x"):
        assert 0.1 < time.perf_counter() - begun < 30
    other.wait()
    assert not path.exists()


def test_where_there_are_no_locks_work_goes_on_without(tmp_path, monkeypatch):
    from mirbench.engine import store as module

    monkeypatch.setattr(module, "fcntl", None)
    with locked(tmp_path / "x.lock", "x"), locked(tmp_path / "x.lock", "x"):
        pass
    store = Store(tmp_path)
    _do(store, [job(store, lambda folder: (folder / "weights").write_text("1"))])
    assert store.has("checkpoints", "0123")


def test_what_is_left_unfinished_of_a_finished_checkpoint_is_removed(tmp_path):
    store = Store(tmp_path)
    with store.writing("checkpoints", "0123") as folder:
        (folder / "weights").write_text("1")
    left = tmp_path / "unfinished" / "0123"
    left.mkdir(parents=True)
    assert _do(store, [job(store, lambda folder: None)]) == {}
    assert not left.exists()


def test_an_old_part_is_swept_unless_somebody_is_still_at_it(tmp_path):
    store, old = Store(tmp_path), time.time() - 2 * STALE_PART_SECONDS
    with store.writing("demo", "1") as busy:
        abandoned = busy.with_name(".part-00000000-3")
        abandoned.mkdir()
        for part in (busy, abandoned):
            os.utime(part, (old, old))
        with store.writing("demo", "2"):
            pass
        assert (busy.exists(), abandoned.exists()) == (True, False)
    assert store.has("demo", "1")
