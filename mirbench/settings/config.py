"""What to run: the settings, where they come from, and a sentence for each one that is wrong.

Later layers win: the shipped default.yaml, the --config file, --set, and flags. Mappings are merged, lists are replaced.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError

from mirbench.errors import MirbenchError, did_you_mean, in_words, shortened
from mirbench.records import SEVERITIES
from mirbench.settings.shipped import read_text, shipped
from mirbench.settings.size import TooMuch, check_size
from mirbench.settings.slurm import SlurmConfig
from mirbench.settings.values import (
    Labelled,
    Names,
    OrNone,
    Paths,
    Severities,
    Share,
    Shots,
    Sweep,
    Whole,
    device_name,
    folder_name,
    of_method,
    of_none,
)
from mirbench.settings.yamlfile import line_of, parse, parse_value

FLAGS = {
    "encoders": "--encoder",
    "datasets": "--dataset",
    "checkpoints": "--checkpoint",
    "overlap": "--allow-overlap",
    "slurm": "--detach",
}  # the others are spelt like their setting
MOST_KEYS = 20  # of the name in a --set
ALL_OPTIONS = "all"  # `options.all` is for every encoder that has an option of that name

NAMES = "a list of names, such as [{}]"
Layer = tuple[str, str, dict[str, Any]]  # where, the YAML text or nothing, settings
INNER = {  # what the values inside a free mapping should be, by depth
    "options": ["a mapping of option names to values, such as {steps: 500}"],
    "sweep": [
        "a mapping of option names to lists of values, such as {label_fraction: [0.1, 1]}",
        "a list of values such as [0.1, 1], or a mapping of labels to values",
    ],
}


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProbeConfig(_Settings):
    """What is trained on the frozen embeddings, and on how many labels a class; draws: of few labels, over which scores are means."""

    kind: Names = Field(default=["linear"], min_length=1, description="the name of a probe, such as linear, or several")
    shots: Shots = Field(default=["all"], min_length=1, description="labels a class, such as [1, 5, 10, all]")
    draws: Whole = Field(default=10, ge=2, le=1000, description="a whole number from 2 to 1000")


class EmbeddingConfig(_Settings):
    """How embeddings are kept."""

    dtype: Literal["float32", "float16"] = Field(default="float32", description="float32 or float16")


class BootstrapConfig(_Settings):
    """How the 95 % intervals are made."""

    resamples: Whole = Field(default=1000, ge=1, description="a whole number of at least 1")


class PowerConfig(_Settings):
    """difference: of a headline metric, for which `--plan` says how many seeds would find it; None: it says nothing."""

    difference: float | None = Field(default=None, gt=0, le=1, description="a number above 0, at most 1, such as 0.02")


class RobustnessConfig(_Settings):
    """How scores under corruption are made. sample_rate: Hz, at which corruptions are applied; None: the highest that any encoder of the
    run listens at. baseline: whom corruption errors are relative to; None: `untrained`, or where it is not there the first encoder."""

    baseline: str | None = Field(default=None, min_length=1, description="the name of an encoder or floor of the run")
    train_on: Literal["clean", "corrupted"] = Field(default="clean", description="clean or corrupted")
    replicate: Whole = Field(default=0, ge=0, description="a whole number of at least 0")
    sample_rate: Whole | None = Field(default=None, ge=1000, description="a number of hertz of at least 1000")


class MapsConfig(_Settings):
    """Maps of the test clips in two dimensions. clips: at most; perplexity: of t-SNE, how many neighbours a clip has; UMAP has 15."""

    method: Literal["tsne", "umap", "none"] = Field(default="tsne", description="tsne, umap or none")
    clips: Whole = Field(default=2000, ge=5, description="a whole number of at least 5")
    perplexity: float = Field(default=30.0, ge=1, description="a number of at least 1")


class RunConfig(_Settings):
    """Everything that a run depends on, but for where the cache is."""

    encoders: Names = Field(default=["semisupcon"], min_length=1, description=NAMES.format("semisupcon, simclr"))
    floors: OrNone = Field(default=["untrained", "handcrafted"], description=NAMES.format("untrained, handcrafted") + ", or none")
    checkpoints: Paths = Field(default=[], description="a list of folders that `mirbench pretrain` printed")
    tasks: Names = Field(default=["all"], min_length=1, description=NAMES.format("key, genre"))
    datasets: Names = Field(default=["mini"], min_length=1, description=NAMES.format("mini") + ", or the paths of your own data")
    pretrain_on: Names = Field(default=[], description=NAMES.format("fma") + ", or the paths of your own data")
    supervise_with: Labelled = Field(default=[], description="a list of DATA-SET:ANNOTATION, such as [magnatagatune:tags]")
    overlap: Literal["refuse", "drop", "allow"] = Field(default="refuse", description="refuse, drop or allow")
    data_root: str | None = Field(default=None, min_length=1, description="the path of a folder")
    allow_outside: bool = Field(default=False, description="true or false")
    split_seed: Whole = Field(default=0, ge=0, description="a whole number of at least 0")
    corruptions: OrNone = Field(
        default=["white-noise", "background-music", "low-pass", "reverberation"],
        description=NAMES.format("white-noise, mp3") + ", or all, or none",
    )
    shifts: OrNone = Field(default=["all"], description=NAMES.format("mini-shifted") + ", or all, or none")
    severities: Severities = Field(default=[1, 3, 5], description=f"severities from 1 to {SEVERITIES}, such as 1-3 or [1, 3, 5]")
    similarity: bool = Field(default=True, description="true or false")
    sounds: Annotated[bool | Literal["auto"], BeforeValidator(of_none)] = Field(default="auto", description="auto, true or false, or none")
    maps: Annotated[MapsConfig, BeforeValidator(of_method)] = Field(
        default=MapsConfig(), description="tsne, umap or none, or a mapping with the keys method, clips and perplexity"
    )
    robustness: RobustnessConfig = Field(
        default=RobustnessConfig(), description="a mapping with the keys baseline, train_on, replicate and sample_rate"
    )
    seed: Whole = Field(default=0, ge=0, lt=2**31, description="a whole number of at least 0 (and below 2^31)")
    seeds: Whole = Field(default=1, ge=1, le=1000, description="a whole number from 1 to 1000")
    device: Annotated[str, AfterValidator(device_name)] = Field(default="auto", description="auto, cpu, cuda or cuda:N")
    devices: Whole = Field(default=1, ge=1, description="a whole number of at least 1")
    executor: Literal["local", "slurm"] = Field(default="local", description="local or slurm")
    slurm: SlurmConfig = Field(default=SlurmConfig(), description="a mapping of what jobs ask for, such as {partition: gpu, time: 4h}")
    embedding: EmbeddingConfig = Field(default=EmbeddingConfig(), description="a mapping with the key dtype")
    probe: ProbeConfig = Field(default=ProbeConfig(), description="a mapping with the keys kind, shots and draws")
    bootstrap: BootstrapConfig = Field(default=BootstrapConfig(), description="a mapping with the key resamples")
    power: PowerConfig = Field(default=PowerConfig(), description="a mapping with the key difference")
    max_bad: Share = Field(default=0.01, description="a share from 0 to 1, such as 1% or 0.01")
    batch_size: Whole = Field(default=64, ge=1, description="a whole number of at least 1")
    keep_megabytes: float = Field(default=4000.0, ge=0, description="a number of megabytes of at least 0")
    output: str = Field(default="results", min_length=1, pattern=r"^[^\x00]+$", description="the path of a folder")
    figure_width: Literal["column", "text"] = Field(default="text", description="column or text")
    run_name: Annotated[str | None, AfterValidator(folder_name)] = Field(default=None, description="a folder's name, without a slash")
    options: dict[str, dict[str, Any]] = Field(
        default={}, description="a mapping of encoder names to options, such as {semisupcon: {steps: 500}}"
    )
    sweep: Sweep = Field(
        default={}, description="a mapping of encoder names to options to lists of values, such as {semisupcon: {label_fraction: [0.1, 1]}}"
    )
    _unasked: Mapping[str, Collection[str]] = PrivateAttr(default_factory=dict)

    def asked_options(self, encoder: str) -> dict[str, Any]:
        """Those of an encoder that somebody gave: not what a configuration that ships with mirbench says, which is for pretraining."""
        unasked = self._unasked.get(encoder, ())
        return {name: value for name, value in self.options.get(encoder, {}).items() if name not in unasked}


def load_config(files: Sequence[Path] = (), overrides: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> RunConfig:
    """The settings of a run: default.yaml, then `files`, then `overrides`, then `flags`.

    files: YAML files, or the bare names of shipped ones (`quick`), a later one over an earlier. overrides: `a.b=value`, the value read
    as YAML. flags: setting -> value; None means not given. Where checkpoints are given and nobody says which encoders, those of the
    checkpoints are all there are. Raises MirbenchError that names the layer, the setting and what would be right.
    """
    layers = [*_files(files), *_changes(overrides, flags or {})]
    said = {name for _, _, layer in layers[1:] for name in layer}  # the first is default.yaml
    config = _merged(layers)
    if config.checkpoints and "encoders" not in said:
        config = config.model_copy(update={"encoders": []})
    ours = {str(path) for path in shipped().values()}
    typed = [layer.get("options") or {} for where, _, layer in layers if where not in ours]
    config._unasked = {
        encoder: frozenset(option for option in options if not any(option in (layer.get(encoder) or {}) for layer in typed))
        for encoder, options in config.options.items()
    }
    return config


def _merged(layers: Iterable[Layer]) -> RunConfig:
    """Later layers win; the first that is wrong is told of."""
    merged: dict[str, Any] = {}
    config = RunConfig()
    for where, text, layer in layers:
        merged = _merge(merged, layer)
        try:
            config = RunConfig.model_validate(merged)
        except ValidationError as error:
            raise _sentence(error, merged, where, text) from error
    return config


def reconfigured(stored: Mapping[str, Any], where: str, overrides: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> RunConfig:
    """The settings that a run's manifest holds, then `overrides`, then `flags`, as in `load_config`. where: whose they are.

    Raises MirbenchError where they are of another version, or wrong.
    """
    alone = bool(stored.get("checkpoints")) and not stored.get("encoders")
    own = {name: value for name, value in stored.items() if name in RunConfig.model_fields and not (alone and name == "encoders")}
    config = _merged([(where, "", own), *_changes(overrides, flags or {})])
    return config.model_copy(update={"encoders": []}) if alone else config


def _files(files: Sequence[Path]) -> Iterator[Layer]:
    for file in (shipped()["default"], *map(_find, files)):
        text = read_text(file)
        yield str(file), text, parse(text, str(file))


def _changes(overrides: Sequence[str], flags: Mapping[str, Any]) -> Iterator[Layer]:
    for override in overrides:
        name, equals, value = override.partition("=")
        keys = [key.strip() for key in name.split(".")]
        if not equals or not all(keys) or len(keys) > MOST_KEYS:
            raise MirbenchError(f"--set takes key=value, such as --set seed=1 or --set probe.kind=mlp; {in_words(override)} is neither.")
        where = f"--set {shortened(override)}"
        layer: Any = parse_value(value, where)
        for key in reversed(keys):
            layer = {key: layer}
        yield where, "", layer
    for name, value in flags.items():
        if value is not None:
            where = FLAGS.get(name, f"--{name.replace('_', '-')}")
            try:
                check_size(value)
            except TooMuch as error:
                raise MirbenchError(f"{where} holds too much: {error}.") from None
            yield where, "", {name: value}


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    known = shipped()
    if path.as_posix() in known:
        return known[path.as_posix()]
    if inside := [name for name in known if name.startswith(f"{path.as_posix()}/")]:
        raise MirbenchError(f"--config {path} is a folder of shipped configurations; give it one of {', '.join(inside)}.")
    if path.is_dir():
        raise MirbenchError(f"--config {path} is a folder; give it a YAML file, or one that ships with mirbench: {', '.join(known)}.")
    hint = nearest(str(path), known)
    raise MirbenchError(f"there is no configuration file {path}{hint} Give the path of a YAML file, or one of {', '.join(known)}.")


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
        return MirbenchError(f"{where}: no setting is named '{dotted}'{nearest(dotted, known)} Known: {', '.join(known)}.")
    setting: list[str] = []
    given: Any = merged
    right = ""
    for key in path:  # down to the innermost setting that says what it should be, and into `options` and `sweep` as far as it goes
        model = _fields(setting)
        free = INNER.get(setting[0], []) if setting else []
        if not isinstance(given, dict) or key not in given or not (model or free) or not isinstance(key, str):
            break
        setting, given = [*setting, key], given[key]
        if model:
            right = str(model.model_fields[key].description)
        elif len(setting) - 2 < len(free):
            right = free[len(setting) - 2]
    return MirbenchError(f"{where}: {'.'.join(setting)} should be {right}, not {in_words(given)}.")


def nearest(given: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` or a full stop."""
    hint = did_you_mean(given, known)
    return f";{hint}" if hint else "."
