"""The global generators, lent out for a while and put back as they were."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within the block `random` and `numpy.random` begin from a seed; after it they go on as if nothing had been drawn.

    For libraries that draw from the global generators, such as audiomentations. seed: 0 to 2^32 - 1. Not for several threads at once.

    >>> with seeded(3):
    ...     first = random.random()
    >>> with seeded(3):
    ...     random.random() == first
    True
    """
    import numpy as np

    before, numpy_before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)
