"""Where the time of the default run goes, as ratios of the same run on this machine. Not a test: `python tests/benchmarks/default_run.py`.

Prints: how many times faster than real time `mini` is rendered on one core; the stages of a pretraining step and what bfloat16
saves; the linear probe against scikit-learn's.
"""

from __future__ import annotations

import numpy as np
import torch
from mirbench_plugins.datasets.mini import plan, sizes
from sklearn.linear_model import LogisticRegression
from timing import seconds

from mirbench import build_backbone
from mirbench.evaluation.probing import probes
from mirbench.pretraining.views.bands import MelViews


def rendering() -> None:
    items = plan.plan(sizes.QUICK)[::7]
    taken = seconds(lambda: [plan.render(item, 0) for item in items], 2)
    print(f"rendering: {sum(i.seconds for i in items) / taken:.0f} x real time on one core, without FLAC")


def step() -> None:
    backbone = build_backbone("mel-cnn")
    mel = torch.randn(96, 116, 128) * 0.7 - 3.5
    views, generator = MelViews(backbone.mel.centres), torch.Generator().manual_seed(0)
    augment = seconds(lambda: views(mel, generator), 5)

    def forward_backward(enabled: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            out = backbone.encode(mel.transpose(1, 2))
        out.float().square().mean().backward()

    single, half = (seconds(lambda e=e: forward_backward(e), 5) for e in (False, True))
    print(f"step of 96 views, {torch.get_num_threads()} threads: views {augment * 1e3:.0f} ms; forward and backward "
          f"{single * 1e3:.0f} ms in float32, {half * 1e3:.0f} ms in bfloat16 ({single / half:.1f} x)")  # fmt: skip


def probe() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(9, size=(2, 576))
    x = rng.standard_normal((2, 576, 1024)).astype(np.float32) + np.eye(9)[y] @ rng.standard_normal((9, 1024)) * 0.2
    fast = seconds(lambda: probes.fit(x[0], y[0], x[1], y[1], target="multiclass", classes=tuple("abcdefghi"), metric="accuracy"), 1)
    slow = seconds(lambda: [LogisticRegression(C=c, max_iter=1000).fit(x[0], y[0]) for c in probes.STRENGTHS], 1)
    print(
        f"linear probe, 576 x 1,024, 9 classes, {len(probes.STRENGTHS)} strengths: {fast:.2f} s; scikit-learn {slow / fast:.1f} x as long"
    )


if __name__ == "__main__":
    rendering()
    step()
    probe()
