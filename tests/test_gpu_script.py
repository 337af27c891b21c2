"""The script for a GPU, pretending on a CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "gpu" / "run.sh"


def ran(*words):
    return subprocess.run([SCRIPT, *words], capture_output=True, text=True, env={**os.environ, "PYTHON": sys.executable}, check=False)


def test_the_script_knows_its_checks():
    pytest.importorskip("torch")
    found = ran("--pretend", "--only", "los")
    assert found.returncode == 2
    assert "no check is called los" in found.stderr


@pytest.mark.slow
def test_the_whole_script_passes_where_it_pretends():
    found = ran("--pretend")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "all checks pass" in found.stdout
    lines = [line.split(" | ") for line in found.stdout.splitlines() if line.startswith("| ")][1:]
    assert {cells[0].removeprefix("| ") for cells in lines} == {
        "loss", "equal-embeddings", "resume", "training", "embedding", "two-processes", "several-gpus", "default-run"
    }  # fmt: skip
    assert {cells[4] for cells in lines} == {"ok", "not measured"}
