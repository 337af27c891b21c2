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
from mirbench.reporting.words import joined_by
from mirbench.results.order import complete, joined, own_name

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
    told = verdicts(compared[compared["headline"]])
    return [
        *merged(beaten(of_floors, results.comparisons)),
        *_trainings(rows),
        *_families(results),
        *disagreement(results),
        *((_more_clips(results, rows) or _what_to_do(rows)) if {"undecided", "one training each"} & set(told) else []),
    ]


def _more_clips(results: Results, rows: pd.DataFrame) -> list[str]:
    """What to do where all encoders are models of others, which no training changes; nothing where they are not."""
    encoders = rows[rows["role"] == "encoder"].astype({"encoder": "str"}).drop_duplicates("encoder")
    known = joined(results.manifests.values(), "encoders")
    fixed = [known.get(name, {}).get("checkpoints") == {} for name in encoders["encoder"]]
    if not fixed or not all(fixed) or (encoders["n_seeds"] > 1).any() or (encoders["one_training"] != 0).any():
        return []
    whose = "The embeddings of this encoder" if len(fixed) == 1 else "The embeddings of these encoders"
    return [
        f"Undecided is not equal: the difference may be there, and this run too small for it. {whose} are the same for every seed, so that "
        "more trainings change nothing: more test clips help, or fewer encoders, as p is corrected for all comparisons."
    ]


def _trainings(rows: pd.DataFrame) -> list[str]:
    """Of encoders that were trained once."""
    encoders = rows[rows["role"] == "encoder"]
    names = {code: list(dict.fromkeys(encoders["encoder"][encoders["one_training"] == code].astype("str"))) for code in (1, 2)}
    what = {1: "nothing is known of other seeds", 2: "the spread over seeds is taken to be that of the other encoders"}
    return [
        f"{joined_by('and', several)} {'was' if len(several) == 1 else 'were each'} trained once: {what[code]}."
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
        f"{joined_by('and', here)} {_were(here)} among the augmentations of {joined_by('and', names)}" for here, names in known.items()
    ]
    if unseen:
        parts.append(f"{joined_by('and', unseen)} {_were(unseen)} unseen in training by all, as far as they say")
        return [f"Corruption families: {'; '.join(parts)}."]
    return [f"Corruption families: {'; '.join(parts)}. None is unseen: of corruptions that are new to the encoders the run says nothing."]


def _were(names: list[str] | tuple[str, ...]) -> str:
    return "was" if len(names) == 1 else "were"


def _what_to_do(rows: pd.DataFrame) -> list[str]:
    seeds = int(rows["n_seeds"].max())
    more = FEW if seeds < FEW else 2 * seeds
    return [
        "Undecided is not equal: the difference may be there, and this run too small for it. Run it again with more trainings "
        f"(--seeds {more}), with more test clips, or with fewer encoders, as p is corrected for all comparisons. The same command with "
        "--plan --set power.difference=0.02, or whatever difference matters to you, says how many seeds it takes."
    ]
