"""The kinds of entries in a cache, in words, and which data set and encoder an entry is of, by its title."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mirbench.engine.inventory import LEFT_OVER, Stored
from mirbench.engine.sources import MEMO
from mirbench.records import AUDIO_CACHE


@dataclass(frozen=True)
class Kind:
    """words: what its entries are. lost: what it takes to have one again. dear: the order in which kinds are removed to make room, those
    that are cheapest to have again for the bytes that they take first."""

    words: str
    lost: str
    dear: int


KINDS = {
    "damaged": Kind("entries that were not as written, set aside", "nothing: it is read by nothing", 0),
    "unfinished": Kind("where killed jobs go on from", "the job begins anew", 2),
    "corrupted-embeddings": Kind("embeddings of corrupted clips", "embedding anew, where a score needs it", 1),
    "corrupted-predictions": Kind("what probes say of corrupted clips", "embedding and predicting anew, where a score needs it", 3),
    AUDIO_CACHE: Kind("decoded audio for pretraining", "decoding anew, before the next training", 4),
    "embeddings": Kind("embeddings of clean clips", "embedding anew", 5),
    "datasets": Kind("data sets that mirbench made", "making the data set anew", 6),
    "maps": Kind("test clips in two dimensions", "embedding and mapping anew", 7),
    "similarities": Kind("what embeddings tell without a probe", "embedding and measuring anew", 8),
    "decisions": Kind("what probes decide, and how sure", "embedding, probing and measuring anew", 8),
    "predictions": Kind("what probes say of clean clips", "embedding and probing anew", 9),
    "probes": Kind("fitted probes", "embedding and fitting anew", 9),
    "overlaps": Kind("audio that is in two splits", "listening to all clips anew", 10),
    "costs": Kind("what encoders cost, as measured here", "measuring anew", 10),
    "spreads": Kind("how finished runs vary, for --plan", "the estimate of --plan of what a run can tell", 10),
    "shards": Kind("what parts of a run noted for each other", "no part of a run is compared with the others", 10),
    "scores": Kind("scores with their resamples", "all that leads to a score anew", 11),
    "checkpoints": Kind("trained encoders", "a training anew", 12),
}
FILES = {
    "scans.sqlite": "what is known of audio files: lengths, damage, fingerprints",
    MEMO: "hashes of mirbench's code and of plugins, to see what changed",
    "locks": "who is at what",
    "runs": "which run used what",
    "slurm": "what was submitted to a cluster, and its logs",
    LEFT_OVER: "being written now, or left by a run that was killed; the next run removes that",
}
FILES |= {f"scans.sqlite{ending}": "what is being written of it" for ending in ("-journal", "-wal", "-shm")}

ENTRY = r"(?P<encoder>.+?), seed -?\d+"  # an entry of the tables
TITLES = (
    rf"(?:(?P<task>\S+) on )?(?P<dataset>.+?) with {ENTRY}(?:, .*)?",
    rf"{ENTRY}, (?P<dataset>.+?) (?:train|valid|test|pretrain)(?:, .*)?",
    rf"{ENTRY}(?:, from .*)?",
)
OF_NONE = ("audio_cache", "overlaps", "spreads", "unfinished", "damaged", "shards")  # in whose titles neither is named


@dataclass(frozen=True)
class Subject:
    """What an entry is of; nothing where that is none or not known. encoder: without its variant."""

    dataset: str = ""
    encoder: str = ""


def subject_of(entry: Stored) -> Subject:
    """By its title; those of jobs are of a few forms.

    >>> subject_of(Stored("scores", "", 0, 0.0, "key on mini with semisupcon[label_fraction=0.1], seed 2, white-noise, severity 3"))
    Subject(dataset='mini', encoder='semisupcon')
    >>> subject_of(Stored("embeddings", "", 0, 0.0, "simclr, seed 0, my songs valid"))
    Subject(dataset='my songs', encoder='simclr')
    """
    if entry.kind == "datasets":
        return Subject(dataset=entry.title)
    if entry.kind in OF_NONE:
        return Subject()
    for form in TITLES:
        if found := re.fullmatch(form, entry.title, re.DOTALL):
            named = found.groupdict()
            return Subject(named.get("dataset") or "", re.sub(r"(?:\[.*| \(.*)", "", named["encoder"], flags=re.DOTALL))
    return Subject()
