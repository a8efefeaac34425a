"""Validation of ID tokens beyond the token cases: error classes, refreshed tokens and stored ones."""

from __future__ import annotations

import json

import pytest

from awesome_cli.errors import InvalidTokenError, NoMatchingKeyError, ProviderError, TokenNotCurrentError
from awesome_cli.hints import hint_for
from awesome_cli.oauth.id_token import (
    IdToken,
    parse_stored_id_token,
    validate_id_token,
    validate_same_subject,
)
from awesome_cli.oauth.jwks import parse_jwks, usable_keys
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import TokenResponse
from support import token_cases
from support.brand import AWESOME
from support.token_cases import ACCESS_TOKEN, BODY, CLIENT, EC, HEAD, ISSUER, NOW, OTHER_RSA, RSA, SIGNATURE, jwk, token


def validate(encoded: str, *keys: token_cases.Jwk, now: float = NOW, access_token: str = ACCESS_TOKEN) -> IdToken:
    tokens = TokenResponse(access_token, 3600.0, id_token=encoded)
    return validate_id_token(tokens, keys or [jwk(RSA)], issuer=ISSUER, client_id=CLIENT, now=now)


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        pytest.param(token(header={"kid": "2"}), jwk(RSA), id="an unknown kid"),
        pytest.param(token(), jwk(EC["P-256"]), id="another kind of key"),
        pytest.param(token(header={"kid": token_cases.ABSENT}), jwk(OTHER_RSA), id="no kid, and another key"),
    ],
)
def test_a_token_that_newer_keys_might_validate_raises_no_matching_key(encoded: str, key: token_cases.Jwk) -> None:
    with pytest.raises(NoMatchingKeyError):
        validate(encoded, key)


def test_a_wrong_signature_with_a_known_key_id_is_final() -> None:
    with pytest.raises(InvalidTokenError) as refused:
        validate(token(key=OTHER_RSA))
    assert type(refused.value) is InvalidTokenError


@pytest.mark.parametrize(
    ("encoded", "now"),
    [
        pytest.param(token(), NOW + 3660, id="over"),
        pytest.param(token(), NOW - 61, id="issued in the future"),
        pytest.param(token(nbf=NOW + 1000), NOW, id="not yet valid"),
    ],
)
def test_a_token_that_is_not_valid_now_raises_token_not_current(encoded: str, now: float) -> None:
    with pytest.raises(TokenNotCurrentError):
        validate(encoded, now=now)


def test_the_leeway_is_exactly_a_minute() -> None:
    assert validate(token(), now=NOW + 3659.999).sub == "juan"
    assert validate(token(), now=NOW - 60).sub == "juan"


@pytest.mark.parametrize("changes", [{"iss": "other"}, {"aud": "other"}, {"sub": ""}, {"at_hash": "other"}])
def test_times_are_checked_last(changes: dict[str, str]) -> None:
    with pytest.raises(InvalidTokenError) as refused:
        validate(token(**changes, exp=0))  # type: ignore[arg-type]  # claims of all kinds
    assert type(refused.value) is InvalidTokenError


def test_the_hint_for_a_token_signed_with_a_shared_secret_names_rs256() -> None:
    with pytest.raises(InvalidTokenError) as refused:
        validate(token(alg="HS256", key=b"secret"))
    assert "RS256" in hint_for(refused.value, AWESOME)


def test_at_hash_must_match_the_access_token() -> None:
    bound = token(at_hash=token_cases.at_hash("RS256"))
    assert validate(bound).sub == "juan"
    with pytest.raises(InvalidTokenError, match="at_hash"):
        validate(bound, access_token="another")


def test_a_token_response_without_an_id_token_is_refused() -> None:
    with pytest.raises(InvalidTokenError, match="sent no ID token"):
        validate_id_token(TokenResponse(ACCESS_TOKEN, 3600.0), [jwk(RSA)], issuer=ISSUER, client_id=CLIENT, now=NOW)


def test_the_repr_of_an_id_token_shows_no_content() -> None:
    assert repr(validate(token())) == "IdToken()"


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (200, b"[]"), (200, b"{}"), (200, b'{"keys":{}}'), (200, b'{"keys":null}'), (404, b'{"keys":[]}')],
)
def test_a_response_without_a_key_set_is_refused(status: int, body: bytes) -> None:
    with pytest.raises(ProviderError) as refused:
        parse_jwks(Response(status, body))
    assert f"HTTP status {status}" in refused.value.message


def test_only_the_used_members_of_keys_are_returned() -> None:
    private = {"kty": "RSA", "kid": "1", "n": "AQAB", "d": "secret", "x5c": ["x" * 1000]}
    body = json.dumps({"keys": [private, *token_cases.UNKNOWN_KEYS]}).encode()
    assert parse_jwks(Response(200, body)) == [
        {"kty": "RSA", "kid": "1", "n": "AQAB"},
        {"kty": "OKP", "crv": "Ed25519", "x": token_cases.encode(b"x" * 32), "kid": "okp"},
        {"kty": "oct", "kid": "oct"},
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "akp"},
        {},
        {},
    ]


OLD = IdToken("", {"iss": ISSUER, "sub": "juan", "aud": CLIENT})


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": ISSUER, "sub": "juan", "aud": CLIENT},
        {"iss": ISSUER, "sub": "juan", "aud": [CLIENT], "name": "Juan II"},
        {"iss": ISSUER, "sub": "juan", "aud": [CLIENT, CLIENT], "auth_time": 5},
    ],
)
def test_a_refreshed_id_token_for_the_same_subject_is_accepted(claims: dict[str, object]) -> None:
    validate_same_subject(IdToken("", claims), OLD)


@pytest.mark.parametrize(
    ("name", "value"),
    [("iss", "https://other.example/"), ("sub", "admin"), ("sub", "Juan"), ("aud", "other"), ("aud", [CLIENT, "api"])],
)
def test_a_refreshed_id_token_with_another_iss_sub_or_aud_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidTokenError) as refused:
        validate_same_subject(IdToken("", {**OLD.claims, name: value}), OLD)
    assert f"{name} changed while the session was renewed" in refused.value.message
    assert refused.value.exit_code == 8


def test_the_order_of_audiences_does_not_matter() -> None:
    several = {**OLD.claims, "aud": [CLIENT, "api"]}
    validate_same_subject(IdToken("", {**several, "aud": ["api", CLIENT]}), IdToken("", several))


def test_a_stored_id_token_is_decoded_without_keys_or_clock() -> None:
    assert parse_stored_id_token(token(exp=0)).sub == "juan"
    assert parse_stored_id_token(f"{HEAD}.{BODY}.{SIGNATURE}").claims == token_cases.CLAIMS


@pytest.mark.parametrize("encoded", ["", "junk", token(drop="sub"), token(sub=7), token(iss=None), f"{HEAD}.e30.AA"])
def test_a_damaged_stored_id_token_is_refused(encoded: str) -> None:
    with pytest.raises(InvalidTokenError):
        parse_stored_id_token(encoded)


def test_a_key_without_an_algorithm_is_usable_if_its_type_is() -> None:
    keys = [{"kty": "oct"}, {"kty": "OKP"}, {"kty": "RSA", "alg": "PS256"}, {"kty": "EC"}, {"kty": "RSA"}]
    assert usable_keys(keys) == keys[3:]
