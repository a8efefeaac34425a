"""Renewal of a session by one process at a time: the only rule by which a stored session is replaced."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from awesome_cli.errors import KeyringError, LoginRequiredError, RefreshTokenRejectedError, SessionEndedError
from awesome_cli.sessions.model import RenewalUnverifiedError, Session

if TYPE_CHECKING:
    from awesome_cli.sessions.store import SessionStore


def renew_if_needed(
    session: Session,
    *,
    store: Callable[[], SessionStore],
    lock: Callable[[], AbstractContextManager[object]],
    refresh: Callable[[Session], Session],
    discard: Callable[[Session], object],
    now: Callable[[], float],
    min_ttl: float = 0.0,
) -> Session:
    """Return ``session``, or the one that replaces it if its access token expires within ``min_ttl`` seconds.

    A process acquires the lock, loads the session again, and refreshes it only if no other process has done so. A
    session that another process renewed is not renewed again, however short its lifetime. ``store`` is called for
    each use: the session may move from the plaintext file to the keyring meanwhile. ``discard`` revokes a session
    that cannot be stored, because it was removed during the renewal.

    Raises LoginRequiredError, if the session was removed, replaced by another or rejected by the provider, which
    removes it; and whatever ``refresh`` raises, which leaves the session as it was.
    """
    if session.user.is_valid(now(), min_ttl):
        return session
    if not session.user.refreshable:
        if session.user.is_valid(now()):
            return session  # for less time than was asked for
        raise SessionEndedError("The session has expired and has no refresh token.")
    with lock():
        stored = store().load()
        if stored is None:
            raise LoginRequiredError(_REMOVED)
        if _is_renewed(stored, session):
            return _require_same_user(stored, session)
        return _renew(stored, store, refresh, discard)


def _is_renewed(stored: Session, session: Session) -> bool:
    """Whether another process has renewed ``session``; a new refresh token alone is not a renewal."""
    return stored.access_token != session.access_token or stored.user.expires_at > session.user.expires_at


def _require_same_user(stored: Session, session: Session) -> Session:
    if all(getattr(stored.user, name) == getattr(session.user, name) for name in ("issuer", "client_id", "sub")):
        return stored
    raise LoginRequiredError("Another session has replaced this one.", hint="Try again to use that one.")


def _renew(
    session: Session,
    store: Callable[[], SessionStore],
    refresh: Callable[[Session], Session],
    discard: Callable[[Session], object],
) -> Session:
    store().check_writable()  # before the refresh token is used up: the new one must be stored
    try:
        renewed = refresh(session)
    except RefreshTokenRejectedError:
        # Load once more: the process that used the refresh token may have stored its session without our lock.
        stored = store().load()
        if stored is not None and stored != session:
            return _require_same_user(stored, session)
        store().delete()
        raise
    except RenewalUnverifiedError as unverified:
        store().save(unverified.session)
        raise unverified.reason from unverified.reason.__cause__
    except BaseException:
        with suppress(KeyringError):
            store().delete_check()
        raise
    if store().load_user() is None:  # a logout that did not wait for our lock
        discard(renewed)
        raise LoginRequiredError(_REMOVED)
    store().save(renewed)
    return renewed


_REMOVED = "The session was removed by another process."
