"""Coverage-guided fuzzing of the pure rules: whatever arrives, no exception but ours.

Run it for a bounded time: ``python tests/fuzz/fuzz_rules.py -max_total_time=60``. It needs atheris.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it has a nox session of its own

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["awesome_cli", "jose"]):
    from awesome_cli.errors import AwesomeError
    from awesome_cli.oauth.authorization_code import AuthorizationRequest, parse_code_exchange
    from awesome_cli.oauth.device_grant import parse_device_authorization, parse_poll
    from awesome_cli.oauth.discovery import parse_metadata
    from awesome_cli.oauth.id_token import validate_id_token
    from awesome_cli.oauth.jwks import parse_jwks
    from awesome_cli.oauth.response import Response
    from awesome_cli.oauth.revocation import parse_revocation
    from awesome_cli.oauth.token import TokenResponse, parse_refresh
    from awesome_cli.oauth.userinfo import parse_userinfo
    from awesome_cli.text import safe
    from awesome_cli.urls import secure_url
    from support import token_cases

REQUEST = AuthorizationRequest(
    client_id="cli", redirect_uri="http://127.0.0.1:8484/callback", state="s", nonce="n", code_verifier="v" * 64
)
KEYS = [token_cases.jwk(token_cases.RSA, "1"), token_cases.jwk(token_cases.EC["P-256"], "2")]


def verify(token: str, keys: list[token_cases.Jwk]) -> None:
    tokens = TokenResponse(token_cases.ACCESS_TOKEN, 3600.0, id_token=token)
    validate_id_token(tokens, keys, issuer=token_cases.ISSUER, client_id=token_cases.CLIENT, now=token_cases.NOW)


def fuzz(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    header = provider.ConsumeUnicode(40)
    status = provider.ConsumeIntInRange(100, 599)
    body = provider.ConsumeBytes(sys.maxsize)
    text = body.decode("utf-8", "surrogateescape")
    response = Response(status, body, {"retry-after": header, "x-ratelimit-reset": header, "date": header})
    with suppress(AwesomeError):
        parse_poll(response, now=token_cases.NOW)
    with suppress(AwesomeError):
        parse_device_authorization(response, endpoint=token_cases.ISSUER)
    with suppress(AwesomeError):
        parse_refresh(response)
    with suppress(AwesomeError):
        parse_code_exchange(response)
    for query in (text, f"state=s&{text}"):
        with suppress(AwesomeError):
            REQUEST.code_from(query, issuer=token_cases.ISSUER, has_iss=len(body) % 2 == 0)
    with suppress(AwesomeError):
        parse_metadata(response.json(), issuer=token_cases.ISSUER)
    with suppress(AwesomeError):
        verify(token_cases.token(), list(map(dict, parse_jwks(response))))
    with suppress(AwesomeError):
        verify(text, KEYS)
    for signed in (
        token_cases.seal(token_cases.HEADER, body, "RS256", token_cases.RSA),
        token_cases.seal(body, token_cases.PAYLOAD, "RS256", token_cases.RSA),
    ):
        with suppress(AwesomeError):
            verify(signed, KEYS)
    parse_revocation(response)
    parse_userinfo(response, sub="juan")
    secure_url(text)
    shown = safe(text)
    if safe(shown) != shown:
        raise AssertionError("safe() is not idempotent")


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
