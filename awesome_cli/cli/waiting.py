"""What a command does while the provider takes its time: say so, answer from what is known, hurry when asked to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awesome_cli.cli.console import Console
    from awesome_cli.system.environment import DeferredSignals

NOTE_AFTER = 2.0  # seconds without an answer until the person is told what is waited for


class Waiting:
    """Is told of every half second that a request takes."""

    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._console = console
        self._now = now
        self._is_told = False
        self._ends_at: float | None = None
        self._act: Callable[[], None] = lambda: None
        self._trouble: BaseException | None = None
        self.is_over = False
        self.deferred: DeferredSignals | None = None

    @contextmanager
    def at_most(self, seconds: float, act: Callable[[], None]) -> Iterator[None]:
        """Within the block, ``act`` once so many seconds have passed; the request under way goes on.

        What ``act`` raises is raised at the end of the block.
        """
        self._ends_at, self._act = self._now() + seconds, act
        try:
            yield
        finally:
            self._ends_at = None
        if self._trouble is not None:
            raise self._trouble

    def on_wait(self, seconds: float) -> None:
        """Learn for how long the present request has been going on."""
        if seconds >= NOTE_AFTER and not self._is_told:
            self._is_told = True
            self._console.note("Waiting for the provider ...")
        if self._ends_at is not None and self._now() >= self._ends_at:
            self._ends_at, self.is_over = None, True
            try:
                self._act()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a reader that has gone must not end the request
                self._trouble = error

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody has asked the program to end."""
        return self.deferred is not None and self.deferred.first != 0
