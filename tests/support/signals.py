"""Signals in tests: a replacement for ``Environment.defer_signals``, and a fixture that restores handlers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest

from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.system.signals import EXIT_CODES


def no_signals() -> AbstractContextManager[DeferredSignals]:
    """Defer no signals; a test can call the yielded object as the signal handler that it is."""
    return nullcontext(DeferredSignals())


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restore the signal handlers after the test."""
    before = {number: signal.getsignal(number) for number in EXIT_CODES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
