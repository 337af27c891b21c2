"""The table of what encoders cost, and the numbers of it that compare between encoders with other windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from mirbench.reporting.tables.table import Table, of_text
from mirbench.reporting.words import NONE

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[float], str]]] = {
    "parameters": (("parameters",), "{:,.0f}".format),
    "dim": (("dim",), "{:.0f}".format),
    "gflop_per_second": (("GFLOP", "per s of audio"), "{:,.3g}".format),
    "milliseconds": (("ms", "per s of audio"), "{:,.3g}".format),
    "clips_per_second": (("clips/s",), "{:,.3g}".format),
    "window_seconds": (("clip", "(s)"), "{:.3g}".format),
    "peak_memory_mb": (("peak memory", "(MB)"), "{:,.0f}".format),
    "disk_mb": (("on disk", "(MB)"), "{:,.3g}".format),
}


PARAMETERS = "Parameters: those that take part in embedding; a part of a model that does not run has none here."
OPERATIONS = (
    "GFLOP: 10^9 floating-point operations of torch, of one window by itself, over its seconds: matrix products, convolutions and "
    "attention, a multiplication and an addition as two. Not counted: element-wise operations, normalisation, pooling, Fourier transforms, "
    "and what is computed outside torch."
)
SPEED = (
    "Time and memory are of this run on {}: what is embedded is random noise in the place of music, in windows of the encoder's own length "
    "(clip), for a second or more, each encoder by itself; the fastest repeat counts. clips/s are such windows, and only ms for a "
    "second of audio compares between windows. Other machines, or work beside the run, give other numbers; none is tested."
)
BRIEFLY = "{}GFLOP: matrix products, convolutions and attention in torch."
MEMORY = (
    "Peak memory: on a processor what loading it and embedding add to the resident memory of a process that has imported its libraries; on "
    "a GPU tensors alone."
)


def notes(frame: pd.DataFrame) -> list[str]:
    """What must be known to read the table. frame: as costs.csv."""
    devices = measured_on(frame)
    failed = frame[frame["note"] != ""]
    return [
        *([SPEED.format(" and ".join(devices))] if devices else []), OPERATIONS, PARAMETERS, MEMORY, f"{NONE}: not known.",
        *(f"{encoder}: {note}" for encoder, note in zip(failed["encoder"], failed["note"], strict=True)),
    ]  # fmt: skip


def briefly(frame: pd.DataFrame) -> str:
    """The same in a sentence."""
    devices = measured_on(frame)
    return BRIEFLY.format(f"Time: on {' and '.join(devices)}, embedding random noise, each encoder by itself; " if devices else "")


def measured_on(frame: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(frame.loc[frame["clips_per_second"].notna(), "device"]))


def milliseconds(costs: pd.DataFrame) -> pd.Series[float]:
    """That a second of audio takes to be embedded. costs: as costs.csv."""
    return 1000 / (costs["clips_per_second"] * costs["window_seconds"])


def costs(frame: pd.DataFrame, floors: Collection[str] = (), shown: Iterable[str] = COLUMNS) -> Table:
    """A row for each encoder, and below them each floor; a column says on which device, where there are several.

    frame: as costs.csv. shown: columns, of COLUMNS."""
    rows = frame.assign(milliseconds=milliseconds(frame), floor=frame["encoder"].astype("str").isin(floors))
    rows = rows.sort_values(["floor", "encoder"], kind="stable")
    columns: dict[Any, list[str]] = {"encoder": list(rows["encoder"].astype("str"))}
    for name in shown:
        head, written = COLUMNS[name]
        columns[head] = [NONE if math.isnan(x) else _grouped(written(x)) for x in rows[name]]
    if rows["device"].nunique() > 1:
        columns["device"] = list(rows["device"])
    first = int((~rows["floor"]).sum())
    return of_text(columns, headings={first: "floors"} if 0 < first < len(rows) else {})


def _grouped(text: str) -> str:
    """A number that three digits would give an exponent is written out.

    >>> _grouped("1.23e+03"), _grouped("0.04"), _grouped("1e-05")
    ('1,230', '0.04', '1e-05')
    """
    return f"{float(text):,.0f}" if "e+" in text else text
