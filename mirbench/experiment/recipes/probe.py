"""A probe, fitted on frozen embeddings."""

from __future__ import annotations

import time
from pathlib import Path

from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.resolve.records import Entry, Resolved
from mirbench.nouns import Task


def fit_probe(resolved: Resolved, entry: Entry, task: Task, dataset: str, seed: int, train: Path, valid: Path, folder: Path) -> None:
    """Fitted on the embeddings in one folder, chosen on those in the other; never sees a test clip."""
    from mirbench.evaluation.embedding.stored import read_embeddings
    from mirbench.evaluation.probing.scoring import fit_task
    from mirbench.evaluation.probing.stored_probes import write_probe

    begun = time.perf_counter()
    labels, device, chosen = resolved.labels[dataset, task.name], resolved.machine.device, entry.probe
    embeddings = read_embeddings(train), read_embeddings(valid)
    reports = []
    for draw, part in enumerate(parts_of(entry, folder)):
        few = None if entry.shots is None else (entry.shots, f"{dataset} {task.name} {seed} {draw}")
        with resolved.naming("probe", chosen.noun.name, f"being fitted to {task.name} on {dataset}"):
            fitted = fit_task(task, labels, *embeddings, chosen.noun, seed, device, entry.probed_layer, few)
        part.mkdir(exist_ok=True)
        write_probe(part, fitted, [chosen.module])
        reports.append(fitted.report)
    report = reports[0] if entry.shots is None else {"n_valid": reports[0]["n_valid"], "draws": reports}
    write_json(folder / "report.json", {**report, "seconds": round(time.perf_counter() - begun, 2)})


def parts_of(entry: Entry, folder: Path) -> list[Path]:
    """Of the folder of a probe, of predictions or of scores, one for each draw of few labels; else itself."""
    return [folder] if entry.shots is None else [folder / str(draw) for draw in range(entry.draws)]
