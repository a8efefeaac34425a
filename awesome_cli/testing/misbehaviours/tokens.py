"""Cases of token responses, ID tokens, keys, refreshes and userinfo."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from awesome_cli.testing.hostile import ABSENT, KEYS, NORMAL, ChangeMembers, ForgeIdToken
from awesome_cli.testing.issuer import ID_TOKEN_LIFETIME
from awesome_cli.testing.keys import SigningKey, signing_key
from awesome_cli.testing.misbehaviours.case import (
    ADVICE,
    EVIL,
    MUST,
    SHOULD,
    TOKEN,
    accept,
    cases,
    either,
    redirect_elsewhere,
    refuse,
)

CORE = "OpenID Connect Core"


def _plus(seconds: float) -> Callable[[float], float]:
    return lambda instant: instant + seconds


def _other_key() -> SigningKey:
    return signing_key("RS256", "somebody else")


def _sign_with_other_key(signing_input: bytes) -> bytes:
    return _other_key().signature(signing_input)


def _hmac_with_public_key(signing_input: bytes) -> bytes:
    """Return the signature of somebody who uses the public key, which everybody has, as the secret."""
    return hmac.digest(signing_key("RS256").private.public_key().to_pem(), signing_input, hashlib.sha256)


TOKEN_RESPONSE = cases(
    TOKEN,
    {
        refuse(MUST, "RFC 6749 §5.1", "The response has an access token and a token type."): {
            "no access token": ChangeMembers(access_token=ABSENT),
            "no token type": ChangeMembers(token_type=ABSENT),
        },
        refuse(MUST, "RFC 6749 §7.1", "A client does not use an access token whose type it does not know."): {
            "a token of an unknown type": ChangeMembers(token_type="unknown"),
        },
        refuse(ADVICE, "RFC 6750 §2.1", "An access token is sent in a header: it has no space or control character."): {
            "an access token with a space": ChangeMembers(access_token="a b"),
            "an access token with a line break": ChangeMembers(access_token="a\r\nb: c"),
        },
        accept(MUST, "RFC 6749 §5.1", "The token type is compared without regard to case."): {
            "the token type in lower case": ChangeMembers(token_type="bearer"),
        },
        accept(MUST, "RFC 6749 §5.1", "The other members are optional, and unknown ones are ignored."): {
            "no expires_in": ChangeMembers(expires_in=ABSENT),
            "no refresh token": ChangeMembers(refresh_token=ABSENT),
            "an unknown member": ChangeMembers(future={"a": [1]}),
        },
        accept(ADVICE, "RFC 6749 §5.1", "`expires_in` is a number, which some providers send as text."): {
            "expires_in as text": ChangeMembers(expires_in=str),
        },
    },
)

ID_TOKEN = cases(
    TOKEN,
    {
        refuse(MUST, f"{CORE} §3.1.3.3", "The response to a request with the scope `openid` has an ID token."): {
            "no ID token": ChangeMembers(id_token=ABSENT),
        },
        refuse(MUST, "RFC 7515 §7.1, RFC 7519 §7.2", "An ID token has three parts in base64url, the first two JSON."): {
            "an ID token of two parts": ChangeMembers(id_token=lambda token: token.rpartition(".")[0]),
            "an ID token that is not JSON": ChangeMembers(id_token="a.b.c"),
        },
        refuse(MUST, f"{CORE} §3.1.3.7 (6)", "The signature is valid; TLS with the token endpoint may replace this."): {
            "a false signature": ForgeIdToken(signature=lambda _: bytes(256)),
            "the signature of another token": ForgeIdToken(signature=lambda _: signing_key("RS256").signature(b"a.b")),
            "a signature with the key of somebody else": ForgeIdToken(signature=_sign_with_other_key),
        },
        refuse(MUST, f"{CORE} §2, RFC 8725 §3.2", "The algorithm `none` is not accepted."): {
            "an ID token without a signature": ForgeIdToken(header={"alg": "none"}, signature=lambda _: b""),
        },
        refuse(MUST, "RFC 8725 §3.1", "The algorithm is an allowed one, and the one that the key is for."): {
            "an HMAC with the public key": ForgeIdToken(header={"alg": "HS256"}, signature=_hmac_with_public_key),
            "an algorithm that the key is not for": ForgeIdToken(header={"alg": "ES256"}),
        },
        refuse(MUST, f"{CORE} §3.1.3.7 (6), RFC 8725 §3.10", "Keys come from `jwks_uri`, not from the token."): {
            "an ID token with its own key": ForgeIdToken(
                header={"jwk": lambda _: _other_key().public}, signature=_sign_with_other_key
            ),
            "an ID token with the address of its key": lambda provider: ForgeIdToken(
                header={"jku": f"{provider.elsewhere.url}keys"}, signature=_sign_with_other_key
            ),
        },
        refuse(MUST, "RFC 7515 §4.1.11", "A critical extension that the client does not know makes a token invalid."): {
            "an unknown critical extension": ForgeIdToken(header={"crit": ["future"], "future": 1}),
        },
        refuse(ADVICE, "RFC 7515 §4.1.4", "A key id that the provider does not publish names no key."): {
            "an unknown key id": ForgeIdToken(header={"kid": "another"}),
        },
        refuse(ADVICE, "RFC 8725 §3.11, §3.12", "A token that says it is of another kind is not an ID token."): {
            "a token of the type at+jwt": ForgeIdToken(header={"typ": "at+jwt"}),
        },
        refuse(MUST, f"{CORE} §3.1.3.7 (2)", "`iss` is exactly the issuer."): {
            "another iss": ForgeIdToken(claims={"iss": EVIL}),
            "no iss": ForgeIdToken(claims={"iss": ABSENT}),
        },
        refuse(MUST, f"{CORE} §3.1.3.7 (3)", "`aud` contains the client id, and nobody whom it does not trust."): {
            "an aud that is another client": ForgeIdToken(claims={"aud": "another"}),
            "no aud": ForgeIdToken(claims={"aud": ABSENT}),
            "an aud with another client too": ForgeIdToken(claims={"aud": lambda client: [client, "another"]}),
        },
        refuse(SHOULD, f"{CORE} §3.1.3.7 (5)", "`azp`, if present, is the client id."): {
            "an azp that is another client": ForgeIdToken(claims={"azp": "another"}),
        },
        refuse(MUST, f"{CORE} §2, §3.1.3.7 (9)", "`exp` is a number, and in the future."): {
            "an exp in the past": ForgeIdToken(claims={"exp": _plus(-ID_TOKEN_LIFETIME - 3600)}),
            "no exp": ForgeIdToken(claims={"exp": ABSENT}),
            "an exp that is text": ForgeIdToken(claims={"exp": str}),
        },
        refuse(MUST, "RFC 7519 §4.1.5", "`nbf`, if present, is not in the future."): {
            "an nbf in the future": ForgeIdToken(claims={"nbf": 9e9}),
        },
        refuse(ADVICE, f"{CORE} §2, §3.1.3.7 (10)", "`iat` is present, and not in the future."): {
            "no iat": ForgeIdToken(claims={"iat": ABSENT}),
            "an iat in the future": ForgeIdToken(claims={"iat": _plus(3600)}),
        },
        refuse(ADVICE, f"{CORE} §2", "`sub` is present, and a text that is not empty."): {
            "no sub": ForgeIdToken(claims={"sub": ABSENT}),
            "an empty sub": ForgeIdToken(claims={"sub": ""}),
            "a sub that is a number": ForgeIdToken(claims={"sub": 7}),
        },
        refuse(ADVICE, f"{CORE} §3.1.3.8", "`at_hash`, if present, matches the access token."): {
            "the at_hash of another access token": ForgeIdToken(claims={"at_hash": "A" * 22}),
        },
        accept(MUST, f"{CORE} §2, RFC 7519 §5.1", "Optional members may be missing, and unknown claims are ignored."): {
            "no typ": ForgeIdToken(header={"typ": ABSENT}),
            "no at_hash": ForgeIdToken(claims={"at_hash": ABSENT}),
            "an unknown claim": ForgeIdToken(claims={"future": {"a": [1]}}),
        },
        accept(MUST, f"{CORE} §2, RFC 7519 §2", "`aud` may be a list, and a time may have a fraction."): {
            "an aud that is a list": ForgeIdToken(claims={"aud": lambda client: [client]}),
            "an exp with a fraction of a second": ForgeIdToken(claims={"exp": _plus(0.5)}),
        },
        accept(MUST, f"{CORE} §10.1", "A key id is required only if the provider has several keys."): {
            "no key id, and a single key": ForgeIdToken(header={"kid": ABSENT}),
        },
    },
)

JWKS = cases(
    KEYS,
    {
        accept(SHOULD, "RFC 7517 §5", "Keys of unknown types, and keys that lack a member, are ignored."): {
            "a key of an unknown type": ChangeMembers(keys=lambda keys: [{"kty": "future", "kid": "a"}, *keys]),
            "a key that lacks a member": ChangeMembers(keys=lambda keys: [{"kty": "RSA", "kid": "a"}, *keys]),
        },
        accept(ADVICE, f"{CORE} §10.1.1", "An unknown key id makes the client get the keys again."): {
            "a key that is newer than the keys": (ChangeMembers(keys=lambda _: [_other_key().public]), NORMAL),
        },
    },
)

REFRESH = cases(
    TOKEN,
    {
        refuse(MUST, f"{CORE} §12.2", "`iss`, `sub` and `aud` of a new ID token are those of the first one."): {
            "a refresh with another sub": ForgeIdToken(claims={"sub": "somebody else"}),
            "a refresh with another iss": ForgeIdToken(claims={"iss": EVIL}),
            "a refresh with another aud": ForgeIdToken(claims={"aud": "another"}),
        },
        refuse(MUST, "RFC 6749 §5.1, §7.1", "The response has an access token of a type that the client knows."): {
            "a refresh without an access token": ChangeMembers(access_token=ABSENT),
            "a refresh with a token of an unknown type": ChangeMembers(token_type="unknown"),
        },
        accept(MUST, f"RFC 6749 §6, {CORE} §12.2", "A new refresh token and a new ID token are optional."): {
            "a refresh without a refresh token": ChangeMembers(refresh_token=ABSENT),
            "a refresh without an ID token": ChangeMembers(id_token=ABSENT),
        },
        either(MUST, "RFC 6749 §10.4", "A refresh token is sent to nobody but the provider."): {
            "a refresh that is redirected to another origin": redirect_elsewhere("token"),
        },
    },
)

USERINFO = cases(
    "/userinfo",
    {
        refuse(MUST, f"{CORE} §5.3.2", "Claims are used only if their `sub` is that of the ID token."): {
            "userinfo of somebody else": ChangeMembers(sub="somebody else"),
            "userinfo without a sub": ChangeMembers(sub=ABSENT),
        },
        either(MUST, "RFC 6750 §5.3", "An access token is sent to nobody but its API.", only_secrets=True): {
            "userinfo that is redirected to another origin": redirect_elsewhere("userinfo"),
        },
    },
)
