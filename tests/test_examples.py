"""Every example in a docstring gives what it shows."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {"mirbench": "mirbench", "plugins": "mirbench_plugins"}
FILES = [file.relative_to(ROOT) for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py")) if ">>> " in file.read_text()]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_examples_give_what_they_show(file):
    folder, *inner = file.with_suffix("").parts
    module = importlib.import_module(".".join([FOLDERS[folder], *inner]).removesuffix(".__init__"))
    found = doctest.testmod(module, extraglobs={"np": np})
    assert found.attempted
    assert not found.failed
