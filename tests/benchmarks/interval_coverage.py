"""How often intervals cover the truth and tests err, by groups, seeds and metric: writes the table of results/README.md. Not a test:
`OMP_NUM_THREADS=1 python tests/benchmarks/interval_coverage.py [EXPERIMENTS]`; 1,000 experiments take about an hour on one core.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "results" / "README.md"
METRICS = ("accuracy", "mirex", "macro_average_precision")
GROUPS, SEEDS = (5, 11, 20, 40, 160), (1, 3, 8)
TABLE = re.compile(r"(?s)(?<=<!-- coverage -->\n).*?(?=<!-- end of coverage -->)")


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
    from simulated import CLIPS, simulate

    experiments = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    lines = [
        f"{experiments:,} experiments a line (standard error of a share: .003 to .008).",
        "",
        "| metric | groups | clips | seeds | covered | type I | family-wise |",
        "|---|---|---|---|---|---|---|",
    ]
    for metric in METRICS:
        for groups in GROUPS:
            for seeds in SEEDS:
                found = simulate(metric, groups, seeds, experiments)
                shares = " | ".join(f"{share:.3f}" for share in (found.covered, found.rejected, found.family))
                lines.append(f"| {metric} | {groups} | {CLIPS[groups]} | {seeds} | {shares} |")
                print(lines[-1], flush=True)
    README.write_text(TABLE.sub("\n".join(lines) + "\n", README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
