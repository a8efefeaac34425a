"""What ``awesome login`` shows on terminals of several sizes and kinds, in virtual time."""

from __future__ import annotations

import base64
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from keyring.backends.fail import Keyring
from keyring.errors import KeyringLocked

from awesome_cli.cli import login_screen
from awesome_cli.cli.qr_code import BLOCKS, DARK_ON_LIGHT
from awesome_cli.cli.style import StreamStyle
from awesome_cli.testing.hostile import ABSENT, DISCOVERY, ChangeMembers, Delay, Disconnect, Respond
from awesome_cli.testing.keyring import MemoryKeyring
from awesome_cli.testing.terminal import Stream
from support.rendering import ERASED, live_lines, rendered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.terminal import Terminal

URL = "https://tenant.eu.auth0.com/activate"
CODE = "WDJB-MJHT"
PENDING = Respond(403, {"error": "authorization_pending"})
SLOW_DOWN = Respond(429, {"error": "slow_down"})
COLOURS: dict[str, Any] = {"NO_COLOR": "", "TERM": "xterm-256color"}

WIDE = f"""\
Signing in at provider.example

  1  Open   {URL}?user_code={CODE}
  2  Check  that the page shows  {CODE}

  Valid for 15 minutes. Approve only if you started this sign-in yourself.

⠋ Waiting for approval · expires in 14:55 · Ctrl-C ends it"""
NARROW = f"""\
Signing in at provider.example

 Open
 {URL}
 Enter  {CODE}

 Valid for 15 minutes.
 Approve only if you started this.

⠋ Waiting · 14:55 · Ctrl-C ends it"""
ENTER = f"""\
Signing in at provider.example

  1  Open   https://microsoft.com/devicelogin
  2  Enter  {CODE}

  Valid for 15 minutes. Approve only if you started this sign-in yourself.

⠋ Waiting for approval · expires in 14:55 · Ctrl-C ends it"""


@pytest.fixture
def at_terminal(terminal: Terminal) -> Terminal:
    """A terminal whose browser does not open, at a provider with the URL of an Auth0 tenant."""
    terminal.interactive = terminal.issuer.auto_approve = True
    terminal.set(open_browser=lambda _: False)
    show(terminal, verification_uri=URL, verification_uri_complete=f"{URL}?user_code={CODE}")
    return terminal


def show(terminal: Terminal, **members: Any) -> None:  # noqa: ANN401 - JSON
    terminal.provider.always("/device/code", ChangeMembers(user_code=CODE, **members))


def sign_in(terminal: Terminal, *options: str, columns: int = 80, rows: int = 24, **environ: Any) -> list[str]:  # noqa: ANN401 - as a terminal takes them
    """Sign in, and return what is visible while the first poll is sent; all of the output stays in ``err``."""
    terminal.provider.at("/token", PENDING)
    assert terminal.run("login", *options, COLUMNS=str(columns), LINES=str(rows), **environ) == 0, terminal.err
    assert max(map(len, live_lines(terminal.err)), default=0) < columns
    waiting = terminal.err.partition("✓ Signed in")[0].rpartition(ERASED)[0]
    lines = rendered(waiting, columns, rows)
    return [*lines[:-1], re.sub(r"^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", "⠋", re.sub(r"14:5\d", "14:55", lines[-1]))]


@pytest.mark.parametrize("rows", [24, 50])
@pytest.mark.parametrize(("columns", "expected"), [(40, NARROW), (80, WIDE), (200, WIDE)])
def test_url_and_code_are_the_last_thing_on_the_screen(
    at_terminal: Terminal, columns: int, expected: str, rows: int
) -> None:
    assert sign_in(at_terminal, "--no-qr", columns=columns, rows=rows) == expected.splitlines()


@pytest.mark.parametrize("columns", [80, 200])
def test_without_a_complete_url_the_code_is_to_be_entered(at_terminal: Terminal, columns: int) -> None:
    show(at_terminal, verification_uri="https://microsoft.com/devicelogin", verification_uri_complete=ABSENT)
    assert sign_in(at_terminal, "--no-qr", columns=columns) == ENTER.splitlines()


def test_a_long_url_has_a_line_of_its_own(at_terminal: Terminal) -> None:
    url = f"{URL}?user_code={CODE}&ui_locales=en-US"
    show(at_terminal, verification_uri=URL, verification_uri_complete=url)
    lines = sign_in(at_terminal, "--no-qr")
    assert lines[2:5] == ["  1  Open", f"  {url}", f"  2  Check  that the page shows  {CODE}"]


def test_a_url_that_fits_nowhere_is_shown_whole(at_terminal: Terminal) -> None:
    url = f"https://id.example.com/{'x' * 70}"
    show(at_terminal, verification_uri=url, verification_uri_complete=ABSENT)
    sign_in(at_terminal, "--no-qr", columns=40)
    assert f"\n{url}\n Enter  {CODE}\n" in at_terminal.err


def test_a_long_code_at_a_narrow_window_has_no_words_beside_it(at_terminal: Terminal) -> None:
    url, code = "https://x.example/d", "WDJB-MJHT-WDJB-MJHT"
    members = {"user_code": code, "verification_uri": url, "verification_uri_complete": f"{url}?c"}
    at_terminal.provider.always("/device/code", ChangeMembers(**members))
    assert f" Check  {code}" in sign_in(at_terminal, "--no-qr", columns=40)


def test_the_qr_code_is_above_the_words_and_dark_on_light(at_terminal: Terminal) -> None:
    heading, _, *qr_code = sign_in(at_terminal, rows=50, **COLOURS)
    expected_heading, *words = WIDE.splitlines()
    qr_code, below = qr_code[: -len(words) - 1], qr_code[-len(words) - 1 :]
    assert heading == expected_heading
    assert below == ["  Scan the code, or", *words]
    assert set("".join(qr_code)) == {*BLOCKS.values()}
    assert at_terminal.err.count(DARK_ON_LIGHT) == len(qr_code)


@pytest.mark.parametrize(
    ("columns", "rows", "environ"),
    [
        (80, 24, COLOURS),
        (36, 60, COLOURS),
        (80, 60, {"NO_COLOR": "1"}),
        (80, 60, {"NO_COLOR": "", "AWESOME_PLAIN": "1"}),
    ],
    ids=["too low", "too narrow", "no colours", "read aloud"],
)
def test_a_qr_code_is_drawn_where_it_fits_and_where_it_is_asked_for(
    at_terminal: Terminal, columns: int, rows: int, environ: dict[str, Any]
) -> None:
    screen: dict[str, Any] = {"COLUMNS": str(columns), "LINES": str(rows), **environ}
    assert at_terminal.run("login", **screen) == 0
    assert "▄" not in at_terminal.err
    assert at_terminal.run("login", "--force", "--qr", **screen) == 0
    assert "▄" in at_terminal.err


def test_the_qr_code_of_a_loopback_address_is_not_drawn(at_terminal: Terminal) -> None:
    at_terminal.issuer.url = "http://127.0.0.1:8765/"
    at_terminal.at(at_terminal.issuer.url)
    page = "http://127.0.0.1:8765/activate"
    show(at_terminal, verification_uri=page, verification_uri_complete=f"{page}?user_code={CODE}")
    sign_in(at_terminal, rows=60, **COLOURS)
    assert "▄" not in at_terminal.err


def test_an_encoding_without_blocks_gets_no_qr_code_even_if_it_is_asked_for(
    at_terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stream, "encoding", property(lambda _: "latin-1"), raising=False)
    at_terminal.provider.at("/token", PENDING)
    assert at_terminal.run("login", "--qr", LINES="60") == 0
    assert at_terminal.err.isascii()
    assert live_lines(at_terminal.err)[0] == "| Waiting for approval | expires in 15:00 | Ctrl-C ends it"
    assert "ok Signed in as Juan" in at_terminal.err


def test_an_open_browser_is_said_and_makes_the_qr_code_superfluous(at_terminal: Terminal) -> None:
    at_terminal.set(open_browser=lambda _: True)
    lines = sign_in(at_terminal, rows=60, **COLOURS)
    assert lines[-1] == "⠋ Browser opened. Waiting for approval · expires in 14:55 · Ctrl-C ends it"
    assert "▄" not in at_terminal.err
    assert sign_in(at_terminal, "--force", columns=44)[-1] == "⠋ Browser opened · 14:55 · Ctrl-C ends it"
    assert sign_in(at_terminal, "--force", columns=30)[-1] == "⠋ Browser opened · 14:55"


def test_the_live_line_says_what_the_polls_find(at_terminal: Terminal) -> None:
    at_terminal.provider.at("/token", PENDING, SLOW_DOWN, Disconnect(), Respond(502, b"oops"), PENDING)
    sign_in(at_terminal)
    states = [line.split(" · ")[0][2:] for line in live_lines(at_terminal.err)]
    changes = [state for state, before in zip(states, ["", *states], strict=False) if state != before]
    assert changes == [
        "Waiting for approval",
        "The provider asks to slow down",
        "No connection, next try in 20 s",
        "Provider error, next try in 20 s",
        "Waiting for approval",
    ]


def test_the_time_left_counts_down(at_terminal: Terminal) -> None:
    at_terminal.provider.at("/token", *[PENDING] * 16)
    sign_in(at_terminal)
    left = [re.findall(r"expires in (\d+:\d\d)", line)[0] for line in live_lines(at_terminal.err)]
    assert left == sorted(left, reverse=True)
    assert (left[0], left[-1]) == ("15:00", "13:30")


def test_the_time_left_is_that_until_the_login_ends(at_terminal: Terminal) -> None:
    sign_in(at_terminal, "--timeout", "90")
    assert "gives up in 1:30 · " in live_lines(at_terminal.err)[0]


def test_a_provider_that_is_silent_is_named(at_terminal: Terminal) -> None:
    at_terminal.provider.at(DISCOVERY, Delay(3)).at("/token", PENDING, Delay(4))
    sign_in(at_terminal)
    assert live_lines(at_terminal.err)[0].endswith(" Contacting provider.example · Ctrl-C ends it")
    waiting = [line for line in live_lines(at_terminal.err) if "expires in" in line]
    assert any(re.search(r"Contacting provider\.example · expires in 14:\d\d", line) for line in waiting)


@pytest.mark.parametrize("environ", [{"AWESOME_PLAIN": "1"}, {"TERM": "dumb"}], ids=str)
def test_where_nothing_can_be_redrawn_each_state_is_said_once(at_terminal: Terminal, environ: dict[str, Any]) -> None:
    at_terminal.provider.at(DISCOVERY, Delay(3))
    at_terminal.provider.at("/token", PENDING, SLOW_DOWN, SLOW_DOWN, Disconnect(), PENDING, Disconnect())
    assert at_terminal.run("login", NO_COLOR="", **environ) == 0
    assert "\033" not in at_terminal.err
    assert "\r" not in at_terminal.err
    lines = [line for line in at_terminal.err.splitlines() if line and line[0] not in " ✓"]
    assert lines == [
        "Contacting provider.example ...",
        "Signing in at provider.example",
        "Waiting for approval. Ctrl-C ends it.",
        "The provider asks to slow down.",
        "No connection, next try in 30 s.",
        "Waiting for approval.",
    ]


def test_with_quiet_there_is_no_live_line(at_terminal: Terminal) -> None:
    at_terminal.provider.at("/token", PENDING)
    assert at_terminal.run("login", "--quiet") == 0
    assert at_terminal.err.splitlines() == [line for line in WIDE.splitlines() if line.startswith("  ")]


@pytest.fixture
def pressed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that are pressed, one for each look at the keyboard."""
    keys: list[str] = []

    @contextmanager
    def press(_: object) -> Iterator[object]:
        yield lambda: keys.pop(0) if keys else ""

    monkeypatch.setattr(login_screen, "pressed_keys", press)
    return keys


def test_c_copies_the_link(at_terminal: Terminal, pressed: list[str]) -> None:
    pressed += ["", "x", "c"]
    lines = sign_in(at_terminal, "--no-qr")
    first, *_, last = live_lines(at_terminal.err)
    assert first == "⠋ Waiting for approval · expires in 15:00 · c copies the link · Ctrl-C ends it"
    assert lines[-1] == "⠋ Waiting for approval · expires in 14:55 · Link copied · Ctrl-C ends it"
    assert "Link copied" in last
    link = base64.b64encode(f"{URL}?user_code={CODE}".encode()).decode()
    assert at_terminal.err.count(f"\033]52;c;{link}\a") == 1


@pytest.mark.parametrize(
    "environ", [{"TERM": "linux"}, {"TERM_PROGRAM": "Apple_Terminal"}, {"VTE_VERSION": "7600"}], ids=str
)
def test_a_terminal_that_takes_no_text_for_the_clipboard_gets_none(
    at_terminal: Terminal, pressed: list[str], environ: dict[str, Any]
) -> None:
    pressed += ["c"]
    assert "c copies" not in sign_in(at_terminal, "--no-qr", **environ)[-1]
    assert "]52;" not in at_terminal.err


def test_q_shows_the_qr_code_that_was_left_out(at_terminal: Terminal, pressed: list[str]) -> None:
    pressed += ["", "q", "q"]
    screen = sign_in(at_terminal, **COLOURS)
    assert live_lines(at_terminal.err)[0] == (
        "⠋ Waiting · 15:00 · c copies the link · q shows a QR code · Ctrl-C ends it"
    )
    words = WIDE.splitlines()
    assert len(screen) <= 24
    assert screen[-4:-1] == ["  Scan the code, or", *words[2:4]]
    assert at_terminal.err.count("Scan the code") == 1


@pytest.mark.parametrize(("columns", "rows"), [(36, 24), (80, 20)])
def test_q_is_not_offered_where_the_qr_code_would_not_fit_even_so(
    at_terminal: Terminal, pressed: list[str], columns: int, rows: int
) -> None:
    pressed += ["q"]
    sign_in(at_terminal, columns=columns, rows=rows, **COLOURS)
    assert "▄" not in at_terminal.err


def test_after_a_login_the_store_and_the_next_commands_are_named(at_terminal: Terminal) -> None:
    options = ("--client-id", "test-client", "--profile", "work")
    assert at_terminal.run("login", *options, HOME=str(at_terminal.home)) == 0
    assert (
        "✓ Signed in as Juan <juan@example.com> at provider.example\n"
        f"  Session in memory; settings in ~{os.sep}config{os.sep}config.toml\n"
        "  Next: awesome say-hi --profile work · awesome whoami --profile work\n"
    ) in at_terminal.err
    at_terminal.set_variables(AWESOME_API_URL="https://api.example/")
    assert at_terminal.run("login", "--force") == 0
    assert "  Next: awesome say-hi · awesome whoami · awesome api PATH\n" in at_terminal.err
    at_terminal.interactive = False
    at_terminal.login("--force", *options)
    assert f"settings in {at_terminal.environment.config_dir / 'config.toml'}\n" in at_terminal.err


@pytest.mark.parametrize("source", ["flag", "config.toml", "answer"])
def test_an_issuer_that_lacks_a_slash_is_taken_over_as_the_provider_spells_it(
    at_terminal: Terminal, source: str
) -> None:
    issuer = "https://provider.example"
    config = at_terminal.environment.config_dir / "config.toml"
    if source == "config.toml":
        config.parent.mkdir()
        config.write_text(f'[profiles.default]\nissuer = "{issuer}"\nclient_id = "test-client"\n', "utf-8")
    flags = ["--issuer", issuer] if source == "flag" else []
    answers = f"{issuer}\ntest-client\n" if source == "answer" else ""
    client_id = None if source == "answer" else "test-client"
    code = at_terminal.run("login", *flags, stdin=answers, AWESOME_ISSUER=None, AWESOME_CLIENT_ID=client_id)
    assert code == 0, at_terminal.err
    assert "The provider spells its issuer https://provider.example/; that is used.\n" in at_terminal.err
    assert 'issuer = "https://provider.example/"' in config.read_text("utf-8")
    assert at_terminal.run("say-hi", AWESOME_ISSUER=None) == 0


def test_an_issuer_from_a_variable_or_without_a_terminal_must_be_exact(at_terminal: Terminal) -> None:
    assert at_terminal.run("login", AWESOME_ISSUER="https://provider.example") == 7
    assert at_terminal.run("login", "--issuer", "https://provider.example/other") == 7
    at_terminal.interactive = False
    assert at_terminal.run("login", "--issuer", "https://provider.example") == 7
    assert "The provider calls itself https://provider.example/, not https://provider.example." in at_terminal.err


def test_without_a_keyring_settings_are_asked_for_first_and_a_file_is_offered_then(at_terminal: Terminal) -> None:
    at_terminal.set(keyring=Keyring())  # type: ignore[no-untyped-call]  # keyring leaves this one untyped
    nothing: dict[str, Any] = {"AWESOME_ISSUER": None, "AWESOME_CLIENT_ID": None}
    answers = "https://provider.example/\ntest-client\n"
    assert at_terminal.run("login", stdin=f"{answers}\n", **nothing) == 9
    question = (
        "No keyring is available on this system. Keep the session in a plain file instead, readable by whoever reads"
        " your files? [y/N] "
    )
    assert f"Client ID: {question}Error: No keyring is available" in at_terminal.err
    assert at_terminal.run("login", stdin=f"{answers}y\n", **nothing) == 0
    assert at_terminal.run("whoami", **nothing) == 0
    assert f"Kept in       a plain file: {at_terminal.environment.state_dir}" in at_terminal.out


def test_say_hi_asks_whether_to_sign_in_anew_after_the_session_has_ended(at_terminal: Terminal) -> None:
    at_terminal.login("--scope", "openid")
    at_terminal.time.pass_by(4_000)
    assert at_terminal.run("say-hi", stdin="n\n") == 4
    assert at_terminal.err.startswith("The session has expired and has no refresh token. Sign in now? [Y/n] ")
    assert at_terminal.run("say-hi", stdin="\n") == 0


@pytest.mark.parametrize("columns", [1, 2, 10, 20])
def test_a_tiny_window_gets_what_fits(at_terminal: Terminal, columns: int) -> None:
    at_terminal.provider.at("/token", PENDING)
    assert at_terminal.run("login", COLUMNS=str(columns), LINES="1") == 0
    assert all(len(line) < max(columns, 1) for line in live_lines(at_terminal.err))
    assert CODE in at_terminal.err


def test_at_forty_columns_the_time_left_is_never_cut(at_terminal: Terminal) -> None:
    at_terminal.provider.at("/token", SLOW_DOWN, Disconnect(), Respond(502, b""), Delay(3))
    sign_in(at_terminal, "--no-qr", columns=40)
    found = live_lines(at_terminal.err)
    assert all(re.search(r" · \d+:\d\d( · |$)", line) for line in found)
    states = {line[2:].partition(" · ")[0] for line in found}
    assert {"Asked to slow down", "Offline, retry in 20 s", "Provider error, retry in 20 s"} <= states


def test_a_wait_beyond_the_end_of_the_code_is_not_announced(at_terminal: Terminal) -> None:
    at_terminal.provider.at("/token", Respond(429, b"", {"retry-after": "999999"}))
    assert at_terminal.run("login") == 7
    assert "Provider error · expires in" in at_terminal.err
    assert "next try" not in at_terminal.err


def test_a_clock_that_is_set_back_adds_no_time(at_terminal: Terminal) -> None:
    at_terminal.provider.at("/token", PENDING)
    begun = at_terminal.time.now()
    at_terminal.set(now=lambda: at_terminal.time.now() - (3600 if at_terminal.time.now() > begun + 2 else 0))
    assert at_terminal.run("login") in (0, 8)
    assert {re.findall(r"expires in (\d+):", line)[0] for line in live_lines(at_terminal.err)} <= {"14", "15"}


def test_nothing_is_drawn_while_another_program_has_the_terminal(
    at_terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StreamStyle, "is_in_foreground", False)
    assert at_terminal.run("login") == 0
    assert ERASED not in at_terminal.err
    assert "Waiting" not in at_terminal.err


def test_keys_that_cannot_be_read_any_more_are_not_offered(
    at_terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str | None] = ["", "", None]

    @contextmanager
    def press(_: object) -> Iterator[object]:
        yield lambda: keys.pop(0) if keys else None

    monkeypatch.setattr(login_screen, "pressed_keys", press)
    sign_in(at_terminal, "--no-qr")
    offered = ["c copies the link" in line for line in live_lines(at_terminal.err)]
    assert offered[0]
    assert not offered[-1]


def test_a_provider_that_changes_its_issuer_again_is_refused(at_terminal: Terminal) -> None:
    at_terminal.provider.at(DISCOVERY, ChangeMembers(issuer="https://provider.example"))
    at_terminal.provider.at(DISCOVERY, ChangeMembers(issuer="https://provider.example/"))
    assert at_terminal.run("login", "--issuer", "https://provider.example/", AWESOME_ISSUER=None) == 7
    assert at_terminal.err.count("that is used") == 1
    assert at_terminal.paths == [DISCOVERY, DISCOVERY]


def test_an_issuer_without_its_slash_is_that_of_the_session(at_terminal: Terminal) -> None:
    at_terminal.login()
    assert at_terminal.run("login", "--issuer", "https://provider.example", AWESOME_ISSUER=None) == 0
    assert "You are already signed in" in at_terminal.err
    at_terminal.interactive = False
    assert at_terminal.run("login", "--issuer", "https://provider.example", AWESOME_ISSUER=None) == 7


def test_advice_names_the_profile(at_terminal: Terminal) -> None:
    at_terminal.login("--profile", "work", "--scope", "openid")
    assert "ask for them: awesome login --profile work --force --scope" in at_terminal.err
    assert at_terminal.run("login", "--profile", "work") == 0
    assert "To sign in anew: awesome login --profile work --force\n" in at_terminal.err


def test_a_session_in_the_keyring_does_not_move_to_a_file_without_a_word(at_terminal: Terminal) -> None:
    at_terminal.login()
    assert at_terminal.run("login", "--insecure-storage") == 0
    hint = "The session stays in the keyring. To keep it in a file: awesome login --force --insecure-storage\n"
    assert hint in at_terminal.err
    assert at_terminal.run("login", "--force", "--insecure-storage") == 0
    assert at_terminal.run("login", "--insecure-storage") == 0
    assert hint not in at_terminal.err


def test_a_session_in_a_file_is_renewed_there_if_there_is_no_keyring_and_the_user_agrees(at_terminal: Terminal) -> None:
    at_terminal.login("--insecure-storage")
    at_terminal.set(keyring=Keyring())  # type: ignore[no-untyped-call]  # keyring leaves this one untyped
    assert at_terminal.run("login", "--force", stdin="n\n") == 9
    assert "replaces" not in at_terminal.err
    assert at_terminal.run("login", "--force", stdin="y\n") == 0
    assert "Session in a plain file: " in at_terminal.err
    at_terminal.interactive = False
    assert at_terminal.run("login", "--force") == 9


def test_a_session_in_a_file_does_not_hide_that_the_keyring_is_locked(at_terminal: Terminal) -> None:
    class Locked(MemoryKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            raise KeyringLocked(service, username)

    at_terminal.login("--insecure-storage")
    at_terminal.set(keyring=Locked())
    assert at_terminal.run("login", "--force", stdin="y\n") == 9
    assert "Error: The keyring is locked.\nHint: Unlock it, when it asks or in its own application" in at_terminal.err


@pytest.mark.parametrize("stdin", ["", "provider.example"])
def test_the_end_of_input_ends_the_line_of_the_question(at_terminal: Terminal, stdin: str) -> None:
    assert at_terminal.run("login", stdin=stdin, AWESOME_ISSUER=None, AWESOME_CLIENT_ID=None) == 3
    assert "\nError: The " in at_terminal.err


def test_a_question_is_wrapped_like_everything_else(at_terminal: Terminal) -> None:
    at_terminal.set(keyring=Keyring())  # type: ignore[no-untyped-call]  # keyring leaves this one untyped
    assert at_terminal.run("login", stdin="\n", COLUMNS="40") == 9
    question = at_terminal.err.partition(" [y/N] ")[0].splitlines()
    assert max(map(len, question)) <= 40
    assert " ".join(question).endswith("whoever reads your files?")
