"""The authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636, RFC 9207), for a browser on this machine."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode

from awesome_cli.errors import AccessDeniedError, ProviderError, ProviderUnreachableError
from awesome_cli.oauth.pkce import challenge_form
from awesome_cli.oauth.response import ERROR_CODE, Response, error_from_response, oauth_error
from awesome_cli.oauth.token import TokenResponse, is_transient, parse_token
from awesome_cli.text import safe

MAX_PARAMETERS = 50
_SETUP_ERRORS = {
    *("invalid_grant", "invalid_request", "unauthorized_client", "unsupported_grant_type", "unsupported_response_type"),
}
OWN_PARAMETERS = {  # of authorization requests: what is sent under these names is decided by this package alone
    *("client_id", "client_secret", "scope", "audience", "resource", "response_type", "response_mode", "redirect_uri"),
    *("state", "nonce", "code_challenge", "code_challenge_method", "code_verifier", "grant_type", "device_code"),
    *("request", "request_uri"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What one authorization request is bound to: its response, and the tokens that follow, must fit it.

    ``state`` is returned with the code, ``nonce`` in the ID token, and the ``code_verifier`` belongs to the code.
    """

    client_id: str
    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    resource: str | None = None

    def url(self, endpoint: str, *, scope: str, audience: str | None = None, parameters: Mapping[str, str]) -> str:
        """Return the URL to open in the browser (RFC 6749 §4.1.1, OIDC Core §3.1.2.1).

        ``parameters`` are further ones, none of which has a name of ours. Without ``prompt=consent`` a provider must
        ignore ``offline_access`` (OIDC Core §11), so that is sent unless ``parameters`` decide otherwise.
        """
        members = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": self.state,
            "nonce": self.nonce,
            **challenge_form(self.code_verifier),
            "audience": audience,
            "resource": self.resource,
            "prompt": "consent" if "offline_access" in scope.split() else None,
            **parameters,
        }
        query = urlencode({name: value for name, value in members.items() if value}, quote_via=quote, safe="")
        endpoint = endpoint.partition("#")[0]  # RFC 6749 §3.1: it has none
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def code_from(self, query: str, *, issuer: str, has_iss: bool) -> str:
        """Return the code of the authorization response with this query (RFC 6749 §4.1.2).

        ``has_iss``: whether the provider promises an ``iss`` in it (RFC 9207 §2.3), which must be the issuer wherever
        there is one. Raises AccessDeniedError, ProviderError.
        """
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=None)
        members = dict(pairs)
        if len(members) != len(pairs) or len(pairs) > MAX_PARAMETERS:
            raise _refused("repeats a parameter, or has too many")
        if "state" not in members:
            raise _refused("has no state")
        if not hmac.compare_digest(members["state"].encode("utf-8", "replace"), self.state.encode()):
            raise _refused("has the wrong state")
        if "iss" in members and members["iss"] != issuer:
            raise _refused(f"comes from another issuer (iss is {safe(members['iss'], 80)})")
        if has_iss and "iss" not in members:
            raise _refused("has no iss, although the provider promises one")
        if "error" in members:
            raise _error(members)
        code = members.get("code", "")
        if not re.fullmatch(r"[ -~]{1,4096}", code):  # RFC 6749 appendix A.11
            raise _refused("has no usable code")
        return code

    def token_form(self, code: str) -> dict[str, str]:
        """Build the access token request (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id,
            "code_verifier": self.code_verifier,
        }
        return form | ({"resource": self.resource} if self.resource else {})


def parse_code_exchange(response: Response) -> TokenResponse:
    """Parse the response to the access token request. Raises ProviderError, also if the code is refused."""
    if response.error() is not None and not is_transient(response):
        raise _with_hint(error_from_response(response, what="The provider does not accept the authorization code"))
    if not response.ok or response.json() is None:
        kind = ProviderUnreachableError if is_transient(response) else ProviderError
        raise kind(
            f"The provider gives no tokens for the authorization code (HTTP status {response.status}).",
            hint="Try again in a moment.",
        )
    return parse_token(response)


def _error(members: Mapping[str, str]) -> AccessDeniedError | ProviderError:
    """Return the error of an authorization error response (RFC 6749 §4.1.2.1)."""
    code = members["error"]
    if code == "access_denied":
        return AccessDeniedError("The sign-in was denied.")
    if not re.fullmatch(ERROR_CODE, code):
        return _refused("has an unusable error code")
    return _with_hint(oauth_error(code, safe(members.get("error_description", "")), what="The sign-in failed"))


def _with_hint(error: ProviderError) -> ProviderError:
    """Say what to switch on at the provider: by default that would be the device flow."""
    if error.code in _SETUP_ERRORS:
        error.hint = (
            "At the provider, check that this client is a public one, may use authorization codes, and may redirect to"
            " this machine. Else start again."
        )
    return error


def _refused(reason: str) -> ProviderError:
    return ProviderError(
        f"The authorization response {reason}, so it is not accepted.",
        hint="Start again. If you did not open a page that could have sent it, tell the provider's operators.",
    )
