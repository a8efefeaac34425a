"""``awesome say-hi``, and what ``awesome login`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from keyring.backends.fail import Keyring

from awesome_cli.cli.format import duration
from awesome_cli.cli.qr_code import BORDER, QrCode

if TYPE_CHECKING:
    from support.terminal import Terminal


def test_say_hi_greets_the_user_after_a_login(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Juan!\n"
    assert terminal.paths == []


@pytest.mark.parametrize(("answer", "code"), [("\n", 0), ("y\n", 0), ("n\n", 4), ("", 4)])
def test_on_a_terminal_say_hi_offers_to_sign_in(terminal: Terminal, answer: str, code: int) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    assert terminal.run("say-hi", stdin=answer) == code
    assert terminal.err.startswith("You are not signed in. Sign in now? [Y/n] ")
    assert terminal.out == ("Welcome Juan!\n" if code == 0 else "")


def test_without_a_terminal_say_hi_does_not_prompt(terminal: Terminal) -> None:
    assert terminal.run("say-hi") == 4
    assert "?" not in terminal.err
    assert terminal.paths == []


def test_login_shows_url_code_validity_and_advice_in_this_order(terminal: Terminal) -> None:
    terminal.login()
    heading, url, code, advice = filter(None, terminal.err.splitlines()[:6])
    assert heading == "Signing in at provider.example"
    assert "https://provider.example/activate?user_code=" in url
    assert code.split()[-1] == url.rpartition("=")[2]
    assert "15 minutes" in advice
    assert "only if you started this" in advice
    assert terminal.out == ""


def test_login_on_a_terminal_opens_the_browser(terminal: Terminal) -> None:
    terminal.interactive = True
    terminal.login()
    (url,) = terminal.opened
    assert url.startswith("https://provider.example/activate?user_code=")
    assert "▄" not in terminal.err


@pytest.mark.parametrize("options", [("--no-browser",), ("--no-browser", "--qr")])
def test_login_on_a_terminal_without_a_browser_shows_a_qr_code(terminal: Terminal, options: tuple[str, ...]) -> None:
    terminal.interactive = True
    terminal.set_variables(NO_COLOR="", LINES="60")
    terminal.login(*options)
    assert terminal.opened == []
    assert "▄" in terminal.err


def test_a_short_url_does_not_become_a_micro_qr_code() -> None:
    assert QrCode("https://x.io/d").columns - 2 * BORDER >= 21


def test_login_over_ssh_opens_no_browser(terminal: Terminal) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    assert terminal.run("login", "--no-qr", SSH_CONNECTION="10.0.0.1 22") == 0
    assert terminal.opened == []
    assert "▄" not in terminal.err


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
def test_an_invalid_login_timeout_is_a_usage_error(terminal: Terminal, seconds: str) -> None:
    assert terminal.run("login", "--timeout", seconds) == 2
    assert terminal.paths == []


@pytest.mark.parametrize(("behind", "words"), [(240.0, "4 min behind"), (-36_300.0, "605 min ahead of")])
def test_login_reports_a_wrong_clock(terminal: Terminal, behind: float, words: str) -> None:
    terminal.issuer.auto_approve = True
    terminal.set(now=lambda: terminal.time.now() - behind)
    assert terminal.run("login") == 8
    assert f"Hint: Your clock is {words} the provider's." in terminal.err
    assert terminal.keyring.entries() == {}


def test_login_reports_missing_settings_before_a_missing_keyring(terminal: Terminal) -> None:
    terminal.set(keyring=Keyring())  # type: ignore[no-untyped-call]  # keyring leaves this one untyped
    assert terminal.run("login", AWESOME_CLIENT_ID=None) == 3
    assert terminal.run("login") == 9
    assert terminal.paths == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (119, "119 seconds"),
        (900, "15 minutes"),
        (7140, "119 minutes"),
        (86_400, "24 hours"),
        (172_800, "2 days"),
    ],
)
def test_a_duration_is_formatted_with_its_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_ctrl_c_ends_the_whole_demo(terminal: Terminal) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    terminal.set(run=interrupted)
    assert terminal.run("demo") == 130
    assert terminal.out == ""
    assert terminal.err.splitlines()[-1] == "Interrupted."
