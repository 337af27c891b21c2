"""What differs in how runs were made, or checkpoints trained: a line for each setting that is not the same in all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirbench.reporting.words import NONE

if TYPE_CHECKING:
    import pandas as pd

PLACES = ("output", "run_name", "executor", "slurm", "options")  # of a configuration: where results go and come from, and options, which
# encoders have in full
OF_DATA = ("version", "identity", "clips")  # facts of a data set
SHORT = 60  # characters of a value


def settings_of(manifests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each run, setting -> value: of the configuration, the complete options of each encoder that several have, the data, and the
    versions. Dots stand between the names of nested mappings. Where each has one encoder, its
    options are compared whatever it is called."""
    encoders = [{name: of for name, of in (each.get("encoders") or {}).items() if "options" in of} for each in manifests]
    single = [[name for name, of in each.items() if of.get("role") != "floor"] for each in encoders]
    if all(len(names) == 1 for names in single):
        encoders = [{"": each[name]} for each, (name,) in zip(encoders, single, strict=True)]
    return [
        _settings(manifest, {name: of for name, of in each.items() if sum(name in other for other in encoders) > 1})
        for manifest, each in zip(manifests, encoders, strict=True)
    ]


def _settings(manifest: Mapping[str, Any], encoders: Mapping[str, Any]) -> dict[str, Any]:
    config = {name: value for name, value in (manifest.get("config") or {}).items() if name not in PLACES}
    read = {name: {file: f"SHA-256 {digest:.12}" for file, digest in (of.get("weights") or {}).items()} for name, of in encoders.items()}
    options = {name: {**(of.get("options") or {}), "weights": read[name], "seeds": of.get("seeds")} for name, of in encoders.items()}
    data = {name: {fact: of[fact] for fact in OF_DATA if fact in of} for name, of in (manifest.get("datasets") or {}).items()}
    parts = {
        "options": options.get("", options),
        "data": data,
        "plugins": manifest.get("plugins"),
        "nodes": _nodes(manifest.get("config") or {}),
        "device": (manifest.get("machine") or {}).get("device"),
    }
    return dict(_flat({**config, **parts, "versions": manifest.get("versions"), "commit": manifest.get("git_commit")}))


def _nodes(config: Mapping[str, Any]) -> Any:
    """That one pretraining spans, with the `devices` of the configuration on each."""
    return (config.get("slurm") or {}).get("nodes", 1) if config.get("executor") == "slurm" else 1


def differing(labels: Sequence[str], settings: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each setting that is not the same in all: `setting`, then what it is in each."""
    import pandas as pd

    names = dict.fromkeys(name for each in settings for name in each)
    rows = [[name, *(_in_words(each, name) for each in settings)] for name in names]
    return pd.DataFrame([row for row in rows if len(set(row[1:])) > 1], columns=["setting", *labels], dtype="str")


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        if isinstance(each, Mapping) and each:
            yield from _flat(each, f"{before}{name}.")
        else:
            yield f"{before}{name}", each


def _in_words(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name)
    if value is None or value in ([], {}):
        return NONE
    text = value if isinstance(value, str) else ", ".join(map(_plain, value)) if isinstance(value, list) else _plain(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value, default=str)
