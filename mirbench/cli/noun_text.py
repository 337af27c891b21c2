"""The page of one thing that `mirbench list` names: what it is, a line for each fact, and its options as a table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mirbench.errors import printable
from mirbench.notation import in_unit

WIDTH = 100  # characters of a line
SHOWN = 30  # classes in a line of them; all are in the JSON
TITLE = {"dataset": "data set", "config": "configuration"}
UNTRIED = "not tried with its true weights"
COLUMNS = ("option", "default", "may be", "what it is for")
WIDEST = (26, 14, 20)  # characters of all columns but the last, which has the rest

Facts = Mapping[str, Any]


def page(facts: Facts) -> str:
    """The page of what `noun_facts.facts` knows of one thing."""
    title = f"{TITLE.get(facts['kind'], facts['kind'])} {facts['name']}"
    about = f": {facts['description']}" if facts.get("description") else ""
    rows = [(name, value) for name, value in _ROWS[facts["kind"]](facts) if value]
    return "\n".join([*_wrapped(title + about, "", "  "), *_fact_lines(rows), *_options(facts)])


def value_in_words(value: Any) -> str:
    """A setting's value as --set and YAML take it.

    >>> value_in_words({"name": "dice", "weight": 0.5, "more": [True, None, ""]})
    "{name: dice, weight: 0.5, more: [true, null, '']}"
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {value_in_words(each)}" for name, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(value_in_words, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value) or "''"


def _encoder(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "from", facts["provider"]
    rate, seconds = facts["sample_rate"], facts["window_seconds"]
    asked = not facts["missing"] and any(option["name"] == "sample_rate" for option in facts["options"])
    unknown = "not known" + (f"; give it by --set options.{facts['name']}.sample_rate=HERTZ" if asked else "")
    yield "sample rate", unknown if rate is None else f"{rate:,} Hz"
    samples = facts.get("window_samples")
    window = (
        f"{samples:,} samples" + (f" ({seconds:g} s)" if seconds else "")
        if samples
        else "not known"
        if seconds is None
        else f"{seconds:g} s"
    )
    yield "window", window + ("; a longer clip is cut into windows, whose embeddings are averaged" if samples or seconds else "")
    hop = facts.get("hop_seconds")
    apart = f"windows begin at most {hop:g} s apart" if hop else "windows begin as far apart as they are long"
    yield "hop", apart if samples or seconds else ""
    shortest = facts.get("shortest_seconds")
    yield (
        "shortest",
        f"{f'{samples:,} samples' if samples else f'{shortest:g} s'}; a shorter clip has silence put behind it"
        if samples or shortest
        else "",
    )
    yield "normalised", _normalised(facts)
    yield "layers", _layers(facts)
    dims: Sequence[int] = facts.get("dims") or ()
    yield "dimensions", f"{dims[0]:,}" if len(set(dims)) == 1 else f"{', '.join(f'{dim:,}' for dim in dims)}, by layer" if dims else ""
    yield "trained", "yes, in a run or by `mirbench pretrain`" if facts["trainable"] else "no, it is used as it is"
    yield "seeds", "another seed, other embeddings" if facts["seeded"] else "its embeddings are the same for every seed"
    yield "licence", facts["licence"] or ("not known; see where the model comes from" if "normalises" in facts else "")
    yield "home", facts["home"]
    yield "cite", facts["citation"]
    yield "training data", facts["trained_with"]
    if facts["trained_on"]:
        yield "of these, here", f"{', '.join(facts['trained_on'])}, whose scores may be of audio that it was trained on"
    yield "weights", UNTRIED if facts["untried"] else ""
    yield "to use it", facts["missing"]
    yield "options", f"set by --set options.{facts['name']}.OPTION=VALUE" if facts["options"] else "none"


def _normalised(facts: Facts) -> str:
    """Of a model that somebody else trained; nothing of any other."""
    if "normalises" not in facts:
        return ""
    if facts["normalise"] == "zero-mean-unit-variance":
        return "each window, to zero mean and unit variance, as its option `normalise` says"
    if facts["normalise"] == "none" and facts["normalises"] is None:
        return "no, audio is given as it is, as its option `normalise` says"
    setting = f"--set options.{facts['name']}.normalise="
    none_says = f"nothing says; give it by {setting}none or {setting}zero-mean-unit-variance"
    return {True: "by the model, or by what comes with it", False: "no, audio is given as it is"}.get(facts["normalises"], none_says)


def _layers(facts: Facts) -> str:
    """How many, what they are called, and how one of them is chosen."""
    layers, names = facts.get("layers"), facts.get("layer_names") or ()
    if layers is None:
        return ""
    called = f" ({', '.join(f'{number} {name}' for number, name in enumerate(names))})" if names else ""
    one = f"{names[0]} or 0 that one, " if names else ""
    which = f"the last is probed; --set options.{facts['name']}.layer=all scores each, {one}best chooses for each task"
    return f"{layers or 'how many is not known'}{called}; {which}"


def _task(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "from", facts["provider"]
    yield "predicts", f"the annotation {facts['annotation']}, on every chosen data set that carries it"
    yield "target", facts["target"]
    headline, *others = facts["metrics"]
    yield "metrics", f"{headline} (the headline)" + "".join(f", {name}" for name in others)
    yield "classes", _folded(facts["classes"]) or "those of the training labels, in sorted order"
    changed = " or ".join(facts["changed_by"])
    yield (
        "changed by",
        f"{changed}; it is not scored under a corruption that alters that" if changed else "nothing that a corruption alters",
    )


def _corruption(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "from", facts["provider"]
    yield "unit", facts["unit"] or "none; its levels are numbers"
    for each in facts["severities"]:
        yield f"severity {each['severity']}", in_unit([each["level"]], facts["unit"])
    yield "family", facts["family"]
    yield "alters", " and ".join(facts["alters"]) or "nothing of the music"
    yield "limits", "yes, it may flatten peaks" if facts["limits"] else "no, it leaves peaks beyond full scale as they are"
    yield "counted", "yes, in the robustness scores" if facts["counted"] else "no, it is left out of the robustness scores"
    yield "mixes in", f"{facts['others']} other clip{'s'[: facts['others'] > 1]} of the training split" if facts["others"] else ""


def _scheme(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "from", facts["provider"]
    yield "used by", f"--encoder {facts['name']}:..."


def _backbone(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "from", facts["provider"]
    yield "listens to", "log-mel bands, which can be augmented in the place of waveforms" if facts["bands"] else "waveforms"


def _supervision(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "from", facts["provider"]
    yield "reads", f"the annotation {facts['annotation']}, or another one" if facts["annotation"] else "the annotation that it is told"
    yield "target", f"{facts['target']}, for training that predicts the label"
    yield "options", f"set in its mapping, such as {{name: {facts['name']}, weight: 2}}"


def _probe(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "from", facts["provider"]
    for target, about in facts["targets"].items():
        grid = ", ".join(f"{name} {value_in_words(values)}" for name, values in about["grid"].items())
        yield target, f"{about['text']}, at {grid or 'one point'}"
    yield "chosen", "by the headline metric of the task on valid; of equals the first"
    yield "seeds", "another seed, another fit" if facts["seeded"] else "its fit is the same for every seed"
    yield "used by", f"--probe {facts['name']}"


def _dataset(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "from", facts["provider"]
    yield "version", facts["version"]
    yield "licence", facts["licence"]
    yield "home", facts["home"]
    yield "cite", facts["citation"]
    told = [f"{name} ({_folded(classes)})" if classes else name for name, classes in facts["annotations"].items()]
    yield "annotations", "; ".join(told) or "none"
    yield "splits", facts["split_rule"]
    if facts["shift_of"]:
        of = " and ".join(facts["shift_of"])
        yield "shift", f"other recordings of the test clips of {of}, whose probes are scored on them too (--shifts)"
    splits = facts["splits"]
    yield "clips", facts["splits_unknown"] if splits is None else ", ".join(f"{n:,} {name}" for name, n in splits.items()) or "none"
    yield "to get it", facts["access"]
    yield "where", facts["where"]


def _config(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "file", printable(facts["file"])
    yield "used by", f"--config {facts['name']}"
    yield from _settings(facts["settings"])


def _settings(settings: Facts, above: str = "") -> Iterator[tuple[str, str]]:
    """A setting each, by its whole name; a mapping with a name in it, such as a supervision, is a value."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and value and "name" not in value:
            yield from _settings(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value_in_words(value)


def _plugin(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "from", facts["provider"]
    if "failure" in facts:
        yield "failed", f"{facts['failure']}; --debug shows the traceback"
        return
    yield "door", facts["door"]
    yield "version", facts["version"] or "none stated"
    yield "file", printable(facts["file"])
    provided = [f"{TITLE.get(kind, kind)} {name}" for kind, names in facts["provides"].items() for name in names]
    yield "provides", ", ".join(provided) or "nothing"


_ROWS: dict[str, Any] = {
    "encoder": _encoder,
    "task": _task,
    "corruption": _corruption,
    "backbone": _backbone,
    "supervision": _supervision,
    "probe": _probe,
    "scheme": _scheme,
    "dataset": _dataset,
    "config": _config,
    "plugin": _plugin,
}


def _folded(classes: Sequence[str]) -> str:
    """How many, and the first of them."""
    more = f", and {len(classes) - SHOWN} more" if len(classes) > SHOWN else ""
    return f"{len(classes)}: {', '.join(classes[:SHOWN])}{more}" if classes else ""


def _fact_lines(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [line for name, value in rows for line in _wrapped(value, f"  {name + ':':<{width + 1}} ", " " * (width + 4))]


def _options(facts: Facts) -> list[str]:
    """The table of its options, if it has any."""
    options = facts.get("options", ())
    cells = [(row["name"], value_in_words(row["default"]), row["may_be"], row["meaning"] or "not said") for row in options]
    return ["", *table(COLUMNS, cells)] if cells else []


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns, each as wide as its longest cell and at most as WIDEST says; longer cells go on in the lines below."""
    natural = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    widths = [min(width, most) for width, most in zip(natural, WIDEST, strict=False)]
    widths.append(WIDTH - sum(widths) - 2 * len(heads))
    lines = []
    for row in (heads, ["-" * min(width, most) for width, most in zip(natural, widths, strict=True)], *rows):
        cells = [textwrap.wrap(cell, width, break_on_hyphens=False) or [""] for cell, width in zip(row, widths, strict=True)]
        for i in range(max(map(len, cells))):
            line = "  ".join(f"{cell[i] if i < len(cell) else '':<{width}}" for cell, width in zip(cells, widths, strict=True))
            lines.append(f"  {line}".rstrip())
    return lines


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
