"""Parse command lines of ``say-hi``, ``whoami`` and ``token`` without Typer, whose import takes longer than they do.

Only what Typer would parse in the same way is parsed here. In case of doubt the result is None: then Typer parses the
command line, and reports what is wrong.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    Option = tuple[str, Callable[[str], Any] | None]  # the parameter, and how its value is read; None: a switch


def seconds(text: str | float) -> float | None:
    """Return a number of seconds; None for a negative one, and for ``nan`` and ``inf``, which Python accepts."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


_COMMON: dict[str, Option] = {
    "--profile": ("profile", str),
    "--verbose": ("verbose", None),
    "--quiet": ("quiet", None),
}
OPTIONS: dict[str, dict[str, Option]] = {
    "say-hi": {},
    "whoami": {"--check": ("check", None), "--json": ("json", None)},
    "token": {
        "--min-ttl": ("min_ttl", seconds),
        "--id": ("id_token", None),
        "--json": ("json", None),
        "--format": ("output", str),
    },
}  # as the modules of these commands declare them; a test compares both


class CommandLine:
    """A command and its options: those of all commands, and its own as the arguments of its function."""

    def __init__(self, command: str, common: dict[str, Any], arguments: dict[str, Any]) -> None:
        self.command = command
        self.profile: str | None = common.get("profile")
        self.verbose: bool = common.get("verbose", False)
        self.quiet: bool = common.get("quiet", False)
        self.arguments = arguments


def parse_command_line(argv: Sequence[str], commands: Collection[str]) -> CommandLine | None:
    """Return the command line, if it is for one of the ``commands``; None, if Typer must parse it."""
    words = list(argv)
    found: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    command = ""
    while words:
        word = words.pop(0)
        if not command and word in OPTIONS and word in commands:
            command = word
        elif not _read_option(word, words, command, *found):
            return None
    return CommandLine(command, *found) if command else None


def _read_option(word: str, words: list[str], command: str, common: dict[str, Any], arguments: dict[str, Any]) -> bool:
    """Read an option, and its value, which may be the next of the ``words``. Return whether that was possible."""
    spelling, equals, value = word.partition("=")
    values = common if spelling in _COMMON else arguments
    parameter, convert = _COMMON.get(spelling) or OPTIONS.get(command, {}).get(spelling) or ("", None)
    if not parameter or parameter in values or (equals and convert is None):
        return False
    if convert is None:
        values[parameter] = True
        return True
    if not equals and words:
        value = words.pop(0)
    if not value or value.startswith("-"):
        return False
    values[parameter] = convert(value)
    return values[parameter] is not None
