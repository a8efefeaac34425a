"""Revoking a token (RFC 7009)."""

from __future__ import annotations

import pytest

from awesome_cli.oauth.response import Response
from awesome_cli.oauth.revocation import parse_revocation, revocation_form


def test_the_request_names_client_token_and_kind() -> None:
    assert revocation_form("client", "token", token_type_hint="refresh_token") == {
        "client_id": "client",
        "token": "token",
        "token_type_hint": "refresh_token",
    }


@pytest.mark.parametrize("body", [b"", b"{}", b"OK", b'{"active":false}'])
def test_200_confirms_whatever_the_body(body: bytes) -> None:
    assert parse_revocation(Response(200, body))


@pytest.mark.parametrize("status", [202, 204, 301, 400, 401, 403, 404, 405, 429, 500, 503])
def test_no_other_status_confirms(status: int) -> None:
    assert not parse_revocation(Response(status))
    assert not parse_revocation(Response(status, b'{"error":"unsupported_token_type"}'))


def test_an_error_behind_a_200_does_not_confirm() -> None:
    assert not parse_revocation(Response(200, b'{"error":"invalid_client"}'))
