"""report.html: one page that holds everything, to mail or to open on a phone. Nothing in it is loaded from elsewhere."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.records import REPORT
from mirbench.reporting import notes, shared_audio
from mirbench.reporting.differences import uncorrected
from mirbench.reporting.page import heard, making
from mirbench.reporting.page.answer import answer
from mirbench.reporting.page.by_class import by_class
from mirbench.reporting.page.limits import limits
from mirbench.reporting.page.maps import beliefs, maps
from mirbench.reporting.page.numbers import numbers_of
from mirbench.reporting.sections import Section
from mirbench.reporting.tables import robustness
from mirbench.reporting.tables.layers import best_layers
from mirbench.reporting.tables.scores import clean, row_groups
from mirbench.reporting.words import NONE, interval, number, panels, size
from mirbench.results.order import joined

if TYPE_CHECKING:
    from mirbench.results.merging import Results

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("data.js", "charts.js", "maps.js", "tables.js", "player.js", "main.js")
EXAMPLES = 10  # of a finding
NOT_KEPT = "What single labels and clips score is not told, as the folder holds no predictions; `mirbench run` keeps them."
MOST_SKIPPED = 20  # sentences before the others are folded away


def page(results: Results, sections: Mapping[str, Section], begun: float | None = None) -> str:
    """The page as text; predictions and sounds are read from the folders of the runs, where they are kept. begun: when the report of the
    run was, by `time.perf_counter`, which is among its stages; of several runs it belongs to none."""
    numbers = numbers_of(results)
    encoders = {each["name"]: i for i, each in enumerate(numbers["encoders"])}
    sounds = heard.sounds(results)
    data = {
        **numbers,
        "classes": by_class(results, encoders),
        "maps": maps(results, encoders),
        "sounds": [{k: v for k, v in s.items() if k != "mp3"} for s in sounds],
    }
    about = {
        **_about(results, sections, data),
        "data": data,
        "mp3": [sound["mp3"] for sound in sounds],
        "licences": heard.licences(results, sounds),
        "style": (PAGE / "style.css").read_text(encoding="utf-8"),
        "vega": vega(),
        "script": "\n".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    if begun is not None and len(about["made"]) == 1:
        (made,) = about["made"].values()
        made["stages"].append((REPORT, time.perf_counter() - begun, 1))
    return str(_template().render(about))


@functools.cache
def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(PAGE), autoescape=True, undefined=jinja2.StrictUndefined)
    environment.tests["plain"] = lambda value: isinstance(value, str | int | float)
    environment.filters |= {"scalar": _scalar, "number": number, "in_time": making.in_time}
    return environment.get_template("template.html")


def _about(results: Results, sections: Mapping[str, Section], data: Mapping[str, Any]) -> dict[str, Any]:
    """What the template says in words and tables."""
    manifests = results.manifests
    rows = clean(results.summary)
    over_all = robustness.comparisons(results.robustness_comparisons, decided=False) if len(results.robustness_comparisons) else None
    described = joined(manifests.values(), "encoders")
    known = {name: making.described(about) if isinstance(about, dict) else about for name, about in described.items()}
    scored = [e["name"] for e in data["encoders"]]
    return {
        "title": f"mirbench: {', '.join(manifests)}",
        "runs": list(manifests),
        "answer": [*answer(results), *best_layers(results)],
        "limits": limits(results),
        "sizes": [f"{panel.title}, {panel.metric}: {size(panel.of(rows))}" for panel in panels(rows) if panel.headline],
        "main": _main_table(data, row_groups(rows), shared_audio.marked(results)),
        "sections": sections,
        "swept": notes.was_corrupted(results),
        "of_robustness": sections["robustness"].below if "robustness" in sections else notes.of_robustness(results),
        "over_all": over_all if over_all is not None and len(over_all.cells) else None,
        "uncorrected": {"clean": uncorrected(results.comparisons), "corrupted": uncorrected(results.robustness_comparisons)},
        "compared": [*notes.of_robustness_comparisons(results), f"Those of single corruptions are in {notes.COMPARED}."]
        if len(results.robustness_comparisons)
        else [],
        "descriptions": {name: known[name] or NONE for name in scored if name in known},
        "made": {name: _made(manifest) for name, manifest in manifests.items()},
        "findings": {name: manifest["findings"] for name, manifest in manifests.items() if manifest.get("findings")},
        "beliefs": list(beliefs(results)),
        "unknown": "" if data["classes"] else NOT_KEPT,
        "troubles": notes.troubles(results),
        "examples": EXAMPLES,
        "most_skipped": MOST_SKIPPED,
        "shows": _shows(data),
    }


def _shows(data: Mapping[str, Any]) -> dict[str, bool]:
    """Which charts have something to show."""
    several = sum(not each["majority"] for each in data["encoders"]) > 1
    return {
        "differences": bool(data["differences"]),
        "curves": bool(data["curves"]),
        "retained": bool(data["retained"]),
        "robustness": bool(data["robustness"]),
        "labels": any(task["ap"] for task in data["classes"]),
        "confusion": any(task["confusions"] for task in data["classes"]),
        "scatter": any(task["points"] for task in data["classes"]),
        "worst": any(task["worst"] for task in data["classes"]),
        "alignment": bool(data["alignment"]) and several,
        "maps": bool(data["maps"]),
        "listen": any(sound["severity"] for sound in data["sounds"]),
        "sweep": any(option["numeric"] for option in data["sweep"]["options"]),
        "layers": bool(data["layers"]),
        "cost": sum(any(each[x] is not None for x in ("gflop", "ms")) for each in data["costs"]) > 1,
    }


def _main_table(data: Mapping[str, Any], groups: list[tuple[str, list[str]]], marks: Mapping[str, str]) -> dict[str, Any]:
    """columns: panels with their places, headlines first. groups: heading and rows, each a name and its cells. marks: by the title of a
    panel, what stands after it."""
    order = sorted(range(len(data["panels"])), key=lambda i: not data["panels"][i]["headline"])
    cells = {(row["e"], row["p"]): row for row in data["scores"]}
    places = {each["name"]: i for i, each in enumerate(data["encoders"])}
    nan = float("nan")

    def cell(name: str, panel: int) -> dict[str, Any] | None:
        row = cells.get((places[name], panel))
        return row and {**row, "interval": interval(nan if row["lo"] is None else row["lo"], nan if row["hi"] is None else row["hi"])}

    return {
        "columns": [{**(panel := data["panels"][i]), "place": i, "mark": marks.get(panel["title"], "")} for i in order],
        "groups": [(heading, [(name, [cell(name, i) for i in order]) for name in names]) for heading, names in groups if names],
    }


def _made(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "command": making.command(manifest),
        "date": manifest.get("date"),
        "key": manifest.get("key"),
        "settings": making.settings(manifest),
        "stages": making.stages(manifest),
        "left_out": making.left_out(manifest),
        "facts": making.facts(manifest),
        "opened": making.FIRST,
    }


def _scalar(value: Any) -> str:
    if value is None or value == "":
        return NONE
    return "none" if value in ([], {}) else f"{value:.6g}" if isinstance(value, float) else str(value)


@functools.cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script for an HTML element, which calls the last `vegaEmbed`; 0.9 MB."""
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return str(script).replace("</script", "<\\/script").replace("<!--", "<\\!--")
