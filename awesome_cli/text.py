"""Strings from outside, made fit for a terminal."""

from __future__ import annotations

import unicodedata

MARK = "…"


def safe(text: str, limit: int = 256) -> str:
    """Return ``text`` as one harmless line of at most ``limit`` characters.

    Control characters (C0, C1), bidi and zero-width marks, line and paragraph separators, lone surrogates
    and private-use characters are removed; what was cut off is marked with an ellipsis. Idempotent.
    """
    text = text if text.isascii() and text.isprintable() else "".join(filter(_visible, text))
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1] + MARK


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in _HIDDEN and character not in _ZERO_WIDTH


_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ZERO_WIDTH = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u3164", "\uffa0"}  # blank, yet no "Cf"
