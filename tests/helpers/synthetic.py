"""A made-up run over corruptions, for tests: rows as the run folder holds them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd

from mirbench.results.merging import Results
from mirbench.results.order import complete
from mirbench.results.schema import ALL_TABLES, CLIPS, COSTS, LAYERS, MAPS, TABLES

TASKS = {"tagging": "macro_average_precision", "key": "mirex", "pitch": "accuracy", "genre": "accuracy"}
CHANCE = {"tagging": 0.1, "a/b": 0.1, "key": 0.2, "pitch": 0.02, "genre": 0.125}
ENCODERS = ("semisupcon", "simclr", "supcon")
FLOORS = ("untrained", "handcrafted", "majority")
CORRUPTIONS = {
    "white-noise": {"unit": "dB", "levels": [40, 30, 20, 10, 0], "description": "noise", "alters": [], "counted": True},
    "low-pass": {"unit": "Hz", "levels": [8000, 4000, 2000, 1000, 500], "description": "filter", "alters": [], "counted": True},
    "compressor": {"unit": ":1 ratio", "levels": [2, 4, 8, 16, 32], "description": "squeeze", "alters": [], "counted": True},
    "pitch-shift": {"unit": "semitones", "levels": [1, 2, 3, 4, 5], "description": "up", "alters": ["pitch"], "counted": True},
    "polarity": {"unit": "degrees", "levels": [180], "description": "upside down", "alters": [], "counted": False},
}
SKIPPED = [
    {"task": task, "dataset": "mini", "corruption": "pitch-shift", "reason": "it alters the pitch, which the labels name"}
    for task in ("key", "pitch")
]
FAILED = [{"corruption": "low-pass", "severity": 5, "clip": f"clip-{i}", "reason": "returned NaN"} for i in range(5)]


FAMILIES = {"noise": ["white-noise"], "filtering": ["low-pass"], "level": ["compressor"], "time": ["pitch-shift"]}
SEEN = {"semisupcon": ["noise", "level"], "simclr": ["noise"]}


def by_families(rows, families=FAMILIES, seen=("noise", "level")):
    """The rows of a_sweep with families, and the means over them: 0.1 lower where they are unseen, 0.1 higher where they are seen."""
    of = {name: family for family, names in families.items() for name in names}
    unseen = [family for family in families if family not in seen]
    parts = {"unseen families": (unseen, -0.1), "seen families": (list(seen), 0.1), "all families": (list(families), 0.0)}
    parts |= {f"family {family}": ([family], 0.02 * i) for i, family in enumerate(families)}
    found = {
        name: [row | {"families": of.get(row["corruption"], "")} if "families" in row else row for row in each]
        for name, each in rows.items()
    }
    for name in ("robustness", "robustness_comparisons"):
        for row in [row for row in found[name] if row["corruption"] == "all"]:
            row["families"] = " ".join(families)
            for label, (names, more) in parts.items():
                moved = {key: row[key] + more for key in ("value", "difference", "ci_low", "ci_high") if key in row}
                found[name].append(row | moved | {"corruption": label, "families": " ".join(names)})
        if name == "robustness_comparisons":
            found[name] = [row for row in found[name] if row["corruption"] != "all" and "family" not in row["corruption"]]
    whole = [row for row in found["robustness"] if (row["measure"], row["corruption"]) == ("retained", "all families")]
    found["robustness"] += [row | {"severity": s, "value": row["value"] - 0.05 * s} for row in whole for s in (1, 3, 5)]
    ratios = [row for row in found["robustness"] if (row["measure"], row["corruption"]) == ("mce", "all families")]
    found["robustness"] += [row | {"measure": "clean_ce", "corruption": "clean", "families": ""} for row in ratios]
    return found


def a_value(name, task, encoders, place, severity):
    """Higher for the first encoders, falling with severity, at a pace of the corruption's place."""
    if name == "majority":
        return CHANCE[task]
    clean = 0.9 - 0.05 * [*encoders, *FLOORS].index(name)
    return CHANCE[task] + (clean - CHANCE[task]) * (1 - 0.15 * severity * (1 + place % 3) / 3)


def a_manifest(encoders=ENCODERS, corruptions=CORRUPTIONS, tasks=TASKS, skipped=SKIPPED, failed=FAILED, **about):
    roles = {**dict.fromkeys(encoders, "encoder"), **dict.fromkeys(FLOORS, "floor")}
    return {
        "metrics": {"accuracy": "accuracy (share of clips, 0 to 1)", "mirex": "MIREX key score (0 to 1)"},
        "tasks": {task: {"metrics": [metric]} for task, metric in tasks.items()},
        "encoders": {name: {"role": role} for name, role in roles.items()},
        "corruptions": corruptions,
        "robustness": {"baseline": "untrained", "train_on": "clean", "skipped": skipped, "failed": failed, **about},
    }


def a_row(table, **about):
    """A row of a table, as a dict with all of its columns."""
    given = {"task": "genre", "dataset": "mini", "metric": "accuracy", "value": 0.5, "ci_low": 0.4, "ci_high": 0.6, "corruption": "clean"}
    given |= {"encoder": "semisupcon", "baseline": "", "measure": "retained", "severity": 0, "n_seeds": 3, "n_test": 48}
    given |= {"difference": 0.1, "p": 0.01, "p_holm": 0.02, "n_groups": 24}
    defaults = {column.name: column.default for column in ALL_TABLES[table].columns}
    return {name: about[name] if name in about else given.get(name, default) for name, default in defaults.items()}


def a_sweep(encoders=ENCODERS, corruptions=CORRUPTIONS, tasks=TASKS, skipped=SKIPPED, severities=(1, 3, 5), seeds=3):
    """The rows of a run by table: summary, robustness, robustness_comparisons, equivariance."""
    left = {(e["task"], e["corruption"]) for e in skipped}
    names = [*encoders, *FLOORS]

    def row(name, task, corruption, place, severity):
        value = a_value(name, task, encoders, place, severity)
        condition = {"corruption": corruption, "severity": severity, "n_seeds": seeds}
        numbers = {"value": value, "ci_low": value - 0.04, "ci_high": value + 0.03}
        return a_row("summary", encoder=name, task=task, metric=tasks[task], **numbers, **condition)

    summary = [row(name, task, "clean", 0, 0) for task in tasks for name in names]
    equivariance, measures, compared = [], [], []
    for task in tasks:
        for place, (corruption, what) in enumerate(corruptions.items()):
            into = equivariance if (task, corruption) in left else summary
            into += [row(n, task, corruption, place, s) for n in names if n != "majority" for s in severities if s <= len(what["levels"])]
    for name in names[:-1]:
        for i, task in enumerate([*tasks, "all"]):
            about = {"task": task, "metric": tasks[task]} if task != "all" else {"task": "all", "dataset": "all", "metric": "all"}
            about |= {"encoder": name, "n_seeds": seeds}
            for place, corruption in enumerate([*corruptions, "all"]):
                if (task, corruption) not in left and (task != "all" or corruption == "all"):
                    value = 0.9 - 0.1 * (place % 6) - 0.02 * names.index(name)
                    numbers = {"value": value, "ci_low": value - 0.05, "ci_high": value + 0.05}
                    measures.append(a_row("robustness", corruption=corruption, **numbers, **about))
            for measure, value in (("mce", 0.6), ("relative_mce", 0.8)):
                value = 1.0 if name == "untrained" else value + 0.05 * names.index(name) + 0.01 * i
                low, high = (1.0, 1.0) if name == "untrained" else (value - 0.1, value + 0.12)
                numbers = {"value": value, "ci_low": low, "ci_high": high}
                measures.append(a_row("robustness", measure=measure, corruption="all", baseline="untrained", **numbers, **about))
    for task, metric in tasks.items():
        for place, corruption in enumerate([*corruptions, "all"]):
            if (task, corruption) not in left:
                for measure in ("score", "retained"):
                    d = 0.05 - 0.02 * (place % 4)
                    p = 0.0004 if d > 0.02 else 0.3
                    about = {"baseline": "untrained", "task": task, "metric": metric, "corruption": corruption, "measure": measure}
                    numbers = {"difference": d, "ci_low": d - 0.02, "ci_high": d + 0.02, "p": p / 4, "p_holm": p, "n_seeds": seeds}
                    compared.append(a_row("robustness_comparisons", encoder=encoders[0], **about, **numbers))
    return {"summary": summary, "robustness": measures, "robustness_comparisons": compared, "equivariance": equivariance}


def results_of(manifests, torn=(), renamed=(), points=None, **rows):
    """Results of rows by table, as merging reads them. manifests: by run."""
    frames = {name: complete(schema.frame(rows.get(name, [])), manifests.values()) for name, schema in TABLES.items()}
    points = pd.DataFrame(index=pd.MultiIndex.from_tuples([], names=["encoder", "name"])) if points is None else points
    costs = COSTS.frame(rows.get("costs", []))
    return Results(
        **frames,
        layers=complete(LAYERS.frame(rows.get("layers", [])), manifests.values(), "comparisons"),
        costs=costs,
        maps=MAPS.frame(rows.get("maps", [])),
        clips=CLIPS.frame(rows.get("clips", [])),
        points=points,
        manifests=manifests,
        torn=torn,
        renamed=renamed,
    )


def a_results(**about):
    """A run over corruptions. about: arguments of a_sweep or a_manifest."""
    manifest = {k: about[k] for k in ("baseline", "train_on", "failed", "families", "seen_families") if k in about}
    rows = a_sweep(**{k: v for k, v in about.items() if k not in manifest})
    rows = by_families(rows) if "families" in about else rows
    given = {k: v for k, v in about.items() if k in ("encoders", "corruptions", "tasks", "skipped", *manifest)}
    compared = {"baseline": "untrained", "task": "key", "metric": "mirex", "difference": 0.1, "ci_low": 0.05, "ci_high": 0.15}
    return results_of({"run": a_manifest(**given)}, comparisons=[a_row("comparisons", **compared)], **rows)


def shown(page):
    """A page without its scripts, data and style: what a reader may see."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)


class Balance(HTMLParser):
    """Every tag that is opened is closed; what is loaded from elsewhere is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") and not value.startswith(("data:", "#"))]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
