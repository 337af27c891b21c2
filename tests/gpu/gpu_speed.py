"""How fast a GPU is kept busy: what training and embedding reach of what the device, or decoding, could."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from embedding import decoding, mp3s
from gpu_common import Given, Row, noise_clips, options_of
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import mirbench
from mirbench import build_backbone
from mirbench.engine.machine import core_count
from mirbench.evaluation.embedding.passes import EmbeddingPass, embed_passes
from mirbench.evaluation.embedding.windows import FrozenEncoder
from mirbench.records import Condition, Input

SAMPLES = 59_535  # of a view of 2.7 s
BACKBONES = ("samplecnn", "tune-plus")
OF_BARE, WAITING, BUSY, OF_DECODING = 0.4, 0.1, 0.8, 0.8  # goals


def _synchronised(device: str) -> float:
    """Now, when what the device was given is done."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def _fastest(call: Callable[[], object], device: str, repeats: int) -> float:
    """Seconds, after one to warm up."""
    call()
    found = []
    for _ in range(repeats):
        begun = _synchronised(device)
        call()
        found.append(_synchronised(device) - begun)
    return min(found)


def peak_flops(given: Given) -> float:
    """Of a product of large matrices in bfloat16, each second: what the device reaches at best."""
    size, repeats = (256, 1) if given.pretend else (8192, 10)
    one = torch.randn(size, size, device=given.device, dtype=torch.bfloat16)
    return 2 * size**3 / _fastest(lambda: one @ one, given.device, repeats)


def _bare(name: str, views: int, given: Given) -> tuple[float, float, str]:
    """Views a second of forward and backward alone, of audio that lies on the device; operations of a view; and by which way."""
    audio = torch.randn(views, SAMPLES, device=given.device) * 0.1

    def step(network: nn.Module) -> None:
        with torch.autocast(given.device, torch.bfloat16):
            out = network(audio)
        out.float().square().mean().backward()

    backbone = build_backbone(name).train().to(given.device)
    with FlopCounterMode(display=False) as counted:
        step(backbone)
    ways = {"as it is": backbone}
    if not given.pretend:  # compiling takes as long on a CPU as all else
        ways["compiled"] = torch.compile(backbone)
    seconds = {
        way: _fastest(lambda network=network: step(network), given.device, 1 if given.pretend else 5) for way, network in ways.items()
    }
    way = min(seconds, key=seconds.__getitem__)
    return views / seconds[way], counted.get_total_flops() / views, way


def training(given: Given) -> Iterator[Row]:
    """A real training in bfloat16 on waveforms, against its forward and backward alone and the device's peak."""
    views, steps = (8, 2) if given.pretend else (256, 40)
    peak, clips = peak_flops(given), noise_clips(given.folder / "noise", 16 if given.pretend else 128)
    for name in BACKBONES:
        bare, flops, way = _bare(name, views, given)
        chosen = {"backbone": name, "augment": "waveform", "batch_views": views, "steps": steps, "precision": "bfloat16"}
        encoder, options = options_of("simclr", chosen)
        made, cache = (Path(tempfile.mkdtemp(dir=given.folder)) for _ in range(2))
        job = mirbench.PretrainJob(clips, options, 0, made, cache, given.device)
        encoder.pretrain(job)
        rate, waiting = job.report["views_seen"] / max(job.report["seconds"], 1e-9), job.report["waiting_share"]
        yield Row(
            f"{name}, steps", str(job.report["steps"]), str(steps), job.report["steps"] == steps and np.isfinite(job.report["final_loss"])
        )
        found = f"{rate:.0f} of {bare:.0f} views/s ({way}), {rate * flops / peak:.0%} of the peak"
        yield Row(name, found, f">= {OF_BARE:.0%} of bare", rate >= OF_BARE * bare, speed=True)
        yield Row(f"{name}, waiting for data", f"{waiting:.0%}", f"< {WAITING:.0%}", waiting < WAITING, speed=True)


class _Transformer(nn.Module):
    """As large as the models of speech and music that are on the hub: seven convolutions, then twelve layers of 768."""

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        kernels = ((10, 5), *[(3, 2)] * 4, *[(2, 2)] * 2)
        widths = [1, *[min(dim, 512)] * len(kernels)]
        pairs = zip(widths, widths[1:], kernels, strict=False)
        self.front = nn.Sequential(*(part for a, b, (k, s) in pairs for part in (nn.Conv1d(a, b, k, s), nn.GELU())))
        self.project = nn.Linear(widths[-1], dim)
        layer = nn.TransformerEncoderLayer(dim, dim // 64, 4 * dim, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        pooled: torch.Tensor = self.layers(self.project(self.front(audio[:, None]).transpose(1, 2))).mean(dim=1)
        return pooled


def _encoders(given: Given) -> Iterator[FrozenEncoder]:
    encoder, options = options_of("untrained", {"backbone": "mel-cnn"})
    yield FrozenEncoder("mel-cnn", encoder.load(None, options, 0, given.device), encoder.input(options))
    torch.manual_seed(0)
    model = _Transformer(*((64, 2) if given.pretend else (768, 12))).eval().to(given.device)

    def embed(audio: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), torch.autocast(given.device, torch.bfloat16, enabled=given.device != "cpu"):
            found: np.ndarray = model(torch.from_numpy(audio).to(given.device)).float().cpu().numpy()
            return found

    yield FrozenEncoder("transformer", embed, Input(16_000, 10.0))


def embedding(given: Given) -> Iterator[Row]:
    """mp3s of 30 s, decoded by worker processes: clips a second, and how long the encoder is at work meanwhile."""
    count = 8 if given.pretend else 240
    clips = mp3s(given.place("mp3s"), count, min(count, 60))
    for frozen in _encoders(given):
        busy = [0.0]

        def timed(audio: np.ndarray, frozen: FrozenEncoder = frozen, busy: list[float] = busy) -> Any:
            begun = _synchronised(given.device)
            found = frozen.embed(audio)
            busy[0] += _synchronised(given.device) - begun
            return found

        one = EmbeddingPass(
            [FrozenEncoder(frozen.title, timed, frozen.input)], [Condition()], workers=core_count(), encode_in_workers=False
        )
        frozen.embed(np.zeros((1, frozen.sample_rate), np.float32))
        begun = time.perf_counter()
        rows = list(embed_passes(one, clips, "embedding"))
        wall = time.perf_counter() - begun
        embedded = sum(len(each.rows[0]) for each in rows)
        yield Row(
            f"{frozen.title}, clips", str(embedded), str(count), embedded == count and all(np.isfinite(each.rows[0]).all() for each in rows)
        )
        begun = time.perf_counter()
        decoding(one, clips)
        decoded = count / (time.perf_counter() - begun)
        found = f"{count / wall:.1f} clips/s, busy {busy[0] / wall:.0%}, decoding alone {decoded:.1f} clips/s"
        right = busy[0] >= BUSY * wall or count / wall >= OF_DECODING * decoded
        yield Row(frozen.title, found, f"busy >= {BUSY:.0%}, or {OF_DECODING:.0%} of decoding", right, speed=True)
