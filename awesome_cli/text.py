"""Strings from outside, made fit for a terminal, for a shell and for a browser."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

ELLIPSIS = "…"


def safe(text: str, limit: int = 256) -> str:
    """Return ``text`` as one harmless line of at most ``limit`` characters.

    Control characters (C0, C1), bidi and zero-width marks, line and paragraph separators, lone surrogates,
    private-use characters and all else that shows nothing are removed; what was cut off is marked with an
    ellipsis. Idempotent.
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
_IGNORABLE = (  # Default_Ignorable_Code_Point of Unicode, as far as it is no "Cf" or "Cn"
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def argument(text: str) -> str | None:
    """Return ``text`` as one argument of a command that people paste into a shell, be it sh, PowerShell or cmd.

    None if it has characters that one of these may take for more than text.
    """
    return f'"{text}"' if re.fullmatch(r"[\w.:/+ -]+", text, re.ASCII) else None


def secure_url(text: object) -> SplitResult | None:
    """Return the parts of ``text`` if it is a well-formed ``https://`` or loopback ``http://`` URL, else None.

    Only what RFC 3986 allows counts as well-formed, and of hosts a name or an IP address; a user name before
    it does not. So what passes can be shown, opened and fetched, means the same host to every program, and
    cannot be taken for an option of the one that opens it.
    """
    if not isinstance(text, str) or len(text) > _URL_LENGTH or not re.fullmatch(_URL, text):
        return None
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return None
    return parts if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)) else None


def secure_url_named_by(server: str, text: object) -> SplitResult | None:
    """Return the parts of a secure URL that ``server`` (a URL itself) names, or None if it may not name it.

    Only a server on this machine may name addresses on this machine: another one would have us, or the browser, talk to
    whatever else listens here.
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
