"""One encoder by itself: which is meant, with which options, and where its checkpoint is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mirbench.errors import MirbenchError
from mirbench.experiment.recipes.checkpoint import refuse_asked
from mirbench.experiment.resolve.checkpoints import read_metadata
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.experiment.resolve.records import Entry
from mirbench.experiment.whole_run import settled
from mirbench.records import ABOUT, BEST_LAYER, WEIGHTED_LAYERS
from mirbench.registry import Registry
from mirbench.results.provenance import versions
from mirbench.settings.config import RunConfig


@dataclass(frozen=True)
class Chosen:
    """seed: of its weights. folder: its checkpoint; None: it has none."""

    entry: Entry
    seed: int
    folder: Path | None
    config: RunConfig
    registry: Registry

    @property
    def provider(self) -> str:
        return self.registry.provider("encoder", self.entry.encoder.name)

    @property
    def about(self) -> dict[str, Any]:
        """For a file that is made with it."""
        entry = self.entry
        about = {"encoder": entry.encoder.name, "options": dict(entry.embedded_options), "provider": self.provider, "seed": self.seed}
        return {**about, "input": asdict(entry.input), "versions": versions()}


def choose(
    given: str,
    checkpoint: str | None = None,
    settings: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    plugins: Iterable[str | Path] = (),
    options: Mapping[str, Any] | None = None,
) -> Chosen:
    """given: a name, an address, or the folder of a checkpoint; "": the encoder of the checkpoint. settings, overrides: as `load_config`
    takes them. options: of this encoder. Raises MirbenchError where that is no single encoder that is there, or it was never trained."""
    if not checkpoint and _is_folder(given):
        given, checkpoint = "", given
    if not given and not checkpoint:
        raise MirbenchError(
            "neither an encoder nor a checkpoint was given; name one of mirbench list encoders, or give a checkpoint folder."
        )
    flags = {"floors": "none", **({"checkpoints": [checkpoint]} if checkpoint else {"encoders": [given]}), **(settings or {})}
    if options:
        flags["options"] = {given or read_metadata(Path(str(checkpoint)).expanduser())[0]: dict(options)}
    config, registry = settled([], overrides, flags, plugins)
    entries = resolve_entries(config, registry)
    entry = entries[0]
    encoder = entry.encoder
    if any(other.embedded_options != entry.embedded_options or other.encoder is not encoder for other in entries):
        raise MirbenchError(
            f"one encoder is loaded at a time, and {' and '.join(each.name for each in entries)} were asked for; ask for one."
        )
    if given and checkpoint and registry.get("encoder", given) is not encoder:
        raise MirbenchError(f"the checkpoint {checkpoint} is of {encoder.name}, and not of {given}; leave one of the two out.")
    if entry.probed_layer in (BEST_LAYER, WEIGHTED_LAYERS):
        raise MirbenchError(
            f"layer={entry.probed_layer} is found by probes on labels, of which there are none here; give a number, last or all."
        )
    seed = entry.seeds[0]
    folder = entry.checkpoints.get(seed)
    if encoder.trainable and folder is None:
        raise MirbenchError(
            f"encoder '{encoder.name}' learns, and no checkpoint of it was given; give the folder that `mirbench pretrain {encoder.name}` "
            "printed."
        )
    if folder is not None:
        refuse_asked(entry, folder)
    return Chosen(entry, seed, folder, config, registry)


def _is_folder(given: str) -> bool:
    """Whether that is a folder, and not the name of an encoder or an address."""
    path = Path(given).expanduser()
    return (path / ABOUT).is_file() or (":" not in given and any(each in given for each in {"/", os.sep}))
