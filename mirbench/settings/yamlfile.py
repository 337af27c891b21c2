"""YAML as people expect it: 1e-3 is a number, a date is text, a key given twice is an error, and every error has its line.

Whole numbers are those of YAML 1.2's core schema: 010 is ten, 0o10 eight, and 1:30 text, where YAML 1.1 saw eight, text and ninety;
1_000 stays a thousand. What aliases would make endless or huge, and what is nested too deeply, is refused before it is built.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from mirbench.errors import MirbenchError, in_words
from mirbench.settings.size import MOST_LEVELS, TooMuch, check_size


class _Loader(yaml.SafeLoader):
    """PyYAML follows YAML 1.1, where 1e-3 is text, 010 eight, 2024-01-01 a date and the last of two equal keys wins."""

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            check_size(node, _parts)
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("timestamp", "float", "int")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_INT = re.compile(r"[-+]?\d[\d_]*|0o[0-7]+|0x[0-9a-fA-F]+")
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"^(?:{_INT.pattern})$"), list("-+0123456789"))
_FLOAT = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"^(?:{_FLOAT.pattern})$"), list("-+0123456789."))

MOST_DIGITS = 100  # of a whole number


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    """Keys are the text as written, so that `on: 1` and `8: 1` are named in errors as their writer knows them."""
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key is a list or a mapping, and must be a name", key.start_mark)
        name = str(key.value)
        if name in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key '{name}' is given twice", key.start_mark)
        seen.add(name)
    loader.flatten_mapping(node)
    return {str(key.value): loader.construct_object(value, deep=True) for key, value in node.value}


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    if len(text) > MOST_DIGITS:
        raise yaml.constructor.ConstructorError(None, None, f"a number has {len(text):,} digits", node.start_mark)
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def parse_value(text: str, where: str) -> Any:
    """A YAML value; raises MirbenchError at `where`, with the line where the text has several."""
    try:
        return yaml.load(text, _Loader)
    except TooMuch as error:
        line = "" if where.startswith("--set") else f":{error.at.start_mark.line + 1}"
        raise MirbenchError(f"{where}{line}: {error}; write settings as 'key: value'.") from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark and not where.startswith("--set") else ""
        raise MirbenchError(f"{where}{line}: this is not YAML: {error.problem}; write settings as 'key: value'.") from error
    except RecursionError as error:
        raise MirbenchError(f"{where}: values are nested more than {MOST_LEVELS} deep; write settings as 'key: value'.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise MirbenchError(f"{where}: this is not YAML: {' '.join(str(error).split())}.") from error


def parse(text: str, where: str) -> dict[str, Any]:
    """A file of settings; an empty one has none."""
    value = parse_value(text, where)
    if value is None:
        return {}
    if not isinstance(value, dict):
        given = "a list" if isinstance(value, list) else in_words(value)
        raise MirbenchError(f"{where} should hold settings, each as 'key: value', not {given}.")
    return value


def line_of(text: str, path: Sequence[Any]) -> int | None:
    """The line, from 1, of the key at a path, or of the innermost part of it that is there."""
    node, line = yaml.compose(text, _Loader), None
    for key in path:
        if isinstance(node, yaml.MappingNode):
            found = [(name, value) for name, value in node.value if name.value == str(key)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line
