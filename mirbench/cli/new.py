"""`mirbench new`: a first plugin of each kind that works as it is, with its test. Everything heavy is imported when it is needed."""

from __future__ import annotations

import importlib.util
import json
import keyword
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirbench.cli.flags import Debug
from mirbench.errors import MirbenchError, did_you_mean, printable

if TYPE_CHECKING:
    from mirbench.evaluation.embedding.models import ModelFacts

TEMPLATES = Path(__file__).parent / "templates"
KINDS = {  # of each, the flag of `mirbench run` that takes it, as words after the plugin's name
    "task": "--tasks {name} --config quick",
    "encoder": "--encoder {name} --tasks all --config quick",
    "dataset": "--dataset {name} --encoder handcrafted --corruptions none",
    "corruption": "--corruptions {name} --encoder handcrafted --config quick",
    "supervision": "--encoder semisupcon --set options.semisupcon.supervision={name} --config quick",
    "backbone": "--encoder simclr --set options.simclr.backbone={name} --config quick",
}
SOURCES = {  # of encoders: what a stand-in of the model is called, the rate that it takes, and the extra that runs it
    "callable": ("", 22_050, ""),
    "hf": ("-model", 16_000, "[hf]"),
    "onnx": (".onnx", 16_000, "[onnx]"),
    "torchscript": (".pt", 16_000, ""),
}
HOW = ("none", "zero-mean-unit-variance")  # normalise
LINE = 120  # characters of a line of names
LEAST_RATE, MOST_RATE = 1_000, 384_000  # Hz
PROSE = {"dataset": "data set"}


def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.", show_default=False)],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is to be called, such as my-encoder.", show_default=False)],
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="SOURCE", help=f"What an encoder is made of: {', '.join(SOURCES)}; asked for if left out."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="The model's file, or OWNER/NAME of the hub [default: a small stand-in].")
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate", metavar="HERTZ", help="Sample rate of the audio that a model takes whose file says none.", show_default=False
        ),
    ] = None,
    normalise: Annotated[
        str | None,
        typer.Option(
            "--normalise",
            metavar="HOW",
            help=f"What is done to the audio of a model whose file says nothing: {' or '.join(HOW)}.",
            show_default=False,
        ),
    ] = None,
    package: Annotated[
        bool, typer.Option("--package", help="A project that pip installs, with entry point, test, CI file and README, in a folder NAME.")
    ] = False,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to write into [default: here].", show_default=False)
    ] = Path("."),
    debug: Debug = False,
) -> None:
    """Write a first plugin that works, and its test.

    One file NAME.py with a test beside it, or by --package a project. What is written passes `mirbench check` and its own test; change
    what it does, and look again.
    """
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS)
        raise MirbenchError(f"mirbench new makes no '{printable(kind)}'{';' + hint if hint else '.'} It makes one of {', '.join(KINDS)}.")
    module = checked_name(kind, name)
    source = _source(kind, source, model)
    folder = output / name if package else output
    values = _values(kind, name, module, source, model, package, {"sample_rate": rate, "normalise": normalise})
    beside_plugin = folder / "src" / module if package else folder
    values["path"] = _path(values["model"], values["stand_in"], beside_plugin)
    values |= {"package": package, "tested": [*(["src", module] if package else []), "__init__.py" if package else f"{module}.py"]}
    files = _files(kind, module, source, values, package)
    there = [path for path in files if (folder / path).exists()]
    stand_in = values["model"] if values["stand_in"] else ""
    beside = Path("src", module, stand_in) if package else Path(stand_in)
    there += [beside] if stand_in and (folder / beside).exists() else []
    if there:
        raise MirbenchError(f"{folder / there[0]} is there already; give another name, or another folder by -o.")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    if stand_in:
        _copy_stand_in(source, folder / beside)
    _tell(kind, name, folder, [*files, *([beside] if stand_in else [])], package)


def checked_name(kind: str, name: str) -> str:
    """The name of a Python module for it. Raises MirbenchError for what is no name of a plugin's, is taken, or would hide a module."""
    from mirbench.registry import load
    from mirbench.registry.contract import RESERVED, kebab

    if name != kebab(name) or name in RESERVED or name[0].isdigit():
        hint = kebab(name).lstrip("0123456789-")
        hint = f", such as '{hint}'" if hint and hint not in RESERVED and hint != name else ""
        raise MirbenchError(f"'{printable(name)}' is no name for it; write lower-case letters and digits with hyphens between{hint}.")
    registry = load()
    if name in registry.nouns(kind):
        raise MirbenchError(f"{registry.provider(kind, name)} has a {PROSE.get(kind, kind)} '{name}' already; give another name.")
    module = name.replace("-", "_")
    taken = keyword.iskeyword(module) or module in sys.stdlib_module_names or importlib.util.find_spec(module) is not None
    if taken and not Path(f"{module}.py").is_file():
        raise MirbenchError(f"a file {module}.py would hide the Python module of that name; give another name, such as 'my-{name}'.")
    return module


def _source(kind: str, source: str | None, model: str | None) -> str:
    """What an encoder is made of; nothing for another kind."""
    if kind != "encoder":
        if source is not None or model is not None:
            raise MirbenchError(f"--from and --model are for encoders; leave {'--from' if source is not None else '--model'} out.")
        return ""
    if source is None and not sys.stdin.isatty():
        raise MirbenchError(f"an encoder is made of something; say what: --from {', --from '.join(SOURCES)}.")
    source = source if source is not None else typer.prompt(f"What is it made of ({', '.join(SOURCES)})", default="callable")
    if source not in SOURCES:
        hint = did_you_mean(source, SOURCES)
        raise MirbenchError(f"--from {printable(source)} is unknown{';' + hint if hint else '.'} It is one of {', '.join(SOURCES)}.")
    if model is not None and source == "callable":
        raise MirbenchError("--model is for hf, onnx and torchscript; leave it out, and write the function into the file.")
    if model is not None and source != "hf" and not Path(model).expanduser().is_file():
        raise MirbenchError(f"there is no file {model}; give the model's file by --model, or leave it out for a stand-in.")
    return source


def _values(kind: str, name: str, module: str, source: str, model: str | None, package: bool, said: Mapping[str, Any]) -> dict[str, Any]:
    """What the templates are filled with. said: of the audio, by flags; None for what was not given."""
    ending, rate, extra = SOURCES.get(source, ("", 0, ""))
    there = model is not None and Path(model).expanduser().exists()
    written = f"{name}{ending}" if model is None else os.path.abspath(Path(model).expanduser()) if there else model
    cls = "".join(word.capitalize() for word in name.split("-"))
    about: dict[str, Any] = {"name": name, "module": module, "cls": cls, "file": name if package else f"{module}.py"}
    about |= {"kind_in_words": PROSE.get(kind, kind), "extra": extra}
    about |= _facts(source, model and written, rate, said)
    return {**about, "model": written, "model_name": Path(written).name, "stand_in": model is None and bool(ending)}


def _path(model: str, stand_in: bool, beside: Path) -> str:
    """Python for where a model lies: beside the plugin or below it, so that both can be moved; else where it is now. Nothing for one that
    is no file here. model: absolute; beside: the plugin's folder."""
    if stand_in:
        return f"Path(__file__).with_name({quoted(model)})"
    if not os.path.isabs(model) or not os.path.exists(model):
        return ""
    folder = Path(os.path.abspath(beside))
    if Path(model).is_relative_to(folder):
        return f"Path(__file__).parent / {quoted(Path(model).relative_to(folder).as_posix())}"
    return f"Path({quoted(Path(model).as_posix())})"


def _outputs(names: Sequence[str]) -> str:
    """Names as lines of a docstring."""
    text = ", ".join(names).replace("\\", "\\\\").replace('"', r"\"")
    return textwrap.fill(text, LINE, initial_indent=" " * 4, subsequent_indent=" " * 4, break_long_words=False, break_on_hyphens=False)


def quoted(text: str) -> str:
    """As a string of Python."""
    return json.dumps(text, ensure_ascii=False)


def _facts(source: str, model: str | None, rate: int, said: Mapping[str, Any]) -> dict[str, Any]:
    """Of an ONNX or TorchScript model, or of the stand-in where there is none: `outputs`, their names; `trained_on`; and `rate` and
    `normalise` of its audio, where these are said and its file does not say them. Raises MirbenchError for a file that cannot be such an
    encoder, and for what neither says, or both."""
    from mirbench.evaluation.embedding.models import MODEL, ModelEncoder, ModelFacts
    from mirbench.registry import load

    known, told = ModelFacts(names=("embedding",)), {"sample_rate": rate, "normalise": HOW[0]}
    if model is not None and source in ("onnx", "torchscript"):
        encoder = load().schemes[source].encoder(model)
        assert isinstance(encoder, ModelEncoder)
        if why := encoder.missing(encoder.options):
            raise MirbenchError(why)
        known = encoder.facts(encoder.options)
        told = _told(encoder.model, known, said)
        encoder.check({**encoder.options, "sample_rate": told["sample_rate"] or 0, "normalise": told["normalise"] or MODEL})
    elif any(value is not None for value in said.values()):
        flag = "--rate" if said["sample_rate"] is not None else "--normalise"
        raise MirbenchError(
            f"{flag} is for a model's file in ONNX or TorchScript, given by --model; leave it out, and change what is written."
        )
    of_audio = {"rate": told["sample_rate"] and f"{told['sample_rate']:_}", "normalise": told["normalise"]}
    return {"outputs": _outputs(known.names), "trained_on": repr(tuple(known.trained_on)), **of_audio}


def _told(model: str, known: ModelFacts, said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of the audio of a model, asked for at a terminal where its file says nothing either. Raises MirbenchError elsewhere,
    and for what its file says otherwise or what cannot be."""
    in_file = {"sample_rate": known.sample_rate, "normalise": known.normalises}
    for name, flag in (("sample_rate", "--rate"), ("normalise", "--normalise")):
        if said[name] is not None and in_file[name] is not None:
            raise MirbenchError(f"{model} says itself what {flag} would say; leave {flag} out.")
    lacking = [name for name in said if said[name] is None and in_file[name] is None]
    if lacking and not sys.stdin.isatty():
        what = {"sample_rate": "at which sample rate it takes audio", "normalise": "whether audio is normalised"}
        give = {"sample_rate": "--rate HERTZ", "normalise": f"--normalise {HOW[0]} or --normalise {HOW[1]}"}
        does_not = f"{model} does not say {' and '.join(what[name] for name in lacking)}"
        raise MirbenchError(f"{does_not}; give {' and '.join(give[name] for name in lacking)}, as it was trained.")
    told = dict(said)
    if "sample_rate" in lacking:
        told["sample_rate"] = typer.prompt(f"{model} does not say its sample rate; at how many Hz does it take audio", type=int)
    if "normalise" in lacking:
        told["normalise"] = typer.prompt(f"How is its audio normalised ({', '.join(HOW)})", default=HOW[0])
    if told["sample_rate"] is not None and not LEAST_RATE <= told["sample_rate"] <= MOST_RATE:
        raise MirbenchError(f"--rate {told['sample_rate']} is no sample rate; give {LEAST_RATE:,} to {MOST_RATE:,} Hz.")
    if told["normalise"] is not None and told["normalise"] not in HOW:
        raise MirbenchError(f"--normalise {printable(told['normalise'])} is unknown; give {' or '.join(HOW)}.")
    return told


def _files(kind: str, module: str, source: str, values: Mapping[str, Any], package: bool) -> dict[Path, str]:
    """The text of each file, by its path in the folder."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )

    def filled(template: str) -> str:
        text = templates.get_template(f"{template}.jinja").render(values)
        return re.sub(r" --plugin \S+", "", text) if package else text  # one that is installed needs none

    code, test = filled(f"{kind}_{source}.py" if source else f"{kind}.py"), filled("test_plugin.py")
    if not package:
        return {Path(f"{module}.py"): code, Path(f"test_{module}.py"): test}
    return {
        Path("pyproject.toml"): filled("project/pyproject.toml"),
        Path("README.md"): filled("project/README.md"),
        Path(".github", "workflows", "test.yml"): filled("project/test.yml"),
        Path("src", module, "__init__.py"): code,
        Path("tests", f"test_{module}.py"): test,
    }


def _copy_stand_in(source: str, target: Path) -> None:
    """A model of a few kilobytes with random weights."""
    given = TEMPLATES / "models" / f"stand-in{SOURCES[source][0]}"
    if given.is_dir():
        shutil.copytree(given, target)
    else:
        shutil.copyfile(given, target)


def _tell(kind: str, name: str, folder: Path, written: list[Path], package: bool) -> None:
    at = folder if package or folder != Path(".") else Path()
    print(f"wrote {', '.join(str(at / path) for path in written)}")
    print("next:")
    run = KINDS[kind].format(name=name)
    if package:
        lines = [f"cd {folder}", "pip install -e '.[test]'", f"mirbench check {name}", "python -m pytest", f"mirbench run {run}"]
    else:
        code, test = (at / path for path in written[:2])
        lines = [f"mirbench check {code}", f"python -m pytest {test}", f"mirbench run --plugin {code} {run}"]
    for line in lines:
        print(f"  {line}")
