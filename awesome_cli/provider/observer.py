"""Watches requests under way: prints a note, calls back at a deadline, defers signals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.system.environment import Environment, Messages

if TYPE_CHECKING:
    from awesome_cli.provider.approval import SignInObserver

NOTE_AFTER = 2.0  # seconds without a response until a note is printed


class RequestObserver:
    """Reports the slow requests of one command, and answers early where a command asks for it."""

    def __init__(self, messages: Messages, environment: Environment) -> None:
        self._messages = messages
        self._environment = environment
        self._has_noted = False
        self._sign_in: SignInObserver | None = None
        self._deferred = DeferredSignals()  # of the block that runs
        self._deadline: float | None = None
        self._at_deadline: Callable[[], None] = lambda: None
        self._error: BaseException | None = None
        self.deadline_passed = False

    @contextmanager
    def call_after(self, seconds: float, at_deadline: Callable[[], None]) -> Iterator[None]:
        """Call ``at_deadline`` once the block has taken so long; the request under way goes on.

        What ``at_deadline`` raises is raised at the end of the block.
        """
        self._deadline, self._at_deadline = self.now() + seconds, at_deadline
        try:
            yield
        finally:
            self._deadline = None
        if self._error is not None:
            raise self._error

    @contextmanager
    def during_sign_in(self, observer: SignInObserver) -> Iterator[None]:
        """Let ``observer`` report slow requests in the block, in place of the note."""
        self._sign_in = observer
        try:
            yield
        finally:
            self._sign_in = None

    @contextmanager
    def deferred_signals(self, work: str) -> Iterator[None]:
        """Defer signals until the block ends; the first one prints which ``work`` is being finished."""
        with self._environment.defer_signals() as deferred:
            deferred.on_first = lambda: self._messages.say_once(f"Finishing {work} ...")
            before, self._deferred = self._deferred, deferred
            try:
                yield
            finally:
                self._deferred = before

    @contextmanager
    def cancelling_signals(self) -> Iterator[None]:
        """Let signals cancel the requests in the block until tokens have arrived; from then on defer them."""
        with self._environment.defer_signals() as deferred:
            deferred.cancelling = True
            before, self._deferred = self._deferred, deferred
            try:
                yield
            finally:
                self._deferred = before

    def on_tokens(self) -> None:
        """Receive that there are tokens, which are lost unless they are stored or revoked."""
        self._deferred.cancelling = False

    def now(self) -> float:
        return self._environment.now()

    def on_wait(self, seconds: float) -> None:
        """Receive the time that the request has taken; called twice a second."""
        if self._sign_in is not None:
            self._sign_in.on_tick(seconds)
        elif seconds >= NOTE_AFTER and not self._has_noted:
            self._has_noted = True
            self._messages.note("Waiting for the provider ...")
        if self._deadline is not None and self.now() >= self._deadline:
            self._deadline, self.deadline_passed = None, True
            try:
                self._at_deadline()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a closed output must not end the request
                self._error = error

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal has asked the program to end."""
        return self._deferred.first != 0
