"""Something done in a copy of this process, as a run does it, that is ended where it does not come back."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from mirbench.engine.interrupts import held_back
from mirbench.engine.threads import keep_to_one_thread
from mirbench.engine.workers import bound_to_here, can_fork
from mirbench.errors import describe
from mirbench.testing.promises import NotSeen


class NoAnswer(Exception):
    """The process was ended, or ended by itself; the text says how, as the rest of a sentence."""


def in_child(do: Callable[[], Any], patience: float) -> Any:
    """What `do` returns in a forked process of one thread. patience: seconds until it is ended.

    Raises NoAnswer where it does not come back, or raises, and NotSeen where processes cannot be forked.
    """
    if not can_fork():
        raise NotSeen("processes cannot be forked here")
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(do, theirs, bound_to_here()))
    with held_back():
        process.start()
    theirs.close()
    try:
        if not ours.poll(patience):
            raise NoAnswer(f"does not come back within {patience:g} s")
        try:
            fine, answer = ours.recv()
        except EOFError:
            process.join()
            raise NoAnswer(f"ends the process (exit code {process.exitcode})") from None
        if not fine:
            raise NoAnswer(f"raises {answer}")
        return answer
    finally:
        process.kill()
        process.join()
        ours.close()


def _serve(do: Callable[[], Any], pipe: Connection, bind: Callable[..., None]) -> None:
    bind()
    keep_to_one_thread()
    try:
        answer = True, do()
        pickle.dumps(answer)
    except BaseException as error:
        answer = False, describe(error)
    pipe.send(answer)
