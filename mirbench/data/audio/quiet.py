"""Keeps libmpg123 quiet, which writes about damaged frames to the error output itself, past Python and whatever it was told."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

ERROR_OUTPUT = 2  # its file descriptor
_NOISE = re.compile(rb"(?:(?<![^\n])\n)?(?:(?<!\w)(?:Note|Warning): |\[[^\n\]]*libmpg123)[^\n]*(?:\n|$)")


class _Redirected:
    """The error output of the process, while some threads decode: in a file, of which what others wrote goes on to where it belongs."""

    def __init__(self) -> None:
        self.lock, self.users = threading.Lock(), 0
        self.real = self.file = -1

    def begin(self) -> None:
        with self.lock:
            self.users += 1
            if self.users > 1:
                return
            with contextlib.suppress(OSError):  # of a process without error output
                if self.file < 0:
                    self.file = _file()
                self.real = os.dup(ERROR_OUTPUT)
                os.dup2(self.file, ERROR_OUTPUT)

    def end(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users and self.real >= 0:
                self._restore()
                if written := os.pread(self.file, os.fstat(self.file).st_size, 0):
                    os.ftruncate(self.file, 0)
                    os.lseek(self.file, 0, os.SEEK_SET)
                    if others := _NOISE.sub(b"", written):
                        with contextlib.suppress(OSError):
                            os.write(ERROR_OUTPUT, others)

    def _restore(self) -> None:
        os.dup2(self.real, ERROR_OUTPUT)
        os.close(self.real)
        self.real = -1

    def after_fork(self) -> None:
        """In a child, where only the thread that forked goes on, which does not decode."""
        if self.real >= 0:
            self._restore()
        if self.file >= 0:
            os.close(self.file)  # the parent's, whose position they would share
        self.__init__()  # type: ignore[misc]


def _file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("mirbench", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


_redirected = _Redirected()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_redirected.after_fork)


@contextlib.contextmanager
def quiet_mpeg() -> Iterator[None]:
    """Within it nothing that libmpg123 says gets out; what other threads write meanwhile comes when it ends."""
    _redirected.begin()
    try:
        yield
    finally:
        _redirected.end()
