"""Time limits that hold on a busy machine too."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

STARTS = 50  # of bare Python, by which a limit may be missed: about what the program's own start takes, and its end


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Require that the block takes no longer, give or take what running a program costs on this machine just now."""
    start = _a_start()
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds + STARTS * max(start, _a_start())


def _a_start() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
    return time.monotonic() - began
