"""The end of a session, where the provider tells it: shown, and warned of once a day."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from awesome_cli.testing.hostile import ABSENT, ChangeMembers

if TYPE_CHECKING:
    from awesome_cli.testing.issuer import ProviderSimulator
    from awesome_cli.testing.time import VirtualTime
    from support.terminal import Terminal

DAY = 86_400
START = "2027-01-15T08:00"  # of virtual time


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def session_end(terminal: Terminal) -> object:
    assert terminal.run("whoami", "--json") == 0
    return terminal.json["session_expires_at"]


def warnings(terminal: Terminal) -> list[str]:
    return [line for line in terminal.err.splitlines() if line.startswith("Warning: ")]


def test_login_and_whoami_show_when_the_session_ends(terminal: Terminal, issuer: ProviderSimulator) -> None:
    issuer.session_lifetime = 10 * DAY
    terminal.login()
    assert "  Session in memory until 25 Jan 08:00\n" in terminal.err
    assert terminal.run("whoami") == 0
    assert "  Session ends  25 Jan 08:00\n" in terminal.out
    assert str(session_end(terminal)).startswith("2027-01-25T08:00:0")
    assert terminal.run("login", "--force", "--json") == 0
    assert terminal.events[-1]["session_expires_at"].startswith("2027-01-25T08:00:")


@pytest.mark.parametrize("member", ["refresh_expires_in", "refresh_token_expires_in"])
@pytest.mark.parametrize("value", [DAY, 86_400.5, "86400"], ids=["number", "fraction", "text"])
def test_both_spellings_of_the_end_are_understood(terminal: Terminal, member: str, value: object) -> None:
    terminal.provider.at("/token", ChangeMembers(**{member: value}))
    terminal.login()
    assert str(session_end(terminal)).startswith("2027-01-16T08:00:0")


@pytest.mark.parametrize("value", [0, -1, "0", "soon", None, True, [], ABSENT], ids=repr)
def test_an_end_that_is_not_usable_is_unknown(terminal: Terminal, value: object) -> None:
    terminal.provider.at("/token", ChangeMembers(refresh_expires_in=value))
    terminal.login()
    assert session_end(terminal) is None
    assert terminal.run("whoami") == 0
    assert "Session ends" not in terminal.out


def test_an_end_without_a_refresh_token_is_ignored(terminal: Terminal) -> None:
    terminal.provider.at("/token", ChangeMembers(refresh_expires_in=DAY, refresh_token=ABSENT))
    terminal.login()
    assert session_end(terminal) is None


def test_a_renewal_tells_the_new_end_or_leaves_the_old_one(terminal: Terminal, time: VirtualTime) -> None:
    terminal.provider.at(
        "/token", ChangeMembers(refresh_expires_in=DAY), ChangeMembers(refresh_expires_in=2 * DAY), ChangeMembers()
    )
    terminal.login()
    first = session_end(terminal)
    time.pass_by(4_000)
    second = session_end(terminal)  # whoami renews
    time.pass_by(4_000)
    assert (str(first)[:11], str(second)[:11], session_end(terminal)) == ("2027-01-16T", "2027-01-17T", second)


@pytest.mark.parametrize("argv", [["say-hi"], ["token"], ["api", "hello"]])
def test_the_end_is_announced_from_three_days_before_once_a_day(
    terminal: Terminal, issuer: ProviderSimulator, time: VirtualTime, argv: list[str]
) -> None:
    issuer.session_lifetime, issuer.token_lifetime = 4 * DAY, 10 * DAY
    terminal.login("--audience", issuer.api_url)
    url = {"AWESOME_API_URL": issuer.api_url}
    assert terminal.run(*argv, **url) == 0
    out, none = terminal.out, warnings(terminal)
    time.pass_by(DAY + 60)
    found = []
    for pause in (0, 3600, DAY, 60):
        time.pass_by(pause)
        assert terminal.run("-q", *argv, **url) == 0
        assert terminal.out == out
        found.append(warnings(terminal))
    warning = "Warning: This session ends 19 Jan 08:00. To sign in anew before that: awesome login --force"
    assert [none, *found] == [[], [warning], [], [warning], []]
    time.pass_by(3 * DAY)
    assert terminal.run(*argv, **url) == 0
    assert warnings(terminal) == []  # it has ended


def test_each_profile_is_warned_of_its_own_end(terminal: Terminal, issuer: ProviderSimulator) -> None:
    issuer.session_lifetime = DAY
    terminal.login()
    terminal.login("--profile", "work")
    for options in ([], ["--profile", "work"]):
        assert terminal.run("token", *options) == 0
        assert len(warnings(terminal)) == 1
        assert terminal.run("token", *options) == 0
        assert warnings(terminal) == []
    assert "To sign in anew before that: awesome login --profile work --force" not in terminal.err
    index = json.loads((terminal.environment.state_dir / "sessions.json").read_text("utf-8"))
    assert set(index["warned_at"]) == {"default", "work"}
    assert terminal.run("logout") == 0
    index = json.loads((terminal.environment.state_dir / "sessions.json").read_text("utf-8"))
    assert set(index["warned_at"]) == {"work"}


def test_a_warning_that_cannot_be_recorded_is_repeated(terminal: Terminal, issuer: ProviderSimulator) -> None:
    issuer.session_lifetime = DAY
    terminal.login()
    state = terminal.environment.state_dir / "sessions.json"
    text = state.read_text("utf-8")
    for _ in range(2):
        state.write_text(text.replace('"profiles"', '"warned_at": {"default": "yesterday"}, "profiles"'), "utf-8")
        assert terminal.run("say-hi") == 0
        assert len(warnings(terminal)) == 1


def test_commands_that_show_the_end_do_not_warn_of_it(terminal: Terminal, issuer: ProviderSimulator) -> None:
    issuer.session_lifetime = DAY
    terminal.login()
    assert terminal.run("whoami") == 0
    assert warnings(terminal) == []
