"""The command line: run, sweep, pretrain, report, corrupt, data, list. Everything heavy is imported when a command needs it."""

from __future__ import annotations

import errno
import json
import os
import shlex
import sys
import textwrap
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirbench import __version__
from mirbench.cli.data import app as data_app
from mirbench.cli.flags import (
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
    Device,
    Devices,
    Encoders,
    Json,
    MaxBad,
    Plan,
    Plugins,
    PretrainOn,
    Quiet,
    Seed,
    Seeds,
    Set,
    Severities,
    SplitSeed,
    SuperviseWith,
    Tasks,
    Verbose,
    cache_folder,
    set_quiet,
)
from mirbench.errors import MirbenchError, describe, did_you_mean

if TYPE_CHECKING:
    from mirbench.experiment.resolve.records import KeptCheckpoints
    from mirbench.registry.plugins import Registry
    from mirbench.settings.config import RunConfig

COMMANDS = ("run", "sweep", "pretrain", "report", "corrupt", "data", "list")
LISTED = ("encoders", "tasks", "datasets", "corruptions", "backbones", "supervisions", "configs", "plugins")
LINE = 70  # characters of a description in a line of `mirbench list`
RUN_FILES = ("report.html", "tables", "figures", "scores.csv", "predictions", "manifest.json")
UsageError: Any = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "UsageError")  # typer has click inside, or beside it


app = typer.Typer(
    name="mirbench",
    help="Is this music representation any good, and does it survive real-world audio?",
    epilog="Start with: mirbench run. Without options it pretrains semisupcon on the embedded music and probes it on all tasks.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(data_app)


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
    corruptions: Corruptions = None,
    severities: Severities = None,
    config: Config = None,
    settings: Set = None,
    seed: Seed = None,
    seeds: Seeds = None,
    device: Device = None,
    devices: Devices = None,
    output: Annotated[str | None, typer.Option("--output", metavar="DIR", help="Where run folders go [default: results].")] = None,
    cache: Cache = None,
    plugin: Plugins = None,
    plan: Plan = False,
    verbose: Verbose = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Pretrain, freeze and probe encoders; write tables and figures.

    Scores are of clean audio, and of audio that is corrupted: a few corruptions at five severities, or those of --corruptions.
    """
    flags: dict[str, Any] = {"encoders": encoder, "tasks": tasks, "datasets": dataset, "checkpoints": checkpoint, "output": output}
    flags |= {"seed": seed, "seeds": seeds, "device": device, "devices": devices, "corruptions": corruptions, "severities": severities}
    flags |= {"pretrain_on": pretrain_on, "supervise_with": supervise_with, "overlap": "allow" if allow_overlap else None}
    flags |= _data_flags(data_root, allow_outside, split_seed, max_bad)
    chosen, registry = _prepare(config, settings, flags, plugin, quiet)
    _plan_or_run(chosen, registry, cache, plan, verbose, quiet)


def _plan_or_run(
    config: RunConfig, registry: Registry, cache: Path | None, plan: bool, verbose: bool, quiet: bool, kept: KeptCheckpoints | None = None
) -> None:
    from mirbench.experiment import run as experiment

    if plan:
        from mirbench.experiment.build.plan import describe_plan

        print(describe_plan(experiment.plan(config, registry, cache_folder(cache), kept), verbose))
        return
    _show(experiment.run(config, registry, cache_folder(cache), shlex.join(["mirbench", *_argv]), kept), quiet)


@app.command(cls=Command)
def sweep(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    corruptions: Corruptions = None,
    severities: Severities = None,
    settings: Set = None,
    device: Device = None,
    data_root: DataRoot = None,
    cache: Cache = None,
    plugin: Plugins = None,
    plan: Plan = False,
    verbose: Verbose = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Score a finished run under more corruption, and add that to it.

    Nothing is pretrained: the checkpoints that the run left in the cache are used. Without --corruptions: under all there are. Severities
    are those of the whole run, so one that is added is added for all corruptions.
    """
    set_quiet(quiet)
    from mirbench import registry as registries
    from mirbench.experiment.sweep import swept

    flags = {"corruptions": corruptions or ["all"], "severities": severities, "device": device, "data_root": data_root}
    registry = registries.load(plugin or [])
    chosen, kept = swept(run, settings or [], flags, registry)
    _plan_or_run(chosen, registry, cache, plan, verbose, quiet, kept)


def _show(folder: Path, quiet: bool) -> None:
    """The scores of a finished run, and where everything lies."""
    from mirbench import reporting

    table = reporting.table_text(folder) if reporting.up_to_date(folder) else reporting.report([folder]).table_text
    if quiet:
        print(folder)
        return
    print(table.rstrip())
    print(f"\nEverything lies in {folder}:")
    for name in RUN_FILES:
        if (folder / name).exists():
            print(f"  {folder / name}")


@app.command(cls=Command)
def pretrain(
    encoder: Annotated[str, typer.Argument(metavar="ENCODER", help="The encoder to pretrain.")],
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
    cache: Cache = None,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Pretrain one encoder and say where its checkpoints are. A later run takes them from the cache, or by --checkpoint."""
    flags: dict[str, Any] = {"encoders": [encoder], "datasets": dataset, "seed": seed, "seeds": seeds, "device": device}
    flags |= {"pretrain_on": [] if dataset else None}  # of a configuration
    flags |= {"devices": devices, "supervise_with": supervise_with, **_data_flags(data_root, allow_outside, split_seed, max_bad)}
    chosen, registry = _prepare(config, settings, flags, plugin, quiet)
    if not registry.get("encoder", encoder).trainable:
        trainable = ", ".join(name for name, other in registry.encoders.items() if other.trainable) or "none"
        raise MirbenchError(f"encoder '{encoder}' has nothing to learn; those that have: {trainable}.")
    from mirbench.experiment import run as experiment

    found = experiment.pretrain(chosen, registry, cache_folder(cache), encoder)
    for folder, title in found.items():
        if not quiet:
            _print_skipped(folder, title)
        print(folder if quiet or len(found) == 1 else f"{title}: {folder}")  # a single one by itself, for $(mirbench pretrain ...)


def _print_skipped(checkpoint: Path, title: str) -> None:
    """On the error output, since the output is the checkpoint."""
    from mirbench.results.run_folder import skipped_in_words

    path = checkpoint / "report.json"
    skipped = json.loads(path.read_text(encoding="utf-8")).get("skipped", {}) if path.is_file() else {}
    for line in skipped_in_words(f"that {title} is pretrained on", skipped, str(path)):
        print(f"mirbench: {line}", file=sys.stderr)


@app.command(cls=Command)
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders; several become one report.")],
    output: Annotated[Path | None, typer.Option("--output", metavar="DIR", help="Where to write [default: the run folder].")] = None,
    debug: Debug = False,
) -> None:
    """Make the tables and figures of finished runs again."""
    for folder in runs:
        if not folder.is_dir():
            raise MirbenchError(f"there is no run folder {folder}; give a folder that `mirbench run` wrote, such as results/NAME.")
    from mirbench import reporting

    print(reporting.report(runs, output).table_text)
    print(f"\nWritten to {output or runs[0]}.")


@app.command(cls=Command)
def corrupt(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The audio file; its channels become one, as in a run.")],
    corruption: Annotated[str, typer.Option("--corruption", metavar="NAME", help="What is done to it (see mirbench list corruptions).")],
    severity: Annotated[
        int | None, typer.Option("--severity", metavar="N", help="How much of it, from mild (1) to harsh (5). This or --level.")
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="X", help="One of its levels instead, in its own unit, such as 20 for 20 dB SNR.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="WAV file to write [default: here, as song.white-noise-3.wav].")
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option("--sample-rate", metavar="HZ", help="Resample to this first, such as 22050 [default: the file's own].")
    ] = None,
    replicate: Annotated[int, typer.Option("--replicate", metavar="N", help="Which draw of what is random.")] = 0,
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="NAME", help="Whose training clips are mixed in, by a corruption that mixes some in.")
    ] = "mini",
    cache: Cache = None,
    plugin: Plugins = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Write a file as it sounds under a corruption, to listen to.

    A run does the same to each clip, at a sample rate of its own and with another draw of what is random. Nothing is scaled or cut to fit:
    the WAV file holds 32-bit floats. The same command writes the same file.
    """
    set_quiet(quiet)
    from mirbench import registry as registries
    from mirbench.experiment import corrupt as corrupting

    registry = registries.load(plugin or [])
    condition = corrupting.condition_of(registry.get("corruption", corruption), severity, level)
    out, told = corrupting.corrupt_file(file, output, condition, registry, cache_folder(cache), dataset, sample_rate, replicate)
    print(out if quiet else told)


@app.command("list", cls=Command)
def list_(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help=f"One of {', '.join(LISTED)}; all of them if left out.")] = None,
    as_json: Json = False,
    plugin: Plugins = None,
    debug: Debug = False,
) -> None:
    """Show what there is to choose from, and who provides it."""
    if kind is not None and kind not in LISTED:
        hint = did_you_mean(kind, LISTED)
        raise MirbenchError(f"mirbench list does not know '{kind}'{';' + hint if hint else '.'} Known: {', '.join(LISTED)}.")
    from mirbench import registry as registries

    registry = registries.load(plugin or [])
    tables = {name: _rows(registry, name) for name in ([kind] if kind else LISTED)}
    for failure in registry.failures:
        print(f"mirbench: {failure.provider} failed to load: {failure.reason}.", file=sys.stderr)
        if debug:
            print(failure.traceback, file=sys.stderr)
    if as_json:
        print(json.dumps(tables[kind] if kind else tables, indent=2, default=str))
        return
    for name, rows in tables.items():
        if kind is None:
            print(f"{'' if name == LISTED[0] else chr(10)}{name}")
        _print_rows([(row["name"], _in_words(name, row), row["provider"]) for row in rows], "" if kind else "  ")


def _prepare(
    files: list[Path] | None, settings: list[str] | None, flags: dict[str, Any], plugins: list[str] | None, quiet: bool
) -> tuple[RunConfig, Registry]:
    """The settings and the plugins, checked against each other."""
    set_quiet(quiet)
    from mirbench import registry as registries
    from mirbench.experiment.resolve.resolve import settle
    from mirbench.settings import config as configs

    config = configs.load_config(files or [], settings or [], flags)
    registry = registries.load(plugins or [])
    return settle(config, registry), registry


def _data_flags(data_root: str | None, allow_outside: bool, split_seed: int | None, max_bad: str | None) -> dict[str, Any]:
    return {"data_root": data_root, "allow_outside": allow_outside or None, "split_seed": split_seed, "max_bad": max_bad}


def _rows(registry: Registry, kind: str) -> list[dict[str, Any]]:
    if kind == "plugins":
        return _plugin_rows(registry)
    if kind == "configs":
        from mirbench.settings import config

        return [{"name": n, "description": config.purpose(f), "provider": "mirbench", "file": str(f)} for n, f in config.shipped().items()]
    fields = {
        "encoders": ("trainable", "seeded", "sample_rate", "window_seconds", "options"),
        "tasks": ("annotation", "target", "metrics", "classes", "changed_by"),
        "datasets": ("version", "licence", "home", "citation"),
        "corruptions": ("unit", "levels", "alters", "limits", "counted", "others"),
        "backbones": (),
        "supervisions": ("annotation", "target", "options"),
    }[kind]
    single = kind.removesuffix("s")
    rows = []
    for name, noun in registry.nouns(single).items():
        row = {"name": name, "description": noun.description, "provider": registry.provider(single, name)}
        rows.append(row | {field: _plain(getattr(noun, field)) for field in fields})
    return rows


def _plugin_rows(registry: Registry) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for plugin in registry.plugins:
        provides = [f"{kind} {name}" for kind, names in plugin.provides.items() for name in names]
        about = {"door": plugin.door, "version": plugin.version, "file": plugin.file, "provides": plugin.provides}
        rows.append({"name": plugin.name, "description": ", ".join(provides) or "nothing", "provider": plugin.provider} | about)
    for failure in registry.failures:
        row = {"name": failure.name, "description": f"failed to load: {failure.reason}", "provider": failure.provider}
        rows.append({**row, "traceback": failure.traceback})
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [item if isinstance(item, (str, int, float)) else getattr(item, "name", str(item)) for item in value]
    return dict(value) if hasattr(value, "keys") else value


def _in_words(kind: str, row: dict[str, Any]) -> str:
    """A row's description; on a line of their own, of a supervision what it reads and its options, of a corruption its levels."""
    if kind == "corruptions":
        from mirbench.notation import in_unit

        facts = [in_unit(row["levels"], row["unit"])]
        facts += [f"alters {' and '.join(row['alters'])}"] if row["alters"] else []
        facts += [] if row["counted"] else ["not counted in the robustness scores"]
        return f"{row['description']}\n{'; '.join(facts)}"
    if kind != "supervisions":
        return str(row["description"])
    options = ", ".join(f"{name}={value}" for name, value in row["options"].items())
    return f"{row['description']}\nreads: {row['annotation'] or 'what `annotation` names'}; options: {options or 'none'}"


def _print_rows(rows: list[tuple[str, str, str]], indent: str) -> None:
    """Descriptions of more than LINE characters go on in the lines below."""
    if not rows:
        print(f"{indent}none")
    told = [[line for part in text.split("\n") for line in textwrap.wrap(part, LINE) or [""]] for _, text, _ in rows]
    widths = [max((len(name) for name, _, _ in rows), default=0), max((len(line) for lines in told for line in lines), default=0)]
    for (name, _, provider), (first, *rest) in zip(rows, told, strict=True):
        print(f"{indent}{name:{widths[0]}}  {first:{widths[1]}}  ({provider})")
        for line in rest:
            print(f"{indent}{'':{widths[0]}}  {line}")


_argv: list[str] = []


def main(argv: list[str] | None = None) -> int:
    """The exit code: 0, 2 for a mistake told in one sentence, 1 for a fault of ours, 130 for Ctrl-C."""
    _argv[:] = sys.argv[1:] if argv is None else argv
    debug = "--debug" in _argv or os.environ.get("MIRBENCH_DEBUG", "0") not in ("", "0")
    try:
        code = app(args=list(_argv), prog_name="mirbench", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except UsageError as error:
        command = next((f" {name}" for name in _argv[:1] if name in COMMANDS), "")
        text = " ".join(error.format_message().split())
        return _say(f"{text if text.endswith('?') else text.removesuffix('.') + '.'} See mirbench{command} --help.", None)
    except MirbenchError as error:
        return _say(str(error), error if debug else None)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `mirbench list | head` is no mistake
        return 0
    except Exception as error:
        if debug:
            traceback.print_exception(error)
        return _unexpected(error)
    if code == 130:
        kept = "; what is finished is kept in the cache, and the same command goes on from there" if _argv[:1] != ["list"] else ""
        return _say(f"stopped{kept}.", None, 130)
    return code if isinstance(code, int) else 0


def _unexpected(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _say("the disk is full; free some space or choose another place with --cache or --output.", None)
    if isinstance(error, OSError) and error.filename is not None:
        return _say(f"cannot use {error.filename}: {error.strerror}.", None)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.filename}:{frame.lineno}"
    text = describe(error)
    return _say(f"this should not have happened: {text} ({where}); run it again with --debug and report what it shows.", None, 1)


def _say(sentence: str, error: BaseException | None, code: int = 2) -> int:
    if error is not None:
        traceback.print_exception(error)
    print(f"mirbench: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
