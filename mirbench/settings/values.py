"""What settings may look like as they are typed: readers of shorthands such as `a,b` or `1-3,5`, and the types that use them."""

from __future__ import annotations

import contextlib
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mirbench.records import SEVERITIES


def _split(value: Any) -> Any:
    """`a,b` or [a, "b,c"] as a list of names."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        return [part.strip() for name in value for part in name.split(",") if part.strip()]
    return value


def device_name(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValueError(value)
    return value


def folder_name(value: str | None) -> str | None:
    if value is not None and (not re.fullmatch(r"[^/\\\0]+", value) or value.startswith(".") or value != value.strip()):
        raise ValueError(value)
    return value


def _whole(value: Any) -> Any:
    """1e3, which YAML reads as a float, as an int."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _paths(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _share(value: Any) -> Any:
    """`1%` or 0.01 as a number."""
    if isinstance(value, str):
        text = value.strip()
        with contextlib.suppress(ValueError):
            return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    return value


def _labelled(value: list[str]) -> list[str]:
    """Each a data set and an annotation with a colon between."""
    if not all(re.fullmatch(r".+:[^:/\\]+", text) for text in value):
        raise ValueError(value)
    return value


def _severities(value: Any) -> Any:
    """`1-3,5`, 2 or [1, "3-5"] as a list of whole numbers in rising order, once each; what cannot be read stays as it is."""
    parts = [part.strip() for item in (value if isinstance(value, (list, tuple)) else [value]) for part in str(item).split(",")]
    severities: set[int] = set()
    for part in parts:
        first, dash, last = part.partition("-")
        if not (first.strip().isdecimal() and (not dash or last.strip().isdecimal())):
            return value
        low, high = int(first), int(last if dash else first)
        if high - low > 100:
            return value
        severities |= set(range(low, high + 1))
    return sorted(severities) if severities else value


def _shots(value: Any) -> Any:
    """`1,5,all`, 5 or [1, all] as a list of whole numbers in rising order, `all` behind them, once each; what cannot be read stays."""
    parts = [part.strip() for item in (value if isinstance(value, (list, tuple)) else [value]) for part in str(item).split(",")]
    if not parts or not all(part == "all" or (part.isdecimal() and int(part)) for part in parts):
        return value
    return [*sorted({int(part) for part in parts if part != "all"}), *(["all"] if "all" in parts else [])]


def _known_severities(value: list[int]) -> list[int]:
    if not value or not all(1 <= severity <= SEVERITIES for severity in value):
        raise ValueError(value)
    return value


def _none(value: list[str]) -> list[str]:
    """`none` is no names, and cannot stand beside others."""
    if "none" in value and value != ["none"]:
        raise ValueError(value)
    return [] if value == ["none"] else value


def _sweep(value: Any, depth: int = 3) -> Any:
    """Without what is null, so that a later layer can take an encoder, an option or a label out again, and without what is then empty."""
    if value is None:
        return {}
    if depth == 0 or not isinstance(value, dict):
        return value
    kept = {name: _sweep(below, depth - 1) for name, below in value.items() if below is not None}
    return {name: below for name, below in kept.items() if below != {}}


def of_method(value: Any) -> Any:
    """The name of a method alone, as `none`, for its mapping."""
    return {"method": value} if isinstance(value, str) else value


def of_none(value: Any) -> Any:
    """`none` for false."""
    return False if value == "none" else value


def _not_empty(value: Any) -> Any:
    if not value:
        raise ValueError(value)
    return value


Names = Annotated[list[str], BeforeValidator(_split)]
OrNone = Annotated[list[str], BeforeValidator(_split), AfterValidator(_none)]
Severities = Annotated[list[int], BeforeValidator(_severities), AfterValidator(_known_severities)]
Whole = Annotated[int, BeforeValidator(_whole)]
Shots = Annotated[list[int | Literal["all"]], BeforeValidator(_shots)]
Paths = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_paths)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
Labelled = Annotated[list[str], BeforeValidator(_split), AfterValidator(_labelled)]
Values = Annotated[list[Any] | dict[str, Any], AfterValidator(_not_empty)]
Sweep = Annotated[dict[str, dict[str, Values]], BeforeValidator(lambda value: _sweep(value))]
