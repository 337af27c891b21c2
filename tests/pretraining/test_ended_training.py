"""A training whose process is ended, with the processes that it started: the state is kept where there is time, and nothing is left."""

import signal
import sys
from pathlib import Path

import pytest
from processes import end_parent
from safetensors import safe_open

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")

TRAINING = """
import sys, threading, time
from pathlib import Path
sys.path[:0] = {paths}
import torch
from test_trainer import Contrastive, Learner, Net, Schedule, Training, stream_of, train
from mirbench.engine.interrupts import stoppable

folder = Path("run")
(folder / "unfinished").mkdir(parents=True)
learner = Learner(Net(norm=False), Contrastive(8, temperature=0.2, epsilon=0.0, norm=False), on_bands=False)
stream = stream_of(Path("."), "train")
training = Training(learner, stream, None, Schedule(10**7), "cpu", {devices}, folder, folder / "unfinished")

def tell():
    while not any(path.stat().st_size for path in folder.rglob("metrics.jsonl")):
        time.sleep(0.05)
    print("ready", flush=True)

threading.Thread(target=tell, daemon=True).start()
try:
    with stoppable():
        train(training)
except KeyboardInterrupt:
    sys.exit(77)
"""


@pytest.mark.parametrize(
    "by", [signal.SIGKILL, signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)], ids=lambda by: by.name
)
@pytest.mark.parametrize(("devices", "workers"), [(1, 2), pytest.param(2, 0, marks=pytest.mark.slow)], ids=["data workers", "two devices"])
def test_nothing_outlives_a_training_that_is_ended(tmp_path, monkeypatch, devices, workers, by):
    monkeypatch.setenv("MIRBENCH_WORKERS", str(workers))
    monkeypatch.setenv("MIRBENCH_QUIET", "1")
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "helpers"), *sys.path]
    code, below, alive = end_parent(TRAINING.format(paths=paths, devices=devices), by, tmp_path)
    assert len(below) >= 2
    assert alive == set()
    assert code == (-by if by == signal.SIGKILL else 77), (tmp_path / "errors.txt").read_text()
    state = tmp_path / "run" / "unfinished" / "state.safetensors"
    assert state.is_file() == (by != signal.SIGKILL)
    if by != signal.SIGKILL:
        with safe_open(state, "pt") as file:
            assert '"step": ' in file.metadata()["facts"]
    assert not list(tmp_path.rglob(".part-*"))
