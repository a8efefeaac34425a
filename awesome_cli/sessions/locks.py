"""The locks of one profile's session: one process at a time changes it, and one at a time renews it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from awesome_cli.errors import ProviderError, RefreshTokenRejectedError
from awesome_cli.sessions.model import INTERRUPTED_TIMEOUT, User
from awesome_cli.sessions.shared_state import SHARED_FAILURES, RenewalFailure

MAX_OWNER_CHANGES = 5  # while the lock is waited for
_RESPONSE_WAS_LOST = "It did not respond to the last renewal in time, which may have used the token up."

Owner = tuple[str, str]  # issuer and client id of a session; both are empty where there is none


class SessionLocks:
    """Locks named after program, profile, issuer and client id.

    ``acquire`` takes the locks of these names (and a timeout in seconds) and yields the folder that they are in;
    ``defer_signals`` defers signals while the work of that name is done.
    """

    def __init__(
        self,
        lock_name: Callable[[Owner], str],
        *,
        acquire: Callable[..., AbstractContextManager[Path]],
        owners: Callable[[], set[Owner]],
        defer_signals: Callable[[str], AbstractContextManager[None]],
        now: Callable[[], float],
    ) -> None:
        self._lock_name = lock_name
        self._acquire = acquire
        self._owners = owners
        self._defer_signals = defer_signals
        self._now = now

    @contextmanager
    def change(self, work: str, *new_owners: Owner) -> Iterator[None]:
        """Be the only process that changes the stored session, whoever it belongs to and will belong to.

        Raises LockTimeoutError, NoLockFolderError, and ProviderError, if its owner changes again and again meanwhile.
        """
        owners = self._owners()
        for _ in range(MAX_OWNER_CHANGES):
            taken = owners | set(new_owners)
            with self._acquire(*map(self._lock_name, taken)) as folder:
                owners = self._owners()
                if owners <= taken:
                    with self._defer_signals(work):
                        yield
                    for owner in taken:
                        self._failure(folder, owner).clear()  # the session that could not be renewed is gone
                    return
        raise ProviderError("Other processes sign this profile in and out all the time.", hint="Try again.")

    @contextmanager
    def renewal(self, user: User, *, timeout: float | None = None) -> Iterator[None]:
        """Be the only process that renews the session. Raises the error of a renewal that was waited for, if it failed.

        ``timeout``: seconds to wait for another process, if not as long as a renewal can take.
        """
        began, owner = self._now(), (user.issuer, user.client_id)
        with self._acquire(self._lock_name(owner), timeout=timeout) as folder:
            failure = self._failure(folder, owner)
            if (of_another := failure.since(began, now=self._now())) is not None:
                raise of_another
            try:
                with self._defer_signals(
                    f"the renewal ({INTERRUPTED_TIMEOUT:g} s at most), or the session could be lost"
                ):
                    yield
            except SHARED_FAILURES as error:
                failure.record(error, now=self._now())
                raise
            except RefreshTokenRejectedError as error:
                if failure.answer_was_lost:
                    error.message = f"{error.message} {_RESPONSE_WAS_LOST}"
                failure.clear()
                raise
            failure.clear()

    def _failure(self, folder: Path, owner: Owner) -> RenewalFailure:
        return RenewalFailure(folder / f"{self._lock_name(owner)}.failed")
