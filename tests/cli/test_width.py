"""No line of the program is wider than the terminal because of its own words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from wcwidth import wcswidth

from awesome_cli.brand import BUILT_IN_COMMANDS

if TYPE_CHECKING:
    from support.terminal import Terminal

NAMES = ["陛下", "👑 Queen", "فاطمة", "Zoë"]
SUBCOMMANDS = [["profiles", "show"], ["profiles", "remove"], ["demo", "serve"]]
UNBREAKABLE = 22  # cells; longer words are URLs and paths


def too_wide(output: str, columns: int) -> list[str]:
    lines = re.sub(r"\033(\[[0-9;?]*[A-Za-z]|\][^\033\a]*(\a|\033\\\\))", "", output).split("\n")
    shown = [line.rpartition("\r")[2] for line in lines]
    return [
        line
        for line in shown
        if wcswidth(line) > columns
        and max(map(wcswidth, line.split())) <= UNBREAKABLE
        and not line.lstrip().startswith("awesome ")  # a command alone: it can be pasted only if it is one line
    ]


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("name", NAMES)
def test_output_fits_the_window_whatever_the_name_is(terminal: Terminal, name: str, columns: int) -> None:
    screen: dict[str, Any] = {"COLUMNS": str(columns), "NO_COLOR": ""}
    terminal.issuer.person = {**terminal.issuer.person, "name": name}
    terminal.interactive = True
    terminal.login("--scope", "openid profile")
    for command in (
        ["whoami"],
        ["profiles"],
        ["profiles", "show", "default"],
        ["doctor"],
        ["doctor", "--profile", "other"],
        ["login"],
        ["login", "--force"],
        ["login", "--force", "--insecure-storage"],
        ["say-hi", "--frobnicate"],
        ["api", "hello"],
        ["logout"],
        ["token"],
    ):
        terminal.run(*command, **screen, AWESOME_AUDIENCE="https://api.example/")
        assert too_wide(terminal.out, columns) == []
        assert too_wide(terminal.err, columns) == []


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("command", [[], *([name] for name in BUILT_IN_COMMANDS), *SUBCOMMANDS], ids=" ".join)
def test_help_fits_the_window(terminal: Terminal, command: list[str], columns: int) -> None:
    terminal.interactive = True
    assert terminal.run(*command, "--help", COLUMNS=str(columns)) == 0
    assert not re.search(r"[a-z]\.\.\.", terminal.out)  # no sentence is cut
    texts = terminal.out.partition("Example")[0]  # examples are commands, which are not broken
    assert [line for line in texts.splitlines() if len(line) > columns] == []
    assert [line for line in terminal.out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["login", "--issuer"], "awesome login"),
        (["token", "--min-ttl"], "awesome token"),
        (["api", "-f"], "awesome api"),
        (["login", "--json=1"], "awesome login"),
        (["whoami", "--profile"], "awesome whoami"),
        (["profiles", "show"], "awesome profiles show"),
        (["profiles", "show", "a", "--x"], "awesome profiles show"),
        (["demo", "serve", "--port", "x"], "awesome demo serve"),
        (["--profile"], "awesome"),
        (["logni"], "awesome"),
    ],
    ids=" ".join,
)
def test_the_hint_of_a_usage_error_names_the_help_of_the_command(
    terminal: Terminal, argv: list[str], command: str
) -> None:
    assert terminal.run(*argv) == 2
    assert terminal.err.splitlines()[-1] == f"Hint: See: {command} --help"
