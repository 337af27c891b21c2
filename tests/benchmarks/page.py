"""How large a page is, how long it takes to be made, and to be opened: of 12 encoders, 4 tasks, 23 corruptions at 5 severities and 3 seeds.

PYTHONPATH=tests/helpers python tests/benchmarks/page.py [RUN]      or of a run folder
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from browser import Browser, why_not
from pages import whole_run

from mirbench.reporting import html
from mirbench.reporting.sections import sections
from mirbench.results.merging import load

ABOUT = {"unit": "dB", "levels": [40, 30, 20, 10, 0], "description": "made up", "alters": [], "counted": True}


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        corruptions = {f"corruption-{i:02d}": ABOUT for i in range(23)}
        encoders = [f"encoder-{i:02d}" for i in range(12)]
        run = Path(sys.argv[1]) if len(sys.argv) > 1 else whole_run(folder / "run", encoders, corruptions, 3, 360, True, (1, 2, 3, 4, 5))
        begun = time.perf_counter()
        results = load(run)
        path = folder / "report.html"
        path.write_text(html.page(results, sections(results)), encoding="utf-8")
        print(f"made in {time.perf_counter() - begun:.1f} s, {path.stat().st_size / 1e6:.2f} MB")
        if why := why_not():
            print(why)
            return
        browser = Browser(folder / "profile")
        for width in (1440, 1440, 390):  # the first also starts the browser
            begun = time.perf_counter()
            browser.open(path, width)
            drawn = time.perf_counter() - begun
            paint = browser.run("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            said = browser.messages or "nothing"
            print(f"{width} px: first paint after {paint / 1000:.2f} s, all charts after {drawn:.1f} s; console: {said}")
        browser.close()


if __name__ == "__main__":
    main()
