"""What a mean leaves out: labels that no clip can be scored on, clips whose class nobody could learn, targets that never change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mirbench.reporting.words import of_clean_audio, panels

if TYPE_CHECKING:
    from mirbench.results.merging import Results

NOUNS = {"multilabel": "label", "multiclass": "class", "regression": "dimension"}
PLURALS = {"label": "labels", "class": "classes", "dimension": "dimensions"}
BEYOND = {
    "multilabel": "the others are never positive, or never negative, among the test clips",
    "multiclass": "the others neither occur among the test clips nor are predicted",
    "regression": "the others are constant among the test clips",
}
NAMED = 5  # labels in a sentence


def behind_means(results: Results, only_parts: bool = False) -> list[str]:
    """A sentence for each data set, task and number of labels that metrics are means over. only_parts: where that is not all of them."""
    rows = of_clean_audio(results.scores)
    told: dict[tuple[str, str, tuple[int, ...], int], list[str]] = {}
    for panel in panels(rows):
        found = panel.of(rows)
        found = found[found["of_labels"] > 0]
        for of in found["of_labels"].unique().tolist():
            counts = tuple(sorted(found["n_labels"][found["of_labels"] == of].unique().tolist()))
            told.setdefault((panel.title, _target(results, panel.task), counts, of), []).append(panel.metric)
    sentences = []
    for (title, target, counts, of), metrics in told.items():
        nouns = PLURALS[NOUNS[target]]
        verb = "is a mean" if len(metrics) == 1 else "are means"
        if counts == (of,):
            if not only_parts:
                sentences.append(f"{title}: {' and '.join(metrics)} {verb} over {_all(of, NOUNS[target])}.")
        else:
            share = f"{counts[0]}{f' to {counts[-1]}' if len(counts) > 1 else ''} of {of} {nouns}"
            sentences.append(f"{title}: {' and '.join(metrics)} {verb} over {share}; {BEYOND[target]}.")
    return sentences


def of_manifests(results: Results) -> list[str]:
    """Sentences on clips and labels that a task on a data set leaves out, or cannot learn."""
    said: dict[str, None] = {}
    for manifest in results.manifests.values():
        for task, about in _mapping(manifest.get("tasks")).items():
            for dataset, facts in _mapping(_mapping(about).get("dataset")).items():
                target = str(_mapping(about).get("target") or "multiclass")
                said |= dict.fromkeys(f"{task} on {dataset}: {sentence}." for sentence in _of_task(_mapping(facts), target))
    return list(said)


def _of_task(facts: Mapping[str, Any], target: str) -> Iterator[str]:
    for split in ("test", "valid"):
        if left := _mapping(facts.get("n_left_out")).get(split, 0):
            labelled = left + int(facts.get(f"n_{split}") or 0)
            strange = ", ".join(list(dict.fromkeys(map(str, _mapping(facts.get("left_out_for_unseen_label")).values())))[:NAMED])
            why = f"as no training clip has their class, or it is none of the task's or the data set's (such as {strange})"
            yield f"{left} of {labelled} {split} clips with a label are left out, {why}"
    if unknown := _mapping(facts.get("labels_without_class")):
        are, them = ("is", "it") if len(unknown) == 1 else ("are", "them")
        yield f"{_names(list(unknown), 'label')} of test clips {are} left out, as no training clip has {them}"
    counts = _mapping(facts.get("label_counts"))
    train, test = _mapping(counts.get("train")), _mapping(counts.get("test"))
    if untrained := [name for name, n in train.items() if not n and test.get(name)]:
        noun = NOUNS.get(target, "label")
        yield f"{_names(untrained, noun)} of test clips {'has' if len(untrained) == 1 else 'have'} no training clip, and can only be scored"
    for split, names in _mapping(facts.get("constant_targets")).items():
        verb = "is" if len(names) == 1 else "are"
        yield f"{_names(names, 'dimension')} {verb} constant among the {split} clips{', so that nothing is learnt' * (split == 'train')}"


def _names(names: list[str], noun: str) -> str:
    """'2 labels (a, b)'."""
    first = ", ".join(map(str, names[:NAMED]))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} {noun if len(names) == 1 else PLURALS[noun]} ({first}{more})"


def _all(count: int, noun: str) -> str:
    return f"its one {noun}" if count == 1 else f"all {count} {PLURALS[noun]}"


def _target(results: Results, task: str) -> str:
    for manifest in results.manifests.values():
        target = _mapping(_mapping(manifest.get("tasks")).get(task)).get("target")
        if target in NOUNS:
            return str(target)
    return "multilabel"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
