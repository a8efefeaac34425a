"""The current context of each program that is running a command in this process."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awesome_cli.cli.context import CommandContext

_current: ContextVar[dict[str, CommandContext]] = ContextVar("running programs")  # by name: a module may run twice
_commands: dict[str, list[CommandContext]] = {}  # the same, for threads, which inherit no context variable


def context_of(name: str) -> CommandContext | None:
    """Return the context of the program's running command, or None; in a thread that of the last one to begin."""
    commands = _commands.get(name)
    return _current.get({}).get(name) or (commands[-1] if commands else None)


@contextmanager
def running(name: str, context: CommandContext, *, is_command: bool) -> Iterator[None]:
    """Make this the context of a program in the block; of its threads too, if it runs a command."""
    token = _current.set({**_current.get({}), name: context})
    commands = _commands.setdefault(name, []) if is_command else []
    commands.append(context)
    try:
        yield
    finally:
        _current.reset(token)
        commands.remove(context)
