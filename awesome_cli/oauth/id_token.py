"""Whether an ID token is to be believed (OpenID Connect Core 1.0 §3.1.3.7 and §12.2, RFC 7515, RFC 8725).

python-jose checks the signature, with one key that was chosen here; every other rule stands in this module,
because ``jose.jwt.decode`` lets too much pass: a ``kid`` that fits no key, missing claims, weak keys.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.backends import default_backend
from jose import jws

from awesome_cli.errors import (
    InvalidTokenError,
    NoMatchingKeyError,
    ProviderError,
    TokenNotCurrentError,
    UnsupportedAlgorithmError,
)
from awesome_cli.oauth.response import Response, json_object, seconds

ALGORITHMS = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
}  # RFC 7518 §3.1; never none, never a shared secret (RFC 8725 §3.2)
LEEWAY = 60.0  # seconds; clocks of well-kept machines differ by less
LONGEST_TOKEN = 16 * 1024  # characters; an ID token says who somebody is, not their whole directory entry
LONGEST_SUB = 255  # characters; OIDC Core §2
SMALLEST_MODULUS = 2048  # bits; RFC 7518 §3.3
FORBIDDEN_HEADERS = ("crit", "jku", "x5u", "jwk")  # keys come from the provider's JWKS alone (RFC 8725 §3.10)
KEY_MEMBERS = ("kty", "kid", "alg", "use", "crv", "n", "e", "x", "y")  # RFC 7517 §4, RFC 7518 §6: all that we look at

Key = Mapping[str, Any]

default_backend()  # jws.verify would load it: after the tokens have come is too late to find out that it cannot


@dataclass(frozen=True, slots=True)
class IdToken:
    """An ID token whose signature and claims were verified, or that was kept since it was."""

    encoded: str = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)

    @property
    def sub(self) -> str:
        """The subject: who signed in, by the issuer's own name for them."""
        return str(self.claims["sub"])


def parse_jwks(response: Response) -> list[Key]:
    """Accept a JWK set (RFC 7517 §5). Keys of kinds that we do not know are somebody else's.

    Raises ProviderUnusable, if there is no set.
    """
    keys = (response.json() or {}).get("keys")
    if not response.ok or not isinstance(keys, list):
        raise ProviderError(
            f"The provider's keys (jwks_uri) cannot be read (HTTP status {response.status}).",
            hint="Without them no ID token can be verified. Try again, or tell the provider's operators.",
        )
    known = [
        {name: key[name] for name in KEY_MEMBERS if key.get(name) is not None} for key in keys if isinstance(key, dict)
    ]
    return [key for key in known if all(isinstance(value, str) for value in key.values())]


def validate_id_token(
    encoded: str, keys: Sequence[Key], *, issuer: str, client_id: str, access_token: str, now: float
) -> IdToken:
    """Believe an ID token, or raise TokenInvalid naming the rule that it breaks.

    NoKeyFits, if other keys might change the verdict; WrongTime, if another clock might.
    """
    header, claims = _decode(encoded)
    algorithm = _check_header(header)
    _check_signature(encoded, _choose_key(keys, header, algorithm), algorithm, named="kid" in header)
    _check_parties(claims, issuer, client_id)
    _check_at_hash(claims, algorithm, access_token)
    _check_times(claims, now)
    return IdToken(encoded, claims)


def validate_same_subject(new: IdToken, old: IdToken) -> None:
    """Raise TokenInvalid, unless a renewed ID token is for whom and by whom the first one was (OIDC Core §12.2)."""
    for name in ("iss", "sub"):
        _require(new.claims[name] == old.claims[name], f"{name} changed while the session was renewed")
    _require(_audiences(new.claims) == _audiences(old.claims), "aud changed while the session was renewed")


def parse_stored_id_token(encoded: str) -> IdToken:
    """Read an ID token that was verified before it was kept. Raises TokenInvalid, if it is damaged."""
    _, claims = _decode(encoded)
    _require(isinstance(claims.get("iss"), str) and isinstance(claims.get("sub"), str), "iss and sub are missing")
    return IdToken(encoded, claims)


def _decode(encoded: str) -> tuple[dict[str, Any], dict[str, Any]]:
    _require(len(encoded) <= LONGEST_TOKEN, f"it is longer than {LONGEST_TOKEN // 1024} KiB")
    segments = encoded.split(".")
    _require(len(segments) == 3, "it is no signed token in compact form")
    header, claims, _signature = (_unbase64(segment) for segment in segments)
    return _object(header, "header"), _object(claims, "payload")


def _unbase64(segment: str, what: str = "it") -> bytes:
    rule = f"{what} is not base64url"
    _require(re.fullmatch(r"[A-Za-z0-9_-]+", segment) is not None and len(segment) % 4 != 1, rule)
    data = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    canonical = urlsafe_b64encode(data).rstrip(b"=").decode("ascii") == segment
    _require(canonical, rule)  # RFC 4648 §3.5: bits that carry nothing must not hide anything
    return data


def _object(data: bytes, what: str) -> dict[str, Any]:
    value = json_object(data)
    if value is None:
        raise _broken(f"its {what} is no JSON object")
    return value


def _check_header(header: Mapping[str, Any]) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise UnsupportedAlgorithmError(_message(f"alg must be one of {', '.join(ALGORITHMS)}"))
    for name in FORBIDDEN_HEADERS:
        _require(name not in header, f"{name} is not allowed in its header")
    _require(header.get("typ", "JWT") == "JWT", "typ must be JWT")  # RFC 8725 §3.11: no token of another kind
    _require(isinstance(header.get("kid", ""), str), "kid must be a string")
    return algorithm


def _choose_key(keys: Sequence[Key], header: Mapping[str, Any], algorithm: str) -> dict[str, str]:
    """Return the one key that fits, stripped to its public numbers, so that nothing else in it has a say."""
    kind = ALGORITHMS[algorithm]
    fitting = [
        key
        for key in keys
        if ("kid" not in header or key.get("kid") == header["kid"])
        and (key.get("kty") == "RSA" if kind == "RSA" else (key.get("kty"), key.get("crv")) == ("EC", kind))
        and key.get("alg", algorithm) == algorithm  # RFC 7517 §4.4
        and key.get("use", "sig") == "sig"  # RFC 7517 §4.2
    ]
    if not fitting:
        raise NoMatchingKeyError(_message("kid and alg fit none of the provider's keys"))
    _require(len(fitting) == 1, "more than one of the provider's keys fits")
    members = ("kty", "n", "e") if kind == "RSA" else ("kty", "crv", "x", "y")
    key = {name: str(fitting[0].get(name, "")) for name in members}
    if kind == "RSA":
        bits = int.from_bytes(_unbase64(key["n"], "the modulus of its RSA key")).bit_length()
        _require(bits >= SMALLEST_MODULUS, f"its RSA key has fewer than {SMALLEST_MODULUS} bits")
    return key


def _check_signature(encoded: str, key: dict[str, str], algorithm: str, *, named: bool) -> None:
    try:
        jws.verify(encoded, key, algorithms=[algorithm])
    except (OSError, ImportError, MemoryError):  # trouble of this machine, which says nothing about the token
        raise
    except Exception as error:
        # python-jose and cryptography raise a dozen kinds on hostile keys; all of them mean one thing here.
        kind = InvalidTokenError if named else NoMatchingKeyError
        raise kind(_message("its signature is not the provider's")) from error


def _check_parties(claims: Mapping[str, Any], issuer: str, client_id: str) -> None:
    _require(claims.get("iss") == issuer, "iss is not the issuer")
    audiences = _audiences(claims)
    _require(client_id in audiences, "aud does not contain the client id")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1:
        _require("azp" in claims, "azp is missing although aud has several values")
    _require(claims.get("azp", client_id) == client_id, "azp is not the client id")
    sub = claims.get("sub")  # OIDC Core §2
    is_subject = isinstance(sub, str) and sub.isascii() and 0 < len(sub) <= LONGEST_SUB
    _require(is_subject, f"sub must be a string of 1 to {LONGEST_SUB} ASCII characters")


def _audiences(claims: Mapping[str, Any]) -> frozenset[str]:
    aud = claims.get("aud")
    values = aud if isinstance(aud, list) else [aud]
    _require(
        bool(values) and all(isinstance(value, str) for value in values),
        "aud must be a string or a list of them",
    )
    return frozenset(values)


def _check_at_hash(claims: Mapping[str, Any], algorithm: str, access_token: str) -> None:
    if "at_hash" in claims:  # OIDC Core §3.1.3.8
        digest = hashlib.new(f"sha{algorithm[2:]}", access_token.encode("ascii")).digest()
        expected = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
        given = claims["at_hash"]
        same = isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), expected)
        _require(same, "at_hash does not match the access token")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires_at, issued_at = (_instant(claims, name) for name in ("exp", "iat"))
    not_before = _instant(claims, "nbf") if "nbf" in claims else now
    if expires_at + LEEWAY <= now:
        raise TokenNotCurrentError(_message("exp is over"))
    if issued_at - LEEWAY > now:
        raise TokenNotCurrentError(_message("iat lies in the future"))
    if not_before - LEEWAY > now:
        raise TokenNotCurrentError(_message("nbf lies in the future"))


def _instant(claims: Mapping[str, Any], name: str) -> float:
    instant = seconds(claims.get(name))
    if instant is None:
        raise _broken(f"{name} must be a number")
    return instant


def _require(kept: bool, rule: str) -> None:  # noqa: FBT001 - reads like assert
    if not kept:
        raise _broken(rule)


def _broken(rule: str) -> InvalidTokenError:
    return InvalidTokenError(_message(rule))


def _message(rule: str) -> str:
    return f"The provider's ID token breaks a rule: {rule}."
