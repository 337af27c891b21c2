"""What an encoder costs: measured in a process of its own, by itself, on noise."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.files import tell as say
from mirbench.errors import MirbenchError, describe
from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.recipes.embedding import frozen_encoder, runs_in_workers
from mirbench.experiment.resolve.checkpoints import CLIPS, FINGERPRINTS, FORMER_NAMES, REPORT, VALID_FINGERPRINTS
from mirbench.experiment.resolve.records import Entry, Resolved, naming
from mirbench.records import ABOUT
from mirbench.settings.validation import declared

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.windows import FrozenEncoder

COST = "cost.json"
NOT_WEIGHTS = (ABOUT, REPORT, CLIPS, FINGERPRINTS, VALID_FINGERPRINTS, *FORMER_NAMES.values())  # that the planner leaves in a checkpoint


def measure_cost(resolved: Resolved, entry: Entry, seed: int, batch_size: int, checkpoint: Path | None, folder: Path) -> None:
    """Writes COST: columns of costs.csv, and `dims` of the layers, where several are embedded. checkpoint: its folder; None: it has none.
    One that cannot be measured costs no run its scores: its note says why.

    On a CPU it is done in a forked process with one thread, as embeddings are made, so that neither its memory nor what it imports stays.
    Operations are counted first, which imports what the encoder does; then it is loaded anew, and time and memory are measured.
    """
    from mirbench.engine.threads import one_thread
    from mirbench.engine.workers import WorkerDied, can_fork, in_workers
    from mirbench.evaluation.embedding import cost  # which imports torch, once for all

    encoder, device = entry.encoder, resolved.machine.device
    provider = resolved.providers.get(("encoder", encoder.name), "mirbench")
    embedding = partial(naming, "encoder", encoder.name, provider, "embedding noise, by which its cost is measured", seed)
    load = partial(frozen_encoder, entry, checkpoint, seed, provider, device)

    def count(loaded: FrozenEncoder | None = None) -> dict[str, Any]:
        with embedding():
            found = cost.count(loaded or load())
            if found["parameters"] is None and (tell := getattr(encoder, "count_parameters", None)) is not None:
                found["parameters"] = tell(entry.embedded_options)
        return found

    def measure() -> tuple[FrozenEncoder, dict[str, Any]]:
        with embedding():
            return cost.measure(load, batch_size, device, forked and not getattr(encoder, "held", False))

    cost.warm_up()
    forked = resolved.machine.kind == "cpu" and can_fork() and runs_in_workers(entry)
    try:
        if forked:
            ((found, measured),) = in_workers(lambda _: iter([(count(), measure()[1])]), iter([0]), 1)
        else:
            with one_thread() if resolved.machine.kind == "cpu" else contextlib.nullcontext():
                loaded, measured = measure()
                found = count(loaded)
        found |= measured
        with naming("encoder", encoder.name, provider, "naming the files of its weights"):
            found["disk_mb"] = sum(path.stat().st_size for path in _weights(entry, checkpoint)) / 1e6 or None
    except (MirbenchError, MemoryError, WorkerDied) as error:
        why = describe(error)
        if isinstance(error, WorkerDied):
            why = f"{error.while_it('embedded noise').capitalize()}."
        elif isinstance(error, MirbenchError):
            why = f"{str(error).removesuffix('; --debug shows where.').rstrip('.')}."
        found = {"note": why}
        say(f"what {entry.name} costs could not be measured: {why}", always=True)
    device_name = f"{resolved.machine.name or device}{', 1 thread' if resolved.machine.kind == 'cpu' else ''}"
    write_json(folder / COST, {**found, "batch_size": batch_size, "device": device_name})


def _weights(entry: Entry, checkpoint: Path | None) -> list[Path]:
    """The files of its weights: those that the encoder names, by a method `weight_files`, or else its checkpoint, or else those that its
    options name."""
    named = getattr(entry.encoder, "weight_files", None)
    if named is not None:
        given = named(checkpoint, entry.embedded_options)
    elif checkpoint is not None:
        files = [path for path in checkpoint.rglob("*") if path.is_file()]
        given = [path for path in files if path.name not in NOT_WEIGHTS and not path.name.startswith(".")]
    else:
        options = [name for name, option in declared(entry.encoder.options).items() if option.file]
        given = [Path(path).expanduser() for name in options if (path := entry.embedded_options.get(name))]
    return [file for path in given for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
