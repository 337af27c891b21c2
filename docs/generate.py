"""Writes the pages of the guides that are made from the code: `python docs/generate.py`. A test compares them with what this gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer.cli
import typer.main

import mirbench
from mirbench import hookspecs
from mirbench.cli.app import app

HERE = Path(__file__).parent
GENERATED = "<!-- made by docs/generate.py -->"


def command_line() -> str:
    """Every command with its arguments and options, as typer tells them."""
    command = typer.main.get_command(app)
    context = command.make_context("mirbench", [], resilient_parsing=True)
    text = typer.cli.get_docs_for_click(obj=command, ctx=context, name="mirbench")
    return f"{GENERATED}\n\n{text.strip()}\n"


def hooks() -> str:
    """Every hook, and the class that its plugins subclass, with what can be set and written."""
    names = [name for name in vars(hookspecs) if name.startswith("register_")]
    parts = [
        GENERATED,
        "# Hooks",
        "A plugin is a Python file, or a module that a package offers by the entry-point group `mirbench`, with one of these functions or "
        "several, each marked by `@mirbench.hookimpl`. pluggy calls them; the classes are what they return. `mirbench new` writes one of "
        "each to begin with, [plugins.md](plugins.md) goes through them.",
    ]
    for name in names:
        hook = getattr(hookspecs, name)
        kind = getattr(mirbench, str(inspect.signature(hook).return_annotation).removeprefix("list[").removesuffix("]"))
        parts += [f"## {name}", _block([_signature(name, hook)]), _text(hook), *_class(kind)]
    return "\n\n".join(parts) + "\n"


def _class(kind: type) -> list[str]:
    """Its docstring, its attributes with their defaults and its methods."""
    public = {name: told for name, told in inspect.get_annotations(kind).items() if not name.startswith("_")}
    attributes = [f"{name}: {told}{f' = {getattr(kind, name)!r}' if hasattr(kind, name) else ''}" for name, told in public.items()]
    parts = [f"### mirbench.{kind.__name__}", _text(kind), *([_block(attributes)] if attributes else [])]
    for name, member in vars(kind).items():
        function = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and inspect.isfunction(function):
            parts += [_block([_signature(name, function)]), *([_text(function)] if function.__doc__ else [])]
    return parts


def _signature(name: str, function: Callable[..., Any]) -> str:
    return f"def {name}{inspect.signature(function)}".replace("'", "")


def _block(lines: list[str]) -> str:
    return "\n".join(["```python", *lines, "```"])


def _text(of: object) -> str:
    text = inspect.getdoc(of) or ""
    return text if ">>>" not in text and "\n    " not in text else f"```text\n{text}\n```"


PAGES = {"command-line.md": command_line, "hooks.md": hooks}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (HERE / page).write_text(text(), encoding="utf-8")
