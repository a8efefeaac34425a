"""How a user is shown to people and to programs: the same text from the fast path and the full program."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from awesome_cli.sessions.manifest import LAST_INSTANT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from awesome_cli.account import Account
    from awesome_cli.sessions.model import User


def greeting(name: str) -> str:
    return f"Welcome {name}!"


def user_lines(user: User, *, profile: str, store: str, now: float, checked: bool = False) -> list[str]:
    """Say who is signed in, where, and until when; ``checked``, if the provider accepts the session."""
    facts = {
        "subject": user.safe_sub,
        "issuer": user.issuer,
        "client": user.client_id,
        "scope": user.scope,
        "audience": user.audience or "(none)",
        "profile": profile,
        "signed in": rfc3339(user.signed_in_at),
        "access token": token_status(user, now),
        "kept in": store,
        **({"checked": "the provider takes it"} if checked else {}),
    }
    who = f"{user.name} <{user.email}>" if user.email else user.name
    return [who, *(f"  {label + ':':<14}{value}" for label, value in facts.items())]


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
        "store": store,
    }


def account_fields(user: User, account: Account) -> dict[str, object]:
    return user_fields(user, profile=account.profile, store=account.stores.current.backend_name)


def token_status(user: User, now: float) -> str:
    """Say how long the access token is valid, and what follows."""
    validity = f"valid for {duration(user.expires_at - now)}" if user.is_valid(now) else "ended"
    return f"{validity}, {'renewed by itself' if user.refreshable else 'not renewable'}"


def rfc3339(instant: float) -> str:
    """Format seconds since the epoch as RFC 3339 in UTC."""
    return datetime.fromtimestamp(min(instant, LAST_INSTANT - 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: float) -> str:
    """Format a duration for people; the larger unit begins where two of it have passed."""
    if seconds < 120:
        return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours"


def json_document(value: Mapping[str, object] | Sequence[object], *, indent: int | None = 2) -> str:
    """Format a JSON document in printable ASCII."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")
