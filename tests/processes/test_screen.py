"""The program in a real terminal: what is visible, what keys do, and what is left behind."""

from __future__ import annotations

import base64
import contextlib
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from awesome_cli.cli.style import SPINNERS
from awesome_cli.testing.hostile import ChangeMembers, HostileProvider, serve_hostile
from support.process import Program

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are those of POSIX", allow_module_level=True)

from support.screen import Screen, screen

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://tenant.eu.auth0.com/activate"


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    """A provider that waits for approval, with the URL of an Auth0 tenant."""
    with serve_hostile(interval=0.2) as provider:
        provider.always(
            "/device/code",
            ChangeMembers(verification_uri=URL, verification_uri_complete=lambda old: f"{URL}?{old.partition('?')[2]}"),
        )
        yield provider


@pytest.fixture
def program(tmp_path: Path, provider: HostileProvider) -> Program:
    return Program(tmp_path, is_measured=True).at(provider.url)


@contextlib.contextmanager
def login(program: Program, columns: int = 80, rows: int = 24, **environ: str) -> Iterator[tuple[Screen, str]]:
    """Run ``login`` during the block; yield the terminal, once it waits, and the code."""
    with screen([*program.command, "login"], {**program.variables, **environ}, columns=columns, rows=rows) as terminal:
        terminal.wait_until(lambda: any(line[0] in SPINNERS[0] for line in terminal.lines if line))
        yield terminal, next(word for word in terminal.text.split() if re.fullmatch("[A-Z]{4}-[A-Z]{4}", word))


@pytest.mark.parametrize("rows", [24, 50])
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_url_and_code_stay_visible_below_whatever_came_before(
    program: Program, provider: HostileProvider, columns: int, rows: int
) -> None:
    with login(program, columns, rows, SSH_CONNECTION="10.0.0.1 22") as (terminal, code):
        lines = terminal.lines
        assert any(URL in line for line in lines)
        assert (f"Check  that the page shows  {code}" in terminal.text) == (columns >= 80)
        assert (f"Enter  {code}" in terminal.text) == (columns < 80)
        assert ("Scan the code, or" in terminal.text) == (rows == 50)
        assert terminal.cursor_row == len(lines) - 1
        assert provider.issuer.approve(code)
        assert terminal.wait() == 0
        assert "Waiting" not in terminal.text
        assert terminal.lines[-1].endswith("awesome whoami")
        assert terminal.colour_of("✓") == "green"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_the_terminal_as_it_was(program: Program, number: int, code: int) -> None:
    with login(program) as (terminal, _):
        assert not terminal.shows_keys
        terminal.process.send_signal(number)
        assert terminal.wait() == code
        assert terminal.settings == terminal.settings_before
        assert "Waiting" not in terminal.text


def test_keys_are_read_while_the_login_waits(program: Program, provider: HostileProvider) -> None:
    with login(program) as (terminal, code):
        terminal.press("c")
        terminal.wait_for("Link copied")
        link = base64.b64encode(f"{URL}?user_code={code}".encode())
        assert b"\033]52;c;" + link + b"\a" in terminal.output
        terminal.press("q")
        terminal.wait_for("Scan the code")
        assert f"Check  that the page shows  {code}" in terminal.text
        terminal.press("\x03")
        assert terminal.wait() == 130
        assert terminal.lines[-1] == "Interrupted."
    assert provider.issuer.active_grants == 0


def test_what_is_typed_for_the_next_program_is_left_to_it(program: Program, provider: HostileProvider) -> None:
    """As when several commands are pasted at once."""
    script = '"$@"; read -r line; echo "next: $line"'
    argv = ["/bin/sh", "-c", script, "sh", *program.command, "login"]
    with screen(argv, program.variables) as terminal:
        terminal.wait_for("Ctrl-C ends it")
        terminal.press("awesome say-hi\n")
        (code,) = (grant.user_code for grant in provider.issuer._grants.values())  # noqa: SLF001 - nobody else knows it
        assert provider.issuer.approve(code)
        terminal.wait_for("next: awesome say-hi")


def test_waiting_costs_less_than_half_a_percent_of_a_core(program: Program, provider: HostileProvider) -> None:
    program.is_measured, provider.issuer.interval = False, 5
    with login(program) as (terminal, _):
        tasks = Path(f"/proc/{terminal.process.pid}/task")
        if not tasks.exists():
            pytest.skip("the time of a process is read from Linux's /proc")

        def used() -> float:
            return sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks.iterdir()) / 1e9

        begun, before = time.monotonic(), used()
        while time.monotonic() - begun < 10:
            assert terminal.lines
            time.sleep(0.5)
        assert (used() - before) / (time.monotonic() - begun) < 0.005
