"""Poll for the token of a device code until it is approved, denied or expired (RFC 8628 §3.5)."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field

import anyio

from awesome_cli.errors import ApprovalPendingError, AwesomeError, DeviceCodeExpiredError, ProviderUnreachableError
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
from awesome_cli.provider.approval import Deadline, PollObserver


@dataclass(frozen=True, slots=True)
class DeviceFlow:
    """A device code that waits for approval. ``token_form`` is the request that polls for its token.

    ``provider_digest`` is the digest of the provider's metadata at the request. ``first_wait``: seconds until the first
    poll, if not the interval. ``is_resumable``: whether another process can go on after the deadline, which is then no
    reason to give up a poll that was sent: its response may be the tokens. ``before_poll`` is called before each poll.
    """

    device: DeviceAuthorization
    _: KW_ONLY
    token_form: Mapping[str, str] = field(repr=False)
    deadline: Deadline
    provider_digest: str = ""
    first_wait: float | None = None
    is_resumable: bool = False
    before_poll: Callable[[PollingSchedule], None] = lambda _: None


async def poll(
    flow: DeviceFlow,
    send: Callable[[], Awaitable[Response]],
    *,
    now: Callable[[], float],
    log: Callable[[str], None],
    observer: PollObserver,
) -> TokenResponse:
    """Poll as RFC 8628 §3.5 schedules it.

    Raises AccessDeniedError, DeviceCodeExpiredError, ApprovalPendingError, ProviderError.
    """
    schedule, polled, deadline = PollingSchedule.start(flow.device.interval), False, flow.deadline
    wait = schedule.wait if flow.first_wait is None else flow.first_wait
    with anyio.CancelScope(deadline=math.inf if flow.is_resumable else deadline.monotonic):  # cancels a poll that hangs
        while wait <= 0 or await deadline.sleep(wait, observer.on_tick):
            polled = True
            flow.before_poll(schedule)
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
            wait = schedule.wait
            observer.on_poll(state, schedule)
    raise _expired(flow, answered=schedule.answered or not polled)


def _state(result: Pending | TransientFailure) -> PollState:
    if isinstance(result, TransientFailure):
        return PollState.FAILING
    return PollState.SLOW_DOWN if result.slow_down else PollState.PENDING


def _expired(flow: DeviceFlow, *, answered: bool) -> AwesomeError:
    if not answered:
        return ProviderUnreachableError(
            "The provider never sent a valid answer to a poll.",
            hint="Check the network and try again.",
        )
    if not flow.deadline.is_timeout:
        return device_code_expired()
    if flow.is_resumable:
        return ApprovalPendingError("Nobody has approved the code yet. It is still valid.")
    return DeviceCodeExpiredError(f"Nobody approved the code within {flow.deadline.seconds:g} s.", code="timeout")
