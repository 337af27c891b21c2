"""What cells of JSON and Parquet can be of, besides text, numbers and lists of these, and columns of Parquet without those."""

from __future__ import annotations

import decimal
import math
from collections.abc import Collection, Mapping
from typing import Any

from mirbench.errors import MirbenchError


def kind_of_cell(cell: Any) -> str:
    """What a cell is that no annotation can be; nothing for text, finite numbers, lists of these, and what is unknown.

    >>> kind_of_cell(True), kind_of_cell({"a": 1}), kind_of_cell(["a", 1.5]), kind_of_cell([["a"]]), kind_of_cell(None)
    ('booleans', 'objects', '', 'lists of lists', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "booleans"
    if isinstance(cell, int):
        return ""
    if isinstance(cell, float):
        return "" if not math.isinf(cell) else "infinite numbers"
    if isinstance(cell, str):
        return "" if cell.isascii() or not any("\ud800" <= c <= "\udfff" for c in cell) else "halves of characters"
    if isinstance(cell, list):
        found = next((kind for item in cell if (kind := "lists" if isinstance(item, list) else kind_of_cell(item))), "")
        return f"lists of {found}" if found else "lists with null" if None in cell else ""
    return "objects" if isinstance(cell, dict) else f"cells of the type {type(cell).__name__}"


def parquet_columns(file: Any, names: Mapping[str, str], known: Collection[str]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """The cells of each column that may be read, by its name, and the kinds of those that are passed over, by theirs, none of whose cells
    is read. names: given name -> name, '' where it is ignored. Raises MirbenchError for a known one of such a kind."""
    read, odd = list[str](), dict[str, str]()
    for field in file.schema_arrow:
        if names[field.name]:
            if not (kind := _kind_of_type(field.type)):
                read.append(field.name)
            elif names[field.name] in known:
                raise MirbenchError(f"the column '{field.name}' holds {kind}; write text or numbers.")
            else:
                odd[field.name] = kind
    table = file.read(columns=read)
    columns: dict[str, list[Any]] = {}
    for given in read:
        cells = table.column(given).to_pylist()
        if any(isinstance(cell, decimal.Decimal) for cell in cells):
            cells = [float(cell) if isinstance(cell, decimal.Decimal) else cell for cell in cells]
        if names[given] not in known and (kind := next((kind for cell in cells if (kind := kind_of_cell(cell))), "")):
            odd[given] = kind
        else:
            columns[names[given]] = cells
    return columns, odd


def _kind_of_type(kind: Any) -> str:
    """In words what a Parquet column holds that is neither text nor numbers nor lists of these."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _kind_of_type(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inner = _kind_of_type(kind.value_type)
        return f"lists of {inner}" if inner else "lists of lists" if types.is_nested(kind.value_type) else ""
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    return "" if text or number or types.is_null(kind) else f"cells of the type {kind!s:.60}"


def holds_audio(field: Any) -> bool:
    """Whether a Parquet column is of files, each with its bytes, as Hugging Face's `datasets` writes them."""
    from pyarrow import types

    return bool(types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0)
