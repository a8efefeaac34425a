"""Token requests and replies (RFC 6749 §5 and §6, RFC 6750 §4, RFC 8707)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeGuard

from awesome_cli.errors import ProviderError, ProviderUnreachableError, RefreshFailedError, RefreshTokenRejectedError
from awesome_cli.oauth.response import Response, error_from_response, seconds

DEFAULT_LIFE = 300.0  # seconds; RFC 6749 §5.1 leaves open what an absent expires_in means
TOO_MANY_REQUESTS = 429  # RFC 6585 §4
LONGEST_LIFE = 10 * 365 * 86400.0  # seconds; beyond this a number is no plan but a mistake


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """What the token endpoint granted: arrived and well-formed, not yet believed. ``expires_in`` in seconds."""

    access_token: str = field(repr=False)
    expires_in: float
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    scope: str | None = None


def life(value: object, default: float, longest: float) -> float:
    """Read an ``expires_in`` in seconds: numeric text counts, negative is 0, anything unusable is ``default``."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", value, re.ASCII):
        value = float(value)  # seen on the wire: "3600"
    number = seconds(value)
    return default if number is None else min(max(number, 0.0), longest)


def refresh_form(client_id: str, refresh_token: str, *, resource: str | None = None) -> dict[str, str]:
    """Ask for new tokens (RFC 6749 §6). A public client sends its id and never a secret."""
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": refresh_token}
    return form | ({"resource": resource} if resource else {})  # RFC 8707 §2.2


def parse_token(response: Response) -> TokenResponse:
    """Accept a successful token reply (RFC 6749 §5.1).

    Raises ProviderUnusable, naming the member, if it lacks an access token that fits into a header, or its type is not
    Bearer.
    """
    document = response.json() or {}
    for name in ("access_token", "token_type"):
        if document.get(name) is None:
            raise _malformed(f"lacks {name}")
    access_token = document["access_token"]
    if not is_token(access_token):
        raise _malformed("has an unusable access_token")
    if str(document["token_type"]).lower() != "bearer":  # RFC 6749 §7.1: a type that we do not know
        raise _malformed("has a token_type that is not Bearer")
    refresh_token = document.get("refresh_token") or None
    if refresh_token is not None and not is_token(refresh_token):
        raise _malformed("has an unusable refresh_token")
    id_token, scope = document.get("id_token"), document.get("scope")
    return TokenResponse(
        access_token=access_token,
        expires_in=life(document.get("expires_in"), DEFAULT_LIFE, LONGEST_LIFE),
        refresh_token=refresh_token,
        id_token=None if id_token in (None, "") else str(id_token),  # whatever it is, validation judges it
        scope=scope if isinstance(scope, str) and scope else None,
    )


def parse_refresh(response: Response) -> TokenResponse:
    """Accept the reply to a refresh request (RFC 6749 §6).

    Raises GrantEnded for ``invalid_grant``, ProviderUnreachable for trouble inside the provider that may
    pass, and ProviderUnusable for every other refusal.
    """
    code = response.error()
    if code == "invalid_grant":
        raise RefreshTokenRejectedError(
            "Your session has ended: the provider no longer accepts its refresh token.",
        )
    if code is None and response.ok and response.json() is not None:
        return parse_token(response)
    refused_without_a_word = response.status == 400 and response.json() is None
    if code in _LATER or (is_transient(response) and not refused_without_a_word):
        raise ProviderUnreachableError(
            f"The provider could not renew the session (HTTP status {response.status}).",
            hint="Try again in a moment.",
        )
    raise error_from_response(response, what="The session could not be renewed", kind=RefreshFailedError)


def refresh_token_of(response: Response) -> str | None:
    """Return the refresh token of a successful reply, whatever else is wrong with it; None if it has no usable one."""
    token = (response.json() or {}).get("refresh_token") if response.ok else None
    return token if is_token(token) else None


def is_transient(response: Response) -> bool:
    """Whether a reply speaks of trouble that may pass by itself: no JSON, or a bare 5xx or 429 (RFC 6585 §4)."""
    in_trouble = response.status >= 500 or response.status == TOO_MANY_REQUESTS
    return response.json() is None or (in_trouble and response.error() not in _REGISTERED)


def is_wrong_endpoint(response: Response) -> bool:
    """Whether a reply speaks of something else than the endpoint that was meant: nothing is there, or a web page."""
    if response.error() is not None:
        return False
    return response.status in _NOTHING_THERE or (response.json() is None and response.body.strip() != b"")


_NOTHING_THERE = (404, 405, 410)  # RFC 9110 §15.5

# RFC 6749 §5.2, RFC 8628 §3.5, RFC 8707 §2. A provider in trouble, or one that limits the rate, may use a code that
# stands in none of them, such as server_error or too_many_requests.
_REGISTERED = {
    "access_denied",
    "authorization_pending",
    "expired_token",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "slow_down",
    "unauthorized_client",
    "unsupported_grant_type",
}

_LATER = {"slow_down", "temporarily_unavailable"}  # RFC 8628 §3.5, RFC 6749 §4.1.2.1: clear outside of these too


def is_token(value: object) -> TypeGuard[str]:
    """Whether ``value`` can go into a header or a form as it is: visible ASCII (RFC 6749 appendix A.12, A.17)."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value) and " " not in value


def _malformed(why: str) -> ProviderError:
    return ProviderError(
        f"The provider's token reply {why}.",
        hint="This is for the provider's operators to mend.",
    )
