"""The authorization endpoint of the simulated provider: authorization codes with PKCE (RFC 6749 §4.1, RFC 7636)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote, urlencode

from awesome_cli.oauth.response import Response
from awesome_cli.testing import pages
from awesome_cli.testing.grants import (
    OAuthError,
    Request,
    TokenFamily,
    remember,
    require_challenge,
    require_verifier,
)

CODE_LIFETIME = 60.0  # seconds; RFC 6749 §4.1.2 recommends ten minutes at most
PAGE_LIFETIME = 600.0  # seconds that a person may take
# RFC 8252 §7.3: loopback with any port
_REDIRECT_URI = r"http://(127\.0\.0\.1|\[::1\]|localhost):[0-9]{1,5}/[A-Za-z0-9/._~-]*"
_EXPIRED = "This page has expired. Start again in your terminal."


@dataclass(kw_only=True, repr=False)
class Authorization:
    """An authorization request, and what a person decided about it. ``query`` are its parameters."""

    query: Mapping[str, str]
    family: TokenFamily
    expires_at: float
    code: str = ""
    is_used: bool = False
    csrf_token: str = field(default_factory=secrets.token_urlsafe)

    @property
    def redirect_uri(self) -> str:
        return self.query["redirect_uri"]


class Provider(Protocol):
    """The provider that has the endpoint; its settings may change. ``url`` is the ``iss`` of responses (RFC 9207)."""

    url: str
    client_id: str

    def new_family(self, form: Mapping[str, str], /) -> TokenFamily:
        """Return the tokens that a request with these parameters leads to. Raises OAuthError."""


class AuthorizationEndpoint:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._waiting: dict[str, Authorization] = {}  # by CSRF token
        self._codes: dict[str, Authorization] = {}

    def ask(self, request: Request, *, auto_approve: bool, page: Callable[[Authorization], Response]) -> Response:
        """Respond to an authorization request: with the page that asks the person, or a redirect."""
        query = request.query
        if query.get("client_id") != self._provider.client_id:
            return pages.problem("This program is not known here.", HTTPStatus.BAD_REQUEST)
        if not re.fullmatch(_REDIRECT_URI, query.get("redirect_uri", "")):  # RFC 6749 §4.1.2.1: no redirect then
            return pages.problem("The address to return to is not one on your machine.", HTTPStatus.BAD_REQUEST)
        try:
            _check(query)
            family = self._provider.new_family(query)
        except OAuthError as error:
            return self._redirect(query, {"error": error.code, "error_description": error.description})
        authorization = Authorization(query=query, family=family, expires_at=request.at + PAGE_LIFETIME)
        if auto_approve:
            return self._approve(authorization, request.at)
        if query.get("prompt") == "none":  # OIDC Core §3.1.2.6
            return self._redirect(query, {"error": "login_required", "error_description": "Nobody is signed in."})
        remember(self._waiting, authorization.csrf_token, authorization)
        return page(authorization)

    def decide(self, request: Request) -> Response:
        """Respond to the answer of the person. Another site can send this form, but cannot read the token in it."""
        authorization = self._waiting.pop(request.form.get("ticket", ""), None)
        if authorization is None or request.at >= authorization.expires_at:
            return pages.problem(_EXPIRED, HTTPStatus.FORBIDDEN)
        if request.form.get("decision") == "approve":
            return self._approve(authorization, request.at)
        return self._redirect(authorization.query, {"error": "access_denied", "error_description": "You refused."})

    def exchange(self, request: Request) -> Authorization:
        """Return what the code stands for (RFC 6749 §4.1.3). One that is used again ends the tokens that it gave."""
        form = request.form
        authorization = self._codes.get(form.get("code", ""))
        if authorization is not None and authorization.is_used:
            authorization.family.active = False
            raise OAuthError("invalid_grant", "The code was used before.")
        if authorization is None or request.at >= authorization.expires_at:
            raise OAuthError("invalid_grant", "The code is unknown or has expired.")
        if form.get("redirect_uri") != authorization.redirect_uri:
            raise OAuthError("invalid_grant", "The redirect_uri is not that of the request.")
        require_verifier(authorization.query["code_challenge"], form.get("code_verifier", ""))
        authorization.is_used = True
        return authorization

    def _approve(self, authorization: Authorization, at: float) -> Response:
        authorization.code, authorization.expires_at = secrets.token_urlsafe(32), at + CODE_LIFETIME
        authorization.family.auth_time = at
        remember(self._codes, authorization.code, authorization)
        return self._redirect(authorization.query, {"code": authorization.code})

    def _redirect(self, query: Mapping[str, str], members: Mapping[str, str]) -> Response:
        state = {"state": query["state"]} if "state" in query else {}
        parameters = urlencode({**members, **state, "iss": self._provider.url}, quote_via=quote)
        return Response(HTTPStatus.SEE_OTHER, headers={"location": f"{query['redirect_uri']}?{parameters}"})


def _check(query: Mapping[str, str]) -> None:
    """Raise OAuthError for a request that is answered with an error (RFC 6749 §4.1.2.1)."""
    if query.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "Only codes are given here.")
    require_challenge(query)
