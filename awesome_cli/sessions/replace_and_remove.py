"""Replace and remove the stored session, and revoke the tokens of the session that is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from awesome_cli.errors import (
    AwesomeError,
    KeyringError,
    LockTimeoutError,
    LoginRequiredError,
    NoKeyringError,
    NoLockFolderError,
    ProviderError,
    SaveUnconfirmedError,
)
from awesome_cli.sessions.index import SessionIndex
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.session_locks import Owner, SessionLocks
from awesome_cli.sessions.store import SessionStore
from awesome_cli.sessions.store_choice import StoreChoice
from awesome_cli.sessions.user import User
from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.system.environment import Messages

REVOCATION_TIMEOUT = 45.0  # seconds: discovery and two revocations, 15 s each (provider.client.REQUEST_TIMEOUT)


class SessionChanges:
    """``revoke`` revokes a session's tokens and returns whether that is confirmed for the refresh token."""

    def __init__(
        self,
        profile: str,
        *,
        stores: StoreChoice,
        locks: SessionLocks,
        index: SessionIndex,
        messages: Messages,
        defer_signals: Callable[[], AbstractContextManager[DeferredSignals]],
        revoke: Callable[..., bool],
    ) -> None:
        self._profile = profile
        self._stores = stores
        self._locks = locks
        self._index = index
        self._messages = messages
        self._defer_signals = defer_signals
        self._revoke = revoke

    def check_writable(self, store: SessionStore, *new_owners: Owner) -> None:
        """Raise KeyringError, if the store does not store what is written to it."""
        with suppress(LoginRequiredError):
            store.load_user()  # a keyring that asks to be unlocked does so before others wait for the lock
        with self._locks.change("a test of the keyring", *new_owners):
            try:
                store.check_writable()
            finally:
                store.delete_check()

    def replace(self, session: Session, store: SessionStore) -> None:
        """Save a new session, and end those that it replaces. A session that cannot be saved is revoked."""
        saved, replaced = False, []
        try:
            with self._locks.change("the sign-in", (session.user.issuer, session.user.client_id)):
                replaced = self._stores.sessions()
                self.add_to_index(store)  # first: after a kill the index has a name too many, not one too few
                store.save(session)
                saved = True
                self._stores.clear_other(store)
        except BaseException as error:
            if not saved:  # else it is a signal that was deferred until now, or a file that cannot be removed
                self._discard(session, replaced, store, may_be_saved=isinstance(error, SaveUnconfirmedError))
            raise
        self._end(replaced, session)

    def move_to_keyring(self) -> None:
        """Move the session from the plaintext file to the keyring."""
        self.check_writable(self._stores.keyring)
        with self._locks.change("the move to the keyring"):
            moved = self._stores.current.load()
            if moved is None:
                raise LoginRequiredError("The session was removed by another process.")
            replaced = [session for session in self._stores.sessions() if session != moved]
            self._stores.keyring.save(moved)
            self._stores.clear_other(self._stores.keyring)
        self._end(replaced, moved)

    def remove(self, report: Callable[[User | None, bool], None]) -> None:
        """Revoke the session at the provider and remove it here, even if the revocation fails.

        ``report`` is called, before a deferred signal takes effect, with the user and whether the revocation of the
        refresh token is confirmed.
        """
        with suppress(LoginRequiredError, KeyringError):
            self._stores.keyring.load_user()  # a locked keyring asks to be unlocked before others wait for the lock
        with ExitStack() as stack:
            try:
                stack.enter_context(self._locks.change("the sign-out"))
            except (LockTimeoutError, NoLockFolderError) as error:  # it happens whatever else is broken, or stopped
                self._messages.warning(error.message)
            deferred = stack.enter_context(self._defer_signals())
            user, confirmed = self._empty_stores()
            with self._index_errors():  # under the same lock as a login that may follow
                self._index.remove(self._profile)
            try:
                report(user, confirmed)
            except AwesomeError as error:
                if deferred.pending:  # the signal ends the program, and the error would not be shown
                    self._messages.warning(error.message)
                raise

    def add_to_index(self, store: SessionStore) -> None:
        with self._index_errors():
            self._index.add(self._profile, store.backend_name, store.application)

    @contextmanager
    def _index_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ProviderError):
            folder = self._index.path.parent
            self._messages.warning(f"{folder} cannot be written, so this session is missing from the list of profiles.")

    def _discard(self, session: Session, replaced: list[Session], store: SessionStore, *, may_be_saved: bool) -> None:
        """Revoke what could not be saved. If the store may still come to hold it, nothing that it holds is valid."""
        self._messages.note("The session could not be stored; its tokens are revoked.")
        if may_be_saved:
            self._stores.mark_revoked(store)
            for before in replaced:
                self._revoke(before)
        self._revoke(session)
        if not replaced:
            with self._index_errors():
                self._index.remove(self._profile)

    def _end(self, replaced: list[Session], successor: Session) -> None:
        """Revoke replaced sessions.

        If both belong to one grant, the provider may revoke the new tokens along with the old refresh token (Auth0:
        "Refresh Token Revocation Deletes Grant"), so that one is left to expire.
        """
        for session in replaced:
            if _grant(session) == _grant(successor):
                self._revoke(session, refresh_token=False)
                self._messages.note(
                    "Only the old access token is revoked: revoking the old refresh token could end the new session"
                    " too."
                )
            elif not self._revoke(session):
                self._messages.warning("The session that this one replaces could not be revoked at the provider.")

    def _empty_stores(self) -> tuple[User | None, bool]:
        """Empty the plaintext file, where it is the store, and the keyring: an interrupted login may have left both."""
        self._stores.delete_trial()
        self._stores.delete_pending()
        if not self._stores.has_plaintext_file:
            try:
                return self._empty(self._stores.keyring)
            except NoKeyringError as error:
                if self._profile in self._index.stores():
                    raise
                self._messages.warning(error.message)
                return None, True
        user, confirmed = None, True
        try:
            user, confirmed = self._empty(self._stores.plaintext)
        finally:
            try:
                other, other_confirmed = self._empty(self._stores.keyring)
                user, confirmed = user or other, confirmed and other_confirmed
            except KeyringError as error:
                self._messages.warning(f"{error.message} If it has a session too, sign out again once it works.")
        return user, confirmed

    def _empty(self, store: SessionStore) -> tuple[User | None, bool]:
        session, confirmed = None, True
        try:
            try:
                session = store.load()
            except LoginRequiredError:
                self._messages.warning("The stored session could not be read; it is removed without being revoked.")
            if session is not None:
                confirmed = self._revoke_or_skip(session)
        finally:
            try:
                self._stores.delete(store)
            except KeyringError:
                if session is not None:
                    self._stores.mark_revoked(store)  # whether the entries are gone is unknown
                raise
        return session.user if session else None, confirmed

    def _revoke_or_skip(self, session: Session) -> bool:
        """Revoke the session's tokens; a second Ctrl-C skips that."""
        with self._defer_signals() as deferred:
            deferred.skippable = True
            deferred.on_first = lambda: self._messages.say(
                f"Finishing the sign-out: waiting for the provider, {REVOCATION_TIMEOUT:g} s at most."
                " Press Ctrl-C again to skip that."
            )
            return self._revoke(session)


def _grant(session: Session) -> tuple[str | None, ...]:
    user = session.user
    return user.issuer, user.client_id, user.sub, user.audience
