"""Layers whose channels lie next to each other in memory: torch's own, and their gradients, to the rounding of float64."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mirbench.pretraining.backbones import build_backbone, channels_last
from mirbench.pretraining.backbones.channels_last import BatchNorm, Conv, ConvTranspose, FirstConv, as_image
from mirbench.registry.plugins import current

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def as_map(x):
    """(batch, channels, frames) -> (batch, channels, 1, frames)."""
    return x.transpose(1, 2).contiguous()[:, None].permute(0, 3, 1, 2)


def twin(ours, theirs, x):
    """Both on the same input, with the same weights; their outputs, states and all gradients must agree."""
    theirs.load_state_dict(ours.state_dict())
    found = []
    for network, given in ((ours.double(), as_map(x)), (theirs.double(), x)):
        given = given.clone().requires_grad_()
        output = network.train()(given)
        output.backward(drawn(*x.shape[:1], *output.shape[1:2], output.shape[-1], seed=1).reshape(output.shape))
        flat = [t.reshape(len(t), -1, t.shape[-1]) for t in (output, given.grad)]
        found.append([*flat, *(p.grad for p in network.parameters()), *network.buffers()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("frames", [7, 48, 90])
def test_a_convolution_of_maps_larger_than_a_piece(monkeypatch, frames):
    monkeypatch.setattr(channels_last, "PIECE", 64)
    pieces = channels_last._pieces(as_map(drawn(2, 5, frames)))
    assert pieces == {7: 1, 48: 4, 90: 9}[frames]
    twin(Conv(5, 4, 3, 1, 1), nn.Conv1d(5, 4, 3, 1, 1), drawn(2, 5, frames))


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 11, 300])
def test_a_batch_norm_of_few_and_of_many_channels(batch, channels):
    ours, theirs = BatchNorm(channels), nn.BatchNorm1d(channels)
    nn.init.uniform_(ours.weight, -1, 2)
    nn.init.normal_(ours.bias)
    x = drawn(batch, channels, 15) * 3 + 2
    twin(ours, theirs, x)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(as_map(x))[:, :, 0], theirs.eval()(x), **CLOSE)


def test_a_transposed_convolution():
    twin(ConvTranspose(6, 4, 3, stride=3), nn.ConvTranspose1d(6, 4, 3, stride=3), drawn(2, 6, 10))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "shape"),
    [(5, 2, 2, (16, 13)), (3, 1, 1, (9, 9)), (5, 3, 2, (10, 31)), (4, 2, 1, (11, 10)), (3, 2, 0, (9, 9)), (5, (2, 4), 2, (16, 13))],
)
def test_the_first_convolution_tells_its_image_the_gradient(kernel, stride, padding, shape):
    layer = FirstConv(1, 6, kernel, stride=stride, padding=padding, bias=False).double()
    x = drawn(3, *shape).requires_grad_()
    ours, theirs = layer(as_image(x)), functional.conv2d(x[:, None], layer.weight, None, stride, padding)
    torch.testing.assert_close(ours, theirs, **CLOSE)
    given = drawn(*ours.shape, seed=1)
    for one, other in zip(*(torch.autograd.grad(y, [x, layer.weight], given) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", sorted(current().nouns("backbone")))
def test_the_maps_of_every_backbone_keep_the_order(name, training):
    network, orders = build_backbone(name).train(training), []

    def look(module, given, output):
        orders.append(output.is_contiguous(memory_format=torch.channels_last))

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, Conv, ConvTranspose, nn.ReLU, nn.MaxPool2d)):
            module.register_forward_hook(look)
    network(torch.zeros(2, 59_049))
    assert len(orders) > 10
    assert all(orders)
