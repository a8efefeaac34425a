"""What arrived from a server, before anybody believes any of it."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from awesome_cli.errors import ProviderError
from awesome_cli.text import safe


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response, at most as long as the transport admits. Header names are lower case.

    ``secrets`` are what the request carried: a server that repeats them does not get them shown.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Collection[str] = field(default=(), repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any] | None:
        """Return the body's JSON object, or None if it is anything else."""
        return json_object(self.body)

    def error(self) -> str | None:
        """Return the OAuth error code (RFC 6749 §5.2), or None if the body carries none.

        Codes are made of printable ASCII without quote and backslash; Auth0's rate limit says
        ``"error": "Too Many Requests"``, which is no OAuth code but is spelt like one, so blanks are refused too.
        """
        code = (self.json() or {}).get("error")
        if isinstance(code, str) and code.isascii() and code.isprintable() and 0 < len(code) <= _CODE_LENGTH:
            return None if set(code) & set(' "\\') else code
        return None

    def error_description(self) -> str:
        """Return the provider's words about the error, made safe to show; empty if there are none."""
        words = (self.json() or {}).get("error_description")
        return self.shown(words) if isinstance(words, str) else ""

    def shown(self, text: str) -> str:
        """Make a string of the server's safe to show."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return safe(text)


_CODE_LENGTH = 100  # the longest registered code has 32 characters; a URN used as one stays below this


def json_object(data: bytes | str) -> dict[str, Any] | None:
    """Parse a JSON object as strictly as :func:`json_value`, or return None."""
    try:
        value = json_value(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def json_value(data: bytes | str) -> Any:  # noqa: ANN401 - that is JSON
    """Parse JSON strictly. Raises ValueError.

    Refused besides broken JSON: a member that stands twice in one object (RFC 8259 §4 leaves its meaning
    open), ``NaN`` and ``Infinity``, nesting that exhausts the parser, and anything that is not UTF-8.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def seconds(value: object) -> float | None:
    """Read a duration that a server sent as a JSON number, or None if it is not a usable one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def http_date(text: str) -> float | None:
    """Read an HTTP date (RFC 9110 §5.6.7) as seconds since the epoch, or None if it is none."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def error_from_response(response: Response, *, what: str, kind: type[ProviderError] = ProviderError) -> ProviderError:
    """Build the error for a reply that ends the conversation: the OAuth code where there is one, else the status."""
    code = response.error()
    if code is None:
        return kind(f"{what}: the provider answered with HTTP status {response.status}.")
    words = response.error_description()
    code = response.shown(code)
    return kind(f"{what}: {code}" + (f" ({words})." if words else "."), code=code)
