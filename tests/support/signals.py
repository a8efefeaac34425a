"""Signals in tests: a fixture that restores handlers."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from awesome_cli.system.signals import EXIT_CODES


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restore the signal handlers after the test."""
    before = {number: signal.getsignal(number) for number in EXIT_CODES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
