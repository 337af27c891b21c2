"""Where the time of the default run goes, as ratios of the same run on this machine. Not a test: `python tests/benchmarks/default_run.py`.

Prints: how many times faster than real time `mini` is rendered on one core; the stages of a pretraining step and what bfloat16
saves. Probes: `probes.py`.
"""

from __future__ import annotations

import torch
from mirbench_plugins.datasets.mini import plan, sizes
from timing import seconds

from mirbench import build_backbone
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


if __name__ == "__main__":
    rendering()
    step()
