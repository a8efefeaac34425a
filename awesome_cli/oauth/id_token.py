"""Validation of ID tokens (OpenID Connect Core 1.0 §3.1.3.7 and §12.2, RFC 7515, RFC 8725).

python-jose verifies the signature only, with the one key that was chosen before. ``jose.jwt.decode`` is not used: it
accepts a ``kid`` that matches no key, missing claims and weak keys.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.backends import default_backend
from jose import jws

from awesome_cli.errors import InvalidTokenError, NoMatchingKeyError, TokenNotCurrentError, UnsupportedAlgorithmError
from awesome_cli.oauth.jwks import ALGORITHMS, INVALID, Key, base64url_decode, choose_key
from awesome_cli.oauth.response import json_object, seconds
from awesome_cli.oauth.token import TokenResponse

LEEWAY = 60.0  # seconds that two clocks may differ
MAX_LENGTH = 16 * 1024  # characters
MAX_SUB = 255  # characters; OIDC Core §2
SEGMENTS = 3  # header, payload, signature: RFC 7515 §7.1
FORBIDDEN_HEADERS = ("crit", "jku", "x5u", "jwk")  # keys come from the provider's JWKS alone (RFC 8725 §3.10)

default_backend()  # loaded now: if it cannot be, that must come out before tokens are requested


@dataclass(frozen=True, slots=True)
class IdToken:
    """A validated ID token, now or when it was stored."""

    encoded: str = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)

    @property
    def sub(self) -> str:
        """The subject: the issuer's identifier of the user."""
        return str(self.claims["sub"])


def validate_id_token(
    tokens: TokenResponse,
    keys: Sequence[Key],
    *,
    issuer: str,
    client_id: str,
    now: float,
    nonce: str | None = None,
    max_age: float | None = None,
) -> IdToken:
    """Validate the ID token of a token response, or raise InvalidTokenError naming the rule that it breaks.

    ``nonce`` and ``max_age`` (seconds) are those of the authorization request, if it had them.
    Raises NoMatchingKeyError, if newer keys might make it valid; TokenNotCurrentError, if another clock might.
    """
    if tokens.id_token is None:
        raise InvalidTokenError(
            "The provider sent no ID token.", hint="Is it an OpenID provider, and openid among the scopes?"
        )
    header, claims = _decode(tokens.id_token)
    algorithm = _check_header(header)
    _check_signature(tokens.id_token, choose_key(keys, header, algorithm), algorithm, has_kid="kid" in header)
    _check_parties(claims, issuer, client_id)
    _check_at_hash(claims, algorithm, tokens.access_token)
    _check_times(claims, now)
    if nonce is not None:
        _require(claims.get("nonce") == nonce, "nonce is not that of the request")
    if max_age is not None:  # OIDC Core §3.1.2.1
        recent = _instant(claims, "auth_time") + max_age + LEEWAY >= now
        _require(recent, f"auth_time is more than the requested {max_age:g} s ago")
    return IdToken(tokens.id_token, claims)


def validate_same_subject(new: IdToken, old: IdToken) -> None:
    """Raise InvalidTokenError, unless a refreshed ID token has the iss, sub and aud of the first (OIDC Core §12.2)."""
    for name in ("iss", "sub"):
        _require(new.claims[name] == old.claims[name], f"{name} changed while the session was renewed")
    _require(_audiences(new.claims) == _audiences(old.claims), "aud changed while the session was renewed")


def parse_stored_id_token(encoded: str) -> IdToken:
    """Decode an ID token that was validated before it was stored. Raises InvalidTokenError."""
    _, claims = _decode(encoded)
    _require(isinstance(claims.get("iss"), str) and isinstance(claims.get("sub"), str), "iss and sub are missing")
    return IdToken(encoded, claims)


def _decode(encoded: str) -> tuple[dict[str, Any], dict[str, Any]]:
    _require(len(encoded) <= MAX_LENGTH, f"it is longer than {MAX_LENGTH // 1024} KiB")
    segments = encoded.split(".")
    _require(len(segments) == SEGMENTS, "it is not a signed token in compact form")
    try:
        header, claims, _signature = map(base64url_decode, segments)
    except ValueError as error:
        raise _invalid("it is not base64url") from error
    if (header_object := json_object(header)) is None:
        raise _invalid("its header is not a JSON object")
    if (claims_object := json_object(claims)) is None:
        raise _invalid("its payload is not a JSON object")
    return header_object, claims_object


def _check_header(header: Mapping[str, Any]) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _invalid(f"alg must be one of {', '.join(ALGORITHMS)}", UnsupportedAlgorithmError)
    for name in FORBIDDEN_HEADERS:
        _require(name not in header, f"{name} is not allowed in its header")
    _require(header.get("typ", "JWT") == "JWT", "typ must be JWT")  # RFC 8725 §3.11: not a token of another kind
    _require(isinstance(header.get("kid", ""), str), "kid must be a string")
    return algorithm


def _check_signature(encoded: str, key: dict[str, str], algorithm: str, *, has_kid: bool) -> None:
    try:
        jws.verify(encoded, key, algorithms=[algorithm])
    except (OSError, ImportError, MemoryError):  # failures of this machine say nothing about the token
        raise
    except Exception as error:  # python-jose and cryptography raise a dozen classes on malformed keys
        kind = InvalidTokenError if has_kid else NoMatchingKeyError
        raise _invalid("its signature is not the provider's", kind) from error


def _check_parties(claims: Mapping[str, Any], issuer: str, client_id: str) -> None:
    _require(claims.get("iss") == issuer, "iss is not the issuer")
    _require(client_id in _audiences(claims), "aud does not contain the client id")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1:
        _require("azp" in claims, "azp is missing although aud has several values")
    _require(claims.get("azp", client_id) == client_id, "azp is not the client id")
    sub = claims.get("sub")
    is_subject = isinstance(sub, str) and sub.isascii() and 0 < len(sub) <= MAX_SUB
    _require(is_subject, f"sub must be a string of 1 to {MAX_SUB} ASCII characters")


def _audiences(claims: Mapping[str, Any]) -> frozenset[str]:
    aud = claims.get("aud")
    values = aud if isinstance(aud, list) else [aud]
    _require(values and all(isinstance(value, str) for value in values), "aud must be a string or a list of them")
    return frozenset(values)


def _check_at_hash(claims: Mapping[str, Any], algorithm: str, access_token: str) -> None:
    if "at_hash" in claims:  # OIDC Core §3.1.3.8
        digest = hashlib.new(f"sha{algorithm[2:]}", access_token.encode("ascii")).digest()
        expected = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
        given = claims["at_hash"]
        matches = isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), expected)
        _require(matches, "at_hash does not match the access token")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires_at, issued_at = _instant(claims, "exp"), _instant(claims, "iat")
    not_before = _instant(claims, "nbf") if "nbf" in claims else now
    _require(expires_at + LEEWAY > now, "exp is in the past", TokenNotCurrentError)
    _require(issued_at - LEEWAY <= now, "iat is in the future", TokenNotCurrentError)
    _require(not_before - LEEWAY <= now, "nbf is in the future", TokenNotCurrentError)


def _instant(claims: Mapping[str, Any], name: str) -> float:
    instant = seconds(claims.get(name))
    if instant is None:
        raise _invalid(f"{name} must be a number")
    return instant


def _require(condition: object, rule: str, kind: type[InvalidTokenError] = InvalidTokenError) -> None:
    if not condition:
        raise _invalid(rule, kind)


def _invalid(rule: str, kind: type[InvalidTokenError] = InvalidTokenError) -> InvalidTokenError:
    return kind(INVALID.format(rule))
