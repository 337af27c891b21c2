"""Layers over maps (batch, channels, 1, frames), or images with a height, whose channels lie next to each other in memory.

In this order a processor pools many times as fast as in torch's own, and its convolutions and batch norms are faster too. Parameters have
the names and shapes of torch's layers in one dimension. Where a processor trains in float32, gradients that torch is slow at are made in
other ways, equal but for rounding; else the layers are torch's. `tests/benchmarks/training.py` measures what that is worth.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

PIECE = 2**16  # numbers of a map, about, of which the gradient of a weight is made at once: what stays in a core's cache
ROW = 512  # numbers side by side, at most, of which batch norm takes means


def as_image(x: Tensor) -> Tensor:
    """(batch, frequencies, frames) -> (batch, 1, frequencies, frames), which says that its one channel comes last. `Tensor.contiguous` does
    not say so, and torch then takes the network for one in the other order."""
    return x.contiguous()[..., None].permute(0, 3, 1, 2)


class Conv(nn.Conv1d):
    """As nn.Conv1d of three, with a bias."""

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == (1,) and self.padding == (1,) and _trained_here(x) and x.requires_grad:
            output: Tensor = _Convolution.apply(x, self.weight, self.bias)
            return output
        return functional.conv2d(x, self.weight[:, :, None], self.bias, (1, self.stride[0]), (0, int(self.padding[0])))


class FirstConv(nn.Conv2d):
    """As nn.Conv2d without a bias, of images of one channel (see `as_image`)."""

    def forward(self, x: Tensor) -> Tensor:
        square = self.stride[0] == self.stride[1] and min(int(side) for side in self.padding) >= self.stride[0] - 1
        if square and _trained_here(x) and x.requires_grad:
            output: Tensor = _FirstConvolution.apply(x, self.weight, self.stride, self.padding)
            return output
        return super().forward(x)


class ConvTranspose(nn.ConvTranspose1d):
    """As nn.ConvTranspose1d whose stride is its kernel: each frame becomes as many, which overlap with nothing."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert self.stride == self.kernel_size
        assert self.bias is not None
        weight = self.weight.permute(2, 1, 0)  # (kernel, out, in)
        together = functional.conv2d(x, weight.flatten(0, 1)[:, :, None, None], self.bias.repeat(len(weight)))
        return _map(_frames(together).unflatten(2, (len(weight), -1)).flatten(1, 2))


class BatchNorm(nn.BatchNorm2d):
    """As nn.BatchNorm1d."""

    def forward(self, x: Tensor) -> Tensor:
        count = x.numel() // x.shape[1]
        if not self.training or count == 1 or not _trained_here(x):
            return super().forward(x)
        output, mean, variance = _Normalised.apply(x, self.weight, self.bias, self.eps)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        share = self.momentum or 0.0
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)
        self.num_batches_tracked.add_(1)
        normalised: Tensor = output
        return normalised


class _Convolution(torch.autograd.Function):
    """torch's but for the gradients of weight and bias. That of the weight takes it 1.7 times as long in one go over maps that are much
    larger than the cache; in pieces of frames, each lacks what its ends take from its neighbours, which is added."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return functional.conv2d(x, weight[:, :, None], bias, padding=(0, 1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors[0], ctx.saved_tensors[1][:, :, None]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = _gradients(gradient, x, weight, (1, 1), (0, 1), of_weight=False)[0]
        pieces = _pieces(x)
        xs, gradients = (_frames(part).unflatten(1, (pieces, -1)) for part in (x, gradient))
        cut, cut_x = _map(gradients.flatten(0, 1)), _map(xs.flatten(0, 1))
        of_weight = _gradients(cut, cut_x, weight, (1, 1), (0, 1), of_weight=True)[1][:, :, 0]
        of_weight[:, :, 0] += gradients[:, 1:, 0].flatten(0, 1).T @ xs[:, :-1, -1].flatten(0, 1)
        of_weight[:, :, 2] += gradients[:, :-1, -1].flatten(0, 1).T @ xs[:, 1:, 0].flatten(0, 1)
        return of_x, of_weight, _wide(gradient).sum(0).view(-1, len(weight)).sum(0)


class _FirstConvolution(torch.autograd.Function):
    """torch's but for the gradient of its input, which takes it six times as long as all else of the layer, as that has one channel. Here a
    convolution makes a channel for each place between two strides, and these are laid beside each other."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight, None, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        (step, _), (top, left) = ctx.stride, ctx.padding
        taps = [math.ceil(size / step) for size in weight.shape[2:]]
        whole = functional.pad(weight[:, 0], (0, taps[1] * step - weight.shape[3], 0, taps[0] * step - weight.shape[2]))
        places = whole.view(-1, taps[0], step, taps[1], step).flip(1, 3).permute(2, 4, 0, 1, 3).flatten(0, 1)
        spread = functional.conv2d(gradient, places, padding=(taps[0] - 1, taps[1] - 1))
        of_x = functional.pixel_shuffle(spread, step)[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        return of_x, _gradients(gradient, x, weight, ctx.stride, ctx.padding, of_weight=True)[1], None, None


class _Normalised(torch.autograd.Function):
    """(batch, channels, 1, frames) -> normalised by the batch's mean and variance, and these two, (channels,).

    torch takes means of 11 channels a tenth as fast as of many: here several frames make up a row, whose means and variances are put
    together.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        rows = _wide(x)
        times = rows.shape[1] // x.shape[1]
        means, variances = (part.view(times, -1) for part in torch.batch_norm_update_stats(rows, None, None, 0.0))
        mean = means.mean(0)
        variance = variances.mean(0) + (means - mean).square().mean(0)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        mean_of_row, variance_of_row, weight_of_row, bias_of_row = (part.repeat(times) for part in (mean, variance, weight, bias))
        normalised = functional.batch_norm(rows, mean_of_row, variance_of_row, weight_of_row, bias_of_row, eps=eps)
        return _laid_out(normalised, x), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, variance = ctx.saved_tensors
        rows, gradients = _wide(x), _wide(gradient.contiguous(memory_format=torch.channels_last))
        times, count = rows.shape[1] // x.shape[1], x.numel() // x.shape[1]
        repeated = [part.repeat(times) for part in (weight, mean, variance)]
        wanted = [False, True, True]
        parts = torch.ops.aten.native_batch_norm_backward(gradients, rows, *repeated, None, None, False, ctx.eps, wanted)[1:]
        of_weight, of_bias = (part.view(times, -1).sum(0) for part in parts)
        scale = (variance + ctx.eps).rsqrt()
        of_gradient, of_x = weight * scale, -weight * scale.square() * of_weight / count
        constant = -of_gradient * of_bias / count - of_x * mean
        of_gradient, of_x, constant = (part.repeat(times)[:, None, None] for part in (of_gradient, of_x, constant))
        return _laid_out(torch.addcmul(constant, gradients, of_gradient).addcmul_(rows, of_x), x), of_weight, of_bias, None


def _trained_here(x: Tensor) -> bool:
    """Whether gradients of ours are worth it: on a processor, in float32, in the order of this file."""
    plain = x.device.type == "cpu" and x.dtype != torch.bfloat16 and not torch.is_autocast_enabled("cpu")
    return plain and torch.is_grad_enabled() and x.is_contiguous(memory_format=torch.channels_last)


def _frames(x: Tensor) -> Tensor:
    """(batch, channels, 1, frames) -> (batch, frames, channels)."""
    return x[:, :, 0].transpose(1, 2)


def _map(frames: Tensor) -> Tensor:
    """(batch, frames, channels) -> (batch, channels, 1, frames)."""
    return frames[:, None].permute(0, 3, 1, 2)


def _pieces(x: Tensor) -> int:
    """Into how many equal pieces the frames of a map are cut: the fewest that are small enough, or one."""
    frames = x.shape[3]
    fewest = math.ceil(frames * x.shape[1] / PIECE)
    return next((pieces for pieces in range(fewest, 4 * fewest) if frames % pieces == 0), 1)


def _wide(x: Tensor) -> Tensor:
    """A map or an image as rows (rows, channels of several places, 1, 1): of as many as fit into ROW, and divide them all."""
    count = x.numel() // x.shape[1]
    times = next(times for times in range(max(1, ROW // x.shape[1]), 0, -1) if count % times == 0)
    return x.permute(0, 2, 3, 1).reshape(count // times, -1)[:, :, None, None]


def _laid_out(rows: Tensor, x: Tensor) -> Tensor:
    """Rows of `_wide(x)` as the map that they are; no view, so that a ReLU may work in place."""
    return x.new_empty(0).set_(rows.untyped_storage(), 0, x.shape, x.stride())


def _gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int], *, of_weight: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Of a convolution, by torch: of its input or, of_weight, of its weight, the others empty."""
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, stride, padding, (1, 1), False, (0, 0), 1, [not of_weight, of_weight, False]
    )
    return found
