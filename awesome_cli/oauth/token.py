"""Token requests and responses, refresh included (RFC 6749 §5 and §6, RFC 6750 §4, RFC 8707)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeGuard

from awesome_cli.errors import ProviderError, ProviderUnreachableError, RefreshFailedError, RefreshTokenRejectedError
from awesome_cli.oauth.response import Response, error_from_response, seconds

DEFAULT_LIFETIME = 300.0  # seconds; RFC 6749 §5.1 leaves open what a missing expires_in means
MAX_LIFETIME = 10 * 365 * 86400.0  # seconds; a larger expires_in is a mistake

OAUTH_ERRORS = {  # an overloaded provider may send other codes, such as server_error or too_many_requests
    *("invalid_client", "invalid_grant", "invalid_request", "invalid_scope"),  # RFC 6749 §5.2
    *("unauthorized_client", "unsupported_grant_type"),
    *("access_denied", "authorization_pending", "expired_token", "slow_down"),  # RFC 8628 §3.5
    "invalid_target",  # RFC 8707 §2
}


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """A well-formed token response, whose ID token is not validated yet.

    ``expires_in`` is the lifetime of the access token, ``session_expires_in`` that of the refresh token where the
    provider tells it; both in seconds.
    """

    access_token: str = field(repr=False)
    expires_in: float
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    scope: str | None = None
    session_expires_in: float | None = None


def lifetime(value: object, default: float, maximum: float) -> float:
    """Return an ``expires_in`` in seconds: numeric text counts, negative is 0, anything unusable is ``default``."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", value, re.ASCII):
        value = float(value)  # some providers send "3600"
    number = seconds(value)
    return default if number is None else min(max(number, 0.0), maximum)


def refresh_form(client_id: str, refresh_token: str, *, resource: str | None = None) -> dict[str, str]:
    """Build a refresh request (RFC 6749 §6). A public client sends its id and never a secret."""
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": refresh_token}
    return form | ({"resource": resource} if resource else {})  # RFC 8707 §2.2


def parse_token(response: Response) -> TokenResponse:
    """Parse a successful token response (RFC 6749 §5.1). Raises ProviderError, naming the member."""
    document = response.json() or {}
    for name in ("access_token", "token_type"):
        if document.get(name) is None:
            raise _malformed(f"lacks {name}")
    access_token = document["access_token"]
    if not is_token(access_token):
        raise _malformed("has an unusable access_token")
    if str(document["token_type"]).lower() != "bearer":  # RFC 6749 §7.1
        raise _malformed("has a token_type that is not Bearer")
    refresh_token = document.get("refresh_token") or None
    if refresh_token is not None and not is_token(refresh_token):
        raise _malformed("has an unusable refresh_token")
    id_token, scope = document.get("id_token"), document.get("scope")
    return TokenResponse(
        access_token=access_token,
        expires_in=lifetime(document.get("expires_in"), DEFAULT_LIFETIME, MAX_LIFETIME),
        refresh_token=refresh_token,
        id_token=None if id_token in (None, "") else str(id_token),  # validation refuses any other type
        scope=scope if isinstance(scope, str) and scope else None,
        session_expires_in=_session_lifetime(document) if refresh_token else None,
    )


def _session_lifetime(document: Mapping[str, object]) -> float | None:
    """Return the lifetime of the refresh token; None if it is not told: Keycloak's 0 means that it does not expire."""
    names = ("refresh_expires_in", "refresh_token_expires_in")  # as Keycloak, and as GitHub and Entra ID call it
    return next((told for name in names if (told := lifetime(document.get(name), 0.0, MAX_LIFETIME))), None)


def parse_refresh(response: Response) -> TokenResponse:
    """Parse the response to a refresh request (RFC 6749 §6).

    Raises RefreshTokenRejectedError for ``invalid_grant``, ProviderUnreachableError for a transient failure, and
    RefreshFailedError for any other refusal.
    """
    code, document = response.error(), response.json()
    if code == "invalid_grant":
        raise RefreshTokenRejectedError("Your session has ended: the provider no longer accepts its refresh token.")
    if code is None and response.ok and document is not None:
        return parse_token(response)
    is_bare_400 = response.status == HTTPStatus.BAD_REQUEST and document is None  # some reject a token so
    if code in ("slow_down", "temporarily_unavailable") or (is_transient(response) and not is_bare_400):
        raise ProviderUnreachableError(
            f"The provider could not renew the session (HTTP status {response.status}).",
            hint="Try again in a moment.",
        )
    raise error_from_response(response, what="The session could not be renewed", kind=RefreshFailedError)


def refresh_token_of(response: Response) -> str | None:
    """Return the refresh token of a successful response that may be malformed otherwise, or None."""
    token = (response.json() or {}).get("refresh_token") if response.ok else None
    return token if is_token(token) else None


def is_transient(response: Response) -> bool:
    """Whether a failure may pass by itself: the body is not JSON, or it is a 5xx or 429 without an OAuth error code."""
    status = response.status
    is_overloaded = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    return response.json() is None or (is_overloaded and response.error() not in OAUTH_ERRORS)


def is_wrong_endpoint(response: Response) -> bool:
    """Whether a response shows that the endpoint is not at this URL: nothing is there (RFC 9110 §15.5), or a page."""
    if response.error() is not None:
        return False
    nothing_there = response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE)
    return nothing_there or (response.json() is None and response.body.strip() != b"")


def is_token(value: object) -> TypeGuard[str]:
    """Whether ``value`` can go into a header or a form as it is: visible ASCII (RFC 6749 appendix A.12, A.17)."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value) and " " not in value


def _malformed(reason: str) -> ProviderError:
    return ProviderError(f"The provider's token response {reason}.", hint="Tell the provider's operators.")
