"""The command lines that are read without Typer: exactly as Typer reads them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from typer.main import get_command

from awesome_cli.brand import BUILT_IN_COMMANDS
from awesome_cli.cli import say_hi, session_commands, token, whoami
from awesome_cli.cli.built_ins import built_in
from awesome_cli.cli.command_line import OPTIONS, parse_command_line, seconds
from awesome_cli.cli.context import CommandContext
from support.brand import AWESOME
from support.terminal import Terminal

COMMANDS = tuple(BUILT_IN_COMMANDS)
WORDS = """
    --json --check --id --format --format=json --format= header --min-ttl --min-ttl=5 60 -1 nan 1e3 --profile
    --profile=work work --verbose --quiet -q --help -- x
"""


def test_the_options_are_those_that_the_commands_declare() -> None:
    for module in (say_hi, whoami, token):
        command = get_command(module.app)
        declared = {spelling: parameter.name for parameter in command.params for spelling in parameter.opts}
        declared.pop("--help", None)
        name = str(command.name)
        assert {spelling: option for spelling, (option, _) in OPTIONS[name].items()} == declared


def typer_reads(argv: list[str], terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any] | None:
    """Return what Typer calls the function of a command with, and what became of the common options."""
    context = CommandContext(terminal.environment, AWESOME)
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(session_commands, argv[0].replace("-", "_"), lambda _, **arguments: calls.append(arguments))
    try:
        built_in(argv[0], context).main(argv[1:], standalone_mode=False, obj=context)
    except Exception:  # noqa: BLE001 - whatever is wrong with the words
        return None
    if not calls:
        return None
    console = context.console
    return {"profile": context.named_profile, "verbose": console.verbose, "quiet": console.quiet, **calls[0]}


DEFAULTS: dict[str, dict[str, Any]] = {
    "say-hi": {},
    "whoami": {"check": False, "json": False},
    "token": {"min_ttl": 60.0, "id_token": False, "json": False, "output": None},
}


def lines() -> Iterator[list[str]]:
    """Yield every command with up to two of the words, and with some longer lists of them."""
    chance = random.Random(1)  # noqa: S311 - nothing secret
    some = WORDS.split()
    longer = [chance.choices(some, k=chance.randint(3, 6)) for _ in range(300)]
    for command in OPTIONS:
        for words in [*(words for count in (0, 1, 2) for words in permutations(some, count)), *longer]:
            yield [command, *words]


def test_command_lines_are_read_as_typer_reads_them(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    for argv in lines():
        line = parse_command_line(argv, COMMANDS)
        if line is not None:
            read += 1
            common = {"profile": line.profile, "verbose": line.verbose, "quiet": line.quiet}
            assert typer_reads(argv, terminal, monkeypatch) == common | DEFAULTS[argv[0]] | line.arguments, argv
    assert read > 60


def test_options_before_the_command_are_read_too() -> None:
    line = parse_command_line(["--profile", "work", "--quiet", "token", "--json"], COMMANDS)
    assert line is not None
    assert (line.command, line.profile, line.quiet, line.arguments) == ("token", "work", True, {"json": True})


@pytest.mark.parametrize(
    "argv",
    [[], ["login"], ["--version"], ["--profile"], ["--json", "token"], ["token", "token"], ["--profile", "", "token"]],
    ids=" ".join,
)
def test_everything_else_is_for_typer(argv: list[str]) -> None:
    assert parse_command_line(argv, COMMANDS) is None
    assert parse_command_line(["token"], ("login",)) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0.0), ("1.5", 1.5), ("-1", None), ("nan", None), ("inf", None)])
def test_seconds_are_finite_and_not_negative(text: str, number: float | None) -> None:
    assert seconds(text) == number
