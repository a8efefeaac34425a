"""Names that the ID token lacks, and whether a token is still taken (OpenID Connect Core 1.0 §5.3)."""

from __future__ import annotations

from typing import Any

from awesome_cli.errors import ProviderUnreachableError, SubjectMismatchError
from awesome_cli.oauth.response import Response, error_from_response
from awesome_cli.oauth.token import is_transient


def parse_userinfo(response: Response, *, sub: str) -> dict[str, Any]:
    """Return the claims, or none unless they are about the same subject (OIDC Core §5.3.2)."""
    claims = response.json() or {}
    return claims if response.ok and claims.get("sub") == sub else {}


def parse_token_check(response: Response, *, sub: str) -> bool:
    """Whether the access token that asked is still good: False for a 401 (RFC 6750 §3.1).

    Raises ProviderUnusable for every other refusal, and TokenInvalid, if the claims are about another subject.
    """
    if response.status == 401:
        return False
    if is_transient(response):
        raise ProviderUnreachableError(
            f"The provider's userinfo endpoint gives no usable answer (HTTP status {response.status}).",
            hint="Try again in a moment.",
        )
    if not response.ok:
        raise error_from_response(response, what="The provider's userinfo endpoint refuses")
    if not parse_userinfo(response, sub=sub):
        raise SubjectMismatchError(
            "The provider's userinfo endpoint speaks of somebody else than who signed in (sub differs).",
        )
    return True
