"""Draws intervals and tests of runs that were made before these held training seeds, as far as their files allow. Not a test:
`python tests/benchmarks/redraw.py results/reference/main`, then `mirbench report results/reference/main`.

Such runs keep a score for each seed and, of every number, its interval over groups, but no resamples. The standard error over groups is
taken from that interval; what seeds add from the scores of single seeds, of which it is not known how much is that of clips, so that
intervals come out somewhat too wide. What is not in the files is not made: means over families of corruptions and what could be shared by
tests. Relative CE is left out, whose denominators are too unsure by now. The code that draws is that of a run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mirbench.evaluation.statistics import robustness
from mirbench.evaluation.statistics.estimates import NORMAL, estimate, holm, shared
from mirbench.evaluation.statistics.replicates import Layout
from mirbench.records import ALL, CLEAN, MAJORITY
from mirbench.results.run_folder import RunFolder
from mirbench.results.schema import TABLES, listed

RESAMPLES = 1000
ABOUT = ["task", "dataset", "metric"]
NOISE = np.random.default_rng(0).standard_normal(RESAMPLES)
NOISE = (NOISE - NOISE.mean()) / NOISE.std()


class Run:
    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        self.manifest = self.folder.read_manifest()
        self.frames = {name: self.folder.read(name) for name in TABLES}
        if (self.frames["comparisons"]["n_groups"] > 0).any():
            sys.exit(f"{path} was drawn with training seeds already")
        scores = self.frames["scores"]
        self.seeds = scores.groupby("encoder", observed=True)["seed"].nunique().to_dict()
        roles = {name: about["role"] for name, about in self.manifest["encoders"].items()}
        self.kinds = {name: "trained" if roles[name] == "encoder" else name for name in self.seeds}
        self.by_seed = {
            key: each.sort_values("seed")["value"].tolist()
            for key, each in scores.groupby([*ABOUT, "corruption", "severity", "encoder"], observed=True)
        }

    def layout(self, task: str, dataset: str) -> Layout:
        of_tasks = {name: about["dataset"] for name, about in self.manifest["tasks"].items() if task in (name, ALL)}
        groups = [about["groups"]["test"] for each in of_tasks.values() for name, about in each.items() if dataset in (name, ALL)]
        return Layout(self.seeds, RESAMPLES, min(groups))

    def single(self, name: str) -> bool:
        return self.kinds[name] == "trained" and self.seeds[name] == 1

    def vector(self, layout: Layout, about: tuple[Any, ...], encoder: str) -> np.ndarray:
        """Without the noise of groups."""
        values = self.by_seed[(*about, encoder)]
        return layout.vector(encoder, values, [np.full(RESAMPLES, value) for value in values])

    def settled(self, row: Mapping[str, Any], vector: np.ndarray, layout: Layout, kind: str, spread: Mapping[str, Any]) -> dict[str, Any]:
        """The cells of an estimate. vector: as `vector` makes it; row: of the old file, whose interval is over groups."""
        whole, value = vector.copy(), vector[0]
        below, above = ((value - row["ci_low"]) / NORMAL, (row["ci_high"] - value) / NORMAL)
        whole[1 : 1 + RESAMPLES] += np.where(NOISE < 0, max(below, 0), max(above, 0)) * NOISE
        names = [name for name in (row["encoder"], row.get("baseline")) if name in spread]
        found = estimate(whole, layout, kind, {name: spread[name] for name in names})
        cells = {"ci_low": found.low, "ci_high": found.high, "n_groups": layout.groups, "one_training": int(self.single(row["encoder"]))}
        cells["by_seed"] = listed(layout.by_seed(vector, row["encoder"]))
        if "difference" in row:
            cells |= {"p": found.p, "detectable": found.detectable, "baseline_seeds": self.seeds[row["baseline"]]}
            cells["baseline_one_training"] = int(self.single(row["baseline"]))
        return cells

    def spreads(self, layout: Layout, vectors: Mapping[str, np.ndarray]) -> dict[str, Any]:
        return shared({name: layout.training(vector, name) for name, vector in vectors.items()}, self.kinds)

    def scores_drawn(self, table: str) -> pd.DataFrame:
        """summary or comparisons."""
        rows, drawn = self.frames[table], []
        for row in rows.to_dict("records"):
            layout = self.layout(row["task"], row["dataset"])
            about = (*(row[name] for name in ABOUT), row.get("corruption", CLEAN), row.get("severity", 0))
            vectors = {name: self.vector(layout, about, name) for name in self.seeds if (*about, name) in self.by_seed}
            if row["encoder"] not in vectors or ("baseline" in row and row["baseline"] not in vectors):
                drawn.append(row)  # of labels that were shifted along
                continue
            vector = vectors[row["encoder"]] - (vectors[row["baseline"]] if "baseline" in row else 0)
            kind = "difference" if "baseline" in row else "score"
            drawn.append({**row, **self.settled(row, vector, layout, kind, self.spreads(layout, vectors))})
        if table == "comparisons":
            heads = {name: about["metrics"][0] for name, about in self.manifest["tasks"].items()}
            _correct(drawn, [row["metric"] == heads[row["task"]] for row in drawn])
        return TABLES[table].frame([{k: v for k, v in row.items() if k in TABLES[table].names} for row in drawn])

    def robustness_drawn(self) -> dict[str, pd.DataFrame]:
        counted = [name for name, about in self.manifest["corruptions"].items() if about["counted"]]
        means, baseline = robustness.means_over({name: [name] for name in counted}, ()), self.manifest["robustness"]["baseline"]
        tasks, found, layouts = {}, {}, {}
        for task, about in self.manifest["tasks"].items():
            for dataset in about["dataset"]:
                layout, key = self.layout(task, dataset), (task, dataset, about["metrics"][0])
                curves: dict[str, dict[tuple[str, int], np.ndarray]] = {}
                for *of, corruption, severity, encoder in self.by_seed:
                    if tuple(of) == key and encoder != MAJORITY:
                        curves.setdefault(encoder, {})[corruption, severity] = self.vector(layout, (*key, corruption, severity), encoder)
                scored = robustness.Scored(layout, curves, self.vector(layout, (*key, CLEAN, 0), MAJORITY), self.kinds)
                lines = robustness.robustness(scored, baseline, means)
                tasks[key], layouts[key] = lines, layout
                pairs = self.frames["robustness_comparisons"][["encoder", "baseline"]].astype("str").drop_duplicates()
                for pair in pairs.itertuples(index=False):
                    for measure in ("score", "retained"):
                        for name, vector in _differences(scored, lines, tuple(pair), measure, counted).items():
                            found[(*key, name, measure, *pair)] = vector
        whole = self.layout(ALL, ALL)
        tasks[ALL, ALL, ALL], layouts[ALL, ALL, ALL] = robustness.across_tasks(list(tasks.values()), means, whole, self.kinds), whole
        measured = {(*key, x.corruption, x.severity, x.measure, x.encoder): x.vector for key, lines in tasks.items() for x in lines}
        rows = []
        for row in self.frames["robustness"].to_dict("records"):
            key = tuple(row[name] for name in ABOUT)
            about = (*key, row["corruption"], row["severity"], row["measure"])
            vector, layout = measured.get((*about, row["encoder"])), layouts[key]
            if row["measure"].startswith("relative"):
                continue
            if vector is not None and np.isfinite(row["value"]):
                assert abs(vector[0] - row["value"]) < 1e-4, (about, vector[0], row["value"])
                others = {name: measured[*about, name] for name in self.seeds if (*about, name) in measured}
                spread = {} if row["encoder"] == row["baseline"] else self.spreads(layout, others)
                only = {name: each for name, each in spread.items() if name == row["encoder"]}
                row |= self.settled({**row, "baseline": ""}, vector, layout, "ratio", only) | {"baseline": row["baseline"]}
            rows.append({k: v for k, v in row.items() if k in TABLES["robustness"].names})
        compared = []
        for row in self.frames["robustness_comparisons"].to_dict("records"):
            key = tuple(row[name] for name in ABOUT)
            vector = found.get((*key, row["corruption"], row["measure"], row["encoder"], row["baseline"]))
            if vector is not None and np.isfinite(row["difference"]) and np.isfinite(vector[0]):
                assert abs(vector[0] - row["difference"]) < 1e-4, (row, vector[0])
                row |= self.settled(row, vector, layouts[key], "difference" if row["measure"] == "score" else "ratio", {})
            compared.append(row)
        _correct(compared, [row["measure"] for row in compared])
        names = TABLES["robustness_comparisons"].names
        drawn = TABLES["robustness_comparisons"].frame([{k: v for k, v in row.items() if k in names} for row in compared])
        return {"robustness": TABLES["robustness"].frame(rows), "robustness_comparisons": drawn}


def _differences(
    scored: robustness.Scored, lines: Sequence[robustness.Line], pair: tuple[str, str], measure: str, counted: Sequence[str]
) -> dict[str, np.ndarray]:
    """By corruption, and `all`."""
    of: list[dict[str, np.ndarray]] = []
    for name in pair:
        if measure == "retained":
            of.append({x.corruption: x.vector for x in lines if (x.encoder, x.measure, x.severity) == (name, "retained", 0)})
            continue
        by_name: dict[str, list[np.ndarray]] = {}
        for (corruption, _), vector in scored.curves[name].items():
            by_name.setdefault(corruption, []).append(vector)
        means = {corruption: np.mean(several, axis=0) for corruption, several in by_name.items()}
        of.append(means | {ALL: np.mean([means[each] for each in counted if each in means], axis=0)})
    return {name: of[0][name] - of[1][name] for name in of[0] if name in of[1]}


def _correct(rows: list[dict[str, Any]], families: Sequence[Any]) -> None:
    for family in dict.fromkeys(families):
        own = [row for row, of in zip(rows, families, strict=True) if of == family]
        for row, p in zip(own, holm([row["p"] for row in own]), strict=True):
            row["p_holm"] = p


def main() -> None:
    for path in map(Path, sys.argv[1:]):
        run = Run(path)
        drawn = {name: run.scores_drawn(name) for name in ("summary", "comparisons")}
        if len(run.frames["robustness"]):
            drawn |= run.robustness_drawn()
        for name, frame in drawn.items():
            (path / TABLES[name].file).write_text(TABLES[name].text(frame), encoding="utf-8")


if __name__ == "__main__":
    main()
