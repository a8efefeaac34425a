"""Mistakes in the definition of a program that would leave a command unprotected, or never run it.

Typer, click and cyclopts are recognized where they have been imported already; none is imported for that.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from awesome_cli.cli.context import Definition
from awesome_cli.errors import ProgramError


class _Command(NamedTuple):
    """A function that a framework calls. ``runs_async``: whether the framework runs one that is async."""

    function: Callable[..., Any]
    runs_async: bool = False


def check_definition(app: Any, program: Definition) -> None:  # noqa: ANN401 - a Typer app or a function
    """Raise ProgramError with the name of the function that is registered wrongly, or of the command defined twice."""
    commands = [*_commands(app)]
    if inspect.isfunction(app):  # it may parse by any of the frameworks, with an app beside it in its module
        commands = [_Command(app), *(command for other in app.__globals__.values() for command in _commands(other))]
    for function, runs_async in commands:
        if function in program.unprotected:
            raise ProgramError(
                f"{_describe(function)} is registered as a command without the check that somebody is signed in.",
                hint="Place @signed_in below the line that registers the command, directly above the function.",
            )
        if not runs_async and inspect.iscoroutinefunction(function):
            raise ProgramError(
                f"{_describe(function)} is async, and nothing would run it.",
                hint="Decorate it with @signed_in, directly above the function, or call anyio.run in a plain function.",
            )
    if is_typer(app):
        _check_names(app, program.brand.commands)


def is_typer(app: object) -> bool:
    return _is("typer", "Typer", app)


def _commands(app: Any) -> Iterator[_Command]:  # noqa: ANN401 - see above
    if is_typer(app):
        yield from _typer_commands(app)
    elif _is("click", "Command", app):
        yield from _click_commands(app)
    elif _is("cyclopts", "App", app):
        yield from _cyclopts_commands(app)


def _typer_commands(app: Any) -> Iterator[_Command]:  # noqa: ANN401 - a typer.Typer
    for info in (app.registered_callback, *app.registered_commands, *app.registered_groups):
        if info is not None and inspect.isfunction(info.callback):
            yield _Command(info.callback)
    for group in app.registered_groups:
        yield from _typer_commands(group.typer_instance)


def _click_commands(command: Any) -> Iterator[_Command]:  # noqa: ANN401 - a click.Command
    if inspect.isfunction(command.callback):
        yield _Command(command.callback)
    for child in getattr(command, "commands", {}).values():
        yield from _click_commands(child)


def _cyclopts_commands(app: Any) -> Iterator[_Command]:  # noqa: ANN401 - a cyclopts.App
    if inspect.isfunction(app.default_command):
        yield _Command(app.default_command, runs_async=True)
    for name in app:
        if name not in (*app.help_flags, *app.version_flags):
            yield from _cyclopts_commands(app[name])


def _check_names(app: Any, built_in: tuple[str, ...]) -> None:  # noqa: ANN401 - a typer.Typer
    """Raise ProgramError, if a command of the app has the name of a built-in one, which would be called instead."""
    from awesome_cli.cli.typer_app import placeholder

    infos = [info for info in app.registered_commands if info.callback is not placeholder]
    for info in infos:
        name = info.name or info.callback.__name__.lower().replace("_", "-")
        if name in built_in:
            raise ProgramError(
                f"{_describe(info.callback)} is the command {name}, which is a built-in one too.",
                hint="Rename it, or leave the built-in one out of the program's commands.",
            )


def _is(module: str, name: str, value: object) -> bool:
    """Whether a value is an instance of a class of a module that has been imported."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)


def _describe(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = f" ({code.co_filename}, line {code.co_firstlineno})" if code else ""
    return f"The function {function.__qualname__}{where}"
