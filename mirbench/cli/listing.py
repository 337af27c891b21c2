"""`mirbench list`: what there is to choose from, and all that is known of one. Imports nothing heavy."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirbench.cli.completing import kinds_and_names
from mirbench.cli.flags import DataRoot, Debug, Json, Plugins, say
from mirbench.cli.noun_facts import LISTED
from mirbench.errors import MirbenchError, did_you_mean

if TYPE_CHECKING:
    from mirbench.registry.plugins import Registry

LINE = 70  # characters of a description in a line


def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            autocompletion=kinds_and_names,
            help=f"One of {', '.join(LISTED)}; all of them if left out. Or a NAME of any of these, or an encoder's address, SCHEME:REST.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One of that kind, to show all that is known of it.")] = None,
    data_root: DataRoot = None,
    as_json: Json = False,
    plugin: Plugins = None,
    debug: Debug = False,
) -> None:
    """Show what there is to choose from, and who provides it.

    By a name, all that is known of that one: an encoder's audio, layers and options with their ranges, also of an address such as
    onnx:FILE, a task's classes and metrics, the levels of a
    corruption, the grid of a probe, the splits, licence and citation of a data set.
    """
    if kind is not None and kind not in LISTED and name is not None:
        raise _unknown(kind, LISTED)
    if kind is not None and ":" in kind:
        kind, name = "encoders", kind
    from mirbench import registry as registries

    registry = registries.load(plugin or [])
    for failure in registry.failures:
        print(f"mirbench: {failure.provider} failed to load: {failure.reason}.", file=sys.stderr)
        if debug:
            print(failure.traceback, file=sys.stderr)
    if name is None and (kind is None or kind in LISTED):
        _list(registry, kind, as_json)
    else:
        _show(registry, kind or "", name, data_root, as_json)


def _show(registry: Registry, kind: str, name: str | None, data_root: str | None, as_json: bool) -> None:
    """All that is known of one of a kind; without a name, `kind` is one, and whatever carries it is shown."""
    from mirbench.cli.noun_facts import facts, names
    from mirbench.cli.noun_text import page
    from mirbench.registry.model_paths import no_name

    if name is not None:
        about = facts(registry, kind, registry.with_address(name) if kind == "encoders" else name, data_root)
        say(about if as_json else page(about))
        return
    known = {listed: names(registry, listed) for listed in LISTED}
    carriers = [listed for listed in LISTED if kind in known[listed]]
    if not carriers:
        raise no_name(kind) or _unknown(kind, [*LISTED, *(each for listed in LISTED for each in known[listed])])
    abouts = [facts(registry, listed, kind, data_root) for listed in carriers]
    say(abouts if as_json else "\n\n".join(map(page, abouts)))


def _unknown(given: str, known: Iterable[str]) -> MirbenchError:
    hint = did_you_mean(given, known)
    kinds = f"Known: {', '.join(LISTED)}. It takes the names that these show, too."
    return MirbenchError(f"mirbench list does not know '{given}'{';' + hint if hint else '.'} {kinds}")


def _list(registry: Registry, kind: str | None, as_json: bool) -> None:
    tables = {listed: _rows(registry, listed) for listed in ([kind] if kind else LISTED)}
    if as_json:
        say(tables[kind] if kind else tables)
        return
    lines: list[str] = []
    for listed, rows in tables.items():
        if kind is None:
            lines += [*([""] if lines else []), listed]
        told = [(row["name"], _in_words(listed, row), row["provider"]) for row in rows]
        lines += _columns(told, "" if kind else "  ")
    say("\n".join(lines))


def _rows(registry: Registry, kind: str) -> list[dict[str, Any]]:
    if kind == "plugins":
        return _plugin_rows(registry)
    if kind == "configs":
        from mirbench.settings.shipped import purpose, shipped

        return [{"name": n, "description": purpose(f), "provider": "mirbench", "file": str(f)} for n, f in shipped().items()]
    from mirbench.cli.noun_facts import OF_OTHERS

    fields = {
        "encoders": ("trainable", "seeded", "sample_rate", "window_seconds", "options", *OF_OTHERS),
        "tasks": ("annotation", "target", "metrics", "classes", "changed_by"),
        "datasets": ("version", "licence", "home", "citation"),
        "corruptions": ("unit", "levels", "family", "alters", "limits", "counted", "others"),
        "backbones": (),
        "supervisions": ("annotation", "target", "options"),
        "probes": (),
        "schemes": (),
    }[kind]
    single = kind.removesuffix("s")
    rows = []
    for name, noun in registry.nouns(single).items():
        row = {"name": name, "description": noun.description, "provider": registry.provider(single, name)}
        rows.append(row | {field: _plain(getattr(noun, field)) for field in fields})
    return rows


def _plugin_rows(registry: Registry) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for plugin in registry.plugins:
        provides = [f"{kind} {name}" for kind, names in plugin.provides.items() for name in names]
        about = {"door": plugin.door, "version": plugin.version, "file": plugin.file, "provides": plugin.provides}
        rows.append({"name": plugin.name, "description": ", ".join(provides) or "nothing", "provider": plugin.provider} | about)
    for failure in registry.failures:
        row = {"name": failure.name, "description": f"failed to load: {failure.reason}", "provider": failure.provider}
        rows.append({**row, "traceback": failure.traceback})
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [item if isinstance(item, (str, int, float)) else getattr(item, "name", str(item)) for item in value]
    return dict(value) if hasattr(value, "keys") else value


def _in_words(kind: str, row: dict[str, Any]) -> str:
    """A row's description; on a line of their own, of a supervision what it reads and its options, of a corruption its levels, of an
    encoder that it was not tried."""
    if kind == "corruptions":
        from mirbench.notation import in_unit

        facts = [in_unit(row["levels"], row["unit"]), *([row["family"]] if row["family"] else [])]
        facts += [f"alters {' and '.join(row['alters'])}"] if row["alters"] else []
        facts += [] if row["counted"] else ["not counted in the robustness scores"]
        return f"{row['description']}\n{'; '.join(facts)}"
    if kind == "encoders" and row["untried"]:
        from mirbench.cli.noun_text import UNTRIED

        return f"{row['description']}\n{UNTRIED}"
    if kind != "supervisions":
        return str(row["description"])
    options = ", ".join(f"{name}={value}" for name, value in row["options"].items())
    return f"{row['description']}\nreads: {row['annotation'] or 'what `annotation` names'}; options: {options or 'none'}"


def _columns(rows: list[tuple[str, str, str]], indent: str) -> list[str]:
    """Descriptions of more than LINE characters go on in the lines below."""
    wrapped = [[line for part in text.split("\n") for line in textwrap.wrap(part, LINE) or [""]] for _, text, _ in rows]
    widths = [max((len(name) for name, _, _ in rows), default=0), max((len(line) for lines in wrapped for line in lines), default=0)]
    lines = [] if rows else [f"{indent}none"]
    for (name, _, provider), (first, *rest) in zip(rows, wrapped, strict=True):
        lines.append(f"{indent}{name:{widths[0]}}  {first:{widths[1]}}  ({provider})")
        lines += [f"{indent}{'':{widths[0]}}  {line}" for line in rest]
    return lines
