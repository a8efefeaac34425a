"""Token revocation (RFC 7009)."""

from __future__ import annotations

from http import HTTPStatus

from awesome_cli.oauth.response import Response


def revocation_form(client_id: str, token: str, *, token_type_hint: str) -> dict[str, str]:
    """Build a revocation request (RFC 7009 §2.1)."""
    return {"client_id": client_id, "token": token, "token_type_hint": token_type_hint}


def parse_revocation(response: Response) -> bool:
    """Whether the provider confirms the revocation: only with 200, also for unknown tokens (RFC 7009 §2.2)."""
    return response.status == HTTPStatus.OK and response.error() is None
