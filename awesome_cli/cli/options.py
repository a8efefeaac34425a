"""What options of several commands have in common, and the options that all commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.main import get_command

from awesome_cli.cli import command_line
from awesome_cli.cli.context import CommandContext
from awesome_cli.errors import AwesomeError
from awesome_cli.text import safe


def examples(*lines: str) -> str:
    r"""Return the end of a command's help; ``\b`` keeps its lines from being wrapped."""
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])


def seconds(text: str | float) -> float:
    """Parse a number of seconds. Raises BadParameter."""
    number = command_line.seconds(text)
    if number is None:
        raise typer.BadParameter(f"{safe(str(text), 40)!r} is not a number of seconds.")
    return number


def options_of(function: Callable[..., None]) -> list[Any]:
    """Return the options that Typer makes of a function's parameters; what they are for is done by their callbacks."""
    app = typer.Typer(add_completion=False)
    app.command(add_help_option=False)(function)
    parameters: list[Any] = get_command(app).params
    for parameter in parameters:
        parameter.expose_value = False
    return parameters


def common_options(context: CommandContext) -> list[Any]:
    """Return the options of all commands; they act on ``context``."""
    prefix, console = context.brand.env_prefix, context.console

    def choose_profile(name: str | None) -> None:
        if name is not None:
            context.choose_profile(name)

    def set_verbose(verbose: bool) -> None:  # noqa: FBT001 - Typer's call
        console.verbose = console.verbose or verbose

    def set_quiet(quiet: bool) -> None:  # noqa: FBT001 - the same
        console.quiet = console.quiet or quiet

    def options(
        *,
        profile: str | None = typer.Option(
            None,
            metavar="NAME",
            help=f"The profile to use (default: {prefix}PROFILE, else that of 'profiles use').",
            callback=choose_profile,
            autocompletion=lambda: [*profile_names(context)],
        ),
        verbose: bool = typer.Option(
            False, "--verbose", help="Tell more on stderr; never a secret.", callback=set_verbose
        ),
        quiet: bool = typer.Option(
            False,
            "--quiet",
            "-q",
            help="Tell less on stderr: warnings, errors and what you must do.",
            callback=set_quiet,
        ),
    ) -> None: ...

    return options_of(options)


def add_options(command: Any, options: list[Any]) -> None:  # noqa: ANN401 - Click is private to Typer
    """Add options to a command, unless it has one of that spelling."""
    taken = {spelling for parameter in command.params for spelling in parameter.opts}
    command.params.extend(option for option in options if not taken & set(option.opts))


def add_missing_options(command: Any, options: list[Any]) -> None:  # noqa: ANN401 - Click is private to Typer
    """Add options to a command and its subcommands, where people type them, unless it has one of that spelling."""
    add_options(command, options)
    for child in getattr(command, "commands", {}).values():
        add_missing_options(child, options)


def complete_profile(ctx: typer.Context) -> list[str]:
    """Return the completions of an argument of a built-in command that names a profile."""
    return profile_names(ctx.obj)


def profile_names(context: CommandContext) -> list[str]:
    """Return the profiles; none instead of an error, which a shell would not show."""
    try:
        return context.account.settings.names
    except AwesomeError:
        return []
