"""What must be known to read the numbers, a sentence each: below tables, in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mirbench.records import ALL, CLEAN
from mirbench.reporting import left_out as left_out_of
from mirbench.reporting import rare, shared_audio
from mirbench.reporting.differences import counts, no_test
from mirbench.reporting.disagreement import disagreement
from mirbench.reporting.floors import beaten
from mirbench.reporting.tables.robustness import baseline, by_measure
from mirbench.reporting.tables.scores import clean
from mirbench.reporting.words import MEASURES, NONE, SIGNIFICANT, caveats, interval_of, mean_of, natural_shifts, panels, size, span
from mirbench.results.order import are_means, complete, joined
from mirbench.results.run_folder import overlap_in_words

if TYPE_CHECKING:
    import pandas as pd

    from mirbench.results.merging import Results

MOST_FAILED = 3  # clips named in a sentence about one corruption
COMPARED = "robustness_comparisons.csv"
CITED = "Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, ICLR 2019"
BOLD = "Bold: the best of the encoders, where the comparisons call it better than the next."
GROUPS = "Clips of one piece, artist or instrument are drawn together."
UNTESTED = (
    "Lines without p are of an earlier version: there better or worse is an interval that does not contain zero, not corrected for their "
    "number."
)
VERDICTS = (
    f"Better or worse: that p is below {SIGNIFICANT:g}. Undecided: these clips and seeds cannot tell. One training each: of two encoders "
    "that were trained once each nothing is said, as another training may turn it round."
)
DETECTABLE = "Detectable: the smallest true difference that 80 of 100 such experiments would find, tested by itself."
RETAINED = (
    "Retained performance is what is left of a score above chance (the majority class): corrupted minus chance over clean minus "
    "chance, mean over severities. 1 is all of it, 0 is chance. It is a share of each encoder's own clean score: compare that too."
)
CLEAN_ERROR = (
    "Error on clean audio: divided by that of {} likewise. mCE follows it closely: where the two are alike, mCE says little of robustness."
)
RELATIVE = (
    "Relative mCE: as mCE, of how much the error grows over that of clean audio. Corruptions by which {} hardly loses anything cannot be "
    "divided by, and are left out for all encoders. What is at chance on clean audio has nothing to lose: its low value is no robustness."
)
LOWEST = (
    "Worst family, corruption and severity: the lowest retained performance of each kind, over severities, or at one severity over all "
    "families; found by looking at all, so without an interval."
)
HEADLINES = "The headline metric of every task; the other metrics are in summary.csv."
NOT_COMPARED = "The run compared no encoders: it had no baseline."
TORN = "The runs differ in the severities of {}: means over them are left out, as they do not compare."
SIMILARITY = (
    "No probe is trained for these: embeddings, standardised by the clean training clips, are compared by their cosine. Cosine shift: how "
    "far a corruption moves a clip, where 1 is as far as another clip is. Recall: whether a corrupted clip finds its own clean clip among "
    "all test clips. mAP: of the same group (piece, artist or instrument), and of the same label among other groups, where of many labels "
    "a Dice coefficient of .5 counts. Decisions and probabilities are those of the probes on clean audio. All measures under all "
    "conditions, with intervals, are in summary.csv as the task similarity."
)
EQUIVARIANCE = (
    "The corruption changes what the labels mean; here they were shifted along with the audio, so that a representation which follows "
    "the change scores as on clean audio. Clips whose shifted label is no class are left out: how many are left stands above each column. "
    "These scores count in no robustness score."
)


def overlap(results: Results) -> list[str]:
    """A sentence for each encoder that is marked for having been pretrained on audio that it is tested on, and for each task whose probes
    know audio that they are tested on."""
    of_encoders = dict.fromkeys(sentence for manifest in results.manifests.values() for sentence in overlap_in_words(manifest))
    return [*of_encoders, *shared_audio.in_words(results)]


def left_out(results: Results) -> list[str]:
    """How many labels each mean is over, and what is in none."""
    return [*left_out_of.behind_means(results), *left_out_of.of_manifests(results)]


def of_scores(results: Results) -> list[str]:
    rows = clean(results.summary)
    shown = {panel: panel.of(rows) for panel in panels(rows)}
    sizes = dict.fromkeys(f"{panel.title} {size(each).split(' test')[0]}" for panel, each in shown.items())
    by_seeds = rows.sort_values("encoder").groupby("n_seeds", sort=True)["encoder"].unique()
    seeds = [f"{n} ({', '.join(names)})" for n, names in by_seeds.iloc[::-1].items()]
    fractions = sorted(results.scores.loc[results.scores["severity"] == 0, "label_fraction"].unique())
    scored = rows["value"].notna().sum() == len(shown) * rows["encoder"].nunique()
    return [
        f"Each cell is the score on the test split, clean audio, averaged over seeds; in brackets its {interval_of(rows)}. {GROUPS}",
        *caveats(rows),
        "Probes are trained on the train split and chosen on the valid split; the test split is used only to score.",
        f"Test clips: {'; '.join(sizes)}.",
        f"Seeds: {'; '.join(seeds)}.",
        *left_out(results),
        *([f"Fraction of the labels used: {', '.join(f'{x:g}' for x in fractions)}."] if fractions not in ([], [1.0]) else []),
        *rare.in_words(results),
        *beaten(rows, results.comparisons),
        *of_probes(results),
        *([f"{NONE}: not scored."] if not scored else []),
        *overlap(results),
        *(["An encoder whose numbers differ between the runs is called by its name and its run."] if results.renamed else []),
    ]


def of_probes(results: Results) -> list[str]:
    """A sentence on the layers that probes chose or weighted, on the points of grids at which a probe failed, and on probes that did not
    converge, where there are any."""
    reports = list(_probe_reports(results))
    failed = [f"{where} ({str(why).rstrip('.')})" for where, report in reports for why in report.get("failed", {}).values()]
    chosen = {where: report["converged"][report["grid"].index(report["chosen"])] for where, report in reports}
    of_kinds = {
        f"{sum(len(report['grid']) for _, report in reports)} fits of probes, {len(failed)} failed": failed,
        f"{len(reports)} probes, {list(chosen.values()).count(False)} did not converge": [where for where in chosen if not chosen[where]],
    }
    chose = {where: report["layer"] for where, report in reports if "validation_of_layers" in report}
    weighted = {where: max(enumerate(weights), key=lambda each: each[1]) for where, report in reports
                if (weights := report.get("layer_weights"))}  # fmt: skip
    return [
        *([f"Layers, chosen on valid: {'; '.join(f'{where}: {layer}' for where, layer in chose.items())}."] if chose else []),
        *([f"Heaviest layers: {'; '.join(f'{where}: {layer} ({w:.2f} of 1)' for where, (layer, w) in weighted.items())}."]
          if weighted else []),
        *(f"Of {counts}: {which[0]}{f', and {len(which) - 1} more in manifest.json' if len(which) > 1 else ''}."
          for counts, which in of_kinds.items() if which),
    ]  # fmt: skip


def _probe_reports(results: Results) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each probe said of itself in a manifest, and of what it was; not those of manifests that do not name the points of the grid."""
    for run, manifest in results.manifests.items():
        for task, about in joined([manifest], "tasks").items():
            for dataset, facts in (about.get("dataset") or {}).items() if isinstance(about, dict) else ():
                for probe, report in facts.get("probes", {}).items():
                    if "chosen" in report:
                        where = f"{task} on {dataset}, {probe}"
                        yield f"{where} ({run})" if len(results.manifests) > 1 else where, report


def of_comparisons(results: Results) -> list[str]:
    return [
        "Difference: score of the encoder minus score of the baseline, on the same test clips of clean audio, averaged over seeds; "
        f"in brackets its paired {interval_of(results.comparisons)}, not corrected.",
        f"p (Holm): of no difference, corrected by Holm's method for all comparisons of headline metrics, {_headlines(results)}, or all of "
        "other metrics.",
        *([UNTESTED] if (results.comparisons["p_holm"].isna() & results.comparisons["ci_low"].notna()).any() else []),
        VERDICTS,
        *no_test(results.comparisons),
        DETECTABLE,
        *caveats(complete(results.comparisons)),
        *left_out(results),
        *overlap(results),
        "Seeds: of the encoder and, where it is known, of the baseline.",
    ]


def _headlines(results: Results) -> str:
    if len(results.manifests) > 1:
        return "in each run its own"
    rows = complete(results.comparisons)
    return str(int((rows["headline"] & rows["p_holm"].notna()).sum()))


def of_sweep(results: Results) -> list[str]:
    rows = clean(results.summary)
    return [
        f"Mean over seeds on the test split, clean audio; in brackets its {interval_of(rows)}.",
        *caveats(rows),
        f"Swept: {', '.join(results.points.columns)}. {NONE}: not swept, or not scored.",
        *(f"{panel.title}: {size(panel.of(rows))}." for panel in panels(rows) if panel.headline),
        *left_out(results),
        *overlap(results),
    ]


def of_manifests(results: Results) -> list[dict[str, Any]]:
    """What the manifests say of the robustness of each run that has any."""
    return [m["robustness"] for m in results.manifests.values() if isinstance(m.get("robustness"), dict)]


def was_corrupted(results: Results) -> bool:
    """Whether anything was corrupted, or was to be."""
    return bool(len(under_corruption(results)) or of_manifests(results))


def under_corruption(results: Results) -> pd.DataFrame:
    """The rows of the summary with corrupted audio."""
    return results.summary[(results.summary["corruption"] != CLEAN) & (results.summary["severity"] > 0)]


def of_robustness(results: Results) -> list[str]:
    base, tables = relative_to(results), by_measure(results.robustness)
    notes = [
        "mCE, mean corruption error: the error (the best value of the headline metric, mostly 1, minus the metric) summed over severities "
        f"and divided by that of {base}, mean over {_over(results)}. {base} has 1; lower is better; ImageNet-C gives the same in percent, "
        "as a mean over corruptions.",
        *([CLEAN_ERROR.format(base)] if "clean_ce" in tables else []),
        *([RELATIVE.format(base)] if "relative_mce" in tables else []),
        *_undivided(results),
        RETAINED,
        *disagreement(results),
        *_of_families(results),
        *([LOWEST] if mean_of(results.robustness) != ALL else []),
        f"mCE and relative mCE are defined by {CITED}.",
    ]
    if any(head[0] == "mean" for table in tables.values() for head in table.cells.columns):
        notes.append("The mean over tasks weighs all tasks alike, of those where the measure is defined.")
    if " or " in base:
        notes.append("The runs have baselines of their own; compare with care.")
    if any((table.cells == NONE).any(axis=None) for table in tables.values()):
        notes.append(f"{NONE}: not defined.")
    return [*notes, *undefined(results), *of_corruption(results)]


def _over(results: Results) -> str:
    return "corruptions" if mean_of(results.robustness) == ALL else "families of corruptions"


def _undivided(results: Results) -> list[str]:
    """What relative mCE leaves out, and of how many."""
    rows = complete(results.robustness)
    rows = rows[(rows["measure"] == "relative_ce") & rows["counted"].fillna(True)]
    told = []
    for panel in panels(rows):
        of_corruption = panel.of(rows).groupby("corruption", observed=True)["value"].count()
        if names := [str(name) for name in of_corruption.index[of_corruption == 0]]:
            told.append(f"{panel.title} {len(names)} of {len(of_corruption)} ({', '.join(names)})")
    return [f"Relative mCE leaves out: {'; '.join(told)}."] if told else []


def _of_families(results: Results) -> list[str]:
    """Which families are seen, by whom, and which of them hold what."""
    sections = of_manifests(results)
    families = united(sections, "families")
    if not families:
        return []
    held = [f"{name} ({', '.join(corruptions)})" for name, corruptions in families.items()]
    seen = seen_by(sections)
    return [
        f"A mean over corruptions is over families, each counting once: {'; '.join(held)}.",
        *(f"Seen in training by {', '.join(names)}: {', '.join(each)}." for each, names in seen.items()),
        "Unseen families are those that no encoder of the run was trained under, as far as the encoders say."
        if len({name for each in seen for name in each}) < len(families)
        else "No family is unseen by all encoders.",
    ]


def seen_by(sections: list[dict[str, Any]]) -> dict[tuple[str, ...], list[str]]:
    """The encoders by which of the families of the run were among their augmentations; without those that saw none."""
    families, seen = united(sections, "families"), united(sections, "seen_families")
    encoders: dict[tuple[str, ...], list[str]] = {}
    for encoder, listed in seen.items():
        if here := tuple(family for family in families if family in listed):
            encoders.setdefault(here, []).append(encoder)
    return encoders


def united(sections: list[dict[str, Any]], part: str) -> dict[str, list[str]]:
    """By name, what any of the sections lists under it."""
    found: dict[str, dict[str, None]] = {}
    for section in sections:
        for name, listed in (section.get(part) or {}).items():
            found.setdefault(name, {}).update(dict.fromkeys(listed))
    return {name: list(listed) for name, listed in found.items()}


def caption(results: Results, table: str) -> str:
    """For LaTeX. table: its name in tables.robustness.by_measure."""
    measure = next(name for name in sorted(MEASURES, key=len, reverse=True) if table.startswith(name))
    part = table.removeprefix(measure).lstrip("_")
    over = f"{part} families of corruptions" if part else _over(results)
    if (shift := part.removeprefix("on_")) in natural_shifts(results.robustness):
        return " ".join([f"{RETAINED} On {shift}, with its {interval_of(results.robustness)}.", *undefined(results)])
    if measure == "retained":
        return " ".join([f"{RETAINED} Mean over {over}, with its {interval_of(results.robustness)}.", *undefined(results)])
    kinds = {"clean_ce": "Error on clean audio", "mce": "Mean corruption error", "relative_mce": "Relative mean corruption error"}
    kind = kinds[measure] if measure == "clean_ce" else f"{kinds[measure]} ({CITED}) over {over}"
    relative = f"{kind} relative to {relative_to(results)}, which has 1; lower is better."
    return f"{relative} In brackets its paired {interval_of(results.robustness)}."


def of_curves(results: Results, task: str, dataset: str) -> list[str]:
    """What was skipped, below the curves of a task."""
    return [f"Skipped: {', '.join(names)} ({reason})." for title, names, reason in skipped(results) if title == f"{task} on {dataset}"]


def relative_to(results: Results) -> str:
    """The baselines of mCE: those of the rows or, where there are none, of the manifests."""
    named = dict.fromkeys(str(section["baseline"]) for section in of_manifests(results) if section.get("baseline"))
    return baseline(results.robustness) if (results.robustness["baseline"] != "").any() else " or ".join(named) or "the baseline"


def trained_on_corrupted(results: Results) -> bool:
    return any(section.get("train_on") == "corrupted" for section in of_manifests(results))


def of_corruption(results: Results) -> list[str]:
    rows = under_corruption(results).sort_values("corruption")
    told = [item for manifest in results.manifests.values() for item in (manifest.get("corruptions") or {}).items()]
    shifts = {name: " and ".join(about["shift_of"]) for name, about in told if "shift_of" in about}
    aside = [name for name in rows["corruption"][~rows["counted"]].unique() if name not in shifts]
    made = rows[~rows["corruption"].isin(shifts)]
    severities = ", ".join(map(str, sorted(made["severity"].unique())))
    ways = f"Test audio is corrupted in {span([made['corruption'].nunique()], 'way')} at severities {severities}; in" if len(made) else "In"
    levels: dict[str, set[str]] = {}
    for name, about in told:
        levels.setdefault(name, set()).add(str([about.get(what) for what in ("levels", "unit", "counted")]))
    differing = [name for name, told in levels.items() if len(told) > 1]
    return [
        *left_out(results),
        *overlap(results),
        f"{ways} brackets the {interval_of(rows)}, mean over seeds.",
        *(f"{name}: other recordings of the test clips of {of}, a natural shift; it is in no mean." for name, of in shifts.items()),
        *caveats(rows),
        f"Probes were trained on audio under the same condition as the test audio{', for natural shifts on clean audio' * bool(shifts)}."
        if trained_on_corrupted(results)
        else "Probes were trained on clean audio.",
        *([f"Not counted in means over corruptions: {', '.join(aside)}."] if len(aside) else []),
        *([f"The runs differ in the levels of {', '.join(differing)}; those of the first are named."] if differing else []),
        *([TORN.format(", ".join(results.torn))] if results.torn else []),
        *troubles(results),
    ]


def troubles(results: Results) -> list[str]:
    """A sentence for each task and reason for which corruptions were skipped, and for each corruption that failed."""
    said = [f"{title}: {', '.join(names)} {'is' if len(names) == 1 else 'are'} skipped: {why}." for title, names, why in skipped(results)]
    for corruption, entries in _entries(results, "failed").groupby("corruption", sort=False):
        clips = entries[["clip", "severity", "reason"]].head(MOST_FAILED).itertuples(index=False)
        more = f", and {len(entries) - MOST_FAILED} more in manifest.json" if len(entries) > MOST_FAILED else ""
        said.append(f"{corruption} failed on {'; '.join(f'clip {c} at severity {s} ({why})' for c, s, why in clips)}{more}.")
    return said


def skipped(results: Results) -> list[tuple[str, list[str], str]]:
    """(title of a task, corruptions, reason): those that share a reason stand together."""
    grouped = _entries(results, "skipped").groupby(["task", "dataset", "reason"], sort=False)["corruption"]
    return [(f"{task} on {dataset}", list(names), str(why)) for (task, dataset, why), names in grouped]


def _entries(results: Results, what: str) -> pd.DataFrame:
    """The entries of all manifests, each once."""
    import pandas as pd

    entries = [entry for section in of_manifests(results) for entry in (section.get(what) or []) if isinstance(entry, dict)]
    columns = ["task", "dataset", "corruption", "severity", "clip", "reason"]
    frame = pd.DataFrame(entries, columns=columns, dtype=object).fillna("").astype("str").drop_duplicates()
    return frame.assign(reason=frame["reason"].replace("", "no reason given").str.strip().str.rstrip("."))


def undefined(results: Results) -> list[str]:
    """A sentence for each reason why retained performance is not defined."""
    rows = complete(results.robustness)
    rows = rows[(rows["measure"] == "retained") & (rows["task"] != ALL) & rows["value"].isna()].sort_values(["task", "encoder"])
    rows = rows.assign(title=rows["task"].astype("str") + " on " + rows["dataset"].astype("str"))
    single = rows[~are_means(rows)]
    pairs = ["title", "encoder"]
    means = rows[rows["corruption"] == mean_of(rows)]
    means = means[~means.set_index(pairs).index.isin(single.set_index(pairs).index)]
    reasons = {
        "Without retained performance, since not surely above chance on clean audio": single,
        "Without a mean over corruptions, since not scored under all that others were": means,
    }
    told = []
    for reason, lacking in reasons.items():
        names = lacking.groupby("title", sort=False)["encoder"].unique()
        if len(names):
            told.append(f"{reason}: {'; '.join(f'{title}: ' + ', '.join(each) for title, each in names.items())}.")
    return told


def of_robustness_comparisons(results: Results) -> list[str]:
    rows = complete(results.robustness_comparisons)
    return [
        "Difference: encoder minus baseline on the same corrupted test clips, mean over severities and seeds; in brackets its paired "
        f"{interval_of(results.robustness_comparisons)}, not corrected.",
        "p (Holm): of no difference, corrected by Holm's method for all comparisons of one measure that were tested: "
        f"{counts(results, rows)}. The means over corruptions are among them, though they repeat what they are means of, so it errs on the "
        "side of undecided.",
        VERDICTS,
        *no_test(rows),
        DETECTABLE,
        *caveats(rows),
        "Seeds: of the encoder; the mean of the baseline may be over another number.",
        "Measures: score is the metric itself, retained performance the share of what each has on clean audio.",
        *([f"{NONE}: not defined."] if results.robustness_comparisons["difference"].isna().any() else []),
        *undefined(results),
        *left_out(results),
        *overlap(results),
    ]
