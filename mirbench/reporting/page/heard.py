"""The sounds of a page: those that the run folders hold, as many as the page has room for, each as text that a script can play."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from mirbench.errors import MirbenchError
from mirbench.results.order import joined
from mirbench.results.run_folder import RunFolder

if TYPE_CHECKING:
    from mirbench.results.merging import Results

MEGABYTES = 2.6  # of MP3 in a page


def sounds(results: Results) -> list[dict[str, Any]]:
    """dataset, clip, corruption, severity, level, unit, and the MP3 in base64; those of the first run that has them, in the order in which
    it wrote them. Raises MirbenchError where a file is not as the run wrote it."""
    room, found = MEGABYTES * 1e6, dict[tuple[Any, ...], dict[str, Any]]()
    for path in results.paths:
        run = RunFolder(path)
        for row in run.read("sounds").astype({"dataset": "str", "corruption": "str"}).to_dict("records"):
            at = row["dataset"], row["clip"], row["corruption"], row["severity"]
            if at in found:
                continue
            try:
                data = (path / "sounds" / row["file"]).read_bytes()
            except OSError as error:
                raise MirbenchError(
                    f"the run {path} has no sounds/{row['file']} ({error.strerror}); run it again to complete it."
                ) from error
            room -= len(data)
            if room < 0:
                return list(found.values())
            level = None if row["level"] != row["level"] else row["level"]
            about = {"dataset": row["dataset"], "clip": row["clip"], "corruption": row["corruption"], "severity": int(row["severity"])}
            found[at] = {**about, "level": level, "unit": row["unit"], "mp3": base64.b64encode(data).decode()}
    return list(found.values())


def licences(results: Results, heard: list[dict[str, Any]]) -> list[str]:
    """`mini: licence` of each data set that is heard."""
    known = joined(results.manifests.values(), "datasets")
    told = ((name, (known.get(name) or {}).get("licence")) for name in dict.fromkeys(each["dataset"] for each in heard))
    return [f"{name}: {licence}" for name, licence in told if licence]
