"""What supervisions promise.

PYTEST_DONT_REWRITE: what an assertion says is the whole sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from mirbench.engine.global_state import unchanged
from mirbench.nouns import Supervision
from mirbench.testing.importing import IMPORTED
from mirbench.testing.means import completed, contract, fenced
from mirbench.testing.promises import WRITTEN, NotSeen, Promise
from mirbench.testing.tasks import right_label


class SupervisionSubject:
    """values: of its annotation, as clips carry them; options: instead of some defaults."""

    source = ""

    def __init__(self, supervision: Supervision, values: Sequence[Any] = (), options: Mapping[str, Any] | None = None) -> None:
        self.supervision, self.values, self.options = supervision, list(values), options or {}
        self.title = f"supervision '{supervision.name}'"

    @cached_property
    def complete(self) -> dict[str, Any]:
        return completed(self.title, self.supervision.options, self.options)

    @cached_property
    def labels(self) -> list[Any]:
        return [self.supervision.label(value) for value in self.values]

    @cached_property
    def encoded(self) -> Any:
        with unchanged("", 0, may_draw=True):
            return self.supervision.encode(self.labels, self.complete)

    def similarity(self, encoded: Any) -> Any:
        with unchanged("", 0, may_draw=True):
            return self.supervision.similarity(encoded, self.complete)


def _contract(subject: SupervisionSubject) -> str:
    contract("supervision", subject.supervision)
    subject.supervision.check(subject.complete)
    return f"{len(subject.complete)} options"


def _labels(subject: SupervisionSubject) -> str:
    if len(subject.values) < 2:
        annotation = subject.supervision.annotation
        raise NotSeen(f"no data set here says what values '{annotation}' has; name yours by --data")
    for value, label in zip(subject.values, subject.labels, strict=True):
        right_label(f"{subject.title}: label({value!r}) is {label!r}", subject.supervision, value, label)
    return f"{len(subject.values)} values"


def _encodes(subject: SupervisionSubject) -> str:
    _check_tensor(f"{subject.title}: encode", subject.encoded, (len(subject.labels), None))
    return f"{subject.encoded.shape[1]} features"


def _similarities(subject: SupervisionSubject) -> str:
    alike, n = subject.similarity(subject.encoded.clone()), len(subject.labels)
    _check_tensor(f"{subject.title}: similarity", alike, (n, n))
    assert alike.min() >= 0, f"{subject.title}: a similarity is {float(alike.min())}, below 0"
    assert alike.max() <= 1 + 1e-5, f"{subject.title}: a similarity is {float(alike.max())}, above 1"
    return f"{float(alike.min()):.2g} to {float(alike.max()):.2g}"


def _symmetric(subject: SupervisionSubject) -> str:
    import torch

    alike = subject.similarity(subject.encoded.clone())
    assert torch.allclose(alike, alike.T, atol=1e-6), f"{subject.title}: similarity is not symmetric"
    return ""


def _input_left(subject: SupervisionSubject) -> str:
    import torch

    given = subject.encoded.clone()
    subject.similarity(given)
    assert torch.equal(given, subject.encoded), f"{subject.title}: similarity changes what encode returned"
    return ""


def _global_state(subject: SupervisionSubject) -> str:
    with fenced(f"{subject.title}: encode"):
        subject.supervision.encode(subject.labels, subject.complete)
    with fenced(f"{subject.title}: similarity"):
        subject.supervision.similarity(subject.encoded.clone(), subject.complete)
    return ""


def _batch(subject: SupervisionSubject) -> str:
    import torch

    n, encoded = len(subject.labels), subject.encoded
    alike = subject.similarity(encoded.clone())
    for rows in (list(reversed(range(n))), list(range(0, n, 2)), [0]):
        some = subject.similarity(encoded[rows])
        same = some.shape == (len(rows), len(rows)) and torch.allclose(some, alike[rows][:, rows], atol=1e-6)
        assert same, f"{subject.title}: how alike two clips are depends on which others are in the batch"
    return ""


def _check_tensor(what: str, found: Any, shape: tuple[int | None, ...]) -> None:
    import torch

    wanted = "(" + ", ".join("features" if size is None else str(size) for size in shape) + ")"
    assert isinstance(found, torch.Tensor), f"{what} returns {type(found).__name__}, not a tensor"
    fits = found.ndim == len(shape) and all(size in (None, given) for size, given in zip(shape, found.shape, strict=True))
    assert fits, f"{what} returns the shape {tuple(found.shape)}, not {wanted}"
    assert found.dtype == torch.float32, f"{what} returns {str(found.dtype).removeprefix('torch.')}, not float32"
    assert torch.isfinite(found).all(), f"{what} returns values that are not finite"


SUPERVISION = (
    Promise("contract", "what the registry asks of a supervision", WRITTEN.format("supervision"), _contract),
    IMPORTED,
    Promise(
        "labels",
        "label() makes a right label of each value",
        "let label() return what its `target` says, the same each time: a class, several, or a number",
        _labels,
        ("contract",),
    ),
    Promise("encode", "(clips, features) float32", "return torch.tensor([[...], ...], dtype=torch.float32)", _encodes, ("labels",)),
    Promise("similarity", "(rows, rows) float32 from 0 to 1", "divide by the largest there can be, or clamp", _similarities, ("encode",)),
    Promise("input", "similarity leaves its input", "work on a copy: encoded.clone()", _input_left, ("similarity",)),
    Promise(
        "global state",
        "generators and settings are left alone",
        "draw no random numbers in encode() and similarity()",
        _global_state,
        ("similarity",),
    ),
    Promise("symmetric", "a is like b as b is like a", "use what is symmetric, or the mean of both", _symmetric, ("global state",)),
    Promise(
        "batch", "a pair is as alike in any batch", "compare pairs alone, and divide by no sum over the batch", _batch, ("global state",)
    ),
)
