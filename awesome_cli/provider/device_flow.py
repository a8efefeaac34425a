"""Poll for the token of a device code until it is approved, denied or expired (RFC 8628 §3.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from awesome_cli.errors import AwesomeError, DeviceCodeExpiredError, ProviderUnreachableError
from awesome_cli.oauth.device_grant import (
    DeviceAuthorization,
    Pending,
    PollingSchedule,
    PollState,
    TransientFailure,
    device_code_expired,
    parse_poll,
)
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import TokenResponse

TICK = 0.25  # seconds between two calls of the observer, and two looks at the wall clock, which a sleep does not stop


class PollObserver(Protocol):
    """Receives what happens while polling goes on."""

    def on_poll(self, state: PollState, wait: float) -> None:
        """Receive what a poll found, and the seconds until the next one."""

    def on_tick(self, request_seconds: float) -> None:
        """Receive the seconds that the request under way has taken, or 0 between requests, at least twice a second."""


class SignInObserver(PollObserver, Protocol):
    """Receives what happens during a sign-in."""

    def on_code(self, device: DeviceAuthorization, deadline: Deadline) -> None:
        """Receive the code, to be shown to the user before the first poll, and the end of the waiting."""


class _NoObserver:
    def on_poll(self, state: PollState, wait: float) -> None:
        pass

    def on_tick(self, request_seconds: float) -> None:
        pass


NO_OBSERVER: PollObserver = _NoObserver()


class Deadline:
    """The end of a device code on two clocks: the monotonic one stops while a laptop sleeps, the other may be set."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFlow:
    """A device code that waits for approval. ``token_form`` is the request that polls for its token."""

    device: DeviceAuthorization
    token_form: Mapping[str, str] = field(repr=False)
    deadline: Deadline


async def poll(
    flow: DeviceFlow,
    send: Callable[[], Awaitable[Response]],
    *,
    now: Callable[[], float],
    log: Callable[[str], None],
    observer: PollObserver,
) -> TokenResponse:
    """Poll as RFC 8628 §3.5 schedules it. Raises AccessDeniedError, DeviceCodeExpiredError, ProviderError."""
    schedule, polled, deadline = PollingSchedule.start(flow.device.interval), False, flow.deadline
    with anyio.CancelScope(deadline=deadline.monotonic):  # cancels a poll that hangs
        while await deadline.sleep(schedule.wait, observer.on_tick):
            polled = True
            try:
                response = await send()
            except ProviderUnreachableError as error:
                log(f"{error.message} Polling goes on.")
                schedule, state = schedule.after_connection_failure(), PollState.UNREACHABLE
            else:
                result = parse_poll(response, now=now())
                if isinstance(result, TokenResponse):
                    return result
                schedule, state = schedule.after(result), _state(result)
            observer.on_poll(state, schedule.wait)
    raise _expired(deadline, answered=schedule.answered or not polled)


def _state(result: Pending | TransientFailure) -> PollState:
    if isinstance(result, TransientFailure):
        return PollState.FAILING
    return PollState.SLOW_DOWN if result.slow_down else PollState.PENDING


def _expired(deadline: Deadline, *, answered: bool) -> AwesomeError:
    if not answered:
        return ProviderUnreachableError(
            "The provider never sent a valid answer to a poll.",
            hint="Check the network and try again.",
        )
    if deadline.is_timeout:
        return DeviceCodeExpiredError(f"Nobody approved the code within {deadline.seconds:g} s.", code="timeout")
    return device_code_expired()
