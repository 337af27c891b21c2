"""What an encoder returned, as an array: what a run takes, and what `mirbench.testing` lets pass."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from mirbench.errors import describe

NUMBERS = "fiub"  # kinds of dtype: floats, whole numbers, true and false


def as_rows(returned: Any, count: int) -> np.ndarray:
    """(count, dim) of numbers, or (count, layers, dim). A torch tensor is taken as an array; numbers of any width will do, and become
    float32 later.

    Raises ValueError, the rest of a sentence on what was returned, for anything else.

    >>> as_rows([[1.0]], 1)
    Traceback (most recent call last):
    ValueError: list, not a numpy array
    """
    if "torch" in sys.modules and isinstance(returned, sys.modules["torch"].Tensor):
        try:
            tensor = returned.detach().cpu().resolve_conj().resolve_neg()
            returned = (tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor).numpy()
        except (TypeError, RuntimeError, NotImplementedError) as error:
            raise ValueError(f"a tensor that is no array ({describe(error)})") from error
    if not isinstance(returned, np.ndarray):
        raise ValueError(f"{type(returned).__name__}, not a numpy array")
    if returned.dtype.kind not in NUMBERS:
        raise ValueError(f"{returned.dtype}, not float32")
    if returned.ndim not in (2, 3):
        raise ValueError(f"the shape {returned.shape}, not (batch, dim)")
    if len(returned) != count:
        raise ValueError(f"{len(returned)} rows for a batch of {count}")
    if 0 in returned.shape[1:]:
        raise ValueError("an embedding without dimensions")
    return np.array(returned)  # a copy, since an encoder may use its buffer again


def wanted(windows: int) -> str:
    """What an encoder must do with so many windows, as a part of a sentence.

    >>> wanted(1)
    'must return an array of (1, dim) for 1 window'
    """
    return f"must return an array of ({windows}, dim) for {windows} window{'s'[: windows != 1]}"


def size_in_words(shape: tuple[int, ...]) -> str:
    """Of the embedding of one clip.

    >>> size_in_words((512,)), size_in_words((13, 768))
    ('512 numbers', '13 layers of 768 numbers')
    """
    return f"{shape[0]} numbers" if len(shape) == 1 else f"{shape[0]} layers of {shape[1]} numbers"
