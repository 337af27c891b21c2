"""What the shards of a run note in the cache, so that those whose results cannot be gathered together are found out at once."""

from __future__ import annotations

from typing import Any

from mirbench.engine.files import tell
from mirbench.engine.shards import Shard
from mirbench.engine.store import key_of
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.records import Resolved

NOTES = "shards"  # kind of entry in the store
OF_MACHINE = {"device", "output", "data_root", "figure_width", "keep_megabytes"}  # settings that may be others for each shard


def note_shard(resolved: Resolved, key: str, shard: Shard) -> None:
    """That this shard is made here. key: of the run. Raises MirbenchError where another was made on another kind of device."""
    compare_shards(resolved, key, shard)
    parts = {**_parts(resolved, key), "shard": str(shard)}
    store, key = resolved.store, key_of(**parts)
    if not store.has(NOTES, key):
        with store.writing(NOTES, key, f"shard {shard}", parts):
            pass


def compare_shards(resolved: Resolved, key: str, shard: Shard | None = None) -> None:
    """What is here with what shards of the same settings noted; a difference is told. key: of the run. shard: the one that is to be made
    here, which is refused where a shard was made on another kind of device."""
    here, others = _parts(resolved, key), _notes(resolved)
    made_on = {title: parts for title, parts in others if _device(parts) != _device(here)}
    if made_on:
        titles, folder = " and ".join(sorted(made_on)), resolved.store.root / NOTES
        were = "were" if len(made_on) > 1 else "was"
        about = (
            f"{titles} of this run {were} made on {_device(next(iter(made_on.values())))}, and this machine "
            f"computes on {_device(here)}, which gives results of their own"
        )
        if shard is not None:
            raise MirbenchError(
                f"{about}; give all shards the same --device, on machines of one kind, or, where what was made is to count no longer, "
                f"remove {folder}."
            )
        tell(f"{about}: they are not gathered, but made again. Gather on a machine of that kind, with the same --device.", always=True)
    elif unlike := sorted({title for title, parts in others if parts["key"] != key and (shard is None or title != f"shard {shard}")}):
        tell(
            f"{' and '.join(unlike)} of this run had other data, plugins or versions of packages than there are here, so that not all "
            "which they made can be gathered with what is made here; files of data need the same paths, sizes and times on all machines.",
            always=True,
        )


def forget_shards(resolved: Resolved) -> None:
    """The run is whole."""
    for key in [entry.key for entry in resolved.store.entries(NOTES) if entry.parts.get("run") == _run(resolved)]:
        resolved.store.remove(NOTES, key)


def _notes(resolved: Resolved) -> list[tuple[str, dict[str, Any]]]:
    """(title, parts) of the shards of the same settings."""
    found = [(entry.title, dict(entry.parts)) for entry in resolved.store.entries(NOTES)]
    return [(title, parts) for title, parts in found if parts.get("run") == _run(resolved)]


def _parts(resolved: Resolved, key: str) -> dict[str, Any]:
    return {"run": _run(resolved), "key": key, "device": resolved.machine.kind, "bfloat16": resolved.machine.bfloat16}


def _run(resolved: Resolved) -> str:
    """Of the settings that are the same for all shards."""
    return key_of(**{name: value for name, value in resolved.config.model_dump(mode="json").items() if name not in OF_MACHINE})


def _device(parts: dict[str, Any]) -> str:
    return f"{parts['device']} {'with' if parts['bfloat16'] else 'without'} native bfloat16"
