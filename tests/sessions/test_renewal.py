"""renew_if_needed: when a session is renewed, by which process, and what happens if that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from awesome_cli.errors import (
    InvalidTokenError,
    KeyringError,
    LoginRequiredError,
    ProviderUnreachableError,
    RefreshTokenRejectedError,
)
from awesome_cli.hints import hint_for
from awesome_cli.sessions.model import RenewalUnverifiedError, Session, unverified_session
from awesome_cli.sessions.renewal import renew_if_needed
from awesome_cli.sessions.store import SessionStore
from awesome_cli.sessions.user import User
from support.brand import AWESOME

NOW = 1_800_000_000.0
OLD = Session(
    user=User(
        issuer="https://provider.example/",
        client_id="client",
        sub="juan|1",
        name="Juan",
        email=None,
        scope="openid profile",
        audience=None,
        signed_in_at=NOW,
        expires_at=NOW + 3600,
        refreshable=True,
    ),
    access_token="access",
    refresh_token="refresh",
    id_token="a.b.c",
    provider_digest="digest",
)
NEW = replace(OLD, access_token="access 2", user=OLD.user._replace(expires_at=NOW + 9999))
END = OLD.user.expires_at


class MemoryStore(SessionStore):
    """Stores a session in memory, and records the calls."""

    def __init__(self, stored: Session | None) -> None:
        self.stored = stored
        self.calls: list[str] = []

    def load(self) -> Session | None:
        self.calls.append("load")
        return self.stored

    def save(self, session: Session) -> None:
        self.calls.append("save")
        self.stored = session

    def delete(self) -> None:
        self.calls.append("delete")
        self.stored = None

    def load_user(self) -> User | None:
        return None if self.stored is None else self.stored.user

    def check_writable(self) -> None:
        self.calls.append("check")

    def delete_check(self) -> None:
        self.calls.append("undo")

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.calls.append("lock")
        yield
        self.calls.append("release")


def renew(
    store: MemoryStore,
    *,
    session: Session = OLD,
    now: float = END,
    min_ttl: float = 0.0,
    response: Session | BaseException = NEW,
) -> Session:
    def refresh(old: Session) -> Session:
        store.calls.append(f"refresh {old.access_token}")
        if isinstance(response, BaseException):
            raise response
        return response

    return renew_if_needed(
        session,
        store=lambda: store,
        lock=store.lock,
        refresh=refresh,
        discard=lambda session: store.calls.append(f"discard {session.access_token}"),
        now=lambda: now,
        min_ttl=min_ttl,
    )


def test_a_valid_session_is_neither_locked_nor_loaded() -> None:
    store = MemoryStore(OLD)
    assert renew(store, now=END - 1) is OLD
    assert store.calls == []


@pytest.mark.parametrize(
    ("left", "min_ttl", "renewed"), [(61, 60, False), (60, 60, True), (0.5, 0, False), (0, 0, True)]
)
def test_a_session_is_renewed_if_it_expires_within_min_ttl(
    left: float,
    min_ttl: float,
    renewed: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert (renew(MemoryStore(OLD), now=END - left, min_ttl=min_ttl) is NEW) is renewed


def test_a_renewal_locks_loads_checks_the_store_refreshes_and_saves() -> None:
    store = MemoryStore(OLD)
    assert renew(store) is NEW
    assert store.calls == ["lock", "load", "check", "refresh access", "save", "release"]
    assert store.stored is NEW


def test_a_session_that_another_process_renewed_is_not_renewed_again() -> None:
    for other in (
        NEW,
        replace(NEW, user=NEW.user._replace(expires_at=END)),
        replace(OLD, user=OLD.user._replace(expires_at=NOW + 9999)),  # the provider gave the same token again
    ):
        store = MemoryStore(other)
        assert renew(store, min_ttl=60) is other
        assert store.calls == ["lock", "load", "release"]


@pytest.mark.parametrize("other", [{"issuer": "https://other.example/"}, {"client_id": "other"}, {"sub": "eve"}])
def test_a_session_of_another_user_issuer_or_client_is_not_used(other: dict[str, Any]) -> None:
    store = MemoryStore(replace(NEW, user=NEW.user._replace(**other)))
    with pytest.raises(LoginRequiredError, match="Another session"):
        renew(store)
    assert store.calls == ["lock", "load"]


def test_a_session_that_was_removed_during_the_renewal_is_discarded() -> None:
    class Removed(MemoryStore):
        def load_user(self) -> None:
            return None

    store = Removed(OLD)
    with pytest.raises(LoginRequiredError, match="removed by another process"):
        renew(store)
    assert store.calls == ["lock", "load", "check", "refresh access", "discard access 2"]
    assert store.stored is OLD


def test_a_renewed_session_may_expire_within_min_ttl() -> None:
    short = replace(NEW, user=NEW.user._replace(expires_at=END + 5))
    assert renew(MemoryStore(OLD), min_ttl=60, response=short) is short


def test_a_session_that_another_process_removed_is_not_stored_again() -> None:
    store = MemoryStore(None)
    with pytest.raises(LoginRequiredError, match="removed by another process"):
        renew(store)
    assert store.calls == ["lock", "load"]
    assert store.stored is None


def test_a_rejected_refresh_token_removes_the_session() -> None:
    store = MemoryStore(OLD)
    with pytest.raises(RefreshTokenRejectedError) as ended:
        renew(store, response=RefreshTokenRejectedError("expired"))
    assert ended.value.exit_code == 4
    assert store.calls == ["lock", "load", "check", "refresh access", "load", "delete"]


def test_a_session_that_another_process_stored_without_the_lock_is_used() -> None:
    class Racing(MemoryStore):
        def load(self) -> Session | None:
            found = super().load()
            self.stored = NEW  # between the two loads
            return found

    store = Racing(OLD)
    assert renew(store, response=RefreshTokenRejectedError("used")) is NEW
    assert "delete" not in store.calls


def test_a_refresh_token_that_is_rejected_after_a_logout_raises() -> None:
    class Leaving(MemoryStore):
        def load(self) -> Session | None:
            found = super().load()
            self.stored = None
            return found

    with pytest.raises(RefreshTokenRejectedError):
        renew(Leaving(OLD), response=RefreshTokenRejectedError("expired"))


@pytest.mark.parametrize("error", [ProviderUnreachableError("down"), InvalidTokenError("bad"), KeyboardInterrupt()])
def test_any_other_error_leaves_the_session_unchanged(error: BaseException) -> None:
    store = MemoryStore(OLD)
    with pytest.raises(type(error)):
        renew(store, response=error)
    assert store.stored is OLD
    assert store.calls == ["lock", "load", "check", "refresh access", "undo"]


def test_an_error_of_undo_check_does_not_replace_the_first_error() -> None:
    class Failing(MemoryStore):
        def delete_check(self) -> None:
            raise KeyringError("gone")

    with pytest.raises(ProviderUnreachableError):
        renew(Failing(OLD), response=ProviderUnreachableError("down"))


UNVERIFIED = unverified_session(OLD, "refresh 2")


def test_of_an_unverified_renewal_only_the_refresh_token_is_stored() -> None:
    reason = InvalidTokenError("the clock is wrong")
    store = MemoryStore(OLD)
    with pytest.raises(InvalidTokenError, match="clock"):
        renew(store, response=RenewalUnverifiedError(UNVERIFIED, reason))
    assert store.stored == replace(OLD, refresh_token="refresh 2", user=OLD.user._replace(expires_at=NOW))


def test_the_refresh_token_of_an_unverified_renewal_is_used_next() -> None:
    renewed_with: list[str | None] = []

    def refresh(session: Session) -> Session:
        renewed_with.append(session.refresh_token)
        return NEW

    store = MemoryStore(UNVERIFIED)
    found = renew_if_needed(OLD, store=lambda: store, lock=store.lock, refresh=refresh, discard=print, now=lambda: END)
    assert (found, renewed_with) == (NEW, ["refresh 2"])


def test_a_session_without_refresh_token_is_used_until_it_expires() -> None:
    session = replace(OLD, refresh_token=None, user=OLD.user._replace(refreshable=False))
    store = MemoryStore(session)
    assert renew(store, session=session, now=END - 5, min_ttl=60) is session
    with pytest.raises(LoginRequiredError, match="no refresh token") as ended:
        renew(store, session=session)
    assert "offline_access" in hint_for(ended.value, AWESOME)
    assert store.calls == []
