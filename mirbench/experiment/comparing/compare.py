"""`mirbench compare`: runs and checkpoints against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mirbench.experiment.comparing.differences import Differences, Pair, pairs_of
from mirbench.experiment.comparing.given import Checkpoint, sorted_out
from mirbench.experiment.comparing.measured import Entry, Run, entries_of, of_seed, read_runs, same_numbers
from mirbench.experiment.comparing.settings import differing, settings_of
from mirbench.results.compared import Compared
from mirbench.results.run_folder import RESAMPLES, overlap_in_words

MOST_NAMED = 4


def compare(paths: Sequence[Path]) -> Compared:
    """What differs in the settings of runs, or of checkpoints, and in the scores of their encoders.

    paths: run folders, or checkpoint folders, or both: then the settings are those of the checkpoints, and the scores are theirs, in the
    runs that scored them. Raises MirbenchError for a folder that is neither, that is damaged, and where there is one alone.
    """
    run_paths, checkpoints = sorted_out(paths)
    runs = read_runs(run_paths)
    if checkpoints:
        return _of_checkpoints(checkpoints, runs)
    return compared(runs)


def compared(runs: Sequence[Run]) -> Compared:
    """Of runs alone."""
    entries = entries_of(runs)
    pairs = pairs_of(entries)
    alike = [pair for pair in pairs if same_numbers(*pair)]
    found = Differences(entries)
    found.add([pair for pair in pairs if pair not in alike])
    labels = tuple(run.label for run in runs)
    settings = differing(labels, settings_of([run.manifest for run in runs]))
    notes = (*_unpaired(runs), *_fewer(runs), *_same(entries), *_alike(alike), *_overlaps(runs))
    return Compared(labels, settings, *found.frames(), notes)


def _of_checkpoints(checkpoints: Sequence[Checkpoint], runs: Sequence[Run]) -> Compared:
    entries = entries_of(runs) if runs else []
    owned: dict[str, list[Entry]] = {}
    for checkpoint in checkpoints:
        owned[checkpoint.label] = [of_seed(entry, checkpoint.seed) for entry in entries if checkpoint.is_of(entry)]
    found = Differences([each for several in owned.values() for each in several])
    labels = [checkpoint.label for checkpoint in checkpoints]
    found.add(
        [(a, b) for i, one in enumerate(labels) for other in labels[i + 1 :] for a in owned[one] for b in owned[other] if a.name != b.name]
    )
    unscored = [checkpoint for checkpoint in checkpoints if not owned[checkpoint.label]]
    notes = [*_unpaired(runs), *_fewer(runs), *_overlaps(runs)]
    if unscored:
        names = " and ".join(checkpoint.label for checkpoint in unscored)
        where = "none of these runs scored" if runs else "no run was given that scored"
        flags = " ".join(f"--checkpoint {checkpoint.path}" for checkpoint in unscored[:MOST_NAMED])
        notes.insert(0, f"{where[0].upper()}{where[1:]} {names}; mirbench run {flags} does.")
    settings = differing(labels, [checkpoint.settings() for checkpoint in checkpoints])
    return Compared(tuple(labels), settings, *found.frames(), tuple(notes))


def _unpaired(runs: Sequence[Run]) -> list[str]:
    """Of runs that were kept without resamples."""
    without = [run.label for run in runs if run.resampled is None]
    if not without:
        return []
    return [
        f"{' and '.join(without)} {'has' if len(without) == 1 else 'have'} no {RESAMPLES}, so what clips and groups vary cannot be paired: "
        "differences from there stand without interval and test; run it again to have them."
    ]


def _fewer(runs: Sequence[Run]) -> list[str]:
    counts = {run.label: run.resampled.shape[1] for run in runs if run.resampled is not None}
    if len(set(counts.values())) < 2:
        return []
    told = " and ".join(f"{n:,} in {label}" for label, n in counts.items())
    return [f"There are {told} resamples; the first {min(counts.values()):,} are the same draws, and are the ones that are paired."]


def _same(entries: Sequence[Entry]) -> list[str]:
    """Of encoders whose numbers are the same in several runs, and which are not compared with themselves."""
    told = []
    for name in dict.fromkeys(each.name for each in entries):
        having = [each for each in entries if each.name == name]
        common = set.intersection(*({place for place in each.run.places if each.lines(place)} for each in having))
        if len(having) > 1 and common:
            told.append(f"{name} has the same scores in {' and '.join(each.run.label for each in having)}.")
    return told


def _alike(pairs: Sequence[Pair]) -> list[str]:
    """Of encoders that are the same under two names."""
    return [f"{one.name} and {other.name} have the same scores, resample by resample, and are not compared." for one, other in pairs]


def _overlaps(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(sentence for run in runs for sentence in overlap_in_words(run.manifest)))
