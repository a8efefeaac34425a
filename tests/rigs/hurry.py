"""Time limits that hold on a busy machine too."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

STARTS = 10  # of bare Python, by which a limit may be missed: what it takes to start and to end a program


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Require that the block takes no longer, give or take what starting programs costs on this machine just now."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
    assert took < seconds + STARTS * (time.monotonic() - began)
