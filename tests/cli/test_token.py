"""``awesome token``: an access token that lives long enough, and nothing else on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from awesome_cli.cli.main import main
from awesome_cli.system import lock

if TYPE_CHECKING:
    from awesome_cli.testing.issuer import ProviderSimulator
    from support.terminal import Terminal, Time


@pytest.fixture
def signed_in(terminal: Terminal) -> Terminal:
    terminal.login()
    return terminal


def test_a_live_token_is_printed_without_a_request(signed_in: Terminal) -> None:
    assert signed_in.run("token") == 0
    assert signed_in.out.count(".") == 2
    assert (signed_in.err, signed_in.requests) == ("", [])


@pytest.mark.parametrize(("left", "renewals"), [(61, 0), (60, 1), (1, 1), (0, 1), (-5_000, 1)])
def test_a_token_with_less_than_a_minute_left_is_renewed(
    signed_in: Terminal, issuer: ProviderSimulator, time: Time, left: int, renewals: int
) -> None:
    time.pass_by(3_600 - left - (time.now() - issuer.requests[-1].at))
    assert signed_in.run("token") == 0
    assert issuer.refreshes == renewals


@pytest.mark.parametrize(("min_ttl", "renewals"), [("0", 0), ("29", 0), ("31", 1)])
def test_how_much_is_enough_can_be_said(
    signed_in: Terminal, issuer: ProviderSimulator, time: Time, min_ttl: str, renewals: int
) -> None:
    time.pass_by(3_600 - 30 - (time.now() - issuer.requests[-1].at))
    assert signed_in.run("token", "--min-ttl", min_ttl) == 0
    assert issuer.refreshes == renewals


def test_a_fresh_token_that_lives_less_is_printed_all_the_same(signed_in: Terminal, issuer: ProviderSimulator) -> None:
    assert signed_in.run("token", "--min-ttl", "99999") == 0
    assert issuer.refreshes == 1
    assert signed_in.out.count(".") == 2


def test_a_session_that_cannot_be_renewed_serves_to_its_end(terminal: Terminal, time: Time) -> None:
    terminal.login("--scope", "openid")
    assert terminal.run("token", "--min-ttl", "99999") == 0
    time.pass_by(4_000)
    assert terminal.run("token") == 4
    assert "offline_access" in terminal.err


def test_one_renewal_is_one_request(signed_in: Terminal, time: Time) -> None:
    time.pass_by(4_000)
    assert signed_in.run("token") == 0
    assert signed_in.paths == ["/token"]


def test_the_id_token_can_be_had(signed_in: Terminal) -> None:
    assert signed_in.run("token") == 0
    access_token = signed_in.out
    assert signed_in.run("token", "--id") == 0
    assert signed_in.out != access_token


def test_json(signed_in: Terminal) -> None:
    assert signed_in.run("token", "--json") == 0
    assert set(signed_in.json) == {"access_token", "token_type", "expires_at", "scope"}
    assert signed_in.run("token", "--json", "--id") == 0
    assert "id_token" in signed_in.json


def test_without_a_session_there_is_none(terminal: Terminal) -> None:
    assert terminal.run("token") == 4
    assert terminal.out == ""


def test_a_logout_while_a_renewal_waits_for_the_lock_is_final(
    signed_in: Terminal, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process has the lock first; when it is ours, the session is gone."""
    time.pass_by(4_000)
    enter = lock.acquire_locks

    def overtaken(*arguments: Any, **named: Any) -> object:  # noqa: ANN401 - handed on as they came
        monkeypatch.setattr(lock, "acquire_locks", enter)
        assert _log_out(signed_in) == 0
        return enter(*arguments, **named)

    monkeypatch.setattr(lock, "acquire_locks", overtaken)
    assert signed_in.run("token") == 4
    assert "removed by another process" in signed_in.err
    assert signed_in.keyring.entries() == {}


def _log_out(terminal: Terminal) -> int:
    return main(["logout"], terminal.environment)
