"""Networks as tracers follow them: traced with one example, they embed audio of any batch and length as before."""

import warnings

import pytest
import torch

import mirbench
from mirbench.pretraining.backbones.tracing import traceable

SHAPES = ((2, 100_000), (1, 1), (3, 500), (2, 2048), (2, 59_049), (1, 59_535), (2, 59_536), (1, 200_001))


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("name", ["mel-cnn", "mel-cnn-small", "samplecnn", "tune-plus"])
def test_a_traced_network_embeds_audio_of_any_batch_and_length(name, real):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = mirbench.build_backbone(name).eval()
        for module in network.modules():
            if getattr(module, "running_var", None) is not None:
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        audio = [0.1 * torch.randn(shape) for shape in SHAPES]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(traceable(network, real), audio[0][:1, :70_000], check_trace=False)
        for each in audio:
            torch.testing.assert_close(traced(each), network(each), atol=1e-5, rtol=1e-5)


def test_a_network_of_others_is_left_as_it_is():
    network = torch.nn.Linear(3, 2)
    assert traceable(network) is network
