"""The wait for a person's approval, as the device flow and the web flow share it: its deadline and its observers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import anyio

from awesome_cli.oauth.device_grant import DeviceAuthorization, PollingSchedule, PollState

TICK = 0.25  # seconds between two calls of the observer, and two looks at the wall clock, which a sleep does not stop


class TickObserver(Protocol):
    """Notices that time passes."""

    def on_tick(self, request_seconds: float) -> None:
        """Receive the seconds that the request under way has taken, or 0 between requests, at least twice a second."""


class PollObserver(TickObserver, Protocol):
    """Receives what happens while polling goes on."""

    def on_poll(self, state: PollState, schedule: PollingSchedule) -> None:
        """Receive what a poll found, and when the next ones follow."""


class SignInObserver(PollObserver, Protocol):
    """Receives what happens during a sign-in."""

    def on_code(self, device: DeviceAuthorization, deadline: Deadline) -> None:
        """Receive the code, to be shown to the user before the first poll, and the end of the waiting."""

    def on_authorization(self, url: str, deadline: Deadline) -> None:
        """Receive the URL to open in a browser on this machine, and the end of the waiting.

        Raises whatever is to end the sign-in.
        """


class _NoObserver:
    def on_poll(self, state: PollState, schedule: PollingSchedule) -> None:
        pass

    def on_tick(self, request_seconds: float) -> None:
        pass


NO_OBSERVER: PollObserver = _NoObserver()


class Deadline:
    """The end of the waiting on two clocks: the monotonic one stops while a laptop sleeps, the other may be set."""

    def __init__(self, expires_in: float, timeout: float | None, now: Callable[[], float]) -> None:
        self.seconds = expires_in if timeout is None else min(timeout, expires_in)
        self.is_timeout = self.seconds < expires_in
        self._now = now
        self._wall_clock = now() + self.seconds
        self.monotonic = anyio.current_time() + self.seconds

    @property
    def seconds_left(self) -> float:
        """Seconds until the end, by the clock that reaches it first; a clock that is set back adds none."""
        return max(0.0, min(self._wall_clock - self._now(), self.monotonic - anyio.current_time()))

    async def sleep(self, pause: float, on_tick: Callable[[float], None]) -> bool:
        """Sleep ``pause`` seconds and call ``on_tick``; return False as soon as the wall clock is past the deadline."""
        wakes_at = anyio.current_time() + pause
        while True:
            remaining, left = self._wall_clock - self._now(), wakes_at - anyio.current_time()
            if remaining <= 0 or left <= 0:
                return remaining > 0
            on_tick(0)
            await anyio.sleep(min(left, remaining, TICK))
