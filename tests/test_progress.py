"""A bar leaves no thread behind."""

import subprocess
import sys


def test_a_bar_has_no_thread_of_its_own():
    """In a process of its own, since tqdm starts its thread once. A worker that is forked while that holds a lock would wait for ever."""
    code = (
        "import threading; from mirbench.progress import progress_bar\n"
        "with progress_bar(total=2) as bar: bar.update(); print(threading.active_count())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
