"""Names that the ID token lacks (OpenID Connect Core 1.0 §5.3)."""

from __future__ import annotations

from typing import Any

from awesome_cli.oauth.reply import Reply


def parse_userinfo(reply: Reply, *, sub: str) -> dict[str, Any]:
    """Return the claims, or none unless they are about the same subject (OIDC Core §5.3.2)."""
    claims = reply.json() or {}
    return claims if reply.ok and claims.get("sub") == sub else {}
