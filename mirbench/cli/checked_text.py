"""What `mirbench data check` says: a page for people, and a mapping for JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from mirbench.data.asked_for import asked_for
from mirbench.data.findings import Finding, count
from mirbench.data.labels import Labels
from mirbench.data.published.filetree import some
from mirbench.errors import printable
from mirbench.experiment.check import Checked
from mirbench.experiment.planning.plan import duration
from mirbench.records import FEWEST_CLIPS, PROBED

WIDTH = 120  # characters of a line
NAME = 28  # characters of a class's name in a table
CLASSES = 400  # in a table; all of them are in the JSON
EXAMPLES = {"error": 10, "warning": 3, "note": 3}  # of a finding, each on a line
LONGEST = 400  # characters of an example
SHORT, INLINE = 40, 8  # characters of an example, and how many that short stand in one line

FOR_NONE = "for no encoder: whether one can be pretrained on it and what a run takes are left out; add --encoder NAME"


def checked_page(checked: Checked) -> str:
    """All that is known of a data set, the verdict last."""
    lines = [*_about(checked), *_splits(checked)]
    for labels in checked.labels:
        lines += ["", *_labels(labels)]
    if checked.estimate is not None:
        about = checked.estimate
        lines += ["", *wrapped(f"a run of {about.of}: about {duration(about.seconds)} on two cores and {about.megabytes:,.0f} MB in")]
        lines[-1] += f" {about.cache}, where {about.free:,.0f} MB are free"
    if not checked.encoders:
        lines += ["", FOR_NONE]
    for level, heading in (("note", "notes"), ("warning", "warnings"), ("error", "errors, which a run refuses")):
        if found := checked.of_level(level):
            lines += ["", heading, *(line for finding in found for line in _finding(finding))]
    return "\n".join([*lines, "", verdict(checked)])


def verdict(checked: Checked) -> str:
    """One line: whether a run would work."""
    errors, warnings = (len(checked.of_level(level)) for level in ("error", "warning"))
    text = f"; {count(warnings, 'warning')}" if warnings else ""
    name = checked.dataset.name
    if errors:
        return f"{name}: a run would refuse it: {count(errors, 'error')}{text}."
    if not checked.made:
        waits = f"{name}: mirbench makes it at the first run; there is nothing to check before that. "
        return f"{waits}Next: mirbench run --dataset {asked_for(checked.dataset)} --encoder handcrafted"
    if not any(labels.usable for labels in checked.labels):
        of = " or ".join(checked.dataset.shift_of)
        may = f"a run of {of} is scored on it too" if of else "it can be pretrained on, and no task is run on it"
        return f"{name}: {may}{text}."
    return f"{name}: a run would work{text or ', and nothing is wrong with it'}."


def checked_json(checked: Checked) -> dict[str, Any]:
    """Everything on the page, whole."""
    return {
        "dataset": checked.dataset.name,
        "works": checked.works,
        "verdict": verdict(checked),
        "split_rule": checked.split_rule,
        "annotations": checked.annotations,
        "listened": checked.listened,
        "encoders": checked.encoders,
        "splits": {facts.name: asdict(facts) for facts in checked.splits},
        "tasks": {labels.task.name: _labels_json(labels) for labels in checked.labels},
        "estimate": None if checked.estimate is None else asdict(checked.estimate),
        "findings": [asdict(finding) for finding in checked.findings],
    }


def _labels_json(labels: Labels) -> dict[str, Any]:
    unread = [{"clip": each.clip.id, "value": each.value, "why": each.why} for each in labels.unread]
    plain = {"annotation": labels.task.annotation, "target": labels.task.target, "runs": labels.usable, "unread": unread}
    names = ("labelled", "classes", "counts", "ranges", "unseen")
    return plain | {name: getattr(labels, name) for name in names}


def _about(checked: Checked) -> Iterator[str]:
    dataset = checked.dataset
    version = f", version {dataset.version}" if dataset.version else ""
    yield from wrapped(f"{dataset.name}{version}{f': {dataset.description}' if dataset.description else ''}")
    if dataset.location is not None:
        yield f"  where: {printable(dataset.location)}"
    if checked.split_rule:
        yield from wrapped(f"split: {checked.split_rule}", "  ")


def _splits(checked: Checked) -> Iterator[str]:
    if not checked.splits:
        return
    rows = [["", "clips", "groups", "hours"]]
    for facts in checked.splits:
        rows.append([facts.name, f"{facts.clips:,}", f"{facts.groups:,}", f"{facts.seconds / 3600:.2f}"])
    if len(checked.splits) > 1:
        total = [sum(getattr(facts, name) for facts in checked.splits) for name in ("clips", "seconds")]
        rows.append(["all", f"{total[0]:,}", "", f"{total[1] / 3600:.2f}"])
    yield ""
    yield from _table(rows)
    if unmeasured := sum(facts.unmeasured for facts in checked.splits):
        yield f"  the hours are without {count(unmeasured, 'clip')} whose length is not known"


def _labels(labels: Labels) -> Iterator[str]:
    task, splits = labels.task, [split for split in PROBED if labels.labelled.get(split)]
    state = "" if labels.usable else ", which cannot be run"
    labelled = ", ".join(f"{labels.labelled[split]:,} {split}" for split in splits) or "none"
    many = count(len(labels.classes), "value" if task.target == "regression" else "class")
    nowhere = set(labels.nowhere)
    empty = f", {len(nowhere):,} of them without any clip" if nowhere else ""
    yield f"task {task.name}{state}: {task.target}, {many}{empty}; labelled clips: {labelled}"
    if task.target == "regression":
        rows = [["", *(f"{split} {what}" for split in splits for what in ("least", "mean", "largest"))]]
        rows += [[_short(name), *(f"{x:.4g}" for split in splits for x in labels.ranges[split][name])] for name in labels.classes]
        yield from _table(rows)
        return
    classes = [name for name in labels.classes if name not in nowhere]
    shown = classes[:CLASSES]
    rows = [[_mark(labels, name) + _short(name), *(f"{labels.counts[split][name]:,}" for split in splits)] for name in shown]
    yield from _side_by_side(["", *splits], rows)
    if len(classes) > CLASSES:
        yield f"  and {len(classes) - CLASSES:,} more, which --json has"
    if any(_mark(labels, name).strip() for name in shown):
        yield f"  ! no clip in a split, or fewer than {FEWEST_CLIPS} in train"


def _mark(labels: Labels, name: str) -> str:
    counts = [labels.counts[split][name] for split in PROBED if labels.labelled.get(split)]
    return "! " if not all(counts) or labels.counts["train"][name] < FEWEST_CLIPS else "  "


def _side_by_side(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A long table in as many columns as fit the width, read downwards."""
    if not rows:
        return
    widths = [max(len(row[i]) for row in (heading, *rows)) for i in range(len(heading))]
    width = 2 + sum(widths) + 2 * (len(widths) - 1)
    across = max(1, min(WIDTH // (width + 2), -(-len(rows) // 8)))  # short ones stay one below the other
    high = -(-len(rows) // across)
    blocks = [list(_table([heading, *rows[start : start + high]], widths)) for start in range(0, len(rows), high)]
    for line in range(high + 1):
        yield "  ".join(block[line].ljust(width) for block in blocks if line < len(block)).rstrip()


def _table(rows: Sequence[Sequence[str]], widths: Sequence[int] | None = None) -> Iterator[str]:
    """The first column to the left, the others to the right."""
    widths = widths or [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))]
        yield f"  {'  '.join(cells)}".rstrip()


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= NAME else name[: NAME - 1] + "…"


def _finding(finding: Finding) -> Iterator[str]:
    yield from wrapped(f"- {finding.text}", "  ", "    ")
    lines, most = finding.examples, EXAMPLES[finding.level]
    if lines and max(map(len, lines[:INLINE])) <= SHORT:
        yield from wrapped(some(lines, INLINE, "; " if any("," in line for line in lines) else ", ") + _rest(len(lines) - INLINE), "    ")
        return
    for text in lines[:most]:
        yield f"    {text if len(text) < LONGEST else text[:LONGEST] + '…'}"
    if len(lines) > most:
        yield f"    and {len(lines) - most:,} more{_rest(len(lines) - most)}"


def _rest(more: int) -> str:
    """How to see what is left out."""
    return ", which --json has" if more > 0 else ""


def wrapped(text: str, indent: str = "", further: str | None = None) -> list[str]:
    """In lines of WIDTH characters. further: the indent of the second and later lines."""
    after = indent + "  " if further is None else further
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=after, break_long_words=False, break_on_hyphens=False)
