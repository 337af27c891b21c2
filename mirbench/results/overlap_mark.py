"""The mark of an encoder that was pretrained on audio that it is tested on: a column in the files, a dagger after the name in tables and
figures. Folders of earlier versions have the dagger in the name, and are read as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirbench.records import OVERLAP_MARK

if TYPE_CHECKING:
    import pandas as pd

MARKS = {"encoder": "overlap", "baseline": "baseline_overlap"}
"""By the column of a name, the column that marks it."""


def marked_name(name: str) -> str:
    """
    >>> marked_name("simclr"), marked_name("simclr \u2020")
    ('simclr \u2020', 'simclr \u2020')
    """
    return name if name.endswith(OVERLAP_MARK) else name + OVERLAP_MARK


def mark_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """With the dagger after each name that its column marks."""
    for who, mark in MARKS.items():
        if who in frame and mark in frame and (at := frame[mark] == 1).any():
            names = frame[who].astype("str")
            frame = frame.assign(**{who: names.where(~at, names.map(marked_name))})
    return frame


def mark_manifest(manifest: dict[str, Any]) -> None:
    """The names of encoders in a manifest that was read, as they are in the frames."""
    overlap = manifest.get("overlap")
    new = {name: marked_name(name) for name in overlap} if isinstance(overlap, dict) else {}
    for part in ("encoders", "overlap"):
        if new and isinstance(manifest.get(part), dict):
            manifest[part] = {new.get(name, name): about for name, about in manifest[part].items()}
    for of_maps in (manifest.get("maps") or {}).values():
        of_maps["encoders"] = {new.get(name, name): about for name, about in of_maps["encoders"].items()}
    for point in (manifest.get("sweep") or {}).get("points", []):
        point["name"] = new.get(point["name"], point["name"])
    robustness = manifest.get("robustness")
    if isinstance(robustness, dict) and robustness.get("baseline") in new:
        robustness["baseline"] = new[robustness["baseline"]]
