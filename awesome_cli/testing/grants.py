"""What the simulated provider stores: requests, device codes, and the tokens issued for them."""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from awesome_cli.oauth.response import Response
from awesome_cli.testing.keys import base64url

RECORDED = 1_000  # requests, grants, and tokens of a kind that are kept: a demo may run for days
POLL_TOLERANCE = 0.1  # seconds that a poll may be early: clocks are not exact

_STATUS = {  # as Auth0 answers; every other code is sent with 400 (RFC 6749 §5.2)
    "authorization_pending": 403,
    "slow_down": 429,
    "expired_token": 403,
    "access_denied": 403,
    "invalid_grant": 403,
    "invalid_client": 401,
    "invalid_token": 401,
    "insufficient_user_authentication": 401,
    "not_found": 404,
    "method_not_allowed": 405,
}


@dataclass(frozen=True)
class Request:
    """One HTTP request; the names of ``headers`` are lower case. The repr leaves out what may be secret."""

    method: str
    target: str = field(repr=False)  # path and query
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)  # an object that was sent instead of a form
    at: float = 0  # when the simulator received it

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2]))


@dataclass(kw_only=True, repr=False)
class TokenFamily:
    """All tokens that come from one approval; they are revoked together.

    ``requested`` are the parameters of its request, ``auth_time`` is when the person approved it, ``ends_at`` when its
    refresh tokens expire; both in seconds since the epoch.
    """

    sub: str
    scope: tuple[str, ...]
    targets: tuple[str, ...]
    requested: Mapping[str, str] = field(default_factory=dict)
    auth_time: float = 0.0
    ends_at: float = math.inf
    active: bool = True

    @property
    def authentication(self) -> dict[str, Any]:
        """The claims that say how and when the person authenticated, as far as they were asked for (OIDC Core §2)."""
        levels = self.requested.get("acr_values", "").split()
        return {
            **({"auth_time": int(self.auth_time)} if "max_age" in self.requested else {}),
            **({"acr": levels[0]} if levels else {}),
        }

    def narrowed_scope(self, form: Mapping[str, str]) -> tuple[str, ...]:
        """Return the requested scopes, which cannot exceed the granted ones (RFC 6749 §6)."""
        scope = tuple(form.get("scope", " ".join(self.scope)).split())
        if not set(scope) <= set(self.scope):
            raise OAuthError("invalid_scope", "A refresh cannot request more than was granted.")
        return scope

    def narrowed_targets(self, form: Mapping[str, str]) -> tuple[str, ...]:
        """Return the requested resources, which cannot exceed the granted ones (RFC 8707 §2.2)."""
        targets = requested_targets(form) or self.targets
        if not set(targets) <= set(self.targets):
            raise OAuthError("invalid_target", "That resource was not requested with the device code.")
        return targets


@dataclass(repr=False)
class RefreshToken:
    family: TokenFamily
    expires_at: float = math.inf


@dataclass(kw_only=True, repr=False)
class DeviceGrant:
    """A device authorization, and what a person decided about it."""

    user_code: str
    family: TokenFamily
    challenge: str
    interval: float
    expires_at: float
    decision: str  # empty, "approved" or "access_denied"
    csrf_token: str = field(default_factory=secrets.token_urlsafe)
    polled_at: float | None = None

    def poll(self, at: float) -> str:
        """Return an error code of RFC 8628 §3.5, or "approved"."""
        early = self.polled_at is not None and at - self.polled_at < self.interval - POLL_TOLERANCE
        self.polled_at = at
        if at >= self.expires_at:
            return "expired_token"
        if self.decision:
            return self.decision
        return "slow_down" if early else "authorization_pending"


class HttpError(Exception):
    """Ends the processing of a request with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class OAuthError(HttpError):
    """An error response in JSON (RFC 6749 §5.2)."""

    def __init__(self, code: str, description: str, headers: Mapping[str, str] | None = None) -> None:
        self.code, self.description = code, description
        members = {"error": code, "error_description": description}
        super().__init__(json_response(members, _STATUS.get(code, 400), headers))


def require_challenge(form: Mapping[str, str]) -> None:
    """Raise OAuthError, if the form has no S256 code challenge (RFC 7636 §4.2)."""
    is_s256 = form.get("code_challenge_method") == "S256"
    if not is_s256 or not re.fullmatch(r"[A-Za-z0-9_-]{43}", form.get("code_challenge", "")):
        raise OAuthError("invalid_request", "A code challenge with the method S256 is required.")


def require_verifier(challenge: str, verifier: str) -> None:
    """Raise OAuthError, if there is a challenge and the verifier does not match it (RFC 7636 §4.6)."""
    digest = base64url(hashlib.sha256(verifier.encode()).digest())
    if challenge and not secrets.compare_digest(digest, challenge):
        raise OAuthError("invalid_grant", "The code verifier does not match the challenge.")


def requested_targets(form: Mapping[str, str]) -> tuple[str, ...]:
    """Return the APIs that the access token is for, by either parameter that providers have for it."""
    resource = form.get("resource", "")
    if resource and not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^#\s]+", resource):  # RFC 8707 §2
        raise OAuthError("invalid_target", "A resource must be an absolute URI without a fragment.")
    return tuple(dict.fromkeys(target for target in (form.get("audience"), resource) if target))


def json_response(members: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON document as a response."""
    return Response(status, json.dumps(members).encode(), {"content-type": "application/json", **(headers or {})})


def remember(table: dict[str, Any], key: str, value: object) -> None:
    """Store the value, and forget the oldest ones."""
    table[key] = value
    while len(table) > RECORDED:
        del table[next(iter(table))]
