"""How a run was made: settings that differ from the default first, then everything else that its manifest holds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from mirbench.notation import layer_in_words
from mirbench.records import stage_of

DEFAULT = "default"
FIRST = ("versions", "git_commit", "machine", "seeds", "datasets", "label_counts", "skipped")  # of a manifest, and open
ELSEWHERE = ("command", "config", "timings", "date", "key", "metrics", "findings", "similarity", "seal", "left_out")


def command(manifest: Mapping[str, Any]) -> str:
    told = manifest.get("command") or ""
    return shlex.join(str(x) for x in told) if isinstance(told, list) else str(told)


def settings(manifest: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(setting, value, default) of those that differ, by dotted name; a setting that is none today has DEFAULT for its default."""
    from mirbench.settings.config import load_config

    config, encoders = manifest.get("config"), manifest.get("encoders")
    of_encoders = [each for each in encoders.values() if isinstance(each, dict)] if isinstance(encoders, dict) else []
    told = [each for each in of_encoders if isinstance(each.get("defaults"), dict) and "encoder" in each]
    usual = {each["encoder"]: {**(each.get("options") or {}), **each["defaults"]} for each in told}  # what is not told is as by default
    return list(_differing(config, {**load_config().model_dump(), "options": usual})) if isinstance(config, dict) else []


def _differing(given: Mapping[str, Any], default: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any, Any]]:
    for name, value in given.items():
        usual, dotted = default.get(name, DEFAULT), f"{above}{name}"
        if isinstance(value, dict) and value and (usual == DEFAULT or isinstance(usual, dict)):
            yield from _differing(value, {} if usual == DEFAULT else usual, f"{dotted}.")
        elif value != usual and not (isinstance(usual, list) and list(usual) == list(value or [])):
            yield dotted, value, None if usual == DEFAULT else usual


def stages(manifest: Mapping[str, Any]) -> list[tuple[str, float, int]]:
    """(stage, seconds, jobs) in their order; of what was there already, nothing."""
    found: dict[str, list[float]] = {}
    timings = manifest.get("timings")
    for title, seconds in timings.items() if isinstance(timings, dict) else ():
        if isinstance(seconds, int | float):
            kind = str(title).partition(":")[0]
            found.setdefault(stage_of(kind), []).append(float(seconds))
    return [(stage, sum(each), len(each)) for stage, each in found.items()]


def in_time(seconds: float) -> str:
    """A duration.

    >>> in_time(0.04), in_time(7.3), in_time(90), in_time(7320)
    ('under 0.1 s', '7.3 s', '1 min 30 s', '2 h 2 min')
    """
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def described(encoder: Mapping[str, Any]) -> str:
    """What an encoder is, and of a model that others trained the files it was read from and the audio that it took, as a manifest says.

    >>> audio = {"sample_rate": 16000, "window_seconds": 3.0}
    >>> described({"description": "an ONNX file", "weights": {"net.onnx": "ab" * 32}, "input": audio, "layer_names": ["tokens", "pooled"]})
    'an ONNX file; net.onnx, SHA-256 abababababab; given 16,000 Hz in windows of 3 s; layers 0 (tokens), 1 (pooled)'

    A floor is of a backbone of its own, whatever it stands beside:

    >>> described({"description": "the same backbone with random weights", "options": {"backbone": "mel-cnn"}})
    'mel-cnn with random weights'
    """
    given, files, names = encoder.get("input"), encoder.get("weights") or {}, encoder.get("layer_names") or ()
    options = encoder.get("options") or {}
    told = [str(encoder.get("description") or "").replace("the same backbone", str(options.get("backbone") or "the same backbone"))]
    told += [f"{name}, SHA-256 {digest[:12]}" for name, digest in files.items()]
    if files and given:
        told.append(f"given {given['sample_rate']:,} Hz in windows of {given['window_seconds']:g} s")
    told += [f"layers {', '.join(layer_in_words(number, names) for number in range(len(names)))}"] if names else []
    told += [f"layer {options['layer']} is probed"] if names and isinstance(options.get("layer"), int) else []
    return "; ".join(filter(None, told))


def left_out(manifest: Mapping[str, Any]) -> list[str]:
    """What was not scored, and which clips were not read, a sentence each."""
    told = [f"{entry.get('task')} on {entry.get('dataset')}: {entry.get('why')}" for entry in _entries(manifest.get("left_out"))]
    datasets = manifest.get("datasets")
    for name, facts in datasets.items() if isinstance(datasets, dict) else ():
        skipped = facts.get("skipped") if isinstance(facts, dict) else None
        told += [f"{name}, clip {clip}: {why}" for clip, why in skipped.items()] if isinstance(skipped, dict) else []
    return told


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def facts(manifest: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Every other fact of a manifest, those that a reader wants first on top."""
    keys = [*(k for k in FIRST if k in manifest), *(k for k in manifest if k not in (*FIRST, *ELSEWHERE))]
    whole = [("all settings", manifest["config"])] if isinstance(manifest.get("config"), dict) else []
    timings = [("seconds of every job", manifest["timings"])] if manifest.get("timings") else []
    return [*((key.replace("_", " "), manifest[key]) for key in keys), *whole, *timings]
