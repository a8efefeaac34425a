"""Signing keys of the simulated provider: one key pair per algorithm, generated when it is first used."""

from __future__ import annotations

import base64
import functools
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jose import jwk, jws
from jose.backends.base import Key
from jose.exceptions import JOSEError

from awesome_cli.oauth.jwks import base64url_decode

_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}  # RFC 7518 §3.4
_PARSE_ERRORS = (JOSEError, ValueError, TypeError, RecursionError)  # what python-jose raises for malformed tokens


@dataclass(frozen=True)
class SigningKey:
    """A key pair; ``public`` is its JWK."""

    alg: str
    private: Key = field(repr=False)
    public: dict[str, str]

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """Return a JWS in compact form (RFC 7515 §7.1). The header is used as it is, even with a wrong ``alg``."""
        signing_input = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{signing_input}.{base64url(self.signature(signing_input.encode()))}"

    def signature(self, signing_input: bytes) -> bytes:
        signature: bytes = self.private.sign(signing_input)
        return signature

    def verify(self, token: str, typ: str) -> dict[str, Any] | None:
        """Return the claims, or None if the token is malformed, or its signature or the header's ``typ`` is wrong."""
        try:
            for segment in token.split("."):
                base64url_decode(segment)  # python-jose accepts more, for which Python 3.15 warns
            claims: dict[str, Any] = json.loads(jws.verify(token, self.public, algorithms=[self.alg]))
            return claims if jws.get_unverified_header(token).get("typ") == typ else None
        except _PARSE_ERRORS:
            return None


@functools.cache
def signing_key(alg: str, owner: str = "provider") -> SigningKey:  # noqa: ARG001 - it is a key of the cache
    """Return the key for a JWS algorithm; all simulators of a process share it, since RSA keys take long to make.

    A key of another ``owner`` is one that no provider publishes.
    """
    pair: Any = (  # python-jose accepts these objects, but its stubs do not
        ec.generate_private_key(_CURVES[alg])
        if alg in _CURVES
        else rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    )
    private = jwk.construct(pair, alg)
    return SigningKey(alg, private, {**private.public_key().to_dict(), "kid": secrets.token_hex(8), "use": "sig"})


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
