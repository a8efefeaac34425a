"""Which code a command line is for: the options before the command, a built-in command, or the program's own app.

Before a command only ``--profile``, ``--verbose``, ``--quiet`` and ``--version`` are read. A built-in command is run
without the program's app, which may be slow to import, and without Typer, if ``command_line.py`` can parse its options.
Everything else goes to the app unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from operator import attrgetter
from typing import Any

from awesome_cli.cli.command_line import parse_command_line
from awesome_cli.cli.context import CommandContext, Definition
from awesome_cli.cli.definition import (
    check_definition,
    check_names,
    checked_invocation,
    is_click,
    is_typer,
    require_no_coroutine,
)
from awesome_cli.errors import ProgramError, UsageError
from awesome_cli.system.hidden_variables import show_token_to_children
from awesome_cli.system.signals import raise_during_imports

_SWITCHES = ("--verbose", "--quiet")


def run_command(argv: Sequence[str], context: CommandContext, program: Definition) -> int:
    """Run one command and return its exit code. Raises AwesomeError, and whatever the program's own code raises."""
    if context.environ.get(context.brand.completion_variable):
        return _run_app(argv, context, program)
    line = parse_command_line(argv, context.brand.commands)
    words = [line.command] if line else _read_options([*argv], context)
    if words is None:
        return 0
    if words and words[0] in context.brand.commands:
        if is_typer(program.app):
            check_names(program.app, context.brand.commands)
        if line:
            from awesome_cli.cli.session_commands import run

            return run(line, context)
        from awesome_cli.cli.built_ins import run_built_in

        return run_built_in(words[0], words[1:], context)
    return _run_app(words, context, program)


def _read_options(words: list[str], context: CommandContext) -> list[str] | None:
    """Return the words from the command on; None, if the version was asked for and is printed."""
    while words:
        option, equals, value = words[0].partition("=")
        if words[0] in _SWITCHES:
            setattr(context.console, option.removeprefix("--"), True)
        elif words[0] == "--version":
            context.console.result(context.brand.version_line)
            return None
        elif option == "--profile":
            if not equals:
                del words[0]
                if not words:
                    raise UsageError("The option --profile requires a name.", hint=f"See: {context.brand.name} --help")
                value = words[0]
            context.choose_profile(value)
        else:
            break
        del words[0]
    return words


def _run_app(argv: Sequence[str], context: CommandContext, program: Definition) -> int:
    context.is_own_command = program.app is not None
    if context.is_own_command and context.is_system:
        show_token_to_children()
        raise_during_imports()
    app = _load(program.app)
    if app is None or is_typer(app):
        from awesome_cli.cli.completion import require_completion_request
        from awesome_cli.cli.typer_app import run_own_app, run_root

        require_completion_request(context.environ, context.brand)
        if app is None:
            return run_root(argv, context)
        check_definition(app)
        check_names(app, context.brand.commands)
        return run_own_app(app, argv, context)
    check_definition(app)
    if is_click(app):
        with checked_invocation(app):
            return exit_code(app.main([*argv], prog_name=context.brand.name))
    result = app([*argv])
    require_no_coroutine(result)
    return exit_code(result)


def exit_code(result: object) -> int:
    """Return the exit code that ``sys.exit(result)`` means; text is printed, as there."""
    if result is None or isinstance(result, int):
        return int(result or 0)
    print(result, file=sys.stderr)  # noqa: T201 - as Python does
    return 1


def _load(app: Any) -> Any:  # noqa: ANN401 - a Typer app, a function, text or None
    """Import the app, if it is given as ``"module:attribute"``. Raises ProgramError, if either does not exist."""
    if not isinstance(app, str):
        return app
    name, _, path = app.partition(":")
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):  # it is the module's own mistake
            raise
        raise _cannot_be_imported(app, error) from error
    try:
        found = attrgetter(path)(module)
    except AttributeError as error:
        raise _cannot_be_imported(app, error) from error
    if not callable(found):
        raise ProgramError(f'The app "{app}" is neither a Typer app nor a function.')
    return found


def _cannot_be_imported(app: str, error: Exception) -> ProgramError:
    return ProgramError(f'The app "{app}" cannot be imported ({error}).', hint='It is given as "module:attribute".')
