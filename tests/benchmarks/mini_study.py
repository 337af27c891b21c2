"""`mini-study`, a plugin: clips of mini's validation groups for a test split, a fifth of the training groups for validation, the others to
train and pretrain on. No test clip of `mini` is in it. In a file of its own, since keys follow the source of a data set."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from mirbench_plugins.datasets.mini import LARGE, Mini

import mirbench

VALID = 5  # one group of so many training groups is for validation
SIZE = dataclasses.replace(LARGE, music=(LARGE.music[0], 100, 0), notes=(0, 0, 0), keys=0)


class Study(Mini):
    def clips(self, folder: Path) -> list[mirbench.Clip]:
        found = []
        for clip in super().clips(folder):
            aside = int(hashlib.sha256(clip.group.encode()).hexdigest(), 16) % VALID == 0
            if clip.split == "valid":
                found.append(dataclasses.replace(clip, split="test"))
            elif clip.split == "train":
                found.append(dataclasses.replace(clip, split="valid" if aside else "train"))
            elif not aside:
                found.append(clip)
        return found


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [Study("mini-study", "validation groups of mini-large, to choose recipes by", SIZE)]
