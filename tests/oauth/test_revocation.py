"""Revoking a token (RFC 7009)."""

from __future__ import annotations

import pytest

from awesome_cli.oauth.response import Response
from awesome_cli.oauth.revocation import parse_revocation, revocation_form


def test_the_revocation_request_has_client_id_token_and_type() -> None:
    assert revocation_form("client", "token", token_type_hint="refresh_token") == {
        "client_id": "client",
        "token": "token",
        "token_type_hint": "refresh_token",
    }


@pytest.mark.parametrize("body", [b"", b"{}", b"OK", b'{"active":false}'])
def test_a_200_confirms_a_revocation_whatever_its_body(body: bytes) -> None:
    assert parse_revocation(Response(200, body))


@pytest.mark.parametrize("status", [202, 204, 301, 400, 401, 403, 404, 405, 429, 500, 503])
def test_no_status_but_200_confirms_a_revocation(status: int) -> None:
    assert not parse_revocation(Response(status))
    assert not parse_revocation(Response(status, b'{"error":"unsupported_token_type"}'))


def test_a_200_with_an_error_code_does_not_confirm_a_revocation() -> None:
    assert not parse_revocation(Response(200, b'{"error":"invalid_client"}'))
