"""Sanitize strings from outside for terminals and shells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

ELLIPSIS = "…"


def safe(text: str, limit: int = 256) -> str:
    """Return ``text`` as one line of at most ``limit`` visible characters.

    Control characters (C0, C1), bidi and zero-width marks, line and paragraph separators, lone surrogates,
    private-use characters and all else that is invisible are removed; an ellipsis stands for what was cut off.
    Idempotent.
    """
    text = safe_line(text).strip()
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def safe_line(text: str) -> str:
    """Return ``text`` without what :func:`safe` removes, however long it is and whatever it begins with."""
    return text if text.isascii() and text.isprintable() else "".join(filter(_visible, text))


def safe_lines(text: str) -> str:
    """Return ``text`` without what :func:`safe` removes, but with its line ends and tabs, however long it is."""
    if text.isascii() and text.translate(_LAYOUT).isprintable():
        return text
    return "".join(character for character in text if character in "\n\t" or _visible(character))


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in _HIDDEN and not re.match(_IGNORABLE, character)


_LAYOUT = str.maketrans("", "", "\n\t")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_IGNORABLE = (  # Default_Ignorable_Code_Point of Unicode, except "Cf" and "Cn"
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def has_surrogates(text: str) -> bool:
    """Whether an argument, a variable or a line had bytes that are not valid in the locale."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def anonymous(text: str, homes: Sequence[str]) -> str:
    """Return ``text`` without the names of these home folders and anything like an e-mail address."""
    for home in sorted(filter(None, (home.rstrip("/\\") for home in homes)), key=len, reverse=True):
        text = re.sub(rf"{re.escape(home)}(?![\w-]|\.\w)", "~", text)
    return re.sub(r"[^\s@'\"<>()]+@[^\s@'\"<>()]+", "(address)", text)


def shell_argument(text: str) -> str | None:
    """Quote ``text`` as one argument for sh, PowerShell and cmd; None, if it has characters that one may interpret."""
    return f'"{text}"' if re.fullmatch(r"[\w.:/+ -]+", text, re.ASCII) else None
