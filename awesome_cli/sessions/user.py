"""User: who is signed in. A named tuple for the fast path: the module of dataclasses imports twenty others."""

from typing import NamedTuple


class User(NamedTuple):
    """Who is signed in, where, and until when: everything that is shown without reading a token.

    Times are seconds since the epoch; ``expires_at`` is that of the access token, ``session_expires_at`` that of the
    refresh token, where the provider tells it. ``sub`` is the claim unchanged, for programs to compare, and may contain
    control characters. ``scope`` is what was granted; ``requested_scope`` is what was asked for, or None in a session
    of a version that did not store it. ``email`` and ``audience`` are None if there is none. Read the members by name:
    later versions may have more.
    """

    issuer: str
    client_id: str
    sub: str
    name: str
    email: str | None
    scope: str
    audience: str | None
    signed_in_at: float
    expires_at: float
    refreshable: bool
    requested_scope: str | None = None
    session_expires_at: float | None = None

    @property
    def settings(self) -> dict[str, str | None]:
        """What it was signed in with, as settings are named."""
        return {"issuer": self.issuer, "client_id": self.client_id, "audience": self.audience}

    def is_valid(self, now: float, min_ttl: float = 0.0) -> bool:
        """Whether the access token has more than ``min_ttl`` seconds left."""
        return self.expires_at - now > min_ttl
