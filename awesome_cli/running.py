"""Which programs are running a command here, and with which context. Imported when the first one does."""

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
    """Return what the command of a program that is running was given. In a thread: the one that began last."""
    commands = _commands.get(name)
    return _current.get({}).get(name) or (commands[-1] if commands else None)


@contextmanager
def running(name: str, context: CommandContext, *, is_command: bool) -> Iterator[None]:
    """Let a program have this context in the block; in threads too, if it runs a command."""
    token = _current.set({**_current.get({}), name: context})
    commands = _commands.setdefault(name, []) if is_command else []
    commands.append(context)
    try:
        yield
    finally:
        _current.reset(token)
        commands.remove(context)
