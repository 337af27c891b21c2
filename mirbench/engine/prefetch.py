"""Work done ahead in threads, a bounded way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

COUNT = 64


def prefetch(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Generator[tuple[Item, Result]]:
    """Each item with what the function makes of it, in order; at most COUNT results wait to be taken.

    >>> list(prefetch(abs, [-2, 1], threads=2))
    [(-2, 2), (1, 1)]
    """
    rest = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        try:
            queue = deque((item, pool.submit(function, item)) for item in islice(rest, COUNT))
            while queue:
                item, future = queue.popleft()
                yield item, future.result()
                queue.extend((more, pool.submit(function, more)) for more in islice(rest, 1))
        finally:
            pool.shutdown(cancel_futures=True)  # of who is stopped, what is not begun is not waited for
