"""``--version`` and ``--quiet``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from awesome_cli import __version__

if TYPE_CHECKING:
    from support.terminal import Terminal


def test_the_version_is_printed(terminal: Terminal) -> None:
    assert terminal.run("--version") == 0
    assert terminal.out == f"awesome {__version__}\n"


def test_quiet_suppresses_notes_only(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    assert terminal.run("login", "-q") == 0
    assert terminal.err.splitlines() == [
        line for line in terminal.err.splitlines() if re.match(r"  1  Open|  2  Check|  Valid for", line)
    ]
    assert len(terminal.err.splitlines()) == 3  # the instructions for signing in
    for quiet in (["-q", "login"], ["login", "--quiet"]):
        assert terminal.run(*quiet) == 0
        assert terminal.err == ""
    assert terminal.run("login") == 0
    assert terminal.err == (
        "✓ You are already signed in as Juan at provider.example. To sign in anew: awesome login --force\n"
    )
    assert terminal.run("-q", "login", "--force", "--insecure-storage") == 0
    assert "Warning: Your tokens lie as plain text" in terminal.err
    assert terminal.run("-q", "say-hi", "--profile", "nobody") == 4
    assert terminal.err == (
        "Error: You are not signed in (profile nobody).\nHint: Sign in with: awesome login --profile nobody\n"
    )
    assert terminal.run("say-hi", "-q") == 0
    assert terminal.out == "Welcome Juan!\n"


def test_quiet_does_not_undo_verbose(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(7200)
    assert terminal.run("-q", "--verbose", "say-hi") == 0
    assert terminal.err == "  POST https://provider.example/token: HTTP status 200\n"


def test_quiet_applies_to_all_profiles_of_a_logout(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    assert terminal.run("-q", "logout", "--all") == 0
    assert terminal.err == ""
