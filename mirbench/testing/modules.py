"""The torch modules that run while something embeds: their mode, their weights and buffers, and what is kept for gradients."""

from __future__ import annotations

import contextlib
import sys
import zlib
from collections.abc import Iterator
from typing import Any


class Modules:
    """training: of those that run in training mode and do something else in it, the class and whatever tells it apart."""

    def __init__(self) -> None:
        self.training: list[str] = []
        self._seen: dict[int, Any] = {}

    @property
    def count(self) -> int:
        return len(self._seen)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """What runs in the block is seen."""
        if "torch" not in sys.modules:
            yield
            return
        from torch.nn.modules.module import register_module_forward_pre_hook

        def see(module: Any, given: Any) -> None:
            self._seen[id(module)] = module
            if _trains(module):
                self.training.append(repr(module).splitlines()[0].removesuffix("("))

        hook = register_module_forward_pre_hook(see)
        try:
            yield
        finally:
            hook.remove()

    def digests(self) -> dict[str, int]:
        """Of each weight and buffer by its name."""
        import torch

        found = {}
        for number, module in enumerate(self._seen.values()):
            for name, each in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
                numbers = each.detach().cpu().contiguous().reshape(-1)
                found[f"{name} of {type(module).__name__} {number + 1}"] = zlib.crc32(numbers.view(torch.uint8).numpy().data)
        return found


def _trains(module: Any) -> bool:
    """Whether it is in training mode, and its forward asks for that; dropout of nothing does not count."""
    if not module.training or 0 in (getattr(module, "p", None), getattr(module, "dropout", None)):
        return False
    code = getattr(type(module).forward, "__code__", None)
    return code is None or "training" in code.co_names


@contextlib.contextmanager
def graphs() -> Iterator[list[int]]:
    """The sizes of the tensors that are kept for gradients in the block."""
    kept: list[int] = []
    if "torch" not in sys.modules:
        yield kept
        return
    import torch

    def keep(tensor: Any) -> Any:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept
