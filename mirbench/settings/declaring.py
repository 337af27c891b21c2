"""How options are declared: name, default, bounds, choices and meaning in one place. Imports nothing heavy."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

from mirbench.records import ALL_LAYERS, BEST_LAYER, LAST_LAYER, WEIGHTED_LAYERS


class Spec(dict[str, Any]):
    """The default of an option that a name, a mapping or a list may replace, such as a supervision."""


@dataclass(frozen=True)
class Option:
    """How an option is declared, as `mirbench.option(...)` in a class of `Options`. Raises ValueError where the default breaks its bounds.

    default: its type is the option's, where an int will do for a float, None takes anything, and a `Spec` a name, a mapping or a list of
    these. meaning: what it is for, with its unit, in a sentence without a full stop. ge, gt, le, lt: a number's bounds, called as by
    pydantic: at least, above, at most, below. choices: all that it may be. file: whether it names a file or folder, such as of
    weights, empty for none: what is in it is a part of every key. or_number: the type of a number, int or float, that will do in the
    place of one of the choices, within the bounds. why: how the sentence about a number out of bounds ends, such as ", the number of tags
    to share".
    """

    default: Any
    meaning: str = ""
    _: KW_ONLY
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    choices: tuple[Any, ...] = ()
    why: str = ""
    file: bool = False
    or_number: type[int] | type[float] | None = None

    def __post_init__(self) -> None:
        every = (("at least", self.ge, operator.ge), ("above", self.gt, operator.gt), ("at most", self.le, operator.le),
                 ("below", self.lt, operator.lt))  # fmt: skip
        bounds = [(word, bound, holds) for word, bound, holds in every if bound is not None]
        right = [f"one of {', '.join(map(str, self.choices))}"] if self.choices else []
        number = self.or_number is not None or (bool(bounds) and not self.choices)
        if number:
            kind = "a whole number" if self.or_number is int else "a number"
            right.append(" ".join([kind, " and ".join(f"{word} {bound:g}" for word, bound, _ in bounds)]).strip())
        is_number = isinstance(self.default, int if self.or_number is int else (int, float))
        within = number and is_number and all(holds(self.default, bound) for _, bound, holds in bounds)
        if right and not within and self.default not in self.choices:
            raise ValueError(f"the default of an option is {self.default!r}, and it must be {' or '.join(right)}")


option: Callable[..., Any] = Option  # of any type to a type checker, so that a subclass may give another default by its value alone


class Options(Mapping[str, Any]):
    """Options declared once: a class of `option`s, whose instance maps each name to its default.

    A subclass has the options of its bases; a plain value in it is another default, or an option of which no more is said.

    >>> class Pooling(Options):
    ...     layers = option(2, "convolutions, one after the other", ge=1, le=12)
    ...     pool = option("mean", "how frames become one embedding", choices=("mean", "max"))
    >>> class Deeper(Pooling):
    ...     layers = 8
    >>> dict(Deeper()), Deeper.declared["layers"].le
    ({'layers': 8, 'pool': 'mean'}, 12)
    """

    declared: ClassVar[Mapping[str, Option]] = {}
    _own: ClassVar[Mapping[str, Option]] = {}  # what a class itself says

    def __init_subclass__(cls) -> None:
        above = [base for base in cls.__mro__[1:] if issubclass(base, Options)]
        names = dict.fromkeys(name for base in cls.__bases__ if issubclass(base, Options) for name in base.declared)
        inherited = {name: next(base._own[name] for base in above if name in base._own) for name in names}
        own: dict[str, Option] = {}
        for name, value in list(vars(cls).items()):
            if not name.startswith("__") and not hasattr(value, "__get__"):
                first = inherited.get(name, Option(None))
                own[name] = value if isinstance(value, Option) else replace(first, default=value)
                delattr(cls, name)  # an option called `items` is not to take the place of the mapping's
        cls._own, cls.declared = own, inherited | own

    def __getitem__(self, name: str) -> Any:
        return self.declared[name].default

    def __iter__(self) -> Iterator[str]:
        return iter(self.declared)

    def __len__(self) -> int:
        return len(self.declared)


class LayerOptions(Options):
    """Of an encoder that has several layers to probe."""

    layer = option(
        LAST_LAYER,
        "which layer is probed: a number from 0 on, or its name where it has one, the last, all, each by itself, the best, chosen on valid "
        "for each task, or their sum, weighted by the linear probe",
        choices=(LAST_LAYER, ALL_LAYERS, BEST_LAYER, WEIGHTED_LAYERS),
        or_number=int,
        ge=0,
    )
