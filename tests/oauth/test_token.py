"""Token responses (RFC 6749 §5, §6): accepted, transient failure, or the end of the session."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awesome_cli.errors import (
    AwesomeError,
    ProviderError,
    ProviderUnreachableError,
    RefreshFailedError,
    RefreshTokenRejectedError,
)
from awesome_cli.hints import hint_for
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import TokenResponse, is_transient, parse_refresh, parse_token, refresh_form
from support.brand import AWESOME

GOOD = {
    "access_token": "access",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "refresh",
    "id_token": "a.b.c",
    "scope": "openid email",
}


def parse(**changes: Any) -> TokenResponse:  # noqa: ANN401 - whatever a response may carry
    return parse_token(Response(200, json.dumps(GOOD | changes).encode()))


def test_a_valid_token_response_is_accepted_and_its_repr_shows_no_token() -> None:
    tokens = parse()
    assert (tokens.access_token, tokens.refresh_token, tokens.id_token) == ("access", "refresh", "a.b.c")
    assert (tokens.expires_in, tokens.scope) == (3600, "openid email")
    assert repr(tokens) == "TokenResponse(expires_in=3600.0, scope='openid email', session_expires_in=None)"


def test_a_minimal_token_response_is_accepted() -> None:
    tokens = parse_token(Response(200, b'{"access_token":"access","token_type":"bearer"}'))
    assert tokens == TokenResponse("access", 300.0)


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_bearer_token_type_is_accepted_in_any_case(kind: str) -> None:
    assert parse(token_type=kind).access_token == "access"


@pytest.mark.parametrize("kind", ["mac", "DPoP", "Bearer ", "", 7, ["Bearer"]])
def test_another_token_type_is_refused(kind: object) -> None:
    with pytest.raises(ProviderError, match="token_type that is not Bearer") as refused:
        parse(token_type=kind)
    assert refused.value.exit_code == 7


@pytest.mark.parametrize("token", ["", 7, True, ["x"], "a b", "a\r\nX: y", "a\x00", "é", "\ud800"])
def test_an_access_token_that_is_not_visible_ascii_is_refused(token: object) -> None:
    with pytest.raises(ProviderError, match="has an unusable access_token") as refused:
        parse(access_token=token)
    assert refused.value.exit_code == 7


@pytest.mark.parametrize("token", [7, ["x"], "a b", "a\n", "é"])
def test_a_refresh_token_that_is_not_visible_ascii_is_refused(token: object) -> None:
    with pytest.raises(ProviderError, match="has an unusable refresh_token"):
        parse(refresh_token=token)


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_empty_members_count_as_missing(nothing: object) -> None:
    tokens = parse(refresh_token=nothing, id_token=nothing, scope=nothing)
    assert (tokens.refresh_token, tokens.id_token, tokens.scope) == (None, None, None)


@pytest.mark.parametrize("junk", [7, False, 0, ["a.b.c"], {"a": 1}])
def test_an_id_token_of_a_wrong_type_is_left_to_validation(junk: object) -> None:
    assert parse(id_token=junk).id_token == str(junk)


@pytest.mark.parametrize("scope", [7, ["openid"], {}])
def test_a_scope_of_a_wrong_type_counts_as_missing(scope: object) -> None:
    assert parse(scope=scope).scope is None


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (3600, 3600),
        (0.5, 0.5),
        (0, 0),
        (-1, 0),
        ("3600", 3600),
        ("12.5", 12.5),
        ("-5", 0),
        (1e300, 315_360_000),
        (10**400, 300),
        ("999999999999999", 315_360_000),
        (None, 300),
        (True, 300),
        ("", 300),
        ("soon", 300),
        (" 5", 300),
        ("1e3", 300),
        ("0x10", 300),
        ("NaN", 300),
        ("Infinity", 300),
        ("٣٦٠٠", 300),
        ("9" * 400, 300),
        ([3600], 300),
        ({}, 300),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_expires_in_is_parsed(expires_in: object, lifetime: float) -> None:
    assert parse(expires_in=expires_in).expires_in == lifetime


def test_an_infinite_expires_in_counts_as_unusable() -> None:
    body = json.dumps(GOOD).replace("3600", "1e999").encode()
    assert parse_token(Response(200, body)).expires_in == 300


def test_the_refresh_request_has_no_client_secret() -> None:
    form = {"grant_type": "refresh_token", "client_id": "client", "refresh_token": "token"}
    assert refresh_form("client", "token") == form
    assert refresh_form("client", "token", resource="api") == {**form, "resource": "api"}


def test_a_successful_refresh_returns_tokens() -> None:
    assert parse_refresh(Response(200, json.dumps(GOOD).encode())) == parse()


@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500])
def test_invalid_grant_ends_the_session_whatever_the_status(status: int) -> None:
    with pytest.raises(RefreshTokenRejectedError) as ended:
        parse_refresh(Response(status, b'{"error":"invalid_grant"}'))
    assert ended.value.exit_code == 4


TROUBLE = [
    *((status, b"") for status in (200, 204, 302, 401, 403, 404, 408, 429, 500, 502, 503)),
    (200, b"<h1>Hotel</h1>"),
    (200, b"[]"),
    (429, b"{}"),
    (429, b'{"error":"Too Many Requests"}'),
    (429, b'{"error":"too_many_requests"}'),
    (500, b"{}"),
    (500, b'{"error":"server_error"}'),
    (503, b'{"error":"temporarily_unavailable"}'),
]


@pytest.mark.parametrize(("status", "body"), TROUBLE)
def test_a_transient_refresh_failure_raises_provider_unreachable(status: int, body: bytes) -> None:
    assert is_transient(Response(status, body))
    with pytest.raises(ProviderUnreachableError) as failed:
        parse_refresh(Response(status, body))
    assert str(status) in failed.value.message


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error":"invalid_client"}', "invalid_client"),
        (200, b'{"error":"server_error"}', "server_error"),
        (503, b'{"error":"unauthorized_client"}', "unauthorized_client"),
        (429, b'{"error":"invalid_request"}', "invalid_request"),
        (400, b'{"error":"made_up"}', "made_up"),
        (404, b'{"message":"no such page"}', "network"),
    ],
)
def test_a_permanent_refresh_error_raises_its_code(status: int, body: bytes, code: str) -> None:
    assert not is_transient(Response(status, body))
    with pytest.raises(ProviderError) as refused:
        parse_refresh(Response(status, body))
    assert (type(refused.value), refused.value.code) == (RefreshFailedError, code)
    assert hint_for(refused.value, AWESOME)


@pytest.mark.parametrize("body", [b"", b"Bad Request"])
def test_a_400_without_json_is_a_permanent_refresh_error(body: bytes) -> None:
    with pytest.raises(ProviderError) as refused:
        parse_refresh(Response(400, body))
    assert type(refused.value) is RefreshFailedError
    assert "--force" in hint_for(refused.value, AWESOME)


JSON: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just({})
)


@given(st.dictionaries(st.sampled_from([*GOOD, "error"]), JSON), st.integers(100, 599))
def test_any_token_response_is_accepted_or_refused(changes: dict[str, Any], status: int) -> None:
    response = Response(status, json.dumps(GOOD | changes).encode())
    try:
        tokens = parse_refresh(response)
    except AwesomeError as error:
        refused = error
    else:
        assert response.ok
        assert tokens.access_token.isascii()
        assert 0 <= tokens.expires_in <= 315_360_000
        return
    assert refused.exit_code in (4, 7)


@pytest.mark.parametrize("name", ["access_token", "token_type"])
def test_an_error_names_the_missing_member_of_a_token_response(name: str) -> None:
    for body in ({key: value for key, value in GOOD.items() if key != name}, {**GOOD, name: None}):
        with pytest.raises(ProviderError) as refused:
            parse_token(Response(200, json.dumps(body).encode()))
        assert refused.value.message == f"The provider's token response lacks {name}."
