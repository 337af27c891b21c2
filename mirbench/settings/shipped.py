"""The configurations that come with mirbench, and the text of any: without pydantic, as `mirbench list` shows them."""

from __future__ import annotations

import importlib
import io
import itertools
import re
from pathlib import Path

from mirbench.errors import MirbenchError

MOST_BYTES = 100_000  # of a file


def shipped() -> dict[str, Path]:
    """The configurations that come with mirbench, by bare name: `quick`, `paper/label-budget`."""
    folders = [Path(folder) for folder in importlib.import_module("mirbench_configs").__path__]
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for folder in folders for path in folder.rglob("*.yaml")}
    return dict(sorted(found.items(), key=lambda item: (item[0].count("/"), item[0])))


def purpose(path: Path) -> str:
    """The first sentence of the comment at the top of a configuration."""
    lines = itertools.takewhile(lambda line: line.startswith("# "), read_text(path).splitlines())
    return re.split(r"(?<=\.) ", " ".join(line.removeprefix("# ").strip() for line in lines))[0].removesuffix(".")


def read_text(path: Path) -> str:
    """Of a file of settings. Raises MirbenchError where it cannot be read, is no text or is too long for one."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise MirbenchError(f"{path} has more than {MOST_BYTES:,} bytes, which no settings need; give a YAML file of settings.")
        return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8").read()
    except UnicodeDecodeError as error:
        raise MirbenchError(f"{path} is not text in UTF-8; save it as UTF-8.") from error
    except OSError as error:
        raise MirbenchError(f"cannot read {path} ({error.strerror}); give a YAML file that can be read.") from error
