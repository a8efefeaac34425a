"""Parse secure URLs, and tell which hosts are this machine."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


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
