"""Signals in the tests: a stand-in for ``Environment.defer_signals``, and the handlers put back afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest

from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.system.signals import CODES


def no_signals() -> AbstractContextManager[DeferredSignals]:
    """Hold signals where none comes; a test may call what is held as the handler that it is."""
    return nullcontext(DeferredSignals())


@pytest.fixture
def handlers() -> Iterator[None]:
    """Leave the handlers of signals as they were."""
    kept = {number: signal.getsignal(number) for number in CODES}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)
