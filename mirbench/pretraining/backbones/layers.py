"""Networks that are not trained any more: batch norms within convolutions, and the blocks as layers to probe."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mirbench.pretraining.backbones.channels_last import BatchNorm, Conv, FirstConv

Forward = Callable[[Tensor], Tensor]
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, Conv, FirstConv)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, BatchNorm)


def fuse_norms(network: nn.Module) -> nn.Module:
    """The network, in which convolutions do what the batch norms right behind them did. Of one that learns no more, in evaluation mode;
    what it returns is the same to rounding. Only neighbours in an `nn.Sequential` are looked at, as others may run in another order, and
    only these classes without hooks: what else is made of them may compute something else, such as weights normalised at each call.

    >>> network = nn.Sequential(nn.Conv1d(1, 3, 5), nn.BatchNorm1d(3)).eval()
    >>> fuse_norms(network)[1]
    Identity()
    """
    for part in network.modules():
        if isinstance(part, nn.Sequential):
            for number, (first, then) in enumerate(itertools.pairwise(list(part))):
                if isinstance(first, CONVOLUTIONS) and isinstance(then, NORMS) and _is_plain(first) and _is_plain(then):
                    part[number], part[number + 1] = fuse_conv_bn_eval(first, then), nn.Identity()
    return network


def _is_plain(module: nn.Module) -> bool:
    """Whether it is one of these classes itself, and nothing is hooked to it."""
    hooked = module._forward_hooks or module._forward_pre_hooks
    return type(module) in (*CONVOLUTIONS, *NORMS) and not hooked and getattr(module, "track_running_stats", True)


def with_layers(network: nn.Module, blocks: Sequence[str], forward: Forward) -> Forward:
    """What `forward` makes of its input, (batch, dim), and what the blocks of the network make on the way: (batch, blocks + 1, dim), in the
    order in which they come, the embedding last.

    blocks: names of modules of the network, which return (batch, ..., frames); of one that is run over the batch in parts, or over several
    pieces of each input, the outputs are in the order of the inputs. They are averaged over frames and pieces, and padded with zeros to the
    widest, as is the embedding.

    >>> network = nn.Sequential(nn.Conv1d(1, 3, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten())
    >>> tuple(with_layers(network, ["0", "1"], network)(torch.zeros(2, 1, 50)).shape)
    (2, 3, 3)
    """
    outputs: dict[str, list[Tensor]] = {name: [] for name in blocks}

    def keep(name: str, module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        outputs[name].append(output.float().mean(dim=-1).flatten(1))

    for name in blocks:
        network.get_submodule(name).register_forward_hook(partial(keep, name))

    def every(x: Tensor) -> Tensor:
        for parts in outputs.values():
            parts.clear()
        embedding = forward(x).float()
        rows = [*(torch.cat(parts).unflatten(0, (len(x), -1)).mean(dim=1) for parts in outputs.values()), embedding]
        widest = max(row.shape[1] for row in rows)
        return torch.stack([pad(row, (0, widest - row.shape[1])) for row in rows], dim=1)

    return every
