"""What can go wrong anywhere, for reasons outside this program, as a sentence."""

from __future__ import annotations

import errno
import re
import traceback
from pathlib import Path

from mirbench.errors import describe, no_memory, printable

DELETE = "where it lies in the cache, delete it to have it made again"


def in_a_sentence(error: Exception) -> str | None:
    """What happened and what would help, with the file that was at hand; None for what should not happen."""
    at = _file_at_hand(error)
    which = printable(at) if at else "a file"
    if isinstance(error, MemoryError) or _no_memory(error):
        return no_memory(error)
    if isinstance(error, RecursionError):
        return f"{which} is nested too deeply to be read; give one that is not, or {DELETE}."
    if isinstance(error, EOFError):
        return f"{which} ends too early or is empty ({describe(error)}); give a whole one, or {DELETE}."
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space or choose another place with --cache or --output."
    if error.errno == errno.EFBIG or (error.errno is None and re.search(r"\d+ requested and \d+ written", str(error))):
        return (
            f"{which} could not be written whole: it would be larger than files may be here (`ulimit -f`, or the file system's limit), or "
            "the disk is full; raise the limit, or choose another place with --cache or --output."
        )
    if error.filename is not None:
        return f"cannot use {printable(error.filename)}: {error.strerror}."
    return None


def _no_memory(error: Exception) -> bool:
    """Whether it is torch's word for it."""
    return type(error).__name__ == "OutOfMemoryError" or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def _file_at_hand(error: Exception) -> Path | None:
    """The file that the innermost function which has one was at."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for value in frame.f_locals.values():
            if isinstance(value, Path):
                try:
                    if value.is_file():
                        return value
                except (OSError, ValueError):
                    continue
    return None
