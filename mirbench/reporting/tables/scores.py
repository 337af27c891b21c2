"""The tables of clean audio: Markdown, LaTeX and CSV for papers and readmes, plain text for the terminal."""

from __future__ import annotations

import math
import textwrap

from mirbench.reporting.board import Board, Panel
from mirbench.reporting.tables.layout import NONE, Table, cell, csv_text, escape, latex, markdown, number, short, table_row
from mirbench.results.rows import Comparison, RobustnessComparison

SEEDS = (
    "Intervals are over groups of clips, for the seeds as they are: the spread between seeds is in none of them. "
    "The number of seeds is the encoder's; the mean of the baseline may be over another."
)


def difference(c: Comparison | RobustnessComparison) -> str:
    """'+0.042 [+0.011, +0.073]'; without an interval where there is none."""
    if math.isnan(c.difference):
        return NONE
    signed = [("" if x < 0 else "+") + number(x) for x in (c.difference, c.ci_low, c.ci_high)]
    return signed[0] if math.isnan(c.ci_low) or math.isnan(c.ci_high) else f"{signed[0]} [{signed[1]}, {signed[2]}]"


def verdict(c: Comparison) -> str:
    """'better' or 'worse' where the whole interval is on one side of zero, 'undecided' where it is not."""
    if math.isnan(c.ci_low) or math.isnan(c.ci_high):
        return "no interval"
    if c.ci_low <= 0 <= c.ci_high:
        return "undecided"
    return "better" if c.ci_low > 0 else "worse"


def notes(board: Board) -> list[str]:
    """What must be known to read the scores, a sentence each."""
    sizes = dict.fromkeys(f"{p.title} {board.size(p).split(' test')[0]}" for p in board.panels)
    seeds: dict[int, list[str]] = {}
    for name in board.names:
        for n in {c.n_seeds for (encoder, *_), c in board.cells.items() if encoder == name}:
            seeds.setdefault(n, []).append(name)
    fractions = sorted({s.label_fraction for s in board.merged.scores if s.severity == 0})
    sentences = [
        "Each cell is the score on the test split, clean audio, averaged over seeds; in brackets its 95 % bootstrap interval over groups "
        "(clips of one piece, artist or instrument are drawn together).",
        "The interval does not cover the spread between seeds; that is in scores.csv.",
        "Probes are trained on the train split and chosen on the valid split; the test split is used only to score.",
        f"Test clips: {'; '.join(sizes)}.",
        "Seeds: " + "; ".join(f"{n} ({', '.join(names)})" for n, names in sorted(seeds.items(), reverse=True)) + ".",
    ]
    if fractions and fractions != [1.0]:
        sentences.append(f"Fraction of the labels used: {', '.join(f'{x:g}' for x in fractions)}.")
    sentences.extend(
        f"On {p.title}, {p.metric}, {' and '.join(f)} {'does' if len(f) == 1 else 'do'} at least as well as every encoder."
        for p, f in _beaten(board)
    )
    if any(board.cell(name, p) is None for name in board.names for p in board.panels):
        sentences.append(f"{NONE}: not scored.")
    sentences.extend(board.overlap_in_words())
    if board.merged.renamed:
        sentences.append("An encoder whose numbers differ between the runs is called by its name and its run.")
    return sentences


def _beaten(board: Board) -> list[tuple[Panel, list[str]]]:
    return [(p, floors) for p in board.panels if (floors := board.beaten_by_floor(p))]


def scores_table(board: Board) -> Table:
    """Encoders as rows and task x metric as columns, floors below; the best encoder of a column in bold."""
    cells = {(name, i): c for i, p in enumerate(board.panels) for name in board.names if (c := board.cell(name, p))}
    return Table(
        "encoder",
        tuple((p.title, p.metric) for p in board.panels),
        board.row_groups(board.names),
        cells,
        frozenset((name, i) for i, p in enumerate(board.panels) for name in board.best(p)),
    )


def scores_markdown(board: Board) -> str:
    table = scores_table(board)
    said = notes(board) + (["Bold: the best of the encoders."] if table.best else [])
    return "\n".join(["# Scores", "", *markdown(table), "", *(f"- {escape(line)}" for line in said), ""])


def scores_csv(board: Board) -> str:
    return csv_text({"": scores_table(board)})


def scores_latex(board: Board) -> str:
    caption = "Scores on the test split, clean audio, mean over seeds, with 95 % bootstrap intervals over groups."
    return latex(scores_table(board), " ".join([caption, *board.overlap_in_words()]), "tab:scores")


def comparisons_markdown(board: Board) -> str:
    """A line for every paired difference, with a verdict in words."""
    if not board.comparisons:
        return "# Comparisons\n\nThe run compared no encoders: it had no baseline.\n"
    head = ["task", "metric", "encoder", "baseline", "difference", "the encoder is", "test clips", "seeds"]
    lines = ["# Comparisons", "", table_row(head), table_row(["---"] * len(head))]
    for c in ordered_comparisons(board):
        names = [escape(x) for x in (f"{c.task} on {c.dataset}", c.metric, c.encoder, c.baseline)]
        lines.append(table_row([*names, difference(c), verdict(c), str(c.n_test), str(c.n_seeds)]))
    return "\n".join([*lines, "", *(f"- {escape(line)}" for line in comparison_notes(board)), ""])


def ordered_comparisons(board: Board) -> list[Comparison]:
    """By panel, then by baseline and encoder in the order of the tables."""

    def place(name: str) -> int:
        return board.names.index(name) if name in board.names else len(board.names)

    def order(c: Comparison) -> tuple[int, int, int]:
        panel = board.panel_of(c)
        return board.panels.index(panel) if panel else len(board.panels), place(c.baseline), place(c.encoder)

    return sorted(board.comparisons, key=order)


def comparison_notes(board: Board) -> list[str]:
    """What must be known to read the differences, a sentence each."""
    return [
        "Difference: score of the encoder minus score of the baseline, on the same test clips of clean audio, averaged over seeds; "
        "in brackets its 95 % paired bootstrap interval over groups.",
        "Better or worse: the whole interval lies on one side of zero. Undecided: the interval contains zero, so these clips cannot tell.",
        *board.overlap_in_words(),
        SEEDS,
        f"The intervals are not corrected for their number, {len(board.comparisons)}: of true zeros, about one in twenty looks decided.",
    ]


def scores_text(board: Board, width: int = 100) -> str:
    """The table for a terminal of `width` columns: encoders as rows, as many panels beside each other as fit."""
    names = next(cut for room in (36, 48, 1000) if len(set((cut := {n: short(n, room) for n in board.names}).values())) == len(cut))
    first = max(len(x) for x in [*names.values(), "metric"])
    columns = []
    for p in board.panels:
        body = {name: cell(board.cell(name, p)).replace(NONE, "-") for name in board.names}
        room = max([18, *(len(x) for x in body.values())])
        metric = p.metric if len(p.metric) <= room else p.metric.replace("_", "_ ").replace("-", "- ")
        wrapped = [x.replace("_ ", "_").replace("- ", "-") for x in textwrap.wrap(metric, room)]
        columns.append(([short(p.task, room), short(f"on {p.dataset}", room), *[*wrapped, "", ""][:3]], body, room))
    stripes: list[list[int]] = []
    used = width + 1
    for i, (_, _, room) in enumerate(columns):
        together = sum(r + 2 for q, (_, _, r) in zip(board.panels, columns, strict=True) if q.title == board.panels[i].title)
        starts = i == 0 or board.panels[i].title != board.panels[i - 1].title
        if used + room + 2 > width or (starts and used + together > width >= first + together):
            stripes.append([])
            used = first
        stripes[-1].append(i)
        used += room + 2
    blocks = []
    for stripe in stripes:
        chosen = [columns[i] for i in stripe]
        heads = [[label, *(head[k] for head, _, _ in chosen)] for k, label in enumerate(("task", "", "metric", "", ""))]
        lines = [line for line in heads if line[0] or any(line[1:])]
        lines.append(["-" * n for n in (first, *(room for _, _, room in chosen))])
        for i, name in enumerate(board.names):
            if i == len(board.encoders) and i > 0:
                lines.append(["floors:"])
            lines.append([names[name], *(body[name] for _, body, _ in chosen)])
        rooms = [first, *(room for _, _, room in chosen)]
        blocks.append("\n".join("  ".join(x.ljust(n) for x, n in zip(line, rooms, strict=False)).rstrip() for line in lines))
    sizes = dict.fromkeys(f"{p.title}: {board.size(p)}" for p in board.panels)
    lines_below = ["Mean over seeds [95 % bootstrap interval over groups], test split, clean audio.", *sizes]
    lines_below += [
        f"{p.title}, {p.metric}: {' and '.join(f)} {'does' if len(f) == 1 else 'do'} at least as well as every encoder."
        for p, f in _beaten(board)
    ]
    return "\n\n".join([*blocks, "\n".join([*lines_below, *board.overlap_in_words()])]) + "\n"
