"""What backbones promise.

PYTEST_DONT_REWRITE: what an assertion says is the whole sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from mirbench.nouns import Backbone, Embed
from mirbench.records import Input
from mirbench.testing.embedding import LOAD, RATE, SPEED, USED, EmbedSubject
from mirbench.testing.importing import IMPORTED
from mirbench.testing.means import contract, fenced, noise
from mirbench.testing.promises import WRITTEN, Promise


class BackboneSubject(EmbedSubject):
    """options: given to `build`."""

    def __init__(self, backbone: Backbone, options: Mapping[str, Any] | None = None) -> None:
        self.backbone, self.options, self.title = backbone, options or {}, f"backbone '{backbone.name}'"

    def build(self, seed: int) -> Any:
        """A network whose weights are drawn from torch's generator, which begins at the seed."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.backbone.build(**self.options)

    @cached_property
    def network(self) -> Any:
        return self.build(self.seed)

    @property
    def given(self) -> Input:
        return Input(sample_rate=round(self.network.sample_rate))

    def load(self) -> Embed:
        import torch

        network = self.build(self.seed).eval()

        def embed(audio: np.ndarray) -> Any:
            with torch.inference_mode():
                return network(torch.as_tensor(audio))

        return embed


def _contract(subject: BackboneSubject) -> str:
    contract("backbone", subject.backbone)
    return ""


def _build(subject: BackboneSubject) -> str:
    import torch

    with fenced(f"{subject.title}: build", subject.seed):
        network = subject.network
    assert isinstance(network, torch.nn.Module), f"{subject.title}: build returns {type(network).__name__}, not a torch.nn.Module"
    rate, dim = getattr(network, "sample_rate", None), getattr(network, "dim", None)
    fine = isinstance(rate, (int, float)) and rate > 0
    assert fine, f"{subject.title}: sample_rate is {rate!r}; it should be a number of hertz above 0"
    fine = isinstance(dim, int) and dim > 0
    assert fine, f"{subject.title}: dim is {dim!r}; it should be the number of values it returns of a clip"
    return f"{sum(p.numel() for p in network.parameters()):,} parameters, {dim} dimensions"


def _seeds(subject: BackboneSubject) -> str:
    import torch

    networks = (subject.network, subject.build(subject.seed), subject.build(subject.seed + 1))
    weights, again, other = ([p.detach() for p in each.parameters()] for each in networks)
    same = len(weights) == len(again) and all(map(torch.equal, weights, again))
    assert same, f"{subject.title}: two networks built with one seed differ; draw weights from torch's generator"
    drawn = not weights or not all(map(torch.equal, weights, other))
    assert drawn, f"{subject.title}: two networks built with different seeds have the same weights"
    return ""


def _options(subject: BackboneSubject) -> str:
    try:
        subject.backbone.build(no_such_option=1)
    except TypeError:
        return ""
    raise AssertionError(f"{subject.title}: build takes an option that it does not have; it should raise TypeError")


def _bands(subject: BackboneSubject) -> str:
    import torch

    if not subject.backbone.bands:
        return "it has none"
    audio, network = torch.as_tensor(noise(2, 40_000)), subject.network.eval()
    with torch.inference_mode():
        mel = network.mel(audio)
        given = mel.clone()
        same = torch.allclose(network(audio), network.encode(mel), rtol=1e-4, atol=1e-5)
    assert torch.equal(given, mel), f"{subject.title}: encode changes the bands that it is given"
    assert same, f"{subject.title} says it has bands, but what it makes of audio is not encode(mel(audio))"
    return f"{mel.shape[1]} bands"


def _dim(subject: BackboneSubject) -> str:
    import torch

    dim = subject.network.dim
    for each in subject.returned:
        out = each.returned
        assert isinstance(out, torch.Tensor), f"{subject.title} returns {type(out).__name__}, not a tensor"
        assert out.shape[1:] == (dim,), f"{subject.title} returns the shape {tuple(out.shape)}, not (batch, {dim}), as its dim says"
    return ""


def _gradients(subject: BackboneSubject) -> str:
    import torch

    network = subject.build(subject.seed)
    rate, seconds = subject.given.sample_rate, subject.given.window_seconds
    with torch.random.fork_rng(devices=[]):
        network.train()(torch.as_tensor(noise(4, round(seconds * rate)))).square().mean().backward()
    weights = list(network.parameters())
    gradients = [p.grad for p in weights if p.grad is not None]
    assert gradients or not weights, f"{subject.title}: no weight gets a gradient"
    assert all(bool(torch.isfinite(g).all()) for g in gradients), f"{subject.title}: a gradient is not finite"
    return f"{len(gradients)} of {len(weights)} tensors of weights get one"


BACKBONE = (
    Promise("contract", "what the registry asks of a backbone", WRITTEN.format("backbone"), _contract),
    IMPORTED,
    Promise("build", "a torch module with sample_rate and dim", "set self.sample_rate and self.dim in __init__", _build, ("contract",)),
    Promise("seeds", "weights follow torch's seed", "draw weights by torch's own initialisers", _seeds, ("build",)),
    Promise(
        "options", "TypeError for an option it lacks", "name the options of build one by one, without **options", _options, ("contract",)
    ),
    Promise(RATE.name, RATE.about, RATE.mend, RATE.keeps, ("build",)),
    Promise(LOAD.name, "embeds a window", LOAD.mend, LOAD.keeps, ("rate",)),
    Promise("dim", "a tensor (batch, dim)", "pool over time, and let dim be the size of the last layer", _dim, ("load",)),
    *USED,
    Promise("bands", "forward is encode(mel(audio))", "let forward(audio) be encode(mel(audio)), or set bands = False", _bands, ("build",)),
    Promise("gradients", "every gradient is finite", "keep roots and logarithms away from 0", _gradients, ("dim",)),
    SPEED,
)
