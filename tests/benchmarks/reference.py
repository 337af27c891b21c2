"""A finished run as it is kept in results/reference: without predictions and resamples, which are large, and without the folders of the
machine that made it; its report is drawn by the code as it is. Not a test: `python tests/benchmarks/reference.py RUN NAME`.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

from PIL import Image

from mirbench.engine.files import sealed
from mirbench.reporting import report
from mirbench.results.schema import ALL_TABLES

REFERENCE = Path(__file__).parents[2] / "results" / "reference"

if __name__ == "__main__":
    run, kept = Path(sys.argv[1]), REFERENCE / sys.argv[2]
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for schema in ALL_TABLES.values():
        if (run / schema.file).is_file():
            shutil.copyfile(run / schema.file, kept / schema.file)
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest.pop("seal", None)
    manifest["command"] = re.sub(r" --(cache|output) \S+| --quiet", "", manifest["command"])
    manifest["config"]["output"] = "results"
    manifest["files"] = {name: digest for name, digest in manifest["files"].items() if (kept / name).is_file()}
    (kept / "manifest.json").write_text(sealed(json.dumps(manifest, indent=2)) + "\n", encoding="utf-8")
    report([kept])
    others = (path for path in (kept / "figures").iterdir() if path.suffix != ".png")
    for path in [*others, kept / "report.html", kept / ".report.json"]:
        path.unlink()  # which `mirbench report` makes again
    for path in (kept / "figures").glob("*.png"):
        with Image.open(path) as image:
            smaller = image.convert("RGB").quantize(256)
        smaller.save(path, optimize=True)
