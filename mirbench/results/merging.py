"""Several runs as one: rows that agree collapse, those that disagree keep both numbers, and what does not compare is left out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.errors import MirbenchError, in_words, unknown_name
from mirbench.records import ALL, CLEAN, FAMILIES, NATURAL_SHIFT, OVERLAP_MARK, SIMILARITY
from mirbench.results.order import are_means, complete, is_mean
from mirbench.results.overlap_mark import mark_frame, mark_manifest
from mirbench.results.predictions import frame_of
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import CLIPS, COSTS, LAYERS, TABLES, Schema, as_names

if TYPE_CHECKING:
    import pandas as pd

SHOTS = re.compile(r"\bshots=\d")  # in the name of an encoder whose probes learnt from few labels
COMMON = ("train_on", "replicate", "sample_rate")  # settings of robustness that runs reported together must share
CURVE = ["task", "dataset", "metric", "corruption"]


@dataclass(frozen=True, repr=False)
class Results:
    """One run, or several as one: a frame for each table of schema.py, those of scores completed (see order.py), the manifests by run, and
    the folders.

    points: the variants of a sweep, by encoder and name; a column for each option. p_holm is as each run corrected it, over its own table.
    torn: corruptions whose means over severities are left out, as the runs have different severities of them. renamed: encoders that are
    called by their run, since runs disagree about them.
    """

    scores: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    robustness: pd.DataFrame
    robustness_comparisons: pd.DataFrame
    equivariance: pd.DataFrame
    layers: pd.DataFrame
    costs: pd.DataFrame
    maps: pd.DataFrame
    clips: pd.DataFrame
    points: pd.DataFrame
    manifests: dict[str, dict[str, Any]]
    torn: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        shown = self.summary.drop_duplicates("encoder")["encoder"], self.summary.drop_duplicates(["task", "dataset"])
        tasks = [f"{task} on {dataset}" for task, dataset in zip(shown[1]["task"], shown[1]["dataset"], strict=True) if task != SIMILARITY]
        of = f" of {', '.join(map(str, self.paths))}" if self.paths else ""
        return f"<Results{of}: {', '.join(shown[0])}; {', '.join(tasks)}; {len(self.scores):,} scores>"

    @property
    def path(self) -> Path:
        """The folder of a single run."""
        return self._single("a folder", self.paths)

    @property
    def manifest(self) -> dict[str, Any]:
        """Of a single run: how it was made, as results/README.md tells."""
        return self._single("a manifest", tuple(self.manifests.values()))

    def predictions(self, task: str, encoder: str, dataset: str | None = None, seed: int | None = None) -> pd.DataFrame:
        """What the probe of an encoder said of the test clips of a task, on clean audio, in a single run: dataset, seed, clip, group,
        target and predicted as text, and a column of numbers for each class, as the files in predictions/ have them.

        dataset: may be left out where the task was scored on one; seed: all where it is left out. Raises MirbenchError where the run has
        no such predictions.
        """
        import pandas as pd

        for what, given in (("task", task), ("encoder", encoder)):
            if not isinstance(given, str):
                raise MirbenchError(f"{what} should be a name, not {in_words(given)}.")
        if task == SIMILARITY or SHOTS.search(encoder):
            what = "similarity is measured of embeddings, and" if task == SIMILARITY else "what probes of few labels say"
            raise MirbenchError(f"{what} {'has no predictions' if task == SIMILARITY else 'is not kept'}; name others, such as 'key'.")
        run, own = RunFolder(self.path), encoder.removesuffix(OVERLAP_MARK)
        rows = self.scores[self.scores["severity"] == 0].astype({"encoder": "str", "task": "str", "dataset": "str"})
        rows["encoder"] = rows["encoder"].str.removesuffix(OVERLAP_MARK)
        for column, name in (("task", task), ("encoder", own), ("dataset", dataset), ("seed", seed)):
            if name is not None and not (rows[column] == name).any():
                raise unknown_name({"dataset": "data set"}.get(column, column), str(name), map(str, rows[column].unique()))
            rows = rows if name is None else rows[rows[column] == name]
        if len(names := rows["dataset"].unique()) > 1:
            raise MirbenchError(f"{task} was scored on {' and '.join(names)}; say on which, such as dataset='{names[0]}'.")
        frames = [frame_of(run.read_predictions(own, names[0], task, each)) for each in rows["seed"].unique()]
        for frame, each in zip(frames, rows["seed"].unique(), strict=True):
            frame.insert(0, "dataset", names[0], allow_duplicates=True)  # a class may be called so
            frame.insert(1, "seed", each, allow_duplicates=True)
        return pd.concat(frames, ignore_index=True)

    def _single(self, what: str, of_runs: Sequence[Any]) -> Any:
        if len(of_runs) != 1:
            told = f"these results are of {len(of_runs)} runs" if of_runs else "these results were not read from the folder of a run"
            raise MirbenchError(f"{told}, and {what} is of one; read one by mirbench.load_results(FOLDER).")
        return of_runs[0]


def load(*paths: Path | str) -> Results:
    """The results of run folders, as one. Raises MirbenchError for a folder that is no run or is damaged, and as `merge` does."""
    return merge([RunFolder(path) for path in paths])


def merge(runs: Sequence[RunFolder]) -> Results:
    """Several runs as one; rows that agree collapse, of several the one from the most seeds.

    Where two runs give different numbers for the same encoder, task, data set, metric and condition, that encoder is called
    "name (run)" in every run, so that nothing silently overwrites anything. A sweep is renamed whole, so that its curve stays one.
    Means over tasks, corruptions or severities of runs that did different ones are left out: they do not compare. Raises MirbenchError
    where no score under corruption does, as the runs differ in one of COMMON.
    """
    import pandas as pd

    if not runs:
        raise MirbenchError("there is no run to read; give at least one folder that `mirbench run` wrote, such as results/first.")
    runs = list({run.path.resolve(): run for run in runs}.values())
    labels = run_labels([run.path.resolve() for run in runs])
    manifests = [run.read_manifest() for run in runs]
    for manifest in manifests:
        mark_manifest(manifest)
    _refuse_other_corruption(labels, manifests)
    tables = {name: [mark_frame(run.read(name)) for run in runs] for name in (*TABLES, "layers", "costs", "maps")}
    done = [_done(pd.concat(each)) for each in zip(tables["robustness"], tables["robustness_comparisons"], strict=True)]
    for name in ("robustness", "robustness_comparisons"):
        tables[name] = _without_torn_means(tables[name], done)
    renamed = _rename(tables, labels, manifests, ("scores", "summary", "equivariance"))
    # what a renamed baseline does not explain
    renamed += _rename(tables, labels, manifests, ("comparisons", "robustness", "robustness_comparisons"))
    everybody: dict[str, Any] = {name: {} for each in tables.values() for rows in each for name in rows["encoder"].unique()}
    known = [*manifests, {"encoders": everybody}]  # so that all frames have the order of encoders in common
    frames = {name: complete(_collapsed(TABLES[name], tables[name]), known, name) for name in TABLES}
    frames["layers"] = complete(_collapsed(LAYERS, tables["layers"]), known, "comparisons")
    costs = _collapsed(COSTS, tables["costs"])
    costs["encoder"] = as_names(costs["encoder"], frames["summary"]["encoder"].cat.categories, unused=True)
    maps = _first_of_each(tables["maps"])
    maps["encoder"] = as_names(maps["encoder"], frames["summary"]["encoder"].cat.categories, unused=True)
    torn = dict.fromkeys(corruption for *_, corruption in _differing(done))
    return Results(
        **frames,
        costs=costs,
        maps=maps,
        clips=_collapsed(CLIPS, [run.read("clips") for run in runs]),
        points=_points(manifests),
        manifests=dict(zip(labels, manifests, strict=True)),
        torn=tuple(torn),
        renamed=renamed,
        paths=tuple(run.path for run in runs),
    )


def run_labels(paths: list[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    for length in range(1, max(len(p.parts) for p in paths) + 1):
        labels = ["/".join(p.parts[-length:]) for p in paths]
        if len(set(labels)) == len(labels):
            break
    return labels


def _refuse_other_corruption(labels: Sequence[str], manifests: Sequence[Mapping[str, Any]]) -> None:
    """Raises MirbenchError where encoders of two runs did not embed the same audio under corruption, or their probes did not."""
    known = [(label, m["robustness"]) for label, m in zip(labels, manifests, strict=True) if isinstance(m.get("robustness"), dict)]
    for (first, one), (second, other) in itertools.combinations(known, 2):
        differ = [f"robustness.{x} ({one[x]} and {other[x]})" for x in COMMON if x in one and x in other and one[x] != other[x]]
        if differ:
            raise MirbenchError(
                f"the runs {first} and {second} differ in {' and '.join(differ)}, so their scores under corruption do not compare; "
                "report them separately."
            )


def _done(rows: pd.DataFrame) -> dict[tuple[Hashable, ...], frozenset[int]]:
    """What a run did, given its tables of robustness: (task, data set, metric, corruption) -> severities; only the first table has them."""
    single = rows[(rows["task"] != ALL) & (rows["corruption"] != CLEAN) & ~are_means(rows) & (rows["families"] != NATURAL_SHIFT)]
    severities = single.groupby(CURVE, sort=False, observed=True)["severity"]
    return {key: frozenset(int(x) for x in each if x > 0) for key, each in severities}


def _differing(done: Sequence[Mapping[Any, Any]]) -> list[Any]:
    """The keys under which those that have them have different things."""
    together = dict.fromkeys(key for each in done for key in each)
    return [key for key in together if any(a[key] != b[key] for a, b in itertools.pairwise(each for each in done if key in each))]


def _without_torn_means(tables: list[pd.DataFrame], done: Sequence[Mapping[tuple[Hashable, ...], Any]]) -> list[pd.DataFrame]:
    """Of tables, a run each, the rows but the means of runs that did different things: over severities of a corruption where they did
    others of it, over corruptions of a task where they did others on it, over families of a name where those are others, as unseen by the
    encoders of one run and not by those of another, and over all tasks where anything differs."""
    done = [each for each, rows in zip(done, tables, strict=True) if len(rows)]
    differ, torn_curves = any(each != done[0] for each in done), set(_differing(done))
    torn = _differing([{key[:3]: {k: v for k, v in each.items() if k[:3] == key[:3]} for key in each} for each in done])
    told = [rows[["corruption", "families"]].drop_duplicates().astype("str") for rows in tables]
    over = [dict(each[each["corruption"].map(is_mean).astype(bool)].itertuples(index=False, name=None)) for each in told]
    over = [each for each in over if FAMILIES in each]  # a run of before has no families
    torn_means = {label for each in over for label in each if len({other.get(label) for other in over}) > 1}

    def keeps(key: tuple[str, ...], severity: int) -> bool:
        if key[3] in torn_means or (differ and key[0] == ALL):
            return False
        if is_mean(key[3]):
            return key[:3] not in torn
        return severity > 0 or key not in torn_curves

    def kept(rows: pd.DataFrame) -> list[bool]:
        severities = rows["severity"] if "severity" in rows else [0] * len(rows)
        keys = rows[CURVE].astype("str").itertuples(index=False, name=None)
        return [keeps(key, severity) for key, severity in zip(keys, severities, strict=True)]

    return [rows.loc[kept(rows)] for rows in tables]


def _rename(
    tables: Mapping[str, list[pd.DataFrame]], labels: list[str], manifests: list[dict[str, Any]], looked_at: Sequence[str]
) -> tuple[str, ...]:
    """Calls encoders whose numbers differ in one of the tables by their run, in all tables and manifests; returns the new names."""
    clash = set().union(*(clashes(TABLES[name], tables[name]) for name in looked_at))
    points = [point for manifest in manifests for point in (manifest.get("sweep") or {}).get("points", [])]
    torn = {point["encoder"] for point in points if point["name"] in clash}
    clash |= {point["name"] for point in points if point["encoder"] in torn}
    renamed: dict[str, None] = {}
    for i, (label, manifest) in enumerate(zip(labels, manifests, strict=True)):
        new = {name: name_in_run(name, label) for name in clash}
        for each in tables.values() if new else ():
            renamed |= dict.fromkeys(new[name] for name in each[i]["encoder"].unique() if name in new)
            columns = {column: each[i][column].astype("str").replace(new) for column in ("encoder", "baseline") if column in each[i]}
            each[i] = each[i].assign(**columns)
        for about, part in ((manifest, "encoders"), (manifest, "overlap"), (manifest.get("robustness"), "seen_families")):
            if isinstance(about, dict) and isinstance(about.get(part), dict):
                about[part] = {new.get(k, new.get(f"{k}{OVERLAP_MARK}", k)): v for k, v in about[part].items()}
        for of_maps in (manifest.get("maps") or {}).values():
            of_maps["encoders"] = {new.get(name, name): about for name, about in of_maps["encoders"].items()}
        for point in (manifest.get("sweep") or {}).get("points", []):
            if point["name"] in new:
                point.update(name=new[point["name"]], encoder=f"{point['encoder']} ({label})")
    return tuple(renamed)


def name_in_run(name: str, label: str) -> str:
    """With the run behind it, and the mark of overlap last."""
    own = name.removesuffix(OVERLAP_MARK)
    return f"{own} ({label}){OVERLAP_MARK if own != name else ''}"


def clashes(schema: Schema, tables: list[pd.DataFrame]) -> set[str]:
    """The encoders of which two tables give different numbers for the same thing."""
    import pandas as pd

    rows = pd.concat(tables).groupby(list(schema.identity), sort=False, observed=True)[schema.numbers()]
    differ = (rows.nunique(dropna=False) > 1).any(axis=1)
    return set(differ.index.get_level_values("encoder")[differ])


def _collapsed(schema: Schema, tables: list[pd.DataFrame]) -> pd.DataFrame:
    """One row for each thing; of several, the one from the most seeds."""
    import pandas as pd

    rows = pd.concat(tables, ignore_index=True)
    if "n_seeds" not in rows:
        return rows.drop_duplicates(list(schema.identity), ignore_index=True)
    most = rows.groupby(list(schema.identity), sort=False, observed=True)["n_seeds"].idxmax()
    return rows.loc[most].reset_index(drop=True)


def _first_of_each(maps: list[pd.DataFrame]) -> pd.DataFrame:
    """Of several runs with a map of the same encoder that of the first, as points of two maps do not belong together."""
    import pandas as pd

    kept, known = maps[:1], set[tuple[str, ...]]()
    for before, each in itertools.pairwise(maps):
        known |= set(before[["dataset", "encoder"]].astype("str").itertuples(index=False, name=None))
        whose = each[["dataset", "encoder"]].astype("str").itertuples(index=False, name=None)
        kept.append(each[[key not in known for key in whose]])
    return pd.concat(kept, ignore_index=True)


def _points(manifests: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The variants of all manifests, each once."""
    import pandas as pd

    points = {point["name"]: point for manifest in manifests for point in (manifest.get("sweep") or {}).get("points", [])}
    index = pd.MultiIndex.from_tuples([(point["encoder"], name) for name, point in points.items()], names=["encoder", "name"])
    return pd.DataFrame([point["values"] for point in points.values()], index=index, dtype=object)
