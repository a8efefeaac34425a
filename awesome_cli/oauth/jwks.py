"""The provider's signing keys: parse a JWK set, and choose the key for an ID token (RFC 7517, RFC 7518)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from awesome_cli.errors import InvalidTokenError, NoMatchingKeyError, ProviderError
from awesome_cli.oauth.response import Response

# RFC 7518 §3.1; never none, never a shared secret (RFC 8725 §3.2)
ALGORITHMS = {"RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
MIN_MODULUS = 2048  # bits; RFC 7518 §3.3
KEY_MEMBERS = ("kty", "kid", "alg", "use", "crv", "n", "e", "x", "y")  # RFC 7517 §4, RFC 7518 §6: all that is used

INVALID = "The provider's ID token is not valid: {}."

Key = Mapping[str, Any]


def parse_jwks(response: Response) -> list[Key]:
    """Return the keys of a JWK set (RFC 7517 §5), without the members that are not used. Raises ProviderError."""
    keys = (response.json() or {}).get("keys")
    if not response.ok or not isinstance(keys, list):
        raise ProviderError(
            f"The provider's keys (jwks_uri) cannot be read (HTTP status {response.status}).",
            hint="Without them no ID token can be verified. Try again, or tell the provider's operators.",
        )
    used = [
        {name: key[name] for name in KEY_MEMBERS if key.get(name) is not None} for key in keys if isinstance(key, dict)
    ]
    return [key for key in used if all(isinstance(value, str) for value in key.values())]


def usable_keys(keys: Sequence[Key]) -> list[Key]:
    """Return the keys that can verify a token of some accepted algorithm."""
    return [key for key in keys if key.get("kty") in ("RSA", "EC") and key.get("alg", "RS256") in ALGORITHMS]


def choose_key(keys: Sequence[Key], header: Mapping[str, Any], algorithm: str) -> dict[str, str]:
    """Return the one key that matches an ID token's header, reduced to its numbers. Raises InvalidTokenError."""
    kind = ALGORITHMS[algorithm]
    matching = [
        key
        for key in keys
        if ("kid" not in header or key.get("kid") == header["kid"])
        and (key.get("kty") == "RSA" if kind == "RSA" else (key.get("kty"), key.get("crv")) == ("EC", kind))
        and key.get("alg", algorithm) == algorithm  # RFC 7517 §4.4
        and key.get("use", "sig") == "sig"  # RFC 7517 §4.2
    ]
    if not matching:
        raise NoMatchingKeyError(INVALID.format("kid and alg match none of the provider's keys"))
    if len(matching) > 1:
        raise InvalidTokenError(INVALID.format("more than one of the provider's keys matches"))
    members = ("kty", "n", "e") if kind == "RSA" else ("kty", "crv", "x", "y")
    key = {name: str(matching[0].get(name, "")) for name in members}
    if kind == "RSA":
        _check_modulus(key["n"])
    return key


def _check_modulus(encoded: str) -> None:
    try:
        modulus = int.from_bytes(base64url_decode(encoded))
    except ValueError as error:
        raise InvalidTokenError(INVALID.format("the modulus of its RSA key is not base64url")) from error
    if modulus.bit_length() < MIN_MODULUS:
        raise InvalidTokenError(INVALID.format(f"its RSA key has fewer than {MIN_MODULUS} bits"))


def base64url_decode(text: str) -> bytes:
    """Decode canonical base64url without padding (RFC 7515 §2). Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text) or len(text) % 4 == 1:
        raise ValueError("not base64url")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != text:  # RFC 4648 §3.5: unused bits must be zero
        raise ValueError("not canonical base64url")
    return data
