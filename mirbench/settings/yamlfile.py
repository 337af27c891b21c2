"""YAML as people expect it: 1e-3 is a number, a date is text, a key given twice is an error, and every error has its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from mirbench.errors import MirbenchError


class _Loader(yaml.SafeLoader):
    """PyYAML follows YAML 1.1, where 1e-3 is text, 2024-01-01 a date and the last of two equal keys wins."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_FLOAT = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"^(?:{_FLOAT.pattern})$"), list("-+0123456789."))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    """Keys are the text as written, so that `on: 1` and `8: 1` are named in errors as their writer knows them."""
    seen: set[str] = set()
    for key, _ in node.value:
        name = str(key.value)
        if name in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key '{name}' is given twice", key.start_mark)
        seen.add(name)
    loader.flatten_mapping(node)
    return {str(key.value): loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_value(text: str, where: str) -> Any:
    """A YAML value; raises MirbenchError at `where`, with the line where the text has several."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark and not where.startswith("--set") else ""
        raise MirbenchError(f"{where}{line}: this is not YAML: {error.problem}; write settings as 'key: value'.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise MirbenchError(f"{where}: this is not YAML: {' '.join(str(error).split())}.") from error


def parse(text: str, where: str) -> dict[str, Any]:
    """A file of settings; an empty one has none."""
    value = parse_value(text, where)
    if value is None:
        return {}
    if not isinstance(value, dict):
        given = "a list" if isinstance(value, list) else repr(value)
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
