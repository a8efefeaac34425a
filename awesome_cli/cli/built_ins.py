"""The built-in commands: each is a Typer app in the module of its name, which is imported when it is called."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from awesome_cli.brand import Brand
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.options import add_missing_options, common_options
from awesome_cli.cli.style import DEFAULT_SIZE
from awesome_cli.errors import UsageError
from awesome_cli.hints import fill_placeholders
from awesome_cli.system.signals import EXIT_CODES
from awesome_cli.text import safe

NARROW = 50  # columns below which the description of an option begins on a line of its own
CLICK_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]  # Typer vendors Click and exports its subclasses alone


def run_built_in(name: str, argv: Sequence[str], context: CommandContext) -> int:
    """Run a built-in command and return its exit code. Raises AwesomeError."""
    return invoke(built_in(name, context), argv, f"{context.brand.name} {name}", context)


def built_in(name: str, context: CommandContext) -> Any:  # noqa: ANN401 - Click's Command is private to Typer
    """Return a built-in command as Click's object."""
    context.is_own_command = False
    module = import_module(f"awesome_cli.cli.{name.replace('-', '_')}")
    command = get_command(module.app)
    command.name = name
    _fill_placeholders(command, context.brand)
    for each in _with_subcommands(command):
        each.context_settings["help_option_names"] = ["-h", "--help"]
    add_missing_options(command, common_options(context))
    return command


def invoke(command: Any, argv: Sequence[str], path: str, context: CommandContext) -> int:  # noqa: ANN401 - as above
    """Run a command of ours; ``path`` is what calls it. Raises UsageError where it does not fit, and AwesomeError.

    Typer returns the exit code of a Ctrl-C; it is raised again.
    """
    _fit_help(command, context.console.out.columns or DEFAULT_SIZE[0])
    try:
        code = command.main(list(argv), prog_name=path, standalone_mode=False, obj=context, windows_expand_args=False)
    except CLICK_USAGE_ERROR as error:
        where = error.ctx.command_path if error.ctx else path
        raise UsageError(safe(error.format_message(), 400), hint=f"See: {where} --help") from error
    if code == EXIT_CODES[signal.SIGINT]:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _fit_help(command: Any, columns: int) -> None:  # noqa: ANN401 - as above
    """Let the help fit into the terminal. Click's own formatter does not go below 50 columns."""
    context_class: Any = TyperCommand.context_class

    class Formatter(context_class.formatter_class):  # type: ignore[misc]  # see above
        def __init__(self, *_: object, **__: object) -> None:
            super().__init__(width=min(columns, DEFAULT_SIZE[0]) - 2)

        def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:  # noqa: ANN401 - see above
            super().write_dl(rows, col_max if self.width >= NARROW else 2, col_spacing)

    fitting_context = type("Context", (context_class,), {"formatter_class": Formatter})
    for each in _with_subcommands(command):
        each.context_class = fitting_context


def _fill_placeholders(command: Any, brand: Brand) -> None:  # noqa: ANN401 - as above
    """Name the program in a command's help: its modules do not know of which program they are part."""
    for each in _with_subcommands(command):
        for documented in (each, *each.params):
            for attribute in ("help", "epilog", "metavar"):
                if text := getattr(documented, attribute, None):
                    setattr(documented, attribute, fill_placeholders(text, brand))
        each.short_help = each.help.partition("\n\n")[0]  # Click cuts a sentence that it takes from there itself


def _with_subcommands(command: Any) -> list[Any]:  # noqa: ANN401 - as above
    return [command, *getattr(command, "commands", {}).values()]
