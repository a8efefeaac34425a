"""``awesome whoami``, and ``--check``, which sends a userinfo request."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from awesome_cli.cli.format import clock_time, moment, tilde
from awesome_cli.oauth.response import Response
from awesome_cli.testing.hostile import ABSENT, DISCOVERY, ChangeMembers, Respond
from awesome_cli.testing.time import START

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from support.terminal import Terminal

USERINFO = "/userinfo"


def userinfo(terminal: Terminal, *responses: Response) -> None:
    """Script responses of the userinfo endpoint."""
    acts = [Respond(response.status, response.body, response.headers) for response in responses]
    terminal.provider.at(USERINFO, *acts)


def test_whoami_prints_user_issuer_and_token_expiry(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("whoami") == 0
    first, *lines = terminal.out.splitlines()
    assert first == "✓ Juan <juan@example.com>"
    assert {line[2:16].strip(): line[16:] for line in lines} == {
        "Signed in to": "provider.example   (profile default)",
        "Since": f"today {clock_time(terminal.time.now())} (just now)",
        "Access token": "60 minutes left, renewed when needed",
        "For API": "(the provider's default)",
        "Scopes": "openid profile email offline_access",
        "Kept in": "memory",
    }
    assert terminal.paths == []


def test_a_user_without_an_email_address_is_shown_by_name(terminal: Terminal) -> None:
    terminal.issuer.person = {"sub": "demo|maria", "name": "Maria"}
    terminal.login()
    assert terminal.run("whoami") == 0
    assert terminal.out.startswith("✓ Maria\n")


def test_whoami_shows_that_a_token_cannot_be_renewed(terminal: Terminal) -> None:
    terminal.login("--scope", "openid")
    terminal.time.pass_by(3599)
    assert terminal.run("whoami") == 0
    assert "1 second left, cannot be renewed" in terminal.out


def test_whoami_shows_an_expired_token_while_the_provider_is_unavailable(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(7200)
    terminal.provider.always("/token", Respond(503))
    assert terminal.run("whoami", "--quiet") == 0
    assert "expired, renewed at next use" in terminal.out
    assert terminal.err.startswith("Warning: Offline: ")


def test_whoami_json_has_every_member(terminal: Terminal) -> None:
    terminal.login("--audience", "https://api.example/")
    assert terminal.run("whoami", "--json") == 0
    assert terminal.json == {
        "profile": "default",
        "issuer": "https://provider.example/",
        "client_id": "test-client",
        "sub": "demo|juan",
        "name": "Juan",
        "email": "juan@example.com",
        "scope": "openid profile email offline_access",
        "audience": "https://api.example/",
        "signed_in_at": "2027-01-15T08:00:05Z",
        "expires_at": "2027-01-15T09:00:05Z",
        "refreshable": True,
        "session_expires_at": None,
        "store": "MemoryKeyring",
    }


def test_whoami_without_a_session_is_an_error(terminal: Terminal) -> None:
    for options in ([], ["--check"], ["--json"]):
        assert terminal.run("whoami", *options) == 4
        assert (terminal.out, terminal.paths) == ("", [])
        assert terminal.err == "Error: You are not signed in.\nHint: Sign in with: awesome login\n"


def test_whoami_mentions_an_access_token_in_the_environment(terminal: Terminal) -> None:
    assert terminal.run("whoami", AWESOME_ACCESS_TOKEN="given") == 4
    assert terminal.err.startswith("AWESOME_ACCESS_TOKEN is set: token and api use it in place of the session.\n")
    terminal.login()
    assert terminal.run("whoami", "--json", AWESOME_ACCESS_TOKEN="given") == 0
    assert terminal.json["name"] == "Juan"
    assert "given" not in terminal.out + terminal.err
    assert terminal.run("whoami", "-q", AWESOME_ACCESS_TOKEN="given") == 0
    assert terminal.err == ""


def test_check_sends_one_userinfo_request(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("whoami", "--check") == 0
    assert terminal.paths == [USERINFO]
    assert terminal.out.splitlines()[-1] == "  Checked       the provider accepts the session"


def test_check_prints_the_same_json_as_without_it(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("whoami", "--json") == 0
    without = terminal.out
    assert terminal.run("whoami", "--check", "--json") == 0
    assert terminal.out == without


def test_check_renews_an_expired_session_first(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(2 * 3600)
    assert terminal.run("whoami", "--check") == 0
    assert terminal.paths == ["/token", USERINFO]


def test_check_renews_a_refused_token_once(terminal: Terminal) -> None:
    terminal.login()
    userinfo(terminal, Response(401))
    assert terminal.run("whoami", "--check") == 0
    assert terminal.paths == [USERINFO, "/token", USERINFO]
    assert terminal.issuer.refreshes == 1


def test_check_exits_with_4_if_the_renewed_token_is_refused_too(terminal: Terminal) -> None:
    terminal.login()
    userinfo(terminal, Response(401), Response(401))
    assert terminal.run("whoami", "--check") == 4
    assert terminal.paths == [USERINFO, "/token", USERINFO]
    assert terminal.out == ""
    assert terminal.err == (
        "Error: The provider no longer accepts your session.\nHint: Sign in with: awesome login --force\n"
    )


def test_check_exits_with_4_if_a_refused_token_cannot_be_renewed(terminal: Terminal) -> None:
    terminal.login("--scope", "openid profile")
    userinfo(terminal, Response(401))
    assert terminal.run("whoami", "--check") == 4
    assert terminal.paths == [USERINFO]


def test_check_removes_a_session_whose_refresh_token_is_rejected(terminal: Terminal) -> None:
    terminal.login()
    userinfo(terminal, Response(401))
    terminal.provider.at("/token", Respond(403, {"error": "invalid_grant"}))
    assert terminal.run("whoami", "--check") == 4
    assert "the provider no longer accepts its refresh token" in terminal.err
    assert terminal.keyring.entries() == {}


def claims(sub: object) -> bytes:
    return json.dumps({"sub": sub}).encode()


@pytest.mark.parametrize(
    ("response", "code", "message"),
    [
        (Response(503), 7, "gives no usable answer (HTTP status 503)"),
        (Response(200, b"<html>captive portal</html>"), 7, "gives no usable answer (HTTP status 200)"),
        (Response(429, b'{"error": "Too Many Requests"}'), 7, "gives no usable answer (HTTP status 429)"),
        (Response(403, b'{"error": "insufficient_scope"}'), 7, "userinfo endpoint refuses: insufficient_scope"),
        (Response(404, b"{}"), 7, "userinfo endpoint refuses: the provider answered with HTTP status 404"),
        (Response(200, claims("demo|somebody")), 8, "describes another user"),
        (Response(200, claims(None)), 8, "describes another user"),
    ],
)
def test_check_reports_an_inconclusive_response_and_keeps_the_session(
    terminal: Terminal, response: Response, code: int, message: str
) -> None:
    terminal.login()
    userinfo(terminal, response)
    assert terminal.run("whoami", "--check") == code
    assert message in terminal.err
    assert terminal.run("say-hi") == 0  # the session is still there


def test_check_without_a_connection_is_an_error(terminal: Terminal) -> None:
    terminal.login()

    def refuse(_: httpx.Request) -> httpx.Response:
        raise ConnectionRefusedError

    unreachable: Callable[[httpx.Request], httpx.Response] = refuse
    terminal.answer = unreachable
    assert terminal.run("whoami", "--check") == 7
    assert "the connection was refused" in terminal.err


def test_check_without_a_userinfo_endpoint_is_an_error(terminal: Terminal) -> None:
    terminal.provider.always(DISCOVERY, ChangeMembers(userinfo_endpoint=ABSENT))
    terminal.login()
    assert terminal.run("whoami", "--check") == 7
    assert "names no userinfo_endpoint" in terminal.err


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (0, "today 08:00 (just now)"),
        (120, "today 07:58 (2 minutes ago)"),
        (8 * 3600 + 60, "yesterday 23:59 (8 hours ago)"),
        (26 * 3600, "yesterday 06:00"),
        (3 * 86_400, "12 Jan 08:00"),
        (20 * 86_400, "26 Dec 2026 08:00"),
        (-60, "today 08:01"),
    ],
)
def test_a_moment_is_formatted_in_local_time(ago: float, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awesome_cli.cli.format._local", lambda instant: datetime.fromtimestamp(instant, UTC))
    assert moment(START - ago, START) == words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/u/.config/x", "~/.config/x"),
        ("a plain file: /home/u/x", "a plain file: ~/x"),
        ("/mnt/home/u/x", "/mnt/home/u/x"),
        ("/home/user/x", "/home/user/x"),
        ("GNOME Keyring", "GNOME Keyring"),
    ],
)
@pytest.mark.parametrize("home", ["/home/u", "/home/u/"])
@pytest.mark.skipif(os.sep != "/", reason="paths of POSIX")
def test_the_home_folder_is_a_tilde_where_a_path_begins_with_it(text: str, shown: str, home: str) -> None:
    assert tilde(text, {"HOME": home}) == shown
    assert tilde(text, {}) == text
