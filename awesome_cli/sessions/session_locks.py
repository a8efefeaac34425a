"""The locks of one profile's session: one process at a time changes it, and one at a time renews it."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from awesome_cli.errors import ProviderError, RefreshTokenRejectedError
from awesome_cli.sessions.model import INTERRUPTED_TIMEOUT
from awesome_cli.sessions.shared_state import SHARED_FAILURES, RenewalFailure
from awesome_cli.sessions.store_choice import StoreChoice
from awesome_cli.sessions.user import User

MAX_OWNER_CHANGES = 5  # while the lock is waited for
_RESPONSE_WAS_LOST = "It did not respond to the last renewal in time, which may have used the token up."


class Observer(Protocol):
    """Defers signals during work; ``now`` returns seconds since the epoch."""

    def deferred_signals(self, work: str) -> AbstractContextManager[None]: ...
    def now(self) -> float: ...


Owner = tuple[str, str]  # issuer and client id of a session; both are empty where there is none


class SessionLocks:
    """Locks named after program, profile, issuer and client id; ``prefix`` is the first two.

    ``acquire`` takes the locks of these names (and a timeout in seconds) and yields the folder that they are in.
    """

    def __init__(
        self,
        prefix: str,
        acquire: Callable[..., AbstractContextManager[Path]],
        stores: StoreChoice,
        observer: Observer,
    ) -> None:
        self._prefix = prefix
        self._acquire = acquire
        self._stores = stores
        self._observer = observer

    @contextmanager
    def change(self, work: str, *new_owners: Owner) -> Iterator[None]:
        """Be the only process that changes the stored session, whoever it belongs to and will belong to.

        Raises LockTimeoutError, NoLockFolderError, and ProviderError, if its owner changes again and again meanwhile.
        """
        owners = self._stores.owners()
        for _ in range(MAX_OWNER_CHANGES):
            taken = owners | set(new_owners)
            with self._acquire(*map(self._lock_name, taken)) as folder:
                owners = self._stores.owners()
                if owners <= taken:
                    with self._observer.deferred_signals(work):
                        yield
                    for owner in taken:
                        self._failure(folder, owner).clear()  # the session that could not be renewed is gone
                    return
        raise ProviderError("Other processes keep signing this profile in and out.", hint="Try again.")

    @contextmanager
    def renewal(self, user: User, *, timeout: float | None = None) -> Iterator[None]:
        """Be the only process that renews the session. Raises the error of a renewal that was waited for, if it failed.

        ``timeout``: seconds to wait for another process, if not as long as a renewal can take.
        """
        began, owner = self._observer.now(), (user.issuer, user.client_id)
        with self._acquire(self._lock_name(owner), timeout=timeout) as folder:
            failure = self._failure(folder, owner)
            if (of_another := failure.since(began, now=self._observer.now())) is not None:
                raise of_another
            try:
                with self._observer.deferred_signals(
                    f"the renewal ({INTERRUPTED_TIMEOUT:g} s at most), or the session could be lost"
                ):
                    yield
            except SHARED_FAILURES as error:
                failure.record(error, now=self._observer.now())
                raise
            except RefreshTokenRejectedError as error:
                lost = failure.answer_was_lost
                failure.clear()
                if lost:
                    raise RefreshTokenRejectedError(f"{error.message} {_RESPONSE_WAS_LOST}") from error
                raise
            failure.clear()

    def _lock_name(self, owner: Owner) -> str:
        return session_lock_name(self._prefix, owner)

    def _failure(self, folder: Path, owner: Owner) -> RenewalFailure:
        return RenewalFailure(folder / f"{self._lock_name(owner)}.failed")


def session_lock_name(prefix: str, owner: Owner) -> str:
    """Return the name of a session's lock. Sessions with the same checksum wait for each other, which does no harm."""
    checksum = binascii.crc32("\n".join(owner).encode("utf-8", "surrogatepass"))
    return f"{prefix}-{checksum:08x}"
