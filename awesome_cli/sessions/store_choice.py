"""Where the session of one profile is stored: in the keyring, or in a plaintext file while there is one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

from awesome_cli.brand import Brand
from awesome_cli.errors import AwesomeError, KeyringError, LoginRequiredError, NoLockFolderError
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.keystore.plaintext_store import PlaintextFileStore
from awesome_cli.sessions.manifest import manifest_name, plaintext_file_name
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.pending import PendingStore
from awesome_cli.sessions.shared_state import add_revoked
from awesome_cli.sessions.store import SessionStore
from awesome_cli.system.account_folders import is_revoked
from awesome_cli.system.environment import Environment


class StoreChoice:
    """Both stores of one profile, and the only owner of the choice between them.

    While the plaintext file exists it is the store; the keyring may still hold what was there before. Methods raise
    KeyringError, if a store fails.
    """

    def __init__(
        self,
        profile: str,
        secrets: Callable[[], KeyringStore],
        environment: Environment,
        brand: Brand,
        warn: Callable[[str], None],
    ) -> None:
        path = environment.state_dir / plaintext_file_name(profile)
        self._secrets = secrets
        self._file = PlaintextFileStore(path, warn=warn)
        self._trial_file = PlaintextFileStore(path.with_suffix(".proof"), warn=warn)  # never holds a token
        self._pending_file = PlaintextFileStore(path.with_suffix(".pending"), warn=warn)
        self._name = manifest_name(brand.keyring_service, profile)
        self._account_dirs, self._app_dir = environment.account_dirs, brand.app_dir
        self._is_revoked = lambda digest: is_revoked(digest, brand.app_dir, environment.account_dirs)

    @cached_property
    def keyring(self) -> SessionStore:
        return SessionStore(self._secrets(), self._name, is_revoked=self._is_revoked)

    @cached_property
    def plaintext(self) -> SessionStore:
        trial = None if self.has_plaintext_file else self._trial_file
        return SessionStore(self._file, self._name, trial=trial, is_revoked=self._is_revoked)

    def close(self) -> None:
        """Close the connection to the keyring, if there is one."""
        if "keyring" in self.__dict__:
            self._secrets().close()

    @property
    def current(self) -> SessionStore:
        return self.plaintext if self.has_plaintext_file else self.keyring

    @property
    def has_plaintext_file(self) -> bool:
        return self._file.exists()

    @property
    def _all(self) -> list[SessionStore]:
        return [self.keyring, *([self.plaintext] if self.has_plaintext_file else [])]

    def sessions(self) -> list[Session]:
        """Return every stored session that can be read."""
        found = []
        for store in self._all:
            with suppress(LoginRequiredError, KeyringError):
                found.append(store.load())
        return [session for session in found if session is not None]

    def owners(self) -> set[tuple[str, str]]:
        """Return issuer and client id of each stored session; one pair of empty strings, if there is none."""
        owners = set()
        for store in self._all:
            with suppress(AwesomeError):
                if user := store.load_user():
                    owners.add((user.issuer, user.client_id))
        return owners or {("", "")}

    def clear_other(self, store: SessionStore) -> None:
        """Remove whatever the other store holds."""
        if store is self.plaintext:
            with suppress(KeyringError):
                self.keyring.delete()
        elif self.has_plaintext_file:
            self._file.remove_file()

    def delete(self, store: SessionStore) -> None:
        """Remove the session, readable or not."""
        if store is self.keyring:
            store.delete()
        else:
            self._file.remove_file()

    def mark_revoked(self, store: SessionStore) -> None:
        """Note that no session that was read or written through ``store`` is valid, whatever it comes to hold."""
        from awesome_cli.system.lock import usable_folder

        with suppress(NoLockFolderError):
            add_revoked(usable_folder(self._account_dirs), self._app_dir, store.digests)

    def pending(self, *, plaintext: bool = False) -> PendingStore:
        """Return where a pending sign-in is stored: in a file, if that was asked for, else in the keyring."""
        is_file = plaintext or self._pending_file.exists()
        return PendingStore(self._pending_file if is_file else self._secrets(), self._name)

    def delete_pending(self) -> None:
        """Delete a pending sign-in, as far as the stores permit it."""
        with suppress(KeyringError):
            self._pending_file.remove_file()
        with suppress(KeyringError):
            PendingStore(self._secrets(), self._name).delete()

    def delete_trial(self) -> None:
        """Remove what a killed check of the plaintext file left behind."""
        with suppress(KeyringError):
            self._trial_file.remove_file()
