"""Whether a plugin is imported quickly, so that `mirbench list` and `--help` stay quick: in a process of its own.

PYTEST_DONT_REWRITE: what an assertion says is the whole sentence.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from mirbench.testing.promises import NotSeen, Promise

HEAVY = ("torch", "transformers", "tensorflow", "jax", "librosa", "audiomentations", "matplotlib", "pandas", "onnxruntime")
MOST_SECONDS = 2.0  # of processor time
IMPORT = """
import importlib, json, sys, time
import mirbench, mirbench.registry
given, heavy = sys.argv[1], json.loads(sys.argv[2])
before, begun = set(sys.modules), time.process_time()
if given.endswith(".py"):
    sys.path.append(given.rpartition("/")[0] or ".")
    with open(given, encoding="utf-8") as file:
        exec(compile(file.read(), given, "exec"), {"__name__": "mirbench_plugin", "__file__": given})
else:
    importlib.import_module(given)
seconds = time.process_time() - begun
print("\\n" + json.dumps([seconds, [name for name in heavy if name in set(sys.modules) - before]]))
"""


def _imports_quickly(subject: Any) -> str:
    if not subject.source:
        raise NotSeen("it was given as an object")
    given = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", IMPORT, subject.source, json.dumps(HEAVY)]
    asked = subprocess.run(command, capture_output=True, text=True, env=given, check=False)
    why = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
    assert asked.returncode == 0, f"{subject.title}: a fresh process cannot import {subject.source}: {why}"
    seconds, heavy = json.loads(asked.stdout.splitlines()[-1])
    assert not heavy, f"{subject.title}: importing its file imports {' and '.join(heavy)}, {seconds:.1f} s for each `mirbench list`"
    assert seconds <= MOST_SECONDS, f"{subject.title}: importing its file takes {seconds:.1f} s, more than {MOST_SECONDS:g} s"
    return f"{seconds:.2f} s"


IMPORTED = Promise(
    "import time",
    "importing the file is quick and imports nothing heavy",
    "import torch and its like inside the methods that use them, and read and compute nothing at import",
    _imports_quickly,
    lengthy=True,
)
