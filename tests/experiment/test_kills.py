"""A run that is killed at random moments, again and again until it ends by itself, ends with the results of one that was not, and no kill
leaves a process."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import alive, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")]

FLAGS = [
    "--encoder",
    "semisupcon",
    "--set",
    "floors=[untrained]",
    "--set",
    "run_name=run",
    "--corruptions",
    "white-noise",
    "--severities",
    "1",
]
FLAGS += ["--set", "options.semisupcon={steps: 30, batch_views: 16}", "--tasks", "key,genre"]
KILLS, LEAST, MOST, LIVES = 5, 1.0, 15.0, 5.0  # seconds after which a run is killed, and that what it started may live


def of_cache(cache):
    """The processes of a run, by the environment that they have in common."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"MIRBENCH_CACHE={cache}\0".encode() in path.read_bytes():
                found.add(path.parent.name)
        except OSError:
            continue
    return alive(found)


def results(run):
    """The bytes of what a run found, without how long it took."""
    files = {
        path.name: path.read_bytes()
        for path in [*run.glob("*.csv"), *(run / "predictions").glob("*.csv")]
        if path.name not in ("scores.csv", "costs.csv")  # whose speed and memory are measured
    }
    lines = [line.split(",") for line in (run / "scores.csv").read_text().splitlines()]
    seconds = lines[0].index("seconds")
    return files | {"scores.csv": [line[:seconds] + line[seconds + 1 :] for line in lines]}


@pytest.fixture(scope="module")
def start(tiny_plugin, tmp_path_factory):
    """(place) starts the run with a cache and an output there."""

    def start(place):
        place.mkdir(exist_ok=True)
        environment = {**os.environ, "MIRBENCH_CACHE": str(place / "cache"), "MIRBENCH_QUIET": "1"}
        command = [
            sys.executable,
            "-m",
            "mirbench",
            "run",
            "--plugin",
            str(tiny_plugin),
            "--dataset",
            "tiny",
            "--output",
            str(place),
            *FLAGS,
        ]
        with open(place / "log.txt", "a") as log:
            defaults = [signal.SIGINT, signal.SIGHUP]
            return subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in defaults],
            )  # fmt: skip

    return start


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
    """The place of a run that nobody killed."""
    place = tmp_path_factory.mktemp("whole")
    assert start(place).wait(600) == 0, (place / "log.txt").read_text()
    return place


@pytest.mark.parametrize(
    ("whom", "by", "warm"),
    [
        ("group", signal.SIGKILL, False),
        ("parent", signal.SIGKILL, True),
        ("worker", signal.SIGKILL, True),
        ("group", signal.SIGTERM, True),
        ("parent", signal.SIGTERM, False),
        ("worker", signal.SIGTERM, True),
    ],
    ids=lambda value: {True: "warm", False: "cold"}[value] if isinstance(value, bool) else getattr(value, "name", value),
)
def test_kills_change_no_result_and_leave_no_process(start, whole, tmp_path, whom, by, warm):
    draw = random.Random(f"{whom} {by} {warm}")
    place, told = tmp_path / "run", 0
    if warm:
        shutil.copytree(whole / "cache" / "datasets", place / "cache" / "datasets")
    for _ in range(KILLS):
        run = start(place)
        try:
            try:
                code = run.wait(draw.uniform(LEAST, MOST))
            except subprocess.TimeoutExpired:
                below = sorted(of_cache(place / "cache") - {str(run.pid)})
                if whom == "group":
                    os.killpg(run.pid, by)
                elif whom == "parent" or not below:
                    run.send_signal(by)
                else:
                    os.kill(int(draw.choice(below)), by)
                code = run.wait(300)
            assert code in (0, 2, -by, 128 + by), (place / "log.txt").read_text()
            wait_for(lambda: not of_cache(place / "cache"), LIVES)
            assert of_cache(place / "cache") == set()
            told += code == 128 + by
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
        if code == 0:
            break
    run = start(place)
    assert run.wait(600) == 0, (place / "log.txt").read_text()
    assert results(place / "run") == results(whole / "run")
    assert not list((place / "cache" / "unfinished").glob("*"))
    assert told == (place / "log.txt").read_text().count("mirbench: stopped; what is finished is kept in the cache")
