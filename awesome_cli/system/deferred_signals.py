"""Deferral of the signals that end the program until a block of code is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from awesome_cli.system.signals import EXIT_CODES, end


class DeferredSignals:
    """The signal handler within such a block.

    ``first``: the number of the first signal that came, or 0. ``cancelling``: whether a signal cancels what the event
    loop runs. ``skippable``: whether a second Ctrl-C does; ``skipped`` is set when it came. ``insistent``: whether a
    second signal is raised at once, as asyncio does it. ``on_cancel`` is called whenever a signal comes while
    ``cancelled`` is true.
    """

    def __init__(self, *, cancelling: bool = False) -> None:
        self.first = 0
        self.cancelling = cancelling
        self.skippable = self.skipped = self.insistent = False
        self.on_cancel: Callable[[], object] = lambda: None
        self._on_first: Callable[[], object] = lambda: None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.first:
            self.first = number
            self._call_on_first()
        elif self.skippable and number == signal.SIGINT:
            self.skipped = True
        elif self.insistent:
            end(number, frame)
        if self.cancelled:
            self.on_cancel()

    @property
    def cancelled(self) -> bool:
        """Whether the signals that came cancel what the event loop runs."""
        return self.skipped or (self.cancelling and self.first != 0)

    @property
    def pending(self) -> bool:
        """Whether a signal takes effect after the block. After a skip none does: the user has already been answered."""
        return self.first != 0 and not self.skipped

    @property
    def on_first(self) -> Callable[[], object]:
        """Called once, when the first signal comes; immediately, if it came before this was set."""
        return self._on_first

    @on_first.setter
    def on_first(self, call: Callable[[], object]) -> None:
        self._on_first = call
        if self.pending:
            self._call_on_first()

    def _call_on_first(self) -> None:
        with suppress(RuntimeError):  # a reentrant call: the signal came while the same stream was being written to
            self._on_first()

    @contextmanager
    def nested(self) -> Iterator[DeferredSignals]:
        """Restore ``skippable`` and ``on_first`` after an inner block."""
        skippable, on_first = self.skippable, self.on_first
        try:
            yield self
        finally:
            self.skippable, self._on_first = skippable, on_first


@contextmanager
def defer_signals(*, cancelling: bool = False) -> Iterator[DeferredSignals]:
    """Defer the signals that end the program until the block is done, then raise the first again.

    Signals that are ignored stay ignored. An inner block uses the handler of the outer one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield DeferredSignals()  # Python handles signals in the main thread only
        return
    handlers: dict[int, Any] = {number: signal.getsignal(number) for number in EXIT_CODES}
    for handler in handlers.values():
        if isinstance(handler, DeferredSignals):
            with handler.nested() as deferred:
                yield deferred
            return
    deferred = DeferredSignals(cancelling=cancelling)
    replaced = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    for number in replaced:
        signal.signal(number, deferred)
    try:
        yield deferred
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        if deferred.pending:  # even if the block raised: the signal explains why
            signal.raise_signal(deferred.first)
