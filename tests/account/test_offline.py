"""Failures of the provider or the connection: none removes a session, except that a refresh token is rejected."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.sessions.store import SessionStore
from awesome_cli.testing.grants import Request

if TYPE_CHECKING:
    from awesome_cli.testing.time import VirtualTime
    from support.terminal import Terminal

Act = Callable[[httpx.Request], httpx.Response]
HTML = {"content-type": "text/html"}


def _raise(error: Exception) -> Act:
    def act(_: httpx.Request) -> httpx.Response:
        raise error

    return act


def _answer(status: int, text: str = "", headers: dict[str, str] | None = None) -> Act:
    return lambda _: httpx.Response(status, stream=httpx.ByteStream(text.encode()), headers=headers or {})


async def _hang(_: httpx.Request) -> httpx.Response:
    await anyio.sleep_forever()
    raise AssertionError


FAILURES = {
    "DNS failure": _raise(httpx.ConnectError("[Errno -2] Name or service not known")),
    "connection refused": _raise(httpx.ConnectError("[Errno 111] Connection refused")),
    "proxy down": _raise(httpx.ProxyError("503 Service Unavailable")),
    "untrusted certificate": _raise(httpx.ConnectError("TLS")),
    "handshake failure": _raise(ssl.SSLError(1, "wrong version number")),
    "connection reset": _raise(httpx.ReadError("")),
    "timeout": _raise(httpx.ReadTimeout("")),
    "no response": _hang,
    "500": _answer(500, "{}"),
    "502 in HTML": _answer(502, "<h1>Bad gateway</h1>", HTML),
    "429": _answer(429, '{"error": "Too Many Requests"}'),
    "captive portal": _answer(200, "<h1>Accept our terms</h1>", HTML),
    "captive portal that redirects": _answer(302, "", {"location": "https://portal.example/"}),
    "firewall": _answer(403, "<h1>Blocked</h1>", HTML),
    "empty response": _answer(200),
}

UNCONFIRMED = {  # RFC 7009 §2.2: a 200 confirms a revocation, whatever its body
    name: failure for name, failure in FAILURES.items() if name not in ("captive portal", "empty response")
}


@pytest.fixture(params=["with cached metadata", "without cached metadata"])
def expired(terminal: Terminal, time: VirtualTime, request: pytest.FixtureRequest) -> Terminal:
    terminal.login()
    time.pass_by(4_000)
    if request.param == "without cached metadata":
        shutil.rmtree(terminal.environment.cache_dir)
    return terminal


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_say_hi_and_whoami_answer_offline_from_the_last_verified_sign_in(expired: Terminal, failure: Act) -> None:
    back_online, expired.answer = expired.answer, failure
    stored = expired.keyring.entries()
    for command in ("say-hi", "whoami"):
        assert expired.run(command) == 0
        assert "Juan" in expired.out
        assert "Offline: " in expired.err
        assert "last verified sign-in" in expired.err
    assert expired.keyring.entries() == stored
    expired.answer = back_online
    assert expired.run("token") == 0


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_token_fails_while_the_provider_is_unavailable(expired: Terminal, failure: Act) -> None:
    expired.answer = failure
    stored = expired.keyring.entries()
    assert expired.run("token") == 7
    assert expired.out == ""
    assert expired.err.removeprefix("Waiting for the provider ...\n").startswith("Error: ")
    assert expired.keyring.entries() == stored


@pytest.mark.parametrize("failure", UNCONFIRMED.values(), ids=UNCONFIRMED)
def test_logout_empties_the_keyring_and_reports_the_unconfirmed_revocation(expired: Terminal, failure: Act) -> None:
    expired.answer = failure
    assert expired.run("logout") == 10
    assert "did not confirm the revocation" in expired.err
    assert expired.keyring.entries() == {}
    assert expired.run("logout") == 0


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_login_keeps_an_expired_session_while_the_provider_is_unavailable(expired: Terminal, failure: Act) -> None:
    expired.answer = failure
    stored = expired.keyring.entries()
    assert expired.run("login") == 7
    assert expired.keyring.entries() == stored


@pytest.mark.parametrize("command", ["say-hi", "whoami", "token"])
def test_a_session_whose_grant_was_revoked_is_removed(expired: Terminal, command: str) -> None:
    session = _session_store(expired).load()
    assert session
    form = {"client_id": expired.issuer.client_id, "token": session.refresh_token or ""}
    assert expired.issuer.respond(Request("POST", "/revoke", form)).ok
    assert expired.run(command) == 4
    assert "awesome login" in expired.err
    assert expired.keyring.entries() == {}


def test_a_session_renewed_by_another_process_without_the_lock_is_adopted(expired: Terminal) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/token":
            return expired.simulated(request)
        _renew_as_another_process(expired)
        return httpx.Response(403, stream=httpx.ByteStream(b'{"error": "invalid_grant"}'))

    expired.answer = answer
    assert expired.run("say-hi") == 0
    assert (expired.out, expired.err) == ("Welcome Juan!\n", "")


def _renew_as_another_process(terminal: Terminal) -> None:
    session_store = _session_store(terminal)
    session = session_store.load()
    assert session
    user = session.user._replace(expires_at=terminal.time.now() + 3_600)
    session_store.save(replace(session, user=user, access_token="renewed"))


def _session_store(terminal: Terminal) -> SessionStore:
    return SessionStore(
        KeyringStore(lambda: terminal.keyring, username="awesome", timeout=10, note=pytest.fail), "awesome-cli:default"
    )
