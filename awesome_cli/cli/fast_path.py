"""Answer a plain ``say-hi``, ``whoami`` or ``token`` without a parser, an HTTP client or a keyring search.

It answers for a valid session that :class:`awesome_cli.session_reader.SessionReader` finds, in the words of the full
program. In every other case it returns None, and the full program runs.
"""

from __future__ import annotations

from awesome_cli.brand import MIN_TTL
from awesome_cli.cli.format import (
    access_token_document,
    greeting,
    json_document,
    token_format,
    token_output,
    user_fields,
    user_lines,
)
from awesome_cli.keystore.detection import SECRET_SERVICE
from awesome_cli.session_reader import SETTINGS_OF_LOGIN, SessionReader
from awesome_cli.sessions.manifest import applications_in_index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from awesome_cli.brand import Brand
    from awesome_cli.cli.command_line import CommandLine
    from awesome_cli.cli.style import StreamStyle
    from awesome_cli.sessions.user import User

_FOR_THE_FULL_PROGRAM = {"check", "id_token"}  # parameters


def answer(
    line: CommandLine, environ: Mapping[str, str], brand: Brand, *, now: Callable[[], float], stdout: TextIO
) -> str | None:
    """Return what the command prints, or None, if that takes more than a valid session. ``now``: as ``time.time``."""
    if line.verbose or not _FOR_THE_FULL_PROGRAM.isdisjoint(line.arguments):
        return None
    reader = SessionReader(environ, brand, line.profile, now=now)
    if line.command == "token":
        return _token(reader, **line.arguments)
    if line.command == "say-hi":
        return _greeting(reader)
    user = reader.user()
    if user is None or _may_differ(environ, brand, reader.config, user):
        return None
    if line.arguments.get("json"):
        return json_document(user_fields(user, profile=str(reader.profile), store=SECRET_SERVICE))
    return _description(reader, user, _style(stdout, environ, brand))


def _greeting(reader: SessionReader) -> str | None:
    user = reader.user_fields()
    text = "" if user is None else greeting(user["name"])
    is_complete = user is not None and text.isprintable() and reader.is_silent(user.get("session_expires_at"))
    return text if is_complete else None


def _token(
    reader: SessionReader, *, min_ttl: float = MIN_TTL, json: bool = False, output: str | None = None
) -> str | None:
    output_format = token_format(json=json, output=output)
    session = reader.session(min_ttl) if output_format is not None else None
    if session is None or output_format is None or not reader.is_silent(session.user.session_expires_at):
        return None
    token, user = session.access_token, session.user
    text = token_output(token, output_format, lambda: access_token_document(token, user))
    return text if all(map(str.isprintable, text.splitlines())) else None


def _style(stdout: TextIO, environ: Mapping[str, str], brand: Brand) -> StreamStyle:
    from awesome_cli.cli.style import StreamStyle

    return StreamStyle(stdout, environ, plain=environ.get(brand.variable("plain"), ""))


def _description(reader: SessionReader, user: User, style: StreamStyle) -> str | None:
    from awesome_cli.cli.layout import cells, text_of
    from awesome_cli.keystore.names import store_name

    store = store_name(SECRET_SERVICE, applications_in_index(reader.index or {}))
    lines = user_lines(user, style, profile=str(reader.profile), store=store, now=reader.now())
    texts = ["".join(map(text_of, line)) for line in lines]
    is_shown_unchanged = all(
        text.isprintable() and (style.columns is None or cells(text) <= style.columns) for text in texts
    )
    return "\n".join(map(style.line, lines)) if is_shown_unchanged else None  # the full program sanitizes and wraps


def _may_differ(environ: Mapping[str, str], brand: Brand, config: str | None, user: User) -> bool:
    """Whether settings may ask for another scope or audience than the session has; only the full program knows."""
    if any(environ.get(brand.env_prefix + name) for name in SETTINGS_OF_LOGIN) or any(
        environ.get(f"{prefix}AUDIENCE") for prefix in brand.extra_env_prefixes
    ):
        return True
    if config is None:
        return True
    expected = {f'audience = "{user.audience}"', f'scope = "{user.requested_scope}"'}
    return any(
        line not in expected for line in config.splitlines() if "audience" in line or "scope" in line or "\\" in line
    )
