"""Backbones: those on raw audio against slow twins written from the published tables; any length in, one embedding out."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from mirbench.errors import MirbenchError
from mirbench.evaluation.embedding.windows import windows
from mirbench.pretraining.backbones import build_backbone, waveform
from mirbench.pretraining.backbones.mel_cnn import MelCNN, MelCNNSmall
from mirbench.pretraining.backbones.samplecnn import SampleCNN, SampleCNNXL
from mirbench.pretraining.backbones.tune import TUNe, TUNePlus
from mirbench.registry.plugins import current

CLIP = 59_535  # samples, 2.7 s
LEAST = 59_049
WAVEFORM = [SampleCNN, TUNe, TUNePlus]
KINDS = (nn.Conv1d, nn.BatchNorm2d, nn.ConvTranspose1d)


def noise(*shape, seed=0, **options):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), **options) * 0.1


def fresh(cls):
    torch.manual_seed(1)
    return cls().eval()


@pytest.fixture(params=WAVEFORM, ids=lambda cls: cls.__name__)
def net(request):
    """One on raw audio, in eval mode."""
    return fresh(request.param)


def embed(network, audio):
    with torch.no_grad():
        return network(audio)


# --- the published networks ---


class Weights:
    """The weights of a network, taken in the order in which it would execute; layers are functions."""

    def __init__(self, network, training):
        self.left = [module for module in network.modules() if isinstance(module, KINDS)]
        self.training = training

    def block(self, x, **geometry):
        """Convolution, batch norm, ReLU."""
        conv, norm = self.left.pop(0), self.left.pop(0)
        x = functional.conv1d(x, conv.weight, conv.bias, **geometry)
        mean, var = (x.mean((0, 2)), x.var((0, 2), correction=0)) if self.training else (norm.running_mean, norm.running_var)
        x = (x - mean[:, None]) / (var + 1e-5).sqrt()[:, None] * norm.weight[:, None] + norm.bias[:, None]
        return x.clamp_min(0)

    def transposed(self, x):
        """Each frame becomes three that overlap with nothing."""
        layer = self.left.pop(0)
        return torch.einsum("bit,iok->botk", x, layer.weight).flatten(2) + layer.bias[:, None]


def pool(x):
    return x[..., : x.shape[2] // 3 * 3].unflatten(2, (-1, 3)).amax(3)


def samplecnn(weights, x):
    x = weights.block(x, stride=3)
    for _ in range(9):
        x = pool(weights.block(x, padding=1))
    return weights.block(x, padding=1).flatten(1)


def tune(weights, x, plus=False):
    one = weights.block(x, padding=1)
    two = weights.block(pool(one), padding=1)
    three = weights.block(pool(two), padding=1)
    four = weights.block(pool(three), padding=1)
    five = weights.block(pool(four), padding=1)
    maps = [five]
    for skip in (four, three, two, one):
        maps.append(weights.block(torch.cat([weights.transposed(maps[-1]), skip], 1), padding=1))
    x = maps[4]
    for level in range(9):
        x = pool(x)
        if plus and level < 4:
            x = torch.cat([x, maps[3 - level]], 1)
        x = weights.block(x, padding=1)
    return functional.avg_pool1d(x, 3).flatten(1)


def tune_plus(weights, x):
    return tune(weights, x, plus=True)


@pytest.mark.parametrize(
    ("cls", "twin", "dim", "parameters"),
    [
        (SampleCNN, samplecnn, 512, 2_368_512),
        (SampleCNNXL, samplecnn, 2048, 25_190_400),
        (TUNe, tune, 512, 2_096_970),
        (TUNePlus, tune_plus, 512, 2_220_390),
    ],
)
@torch.no_grad()
def test_the_published_networks_size_and_numbers(cls, twin, dim, parameters):
    network = fresh(cls)
    assert sum(p.numel() for p in network.parameters()) == parameters
    for module in network.modules():  # norms that do something
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in [(module.weight, 0.5, 1.5), (module.bias, -0.2, 0.2), (module.running_mean, -0.2, 0.2)]:
                tensor.uniform_(low, high)
            module.running_var.uniform_(0.5, 2.0)
    network.double()  # float32 is too coarse for a norm over the few frames of the last layers
    audio = noise(3, CLIP, dtype=torch.float64)
    for training in (False, True):
        weights = Weights(network, training)
        expected = twin(weights, audio[:, None])
        assert weights.left == []
        assert expected.shape == (3, dim) == (3, network.dim)
        assert expected.std() > 1e-2
        torch.testing.assert_close(network.train(training)(audio), expected, rtol=1e-8, atol=1e-10)


def test_modules_are_in_the_order_of_execution_and_each_convolution_is_followed_by_its_norm(net):
    layers, ran = [m for m in net.modules() if isinstance(m, KINDS)], []
    handles = [layer.register_forward_hook(lambda module, *_: ran.append(module)) for layer in layers]
    embed(net, noise(1, CLIP))
    for handle in handles:
        handle.remove()
    assert ran == layers
    for layer, following in pairwise(layers):
        if isinstance(layer, nn.Conv1d):
            assert isinstance(following, nn.BatchNorm2d)
            assert following.num_features == layer.out_channels
        elif isinstance(layer, nn.ConvTranspose1d):
            assert isinstance(following, nn.Conv1d)
    assert sum(p.numel() for layer in layers for p in layer.parameters()) == sum(p.numel() for p in net.parameters())


# --- lengths ---


@pytest.mark.parametrize("samples", [1, 100, 59_048, 59_049, CLIP, 60_000, 118_098, 131_111])
def test_any_length_gives_an_embedding_and_its_end_is_heard(net, samples):
    audio = noise(1, samples)
    found = embed(net, audio)
    assert found.shape == (1, net.dim)
    assert found.isfinite().all()
    audio[:, -730:] = 0.5
    assert (embed(net, audio) - found).abs().max() > 1e-5


@pytest.mark.parametrize("samples", [0, 1, 40_000])
def test_a_short_clip_is_one_padded_with_zeros(net, samples):
    audio = noise(2, samples)
    torch.testing.assert_close(embed(net, audio), embed(net, functional.pad(audio, (0, LEAST - samples))), rtol=0, atol=0)


@pytest.mark.parametrize("samples", [59_050, 59_100, 59_500])
def test_a_clip_between_the_least_and_the_full_is_what_the_published_network_takes(net, samples):
    audio = noise(1, samples)
    twin = {SampleCNN: samplecnn, TUNe: tune, TUNePlus: tune_plus}[type(net)]
    padded = functional.pad(audio, (0, 0 if twin is samplecnn else -samples % 81))
    with torch.no_grad():
        torch.testing.assert_close(net(audio), twin(Weights(net, False), padded[:, None]), rtol=1e-3, atol=1e-5)


def test_longer_audio_is_the_mean_of_clips_that_cover_it(net):
    audio = noise(2, 2 * CLIP)
    expected = torch.stack([embed(net, clips).mean(0) for clips in audio.unflatten(1, (2, CLIP))])
    torch.testing.assert_close(embed(net, audio), expected, rtol=1e-4, atol=1e-5)
    audio = audio[:, :70_000]  # two clips overlap
    expected = [embed(net, torch.as_tensor(windows(row, CLIP))).mean(0) for row in audio.numpy()]
    torch.testing.assert_close(embed(net, audio), torch.stack(expected), rtol=1e-4, atol=1e-5)


def test_memory_does_not_grow_with_the_audio_except_in_training(net, monkeypatch):
    audio, heard = noise(1, 5 * CLIP - 9), []
    expected = embed(net, audio)
    monkeypatch.setattr(waveform, "AT_ONCE", 2)
    handle = next(m for m in net.modules() if isinstance(m, nn.Conv1d)).register_forward_hook(lambda _, x, y: heard.append(len(x[0])))
    torch.testing.assert_close(embed(net, audio), expected, rtol=1e-4, atol=1e-5)
    embed(net, noise(3, CLIP))
    assert heard == [2, 2, 1, 3]
    embed(net.train(), audio[:, : 2 * CLIP + 9])
    net.eval()
    handle.remove()
    assert heard[4:] == [3]  # batch statistics are of all that is heard


@pytest.mark.parametrize("cls", [*WAVEFORM, MelCNN, MelCNNSmall])
def test_silence_is_finite_and_gradients_reach_every_parameter(cls):
    network = fresh(cls)
    assert embed(network, torch.zeros(2, CLIP)).isfinite().all()
    assert embed(network.train(), torch.zeros(2, CLIP)).isfinite().all()
    network = fresh(cls)
    (network(noise(2, CLIP)) * noise(2, network.dim, seed=2)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


# --- log-mel bands ---


@pytest.mark.parametrize(("cls", "dim", "parameters"), [(MelCNN, 2304, 473_392), (MelCNNSmall, 1152, 118_680)])
def test_the_sizes_of_mel_cnn(cls, dim, parameters):
    network = fresh(cls)
    assert network.dim == dim
    assert sum(p.numel() for p in network.parameters()) == parameters
    for samples in (1, 100, CLIP, 131_111):
        found = embed(network, noise(2, samples))
        assert found.shape == (2, dim)
        assert found.isfinite().all()


def test_the_small_mel_cnn_is_a_quarter_of_the_work():
    def operations(network):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network.encode(torch.zeros(1, 128, 117))
        return counter.get_total_flops()

    assert operations(fresh(MelCNNSmall)) < operations(fresh(MelCNN)) / 4


def test_options_that_do_not_fit_are_told():
    with pytest.raises(MirbenchError, match=r"backbone 'samplecnn' cannot be built with .*: channels are 9 numbers, not 2\."):
        build_backbone("samplecnn", channels=[8, 8])


@pytest.mark.parametrize("name", ["mel-cnn", "mel-cnn-small", "samplecnn", "tune-plus"])
def test_the_blocks_of_a_backbone_are_layers_of_which_the_last_is_the_embedding(name):
    """Twice as many clips as a window takes, so that waveforms are cut into pieces."""
    encoder, noun = current().get("encoder", "untrained"), current().get("backbone", name)
    audio = np.random.default_rng(0).uniform(-0.3, 0.3, (3, 80_000)).astype(np.float32)
    plain, every = (encoder.load(None, {"backbone": name, "layer": layer}, 0, "cpu")(audio) for layer in ("last", "all"))
    assert every.shape[:2] == (3, encoder.layers({"backbone": name, "layer": "last"})) == (3, len(noun.blocks) + 1)
    np.testing.assert_array_equal(every[:, -1, : plain.shape[1]], plain)
    assert not every[:, -1, plain.shape[1] :].any()
    network = build_backbone(name)
    assert [each for each, _ in network.named_modules() if each in noun.blocks] == list(noun.blocks)
    assert all(every[:, number].any() for number in range(len(noun.blocks)))
    alone = np.concatenate([encoder.load(None, {"backbone": name, "layer": 1}, 0, "cpu")(one[None]) for one in audio])
    np.testing.assert_allclose(alone, every, atol=1e-4)
    channels = [m.out_channels for m in network.get_submodule(noun.blocks[1]).modules() if hasattr(m, "out_channels")]
    assert np.flatnonzero(every[:, 1].any(axis=0)).max() < channels[-1] * (32 if noun.bands else 1)
