"""The maps of test clips: the same clips as two encoders have them, what is said of each clip, and how far a map can be believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mirbench.reporting.words import NONE
from mirbench.results.order import joined

if TYPE_CHECKING:
    from mirbench.results.merging import Results

UNJUDGED = "?"  # before a label that nobody has judged
MANY = "multilabel"
METHODS = {"tsne": "t\u2011SNE", "umap": "UMAP"}  # in one line


def maps(results: Results, encoders: Mapping[str, int]) -> list[dict[str, Any]]:
    """Of each data set: clips; by annotation their labels, of many labels a list each, and whether labels are numbers; points, by the place
    of an encoder a list of [place of the clip, x, y], each map scaled to lie between 0 and 1."""
    targets = {about.get("annotation"): about.get("target") for about in joined(results.manifests.values(), "tasks").values() if about}
    found = []
    for dataset, rows in results.maps.groupby("dataset", observed=True, sort=False):
        clips = {clip: i for i, clip in enumerate(dict.fromkeys(rows["clip"]))}
        points = {
            encoders[str(name)]: _scaled([(clips[row["clip"]], row["x"], row["y"]) for row in each.to_dict("records")])
            for name, each in rows.groupby("encoder", observed=True, sort=True)
            if name in encoders
        }
        said = results.clips[results.clips["dataset"] == dataset]
        labels = {
            str(annotation): _labels(dict(zip(each["clip"], each["label"], strict=True)), clips, targets.get(annotation))
            for annotation, each in said.groupby("annotation", observed=True, sort=False)
        }
        if points and labels:
            found.append({"dataset": str(dataset), "clips": list(clips), "labels": labels, "points": points})
    return found


def _scaled(points: list[tuple[int, float, float]]) -> list[list[float]]:
    """Both axes by the same factor, so that distances stay what they are."""
    xs, ys = [x for _, x, _ in points], [y for _, _, y in points]
    span = max(max(xs) - min(xs), max(ys) - min(ys)) or 1.0
    middle_x, middle_y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return [[i, round(0.5 + (x - middle_x) / span, 4), round(0.5 + (y - middle_y) / span, 4)] for i, x, y in points]


def _labels(of: Mapping[str, str], clips: Mapping[str, int], target: str | None) -> dict[str, Any]:
    if target == MANY:
        several = [[unquote(name) for name in of.get(clip, "").split("|") if name and name[0] != UNJUDGED] for clip in clips]
        return {"many": True, "numeric": False, "of": several}
    return {"many": False, "numeric": all(_is_number(of[clip]) for clip in clips if clip in of), "of": [of.get(clip) for clip in clips]}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def beliefs(results: Results) -> Iterator[dict[str, Any]]:
    """Of each map: dataset, encoder, method, trustworthiness, and by annotation the silhouette of its labels in the embedding and on the
    map."""
    for manifest in results.manifests.values():
        for dataset, about in (manifest.get("maps") or {}).items():
            for encoder, told in about["encoders"].items():
                silhouettes = {name: (_two(each.get("embedding")), _two(each.get("map"))) for name, each in told["silhouettes"].items()}
                method = METHODS.get(about["method"], about["method"])
                yield {"dataset": dataset, "encoder": encoder, "method": method, "trustworthiness": _two(told["trustworthiness"]),
                       "neighbours": told.get("neighbours"), "silhouettes": silhouettes}  # fmt: skip


def _two(x: float | None) -> str:
    return NONE if x is None else f"{round(x, 2) + 0.0:.2f}"  # no -0.00
