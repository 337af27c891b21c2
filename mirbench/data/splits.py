"""What must hold of any data set before a number is computed on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from mirbench.errors import MirbenchError
from mirbench.records import SPLITS, Clip


def check_across(datasets: Mapping[str, Sequence[Clip]]) -> None:
    """Raises MirbenchError where a file that one data set trains on is one that another validates or tests on."""
    trained = {c.path.resolve(): name for name, clips in datasets.items() for c in clips if c.split in ("train", "pretrain")}
    for name, clips in datasets.items():
        for clip in clips:
            other = trained.get(clip.path.resolve(), name) if clip.split in ("valid", "test") else name
            if other != name:
                raise MirbenchError(
                    f"data set '{other}' trains on {clip.path}, which is in the {clip.split} split of '{name}'; leave one out."
                )


def check_clips(name: str, clips: Sequence[Clip]) -> None:
    """Raises MirbenchError where ids repeat, a split is unknown, or a group is in two splits (`pretrain` counts as `train`)."""
    if not clips:
        raise MirbenchError(f"data set '{name}' has no clips.")
    twice = [i for i, n in Counter(c.id for c in clips).items() if n > 1]
    if twice:
        raise MirbenchError(f"data set '{name}' has {len(twice)} clip ids more than once, the first '{twice[0]}'; ids must be unique.")
    found: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.split not in SPLITS:
            raise MirbenchError(f"data set '{name}', clip {clip.id}: split '{clip.split}' is none of {', '.join(SPLITS)}.")
        found[clip.group].add("train" if clip.split == "pretrain" else clip.split)
    leaks = sorted(g for g, splits in found.items() if len(splits) > 1)
    if leaks:
        where = " and ".join(sorted(found[leaks[0]]))
        raise MirbenchError(
            f"data set '{name}' leaks: {len(leaks)} group{'s are' if len(leaks) > 1 else ' is'} in two splits, "
            f"'{leaks[0]}' in {where}; every group must be in one split."
        )
