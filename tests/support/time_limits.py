"""Time limits that allow for the load of the machine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

ALLOWANCE = 50  # starts of bare Python: about what starting and ending the program costs


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail, if the block takes longer than this and the allowance, measured before and after the block."""
    start = _python_start()
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds + ALLOWANCE * max(start, _python_start())


def _python_start() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
    return time.monotonic() - began
