"""Fitted probes as they are kept: by skops, which restores nothing but types that are trusted, and never by pickle."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection
from pathlib import Path

from mirbench.errors import MirbenchError, describe
from mirbench.evaluation.probing.probes import FittedProbe

FILE, SCHEMA = "probe.skops", "schema.json"
ADDRESS = r'(?<="__id__": )\d+|\b\d+(?=\.npy)'
TRUSTED = ("sklearn", "mirbench")  # packages; what skops trusts by itself comes on top, such as numpy's arrays


def write_probe(folder: Path, probe: FittedProbe, modules: Collection[str] = ()) -> None:
    """probe.skops; the report is the caller's to write. modules: those of the plugin that provides the probe.

    Raises MirbenchError where it holds a type that would not be read again.
    """
    import skops.io

    held = {"pipeline": probe.pipeline, "target": probe.target, "learned": probe.learned, "blank": probe.blank, "layer": probe.layer}
    _write_without_addresses(skops.io.dumps(held), folder / FILE)
    _trusted(folder, modules)


def read_probe(folder: Path, modules: Collection[str] = ()) -> FittedProbe:
    """Without its report.

    Raises MirbenchError where it is damaged, or holds a type that is neither scikit-learn's, ours nor of `modules`.
    """
    import skops.io

    trusted = _trusted(folder, modules)
    try:
        return FittedProbe(**skops.io.load(folder / FILE, trusted=trusted))
    except Exception as error:  # whatever damage does to what is unpacked
        raise _unreadable(folder, error) from error


def _write_without_addresses(dumped: bytes, file: Path) -> None:
    """What skops wrote, whose parts are called by their addresses in memory, with numbers in the order of mention in their place, and
    without the time: the same fit is the same bytes."""
    place: dict[str, str] = {}
    with zipfile.ZipFile(io.BytesIO(dumped)) as given:
        schema = re.sub(ADDRESS, lambda found: place.setdefault(found[0], str(len(place) + 1)), given.read(SCHEMA).decode())
        parts = {re.sub(ADDRESS, lambda found: place[found[0]], name): given.read(name) for name in given.namelist() if name != SCHEMA}
    with zipfile.ZipFile(file, "w") as kept:
        for name in sorted(parts):
            kept.writestr(zipfile.ZipInfo(name), parts[name])
        kept.writestr(zipfile.ZipInfo(SCHEMA), schema)


def _trusted(folder: Path, modules: Collection[str]) -> list[str]:
    import skops.io

    try:
        types = skops.io.get_untrusted_types(file=folder / FILE)
    except Exception as error:
        raise _unreadable(folder, error) from error
    for name in types:
        module = name.rpartition(".")[0]
        if module.split(".")[0] not in TRUSTED and not any(module == each or module.startswith(f"{each}.") for each in modules):
            raise MirbenchError(
                f"the probe in {folder} holds a {name}, which is neither scikit-learn's, mirbench's nor of the plugin that provides the "
                "probe, so it is not read; use an estimator of scikit-learn, or define yours in the plugin."
            )
    return types


def _unreadable(folder: Path, error: Exception) -> MirbenchError:
    return MirbenchError(f"the stored probe in {folder} cannot be read: {describe(error)}; delete that folder to make it again.")
