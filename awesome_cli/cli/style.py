"""Colours, symbols and width of one output stream. The fast path imports it."""

from __future__ import annotations

import os

from awesome_cli.cli.layout import TextPart, cut_line, wrap
from awesome_cli.text import ELLIPSIS, safe_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

ROLES = {
    "strong": "1",
    "success": "32",
    "error": "1;31",
    "warning": "33",
    "accent": "36",
    "link": "36",
    "dim": "2",
}  # with their parameters of SGR (ECMA-48 §8.3.117)
SYMBOLS = {
    "success": ("✓", "ok"),
    "error": ("✗", "!!"),
    "neutral": ("–", "--"),  # noqa: RUF001 - a dash for what is neither
    "separator": ("·", "|"),
    "ellipsis": (ELLIPSIS, "~"),
}  # and what stands for them in encodings that lack any
SPINNERS = ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\")
DEFAULT_SIZE = (80, 24)


class StreamStyle:
    """``program`` is the name whose commands are kept on one line.

    ``plain`` is the value of the program's variable for a screen that is read aloud: ``1`` asks for it.
    ``columns`` is None where the stream is not a terminal: nothing is wrapped or cut there.
    """

    def __init__(self, stream: TextIO, environ: Mapping[str, str], *, plain: str = "", program: str = "") -> None:
        self._stream = stream
        self._environ = environ
        self._program = program
        self.is_terminal = stream.isatty()
        is_plain, is_dumb = plain not in ("", "0"), environ.get("TERM") == "dumb"
        self.can_redraw = self.is_terminal and not is_plain and not is_dumb
        self.has_colours = not is_plain and _has_colours(environ, is_terminal=self.is_terminal and not is_dumb)
        self._index = 0 if self.can_encode("".join(symbol for symbol, _ in SYMBOLS.values()) + SPINNERS[0]) else 1

    @property
    def columns(self) -> int | None:
        return self.size[0] if self.is_terminal else None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal, or fewer if ``COLUMNS`` and ``LINES`` say so."""
        try:
            asked = os.get_terminal_size(self._stream.fileno())
        except (AttributeError, OSError, ValueError):  # not a terminal, or one in a test
            asked = os.terminal_size((0, 0))
        named = (self._environ.get(name, "") for name in ("COLUMNS", "LINES"))
        columns, rows = (
            min(filter(None, (_number(text), size)), default=default)
            for text, size, default in zip(named, asked, DEFAULT_SIZE, strict=True)
        )
        return columns, rows

    @property
    def is_in_foreground(self) -> bool:
        """Whether the terminal is this process's to draw on, and not the shell's or another program's."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except (AttributeError, OSError, ValueError):  # Windows; a terminal in a test, or that of another session
            return True

    def can_encode(self, text: str) -> bool:
        """Whether the encoding of the stream has all characters of ``text``."""
        try:
            text.encode(self._stream.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def symbol(self, name: str) -> str:
        return SYMBOLS[name][self._index]

    @property
    def tick(self) -> TextPart:
        """The symbol of success and a blank, in its colour."""
        return f"{self.symbol('success')} ", "success"

    @property
    def spinner(self) -> str:
        return SPINNERS[self._index]

    def paint(self, text: str, role: str) -> str:
        """Return ``text``, sanitized, in the colour of its role; a URL as a hyperlink (OSC 8)."""
        text = safe_line(text)
        if not self.has_colours or not text:
            return text
        painted = f"\033[{ROLES[role]}m{text}\033[0m"
        if role == "link" and self._environ.get("TERM") != "linux":  # its console shows what it does not know
            return f"\033]8;;{text}\033\\{painted}\033]8;;\033\\"
        return painted

    def line(self, parts: Sequence[TextPart]) -> str:
        """Return the parts of one line, sanitized and in their colours."""
        return "".join(safe_line(part) if isinstance(part, str) else self.paint(*part) for part in parts)

    def fitting_line(self, parts: Sequence[TextPart]) -> str:
        """Return as much of the line as fits into the terminal, whose last column stays free for the cursor."""
        return self.line(cut_line(_sanitized(parts), self.size[0] - 1, self.symbol("ellipsis")))

    def paragraph(self, parts: Sequence[TextPart], indent: str = "") -> str:
        """Return the parts as lines that fit into the terminal, each but the first with an indent."""
        return "".join(f"{self.line(line)}\n" for line in wrap(_sanitized(parts), self.columns, indent, self._program))


def _sanitized(parts: Sequence[TextPart]) -> list[TextPart]:
    return [safe_line(part) if isinstance(part, str) else (safe_line(part[0]), part[1]) for part in parts]


def _has_colours(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether colours are wanted: the order of NO_COLOR and FORCE_COLOR is that of Python's own messages."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or is_terminal


def _number(text: str) -> int:
    return int(text) if len(text) < 6 and text.isascii() and text.isdigit() else 0
