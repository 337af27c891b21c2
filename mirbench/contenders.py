"""Who is scored: encoders as they are, the variants that a sweep makes of them, checkpoints that were given, and floors."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mirbench.config import ALL_OPTIONS, RunConfig, nearest
from mirbench.errors import MirbenchError
from mirbench.nouns import Encoder
from mirbench.options import encoder_options
from mirbench.registry import Registry

ABOUT = "encoder.json"  # in every checkpoint folder: {"encoder": name, "options": {...}, "seed": number}


@dataclass(frozen=True, eq=False)
class Contender:
    """name: the label in every table and row; no key depends on it, so that what two have in common is done once.

    options: complete. role: encoder | floor. seeds: of pretraining and probe. values: by swept option, a number or a label; empty
    for what is not swept. checkpoint: the folder that was given, None for what is pretrained here or not at all.
    """

    name: str
    encoder: Encoder
    options: Mapping[str, Any]
    role: str
    seeds: tuple[int, ...]
    values: Mapping[str, float | str] = field(default_factory=dict)
    checkpoint: Path | None = None

    def rivals(self, other: Contender) -> bool:
        """Whether the two are compared: variants with what is not swept and with the same point of another encoder's sweep."""
        return not self.values or not other.values or self.values == other.values


def contenders(config: RunConfig, registry: Registry) -> list[Contender]:
    """Encoders, then floors. Swept encoders that are not among `encoders` come first, then checkpoints, then `encoders` in their order.

    Raises MirbenchError for unknown names, options that cannot work, and folders that hold no checkpoint.
    """
    encoders = registry.resolve("encoder", config.encoders)
    floors = [e for e in registry.resolve("encoder", config.floors) if e not in encoders]
    unlisted = [e for e in registry.resolve("encoder", list(config.sweep)) if e not in (*encoders, *floors)]
    given = list(_given(config, registry))
    _check_all(config, [*unlisted, *(c.encoder for c in given), *encoders, *floors])
    taken = [c.encoder.name for c in given] + [e.name for e in (*encoders, *floors) if e.name not in config.sweep]
    found = [
        *(variant for e in unlisted for variant in _variants(config, e, "encoder")),
        *(_labelled(c, taken, [other.checkpoint for other in given]) for c in given),
        *(variant for e in encoders for variant in _variants(config, e, "encoder")),
        *(variant for e in floors for variant in _variants(config, e, "floor")),
    ]
    for contender in found:
        contender.encoder.check(contender.options)
    return found


def _check_all(config: RunConfig, chosen: Sequence[Encoder]) -> None:
    known = {option for encoder in chosen for option in encoder.options}
    for option in config.options.get(ALL_OPTIONS, {}):
        if option not in known:
            names = ", ".join(dict.fromkeys(e.name for e in chosen))
            raise MirbenchError(f"options.{ALL_OPTIONS}: none of {names} has an option '{option}'{nearest(option, sorted(known))}")


def _seeds(config: RunConfig, encoder: Encoder) -> tuple[int, ...]:
    """Those that were asked for; an encoder and probe without randomness have one result, filed under 0."""
    random = encoder.seeded or config.probe.kind == "mlp"
    return tuple(range(config.seed, config.seed + config.seeds)) if random else (0,)


def _variants(config: RunConfig, encoder: Encoder, role: str) -> Iterator[Contender]:
    """The encoder as it is, or every combination of the values that are swept."""
    swept = config.sweep.get(encoder.name, {})
    points = [_points(f"sweep.{encoder.name}.{option}", values) for option, values in swept.items()]
    for chosen in itertools.product(*points):
        labels = dict(zip(swept, (label for label, _ in chosen), strict=True))
        options = encoder_options(encoder, config.options, swept=dict(zip(swept, (value for _, value in chosen), strict=True)))
        label = ", ".join(f"{option}={_text(value)}" for option, value in labels.items())
        yield Contender(f"{encoder.name}[{label}]" if label else encoder.name, encoder, options, role, _seeds(config, encoder), labels)


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


def _given(config: RunConfig, registry: Registry) -> Iterator[Contender]:
    """A contender, not yet labelled, of each folder of `checkpoints`."""
    for path in {Path(text).expanduser().resolve(): Path(text).expanduser() for text in config.checkpoints}.values():
        name, options, seed = _about(path)
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
        yield Contender(name, encoder, encoder_options(encoder, config.options, stored=options), "encoder", (seed,), checkpoint=path)


def _about(path: Path) -> tuple[str, dict[str, Any], int]:
    """(encoder, options, seed) of a checkpoint folder."""
    if not path.is_dir():
        raise MirbenchError(f"there is no checkpoint folder {path}; give one that `mirbench pretrain` printed.")
    file = path / ABOUT
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        name, options, seed = about["encoder"], about["options"], about["seed"]
    except FileNotFoundError:
        raise MirbenchError(f"{path} is no checkpoint: it has no {ABOUT}; give a folder that `mirbench pretrain` printed.") from None
    except (OSError, ValueError, KeyError, TypeError):
        name, options, seed = None, None, None
    if not isinstance(name, str) or not isinstance(options, dict) or not isinstance(seed, int):
        raise MirbenchError(
            f"{file} does not say which encoder, options and seed it is of; give a folder that `mirbench pretrain` printed."
        )
    return name, options, seed


def _labelled(contender: Contender, taken: Sequence[str], folders: Sequence[Path | None]) -> Contender:
    """Called by its folder too where the encoder's name is taken: by the last part, or as many as tell it from the other folders."""
    if taken.count(contender.name) < 2 or contender.checkpoint is None:
        return contender
    parts = contender.checkpoint.resolve().parts
    others = [other.resolve().parts for other in folders if other is not None and other != contender.checkpoint]
    length = next(n for n in range(1, len(parts) + 1) if all(other[-n:] != parts[-n:] for other in others))
    return replace(contender, name=f"{contender.name} ({'/'.join(parts[-length:])})")
