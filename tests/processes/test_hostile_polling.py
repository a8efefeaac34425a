"""Polling (RFC 8628 §3.5) against a hostile provider, with the real program."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from awesome_cli.testing.hostile import (
    NORMAL,
    Act,
    ChangeMembers,
    Delay,
    Disconnect,
    HostileProvider,
    Respond,
    SendBytes,
    SendEndlessly,
    redirect,
)
from support.process import Program
from support.terminal import InProcess
from support.time_limits import within

PENDING = Respond(403, {"error": "authorization_pending"})
EXPIRED = Respond(403, {"error": "expired_token"})


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param([PENDING], id="pending with 403, as Auth0 sends it"),
        pytest.param([Disconnect(), Disconnect()], id="two closed connections"),
        pytest.param([SendBytes(b"SSH-2.0-OpenSSH_9.9\r\n")], id="not HTTP"),
        pytest.param([Respond(200, '{"access_token": "ha')], id="broken JSON"),
        pytest.param([Respond(429, {"error": "Too Many Requests", "statusCode": 429})], id="Auth0's rate limit"),
        pytest.param([Respond(429, headers={"retry-after": "soon"})], id="a 429 with an invalid Retry-After"),
    ],
)
def test_polling_continues_after(acts: list[Act], program: Program, hostile_provider: HostileProvider) -> None:
    hostile_provider.at("/token", *acts, NORMAL)
    end = program.at(hostile_provider.url).run("login")
    assert (end.code, hostile_provider.paths.count("/token")) == (0, len(acts) + 1), end.err
    assert program.run("say-hi").out == "Welcome Juan!\n"


@pytest.mark.parametrize(
    ("answer", "code", "error", "words"),
    [
        pytest.param(Respond(403, {"error": "access_denied"}), 5, "access_denied", "denied", id="denied"),
        pytest.param(EXPIRED, 6, "expired_token", "expired", id="expired"),
        pytest.param(Respond(400, {"error": "invalid_grant"}), 6, "expired_token", "expired", id="invalid grant"),
        pytest.param(
            Respond(401, {"error": "invalid_client"}), 7, "invalid_client", "public client", id="unknown client"
        ),
        pytest.param(
            Respond(403, {"error": "unauthorized_client"}),
            7,
            "unauthorized_client",
            "switch on the device authorization grant",
            id="grant not enabled",
        ),
        pytest.param(
            Respond(400, {"error": "unsupported_grant_type"}),
            7,
            "unsupported_grant_type",
            "RFC 8628",
            id="no such grant",
        ),
        pytest.param(Respond(400, {"error": "on_fire"}), 7, "on_fire", "on_fire", id="an unregistered error code"),
        pytest.param(
            Respond(429, {"error": "invalid_client"}), 7, "invalid_client", "public client", id="an error with 429"
        ),
        pytest.param(Respond(404, {"message": "no"}), 7, "network", "404", id="no error code at all"),
        pytest.param(ChangeMembers(token_type="DPoP"), 7, "network", "Bearer", id="a token of another type"),
        pytest.param(
            ChangeMembers(access_token="a\r\nb: c"),
            7,
            "network",
            "unusable access_token",
            id="an access token with a line break",
        ),
    ],
)
def test_polling_ends_with(  # noqa: PLR0917 - a row of a table
    answer: Act, code: int, error: str, words: str, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at("/token", PENDING, answer)
    end = in_process_program.at(hostile_provider.url).execute("login", "--json")
    failed = [line for line in end.out.splitlines() if '"failed"' in line]
    assert (end.code, hostile_provider.paths.count("/token")) == (code, 2), end.err
    assert len(failed) == 1
    assert f'"error": "{error}"' in failed[0]
    assert words in end.err
    assert in_process_program.keyring.entries() == {}


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(Disconnect(), id="silence"),
        pytest.param(redirect("/elsewhere"), id="redirects"),
        pytest.param(Respond(200, "<p>"), id="HTML"),
    ],
)
def test_a_provider_without_a_valid_response_until_the_code_expires_is_an_error(
    act: Act, program: Program, hostile_provider: HostileProvider
) -> None:
    hostile_provider.issuer.expires_in = 2
    hostile_provider.always("/token", act)
    end = program.at(hostile_provider.url).run("login")
    assert (end.code, "never sent a valid answer" in end.err) == (7, True)
    assert "/elsewhere" not in hostile_provider.paths


def test_without_approval_the_login_ends_when_the_code_expires(
    program: Program, hostile_provider: HostileProvider
) -> None:
    hostile_provider.issuer.expires_in = 1
    hostile_provider.always("/token", PENDING)
    assert program.at(hostile_provider.url).run("login").code == 6


def test_a_poll_is_cancelled_at_the_deadline(program: Program, hostile_provider: HostileProvider) -> None:
    hostile_provider.at("/token", PENDING).always("/token", Delay(20))
    with within(2):
        assert program.at(hostile_provider.url).run("login", "--timeout", "0.5").code == 6


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_waiting_login_within_a_second(
    number: signal.Signals, code: int, program: Program, hostile_provider: HostileProvider
) -> None:
    hostile_provider.always("/token", Delay(20))
    with program.at(hostile_provider.url).start("login") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Waiting" in line:
                break
        while "/token" not in hostile_provider.paths:
            assert process.poll() is None
            time.sleep(0.01)
        with within(1):
            process.send_signal(number)
            process.communicate(timeout=20)
    assert (process.returncode, program.entries) == (code, {})


def test_an_endless_device_response_is_refused(program: Program, hostile_provider: HostileProvider) -> None:
    hostile_provider.at("/device/code", SendEndlessly(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536))
    end = program.at(hostile_provider.url).run("login")
    assert (end.code, "longer than 1024 KiB" in end.err) == (7, True)


@pytest.mark.parametrize("uri", ["http://provider.example/", "https://a b/", "file:///etc", "-x"])
def test_a_verification_uri_that_is_not_a_secure_url_is_refused(
    uri: str, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at("/device/code", ChangeMembers(verification_uri=uri))
    end = in_process_program.at(hostile_provider.url).execute("login")
    assert (end.code, end.out) == (7, "")
    assert "/token" not in hostile_provider.paths


@pytest.mark.parametrize("uri", ["http://provider.example/", "https://x/\x1b]8;;https://evil/\x07", 7, ["https://x/"]])
def test_a_bad_verification_uri_complete_is_ignored(
    uri: object, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at("/device/code", ChangeMembers(verification_uri_complete=uri))
    end = in_process_program.at(hostile_provider.url).execute("login")
    assert end.code == 0
    assert f"{hostile_provider.url}activate\n" in end.err
