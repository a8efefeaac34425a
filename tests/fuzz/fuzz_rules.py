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
    from awesome_cli.oauth.device_grant import parse_device_authorization, parse_poll
    from awesome_cli.oauth.discovery import parse_metadata
    from awesome_cli.oauth.id_token import parse_jwks, validate_id_token
    from awesome_cli.oauth.response import Response
    from awesome_cli.oauth.revocation import parse_revocation
    from awesome_cli.oauth.token import parse_refresh
    from awesome_cli.oauth.userinfo import parse_userinfo
    from awesome_cli.text import safe, secure_url
    from support import token_cases as corpus

KEYS = [corpus.jwk(corpus.RSA, "1"), corpus.jwk(corpus.EC["P-256"], "2")]


def verify(token: str, keys: list[corpus.Jwk]) -> None:
    validate_id_token(
        token,
        keys,
        issuer=corpus.ISSUER,
        client_id=corpus.CLIENT,
        access_token=corpus.ACCESS_TOKEN,
        now=corpus.NOW,
    )


def fuzz(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    header = provider.ConsumeUnicode(40)
    status = provider.ConsumeIntInRange(100, 599)
    body = provider.ConsumeBytes(sys.maxsize)
    text = body.decode("utf-8", "surrogateescape")
    response = Response(status, body, {"retry-after": header, "x-ratelimit-reset": header, "date": header})
    with suppress(AwesomeError):
        parse_poll(response, now=corpus.NOW)
    with suppress(AwesomeError):
        parse_device_authorization(response, endpoint=corpus.ISSUER)
    with suppress(AwesomeError):
        parse_refresh(response)
    with suppress(AwesomeError):
        parse_metadata(response.json(), issuer=corpus.ISSUER)
    with suppress(AwesomeError):
        verify(corpus.token(), list(map(dict, parse_jwks(response))))
    with suppress(AwesomeError):
        verify(text, KEYS)
    for signed in (
        corpus.seal(corpus.HEADER, body, "RS256", corpus.RSA),
        corpus.seal(body, corpus.PAYLOAD, "RS256", corpus.RSA),
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
