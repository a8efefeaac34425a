"""Validation of ID tokens: every rule, by the token cases, by mutation and by generated data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awesome_cli.errors import InvalidTokenError, ProviderError
from awesome_cli.hints import hint_for
from awesome_cli.oauth.id_token import IdToken, validate_id_token
from awesome_cli.oauth.jwks import parse_jwks
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import TokenResponse
from support import token_cases
from support.brand import AWESOME
from support.token_cases import (
    BAD,
    BODY,
    CLIENT,
    EC,
    GOOD,
    HEAD,
    ISSUER,
    NOW,
    RSA,
    SIGNATURE,
    Case,
    encode,
    jwk,
    seal,
    token,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def validate(encoded: str, keys: list[Any] | None = None) -> IdToken:
    """Verify with a JWK set as it would arrive."""
    document = {"keys": [jwk(RSA)] if keys is None else keys}
    response = Response(200, json.dumps(document).encode())
    return validate_id_token(
        TokenResponse(token_cases.ACCESS_TOKEN, 3600.0, id_token=encoded),
        parse_jwks(response),
        issuer=ISSUER,
        client_id=CLIENT,
        now=NOW,
    )


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_an_invalid_id_token_is_refused_and_the_error_names_the_rule(case: Case) -> None:
    with pytest.raises(InvalidTokenError) as refused:
        validate(case.token, case.keys)
    assert refused.value.message == f"The provider's ID token is not valid: {case.rule}."
    assert (refused.value.exit_code, refused.value.code) == (8, "invalid_token")
    assert hint_for(refused.value, AWESOME)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_valid_id_token_is_accepted(case: Case) -> None:
    validated = validate(case.token, case.keys)
    assert (validated.encoded, validated.claims["iss"], validated.sub) == (case.token, ISSUER, validated.claims["sub"])


def test_there_are_many_token_cases_with_unique_names() -> None:
    assert len({case.name for case in BAD}) == len(BAD) >= 60
    assert len({case.name for case in GOOD}) == len(GOOD) >= 12


def test_the_token_that_the_invalid_cases_change_is_valid() -> None:
    """The pattern from which all are made is good, so what was changed is what was refused."""
    assert validate(token()).sub == "juan"
    assert validate(f"{HEAD}.{BODY}.{SIGNATURE}").sub == "juan"


@pytest.mark.parametrize(
    ("alg", "key"), [("RS256", RSA), ("ES256", EC["P-256"]), ("ES384", EC["P-384"])], ids=lambda value: str(value)[:5]
)
def test_no_bit_of_a_valid_token_can_be_flipped(alg: str, key: token_cases.PrivateKey) -> None:
    good = token(alg=alg, key=key)
    keys = [jwk(key)]
    validate(good, keys)
    for position, character in enumerate(good):
        for bit in range(7):
            flipped = chr(ord(character) ^ 1 << bit)
            with pytest.raises(InvalidTokenError):
                validate(good[:position] + flipped + good[position + 1 :], keys)


def test_no_character_of_a_valid_token_can_be_left_out_or_doubled() -> None:
    for position, character in enumerate(good := token()):
        for changed in ("", character * 2):
            with pytest.raises(InvalidTokenError):
                validate(good[:position] + changed + good[position + 1 :])


@given(st.text() | st.lists(st.text(BASE64URL), min_size=3, max_size=3).map(".".join))
def test_any_text_raises_invalid_token(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        validate(text)


@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "jwk", "b64"]) | st.text(), JSON))
def test_any_unsigned_header_raises_invalid_token(header: dict[str, Any]) -> None:
    with pytest.raises(InvalidTokenError):
        validate(f"{encode(json.dumps(header).encode())}.{BODY}.{SIGNATURE}")


@given(st.dictionaries(st.sampled_from(["kid", "typ"]), st.sampled_from(["1", "JWT"]) | JSON))
def test_any_signed_header_is_accepted_or_raises_invalid_token(header: dict[str, Any]) -> None:
    try:
        validated = validate(token(header=header))
    except InvalidTokenError:
        assert header.get("kid", "1") != "1" or header.get("typ", "JWT") != "JWT"
    else:
        assert validated.sub == "juan"
        assert (header.get("kid", "1"), header.get("typ", "JWT")) == ("1", "JWT")


@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "at_hash"]),
        JSON | st.sampled_from([ISSUER, CLIENT, NOW, [CLIENT], ["x", CLIENT]]),
        max_size=3,
    )
)
def test_claims_are_validated_as_an_independent_implementation_does(changes: dict[str, Any]) -> None:
    encoded = token(**changes)
    claims = token_cases.CLAIMS | changes
    if _is_acceptable(claims):
        assert validate(encoded).claims["sub"] == claims["sub"]
    else:
        with pytest.raises(InvalidTokenError):
            validate(encoded)


def _is_acceptable(claims: dict[str, Any]) -> bool:
    """Say what the rules say, in the shortest way that is blind to how the program says it."""
    aud = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    times = [claims["exp"], claims["iat"], claims.get("nbf", 0)]
    return (
        claims["iss"] == ISSUER
        and all(isinstance(value, str) for value in aud)
        and CLIENT in aud
        and claims.get("azp", CLIENT if len(set(aud)) == 1 else None) == CLIENT
        and isinstance(claims["sub"], str)
        and claims["sub"] != ""
        and all(type(value) in (int, float) and abs(value) < 1e308 for value in times)
        and times[0] > NOW - 60
        and max(times[1:]) <= NOW + 60
        and claims.get("at_hash", token_cases.at_hash("RS256")) == token_cases.at_hash("RS256")
        and "NaN" not in json.dumps(claims)
        and "Infinity" not in json.dumps(claims)
    )


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_signed_payload_raises_invalid_token(payload: bytes) -> None:
    with pytest.raises(InvalidTokenError):
        validate(seal(token_cases.HEADER, payload, "RS256", RSA))


KEY = st.dictionaries(
    st.sampled_from(["kty", "kid", "alg", "use", "crv", "n", "e", "x", "y", "d", "k"]),
    st.sampled_from([*jwk(RSA).values(), *jwk(EC["P-256"]).values(), "sig", "RS256", ""]) | JSON,
)


@settings(max_examples=300)
@given(st.lists(KEY | JSON, max_size=4), st.sampled_from([token(), token(alg="ES256", key=EC["P-256"])]))
def test_any_keys_validate_a_token_or_raise_an_error(keys: list[Any], encoded: str) -> None:
    try:
        validated = validate(encoded, keys)
    except (InvalidTokenError, ProviderError):  # a set that holds NaN is not JSON
        return
    assert any(isinstance(key, dict) and key.get("kty") in ("RSA", "EC") for key in keys)
    assert validated.sub == "juan"


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.integers(100, 599))
def test_any_key_set_is_parsed_or_refused(body: bytes, status: int) -> None:
    try:
        keys = parse_jwks(Response(status, body))
    except ProviderError:
        return
    assert status // 100 == 2
    assert isinstance(json.loads(body)["keys"], list)
    assert all(isinstance(key, dict) for key in keys)
