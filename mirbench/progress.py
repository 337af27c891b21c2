"""Progress bars: a rate and the time left on a terminal, silence elsewhere and under --quiet."""

from __future__ import annotations

import os
from typing import Any

from tqdm import tqdm

tqdm.monitor_interval = 0  # no thread of its own: workers are forked while a bar is shown


def progress_bar(**options: Any) -> Any:
    """A tqdm bar with these options, to be used in a `with` statement; shown only where the error output is a terminal."""
    return tqdm(disable=True if os.environ.get("MIRBENCH_QUIET", "0") not in ("", "0") else None, dynamic_ncols=True, **options)
