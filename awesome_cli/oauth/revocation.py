"""Telling the provider that a token is no longer wanted (RFC 7009)."""

from __future__ import annotations

from awesome_cli.oauth.response import Response


def revocation_form(client_id: str, token: str, *, token_type_hint: str) -> dict[str, str]:
    """Ask for the end of a token (RFC 7009 §2.1)."""
    return {"client_id": client_id, "token": token, "token_type_hint": token_type_hint}


def parse_revocation(response: Response) -> bool:
    """Whether the provider confirmed that the token is dead: 200, also for one that it never knew (§2.2)."""
    return response.status == 200 and response.error() is None
