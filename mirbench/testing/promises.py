"""What a plugin promises, and whether it keeps it: a list of promises for each kind, which `mirbench check`, `mirbench.testing` and the
pytest plugin all go through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mirbench.errors import MirbenchError, describe
from mirbench.registry.contract import reason_of

WRITTEN = "`mirbench new {} NAME` writes one that keeps all promises"  # how a contract is mended
PASS, FAIL, SKIPPED = "pass", "fail", "not looked at"


class NotSeen(Exception):
    """A promise cannot be judged here; its text says why, as the rest of a sentence."""


@dataclass(frozen=True)
class Promise:
    """One thing that a plugin promises.

    keeps: of what is examined, tells in numbers how the promise is kept; raises AssertionError with a sentence where it is not, and NotSeen
    where that cannot be told. about: what is promised. mend: what to do where it is broken; nothing where the sentence
    itself says it. after: the promises without which this one says nothing, which come before it in a list. lengthy: whether it takes a
    process or seconds of its own, so that `check_encoder` and its like leave it to `mirbench check`.
    """

    name: str
    about: str
    mend: str
    keeps: Callable[[Any], str]
    after: tuple[str, ...] = ()
    lengthy: bool = False


@dataclass(frozen=True)
class Outcome:
    """Of one promise. status: pass | fail | not looked at. told: the numbers, what is wrong, or why it was not looked at."""

    promise: Promise
    status: str
    told: str


@dataclass
class Examination:
    """A plugin's noun and its promises. title: such as `encoder 'mine'`; file: where it was written; subject: what the promises are asked
    about, which may have `mend(promise, error)`: what mends a broken promise of its own, or nothing. error: what was raised; None where it
    is the promise that says what is wrong."""

    kind: str
    name: str
    title: str
    provider: str
    file: str
    subject: Any
    promises: Sequence[Promise]
    found: dict[str, Outcome] = field(default_factory=dict)

    def outcome(self, name: str) -> Outcome:
        """Of the promise of that name, after those that it needs."""
        if name not in self.found:
            promise = next(each for each in self.promises if each.name == name)
            broken = [other for other in promise.after if self.outcome(other).status != PASS]
            self.found[name] = Outcome(promise, SKIPPED, f"needs {', '.join(broken)}") if broken else self._ask(promise)
        return self.found[name]

    def outcomes(self) -> Iterator[Outcome]:
        """Of all, in their order, each when it was looked at."""
        for promise in self.promises:
            yield self.outcome(promise.name)

    def _ask(self, promise: Promise) -> Outcome:
        raised: BaseException | None = None
        try:
            return Outcome(promise, PASS, promise.keeps(self.subject))
        except AssertionError as error:
            why = " ".join(str(error).split()) or f"{self.title}: {reason_of(error, self.file or None)}"
        except NotSeen as error:
            return Outcome(promise, SKIPPED, str(error))
        except MirbenchError as error:
            why = str(error)
        except (MemoryError, KeyboardInterrupt):
            raise
        except (Exception, SystemExit) as error:
            why = f"{self.title} raises {reason_of(error, self.file or None) or describe(error)}"
            raised = error
        mend = getattr(self.subject, "mend", lambda promise, error: "")(promise.name, raised)
        return Outcome(replace(promise, mend=mend or promise.mend), FAIL, why)


def keep(subject: Any, promises: Sequence[Promise]) -> None:
    """Raises AssertionError for the first promise that is broken, of those that are not lengthy; what a plugin raises passes as it is."""
    for promise in promises:
        if not promise.lengthy:
            try:
                promise.keeps(subject)
            except NotSeen:
                continue
