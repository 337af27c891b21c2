"""What to run: the settings, where they come from, and a sentence for each one that is wrong.

Later layers win: the shipped default.yaml, the --config file, --set, and flags. Mappings are merged, lists are replaced.
"""

from __future__ import annotations

import copy
import importlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mirbench.errors import MirbenchError, did_you_mean
from mirbench.nouns import Encoder
from mirbench.yamlfile import line_of, parse, parse_value

FLAGS = {"encoders": "--encoder", "datasets": "--dataset"}  # the others are spelt like their setting


def _split(value: Any) -> Any:
    """`a,b` or [a, "b,c"] as a list of names."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        return [part.strip() for name in value for part in name.split(",") if part.strip()]
    return value


def _device(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValueError(value)
    return value


def _folder_name(value: str | None) -> str | None:
    if value is not None and (not re.fullmatch(r"[^/\\\0]+", value) or value.startswith(".") or value != value.strip()):
        raise ValueError(value)
    return value


def _whole(value: Any) -> Any:
    """1e3, which YAML reads as a float, as an int."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Names = Annotated[list[str], BeforeValidator(_split)]
Whole = Annotated[int, BeforeValidator(_whole)]
NAMES = "a list of names, such as [{}]"


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProbeConfig(_Settings):
    """What is trained on the frozen embeddings."""

    kind: Literal["linear", "mlp"] = Field(default="linear", description="linear or mlp")


class BootstrapConfig(_Settings):
    """How the 95 % intervals are made."""

    resamples: Whole = Field(default=1000, ge=1, description="a whole number of at least 1")


class RunConfig(_Settings):
    """Everything that a run depends on, but for where the cache is."""

    encoders: Names = Field(default=["semisupcon"], min_length=1, description=NAMES.format("semisupcon, simclr"))
    floors: Names = Field(default=["untrained", "handcrafted"], description=NAMES.format("untrained, handcrafted"))
    tasks: Names = Field(default=["all"], min_length=1, description=NAMES.format("key, genre"))
    datasets: Names = Field(default=["mini"], min_length=1, description=NAMES.format("mini"))
    seed: Whole = Field(default=0, ge=0, lt=2**31, description="a whole number of at least 0 (and below 2^31)")
    seeds: Whole = Field(default=1, ge=1, description="a whole number of at least 1")
    device: Annotated[str, AfterValidator(_device)] = Field(default="auto", description="auto, cpu, cuda or cuda:N")
    probe: ProbeConfig = Field(default=ProbeConfig(), description="a mapping with the key kind")
    bootstrap: BootstrapConfig = Field(default=BootstrapConfig(), description="a mapping with the key resamples")
    max_bad: float = Field(default=0.01, ge=0, le=1, description="a share from 0 to 1")
    batch_size: Whole = Field(default=64, ge=1, description="a whole number of at least 1")
    output: str = Field(default="results", min_length=1, description="the path of a folder")
    run_name: Annotated[str | None, AfterValidator(_folder_name)] = Field(default=None, description="a folder's name, without a slash")
    options: dict[str, dict[str, Any]] = Field(
        default={}, description="a mapping of encoder names to options, such as {semisupcon: {steps: 500}}"
    )


def shipped() -> dict[str, Path]:
    """The configurations that come with mirbench, by bare name."""
    folders = importlib.import_module("mirbench_configs").__path__
    return {path.stem: path for folder in folders if Path(folder).is_dir() for path in sorted(Path(folder).glob("*.yaml"))}


def load_config(path: Path | None = None, overrides: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> RunConfig:
    """The settings of a run: default.yaml, then `path`, then `overrides`, then `flags`.

    path: a YAML file or the bare name of a shipped one (`quick`). overrides: `a.b=value`, the value read as YAML.
    flags: setting -> value; None means not given. Raises MirbenchError that names the layer, the setting and what would be right.
    """
    merged: dict[str, Any] = {}
    config = RunConfig()
    for where, text, layer in _layers(path, overrides, flags or {}):
        merged = _merge(merged, layer)
        try:
            config = RunConfig.model_validate(merged)
        except ValidationError as error:
            raise _sentence(error, merged, where, text) from error
    return config


def _layers(path: Path | None, overrides: Sequence[str], flags: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(where, the YAML text or nothing, settings), the strongest last."""
    for file in (shipped()["default"], None if path is None else _find(path)):
        if file is not None:
            text = _read(file)
            yield str(file), text, parse(text, str(file))
    for override in overrides:
        name, equals, value = override.partition("=")
        keys = [key.strip() for key in name.split(".")]
        if not equals or not all(keys):
            raise MirbenchError(f"--set takes key=value, such as --set seed=1 or --set probe.kind=mlp; '{override}' is neither.")
        layer: Any = parse_value(value, f"--set {override}")
        for key in reversed(keys):
            layer = {key: layer}
        yield f"--set {override}", "", layer
    for name, value in flags.items():
        if value is not None:
            yield FLAGS.get(name, f"--{name.replace('_', '-')}"), "", {name: value}


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    known = shipped()
    if str(path) in known:
        return known[str(path)]
    if path.is_dir():
        raise MirbenchError(f"--config {path} is a folder; give it a YAML file, or one that ships with mirbench: {', '.join(known)}.")
    hint = _nearest(str(path), known)
    raise MirbenchError(f"there is no configuration file {path}{hint} Give the path of a YAML file, or one of {', '.join(known)}.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MirbenchError(f"{path} is not text in UTF-8; save it as UTF-8.") from error
    except OSError as error:
        raise MirbenchError(f"cannot read {path} ({error.strerror}); give a YAML file that can be read.") from error


def _merge(base: Any, layer: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(layer, dict):
        return copy.deepcopy(layer)
    return {**base, **{key: _merge(base.get(key), value) for key, value in layer.items()}}


def _fields(path: Sequence[Any]) -> type[BaseModel] | None:
    """The model that holds the settings at a path."""
    model: Any = RunConfig
    for key in path:
        field = model.model_fields.get(key)
        model = field.annotation if field else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return None
    return model


def _sentence(error: ValidationError, merged: dict[str, Any], where: str, text: str) -> MirbenchError:
    """The first thing that is wrong, unknown keys before wrong values."""
    wrong = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")[0]
    path = wrong["loc"]
    if text:
        line = line_of(text, path)
        where = f"{where}:{line}" if line else where
    if wrong["type"] == "extra_forbidden":
        dotted = ".".join(map(str, path))
        holder = _fields(path[:-1]) or RunConfig
        known = [".".join(map(str, (*path[:-1], name))) for name in holder.model_fields]
        return MirbenchError(f"{where}: no setting is named '{dotted}'{_nearest(dotted, known)} Known: {', '.join(known)}.")
    setting: list[str] = []
    given: Any = merged
    right = ""
    for key in path:  # down to the innermost setting that says what it should be, and into `options` as far as it goes
        model = _fields(setting)
        if not isinstance(given, dict) or key not in given or not (model or setting[:1] == ["options"]) or not isinstance(key, str):
            break
        setting, given = [*setting, key], given[key]
        if model:
            right = str(model.model_fields[key].description)
    return MirbenchError(f"{where}: {'.'.join(setting)} should be {right}, not {_shown(given)}.")


def _nearest(given: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` or a full stop."""
    hint = did_you_mean(given, known)
    return f";{hint}" if hint else "."


def _shown(value: Any) -> str:
    if value is None or value in ([], {}):
        return "nothing" if value is None else "an empty " + ("list" if value == [] else "mapping")
    return f"'{value}'" if isinstance(value, str) else f"{value!r:.60}"


def encoder_options(encoder: Encoder, options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """All of an encoder's options: its defaults, with what `options[encoder.name]` says instead.

    Each value is of its default's type: an int will do for a float and a whole float for an int, a list's elements are like the
    default's, and where the default is None anything goes. Raises MirbenchError for an unknown option or a wrong type.
    """
    complete = dict(copy.deepcopy(encoder.options))
    for name, value in options.get(encoder.name, {}).items():
        if name not in complete:
            known = ", ".join(complete) or "none"
            hint = _nearest(str(name), complete)
            raise MirbenchError(f"options.{encoder.name}: the encoder has no option '{name}'{hint} Known: {known}.")
        default = complete[name]
        try:
            complete[name] = _like(default, value)
        except TypeError as error:
            raise MirbenchError(f"options.{encoder.name}.{name} should be {error} (default {default!r}), not {_shown(value)}.") from None
    return complete


def _like(default: Any, value: Any) -> Any:
    """`value` in the type of `default`; a TypeError says what it should have been."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if default is None:
        return value
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise TypeError("true or false")
    if isinstance(default, int):
        if number and value == int(value):
            return int(value)
        raise TypeError("a whole number")
    if isinstance(default, float):
        if number:
            return float(value)
        raise TypeError("a number")
    if isinstance(default, str):
        if isinstance(value, str):
            return value
        raise TypeError("text")
    if isinstance(default, (list, tuple)):
        if not isinstance(value, (list, tuple)):
            raise TypeError("a list")
        try:
            return type(default)(_like(default[0], item) if default else item for item in value)
        except TypeError as error:
            raise TypeError(f"a list, each element {error}") from None
    if isinstance(default, Mapping):
        if not isinstance(value, Mapping):
            raise TypeError("a mapping")
        return dict(value)
    return value


def check_options(config: RunConfig, encoders: Mapping[str, Encoder]) -> None:
    """Raises MirbenchError for options of an encoder that is not there, or that it does not have, before anything is run."""
    for name in config.options:
        if name not in encoders:
            hint = _nearest(name, encoders)
            raise MirbenchError(f"options.{name}: no encoder is named '{name}'{hint} Known: {', '.join(encoders)}.")
        encoder_options(encoders[name], config.options)
