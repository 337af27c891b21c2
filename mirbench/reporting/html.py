"""report.html: one page that holds everything, to mail or to open on a phone. Nothing in it is loaded from elsewhere."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.reporting import notes
from mirbench.reporting.figures import curves_name, map_name
from mirbench.reporting.figures.captions import CAPTIONS, CURVES, MAP, ROBUSTNESS, SIMILARITY
from mirbench.reporting.sections import Section
from mirbench.reporting.tables import robustness
from mirbench.reporting.words import NONE, panels
from mirbench.results.order import joined

if TYPE_CHECKING:
    from mirbench.results.merging import Results

FOLDED = {"retained": "Retained performance", "equivariance": "Equivariance: labels shifted along with the audio"}
EXAMPLES = 10  # of a finding
FIRST = ("versions", "git_commit", "datasets", "data", "label_counts", "seeds", "timings", "skipped")  # of a manifest, and open


def page(results: Results, sections: Mapping[str, Section], figures: Iterable[Path]) -> str:
    """The page as text; figures: SVG files, put into it whole."""
    import jinja2

    manifests = results.manifests
    told = [*notes.of_robustness_comparisons(results), f"Those of single corruptions are in {notes.COMPARED}."]
    over_all = Section("", {"": robustness.comparisons(results.robustness_comparisons, decided=False)}, told)
    swept = notes.was_corrupted(results)
    headlines = [panel for panel in panels(results.summary) if panel.headline]
    described = joined(manifests.values(), "encoders")
    known = {name: about.get("description") if isinstance(about, dict) else about for name, about in described.items()}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.tests["plain"] = lambda value: isinstance(value, str | int | float)
    environment.filters["scalar"] = _scalar
    return environment.get_template("page.html").render(
        title=f"mirbench: {', '.join(manifests)}",
        commands=[_command(m) for m in manifests.values() if m.get("command")],
        sections=sections,
        swept=swept,
        of_robustness=sections["robustness"].below if "robustness" in sections else notes.of_robustness(results),
        compared=over_all if len(results.robustness_comparisons) else None,
        captions=CAPTIONS,
        robustness_captions={**ROBUSTNESS, **{curves_name(p.task, p.dataset): CURVES.format(p.title) for p in headlines}},
        folded=FOLDED,
        similarity_captions=SIMILARITY,
        maps={map_name(name): MAP.format(name) for name in dict.fromkeys(results.clips["annotation"].astype("str"))},
        drawn=_drawn(figures),
        descriptions={name: known[name] or NONE for name in results.summary["encoder"].cat.categories if name in known},
        manifests={name: _facts(manifest) for name, manifest in manifests.items()},
        opened=FIRST,
        findings={name: manifest["findings"] for name, manifest in manifests.items() if manifest.get("findings")},
        examples=EXAMPLES,
    )


def _drawn(figures: Iterable[Path]) -> dict[str, list[str]]:
    """By the name of a figure its pages, in order."""
    found: dict[str, list[str]] = {}
    for path in figures:
        name, _, number = path.stem.rpartition("-page-")
        stem = name if number.isdecimal() and name in found else path.stem
        found.setdefault(stem, []).append(f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}")
    return found


def _command(manifest: Mapping[str, Any]) -> str:
    command = manifest["command"]
    return shlex.join(str(x) for x in command) if isinstance(command, list) else str(command)


def _facts(manifest: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Every fact of a manifest, those that a reader wants first on top."""
    keys = [*(k for k in FIRST if k in manifest), *(k for k in manifest if k not in (*FIRST, "command", "metrics", "findings"))]
    return [(key, manifest[key]) for key in keys]


def _scalar(value: Any) -> str:
    if value is None or value == "":
        return NONE
    return "none" if value in ([], {}) else f"{value:.6g}" if isinstance(value, float) else str(value)
