"""The device authorization grant (RFC 8628): request a device code, and schedule the polls for the token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from http import HTTPStatus

from awesome_cli.errors import (
    AccessDeniedError,
    DeviceCodeExpiredError,
    DeviceFlowUnavailableError,
    PolicyDenialError,
    ProviderError,
    ProviderUnreachableError,
)
from awesome_cli.oauth.pkce import challenge_form
from awesome_cli.oauth.response import Response, error_from_response, http_date, seconds
from awesome_cli.oauth.token import TokenResponse, is_token, is_transient, lifetime, parse_token
from awesome_cli.text import safe
from awesome_cli.urls import secure_url, secure_url_from

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"  # RFC 8628 §3.4
DEFAULT_INTERVAL = 5.0  # seconds; RFC 8628 §3.2
MIN_INTERVAL, MAX_INTERVAL = 0.01, 86400.0  # seconds; other values are ignored
SLOW_DOWN = 5.0  # seconds; RFC 8628 §3.5
MAX_BACKOFF = 60.0  # seconds, so that polling resumes soon after the network is back
DEFAULT_EXPIRES_IN = 900.0  # seconds; RFC 8628 §3.2 requires expires_in, and most providers that send it use this
MAX_EXPIRES_IN = 86400.0  # seconds
# Google says admin_policy_enforced, Okta "Policy evaluation failed", Entra ID AADSTS53003 and its neighbours.
_POLICY = r"polic(?:y|ies)|conditional access|AADSTS530\d\d"


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """A device authorization response (RFC 8628 §3.2). ``expires_in`` and ``interval`` are in seconds.

    The user enters ``user_code`` at ``verification_uri``, or compares it with what ``verification_uri_complete`` shows.
    """

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float
    interval: float


def device_authorization_form(
    client_id: str,
    *,
    scope: str,
    audience: str | None = None,
    resource: str | None = None,
    code_verifier: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Build a device authorization request (RFC 8628 §3.1). Auth0 calls RFC 8707's ``resource`` ``audience``.

    ``parameters`` are further ones, none of which has a name of ours.
    """
    form = {"client_id": client_id, "scope": scope, "audience": audience, "resource": resource, **(parameters or {})}
    if code_verifier:
        form |= challenge_form(code_verifier)
    return {name: value for name, value in form.items() if value}


def parse_device_authorization(response: Response, *, endpoint: str) -> DeviceAuthorization:
    """Parse a device authorization response (RFC 8628 §3.2) that came from ``endpoint``.

    Raises ProviderUnreachableError for a transient failure, and ProviderError.
    """
    document = response.json()
    if response.error() is not None and not is_transient(response):
        kind = DeviceFlowUnavailableError if _is_refused_by_policy(response) else ProviderError
        raise error_from_response(response, what="The provider gives no device code", kind=kind)
    if document is None or not response.ok:
        kind = ProviderUnreachableError if is_transient(response) else ProviderError
        raise kind(
            f"The provider gives no device code (HTTP status {response.status}).",
            hint="Check the issuer, or try again in a moment.",
        )
    device_code, user_code = document.get("device_code"), document.get("user_code")
    uri = document.get("verification_uri") or document.get("verification_url")  # Google's spelling
    if not is_token(device_code):
        raise _malformed("device_code", device_code)
    if not isinstance(user_code, str) or not safe(user_code):
        raise _malformed("user_code", user_code)
    if uri is None:
        raise _malformed("verification_uri", uri)
    if secure_url_from(endpoint, uri) is None:
        reason = "not an https:// URL" if secure_url(uri) is None else "on this machine, but the provider is not"
        raise ProviderError(
            f"The address for your approval (verification_uri) is {reason}: {safe(str(uri))}.",
            hint="Do not open it. Check the issuer; if it is right, tell the provider's operators.",
        )
    complete = document.get("verification_uri_complete")
    return DeviceAuthorization(
        device_code=device_code,
        user_code=safe(user_code, 64),
        verification_uri=str(uri),
        verification_uri_complete=complete if secure_url_from(endpoint, complete) else None,
        expires_in=lifetime(document.get("expires_in"), DEFAULT_EXPIRES_IN, MAX_EXPIRES_IN),
        interval=_interval(document.get("interval")) or DEFAULT_INTERVAL,
    )


def _malformed(member: str, value: object) -> ProviderError:
    problem = "lacks" if value is None else "has an unusable"
    return ProviderError(
        f"The provider's device authorization response {problem} {member}.", hint="Tell the provider's operators."
    )


def poll_form(
    client_id: str, device_code: str, *, code_verifier: str | None = None, resource: str | None = None
) -> dict[str, str]:
    """Build a device access token request (RFC 8628 §3.4)."""
    form = {"grant_type": GRANT_TYPE, "device_code": device_code, "client_id": client_id}
    more = {"code_verifier": code_verifier, "resource": resource}
    return form | {name: value for name, value in more.items() if value}


@dataclass(frozen=True, slots=True)
class Pending:
    """The user has not decided yet. ``slow_down`` asks for a longer interval, which ``interval`` may give."""

    slow_down: bool = False
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class TransientFailure:
    """Not an OAuth response; polling continues. ``retry_after``: seconds that the server asks for."""

    retry_after: float = 0.0


class PollState(Enum):
    """What the last poll found, as far as polling goes on."""

    PENDING = "pending"
    SLOW_DOWN = "slow_down"
    UNREACHABLE = "unreachable"
    FAILING = "failing"  # the response was not that of an OAuth provider


def parse_poll(response: Response, *, now: float) -> TokenResponse | Pending | TransientFailure:
    """Parse the response to a poll (RFC 8628 §3.5): ``error`` decides, not the HTTP status.

    Raises AccessDeniedError, DeviceCodeExpiredError, or ProviderError for any other permanent error.
    """
    match response.error():
        case "authorization_pending":
            return Pending()
        case "slow_down":
            return Pending(slow_down=True, interval=_interval((response.json() or {}).get("interval")))
        case "access_denied" | "authorization_declined" if _is_refused_by_policy(response):  # the second is Entra ID's
            raise PolicyDenialError(f"The sign-in was denied: {response.error_description().rstrip('.')}.")
        case "access_denied" | "authorization_declined":
            raise AccessDeniedError("The sign-in was denied.")
        case str() if _is_refused_by_policy(response):
            raise error_from_response(response, what="The sign-in failed", kind=DeviceFlowUnavailableError)
        case "expired_token" | "invalid_grant":  # Auth0 sends expired_token once and invalid_grant from then on
            raise device_code_expired()
        case _ if is_transient(response):
            return TransientFailure(_retry_after(response, now))
        case None if response.ok:
            return parse_token(response)
        case _:
            raise error_from_response(response, what="The sign-in failed")


def _is_refused_by_policy(response: Response) -> bool:
    """Whether the provider names a policy as the reason, as those do whose administrators forbid the device flow."""
    return re.search(_POLICY, f"{response.error()} {response.error_description()}", re.IGNORECASE) is not None


def device_code_expired() -> DeviceCodeExpiredError:
    return DeviceCodeExpiredError("The code expired before anyone approved it.")


@dataclass(frozen=True, slots=True)
class PollingSchedule:
    """How long to wait before the next poll, in seconds, and whether the provider ever sent an OAuth response."""

    interval: float
    backoff: float
    retry_after: float = 0.0
    answered: bool = False

    @classmethod
    def start(cls, interval: float) -> PollingSchedule:
        """Return the schedule for the first poll, which waits for ``interval`` too."""
        return cls(interval, interval)

    @property
    def wait(self) -> float:
        """The next wait, counted from the receipt of the last response."""
        return max(self.backoff, self.retry_after)

    def after(self, result: Pending | TransientFailure) -> PollingSchedule:
        if isinstance(result, TransientFailure):
            return replace(self, retry_after=result.retry_after)
        interval = self.interval
        if result.slow_down:
            interval = max(interval + SLOW_DOWN, result.interval or 0.0)
        return PollingSchedule(interval, interval, answered=True)

    def after_connection_failure(self) -> PollingSchedule:
        """Double the wait (RFC 8628 §3.5: exponential backoff)."""
        doubled = max(self.interval, min(2 * self.backoff, MAX_BACKOFF))
        return replace(self, backoff=doubled, retry_after=0.0)


def _interval(value: object) -> float | None:
    number = seconds(value)
    return number if number is not None and MIN_INTERVAL <= number <= MAX_INTERVAL else None


def _retry_after(response: Response, now: float) -> float:
    """Return the seconds that Retry-After (RFC 9110 §10.2.3) or Auth0's rate limit asks for, by the server's clock."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    instant = http_date(text)
    reset = response.headers.get("x-ratelimit-reset", "").strip()
    if not text and response.status == HTTPStatus.TOO_MANY_REQUESTS and reset.isascii() and reset.isdigit():
        instant = float(reset[:12])
    server_now = http_date(response.headers.get("date", ""))
    return 0.0 if instant is None else max(0.0, instant - (now if server_now is None else server_now))
