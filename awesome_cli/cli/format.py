"""Text for people and JSON for programs: users, issuers, tokens, times. The fast path imports it."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from awesome_cli.sessions.manifest import DAY, LAST_INSTANT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from awesome_cli.account import Account
    from awesome_cli.brand import Brand
    from awesome_cli.cli.layout import TextPart
    from awesome_cli.cli.style import StreamStyle
    from awesome_cli.sessions.user import User

LABEL_WIDTH = 14  # columns
USER_INDENT = " " * (2 + LABEL_WIDTH)
FORMATS = ("text", "json", "header", "exec-credential")  # of a token
JUST_NOW = 10.0  # seconds
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def greeting(name: str) -> str:
    return f"Welcome {name}!"


def user_lines(
    user: User, style: StreamStyle, *, profile: str, store: str, now: float, checked: bool = False
) -> list[list[TextPart]]:
    """Say who is signed in, where, and until when; ``checked``, if the provider accepts the session."""
    facts = {
        "Signed in to": f"{short_issuer(user.issuer)}   (profile {profile})",
        "Since": moment(user.signed_in_at, now),
        "Access token": token_status(user, now),
        **({"Session ends": moment(user.session_expires_at, now)} if user.session_expires_at is not None else {}),
        "For API": user.audience or "(the provider's default)",
        "Scopes": user.scope,
        "Kept in": store,
        **({"Checked": "the provider accepts the session"} if checked else {}),
    }
    who: list[TextPart] = [style.tick, (full_name(user), "strong")]
    lines = [who]
    for label, value in facts.items():
        lines.append([(f"  {label:<{LABEL_WIDTH}}", "dim"), value])
    return lines


def full_name(user: User) -> str:
    return f"{user.name} <{user.email}>" if user.email else user.name


def user_fields(user: User, *, profile: str, store: str) -> dict[str, object]:
    """Return the JSON members that describe the user."""
    return {
        "profile": profile,
        "issuer": user.issuer,
        "client_id": user.client_id,
        "sub": user.sub,
        "name": user.name,
        "email": user.email,
        "scope": user.scope,
        "audience": user.audience,
        "signed_in_at": rfc3339(user.signed_in_at),
        "expires_at": rfc3339(user.expires_at),
        "refreshable": user.refreshable,
        "session_expires_at": None if user.session_expires_at is None else rfc3339(user.session_expires_at),
        "store": store,
    }


def token_notice(brand: Brand) -> str:
    """Say that a variable gives the access token."""
    return f"{brand.variable('access_token')} is set: token and api use it in place of the session."


def token_format(*, json: bool, output: str | None) -> str | None:
    """Return the format in which a token is printed; None, if the options name none, or two."""
    if json:
        return None if output else "json"
    return "text" if output is None else output if output in FORMATS else None


def access_token_document(token: str, user: User | None = None) -> dict[str, str | None]:
    """Return the JSON members of an access token; without a user its scope and expiry are not known."""
    scope, expires_at = (user.scope, rfc3339(user.expires_at)) if user is not None else (None, None)
    return {"access_token": token, "token_type": "Bearer", "expires_at": expires_at, "scope": scope}


def token_output(token: str, output_format: str, document: Callable[[], Mapping[str, str | None]]) -> str:
    """Return the token in one of FORMATS; ``document`` returns its JSON members."""
    if output_format == "json":
        return json_document(document())
    if output_format == "exec-credential":
        return json_document(_exec_credential(token, document()["expires_at"]))
    return f"Authorization: Bearer {token}" if output_format == "header" else token


def _exec_credential(token: str, expires_at: str | None) -> dict[str, object]:
    """Return what kubectl expects of a plugin: ExecCredential of client.authentication.k8s.io/v1."""
    expiry = {} if expires_at is None else {"expirationTimestamp": expires_at}
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token, **expiry},
    }


def account_fields(user: User, account: Account) -> dict[str, object]:
    return user_fields(user, profile=account.profile, store=account.stores.current.backend_name)


def token_status(user: User, now: float) -> str:
    """Say how long the access token is valid, and what follows."""
    validity = f"{duration(user.expires_at - now)} left" if user.is_valid(now) else "expired"
    if not user.refreshable:
        return f"{validity}, cannot be renewed"
    return f"{validity}, renewed {'when needed' if user.is_valid(now) else 'at next use'}"


def short_issuer(issuer: str) -> str:
    """Return the issuer as people name it: its host, and its path if it has one."""
    return issuer.partition("://")[2].rstrip("/") or issuer


def kept_in(account: Account) -> str:
    """Return where the session is stored, as people know it."""
    store = account.index.store_name(account.stores.current.backend_name)
    return tilde(store, account.environment.environ)


def tilde(text: str, environ: Mapping[str, str]) -> str:
    """Return the text with ``~`` for the home folder where a path begins with it."""
    home = (environ.get("HOME") or environ.get("USERPROFILE") or "").rstrip(os.sep)
    return re.sub(rf"(?<!\S){re.escape(home + os.sep)}", lambda _: f"~{os.sep}", text, count=1) if home else text


def moment(instant: float, now: float) -> str:
    """Format an instant for people, in local time, and how long ago it was if that is less than a day."""
    then, today = _local(instant), _local(now)
    days = (today.date() - then.date()).days
    if days in (0, 1):
        date = "yesterday" if days else "today"
    else:
        date = f"{then.day} {MONTHS[then.month - 1]}" + (f" {then.year}" if then.year != today.year else "")
    past = now - instant
    ago = f" ({duration(past)} ago)" if JUST_NOW <= past < DAY else " (just now)" if 0 <= past < JUST_NOW else ""
    return f"{date} {then:%H:%M}{ago}"


def clock_time(instant: float) -> str:
    """Return the local time as HH:MM."""
    return f"{_local(instant):%H:%M}"


def _local(instant: float) -> datetime:
    from datetime import UTC, datetime

    earlier = min(instant, LAST_INSTANT - 2 * DAY)  # no time zone moves that into the year 10000
    return datetime.fromtimestamp(earlier, UTC).astimezone()


def rfc3339(instant: float) -> str:
    """Format seconds since the epoch as RFC 3339 in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(min(instant, LAST_INSTANT - 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: float) -> str:
    """Format a duration for people; the larger unit begins where two of it have passed."""
    if seconds < 120:
        return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 2 * DAY else f"{seconds / DAY:.0f} days"


def json_document(value: Mapping[str, object] | Sequence[object], *, indent: int | None = 2) -> str:
    """Format a JSON document in printable ASCII."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")
