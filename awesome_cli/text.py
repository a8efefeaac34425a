"""Strings from outside, made fit for a terminal and for a browser."""

from __future__ import annotations

import unicodedata
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

ELLIPSIS = "…"


def safe(text: str, limit: int = 256) -> str:
    """Return ``text`` as one harmless line of at most ``limit`` characters.

    Control characters (C0, C1), bidi and zero-width marks, line and paragraph separators, lone surrogates
    and private-use characters are removed; what was cut off is marked with an ellipsis. Idempotent.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(filter(_visible, text))
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in _HIDDEN and character not in _BLANK


_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_BLANK = {
    "\u034f",
    "\u115f",
    "\u1160",
    "\u17b4",
    "\u17b5",
    "\u3164",
    "\uffa0",
}  # show nothing, yet are no "Cf"


def secure_url(text: object) -> SplitResult | None:
    """Return the parts of ``text`` if it is a well-formed ``https://`` or loopback ``http://`` URL, else None.

    Only characters that RFC 3986 allows count as well-formed; a user name before the host does not. So what
    passes can be shown, opened and fetched, and cannot be taken for an option of the program that opens it.
    """
    if not isinstance(text, str) or not 0 < len(text) <= _URL_LENGTH or not set(text) <= _URL_CHARACTERS:
        return None
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or "@" in parts.netloc:
        return None
    return parts if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)) else None


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by name or number, whatever DNS says (RFC 8252 §8.3, RFC 6761 §6.3)."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_URL_LENGTH = 2048
_URL_CHARACTERS = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&()*+,;=%"
)  # RFC 3986 §2, without the apostrophe, which shells and markup treat as a quote
