"""The command line: its commands, of which run, sweep and pretrain stand here, and the sentence for every mistake. Everything heavy is
imported when a command needs it."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import os
import shlex
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirbench import __version__
from mirbench.cli import cluster
from mirbench.cli.cache import app as cache_app
from mirbench.cli.check import check
from mirbench.cli.compare import compare, leaderboard
from mirbench.cli.completing import names_of
from mirbench.cli.corrupt import corrupt
from mirbench.cli.data import app as data_app
from mirbench.cli.doctor import doctor
from mirbench.cli.embed import embed
from mirbench.cli.export import export
from mirbench.cli.faults import in_a_sentence
from mirbench.cli.flags import (
    AllMetrics,
    AllowOutside,
    AllowOverlap,
    Cache,
    Checkpoints,
    Command,
    Config,
    Corruptions,
    DataRoot,
    Datasets,
    Debug,
    Detach,
    Device,
    Devices,
    Encoders,
    Executor,
    FigureWidth,
    MaxBad,
    Plan,
    Plugins,
    PretrainOn,
    Probe,
    Quiet,
    Seed,
    Seeds,
    Set,
    Severities,
    ShardOf,
    Shifts,
    SplitSeed,
    SuperviseWith,
    Tasks,
    Verbose,
    cache_folder,
    executing,
    set_quiet,
)
from mirbench.cli.listing import list_
from mirbench.cli.new import new
from mirbench.cli.report import columns, print_skipped, report, show_run
from mirbench.cli.share import share
from mirbench.engine.global_state import refuse_exit
from mirbench.engine.interrupts import stoppable, stopped_by
from mirbench.engine.machine import keep_memory
from mirbench.errors import Detached, MirbenchError, describe

if TYPE_CHECKING:
    from mirbench.engine.shards import Shard
    from mirbench.experiment.resolve.records import KeptCheckpoints
    from mirbench.registry.plugins import Registry
    from mirbench.settings.config import RunConfig

COMMANDS = (
    *("run", "sweep", "pretrain", "report", "compare", "leaderboard", "share", "embed", "export", "corrupt", "data", "cache", "new"),
    *("check", "doctor", "list", "status", "wait", "make"),
)
COMPLETING = "_MIRBENCH_COMPLETE"  # in the environment, where a shell asks
INTERRUPTED = 128 + signal.SIGINT  # what typer makes of Ctrl-C
UsageError: Any = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "UsageError")  # typer has click inside, or beside it


app = typer.Typer(
    name="mirbench",
    help="Is this music representation any good, and does it survive real-world audio?",
    epilog="Start with: mirbench run. Without options it pretrains semisupcon on the embedded music and probes it on all tasks.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(data_app)
app.add_typer(cache_app)


@app.callback(invoke_without_command=True)
def _root(ctx: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False) -> None:
    if version:
        print(f"mirbench {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


@app.command(cls=Command)
def run(
    encoder: Encoders = None,
    tasks: Tasks = None,
    dataset: Datasets = None,
    data_root: DataRoot = None,
    pretrain_on: PretrainOn = None,
    supervise_with: SuperviseWith = None,
    allow_overlap: AllowOverlap = False,
    allow_outside: AllowOutside = False,
    split_seed: SplitSeed = None,
    max_bad: MaxBad = None,
    checkpoint: Checkpoints = None,
    probe: Probe = None,
    corruptions: Corruptions = None,
    severities: Severities = None,
    shifts: Shifts = None,
    config: Config = None,
    settings: Set = None,
    seed: Seed = None,
    seeds: Seeds = None,
    device: Device = None,
    devices: Devices = None,
    executor: Executor = None,
    detach: Detach = False,
    figure_width: FigureWidth = None,
    all_metrics: AllMetrics = False,
    output: Annotated[str | None, typer.Option("--output", metavar="DIR", help="Where run folders go [default: results].")] = None,
    cache: Cache = None,
    plugin: Plugins = None,
    shard: ShardOf = None,
    plan: Plan = False,
    verbose: Verbose = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Pretrain, freeze and probe encoders; write the results.

    Scores are of clean audio, and of audio that is corrupted: a few corruptions at severities 1, 3 and 5, or those of --corruptions and
    --severities.
    """
    from mirbench.engine.shards import Shard

    flags: dict[str, Any] = {"encoders": encoder, "tasks": tasks, "datasets": dataset, "checkpoints": checkpoint, "output": output}
    flags |= {"seed": seed, "seeds": seeds, "device": device, "devices": devices, "corruptions": corruptions, "severities": severities}
    flags |= {"probe": probe, "shifts": shifts, "figure_width": figure_width}
    flags |= {"pretrain_on": pretrain_on, "supervise_with": supervise_with, "overlap": "allow" if allow_overlap else None}
    flags |= {**_data_flags(data_root, allow_outside, split_seed, max_bad), **executing(executor, detach)}
    chosen, registry = _prepare(config, settings, flags, plugin, quiet)
    _plan_or_run(chosen, registry, cache, plan, verbose, quiet, all_metrics=all_metrics, shard=Shard.parse(shard) if shard else None)


def _plan_or_run(
    config: RunConfig,
    registry: Registry,
    cache: Path | None,
    plan: bool,
    verbose: bool,
    quiet: bool,
    kept: KeptCheckpoints | None = None,
    all_metrics: bool = False,
    shard: Shard | None = None,
) -> None:
    if plan:
        from mirbench.experiment import run as experiment
        from mirbench.experiment.execution import looking_ahead
        from mirbench.experiment.planning.plan import describe_plan
        from mirbench.experiment.whole_run import tell_of_plan

        with looking_ahead(config, cache_folder(cache)) as config:
            planned = experiment.plan(config, registry, cache_folder(cache), kept)
        if shard is not None:
            from mirbench.experiment.shards import describe_part

            print(describe_part(planned, shard))
        print(describe_plan(planned, verbose))
        if not quiet:
            tell_of_plan(planned.resolved)
        return
    from mirbench.experiment.whole_run import run_part, run_whole

    command, place, width = shlex.join(["mirbench", *_argv]), cache_folder(cache), columns()
    if shard is None:
        show_run(*run_whole(config, registry, place, command, width, kept, quiet, all_metrics), quiet)
        return
    folder, text = run_part(config, registry, place, command, width, shard, quiet, all_metrics)
    if folder is not None:
        show_run(folder, text, quiet)
    elif not quiet:
        print(text)


@app.command(cls=Command)
def sweep(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    corruptions: Corruptions = None,
    severities: Severities = None,
    settings: Set = None,
    device: Device = None,
    executor: Executor = None,
    detach: Detach = False,
    data_root: DataRoot = None,
    cache: Cache = None,
    plugin: Plugins = None,
    plan: Plan = False,
    verbose: Verbose = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Score a finished run under more corruption, too.

    Nothing is pretrained: the checkpoints that the run left in the cache are used. Without --corruptions: under all there are. Severities
    are those of the whole run, so one that is added is added for all corruptions.
    """
    set_quiet(quiet)
    from mirbench import registry as registries
    from mirbench.experiment.sweep import swept

    flags = {"corruptions": corruptions or ["all"], "severities": severities, "device": device, "data_root": data_root}
    flags |= executing(executor, detach)
    registry = registries.load(plugin or [])
    chosen, kept = swept(run, settings or [], flags, registry)
    _plan_or_run(chosen, registry, cache, plan, verbose, quiet, kept)


@app.command(cls=Command)
def pretrain(
    encoder: Annotated[
        str, typer.Argument(metavar="ENCODER", autocompletion=names_of("encoder", also=False), help="The encoder to pretrain.")
    ],
    dataset: Datasets = None,
    data_root: DataRoot = None,
    supervise_with: SuperviseWith = None,
    allow_outside: AllowOutside = False,
    split_seed: SplitSeed = None,
    max_bad: MaxBad = None,
    config: Config = None,
    settings: Set = None,
    seed: Seed = None,
    seeds: Seeds = None,
    device: Device = None,
    devices: Devices = None,
    executor: Executor = None,
    detach: Detach = False,
    cache: Cache = None,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Pretrain one encoder and say where its checkpoints are. A later run takes them from the cache, or by --checkpoint."""
    flags: dict[str, Any] = {"encoders": [encoder], "datasets": dataset, "seed": seed, "seeds": seeds, "device": device}
    flags |= {"pretrain_on": [] if dataset else None}  # of a configuration
    flags |= {
        "devices": devices,
        "supervise_with": supervise_with,
        **_data_flags(data_root, allow_outside, split_seed, max_bad),
        **executing(executor, detach),
    }
    chosen, registry = _prepare(config, settings, flags, plugin, quiet)
    if not registry.get("encoder", encoder).trainable:
        trainable = ", ".join(name for name, other in registry.encoders.items() if other.trainable) or "none"
        raise MirbenchError(f"encoder '{encoder}' has nothing to learn; those that have: {trainable}.")
    from mirbench.experiment import run as experiment
    from mirbench.experiment.whole_run import say_nothing, tell_findings

    told = say_nothing if quiet else tell_findings
    checkpoints = experiment.pretrain(chosen, registry, cache_folder(cache), encoder, told, shlex.join(["mirbench", *_argv]))
    for folder, title in checkpoints.items():
        if not quiet:
            print_skipped(folder, title)
        print(folder if quiet or len(checkpoints) == 1 else f"{title}: {folder}")  # a single one by itself, for $(mirbench pretrain ...)


for _command in (*cluster.COMMANDS, report, compare, leaderboard, share, embed, export, corrupt, new, check, doctor):
    app.command(cls=Command)(_command)
app.command("list", cls=Command)(list_)


def _prepare(
    files: list[Path] | None, settings: list[str] | None, flags: dict[str, Any], plugins: list[str] | None, quiet: bool
) -> tuple[RunConfig, Registry]:
    """The settings and the plugins, checked against each other."""
    set_quiet(quiet)
    from mirbench.experiment.whole_run import settled

    return settled(files or [], settings or [], flags, plugins or [])


def _data_flags(data_root: str | None, allow_outside: bool, split_seed: int | None, max_bad: str | None) -> dict[str, Any]:
    return {"data_root": data_root, "allow_outside": allow_outside or None, "split_seed": split_seed, "max_bad": max_bad}


_argv: list[str] = []


def main(argv: list[str] | None = None) -> int:
    """The exit code: 0, 2 for a mistake told in one sentence, 1 for a fault of ours, 128 + n where signal n stopped it (130
    for Ctrl-C).

    argv: without the program's name; None for the process's own, which then ends here where a plugin left a thread running.
    """
    if argv is not None:
        return _main(argv)
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no error output
        faulthandler.enable()  # where a library crashes or a plugin aborts, says in whose code
    if sys.argv[1:2] in (["run"], ["sweep"], ["pretrain"]):
        keep_memory()
    leave = refuse_exit()  # for good: what a plugin left to be called at the end may not change the code either
    code = _main(None)
    main_thread = threading.main_thread()
    if any(thread is not main_thread and not thread.daemon for thread in threading.enumerate()):
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        leave(code)
    return code


def _main(argv: list[str] | None) -> int:
    _argv[:] = sys.argv[1:] if argv is None else argv
    debug = "--debug" in _argv or os.environ.get("MIRBENCH_DEBUG", "0") not in ("", "0")
    try:
        with stoppable():
            code = _run(debug)
    except KeyboardInterrupt:
        where = "" if _argv[:1] == ["corrupt"] else " in the cache"
        kept = f"; what is finished is kept{where}, and the same command goes on from there" if _argv[:1] != ["list"] else ""
        return _say(f"stopped{kept}.", None, 128 + (stopped_by() or signal.SIGINT))
    return code


def _run(debug: bool) -> int:
    """Raises KeyboardInterrupt where it is stopped."""
    try:
        code = app(args=list(_argv), prog_name="mirbench", standalone_mode=False)
        sys.stdout.flush()
    except UsageError as error:
        command = next((f" {name}" for name in _argv[:1] if name in COMMANDS), "")
        text = " ".join(error.format_message().split())
        return _say(f"{text if text.endswith('?') else text.removesuffix('.') + '.'} See mirbench{command} --help.", None)
    except MirbenchError as error:
        return _say(str(error), error if debug else None)
    except Detached as submitted:
        print(submitted)
        return 0
    except SystemExit as error:
        if COMPLETING in os.environ or any(word in ("--show-completion", "--install-completion") for word in _argv):
            return error.code if isinstance(error.code, int) else 0  # typer's way out
        if isinstance(error.__context__, BrokenPipeError):
            return 0  # of which typer makes an exit
        if debug:
            traceback.print_exception(error)
        return _say(f"a plugin, or a package, ended the program by {describe(error)}; --debug shows where.", None, 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `mirbench list | head` is no mistake
        return 0
    except Exception as error:
        if isinstance(error, typer.Abort) and not isinstance(error.__cause__, EOFError):
            raise KeyboardInterrupt from error
        fault = error.__cause__ if isinstance(error, typer.Abort) else error  # typer takes the end of a file for that of the input
        assert isinstance(fault, Exception)
        if debug:
            traceback.print_exception(fault)
        return _unexpected(fault)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _unexpected(error: Exception) -> int:
    """A sentence for what can go wrong anywhere, or that it should not have."""
    if (sentence := in_a_sentence(error)) is not None:
        return _say(sentence, None)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.filename}:{frame.lineno}"
    text = describe(error)
    return _say(f"this should not have happened: {text} ({where}); run it again with --debug and report what it shows.", None, 1)


def _say(sentence: str, error: BaseException | None, code: int = 2) -> int:
    if error is not None:
        traceback.print_exception(error)
    print(f"mirbench: {sentence}", file=sys.stderr)
    return code
