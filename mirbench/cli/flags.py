"""What the commands have in common: options, how help and pages are shown, the cache. Imports nothing heavy."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from mirbench.cli.completing import configs, names_of


class Command(TyperCommand):
    def get_help(self, ctx: Any) -> str:
        """With arguments as they are typed; some releases of typer write {ENCODER} in the usage and ENCODER <str> below it."""
        text = re.sub(r"\{([\w|]+)(\.*)\}\.*", r"\1\2", super().get_help(ctx))
        return re.sub(r"(?m)^(  [A-Z.|]+)( <\S+>)", lambda found: found[1] + " " * len(found[2]), text)


Encoders = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder", metavar="NAME", autocompletion=names_of("encoder"), help="Encoder to score, or `all`; commas or repeats for several."
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks", metavar="NAMES", autocompletion=names_of("task"), help="Task to score it on, or `all`; commas or repeats for several."
    ),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        autocompletion=names_of("dataset"),
        help="Data set, or your own manifest or folder, or `all`; several by commas.",
    ),
]
Checkpoints = Annotated[
    list[str] | None,
    typer.Option("--checkpoint", metavar="DIR", help="Score what `mirbench pretrain` left there; repeat it. Alone, or beside --encoder."),
]
Probe = Annotated[
    list[str] | None,
    typer.Option(
        "--probe",
        metavar="NAME",
        autocompletion=names_of("probe", also=False),
        help="What is fitted on the frozen embeddings, such as linear or knn; several by commas.",
    ),
]
Corruptions = Annotated[
    list[str] | None,
    typer.Option(
        "--corruptions",
        metavar="NAMES",
        autocompletion=names_of("corruption"),
        help="Corruption to score under, or `all`, or `none`; commas or repeats for several.",
    ),
]
Severities = Annotated[str | None, typer.Option("--severities", metavar="N-M", help="Severities from 1 to 5, such as 1-5 or 1,3,5.")]
Shifts = Annotated[
    list[str] | None,
    typer.Option(
        "--shifts",
        metavar="NAMES",
        autocompletion=names_of("dataset", also=False),
        help="Other recordings of the test clips to score on too, or `none` [default: all known].",
    ),
]
PretrainOn = Annotated[
    list[str] | None,
    typer.Option(
        "--pretrain-on",
        metavar="NAME",
        autocompletion=names_of("dataset", also=False),
        help="Data set to train on, without its test split, in place of --dataset.",
    ),
]
SuperviseWith = Annotated[
    list[str] | None,
    typer.Option("--supervise-with", metavar="NAME:LABELS", help="The only labels used in pretraining, such as magnatagatune:tags."),
]
AllowOverlap = Annotated[
    bool, typer.Option("--allow-overlap", help="Score audio that was pretrained on too, marked in every table; it is refused otherwise.")
]
DataRoot = Annotated[
    str | None,
    typer.Option("--data-root", metavar="DIR", help="Holds published data sets, as DIR/gtzan/genres [default: MIRBENCH_DATA]."),
]
AllowOutside = Annotated[
    bool, typer.Option("--allow-outside", help="Let a manifest name files by absolute paths and by ../, wherever they are.")
]
SplitSeed = Annotated[
    int | None, typer.Option("--split-seed", metavar="N", help="Seed of the split that is made where your data have none.")
]
MaxBad = Annotated[
    str | None, typer.Option("--max-bad", metavar="SHARE", help="Share of a split that may be unreadable, such as 5% [default: 1%].")
]
Config = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        metavar="FILE",
        autocompletion=configs,
        help="YAML file of settings, or a shipped one's name (see mirbench list configs); several are merged.",
    ),
]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as probe.kind=mlp; repeat it.")]
FigureWidth = Annotated[
    str | None,
    typer.Option("--figure-width", metavar="WIDTH", help="How wide figures are: column, 3.3 in, or text, 7 in [default: text]."),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="The first seed.")]
Seeds = Annotated[int | None, typer.Option("--seeds", metavar="N", help="How many seeds, counting up from --seed.")]
Device = Annotated[str | None, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")]
Devices = Annotated[int | None, typer.Option("--devices", metavar="N", help="How many devices an encoder is pretrained on (of each node).")]
Executor = Annotated[
    str | None, typer.Option("--executor", metavar="NAME", help="local, or slurm: a cluster, as --set slurm.* says [default: local].")
]
Detach = Annotated[bool, typer.Option("--detach", help="With slurm: submit and go; `mirbench status` and `wait` tell of it.")]
ShardOf = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Make the I-th of N parts alone; any machine, any order. The last one gathers."),
]
Cache = Annotated[Path | None, typer.Option("--cache", metavar="DIR", help="Where finished work is kept [default: the user cache].")]
Plugins = Annotated[list[str] | None, typer.Option("--plugin", metavar="FILE", help="Python file with a plugin; repeat it.")]
Plan = Annotated[bool, typer.Option("--plan", help="Show what would be done, what is cached, and stop.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="With --plan: a line for each job.")]
AllMetrics = Annotated[bool, typer.Option("--all-metrics", help="Show every metric of a task, not its first alone.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress; print only where the results are.")]
OnlyVerdict = Annotated[bool, typer.Option("--quiet", help="No progress; print only the verdict.")]
OnlyFolder = Annotated[bool, typer.Option("--quiet", help="Of one data set that is there, print only its folder.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: all that is known, as JSON.")]


def set_quiet(quiet: bool) -> None:
    """No progress bars and lines from now on."""
    if quiet:
        os.environ["TQDM_DISABLE"] = os.environ["MIRBENCH_QUIET"] = "1"


def cache_folder(given: Path | None) -> Path:
    """What was given, or the user's."""
    from mirbench.engine import store

    return given or store.default_cache()


def executing(executor: str | None, detach: bool) -> dict[str, Any]:
    """The settings of --executor and --detach."""
    return {"executor": executor, "slurm": {"detach": True} if detach else None}


def say(page: Any) -> None:
    """Prints text as it is and all else as JSON; letters that the terminal does not have are written as escapes."""
    text = page if isinstance(page, str) else json.dumps(page, indent=2, default=str)
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))
