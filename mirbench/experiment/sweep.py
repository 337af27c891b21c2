"""A finished run under more corruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.data_selection import register_own_data
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.experiment.resolve.records import KeptCheckpoints
from mirbench.experiment.resolve.resolve import learners
from mirbench.records import OVERLAP_MARK
from mirbench.registry import Registry
from mirbench.results.run_folder import RunFolder
from mirbench.settings.config import RunConfig, reconfigured


def swept(run_path: Path, overrides: Sequence[str], flags: Mapping[str, Any], registry: Registry) -> tuple[RunConfig, KeptCheckpoints]:
    """The settings of a finished run under more corruptions or severities, and the checkpoints that it left in the cache; a run of these
    adds to its folder.

    overrides, flags: settings, as `load_config` takes them; corruptions and severities among the flags are added to those that the run
    has been scored under. Raises MirbenchError where the folder is no run.
    """
    folder = RunFolder(run_path if run_path.name not in ("", "..") else run_path.resolve())
    manifest = folder.read_manifest()
    stored = {**manifest.get("config", {}), "output": str(folder.path.parent), "run_name": folder.name}
    config = reconfigured(stored, str(run_path), overrides, flags)
    pretraining = {"pretrain_on": config.pretrain_on, "supervise_with": config.supervise_with}  # may be gone: the checkpoints are kept
    config = register_own_data(config.model_copy(update={name: [] for name in pretraining}), registry).model_copy(update=pretraining)
    if not config.corruptions:
        raise MirbenchError(f"a sweep adds corruptions to {run_path}, and none was asked for; name some, or all.")
    config = _with_earlier(config, manifest, run_path, registry)
    keys = {
        (name.removesuffix(OVERLAP_MARK), int(seed)): checkpoint["key"]
        for name, about in manifest.get("encoders", {}).items()
        for seed, checkpoint in about.get("checkpoints", {}).items()
    }
    by = manifest.get("pretrained_by") or {name: manifest.get(name) for name in ("command", "git_commit", "versions", "machine")}
    kept = KeptCheckpoints(keys, by)
    if learners(resolve_entries(config, registry), kept):
        config = register_own_data(config, registry)
    return config, kept


def _with_earlier(config: RunConfig, manifest: Mapping[str, Any], run_path: Path, registry: Registry) -> RunConfig:
    """With the corruptions and severities that the run has been scored under."""
    scored, under = manifest.get("robustness") or {}, manifest.get("corruptions") or {}
    before = [name for name, about in under.items() if "shift_of" not in about]
    if not before:
        return config
    if lost := [name for name in before if name not in registry.corruptions]:
        raise MirbenchError(f"{run_path} was scored under '{lost[0]}', which no plugin provides; name its plugin with --plugin FILE.")
    corruptions = list(dict.fromkeys([*before, *config.corruptions]))
    severities = sorted({*scored.get("severities", []), *config.severities})
    return config.model_copy(update={"corruptions": corruptions, "severities": severities})
