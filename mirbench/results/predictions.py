"""predictions/*.csv: what a probe said of each test clip, for people and programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from mirbench.engine.files import write_atomically
from mirbench.records import Predictions
from mirbench.results.cells import guarded
from mirbench.results.csvfile import damaged, located, read_text
from mirbench.results.schema import numbers

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("clip", "group", "target", "predicted")
CLASS_MARK = "class:"
_OURS = re.compile(f"({CLASS_MARK})*({'|'.join(COLUMNS)})")


def frame_of(predictions: Predictions) -> pd.DataFrame:
    """Clip, group, target and predicted as text, and the scores as float32, a column for each class."""
    import pandas as pd

    p, scores = predictions, np.asarray(predictions.scores, dtype=np.float32)
    targets = target_cells(p.target, p.classes, p.targets)
    if p.target == "multiclass":
        predicted = [p.classes[i] for i in scores.argmax(axis=1)]
    else:
        predicted = [""] * len(targets) if p.target == "multilabel" else target_cells(p.target, p.classes, scores)
    cells = [list(map(str, column)) for column in (p.clip_ids, p.groups, targets, predicted)]
    facts = pd.DataFrame(dict(zip(COLUMNS, cells, strict=True)), dtype="str")
    return pd.concat([facts, pd.DataFrame(scores, columns=[_heading(name) for name in p.classes])], axis=1)


def target_cells(target: str, classes: Sequence[str], targets: np.ndarray) -> list[str]:
    """Of each clip: its class; `a|b|?c` for several labels, of which nobody has judged `c`; numbers with spaces between. target, targets:
    as `Predictions` has them.

    >>> target_cells("multilabel", ("a", "b|c", "d"), np.array([[1, 1, -1], [0, 0, 0]]))
    ['a|b%7Cc|?d', '']
    """
    if target == "multiclass":
        return [classes[i] for i in targets]
    if target == "multilabel":
        names = {value: [mark + _quote_bar(c) for c in classes] for value, mark in ((1, ""), (-1, "?"))}
        return ["|".join(names[on][i] for i, on in enumerate(row) if on) for row in targets]
    return [" ".join(f"{x:.9g}" for x in row) for row in np.asarray(targets, np.float32)]


def write_predictions(path: Path, predictions: Predictions) -> None:
    """One line per clip; floats with 9 digits, which is exact for float32."""
    frame = frame_of(predictions)
    frame = frame.assign(**{column: frame[column].map(guarded) for column in COLUMNS})
    frame.columns = [guarded(name) for name in frame.columns]
    write_atomically(path, frame.to_csv(index=False, float_format="%.9g", na_rep="nan", lineterminator="\n"))


def read_predictions(path: Path, text: str) -> Predictions:
    """As written: scores and regression targets float32, class targets int64. The kind of target is told from the lines.

    path: for messages; text: the file. Raises MirbenchError where it is damaged.
    """
    frame = read_text(path, text)
    if tuple(frame.columns[:4]) != COLUMNS or len(frame.columns) < 5:
        raise damaged(path, 1, "should begin with the columns clip, group, target, predicted and go on with one per class")
    classes, facts = tuple(_class_of(heading) for heading in frame.columns[4:]), frame.iloc[:, :4]
    predicted = facts.iloc[0, 3] if len(facts) else classes[0]
    kind = "multilabel" if not predicted else "multiclass" if predicted in classes else "regression"
    targets = [_target(path, line, cell, kind, classes) for line, cell in facts["target"].items()]
    with located(path):
        scores = [numbers(path.name, frame.iloc[:, 4 + i]) for i in range(len(classes))]
    shape = (len(frame),) if kind == "multiclass" else (len(frame), len(classes))
    return Predictions(
        clip_ids=tuple(facts["clip"]),
        groups=tuple(facts["group"]),
        classes=classes,
        target=kind,
        targets=np.asarray(targets, dtype=np.float32 if kind == "regression" else np.int64).reshape(shape),
        scores=np.asarray(scores, dtype=np.float32).T.reshape(len(frame), len(classes)),
    )


def _heading(name: str) -> str:
    """Of a class; one that is called like a column of ours is `class:clip`, so that no two columns have one name."""
    return CLASS_MARK + name if _OURS.fullmatch(name) else name


def _class_of(heading: str) -> str:
    return heading.removeprefix(CLASS_MARK) if _OURS.fullmatch(heading) else heading


def _target(path: Path, line: Any, text: str, kind: str, classes: tuple[str, ...]) -> Any:
    """The target cell of a predictions file: an index, 1, 0 or -1 per class, or a number per class."""
    if kind == "regression":
        try:
            found = [float(x) for x in text.split(" ")]
        except ValueError as error:
            raise damaged(path, line, f"has '{text}' in the column 'target', which is not a number") from error
        if len(found) != len(classes):
            raise damaged(path, line, f"has {len(found)} numbers as its target where the heading has {len(classes)}")
        return found
    known = classes if kind == "multiclass" else [_quote_bar(c) for c in classes]
    names = [text] if kind == "multiclass" else [name for name in text.split("|") if name]
    if unknown := [name for name in names if name not in known and (kind == "multiclass" or name.removeprefix("?") not in known)]:
        raise damaged(path, line, f"has the target '{unknown[0]}', which is none of the classes in the heading")
    return classes.index(text) if kind == "multiclass" else [-1 if f"?{name}" in names else int(name in names) for name in known]


def labels_in(cell: str) -> list[str]:
    """The labels of a cell of `target_cells` that apply.

    >>> labels_in("a|b%7Cc|?d"), labels_in("")
    (['a', 'b|c'], [])
    """
    return [unquote(name) for name in cell.split("|") if name and not name.startswith("?")]


def _quote_bar(name: str) -> str:
    """A class name inside a|b|?c, where c is one that nobody has judged."""
    quoted = name.replace("%", "%25").replace("|", "%7C")
    return "%3F" + quoted[1:] if quoted.startswith("?") else quoted
