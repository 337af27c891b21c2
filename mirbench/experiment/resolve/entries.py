"""Who is scored: encoders as they are, the variants that a sweep makes of them, checkpoints that were given, and floors."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.checkpoints import checkpoint_of, read_metadata, read_pretraining_clips
from mirbench.experiment.resolve.probe import resolve_probes
from mirbench.experiment.resolve.records import PROBE, SHOTS, ChosenProbe, Entry, naming
from mirbench.notation import layer_in_words
from mirbench.nouns import Encoder
from mirbench.records import ABOUT, ALL_LAYERS, LAYER
from mirbench.registry import Registry
from mirbench.settings.config import ALL_OPTIONS, RunConfig, nearest
from mirbench.settings.options import check_layer, encoder_options


def resolve_entries(config: RunConfig, registry: Registry) -> list[Entry]:
    """Encoders, then floors. Swept encoders that are not among `encoders` come first, then checkpoints, then `encoders` in their order.

    Raises MirbenchError for unknown names, options that cannot work, two of one name, and folders that hold no checkpoint.
    """
    encoders = registry.resolve("encoder", config.encoders)
    floors = [e for e in registry.resolve("encoder", config.floors) if e not in encoders]
    unlisted = [e for e in registry.resolve("encoder", list(config.sweep)) if e not in (*encoders, *floors)]
    probes = resolve_probes(config, registry)
    _check_all(config, registry)
    given = _grouped(_given(config, registry))
    taken = [c.encoder.name for c in given] + [e.name for e in (*unlisted, *encoders, *floors)]
    folders = [path for c in given for path in c.checkpoints.values()]
    entries = [
        *(variant for e in unlisted for variant in _variants(config, e, "encoder")),
        *(_labelled(c, taken, folders) for c in given),
        *(variant for e in encoders for variant in _variants(config, e, "encoder")),
        *(variant for e in floors for variant in _variants(config, e, "floor")),
    ]
    entries = [_probed(entry, probe, shots, config) for entry in entries for probe in probes for shots in config.probe.shots]
    _check_names(entries)
    for entry in entries:
        with _naming(entry.name if entry.values else ""):
            provider = registry.provider("encoder", entry.encoder.name)
            with naming("encoder", entry.encoder.name, provider, "checking its options"):
                if why := entry.encoder.missing(entry.options):
                    raise MirbenchError(why)
                entry.encoder.check(entry.options)
    return entries


def _check_all(config: RunConfig, registry: Registry) -> None:
    """Whether any encoder has the options that are for all; one file may serve runs of different encoders."""
    known = {option for encoder in registry.encoders.values() for option in encoder.options}
    for option in config.options.get(ALL_OPTIONS, {}):
        if option not in known:
            raise MirbenchError(f"options.{ALL_OPTIONS}: no encoder has an option '{option}'{nearest(option, sorted(known))}")


def _check_names(entries: Sequence[Entry]) -> None:
    by_name: dict[str, Entry] = {}
    for entry in entries:
        if (first := by_name.setdefault(entry.name, entry)) is not entry:
            raise MirbenchError(
                f"two entries are named '{entry.name}': {_how_it_differs(first)} and {_how_it_differs(entry)}; give the values of the "
                "sweep other labels."
            )


def _how_it_differs(entry: Entry) -> str:
    values = ", ".join(f"{option} = '{value}'" for option, value in entry.values.items())
    folders = " and ".join(map(str, entry.checkpoints.values()))
    return f"{entry.encoder.name} with {values or folders or 'nothing swept'}"


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """An error in the block is told with this name before it."""
    try:
        yield
    except MirbenchError as error:
        if not name:
            raise
        raise MirbenchError(f"{name}: {error}") from error


def _probed(entry: Entry, probe: ChosenProbe, shots: int | str, config: RunConfig) -> Entry:
    """With a probe and a number of labels a class, which are in its name where there are several, or not all labels are used. Its seeds
    are those that were asked for, or of its checkpoints; where nothing is random there is one result, filed under 0."""
    few = shots if isinstance(shots, int) else None
    random = entry.encoder.seeded or probe.seeded or few
    seeds = tuple(range(config.seed, config.seed + config.seeds)) if random else (0,)
    told = {**({PROBE: probe.noun.name} if len(config.probe.kind) > 1 else {}), **({SHOTS: shots} if config.probe.shots != ["all"] else {})}
    values = {**entry.values, **told}
    own = entry.name.partition("[")[0] if entry.values else entry.name
    name = _named(own, {**_chosen_layer(entry), **values}, layer_names(entry.encoder, entry.options))
    seeds = tuple(entry.checkpoints) or seeds
    return replace(entry, name=name, values=values, probe=probe, seeds=seeds, shots=few, draws=config.probe.draws if few else 1)


def _chosen_layer(entry: Entry) -> dict[str, int | str]:
    """The layer that settings chose instead of the one by default, which is in the name though it is no point of a sweep: two runs of an
    encoder with another layer each are of two names."""
    options = entry.options
    asked = LAYER in options and options[LAYER] != entry.encoder.options[LAYER] and entry.encoder.layers(options) is not None
    return {LAYER: options[LAYER]} if asked and LAYER not in entry.values else {}


def layer_names(encoder: Encoder, options: Mapping[str, Any]) -> Sequence[str]:
    """Of one that has layers and says what they are called."""
    return encoder.layer_names(options) if encoder.layers(options) else ()


def _named(name: str, values: Mapping[str, float | str], layers: Sequence[str] = ()) -> str:
    """layers: their names."""
    texts = {option: layer_in_words(value, layers) if option == LAYER else _text(value) for option, value in values.items()}
    label = ", ".join(f"{option}={text}" for option, text in texts.items())
    return f"{name}[{label}]" if label else name


def _variants(config: RunConfig, encoder: Encoder, role: str) -> Iterator[Entry]:
    """The encoder as it is, or every combination of the values that are swept."""
    swept = {**config.sweep.get(encoder.name, {}), **_layers(config, encoder)}
    if LAYER in swept and not isinstance(swept[LAYER], Mapping):
        swept[LAYER] = [encoder_options(encoder, config.options, swept={LAYER: layer})[LAYER] for layer in swept[LAYER]]
    points = [_points(f"sweep.{encoder.name}.{option}", values) for option, values in swept.items()]
    for chosen in itertools.product(*points):
        labels = dict(zip(swept, (label for label, _ in chosen), strict=True))
        options = encoder_options(encoder, config.options, swept=dict(zip(swept, (value for _, value in chosen), strict=True)))
        name = _named(encoder.name, labels, layer_names(encoder, options))
        with _naming(name if labels else ""):
            options = dict(encoder.complete(options))
        yield Entry(name, encoder, options, role, (), labels)


def _layers(config: RunConfig, encoder: Encoder) -> dict[str, list[int]]:
    """All layers as a sweep, where that is asked for. Raises MirbenchError where it is not known how many there are, or there is none of
    the number that is asked for."""
    options = encoder_options(encoder, config.options)
    layers, swept = encoder.layers(options), config.sweep.get(encoder.name, {}).get(LAYER, ())
    if layers is None:
        return {}
    for asked in [*(swept.values() if isinstance(swept, Mapping) else swept), options[LAYER]]:
        check_layer(encoder, layers, asked)
    if swept or options[LAYER] != ALL_LAYERS:
        return {}
    if not layers:
        raise MirbenchError(
            f"encoder '{encoder.name}' does not say how many layers it has; name some: --set 'sweep.{encoder.name}.{LAYER}=[0, 1, 2]'."
        )
    return {LAYER: list(range(layers))}


def _points(where: str, values: Sequence[Any] | Mapping[str, Any]) -> list[tuple[float | str, Any]]:
    """(number or label, value) of each value of a swept option; a mapping has labels of its own."""
    if isinstance(values, Mapping):
        return list(values.items())
    points = [(v if isinstance(v, (int, float)) and not isinstance(v, bool) else _text(v), v) for v in values]
    texts = [_text(label) for label, _ in points]
    for text in texts:
        if texts.count(text) > 1:
            raise MirbenchError(f"{where} has the value {text} twice; give it once, or a mapping of labels to values.")
    return points


def _text(value: Any) -> str:
    """A value as part of a name.

    >>> _text(0.05), _text(True), _text({"name": "dice", "annotation": "tags"}), _text(["dice", "key-distance"])
    ('0.05', 'true', 'name=dice,annotation=tags', 'dice+key-distance')
    """
    if isinstance(value, Mapping):
        return ",".join(f"{k}={_text(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return "+".join(map(_text, value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _given(config: RunConfig, registry: Registry) -> Iterator[Entry]:
    """A entry, not yet labelled, of each folder of `checkpoints`. Its options are those that it was trained with; settings change
    those that are read when it is loaded."""
    for path in {Path(text).expanduser().resolve(): Path(text).expanduser() for text in config.checkpoints}.values():
        name, options, seed = read_metadata(path)
        if name not in registry.encoders:
            raise MirbenchError(
                f"checkpoint {path} is of the encoder '{name}', which no plugin provides; name its plugin with --plugin FILE."
            )
        encoder = registry.encoders[name]
        if not encoder.trainable:
            raise MirbenchError(f"checkpoint {path} is of the encoder '{name}', which loads no weights; score it with --encoder {name}.")
        if lost := [option for option in options if option not in encoder.options]:
            raise MirbenchError(
                f"checkpoint {path} was made with the option '{lost[0]}', which the encoder '{name}' does not have; pretrain it again, or "
                f"take the option out of its {ABOUT}."
            )
        own = config.asked_options(name)
        free = {option: value for option, value in own.items() if option in encoder.load_options or option not in options}
        trained = dict(encoder.complete(encoder_options(encoder, {**config.options, name: free}, stored=options)))
        wanted = encoder.complete(encoder_options(encoder, {**config.options, name: own}, stored=options))
        asked = {option: wanted[option] for option in own if wanted[option] != trained[option]}
        yield Entry(name, encoder, trained, "encoder", (seed,), checkpoints={seed: path}, asked=asked)


def _grouped(given: Iterator[Entry]) -> list[Entry]:
    """Checkpoints that differ in their seed alone are one entry, scored over its seeds; where a seed comes twice, nobody knows which
    belong together, and each stays by itself."""
    alike: dict[str, list[Entry]] = {}
    for entry in given:
        (path,) = entry.checkpoints.values()
        pretrained_on = {name: data["key"] for name, data in read_pretraining_clips(path).items()}
        part = path.name if checkpoint_of(path) != path else ""  # last | best
        same = [entry.encoder.name, entry.options, entry.asked, pretrained_on, part]
        alike.setdefault(json.dumps(same, sort_keys=True, default=str), []).append(entry)
    entries: list[Entry] = []
    for group in alike.values():
        seeds = [seed for entry in group for seed in entry.seeds]
        if len(set(seeds)) < len(seeds):
            entries += group
        else:
            folders = {seed: path for entry in group for seed, path in entry.checkpoints.items()}
            entries.append(replace(group[0], seeds=tuple(sorted(seeds)), checkpoints=dict(sorted(folders.items()))))
    return entries


def _labelled(entry: Entry, taken: Sequence[str], folders: Sequence[Path]) -> Entry:
    """Called by its folder too where the encoder's name is taken: by the last part, or as many as tell it from the other folders."""
    if taken.count(entry.name) < 2:
        return entry
    first, *more = entry.checkpoints.values()
    parts = first.resolve().parts
    others = [other.resolve().parts for other in folders if other != first]
    length = next(n for n in range(1, len(parts) + 1) if all(other[-n:] != parts[-n:] for other in others))
    return replace(entry, name=f"{entry.name} ({'/'.join(parts[-length:])}{f' and {len(more)} more' if more else ''})")
