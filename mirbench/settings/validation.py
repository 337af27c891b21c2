"""Options that are given instead of defaults, checked by a pydantic class of what was declared; every fault is a part of a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic_core import PydanticCustomError

from mirbench.errors import beginning, in_words, unknown_name
from mirbench.settings.declaring import Option, Options, Spec
from mirbench.settings.size import TooMuch, check_size
from mirbench.settings.values import Whole

_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")  # errors of pydantic
_CHOICE = "choice"
_classes: dict[str, type[BaseModel]] = {}  # by what was declared, since making one takes milliseconds


class WrongOption(ValueError):
    """A value that an option cannot have. name: the option's. text: a sentence without its full stop where `whole`, and else what follows
    the name in one; typed: whether the value is of another type."""

    def __init__(self, name: str, text: str, *, whole: bool = False, typed: bool = False) -> None:
        super().__init__(text)
        self.name, self.text, self.whole, self.typed = name, text, whole, typed


def declared(options: Mapping[str, Any]) -> dict[str, Option]:
    """How each option is declared; of those in a plain mapping the default is all that is known."""
    return dict(options.declared) if isinstance(options, Options) else {name: Option(default) for name, default in options.items()}


def option_class(options: Mapping[str, Any]) -> type[BaseModel]:
    """The options as a class of pydantic, a field each with its type, default, bounds and meaning; those in a plain mapping too.

    >>> layers = option_class({"layers": 2}).model_fields["layers"]
    >>> layers.annotation, layers.default
    (<class 'int'>, 2)
    """
    each = declared(options)
    key = repr([(name, option, _type_of(option.default)) for name, option in each.items()])
    if key not in _classes:
        fields: dict[str, Any] = {}
        for name, option in each.items():
            plain = name.isidentifier() and not name.startswith("_") and not hasattr(BaseModel, name)
            fields[name if plain else f"option_{len(fields)}"] = (_type(option), _field(option, name))
        settings = ConfigDict(strict=True, extra="forbid", protected_namespaces=())
        _classes[key] = create_model("DeclaredOptions", __config__=settings, **fields)
    return _classes[key]


def validated(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are given, each in its option's type. options: with their defaults; given: of some of these.

    An int will do for a float and a whole float for an int, a list's elements are like the default's, where the default is a Spec a name,
    a mapping or a list of these will do, and where it is None anything goes. Raises WrongOption for the first that is wrong.

    >>> validated({"rate": 0.1, "tags": ("a",)}, {"rate": 1, "tags": ["b", "c"]})
    {'rate': 1.0, 'tags': ('b', 'c')}
    """
    made = option_class(options)
    for name, value in given.items():
        try:
            check_size(value)
        except TooMuch as error:
            raise WrongOption(name, f"holds too much: {error}") from None
    try:
        values = made.model_validate(dict(given))
    except ValidationError as error:
        order = list(given)
        first = min(error.errors(include_url=False), key=lambda fault: order.index(str(fault["loc"][0])))
        name = str(first["loc"][0])
        raise _wrong(name, declared(options)[name], given[name], first) from None
    fields = {field.alias: name for name, field in made.model_fields.items()}
    return {name: getattr(values, fields[name]) for name in given}


def type_in_words(option: Option) -> str:
    """What an option may be, its bounds and choices with it.

    >>> type_in_words(Option(2, ge=1, le=32)), type_in_words(Option(0.5, gt=0)), type_in_words(Option("a", choices=("a", "b", "c")))
    ('a whole number from 1 to 32', 'a number above 0', 'a, b or c')
    """
    kind, limits = _type_words(option.default), _limits(option)
    if option.or_number is not None:
        kind = f"{' or '.join(repr(choice) for choice in option.choices)} or {_type_words(option.or_number())}"
    elif option.choices:
        *others, last = map(str, option.choices)
        return f"{', '.join(others)} or {last}" if others else last
    if option.ge is not None and option.le is not None:
        return f"{kind} from {option.ge:,} to {option.le:,}"
    return f"{kind}{' of' if limits.startswith('at') else ''} {limits}".rstrip()


def _wrong(name: str, option: Option, given: Any, fault: Any) -> WrongOption:
    if fault["type"] == _CHOICE:
        return WrongOption(name, str(unknown_name(f"{name} option", str(given), map(str, option.choices))).removesuffix("."), whole=True)
    if option.or_number is not None:
        return WrongOption(name, f"should be {type_in_words(option)}, not {in_words(given)}", typed=True)
    if fault["type"] in _BOUNDS and (isinstance(fault["input"], int) or math.isfinite(fault["input"])):
        two_sided = option.ge is not None and option.le is not None
        right = f"lie between {option.ge} and {option.le}" if two_sided else f"be {_limits(option)}"
        return WrongOption(name, f"is {fault['input']}; it must {right}{option.why}")
    right = type_in_words(option) if option.choices else _type_words(option.default, len(fault["loc"]) - 1)
    return WrongOption(name, f"should be {right} (default {beginning(option.default)}), not {in_words(given)}", typed=True)


def _limits(option: Option) -> str:
    bounds = (("at least", option.ge), ("above", option.gt), ("at most", option.le), ("below", option.lt))
    return " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)


def _type_words(default: Any, depth: int = 0) -> str:
    """depth: how far inside a list; 0 is the list."""
    if isinstance(default, (list, tuple)):
        return f"a list, each element {_type_words(default[0], depth - 1)}" if depth else "a list"
    named: tuple[tuple[Any, str], ...] = (
        (Spec, "a name, a mapping with a name, or a list of these"),
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (Mapping, "a mapping"),
    )
    return next((words for kind, words in named if isinstance(default, kind)), "anything")


def _field(option: Option, name: str) -> Any:
    return Field(
        option.default, alias=name, description=option.meaning or None, **({} if option.or_number is not None else _bounds(option))
    )


def _bounds(option: Option) -> dict[str, Any]:
    return {name: bound for name in ("ge", "gt", "le", "lt") if (bound := getattr(option, name)) is not None}


def _type(option: Option) -> Any:
    def among(value: Any) -> Any:
        if value not in option.choices:
            raise PydanticCustomError(_CHOICE, "none of the choices")
        return value

    if option.or_number is not None:
        return Literal[option.choices] | Annotated[_type_of(option.or_number()), Field(**_bounds(option))]
    kind = _type_of(option.default)
    return Annotated[kind, AfterValidator(among)] if option.choices else kind


def _type_of(default: Any) -> Any:
    """A type of pydantic that takes what may stand in the place of a default."""
    if isinstance(default, Spec):
        return Annotated[Any, AfterValidator(_spec)]
    if isinstance(default, list):
        return Annotated[list[_type_of(default[0]) if default else Any], BeforeValidator(_as_list)]  # type: ignore[misc]
    if isinstance(default, tuple):
        return Annotated[tuple[_type_of(default[0]) if default else Any, ...], BeforeValidator(_as_tuple)]  # type: ignore[misc]
    kinds: tuple[tuple[Any, Any], ...] = ((bool, bool), (int, Whole), (float, _Finite), (str, str), (Mapping, _Mapping))
    return next((kind for cls, kind in kinds if isinstance(default, cls)), Any)


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _as_dict(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Mapping = Annotated[dict[Any, Any], BeforeValidator(_as_dict)]


def _spec(value: Any) -> Any:
    """A name as the mapping that it is short for, so that both are one thing to the cache."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return dict(value)
    if isinstance(value, (list, tuple)) and value and not any(isinstance(item, (list, tuple)) for item in value):
        return [_spec(item) for item in value]
    raise ValueError(value)
