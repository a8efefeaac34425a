"""Text in columns of a terminal: measured by cells, because a Chinese character or an emoji takes two of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from awesome_cli.text import ELLIPSIS

TextPart = str | tuple[str, str]  # a text, or a text and its role, one of style.ROLES
_OPTION = r"""-\S*(?: +(?:(?<=--profile )\S+|"[^"]*"|[A-Z_]{2,}(?![a-z])\S*|\w+=(?:"[^"]*"|\S+)))?"""
COLUMN_GAP = 2
NARROWEST_COLUMN = 8  # cells; a table that does not fit even so is wrapped by the terminal


def cells(text: str) -> int:
    """Return how many columns a terminal needs for ``text``, which has no control characters."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int, ellipsis: str = ELLIPSIS) -> str:
    """Return ``text``, or as much of it as fits into ``width`` cells together with an ellipsis."""
    if cells(text) <= width:
        return text
    available = width - len(ellipsis)
    if available < 0:
        return ""
    while cells(text) > available:
        text = text[:-1]
    return text.rstrip() + ellipsis


def cut_line(parts: Sequence[TextPart], width: int, ellipsis: str = ELLIPSIS) -> list[TextPart]:
    """Return the parts of one line, as far as they fit into ``width`` cells together with an ellipsis."""
    text = "".join(map(text_of, parts))
    shown = cut(text, width, ellipsis)
    if shown == text:
        return list(parts)
    return [*between(parts, 0, len(shown) - len(ellipsis)), ellipsis] if shown else []


def wrap(parts: Sequence[TextPart], width: int | None, indent: str = "", program: str = "") -> list[list[TextPart]]:
    """Return the lines of a paragraph, each as its parts; all but the first begin with ``indent``.

    Words are not broken, nor are the commands of ``program``: its name, the next word, options and what looks like
    their values stay together, so that they can be pasted. None is any width.
    """
    text = "".join(map(text_of, parts))
    if width is None or cells(text) <= width:
        return [list(parts)]
    starts = [0]
    for word in re.finditer(rf"(?:(?<!\S){re.escape(program)} +\S+|\S+)(?: +{_OPTION})*", text):
        available = width - (len(indent) if len(starts) > 1 else 0)
        line = text[starts[-1] : word.end()]
        if cells(line) > available and text[starts[-1] : word.start()].strip():
            starts.append(word.start())
    lines: list[list[TextPart]] = []
    for first, last in zip(starts, [*starts[1:], len(text)], strict=True):
        shown = between(parts, first, last)
        lines.append([indent, *shown] if lines else shown)
    return lines


def text_of(part: TextPart) -> str:
    return part if isinstance(part, str) else part[0]


def between(parts: Sequence[TextPart], first: int, last: int) -> list[TextPart]:
    """Return the parts of the text from ``first`` to ``last``, without the blanks at its end."""
    last = first + len("".join(map(text_of, parts))[first:last].rstrip(" "))
    found: list[TextPart] = []
    begin = 0
    for part in parts:
        text = text_of(part)
        piece = text[max(first - begin, 0) : max(last - begin, 0)]
        begin += len(text)
        if piece:
            found.append(piece if isinstance(part, str) else (piece, part[1]))
    return found


def _column_widths(rows: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """Return the width of each column in cells; the widest are made narrower until the table fits into ``width``."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        while sum(widths) + COLUMN_GAP * (len(widths) - 1) > width and max(widths) > NARROWEST_COLUMN:
            widths[widths.index(max(widths))] -= 1
    return widths


def table(rows: Sequence[Sequence[str]], width: int | None, ellipsis: str = ELLIPSIS) -> list[str]:
    """Return rows as lines with aligned columns that fit into ``width`` cells; None is any width."""
    widths = _column_widths(rows, width)
    lines = []
    for row in rows:
        fitted = [cut(cell, size, ellipsis) for cell, size in zip(row, widths, strict=True)]
        padded = [cell + " " * (size - cells(cell)) for cell, size in zip(fitted, widths, strict=True)]
        lines.append((" " * COLUMN_GAP).join(padded).rstrip())
    return lines
