"""For plugin authors: does what a plugin provides keep its promises? In your tests: `mirbench.testing.check_encoder(Mine())`.

In: a noun. Out: nothing, or an AssertionError with a sentence that says what is wrong; of `examine`, every promise by itself. Imported by
pytest wherever mirbench is installed (`pytest_plugin`), so that nothing is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirbench.testing.checks import check_backbone as check_backbone
    from mirbench.testing.checks import check_corruption as check_corruption
    from mirbench.testing.checks import check_dataset as check_dataset
    from mirbench.testing.checks import check_encoder as check_encoder
    from mirbench.testing.checks import check_probe as check_probe
    from mirbench.testing.checks import check_supervision as check_supervision
    from mirbench.testing.checks import check_task as check_task

__all__ = ["check_backbone", "check_corruption", "check_dataset", "check_encoder", "check_probe", "check_supervision", "check_task"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("mirbench.testing.checks"), name)
    raise AttributeError(f"module 'mirbench.testing' has no attribute '{name}'")
