"""Sanitize strings from outside for terminals and shells, and parse secure URLs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

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


def secure_url(text: object) -> SplitResult | None:
    """Return the parts of ``text`` if it is a well-formed ``https://`` or loopback ``http://`` URL, else None.

    Well-formed is what RFC 3986 allows, with a name or an IP address as host and without a user name. So the URL can
    be shown, opened and fetched, means the same host to every program, and cannot be taken for an option.
    """
    if not isinstance(text, str) or len(text) > _URL_LENGTH or not re.fullmatch(_URL, text):
        return None
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return None
    return parts if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)) else None


def secure_url_from(server: str, text: object) -> SplitResult | None:
    """Return the parts of a secure URL that ``server`` (a URL itself) sent; None, if it may not refer to it.

    Only a server on this machine may refer to this machine: otherwise a remote server could direct requests of ours,
    or of the browser, to local services.
    """
    parts = secure_url(text)
    if parts is not None and is_loopback(parts.hostname or "") and not is_loopback(urlsplit(server).hostname or ""):
        return None
    return parts


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by name or number, whatever DNS says (RFC 8252 §8.3, RFC 6761 §6.3)."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_URL_LENGTH = 2048
_URL = (
    r"(?ai)https?://(?:\w(?:[\w.-]*\w)?\.?|\[[\dA-F:.]+\])(?::\d*)?"  # a port may be empty: RFC 3986 §3.2.3
    r"(?:[/?#](?:[\w.~:/?#\[\]@!$&()*+,;=-]|%[\dA-F]{2})*)?"  # no apostrophe: shells and markup take it for a quote
)
