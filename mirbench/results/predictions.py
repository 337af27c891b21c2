"""predictions/*.csv: what a probe said of each test clip, for people and programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mirbench.records import Predictions
from mirbench.results.csvfile import damaged, number, read_csv, write_csv

COLUMNS = ("clip", "group", "target", "predicted")


def write_predictions(path: Path, predictions: Predictions) -> None:
    """One line per clip; floats with 9 digits, which is exact for float32."""
    p, scores = predictions, np.asarray(predictions.scores, dtype=np.float32)
    lines: list[list[str]] = [[*COLUMNS, *p.classes]]
    for row, (clip, group) in enumerate(zip(p.clip_ids, p.groups, strict=True)):
        numbers = [_digits9(x) for x in scores[row]]
        if p.target == "multiclass":
            target, predicted = p.classes[int(p.targets[row])], p.classes[int(scores[row].argmax())]
        elif p.target == "multilabel":
            named = [("?" if on < 0 else "") + _quote_bar(c) for c, on in zip(p.classes, p.targets[row], strict=True) if on]
            target, predicted = "|".join(named), ""
        else:
            target, predicted = " ".join(_digits9(x) for x in np.asarray(p.targets[row], dtype=np.float32)), " ".join(numbers)
        lines.append([clip, group, target, predicted, *numbers])
    write_csv(path, lines)


def read_predictions(path: Path, text: str) -> Predictions:
    """As written: scores and regression targets float32, class targets int64. The kind of target is told from the lines.

    path: for messages; text: the file. Raises MirbenchError where it is damaged.
    """
    lines = read_csv(path, text)
    header = lines[0][1]
    if tuple(header[:4]) != COLUMNS or len(header) < 5:
        raise damaged(path, 1, "should begin with the columns clip, group, target, predicted and go on with one per class")
    classes, lines = tuple(header[4:]), lines[1:]
    predicted = lines[0][1][3] if lines else classes[0]
    kind = "multilabel" if not predicted else "multiclass" if predicted in classes else "regression"
    targets = [_target(path, line, cells[2], kind, classes) for line, cells in lines]
    shape = (len(lines),) if kind == "multiclass" else (len(lines), len(classes))
    scores = [[number(path, line, c, x, float) for c, x in zip(classes, cells[4:], strict=True)] for line, cells in lines]
    return Predictions(
        clip_ids=tuple(cells[0] for _, cells in lines),
        groups=tuple(cells[1] for _, cells in lines),
        classes=classes,
        target=kind,
        targets=np.asarray(targets, dtype=np.float32 if kind == "regression" else np.int64).reshape(shape),
        scores=np.asarray(scores, dtype=np.float32).reshape(len(lines), len(classes)),
    )


def _target(path: Path, line: int, text: str, kind: str, classes: tuple[str, ...]) -> Any:
    """The target cell of a predictions file: an index, 0/1 per class, or a number per class."""
    if kind == "regression":
        numbers = [number(path, line, "target", x, float) for x in text.split(" ")]
        if len(numbers) != len(classes):
            raise damaged(path, line, f"has {len(numbers)} numbers as its target where the heading has {len(classes)}")
        return numbers
    known = classes if kind == "multiclass" else [_quote_bar(c) for c in classes]
    names = [text] if kind == "multiclass" else [name for name in text.split("|") if name]
    if unknown := [name for name in names if name not in known and (kind == "multiclass" or name.removeprefix("?") not in known)]:
        raise damaged(path, line, f"has the target '{unknown[0]}', which is none of the classes in the heading")
    return classes.index(text) if kind == "multiclass" else [-1 if f"?{name}" in names else int(name in names) for name in known]


def _digits9(x: float) -> str:
    return f"{float(x):.9g}"


def _quote_bar(name: str) -> str:
    """A class name inside a|b|?c, where c is one that nobody has judged."""
    quoted = name.replace("%", "%25").replace("|", "%7C")
    return "%3F" + quoted[1:] if quoted.startswith("?") else quoted
