"""How many cores and GPUs a process may use."""

from __future__ import annotations

import io
import os
import platform
import subprocess
import sys

import pytest
from joblib.externals.loky.backend import context

from mirbench.engine import machine
from mirbench.engine.machine import core_count, free_megabytes, gpus_of

QUOTA = "/sys/fs/cgroup/cpu.max"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are not given to processes here")
def test_a_process_uses_the_cores_that_it_is_given():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from mirbench.engine.machine import core_count; "
    told = subprocess.run([sys.executable, "-c", f"{code}print(core_count())"], capture_output=True, text=True, check=True)
    assert told.stdout == "1\n"


@pytest.mark.parametrize(("quota", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 8)])
def test_a_container_with_a_quota_of_cores_is_not_given_a_worker_for_each_of_the_host(monkeypatch, quota, cores):
    """As the kernel writes it: so many microseconds of processor time in each period of so many."""
    exists = os.path.exists
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(os.path, "exists", lambda path: path == QUOTA or exists(path))
    monkeypatch.setattr(context, "open", lambda path: io.StringIO(quota), raising=False)  # nothing else is opened
    assert core_count() == cores


def test_free_memory_is_that_of_the_machine():
    assert 10 < free_megabytes() < 1e8


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.mark.parametrize("inside", [True, False], ids=["own group", "container that sees its own as the root"])
@pytest.mark.parametrize("version", [1, 2])
def test_free_memory_is_within_the_limit_of_a_job_or_a_container_but_for_idle_files(tmp_path, monkeypatch, version, inside):
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n")
    (tmp_path / "self" / "cgroup").write_text("0::/slurm/job_7/step_0\n" if version == 2 else "5:cpu:/x\n4:memory:/slurm/job_7/step_0\n")
    monkeypatch.setattr(machine, "PROC", tmp_path)
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "groups")
    root = tmp_path / "groups" / ("" if version == 2 else "memory")
    assert free_megabytes() == 8000
    job = root / "slurm" / "job_7" if inside else root
    if version == 2:
        group(job, memory__max="3000000000\n", memory__current="2900000000\n", memory__stat="anon 9\ninactive_file 900000000\nslab 4\n")
        group(job / "step_0", memory__max="max\n", memory__current="2900000000\n", memory__stat="inactive_file 900000000\n")
    else:
        stat = "inactive_file 5\ntotal_inactive_file 900000000\n"
        group(job, memory__limit_in_bytes="3000000000\n", memory__usage_in_bytes="2900000000\n", memory__stat=stat)
    assert free_megabytes() == 1000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_memory_that_is_given_back_can_be_kept():
    """Of a large array that is made anew the pages are those of the one before, which the system need not give again."""
    code = """
import resource, numpy as np
from mirbench.engine.machine import keep_memory
{}
for _ in range(3):
    np.ones(8_000_000)
begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(8_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begun)
"""
    environment = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"}
    faults = []
    for first in ("", "keep_memory()"):
        command = [sys.executable, "-c", code.format(first)]
        faults.append(int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout))
    assert faults[1] < faults[0] / 20


@pytest.mark.skipif(os.name != "posix", reason="one GPU is used there")
@pytest.mark.parametrize(
    ("visible", "models", "names"),
    [
        (None, "aa", ["0", "1"]),
        (None, "aba", ["0", "2"]),  # another model gives other last digits
        ("5, GPU-x,3", "aaa", ["5", "GPU-x", "3"]),
        ("5,-1,3", "a", ["5"]),  # CUDA sees none after one that is not there
        (None, "a", ["0"]),
    ],
)
def test_processes_are_told_which_gpu_they_see(monkeypatch, visible, models, names):
    import torch

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(models))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: models[number])
    assert gpus_of("cuda") == names


def test_one_gpu_that_was_asked_for_is_not_several():
    assert gpus_of("cuda:1") == gpus_of("cpu") == []
