"""What an encoder's embeddings depend on besides its source and options: what it says itself, and the files that its options name."""

from __future__ import annotations

import hashlib
import inspect
import os
from pathlib import Path
from typing import Any

from mirbench.engine.files import sha256
from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.model_files import model_files
from mirbench.experiment.resolve.records import Entry, Parts, naming
from mirbench.settings.validation import declared


def identity_of(entry: Entry, provider: str) -> Parts:
    """A part of the keys of an entry. Raises MirbenchError where an option names a file or folder that is not there."""
    encoder = entry.encoder
    with naming("encoder", encoder.name, provider, "telling its identity"):
        ask: Any = encoder.identity
        identity = ask(dict(entry.options)) if _takes_options(ask) else ask()
    files = {name: path for name, option in declared(encoder.options).items() if option.file and (path := entry.options.get(name))}
    digests = {name: _digest(entry, name, Path(path).expanduser()) for name, path in files.items()}
    return {"identity": str(identity), **({"files": digests} if digests else {})}


def _takes_options(ask: Any) -> bool:
    """Encoders of before tell their identity without."""
    try:
        inspect.signature(ask).bind({})
    except TypeError:
        return False
    return True


def _digest(entry: Entry, option: str, path: Path) -> str:
    """Of a file and those beside it that it names (see `model_files`), or of the names and contents of all files in a folder."""
    if not path.exists():
        given = f"options.{entry.encoder.name}.{option}"
        raise MirbenchError(f"{given}: there is no file or folder {path}; give one that the encoder can read, or leave the option out.")
    whole = hashlib.sha256()
    for file in model_files(path):
        digest = sha256(file) if file.is_file() else ""
        name = "" if file == path else os.path.relpath(file, path if path.is_dir() else path.parent)
        whole.update(f"{name}\0{digest}\n".encode(errors="surrogateescape"))
    return whole.hexdigest()
