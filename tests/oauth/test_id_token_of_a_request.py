"""What an authorization request asks of the ID token that follows: its nonce, and how long ago the person signed in."""

from __future__ import annotations

from typing import Any

import pytest

from awesome_cli.errors import InvalidTokenError
from awesome_cli.oauth.id_token import IdToken, validate_id_token
from awesome_cli.oauth.token import TokenResponse
from support.token_cases import ACCESS_TOKEN, CLIENT, ISSUER, NOW, RSA, jwk, token

NONCE = "the-nonce"


def validate(claims: dict[str, Any], **requested: Any) -> IdToken:  # noqa: ANN401 - nonce and max_age
    tokens = TokenResponse(ACCESS_TOKEN, 3600.0, id_token=token(**claims))
    return validate_id_token(tokens, [jwk(RSA)], issuer=ISSUER, client_id=CLIENT, now=NOW, **requested)


def test_the_nonce_of_the_request_is_accepted() -> None:
    assert validate({"nonce": NONCE}, nonce=NONCE).sub == "juan"


@pytest.mark.parametrize(
    "claims",
    [
        {},
        *({"nonce": nonce} for nonce in ("", "other", NONCE.upper(), f"{NONCE} ", None, True, 0, [NONCE], {NONCE: 1})),
    ],
    ids=str,
)
def test_a_missing_or_another_nonce_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidTokenError, match="nonce is not that of the request") as refused:
        validate(claims, nonce=NONCE)
    assert (refused.value.exit_code, NONCE in str(refused.value)) == (8, False)


def test_without_a_nonce_in_the_request_one_in_the_token_does_not_matter() -> None:
    assert validate({"nonce": "any"}).sub == "juan"


@pytest.mark.parametrize(
    ("max_age", "age"), [(300, 0), (300, 300), (300, 360), (0, 0), (0, 60), (300, -30), (300, 359.5)]
)
def test_a_recent_authentication_is_accepted(max_age: float, age: float) -> None:
    assert validate({"auth_time": NOW - age}, max_age=max_age).sub == "juan"


@pytest.mark.parametrize(("max_age", "age"), [(300, 361), (0, 61), (0, 60.5), (300, NOW)])
def test_an_authentication_longer_ago_than_max_age_is_refused(max_age: float, age: float) -> None:
    with pytest.raises(InvalidTokenError, match=f"auth_time is more than the requested {max_age} s ago"):
        validate({"auth_time": NOW - age}, max_age=max_age)


@pytest.mark.parametrize("claims", [{}, *({"auth_time": value} for value in (None, str(NOW), True, [NOW]))], ids=str)
def test_auth_time_must_be_a_number_if_max_age_was_requested(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidTokenError, match="auth_time must be a number"):
        validate(claims, max_age=300)
    assert validate(claims).sub == "juan"
