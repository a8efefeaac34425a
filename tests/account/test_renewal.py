"""Renewals: slow providers, invalid tokens, endpoints that moved, and commands that wait for another process."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from jose import jws

from awesome_cli.account import USER_TIMEOUT
from awesome_cli.cli.console import OutputClosedError
from awesome_cli.cli.format import clock_time
from awesome_cli.errors import ProviderUnreachableError
from awesome_cli.oauth.response import Response
from awesome_cli.provider.client import REFRESH_TIMEOUT, REQUEST_TIMEOUT
from awesome_cli.sessions.model import INTERRUPTED_TIMEOUT
from awesome_cli.sessions.session_locks import session_lock_name
from awesome_cli.sessions.shared_state import RenewalFailure
from awesome_cli.system import lock
from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.system.lock import acquire_locks
from awesome_cli.testing.hostile import ABSENT, KEYS, ChangeMembers, Delay, Respond
from awesome_cli.testing.terminal import to_httpx
from awesome_cli.testing.time import VirtualTime
from support.terminal import Terminal, account_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awesome_cli.testing.issuer import ProviderSimulator

LAST_VERIFIED = "This is from your last verified sign-in."
NOTE = "Waiting for the provider ...\n"


@pytest.fixture
def expired(terminal: Terminal, time: VirtualTime) -> Terminal:
    """A session whose access token has expired."""
    terminal.login()
    time.pass_by(4_000)
    return terminal


def _session(terminal: Terminal) -> Any:  # noqa: ANN401 - a session, never None
    return account_of(terminal).load()


def _answer_at(path: str, act: Callable[[httpx.Request], Any], terminal: Terminal) -> Callable[[httpx.Request], Any]:
    return lambda request: act(request) if request.url.path == path else terminal.simulated(request)


# --- slow responses


@pytest.mark.parametrize("seconds", [16, 60, REFRESH_TIMEOUT - 1])
def test_a_late_refresh_response_is_accepted(expired: Terminal, issuer: ProviderSimulator, seconds: float) -> None:
    expired.provider.at("/token", Delay(seconds))
    assert expired.run("token") == 0
    assert expired.err == NOTE
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


def test_a_refresh_response_within_two_seconds_causes_no_note(expired: Terminal) -> None:
    expired.provider.at("/token", Delay(1.5))
    assert expired.run("token") == 0
    assert expired.err == ""


def test_a_refresh_that_timed_out_explains_why_the_session_ended(
    expired: Terminal, issuer: ProviderSimulator, time: VirtualTime
) -> None:
    async def lost(request: httpx.Request) -> httpx.Response:
        expired.simulated(request)  # the provider renews, but the response is lost
        await anyio.sleep_forever()
        raise AssertionError

    expired.answer = _answer_at("/token", lost, expired)
    started = time.now()
    assert expired.run("token") == 7
    assert time.now() - started == REFRESH_TIMEOUT
    expired.answer = expired.respond
    assert expired.run("token") == 4
    assert "did not respond to the last renewal in time" in expired.err
    assert issuer.reuses == 1


def test_other_requests_have_a_shorter_timeout_than_a_refresh(expired: Terminal, time: VirtualTime) -> None:
    expired.provider.at("/userinfo", Delay(REQUEST_TIMEOUT + 1))
    assert expired.run("token") == 0
    started = time.now()
    assert expired.run("whoami", "--check") == 7
    assert time.now() - started == REQUEST_TIMEOUT


@pytest.mark.parametrize("command", [("say-hi",), ("whoami",), ("whoami", "--json")])
def test_the_user_is_printed_after_ten_seconds_while_the_renewal_continues(
    expired: Terminal, issuer: ProviderSimulator, command: tuple[str, ...]
) -> None:
    expired.provider.at("/token", Delay(40))
    assert expired.run(*command) == 0
    assert "Juan" in expired.out
    assert expired.out.count("\n") == len(set(expired.out.splitlines()))  # each line is printed once
    assert expired.err.count(LAST_VERIFIED) == 1
    assert "has not responded yet" in expired.err
    assert issuer.refreshes == 1
    assert expired.run("token") == 0
    assert expired.paths == []  # the renewal was stored


def test_a_session_that_is_rejected_after_the_greeting_causes_a_warning(
    expired: Terminal, issuer: ProviderSimulator
) -> None:
    grants = issuer._refresh_tokens  # noqa: SLF001 - to end the grant without a request
    grants.clear()
    expired.provider.at("/token", Delay(40))
    assert (expired.run("say-hi"), expired.out) == (0, "Welcome Juan!\n")
    assert "Warning: Your session has ended" in expired.err
    assert expired.run("say-hi") == 4


def test_a_closed_output_pipe_does_not_end_a_renewal(
    expired: Terminal, issuer: ProviderSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise OutputClosedError(0)

    monkeypatch.setattr("awesome_cli.cli.console.Console.result", closed)
    expired.provider.at("/token", Delay(40))
    assert expired.run("say-hi") == 0
    monkeypatch.undo()
    assert expired.run("token") == 0
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


def test_a_renewal_ends_at_most_thirty_seconds_after_a_signal(expired: Terminal, time: VirtualTime) -> None:
    deferred = DeferredSignals()

    @contextmanager
    def defer_signals() -> Iterator[DeferredSignals]:
        yield deferred

    async def act(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(20)
        deferred.first = 2
        await anyio.sleep_forever()
        raise AssertionError

    expired.set(defer_signals=defer_signals)
    expired.answer = _answer_at("/token", act, expired)
    started = time.now()
    assert expired.run("token") == 7
    assert 20 + INTERRUPTED_TIMEOUT <= time.now() - started <= 20 + INTERRUPTED_TIMEOUT + 1


# --- commands that wait for a renewal of another process


@contextmanager
def _busy(terminal: Terminal) -> Iterator[Path]:
    """Hold the lock, as a renewal in another process does."""
    name = session_lock_name("awesome-cli-default", (terminal.issuer.url, terminal.issuer.client_id))
    with acquire_locks(terminal.environment.account_dirs, [name]) as folder:
        yield folder / f"{name}.failed"


def test_say_hi_waits_at_most_ten_seconds_for_another_process(
    expired: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awesome_cli.account.USER_TIMEOUT", 0.05)
    with _busy(expired):
        assert (expired.run("say-hi"), expired.out) == (0, "Welcome Juan!\n")
    assert LAST_VERIFIED in expired.err
    assert USER_TIMEOUT == 10


def test_token_waits_for_another_process_and_reports_the_timeout(
    expired: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awesome_cli.system.lock.TIMEOUT", 0.05)
    with _busy(expired):
        assert (expired.run("token"), expired.out) == (7, "")
    assert "Another process" in expired.err


@pytest.mark.parametrize(("command", "code"), [("token", 7), ("say-hi", 0)])
def test_a_command_adopts_the_failure_of_the_renewal_that_it_waited_for(
    expired: Terminal, issuer: ProviderSimulator, monkeypatch: pytest.MonkeyPatch, command: str, code: int
) -> None:
    acquire = lock.acquire_locks

    def after_a_failure(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
        with _busy(expired) as record:
            expired.time.pass_by(20)
            RenewalFailure(record).record(ProviderUnreachableError("The provider is down."), now=expired.time.now())
        return acquire(*arguments, **named)

    monkeypatch.setattr(lock, "acquire_locks", after_a_failure)
    assert expired.run(command) == code
    assert "The provider is down." in expired.err
    assert (issuer.refreshes, expired.paths) == (0, [])
    monkeypatch.undo()
    assert expired.run(command) == 0  # the next command sends its own request
    assert issuer.refreshes == 1


def test_verbose_names_the_lock_folder_that_is_used_instead(expired: Terminal) -> None:
    first, second = expired.environment.account_dirs
    for path in (first, second):
        if path.exists():
            path.rmdir()
    first.write_text("in the way")
    assert expired.run("--verbose", "token") == 0
    assert f"{first} cannot be used for locks; {second} serves instead." in expired.err


def test_logout_deletes_the_record_of_a_failed_renewal(expired: Terminal) -> None:
    expired.answer = _answer_at("/token", _refuse, expired)
    assert expired.run("token") == 7
    (folder, _) = expired.environment.account_dirs
    assert [path.suffix for path in folder.iterdir()] == [".failed"]
    assert expired.run("logout") == 0
    assert list(folder.iterdir()) == []


def test_say_hi_answers_without_a_usable_lock_folder(expired: Terminal) -> None:
    for folder in expired.environment.account_dirs:
        if folder.exists():
            folder.rmdir()
        folder.write_text("in the way")
    assert (expired.run("say-hi"), expired.out) == (0, "Welcome Juan!\n")
    assert "No folder can be used for the lock" in expired.err
    assert LAST_VERIFIED in expired.err
    assert expired.run("token") == 7


# --- tokens that cannot be validated


@pytest.mark.parametrize("ahead", [-50 * 60, -3 * 60, 12 * 3600], ids=["50 min slow", "3 min slow", "12 h fast"])
def test_a_wrong_clock_does_not_end_the_session(
    terminal: Terminal, issuer: ProviderSimulator, time: VirtualTime, ahead: float
) -> None:
    terminal.login()
    time.pass_by(3_000)
    correct = terminal.environment
    terminal.environment = replace(correct, now=lambda: time.now() + ahead)
    assert terminal.run("token", "--min-ttl", "100000") == 8
    assert "Your clock is" in terminal.err
    assert "Correct it and try again." in terminal.err
    terminal.environment = correct
    assert terminal.run("token") == 0
    assert (issuer.refreshes, issuer.reuses) == (2, 0)


def test_the_refresh_token_that_came_with_an_invalid_id_token_is_stored(
    expired: Terminal, issuer: ProviderSimulator
) -> None:
    before = _session(expired)

    expired.provider.at("/token", ChangeMembers(id_token=lambda token: token.replace("ey", "eY", 1)))
    assert expired.run("token") == 8
    after = _session(expired)
    assert after.refresh_token != before.refresh_token
    assert after.user._replace(expires_at=0.0) == before.user._replace(expires_at=0.0)
    assert expired.paths == ["/token"]  # no revocation
    assert expired.run("say-hi") == 0
    assert (issuer.refreshes, issuer.reuses) == (2, 0)


def test_a_renewal_ignores_an_id_token_whose_keys_cannot_be_fetched(
    expired: Terminal, issuer: ProviderSimulator
) -> None:
    before = _session(expired)
    issuer.alg = "ES256"  # another key
    expired.provider.at(KEYS, Respond(500))
    assert expired.run("token") == 0
    after = _session(expired)
    assert (after.id_token, after.user.name) == (before.id_token, before.user.name)
    assert after.refresh_token != before.refresh_token


@pytest.mark.parametrize("member", ["access_token", "token_type"])
def test_the_refresh_token_of_a_malformed_token_response_is_stored(
    expired: Terminal, issuer: ProviderSimulator, member: str
) -> None:
    expired.provider.at("/token", ChangeMembers(**{member: ABSENT}))
    assert expired.run("token") == 7
    assert member in expired.err
    assert expired.run("token") == 0
    assert (issuer.refreshes, issuer.reuses) == (2, 0)


def test_logout_waits_for_a_limited_time_for_another_process(
    expired: Terminal, issuer: ProviderSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awesome_cli.system.lock.TIMEOUT", 0.05)
    with _busy(expired):
        assert expired.run("logout") == 0
    assert "Another process" in expired.err
    assert expired.keyring.entries() == {}
    assert issuer.active_grants == 0


def test_refreshed_tokens_for_another_subject_are_revoked(expired: Terminal, issuer: ProviderSimulator) -> None:
    before = _session(expired)
    issuer.person = {**issuer.person, "sub": "demo|eve"}
    assert expired.run("token") == 8
    assert "sub changed" in expired.err
    assert expired.paths == ["/token", "/revoke", "/revoke"]
    assert _session(expired) == before


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "Too many open files"), MemoryError(), ImportError()])
def test_a_local_error_during_validation_is_not_reported_as_an_invalid_signature(
    expired: Terminal, issuer: ProviderSimulator, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(jws, "verify", failing)
    assert expired.run("token") not in (0, 8)
    assert "signature" not in expired.err
    monkeypatch.undo()
    assert expired.run("token") == 0
    assert (issuer.refreshes, issuer.reuses) == (2, 0)


def test_a_local_error_during_the_validation_of_a_login_revokes_the_tokens(
    terminal: Terminal, issuer: ProviderSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(jws, "verify", failing)
    issuer.auto_approve = True
    assert terminal.run("login") not in (0, 8)
    assert terminal.paths.count("/revoke") == 2


@pytest.mark.parametrize("failure", ["refused", "unreachable"])
def test_login_suggests_force_if_the_old_session_cannot_be_renewed(expired: Terminal, failure: str) -> None:
    def act(_: httpx.Request) -> httpx.Response:
        if failure == "unreachable":
            raise httpx.ConnectError("down")
        return to_httpx(Response(400, b'{"error": "invalid_client"}'))

    expired.answer = _answer_at("/token", act, expired)
    assert expired.run("login") == 7
    assert "awesome login --force" in expired.err


# --- cached metadata with endpoints that moved


def _move_endpoint(terminal: Terminal, old: str, new: str, at_old: Callable[[httpx.Request], Any]) -> None:
    """Move an endpoint; ``at_old`` answers requests to the old path."""

    def answer(request: httpx.Request) -> Any:  # noqa: ANN401 - a response or an awaitable one
        if request.url.path == old:
            return at_old(request)
        if request.url.path == new:
            return terminal.simulated(
                httpx.Request(
                    request.method, request.url.copy_with(path=old), headers=request.headers, content=request.content
                )
            )
        response = terminal.simulated(request)
        if request.url.path.endswith("openid-configuration"):
            return to_httpx(Response(200, response.read().replace(old.encode() + b'"', new.encode() + b'"')))
        return response

    terminal.answer = answer


def _refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


AT_OLD = {
    "404": lambda _: to_httpx(Response(404, b"{}")),
    "410": lambda _: to_httpx(Response(410)),
    "405": lambda _: to_httpx(Response(405)),
    "a web page": lambda _: to_httpx(Response(200, b"<h1>We have moved</h1>", {"content-type": "text/html"})),
    "no connection": _refuse,
}


@pytest.mark.parametrize("at_old", AT_OLD.values(), ids=AT_OLD)
def test_a_token_endpoint_that_moved_is_rediscovered(
    expired: Terminal, issuer: ProviderSimulator, at_old: Callable[[httpx.Request], Any]
) -> None:
    _move_endpoint(expired, "/token", "/oauth/token", at_old)
    assert expired.run("token") == 0
    assert expired.paths == ["/token", "/.well-known/openid-configuration", "/oauth/token"]
    assert (issuer.refreshes, issuer.reuses) == (1, 0)
    expired.time.pass_by(4_000)
    assert expired.run("token") == 0
    assert expired.paths == ["/oauth/token"]  # the new metadata is cached


def test_login_rediscovers_a_token_endpoint_that_moved(expired: Terminal) -> None:
    _move_endpoint(expired, "/token", "/oauth/token", AT_OLD["404"])
    assert expired.run("login") == 0
    assert "already signed in" in expired.err


def test_a_userinfo_endpoint_that_moved_is_rediscovered(terminal: Terminal) -> None:
    terminal.login()
    _move_endpoint(terminal, "/userinfo", "/me", AT_OLD["404"])
    assert terminal.run("whoami", "--check") == 0


def test_a_revocation_endpoint_that_moved_is_rediscovered(terminal: Terminal) -> None:
    terminal.login()
    _move_endpoint(terminal, "/revoke", "/oauth/revoke", AT_OLD["404"])
    assert terminal.run("logout") == 0
    assert terminal.paths == ["/revoke", "/.well-known/openid-configuration", "/oauth/revoke", "/oauth/revoke"]


def test_a_refresh_request_that_may_have_arrived_is_not_sent_again(expired: Terminal) -> None:
    def reset(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset")

    _move_endpoint(expired, "/token", "/oauth/token", reset)
    assert expired.run("token") == 7
    assert expired.paths == ["/token"]


def test_the_error_of_an_endpoint_that_did_not_move_is_final(expired: Terminal) -> None:
    expired.answer = _answer_at("/token", AT_OLD["404"], expired)
    assert expired.run("token") == 7
    assert expired.paths == ["/token", "/.well-known/openid-configuration"]


def test_a_discovery_document_that_was_just_fetched_is_not_fetched_again(expired: Terminal) -> None:
    for path in expired.environment.cache_dir.iterdir():
        path.unlink()
    expired.answer = _answer_at("/token", AT_OLD["404"], expired)
    assert expired.run("token") == 7
    assert expired.paths.count("/.well-known/openid-configuration") == 1


# --- logins without a refresh token


def test_login_without_a_refresh_token_reports_the_expiry_and_the_missing_scope(terminal: Terminal) -> None:
    terminal.login("--scope", "openid profile")
    (line,) = [line for line in terminal.err.splitlines() if "no refresh token" in line]
    assert f"ends today {clock_time(terminal.time.now() + 3600)}" in line
    assert "offline_access" in line
    terminal.login("--force", "--scope", "openid profile offline_access")
    assert "no refresh token" not in terminal.err
