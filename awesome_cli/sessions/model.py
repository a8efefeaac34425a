"""A session: validated tokens, who they are for, and the one rule for keeping them alive."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from awesome_cli.errors import KeyringError, LoginRequiredError, RefreshTokenRejectedError, SessionEndedError
from awesome_cli.text import safe

if TYPE_CHECKING:  # a kept session is read without the tools that validated it
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from awesome_cli.oauth.id_token import IdToken
    from awesome_cli.oauth.token import TokenResponse

MIN_TTL = 60.0  # seconds that a token shall have left: long enough for the request that it is wanted for
INTERRUPTED_TIMEOUT = 30.0  # seconds that a renewal may still take once somebody has asked the program to end
LONGEST_SCOPE = 2048  # characters to show; an API may define many scopes
NAME_CLAIMS = ("name", "nickname", "preferred_username", "email", "sub")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who is signed in, where, and until when: what can be shown without touching a token.

    Instants are seconds since the epoch, UTC. ``expires_at`` is the access token's end. ``sub`` is the issuer's own
    word, for programs to compare; it may have control characters, and ``subject`` is what people are shown.
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

    @property
    def safe_sub(self) -> str:
        """``sub``, made safe to show."""
        return _shown(self.sub)

    def is_valid(self, now: float, min_ttl: float = 0.0) -> bool:
        """Whether the access token has more than ``min_ttl`` seconds left."""
        return self.expires_at - now > min_ttl


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Validated tokens and their card. Only validation makes one, so nothing else can be kept.

    ``provider_digest`` names the discovery document and keys that the session was validated with, so that
    a copy of them on disk is believed only while it is that very one.
    """

    user: User
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    id_token: str = field(repr=False)
    provider_digest: str


def open_session(  # noqa: PLR0913 - a session is made of all of this
    tokens: TokenResponse,
    id_token: IdToken,
    userinfo: Mapping[str, Any],
    *,
    client_id: str,
    scope: str,
    audience: str | None,
    provider_digest: str,
    now: float,
) -> Session:
    """Make a session of what a sign-in brought. ``userinfo`` fills in claims that the ID token lacks."""
    names = _names(userinfo) | _names(id_token.claims)
    user = User(
        issuer=str(id_token.claims["iss"]),
        client_id=client_id,
        sub=id_token.sub,
        name=_first(names, id_token),
        email=names.get("email"),
        scope=safe(tokens.scope or scope, LONGEST_SCOPE),
        audience=audience,
        signed_in_at=now,
        expires_at=now + tokens.expires_in,
        refreshable=tokens.refresh_token is not None,
    )
    return Session(
        user=user,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        id_token=id_token.encoded,
        provider_digest=provider_digest,
    )


def renewed_session(  # noqa: PLR0913 - the same, and what was before
    old: Session,
    tokens: TokenResponse,
    *,
    old_id_token: IdToken,
    new_id_token: IdToken | None,
    provider_digest: str,
    now: float,
) -> Session:
    """Make the session that follows ``old``; what the provider did not send again stays as it was."""
    refresh_token = tokens.refresh_token or old.refresh_token  # RFC 6749 §6: absent means unchanged
    id_token = new_id_token or old_id_token
    before, now_said = _names(old_id_token.claims), _names(id_token.claims)
    follows = "name" in now_said or old.user.name == _first(before, old_id_token)  # else userinfo gave the name
    user = replace(
        old.user,
        sub=id_token.sub,
        name=_first(before | now_said, id_token) if follows else old.user.name,
        email=now_said.get("email", old.user.email),
        scope=safe(tokens.scope or old.user.scope, LONGEST_SCOPE),
        expires_at=now + tokens.expires_in,
        refreshable=refresh_token is not None,
    )
    return Session(
        user=user,
        access_token=tokens.access_token,
        refresh_token=refresh_token,
        id_token=id_token.encoded,
        provider_digest=provider_digest,
    )


def lacks_names(claims: Mapping[str, Any]) -> bool:
    """Whether the ID token leaves it to the userinfo endpoint to say who signed in."""
    return not {"name", "email"} & _names(claims).keys()


class RenewalUnverifiedError(Exception):
    """New tokens came, and it could not be verified who they are for: ``reason`` is what stood against it.

    ``session`` is the one before with the new refresh token, which came over TLS in answer to a secret that only we
    hold. Its access token counts as ended, so that the next renewal asks, and verifies, again.
    """

    def __init__(self, session: Session, reason: Exception) -> None:
        super().__init__()
        self.session = session
        self.reason = reason


def unverified_session(old: Session, refresh_token: str | None) -> Session:
    """Return ``old`` with the refresh token of a renewal that brought nothing else that could be used."""
    ended = replace(old.user, expires_at=min(old.user.expires_at, old.user.signed_in_at))
    return replace(old, user=ended, refresh_token=refresh_token or old.refresh_token)


class Store(Protocol):
    """Where a session lies."""

    def load(self) -> Session | None:
        """Return the kept session, or None."""

    def load_user(self) -> User | None:
        """Return its card, or None."""

    def save(self, session: Session) -> None:
        """Keep a session in the place of the one before."""

    def delete(self) -> None:
        """Leave nothing behind."""

    def check_writable(self) -> None:
        """Rehearse a save, and leave what was written as room for it."""

    def undo_check(self) -> None:
        """Take the rehearsal back."""


def renew_if_needed(  # noqa: PLR0913 - the rule and all that it depends on
    session: Session,
    *,
    store: Callable[[], Store],
    lock: Callable[[], AbstractContextManager[object]],
    refresh: Callable[[Session], Session],
    discard: Callable[[Session], object],
    now: Callable[[], float],
    min_ttl: float = 0.0,
) -> Session:
    """Return ``session``, or its successor if it ends within ``min_ttl`` seconds.

    One process renews: it takes the lock, reads again, and asks the provider only if nobody else has
    meanwhile. A session that a sibling renewed counts as renewed, however long it lives. ``store`` tells where it
    lies now: it may move from the plain file to the keyring meanwhile. ``discard`` ends a successor that came too late.
    Raises SignInNeeded, if the session ended for good, or another one took its place. Where the provider said that it
    ended, the keeper forgets it too.
    """
    if session.user.is_valid(now(), min_ttl):
        return session
    if not session.user.refreshable:
        return _unrenewable(session, now())
    with lock():
        kept = store().load()
        if kept is None:
            raise LoginRequiredError("You were signed out meanwhile.")
        if _is_renewed(kept, session):
            return _successor(kept, session)
        return _renew(kept, store, refresh, discard)


def _is_renewed(kept: Session, session: Session) -> bool:
    """Whether another process has renewed the session; one that got a refresh token alone has not."""
    return kept.access_token != session.access_token or kept.user.expires_at > session.user.expires_at


def _successor(kept: Session, session: Session) -> Session:
    """Return what is kept, if it is the same person's at the same issuer; nobody asked for another's tokens."""
    if all(getattr(kept.user, name) == getattr(session.user, name) for name in ("issuer", "client_id", "sub")):
        return kept
    raise LoginRequiredError(
        "Another session has taken the place of this one meanwhile.", hint="Try again to use that one."
    )


def _renew(
    kept: Session,
    store: Callable[[], Store],
    refresh: Callable[[Session], Session],
    discard: Callable[[Session], object],
) -> Session:
    store().check_writable()  # a renewal spends the refresh token: what comes for it must find its place
    try:
        renewed = refresh(kept)
    except RefreshTokenRejectedError:
        # Read once more: whoever used the refresh token may have kept its successor without our lock.
        adopted = store().load()
        if adopted is not None and adopted != kept:
            return _successor(adopted, kept)
        store().delete()
        raise
    except RenewalUnverifiedError as unverified:
        store().save(unverified.session)
        raise unverified.reason from unverified.reason.__cause__
    except BaseException:
        with suppress(KeyringError):
            store().undo_check()
        raise
    if store().load_user() is None:  # a sign-out that could not wait for our lock
        discard(renewed)
        raise LoginRequiredError("You were signed out meanwhile.")
    store().save(renewed)
    return renewed


def _unrenewable(session: Session, now: float) -> Session:
    if session.user.is_valid(now):
        return session  # less than was asked for, but all that there is
    raise SessionEndedError("Your session has ended and carries no refresh token.")


def _names(claims: Mapping[str, Any]) -> dict[str, str]:
    """Return the claims that name somebody and can be shown."""
    texts = {claim: safe(claims[claim]) for claim in NAME_CLAIMS if isinstance(claims.get(claim), str)}
    return {claim: text for claim, text in texts.items() if text}


def _first(names: Mapping[str, str], id_token: IdToken) -> str:
    return next((names[claim] for claim in NAME_CLAIMS if claim in names), _shown(id_token.sub))


def _shown(sub: str) -> str:
    return safe(sub) or safe(ascii(sub))  # one made of what cannot be shown
