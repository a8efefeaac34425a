"""The device authorization grant (RFC 8628): asking for a code, and the pace of polling."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from hashlib import sha256

from awesome_cli.errors import AccessDeniedError, DeviceCodeExpiredError, ProviderError, ProviderUnreachableError
from awesome_cli.oauth.response import Response, error_from_response, http_date, seconds
from awesome_cli.oauth.token import TOO_MANY_REQUESTS, TokenResponse, is_token, is_transient, life, parse_token
from awesome_cli.text import safe, secure_url, secure_url_from

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"  # RFC 8628 §3.4
DEFAULT_INTERVAL = 5.0  # seconds; RFC 8628 §3.2
SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.01, 86400.0  # seconds; a number beyond these is not meant
SLOW_DOWN = 5.0  # seconds; RFC 8628 §3.5
LONGEST_BACKOFF = 60.0  # seconds; nobody at a terminal waits longer for a network that is back
DEFAULT_EXPIRES_IN = 900.0  # seconds; what most providers use, for one that forgets to say (RFC 8628 §3.2)
LONGEST_EXPIRES_IN = 86400.0  # seconds


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """A code that waits for its person. ``expires_in`` and ``interval`` in seconds."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float
    interval: float


def code_challenge(code_verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    return urlsafe_b64encode(sha256(code_verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def device_authorization_form(
    client_id: str,
    *,
    scope: str,
    audience: str | None = None,
    resource: str | None = None,
    code_verifier: str | None = None,
) -> dict[str, str]:
    """Ask for a code (RFC 8628 §3.1). ``audience`` is Auth0's spelling of RFC 8707's ``resource``."""
    form = {"client_id": client_id, "scope": scope}
    if audience:
        form["audience"] = audience
    if resource:
        form["resource"] = resource
    if code_verifier:
        form |= {"code_challenge": code_challenge(code_verifier), "code_challenge_method": "S256"}
    return form


def parse_device_authorization(response: Response, *, endpoint: str) -> DeviceAuthorization:
    """Accept a device authorization response (RFC 8628 §3.2) that came from ``endpoint``.

    Raises ProviderUnreachable for trouble that may pass, ProviderUnusable for a refusal, for a reply that lacks a
    member, or for one that sends people to anything but a secure URL, or from elsewhere to this machine.
    """
    document = response.json()
    code = response.error()
    if code is not None and not is_transient(response):
        raise error_from_response(response, what="The provider gives no device code")
    if document is None or not response.ok:
        kind = ProviderUnreachableError if is_transient(response) else ProviderError
        raise kind(
            f"The provider gives no device code (HTTP status {response.status}).",
            hint="Check the issuer, or try again in a moment.",
        )
    device_code, user_code = document.get("device_code"), document.get("user_code")
    uri = document.get("verification_uri") or document.get("verification_url")  # Google's spelling
    if not is_token(device_code):
        raise _unusable("device_code", device_code)
    if not isinstance(user_code, str) or not safe(user_code):
        raise _unusable("user_code", user_code)
    if uri is None:
        raise _unusable("verification_uri", uri)
    if secure_url_from(endpoint, uri) is None:
        what = "no https:// URL" if secure_url(uri) is None else "on this machine, where the provider is not"
        raise ProviderError(
            f"The provider sends you to an address that is {what}: {safe(str(uri))}.",
            hint="Do not open it. Check the issuer; if it is right, tell the provider's operators.",
        )
    complete = document.get("verification_uri_complete")
    return DeviceAuthorization(
        device_code=device_code,
        user_code=safe(user_code, 64),
        verification_uri=str(uri),
        verification_uri_complete=complete if secure_url_from(endpoint, complete) else None,
        expires_in=life(document.get("expires_in"), DEFAULT_EXPIRES_IN, LONGEST_EXPIRES_IN),
        interval=_interval(document.get("interval")) or DEFAULT_INTERVAL,
    )


def _unusable(member: str, value: object) -> ProviderError:
    how = "lacks" if value is None else "has an unusable"
    return ProviderError(
        f"The provider's device authorization response {how} {member}.",
        hint="This is for the provider's operators to mend.",
    )


def poll_form(
    client_id: str, device_code: str, *, code_verifier: str | None = None, resource: str | None = None
) -> dict[str, str]:
    """Ask whether the person has approved (RFC 8628 §3.4)."""
    form = {"grant_type": GRANT_TYPE, "device_code": device_code, "client_id": client_id}
    if code_verifier:
        form["code_verifier"] = code_verifier
    if resource:
        form["resource"] = resource
    return form


@dataclass(frozen=True, slots=True)
class Pending:
    """The person has not decided yet; ``slow_down`` asks for a longer interval, perhaps a given one."""

    slow_down: bool = False
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class TransientFailure:
    """No proper answer, for a reason that may pass. ``retry_after``: seconds that the server asks for."""

    retry_after: float = 0.0


def parse_poll(response: Response, *, now: float) -> TokenResponse | Pending | TransientFailure:
    """Say what one reply to a poll means (RFC 8628 §3.5). It branches on ``error``, never on the HTTP status.

    Raises SignInDenied, CodeExpired, or ProviderUnusable for every error that no waiting will cure.
    """
    match response.error():
        case "authorization_pending":
            return Pending()
        case "slow_down":
            return Pending(slow_down=True, interval=_interval((response.json() or {}).get("interval")))
        case "access_denied":
            raise AccessDeniedError("The sign-in was denied.")
        case "expired_token" | "invalid_grant":  # Auth0 says expired_token once and invalid_grant from then on
            raise device_code_expired()
        case _ if is_transient(response):
            return TransientFailure(_retry_after(response, now))
        case None if response.ok:
            return parse_token(response)
        case _:
            raise error_from_response(response, what="The sign-in failed")


def device_code_expired() -> DeviceCodeExpiredError:
    """Build the error for a code that is no longer valid, whoever says so."""
    return DeviceCodeExpiredError("The code expired before anyone approved it.")


@dataclass(frozen=True, slots=True)
class PollingSchedule:
    """How long to wait before the next poll, in seconds, and whether the provider ever answered properly."""

    interval: float
    backoff: float
    retry_after: float = 0.0
    answered: bool = False

    @classmethod
    def start(cls, interval: float) -> PollingSchedule:
        """Begin with the interval of the device authorization response; it counts before the first poll too."""
        return cls(interval, interval)

    @property
    def wait(self) -> float:
        """The next wait, counted from the receipt of the last response."""
        return max(self.backoff, self.retry_after)

    def after(self, answer: Pending | TransientFailure) -> PollingSchedule:
        """Return the pace after a reply that arrived."""
        if isinstance(answer, TransientFailure):
            return replace(self, retry_after=answer.retry_after)
        interval = self.interval
        if answer.slow_down:
            interval = max(interval + SLOW_DOWN, answer.interval or 0.0)
        return PollingSchedule(interval, interval, answered=True)

    def after_connection_failure(self) -> PollingSchedule:
        """Return the pace after a connection that failed or timed out: exponential backoff (RFC 8628 §3.5)."""
        doubled = max(self.interval, min(2 * self.backoff, LONGEST_BACKOFF))
        return replace(self, backoff=doubled, retry_after=0.0)


def _interval(value: object) -> float | None:
    number = seconds(value)
    return number if number is not None and SHORTEST_INTERVAL <= number <= LONGEST_INTERVAL else None


def _retry_after(response: Response, now: float) -> float:
    """Seconds that the server asks us to stay away: RFC 9110 §10.2.3, or the epoch that Auth0 sends with a 429.

    Instants are compared with the server's own clock, where it tells it.
    """
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    instant = http_date(text)
    reset = response.headers.get("x-ratelimit-reset", "").strip()
    if not text and response.status == TOO_MANY_REQUESTS and reset.isascii() and reset.isdigit():
        instant = float(reset[:12])
    server_now = http_date(response.headers.get("date", ""))
    return 0.0 if instant is None else max(0.0, instant - (now if server_now is None else server_now))
