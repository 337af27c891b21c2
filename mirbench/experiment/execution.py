"""Where the jobs of a command are made, on this machine or on a cluster, as its settings say."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.executor import Executor, LocalExecutor
from mirbench.engine.files import tell
from mirbench.engine.machine import Decided, gpus_of
from mirbench.engine.store import key_of
from mirbench.errors import Detached, MirbenchError
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.experiment.resolve.records import KeptCheckpoints, Resolved
from mirbench.registry import Registry
from mirbench.settings.config import RunConfig

if TYPE_CHECKING:
    from mirbench.engine.slurm.submission import Submission


@dataclass
class Execution:
    """config: with what `auto` comes to there. finished: what the command leaves, to be said when it is there."""

    config: RunConfig
    of: Callable[[Resolved], Executor]
    finished: str = ""


def local(
    config: RunConfig, registry: Registry, cache: Path, plan_again: Any = None, kept: KeptCheckpoints | None = None
) -> Callable[[Resolved], Executor]:
    """plan_again: (settings, plugins, cache, kept checkpoints) -> graph and store, in a process of its own; where it is given, what can be
    divided is made by a process for each GPU, if there are several."""

    def executor(resolved: Resolved) -> Executor:
        gpus = gpus_of(resolved.machine.device) if plan_again else []
        if len(gpus) > 1 and (name := _held(config, registry) or _unknown_again(config, registry)):
            tell(f"other processes cannot know that they have the same encoder '{name}', so one of {len(gpus)} GPUs is used.")
            gpus = []
        if len(gpus) < 2:
            return LocalExecutor(resolved.store, config.keep_megabytes)
        from mirbench.engine.gpu_processes import sharing

        again = functools.partial(plan_again, config, _plugins(registry), cache.resolve(), kept)
        decided = Decided(resolved.machine.device, resolved.machine.bfloat16, resolved.machine.name)
        return LocalExecutor(resolved.store, config.keep_megabytes, functools.partial(sharing, again, gpus, decided))

    return executor


@contextlib.contextmanager
def execution(
    config: RunConfig,
    registry: Registry,
    cache: Path,
    command: str,
    make: Any,
    what: Sequence[Any],
    kept: KeptCheckpoints | None = None,
    plan_again: Any = None,
) -> Iterator[Execution]:
    """While the block runs, keys are those of the machines that compute. command: as a person typed it; make: (settings, plugins, cache,
    kept checkpoints, *what, keys) -> outcome, in a process of its own; plan_again: as of `local`. Raises MirbenchError where that cannot be
    had."""
    if config.executor == "local":
        yield Execution(config, local(config, registry, cache, plan_again, kept))
        return
    from mirbench.engine.machine import deciding
    from mirbench.engine.slurm.executor import SlurmExecutor
    from mirbench.engine.slurm.nodes import find_nodes

    cache, profile, plugins = cache.resolve(), config.slurm.profile, _plugins(registry)
    _refuse(config, command, registry)
    decided = find_nodes(cache, profile, config.device)
    chosen = config.model_copy(update={"device": decided.device})
    submission = _submission(config, plugins, cache, kept, what, command)
    remote = functools.partial(make, chosen, plugins, cache, kept, *what)
    argv = shlex.split(command)[1:]

    def executor(resolved: Resolved) -> Executor:
        return SlurmExecutor(resolved.store, config.keep_megabytes, remote, profile, decided, submission, argv)

    found = Execution(chosen, executor)
    try:
        with deciding(decided):
            yield found
    except Detached:
        raise
    except Exception as error:
        with submission.changing():
            submission.error = str(error)
        raise
    with submission.changing():
        submission.run = found.finished


@contextlib.contextmanager
def looking_ahead(config: RunConfig, cache: Path) -> Iterator[RunConfig]:
    """For what is planned and not made: the settings, and keys while the block runs, of the machines that would compute, as far as they are
    known."""
    if config.executor == "local":
        yield config
        return
    from mirbench.engine.machine import deciding
    from mirbench.engine.slurm.nodes import known_nodes

    if (known := known_nodes(cache.resolve(), config.slurm.profile, config.device)) is None:
        tell("what the nodes are is not known before a first run there; this is the plan for this machine.", always=True)
        yield config.model_copy(update={"device": "cpu"}) if config.device == "cuda" else config
        return
    with deciding(known):
        yield config.model_copy(update={"device": known.device})


def _submission(
    config: RunConfig, plugins: Sequence[str], cache: Path, kept: KeptCheckpoints | None, what: Sequence[Any], command: str
) -> Submission:
    """Of the same settings, but for what is asked of the cluster, the same; begun anew where nothing of it is in the queue."""
    from mirbench.engine.slurm.node import CONTINUES
    from mirbench.engine.slurm.queue import Unanswered, states
    from mirbench.engine.slurm.submission import FOLDER, Submission

    said = config.model_dump(exclude={"executor", "slurm"}) | ({"nodes": config.slurm.nodes} if config.slurm.nodes > 1 else {})
    key = key_of(config=said, plugins=list(plugins), what=list(what), kept=sorted(kept.keys.values()) if kept else [])
    names = "+".join(config.encoders) or "checkpoints"
    submission = Submission(cache / FOLDER / f"{names[:40]}-{key[:6]}")
    with submission.changing():
        if CONTINUES not in os.environ:
            try:
                goes_on = submission.goes_on(states(submission.job_name))
            except Unanswered as error:
                raise MirbenchError(f"Slurm does not answer ({error}); run the same command again when it does.") from error
            if not goes_on:
                submission.begin(command)
    return submission


def _plugins(registry: Registry) -> list[str]:
    """As --plugin takes them, from wherever."""
    given = [plugin for plugin in registry.plugins if plugin.door == "file"]
    return [str(Path(plugin.file).resolve()) if plugin.file.endswith(".py") and plugin.provider.endswith(".py") else plugin.provider
            for plugin in given]  # fmt: skip


def _held(config: RunConfig, registry: Registry) -> str | None:
    """An encoder that is a function of this program."""
    return next((name for name in config.encoders if getattr(registry.get("encoder", name), "held", False)), None)


def _unknown_again(config: RunConfig, registry: Registry) -> str | None:
    """An encoder of which nothing tells another process whether it has the same."""
    for entry in resolve_entries(config, registry):
        known_again = getattr(entry.encoder, "known_again", None)
        if known_again is not None and not known_again(entry.options):
            return entry.encoder.name
    return None


def _refuse(config: RunConfig, command: str, registry: Registry) -> None:
    if name := _held(config, registry):
        raise MirbenchError(
            f"encoder '{name}' is a function of this program, which other machines do not have; write it into a plugin, or take its "
            "address, --encoder python:MODULE:NAME."
        )
    if name := _unknown_again(config, registry):
        raise MirbenchError(
            f"nothing tells another machine that it has the same encoder '{name}'; say what it is, and something else when it changes, by "
            f"--set options.{name}.identity=TEXT."
        )
    if config.slurm.gpus and config.device != "cpu" and config.devices > config.slurm.gpus:
        raise MirbenchError(
            f"{config.devices} devices were asked for, and slurm.gpus is {config.slurm.gpus}, which is the most that a job asks for; set "
            f"slurm.gpus={config.devices}, or --devices {config.slurm.gpus}."
        )
    if config.slurm.detach and not command.startswith("mirbench "):
        raise MirbenchError("slurm.detach is for the command line, which is what goes on; leave it out, or use mirbench run --detach.")
