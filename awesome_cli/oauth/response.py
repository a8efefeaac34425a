"""HTTP responses as the OAuth rules see them: strict JSON, error codes, dates and durations."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from awesome_cli.errors import ProviderError
from awesome_cli.text import safe

# Printable ASCII without quote and backslash, and without spaces, because Auth0's rate limit sends "Too Many Requests".
# The longest registered code has 32 characters, and a URN used as one stays below 100.
ERROR_CODE = r"[!#-\[\]-~]{1,100}"


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response. Header names are lower case.

    ``secrets`` are the secret values of the request: they are removed from any text of the server that is shown.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Collection[str] = field(default=(), repr=False)

    @property
    def ok(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def json(self) -> dict[str, Any] | None:
        return json_object(self.body)

    def error(self) -> str | None:
        """Return the OAuth error code (RFC 6749 §5.2), or None if the body has none."""
        code = (self.json() or {}).get("error")
        return code if isinstance(code, str) and re.fullmatch(ERROR_CODE, code) else None

    def error_description(self) -> str:
        description = (self.json() or {}).get("error_description")
        return self.redact(description) if isinstance(description, str) else ""

    def redact(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return safe(text)


def json_object(data: bytes | str) -> dict[str, Any] | None:
    """Parse a JSON object as strictly as :func:`json_value`, or return None."""
    try:
        value = json_value(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def json_value(data: bytes | str) -> Any:  # noqa: ANN401 - JSON
    """Parse JSON in UTF-8, without duplicate members (RFC 8259 §4), ``NaN`` and ``Infinity``. Raises ValueError."""
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        return json.loads(text, object_pairs_hook=_unique_members, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)


def seconds(value: object) -> float | None:
    """Return a JSON number as finite seconds, or None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def http_date(text: str) -> float | None:
    """Return an HTTP date (RFC 9110 §5.6.7) as seconds since the epoch, or None if it is not one."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def error_from_response(response: Response, *, what: str, kind: type[ProviderError] = ProviderError) -> ProviderError:
    """Return the error for a response that refuses: with its OAuth error code or, without one, its HTTP status."""
    code = response.error()
    if code is None:
        return kind(f"{what}: the provider answered with HTTP status {response.status}.")
    return oauth_error(response.redact(code), response.error_description(), what=what, kind=kind)


def oauth_error(code: str, description: str, *, what: str, kind: type[ProviderError] = ProviderError) -> ProviderError:
    """Return the error for an OAuth error code and its description, which are safe to show."""
    return kind(f"{what}: {code}" + (f" ({description.rstrip('.')})." if description else "."), code=code)
