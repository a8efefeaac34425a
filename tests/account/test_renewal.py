"""Renewals at providers that are slow, that move or cannot be verified, and commands that wait for one another."""

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
from awesome_cli.errors import ProviderUnreachableError
from awesome_cli.oauth.response import Response
from awesome_cli.provider.client import REFRESH_TIMEOUT, REQUEST_TIMEOUT
from awesome_cli.sessions.locks import session_lock_name
from awesome_cli.sessions.model import INTERRUPTED_TIMEOUT
from awesome_cli.sessions.shared_state import RenewalFailure
from awesome_cli.system import lock
from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.system.lock import acquire_locks
from awesome_cli.testing.hostile import ABSENT, KEYS, ChangeMembers, Delay, Respond
from support.terminal import Terminal, Time, account_of, to_httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awesome_cli.testing.issuer import ProviderSimulator

LAST_VERIFIED = "This is from your last verified sign-in."
NOTE = "Waiting for the provider ...\n"


@pytest.fixture
def expired(terminal: Terminal, time: Time) -> Terminal:
    """A session whose access token has ended."""
    terminal.login()
    time.pass_by(4_000)
    return terminal


def _session(terminal: Terminal) -> Any:  # noqa: ANN401 - a session that is there
    return account_of(terminal).load()


def _at(path: str, act: Callable[[httpx.Request], Any], terminal: Terminal) -> Callable[[httpx.Request], Any]:
    return lambda request: act(request) if request.url.path == path else terminal.simulated(request)


# --- a provider that takes its time


@pytest.mark.parametrize("seconds", [16, 60, REFRESH_TIMEOUT - 1])
def test_an_answer_that_comes_late_is_taken(expired: Terminal, issuer: ProviderSimulator, seconds: float) -> None:
    expired.provider.at("/token", Delay(seconds))
    assert expired.run("token") == 0
    assert expired.err == NOTE
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


def test_an_answer_within_two_seconds_is_waited_for_without_a_word(expired: Terminal) -> None:
    expired.provider.at("/token", Delay(1.5))
    assert expired.run("token") == 0
    assert expired.err == ""


def test_an_answer_that_never_comes_is_given_up_and_explains_a_session_that_ended(
    expired: Terminal, issuer: ProviderSimulator, time: Time
) -> None:
    async def lost(request: httpx.Request) -> httpx.Response:
        expired.simulated(request)  # the provider did what it was asked
        await anyio.sleep_forever()
        raise AssertionError

    expired.answer = _at("/token", lost, expired)
    began = time.now()
    assert expired.run("token") == 7
    assert time.now() - began == REFRESH_TIMEOUT
    expired.answer = expired.respond
    assert expired.run("token") == 4
    assert "did not respond to the last renewal in time" in expired.err
    assert issuer.reuses == 1


def test_any_other_request_is_given_up_sooner(expired: Terminal, time: Time) -> None:
    expired.provider.at("/userinfo", Delay(REQUEST_TIMEOUT + 1))
    assert expired.run("token") == 0
    began = time.now()
    assert expired.run("whoami", "--check") == 7
    assert time.now() - began == REQUEST_TIMEOUT


@pytest.mark.parametrize("command", [("say-hi",), ("whoami",), ("whoami", "--json")])
def test_who_is_signed_in_is_told_within_ten_seconds_and_the_renewal_goes_on(
    expired: Terminal, issuer: ProviderSimulator, command: tuple[str, ...]
) -> None:
    expired.provider.at("/token", Delay(40))
    assert expired.run(*command) == 0
    assert "Juan" in expired.out
    assert expired.out.count("\n") == len(set(expired.out.splitlines()))  # said once
    assert expired.err.count(LAST_VERIFIED) == 1
    assert "has not responded yet" in expired.err
    assert issuer.refreshes == 1
    assert expired.run("token") == 0
    assert expired.paths == []  # it was renewed


def test_what_the_provider_says_after_the_greeting_is_a_warning(expired: Terminal, issuer: ProviderSimulator) -> None:
    grants = issuer._refresh_tokens  # noqa: SLF001 - nothing else ends a grant while it is used
    grants.clear()
    expired.provider.at("/token", Delay(40))
    assert (expired.run("say-hi"), expired.out) == (0, "Welcome Juan!\n")
    assert "Warning: Your session has ended" in expired.err
    assert expired.run("say-hi") == 4


def test_a_reader_that_has_gone_ends_no_renewal(
    expired: Terminal, issuer: ProviderSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise OutputClosedError(0)

    monkeypatch.setattr("awesome_cli.cli.console.Console.result", gone)
    expired.provider.at("/token", Delay(40))
    assert expired.run("say-hi") == 0
    monkeypatch.undo()
    assert expired.run("token") == 0
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


def test_after_a_signal_a_renewal_takes_thirty_seconds_more_at_most(expired: Terminal, time: Time) -> None:
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
    expired.answer = _at("/token", act, expired)
    began = time.now()
    assert expired.run("token") == 7
    assert 20 + INTERRUPTED_TIMEOUT <= time.now() - began <= 20 + INTERRUPTED_TIMEOUT + 1


# --- commands that wait for a renewal of another process


@contextmanager
def _busy(terminal: Terminal) -> Iterator[Path]:
    """Let another process renew the session all the time."""
    name = session_lock_name("awesome-cli-default", (terminal.issuer.url, terminal.issuer.client_id))
    with acquire_locks(terminal.environment.account_dirs, [name]) as folder:
        yield folder / f"{name}.failed"


def test_a_greeting_does_not_wait_longer_than_ten_seconds_for_another_process(
    expired: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awesome_cli.account.USER_TIMEOUT", 0.05)
    with _busy(expired):
        assert (expired.run("say-hi"), expired.out) == (0, "Welcome Juan!\n")
    assert LAST_VERIFIED in expired.err
    assert USER_TIMEOUT == 10


def test_a_token_waits_for_another_process_and_says_so_in_the_end(
    expired: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awesome_cli.system.lock.TIMEOUT", 0.05)
    with _busy(expired):
        assert (expired.run("token"), expired.out) == (7, "")
    assert "Another process" in expired.err


@pytest.mark.parametrize(("command", "code"), [("token", 7), ("say-hi", 0)])
def test_the_failure_of_a_renewal_that_was_waited_for_counts_as_ones_own(
    expired: Terminal, issuer: ProviderSimulator, monkeypatch: pytest.MonkeyPatch, command: str, code: int
) -> None:
    acquire = lock.acquire_locks

    def after_a_failure(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - handed on as they came
        with _busy(expired) as record:
            expired.time.pass_by(20)
            RenewalFailure(record).record(ProviderUnreachableError("The provider is down."), now=expired.time.now())
        return acquire(*arguments, **named)

    monkeypatch.setattr(lock, "acquire_locks", after_a_failure)
    assert expired.run(command) == code
    assert "The provider is down." in expired.err
    assert (issuer.refreshes, expired.paths) == (0, [])
    monkeypatch.undo()
    assert expired.run(command) == 0  # a command of its own asks
    assert issuer.refreshes == 1


def test_the_next_folder_serves_for_locks_and_is_named_to_whoever_asks_for_details(expired: Terminal) -> None:
    first, second = expired.environment.account_dirs
    for path in (first, second):
        if path.exists():
            path.rmdir()
    first.write_text("in the way")
    assert expired.run("--verbose", "token") == 0
    assert f"{first} cannot be used for locks; {second} serves instead." in expired.err


def test_a_failure_is_forgotten_with_its_session(expired: Terminal) -> None:
    expired.answer = _at("/token", _refuse, expired)
    assert expired.run("token") == 7
    (folder, _) = expired.environment.account_dirs
    assert [path.suffix for path in folder.iterdir()] == [".failed"]
    assert expired.run("logout") == 0
    assert list(folder.iterdir()) == []


def test_a_greeting_needs_no_folder_for_locks(expired: Terminal) -> None:
    for folder in expired.environment.account_dirs:
        if folder.exists():
            folder.rmdir()
        folder.write_text("in the way")
    assert (expired.run("say-hi"), expired.out) == (0, "Welcome Juan!\n")
    assert "No folder can be used for the lock" in expired.err
    assert LAST_VERIFIED in expired.err
    assert expired.run("token") == 7


# --- tokens that cannot be verified


@pytest.mark.parametrize("ahead", [-50 * 60, -3 * 60, 12 * 3600], ids=["50 min slow", "3 min slow", "12 h fast"])
def test_a_wrong_clock_costs_no_session(
    terminal: Terminal, issuer: ProviderSimulator, time: Time, ahead: float
) -> None:
    terminal.login()
    time.pass_by(3_000)
    right = terminal.environment
    terminal.environment = replace(right, now=lambda: time.now() + ahead)
    assert terminal.run("token", "--min-ttl", "100000") == 8
    assert "Your clock is" in terminal.err
    assert "Set it right and try again." in terminal.err
    terminal.environment = right
    assert terminal.run("token") == 0
    assert (issuer.refreshes, issuer.reuses) == (2, 0)


def test_a_refused_id_token_is_said_and_asked_for_again(expired: Terminal, issuer: ProviderSimulator) -> None:
    before = _session(expired)

    expired.provider.at("/token", ChangeMembers(id_token=lambda token: token.replace("ey", "eY", 1)))
    assert expired.run("token") == 8
    after = _session(expired)
    assert after.refresh_token != before.refresh_token
    assert replace(after.user, expires_at=0.0) == replace(before.user, expires_at=0.0)
    assert expired.paths == ["/token"]  # nothing was revoked
    assert expired.run("say-hi") == 0
    assert (issuer.refreshes, issuer.reuses) == (2, 0)


def test_an_id_token_whose_keys_cannot_be_fetched_counts_as_one_that_did_not_come(
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
def test_a_malformed_reply_costs_no_session_if_it_has_a_refresh_token(
    expired: Terminal, issuer: ProviderSimulator, member: str
) -> None:
    expired.provider.at("/token", ChangeMembers(**{member: ABSENT}))
    assert expired.run("token") == 7
    assert member in expired.err
    assert expired.run("token") == 0
    assert (issuer.refreshes, issuer.reuses) == (2, 0)


def test_a_logout_does_not_wait_for_ever_for_a_renewal_that_was_stopped(
    expired: Terminal, issuer: ProviderSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awesome_cli.system.lock.TIMEOUT", 0.05)
    with _busy(expired):
        assert expired.run("logout") == 0
    assert "Another process" in expired.err
    assert expired.keyring.entries() == {}
    assert issuer.active_grants == 0


def test_a_verified_id_token_of_somebody_else_has_its_tokens_revoked(
    expired: Terminal, issuer: ProviderSimulator
) -> None:
    before = _session(expired)
    issuer.person = {**issuer.person, "sub": "demo|eve"}
    assert expired.run("token") == 8
    assert "sub changed" in expired.err
    assert expired.paths == ["/token", "/revoke", "/revoke"]
    assert _session(expired) == before


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "Too many open files"), MemoryError(), ImportError()])
def test_trouble_of_this_machine_is_no_forged_signature_and_costs_no_session(
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


def test_trouble_of_this_machine_after_an_approval_revokes_the_tokens(
    terminal: Terminal, issuer: ProviderSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(jws, "verify", failing)
    issuer.auto_approve = True
    assert terminal.run("login") not in (0, 8)
    assert terminal.paths.count("/revoke") == 2


@pytest.mark.parametrize("trouble", ["refused", "unreachable"])
def test_a_session_that_stops_a_login_names_the_way_out(expired: Terminal, trouble: str) -> None:
    def act(_: httpx.Request) -> httpx.Response:
        if trouble == "unreachable":
            raise httpx.ConnectError("down")
        return to_httpx(Response(400, b'{"error": "invalid_client"}'))

    expired.answer = _at("/token", act, expired)
    assert expired.run("login") == 7
    assert "awesome login --force" in expired.err


# --- remembered discovery that no longer fits


def _moved(terminal: Terminal, old: str, new: str, there: Callable[[httpx.Request], Any]) -> None:
    """Let an endpoint move: ``there`` is what happens at the old one."""

    def answer(request: httpx.Request) -> Any:  # noqa: ANN401 - a response or one to wait for
        if request.url.path == old:
            return there(request)
        if request.url.path == new:
            return terminal.simulated(
                httpx.Request(
                    request.method, request.url.copy_with(path=old), headers=request.headers, content=request.content
                )
            )
        honest = terminal.simulated(request)
        if request.url.path.endswith("openid-configuration"):
            return to_httpx(Response(200, honest.read().replace(old.encode() + b'"', new.encode() + b'"')))
        return honest

    terminal.answer = answer


def _refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


THERE = {
    "404": lambda _: to_httpx(Response(404, b"{}")),
    "410": lambda _: to_httpx(Response(410)),
    "405": lambda _: to_httpx(Response(405)),
    "a web page": lambda _: to_httpx(Response(200, b"<h1>We have moved</h1>", {"content-type": "text/html"})),
    "no connection": _refuse,
}


@pytest.mark.parametrize("there", THERE.values(), ids=THERE)
def test_a_token_endpoint_that_moved_is_found_again(
    expired: Terminal, issuer: ProviderSimulator, there: Callable[[httpx.Request], Any]
) -> None:
    _moved(expired, "/token", "/oauth/token", there)
    assert expired.run("token") == 0
    assert expired.paths == ["/token", "/.well-known/openid-configuration", "/oauth/token"]
    assert (issuer.refreshes, issuer.reuses) == (1, 0)
    expired.time.pass_by(4_000)
    assert expired.run("token") == 0
    assert expired.paths == ["/oauth/token"]  # and remembered


def test_a_login_heals_it_too(expired: Terminal) -> None:
    _moved(expired, "/token", "/oauth/token", THERE["404"])
    assert expired.run("login") == 0
    assert "already signed in" in expired.err


def test_a_userinfo_endpoint_that_moved_is_found_again(terminal: Terminal) -> None:
    terminal.login()
    _moved(terminal, "/userinfo", "/me", THERE["404"])
    assert terminal.run("whoami", "--check") == 0


def test_a_revocation_endpoint_that_moved_is_found_again(terminal: Terminal) -> None:
    terminal.login()
    _moved(terminal, "/revoke", "/oauth/revoke", THERE["404"])
    assert terminal.run("logout") == 0
    assert terminal.paths == ["/revoke", "/.well-known/openid-configuration", "/oauth/revoke", "/oauth/revoke"]


def test_a_refresh_request_that_may_have_arrived_is_not_sent_again(expired: Terminal) -> None:
    def reset(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset")

    _moved(expired, "/token", "/oauth/token", reset)
    assert expired.run("token") == 7
    assert expired.paths == ["/token"]


def test_an_endpoint_that_did_not_move_keeps_its_answer(expired: Terminal) -> None:
    expired.answer = _at("/token", THERE["404"], expired)
    assert expired.run("token") == 7
    assert expired.paths == ["/token", "/.well-known/openid-configuration"]


def test_discovery_that_was_just_fetched_is_not_fetched_again(expired: Terminal) -> None:
    for path in expired.environment.cache_dir.iterdir():
        path.unlink()
    expired.answer = _at("/token", THERE["404"], expired)
    assert expired.run("token") == 7
    assert expired.paths.count("/.well-known/openid-configuration") == 1


# --- sign-ins without a refresh token, and without a keyring


def test_a_sign_in_without_a_refresh_token_says_until_when_it_lives_and_what_to_change(terminal: Terminal) -> None:
    terminal.login("--scope", "openid profile")
    (line,) = [line for line in terminal.err.splitlines() if "no refresh token" in line]
    assert "2027-01-15T09:00:05Z" in line
    assert "offline_access" in line
    terminal.login("--force", "--scope", "openid profile offline_access")
    assert "no refresh token" not in terminal.err
