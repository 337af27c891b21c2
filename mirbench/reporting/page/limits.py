"""What limits the answer of a page, a sentence each: floors, trainings, families that were seen, measures that disagree, and what to do
where it is not decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirbench.records import MAJORITY
from mirbench.reporting.disagreement import disagreement
from mirbench.reporting.floors import beaten
from mirbench.reporting.notes import of_manifests, united
from mirbench.reporting.tables.scores import clean, verdicts
from mirbench.reporting.terminal import merged
from mirbench.reporting.words import few, joined_by
from mirbench.results.order import complete, own_name

if TYPE_CHECKING:
    import pandas as pd

    from mirbench.results.merging import Results

FEW = 3  # seeds to begin with


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
        *_trainings(rows),
        *_families(results),
        *disagreement(results),
        *(_what_to_do(undecided) if len(undecided) else []),
    ]


def _trainings(rows: pd.DataFrame) -> list[str]:
    """Of encoders that were trained once."""
    encoders = rows[rows["role"] == "encoder"]
    names = {code: list(dict.fromkeys(encoders["encoder"][encoders["one_training"] == code].astype("str"))) for code in (1, 2)}
    what = {1: "nothing is known of other seeds", 2: "the spread over seeds is taken to be that of the other encoders"}
    return [
        f"{joined_by('and', few(several))} {'was' if len(several) == 1 else 'were each'} trained once: {what[code]}."
        for code, several in names.items()
        if several
    ]


def _families(results: Results) -> list[str]:
    """Which families of corruptions were seen in training, and by whom."""
    sections = of_manifests(results)
    families, seen = list(united(sections, "families")), united(sections, "seen_families")
    if not families:
        return []
    known: dict[tuple[str, ...], list[str]] = {}
    for encoder, listed in seen.items():
        if here := tuple(family for family in families if family in listed):
            known.setdefault(here, []).append(encoder)
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
    """Of comparisons that decide nothing: seeds help where one of the two is trained, or drawn, more than once or could be."""
    seeds, once = undecided[["n_seeds", "baseline_seeds"]].max(axis=1), undecided[["one_training", "baseline_one_training"]].isin([1, 2])
    of_seeds = seeds[(seeds > 1) | once.any(axis=1)]
    told, advice = "Undecided is not equal: the difference may be there, and this run too small for it. Run it again", ""
    if len(of_seeds):
        most = int(of_seeds.max())
        told += f" with more trainings (--seeds {FEW if most < FEW else 2 * most}),"
        advice = (
            " The same command with --plan --set power.difference=0.02, or what difference matters to you, says how many seeds it takes."
        )
    return [f"{told} with more test clips, or with fewer encoders, as p is corrected for all comparisons.{advice}"]
