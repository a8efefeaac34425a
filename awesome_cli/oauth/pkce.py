"""Proof Key for Code Exchange (RFC 7636): binds an approval to the process that asked for it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256


def code_challenge(code_verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    return urlsafe_b64encode(sha256(code_verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def challenge_form(code_verifier: str) -> dict[str, str]:
    """Return the members of a request that carry the challenge (RFC 7636 §4.3)."""
    return {"code_challenge": code_challenge(code_verifier), "code_challenge_method": "S256"}
