"""``awesome token``: an access token that is valid long enough, and nothing else on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from awesome_cli import awesome
from awesome_cli.system import lock

if TYPE_CHECKING:
    from awesome_cli.testing.issuer import ProviderSimulator
    from awesome_cli.testing.time import VirtualTime
    from support.terminal import Terminal


@pytest.fixture
def signed_in(terminal: Terminal) -> Terminal:
    terminal.login()
    return terminal


def test_a_valid_token_is_printed_without_a_request(signed_in: Terminal) -> None:
    assert signed_in.run("token") == 0
    assert signed_in.out.count(".") == 2
    assert (signed_in.err, signed_in.requests) == ("", [])


@pytest.mark.parametrize(("left", "renewals"), [(61, 0), (60, 1), (1, 1), (0, 1), (-5_000, 1)])
def test_a_token_with_less_than_a_minute_left_is_renewed(
    signed_in: Terminal, issuer: ProviderSimulator, time: VirtualTime, left: int, renewals: int
) -> None:
    time.pass_by(3_600 - left - (time.now() - issuer.requests[-1].at))
    assert signed_in.run("token") == 0
    assert issuer.refreshes == renewals


@pytest.mark.parametrize(("min_ttl", "renewals"), [("0", 0), ("29", 0), ("31", 1)])
def test_min_ttl_decides_whether_a_token_is_renewed(
    signed_in: Terminal, issuer: ProviderSimulator, time: VirtualTime, min_ttl: str, renewals: int
) -> None:
    time.pass_by(3_600 - 30 - (time.now() - issuer.requests[-1].at))
    assert signed_in.run("token", "--min-ttl", min_ttl) == 0
    assert issuer.refreshes == renewals


def test_a_new_token_is_printed_even_if_it_expires_before_min_ttl(
    signed_in: Terminal, issuer: ProviderSimulator
) -> None:
    assert signed_in.run("token", "--min-ttl", "99999") == 0
    assert issuer.refreshes == 1
    assert signed_in.out.count(".") == 2


def test_a_session_without_a_refresh_token_is_used_until_it_expires(terminal: Terminal, time: VirtualTime) -> None:
    terminal.login("--scope", "openid")
    assert terminal.run("token", "--min-ttl", "99999") == 0
    time.pass_by(4_000)
    assert terminal.run("token") == 4
    assert "offline_access" in terminal.err


def test_a_renewal_sends_one_request(signed_in: Terminal, time: VirtualTime) -> None:
    time.pass_by(4_000)
    assert signed_in.run("token") == 0
    assert signed_in.paths == ["/token"]


def test_token_id_prints_the_id_token(signed_in: Terminal) -> None:
    assert signed_in.run("token") == 0
    access_token = signed_in.out
    assert signed_in.run("token", "--id") == 0
    assert signed_in.out != access_token


def test_token_without_a_session_is_an_error(terminal: Terminal) -> None:
    assert terminal.run("token") == 4
    assert terminal.out == ""


def test_a_renewal_that_waited_for_a_logout_does_not_restore_the_session(
    signed_in: Terminal, time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    time.pass_by(4_000)
    acquire = lock.acquire_locks

    def after_a_logout(*arguments: Any, **named: Any) -> object:  # noqa: ANN401 - passed on
        monkeypatch.setattr(lock, "acquire_locks", acquire)
        assert _log_out(signed_in) == 0
        return acquire(*arguments, **named)

    monkeypatch.setattr(lock, "acquire_locks", after_a_logout)
    assert signed_in.run("token") == 4
    assert "removed by another process" in signed_in.err
    assert signed_in.keyring.entries() == {}


def _log_out(terminal: Terminal) -> int:
    return awesome.run(["logout"], environment=terminal.environment)
