"""Addresses of files."""

from __future__ import annotations

from pathlib import Path

import mirbench


def file_of(scheme: str, rest: str, what: str) -> str:
    """The file of an address. what: it should be, as a part of a sentence. Raises MirbenchError where there is none."""
    if not rest:
        raise mirbench.MirbenchError(f"{scheme}: names no file; write {scheme}:FILE.")
    if not Path(rest).is_file():
        raise mirbench.MirbenchError(f"there is no file {rest}, which {scheme}:{rest} names; give {what}.")
    return rest
