"""What limits the answer of a page, a sentence each: floors, trainings, families that were seen, measures that disagree, and what to do
where it is not decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirbench.records import MAJORITY
from mirbench.reporting import rare
from mirbench.reporting.disagreement import disagreement
from mirbench.reporting.floors import beaten
from mirbench.reporting.notes import of_manifests, seen_by, united
from mirbench.reporting.tables.scores import clean, verdicts
from mirbench.reporting.terminal import merged
from mirbench.reporting.words import few, joined_by
from mirbench.results.order import complete, own_name

if TYPE_CHECKING:
    import pandas as pd

    from mirbench.results.merging import Results

FEW = 3  # seeds to begin with
QUICK = "mini-quick"  # which has a larger one of the same kind


def limits(results: Results) -> list[str]:
    """Those that apply."""
    rows = clean(results.summary)
    of_floors = rows[rows["headline"]]
    if rows.loc[rows["role"] == "encoder", "encoder"].nunique() == 1:  # of which the answer says what it is against the other floors
        of_floors = of_floors[(of_floors["role"] == "encoder") | (of_floors["encoder"].astype("str").map(own_name) == MAJORITY)]
    compared = complete(results.comparisons)
    compared = compared[compared["headline"]]
    undecided = compared[[verdict in ("undecided", "one training each") for verdict in verdicts(compared)]]
    return [
        *merged(beaten(of_floors, results.comparisons)),
        *rare.in_words(results),
        *_short_trainings(results),
        *_trainings(rows),
        *_families(results),
        *disagreement(results),
        *(_what_to_do(undecided) if len(undecided) else []),
    ]


def _short_trainings(results: Results) -> list[str]:
    """Of encoders that were trained for at most half of the steps that are their default."""
    steps: dict[tuple[int, int], list[str]] = {}
    encoders = [pair for manifest in results.manifests.values() for pair in (manifest.get("encoders") or {}).items()]
    for name, about in encoders:
        if isinstance(about, dict) and about.get("role") == "encoder":
            usual, taken = ((about.get(part) or {}).get("steps") for part in ("defaults", "options"))
            if isinstance(usual, int) and isinstance(taken, int) and 0 < 2 * taken <= usual:  # a plugin may call anything steps
                steps.setdefault((taken, usual), []).append(name)
    return [
        f"{joined_by('and', few(list(dict.fromkeys(names))))} {'was' if len(set(names)) == 1 else 'were each'} trained for {taken:,} steps "
        f"where {usual:,} are the default: a look at how a run goes, not at what the encoder can do."
        for (taken, usual), names in steps.items()
    ]


def _trainings(rows: pd.DataFrame) -> list[str]:
    """Of encoders that were trained once."""
    encoders = rows[rows["role"] == "encoder"]
    names = {code: list(dict.fromkeys(encoders["encoder"][encoders["one_training"] == code].astype("str"))) for code in (1, 2)}
    what = {
        1: "that training is what is compared, and nothing is known of other seeds",
        2: "the spread over seeds is taken to be that of the other encoders",
    }
    return [
        f"{joined_by('and', few(several))} {'was' if len(several) == 1 else 'were each'} trained once: {what[code]}."
        for code, several in names.items()
        if several
    ]


def _families(results: Results) -> list[str]:
    """Which families of corruptions were seen in training, and by whom."""
    sections = of_manifests(results)
    families, known = list(united(sections, "families")), seen_by(sections)
    if not families:
        return []
    unseen = [family for family in families if not any(family in here for here in known)]
    parts = [
        f"{joined_by('and', here)} {_were(here)} among the augmentations of {joined_by('and', few(names))}" for here, names in known.items()
    ]
    if unseen:
        parts.append(f"{joined_by('and', unseen)} {_were(unseen)} unseen in training by all, as far as they say")
        return [f"Corruption families: {'; '.join(parts)}."]
    nothing = "None is unseen by all: of corruptions that are new to every encoder the run says nothing."
    return [f"Corruption families: {'; '.join(parts)}. {nothing}"]


def _were(names: list[str] | tuple[str, ...]) -> str:
    return "was" if len(names) == 1 else "were"


def _what_to_do(undecided: pd.DataFrame) -> list[str]:
    """Of comparisons that decide nothing: seeds help where one of the two is trained, or drawn, more than once or could be, and are named
    first where one was trained once. A plan answers where something was trained more than once."""
    seeds, once = undecided[["n_seeds", "baseline_seeds"]].max(axis=1), undecided[["one_training", "baseline_one_training"]].isin([1, 2])
    of_seeds = seeds[(seeds > 1) | once.any(axis=1)]
    most = int(of_seeds.max()) if len(of_seeds) else 0
    clips = f"more test clips{' (mini in the place of mini-quick)' if QUICK in set(undecided['dataset']) else ''}"
    trainings = [f"more trainings (--seeds {FEW if most < FEW else 2 * most})"] if most else []
    helps = [*trainings, clips] if once.any(axis=None) else [clips, *trainings]
    fewer = ", fewer encoders in one run, as p is corrected for all comparisons" if undecided["encoder"].nunique() > 1 else ""
    plan = " The same command with --plan --set power.difference=0.02, or what difference matters to you, says how many seeds it takes."
    return [
        "Undecided is not equal: the difference may be there, and this run too small for it. What helps: "
        f"{', '.join(helps)}{fewer}.{plan if most > 1 else ''}"
    ]
