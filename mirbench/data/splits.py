"""What must hold of any data set before a number is computed on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from mirbench.errors import MirbenchError
from mirbench.records import SPLITS, Clip


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
