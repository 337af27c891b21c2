"""The tables of a run folder, each declared once: its columns with their types and meanings, and what tells two rows apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mirbench.records import CLEAN
from mirbench.results.cells import guarded

if TYPE_CHECKING:
    import pandas as pd

DIGITS = "{:.6g}"  # how a number is written
EMPTY = ("level", "count")  # dtypes of columns whose cells are empty where there is no number


def listed(numbers: Iterable[float]) -> str:
    """Numbers in a cell, as `by_seed` has them."""
    return " ".join(map(DIGITS.format, numbers))


class Fault(ValueError):
    """What is wrong with a table. row: its label in the index, None for the table as a whole."""

    def __init__(self, file: str, row: Hashable | None, what: str) -> None:
        super().__init__(f"{file}{'' if row is None else f', row {row},'} {what}")
        self.row, self.what = row, what


@dataclass(frozen=True)
class Column:
    """dtype: name (an ordered categorical, in the order of appearance until somebody knows a better one), text, integer, float, level (a
    float whose cell is empty where there is none), or count (a whole number likewise, a float in frames). default: of a row that does not
    give it; None where a row must. later: whether files of earlier versions lack it, and have the default."""

    name: str
    dtype: str
    meaning: str
    default: Any = None
    later: bool = False


@dataclass(frozen=True)
class Schema:
    """A CSV file. identity: the columns that no two rows share. optional: whether the file is left out where there are no rows."""

    file: str
    columns: tuple[Column, ...]
    identity: tuple[str, ...]
    optional: bool = False

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def defaults(self) -> dict[str, Any]:
        """Of the columns that a row need not give."""
        return {column.name: column.default for column in self.columns if column.default is not None}

    def numbers(self) -> list[str]:
        """The columns in which two runs contradict each other where they differ. Intervals and p-values do not: what an encoder's seeds
        vary is estimated together with the others of its run, and each run corrects for its own table."""
        return [name for name in ("value", "difference", "n_test") if name in self.names]

    def frame(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Rows as a frame; columns that they lack have their defaults."""
        import pandas as pd

        rows, needed = list(rows), set(self.names) - self.defaults.keys()
        for i, row in enumerate(rows):
            if lacking := sorted(needed - row.keys()):
                raise Fault(self.file, i, f"lacks {', '.join(lacking)}")
        return self.validate(pd.DataFrame([{**self.defaults, **row} for row in rows], columns=self.names))

    def filled(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with the defaults of columns that it lacks, and of cells; a number that is nan stays so."""
        defaults = self.defaults
        frame = frame.assign(**{name: default for name, default in defaults.items() if name not in frame})
        floats = [c.name for c in self.columns if c.dtype in ("float", *EMPTY)]
        texts = [c.name for c in self.columns if c.dtype == "text"]  # of which a column of empty cells may have been read as numbers
        frame = frame.astype(dict.fromkeys(texts, object))
        return frame.fillna({name: x for name, x in defaults.items() if name not in floats and frame[name].isna().any()})

    def validate(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with the columns of the schema, in its order and types. Raises Fault for what is no such table: a column that is
        missing, a cell of another type, two rows about the same."""
        import pandas as pd

        for name in self.names:
            if (times := list(frame.columns).count(name)) != 1:
                raise Fault(self.file, None, f"lacks the column '{name}'" if not times else f"has the column '{name}' {times} times")
        valid = pd.DataFrame({c.name: _typed(self.file, frame[c.name], c.dtype) for c in self.columns}, index=frame.index)
        if (twice := valid.duplicated(list(self.identity))).any():
            about = ", ".join(str(x) for x in valid.loc[twice, list(self.identity)].iloc[0])
            raise Fault(self.file, twice.idxmax(), f"is about the same as one before it: {about}")
        return valid

    def text(self, frame: pd.DataFrame) -> str:
        """The frame as CSV; text that a spreadsheet would take for a formula is guarded (cells.py)."""
        valid = self.validate(frame)
        for column in self.columns:
            if column.dtype in ("float", *EMPTY):
                empty, digits = "" if column.dtype in EMPTY else "nan", "{:.0f}" if column.dtype == "count" else DIGITS
                valid[column.name] = [empty if x != x else digits.format(x) for x in valid[column.name]]
            elif column.dtype in ("name", "text"):
                valid[column.name] = [guarded(str(x)) for x in valid[column.name]]
        return valid.to_csv(index=False, lineterminator="\n")

    def markdown(self) -> str:
        """The columns as a table for people; results/README.md has them."""
        lines = [f"| `{c.name}` | {'whole number' if c.dtype == 'integer' else c.dtype} | {c.meaning} |" for c in self.columns]
        return "\n".join(["| column | type | meaning |", "|---|---|---|", *lines])


def _typed(file: str, cells: pd.Series[Any], dtype: str) -> pd.Series[Any]:
    if dtype == "name":
        names = as_names(cells)
        if (empty := names == "").any():
            raise Fault(file, empty.idxmax(), f"has no name in the column '{cells.name}'")
        return names
    return cells.fillna("").astype("str") if dtype == "text" else numbers(file, cells, dtype)


def numbers(file: str, cells: pd.Series[Any], dtype: str = "float") -> pd.Series[Any]:
    """Cells, of text or not, as numbers of a dtype of Column. Raises Fault for one that is none."""
    import pandas as pd

    if not len(cells) or getattr(cells.dtype, "kind", "O") in "iu":
        return cells.astype("int64" if dtype == "integer" else "float64")
    found = pd.to_numeric(cells, errors="coerce")
    if getattr(cells.dtype, "kind", "O") == "f":
        wrong = pd.Series(False, cells.index)
    else:
        missing = cells.isna() | (cells.astype("str").str.strip().str.lower() == "nan")
        wrong = found.isna() & ~missing & ~((cells == "") & (dtype in EMPTY))
    if dtype in ("integer", "count"):
        wrong |= (found.isna() & (dtype == "integer")) | (found % 1 > 0)
    if wrong.any():
        kind = "a whole number" if dtype in ("integer", "count") else "a number"
        raise Fault(file, wrong.idxmax(), f"has '{cells[wrong].iloc[0]}' in the column '{cells.name}', which is not {kind}")
    return found.astype("int64" if dtype == "integer" else "float64")


def as_names(cells: pd.Series[Any], order: Iterable[str] = (), unused: bool = False) -> pd.Series[Any]:
    """An ordered categorical: the names of `order` first, then the others as they come, or as they were ordered before. What is missing
    is an empty name, as which it was written. unused: whether names that no cell has stay, so that frames have their order in common."""
    import numpy as np
    import pandas as pd

    codes, values = pd.factorize(cells, use_na_sentinel=False)
    names = ["" if pd.isna(name) else str(name) for name in values]
    before = list(cells.cat.categories) if isinstance(cells.dtype, pd.CategoricalDtype) else []
    categories = [name for name in dict.fromkeys([*order, *before, *names]) if unused or name in set(names)]
    places: Any = np.array([categories.index(name) for name in names], dtype=int)
    return pd.Series(pd.Categorical.from_codes(places[codes], pd.Index(categories), ordered=True), cells.index, name=cells.name)


# fmt: off
_ENCODER = Column("encoder", "name", "the encoder or floor")
_BASELINE = Column("baseline", "name", "what it is compared with")
_TASK = Column("task", "name", "what was predicted; `all` for a mean over tasks, in which each counts once")
_DATASET = Column("dataset", "name", "on which data set; `all` for a mean over tasks")
_METRIC = Column("metric", "name", "which metric; the first of a task is its headline; `all` for a mean over tasks")
_CORRUPTION = Column("corruption", "name", "what was done to the test audio, or `clean`; of a mean over several what it is over", CLEAN)
_SEVERITY = Column("severity", "integer", "how strongly, 1 to 5; 0 for clean, and for a mean over severities", 0)
_N_SEEDS = Column("n_seeds", "integer", "seeds of the encoder that the mean is over; a floor that depends on no seed has one", 1)
_N_TEST = Column("n_test", "integer", "test clips that it was scored on; 0 for a mean over tasks", 0)
_LOW = Column("ci_low", "float", "lower end of its 95 % interval over groups of clips and training seeds; `nan` where there is none")
_HIGH = Column("ci_high", "float", "upper end of the same")
_OF_ONE = (_ENCODER, _TASK, _DATASET, _METRIC)
_OF_TWO = (_ENCODER, _BASELINE, _TASK, _DATASET, _METRIC)
_MEAN = Column("value", "float", "the metric, mean over seeds")
_DIFFERENCE = Column("difference", "float", "the encoder's mean minus the baseline's, on the same test clips")
_KEY = Column("key", "text", "the hash of everything that can move the number; the same key means the same job", "")
_N_GROUPS = Column("n_groups", "integer", "groups of clips that the interval is over; 0 for a mean over tasks", 0, True)
_BY_SEED = Column(
    "by_seed", "text",
    "the number with each seed of the encoder alone, or each draw of few labels where it has one seed, with spaces between; else empty",
    "", True,
)
_FAMILIES = Column("families", "text", "the family of the corruption, or those that a mean is over, with spaces between", "", True)
_ONE = Column(
    "one_training", "integer",
    "1 where it was trained once and the interval lacks the spread of trainings, 2 where it has that of the other encoders, 3 where its "
    "weights were drawn once and not trained; else 0", 0, True,
)
_ONE_OF_BASELINE = Column("baseline_one_training", "integer", "the same of the baseline", 0, True)
_ONES = (_ONE, _ONE_OF_BASELINE)
_P = Column("p", "float", "two-sided, of no difference", float("nan"), True)
_DETECTABLE = Column("detectable", "float", "the smallest true difference that 80 of 100 such experiments would find", float("nan"), True)
_OVERLAP = Column("overlap", "integer", "1 where the encoder was pretrained on audio that it is tested on, † in tables; else 0", 0, True)
_OF_BASELINE = Column("baseline_overlap", "integer", "the same of the baseline", 0, True)
_OVERLAPS = (_OVERLAP, _OF_BASELINE)
_OF_LAYERS = {
    "encoder": "the layer with the highest score on test, by the headline metric",
    "baseline": "another layer of the same encoder",
    "p_holm": "the same, corrected for all pairs of layers of that encoder on that task (Holm 1979)",
}
_CONDITION = ("encoder", "task", "dataset", "metric", "corruption", "severity")
_PAIR = ("encoder", "baseline", "task", "dataset", "metric")

SCORES = Schema("scores.csv", (
    *_OF_ONE,
    Column("value", "float", "the metric on the test split"),
    Column("ci_low", "float", "lower end of its 95 % interval over groups of clips, of this one training; `nan` where there is none"),
    _HIGH, _CORRUPTION, _SEVERITY,
    Column("level", "level", "the severity in physical terms, such as 20; empty for clean and for other recordings", float("nan")),
    Column("unit", "text", "the unit of `level`, such as `dB`, or `other recordings` for a natural shift; empty for clean", ""),
    Column("seed", "integer", "the seed of pretraining and probe", 0),
    Column("label_fraction", "float", "the share of the labelled pretraining clips whose labels the encoder was allowed (p_s)", 1.0),
    Column("n_train", "integer", "clips that the probe was trained on", 0), _N_TEST,
    Column("seconds", "float", "how long the job took", 0.0), _KEY,
    Column("n_labels", "integer", "labels, classes or dimensions that the metric is the mean over; 0 where it is no such mean", 0, True),
    Column("of_labels", "integer", "how many there are of those", 0, True), _OVERLAP, _N_GROUPS,
    Column("draw", "integer", "which draw of few labels, from 0 on; -1 where all are used, or of a mean over draws", -1, True),
), (*_CONDITION, "seed", "draw", "label_fraction"))

_SUMMARY = (*_OF_ONE, _MEAN, _LOW, _HIGH, _CORRUPTION, _SEVERITY, _N_SEEDS, _N_TEST, _OVERLAP, _N_GROUPS, _BY_SEED, _ONE)
SUMMARY = Schema("summary.csv", _SUMMARY, _CONDITION)
EQUIVARIANCE = Schema("equivariance.csv", _SUMMARY, _CONDITION, optional=True)
COMPARISONS = Schema("comparisons.csv", (
    *_OF_TWO, _DIFFERENCE, _LOW, _HIGH, _N_SEEDS, _N_TEST, *_OVERLAPS, _P,
    Column("p_holm", "float", "the same, corrected for all lines of headline metrics, or all of others (Holm 1979)", float("nan"), True),
    _DETECTABLE,
    Column("baseline_seeds", "integer", "seeds of the baseline; 0 where it is not known", 0, True), _N_GROUPS, _BY_SEED, *_ONES,
), _PAIR, optional=True)

LAYERS = Schema("layers.csv", tuple(
    replace(c, meaning=_OF_LAYERS.get(c.name, c.meaning)) for c in COMPARISONS.columns
), _PAIR, optional=True)

ROBUSTNESS = Schema("robustness.csv", (
    *_OF_ONE,
    Column("measure", "name", "`retained`, `ce`, `mce`, `relative_ce`, `relative_mce` or `clean_ce`"), _CORRUPTION, _SEVERITY,
    Column("value", "float", "the number, mean over seeds; `nan` where it is not defined"), _LOW, _HIGH,
    Column("baseline", "text", "whose errors others are divided by; empty for `retained`", ""),
    _N_SEEDS, _N_TEST, *_OVERLAPS, _N_GROUPS, _BY_SEED, *_ONES, _FAMILIES,
), (*_CONDITION, "measure", "baseline"), optional=True)

ROBUSTNESS_COMPARISONS = Schema("robustness_comparisons.csv", (
    *_OF_TWO, _CORRUPTION,
    Column("measure", "name", "`score`, the metric itself, or `retained`, the share of what each has on clean audio"),
    _DIFFERENCE, _LOW, _HIGH,
    Column("p", "float", "two-sided, of no difference"),
    Column("p_holm", "float", "the same, corrected for all tests of that measure (Holm 1979), of which a mean over one corruption "
           "is no further one", 1.0),
    _N_SEEDS, _N_TEST, *_OVERLAPS, _DETECTABLE, _N_GROUPS, *_ONES, _FAMILIES,
), (*_PAIR, "corruption", "measure"), optional=True)
_UNKNOWN = float("nan")
COSTS = Schema("costs.csv", (
    _ENCODER,
    Column("parameters", "count", "numbers that were learnt and take part in embedding; empty where none is a torch parameter", _UNKNOWN),
    Column("dim", "count", "numbers in an embedding, of the layer that is probed; of the widest where all are", _UNKNOWN),
    Column("gflop_per_second", "level", "10^9 floating-point operations for each second of audio; empty where unknown", _UNKNOWN),
    Column("clips_per_second", "level", "windows of `window_seconds` embedded in a second, on `device`, at the fastest repeat", _UNKNOWN),
    Column("peak_memory_mb", "level", "most memory that loading it and embedding add, in 10^6 bytes; empty where unknown", _UNKNOWN),
    Column("disk_mb", "level", "size of the files of its weights, in 10^6 bytes; empty where it has none or they are unknown", _UNKNOWN),
    Column("device", "text", "what speed and memory were measured on: processor or GPU, and the number of threads", ""),
    Column("batch_size", "count", "windows that it was given at a time", _UNKNOWN),
    Column("window_seconds", "level", "length of each in seconds: its own window, 30 s at the most", _UNKNOWN),
    Column("note", "text", "why it could not be measured, or why its time is not to be trusted; else empty", ""), _OVERLAP,
), ("encoder", "device"), optional=True)
SOUNDS = Schema("sounds.csv", (
    _DATASET, Column("clip", "text", "the id of the test clip"), _CORRUPTION,
    Column("severity", "integer", "how strongly, 1 to 5; 0 for clean", 0),
    Column("level", "level", "the severity in physical terms; empty for clean and for other recordings", _UNKNOWN),
    Column("unit", "text", "the unit of `level`", ""), Column("seconds", "float", "length of the excerpt, from the beginning of the clip"),
    Column("gain_db", "float", "how much louder, below 0 quieter, so that no condition of the clip is cut off", 0.0),
    Column("file", "text", "its name in `sounds/`"),
), ("dataset", "clip", "corruption", "severity"), optional=True)
MAPS = Schema("maps.csv", (
    Column("dataset", "name", "of which data set the clip is"), _ENCODER,
    Column("clip", "text", "the test clip"),
    Column("x", "float", "where it is on the map of that encoder's first seed; units, and axes, say nothing"),
    Column("y", "float", "the same, upwards"), _OVERLAP,
), ("dataset", "encoder", "clip"), optional=True)
CLIPS = Schema("clips.csv", (
    Column("dataset", "name", "of which data set the clip is"),
    Column("clip", "text", "a test clip that is on the maps"),
    Column("group", "text", "the group it belongs to"),
    Column("annotation", "name", "what is said of it: the annotation of a task"),
    Column("label", "text", "as `target` in predictions: a class; `a\\|b\\|?c` for several labels; numbers with spaces between"),
), ("dataset", "clip", "annotation"), optional=True)
# fmt: on

TABLES: dict[str, Schema] = {
    s.file.removesuffix(".csv"): s for s in (SCORES, SUMMARY, COMPARISONS, ROBUSTNESS, ROBUSTNESS_COMPARISONS, EQUIVARIANCE)
}
"""Of scores and what follows from them, by the name of the file."""
ALL_TABLES: dict[str, Schema] = {**TABLES, "layers": LAYERS, "costs": COSTS, "maps": MAPS, "clips": CLIPS, "sounds": SOUNDS}
