"""Responses of the userinfo endpoint (OpenID Connect Core §5.3): claims, and whether the access token is accepted."""

from __future__ import annotations

import json

import pytest

from awesome_cli.errors import AwesomeError, ProviderError, ProviderUnreachableError, SubjectMismatchError
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.userinfo import parse_token_check, parse_userinfo


def test_claims_about_the_same_subject_are_returned() -> None:
    claims = {"sub": "juan", "name": "Juan"}
    assert parse_userinfo(Response(200, json.dumps(claims).encode()), sub="juan") == claims


@pytest.mark.parametrize("sub", ["admin", "", "JUAN", "juan ", None, ["juan"], 7])
def test_claims_about_another_subject_are_dropped(sub: object) -> None:
    body = json.dumps({"sub": sub, "name": "Juan"}).encode()
    assert parse_userinfo(Response(200, body), sub="juan") == {}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"name":"Juan"}'),
        (200, b'{"sub":"juan","sub":"juan"}'),
        (200, b"eyJhbGciOiJSUzI1NiJ9.e30.AA"),
        (200, b""),
        (302, b'{"sub":"juan"}'),
        (401, b'{"sub":"juan"}'),
        (500, b'{"sub":"juan"}'),
    ],
)
def test_a_userinfo_response_without_claims_has_none(status: int, body: bytes) -> None:
    assert parse_userinfo(Response(status, body), sub="juan") == {}


def test_a_token_with_a_userinfo_response_about_its_subject_is_accepted() -> None:
    assert parse_token_check(Response(200, b'{"sub":"juan"}'), sub="juan") is True


@pytest.mark.parametrize("body", [b"", b'{"error":"invalid_token"}', b"<h1>no</h1>"])
def test_a_token_with_a_401_from_userinfo_is_not_accepted(body: bytes) -> None:
    assert parse_token_check(Response(401, body), sub="juan") is False


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, b'{"sub":"admin"}', SubjectMismatchError, "invalid_token"),
        (200, b"{}", SubjectMismatchError, "invalid_token"),
        (403, b'{"error":"insufficient_scope"}', ProviderError, "insufficient_scope"),
        (404, b"{}", ProviderError, "network"),
        (200, b"<h1>Hotel</h1>", ProviderUnreachableError, "network"),
        (429, b"", ProviderUnreachableError, "network"),
        (500, b"{}", ProviderUnreachableError, "network"),
    ],
)
def test_any_other_userinfo_response_raises_an_error(
    status: int, body: bytes, kind: type[AwesomeError], code: str
) -> None:
    with pytest.raises(kind) as refused:
        parse_token_check(Response(status, body), sub="juan")
    assert (type(refused.value), refused.value.code) == (kind, code)
