"""File locks between processes. The lock of a killed process is released by the operating system."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from awesome_cli.errors import LockTimeoutError, NoLockFolderError
from awesome_cli.system.files import make_private_folder, require_private

TIMEOUT = 150.0  # seconds; longer than any renewal, whose response is waited for 90 seconds at most
POLL_INTERVAL = 0.02  # seconds; filelock's own 0.05 nearly doubles the time that 8 contenders take


@contextmanager
def acquire_locks(folders: Sequence[Path], names: Collection[str], *, timeout: float = TIMEOUT) -> Iterator[Path]:
    """Acquire the locks of these names in the first usable folder, and return that folder.

    All processes of a user try the same folders in the same order, and acquire locks in the order of their names, so
    there is no deadlock. A folder is usable if it is ours and nobody else can write to it. Do not hold a lock while a
    user is asked for something. Raises LockTimeoutError, if a lock is not free within ``timeout`` seconds;
    NoLockFolderError, if no folder is usable.
    """
    reasons = []
    for folder in folders:
        with ExitStack() as locks:
            try:
                _prepare(folder)
                for name in sorted(names):
                    _acquire(folder / f"{name}.lock", timeout, locks)
            except (OSError, NotImplementedError) as error:  # the second: a file system without locks
                reasons.append(f"{folder} ({getattr(error, 'strerror', None) or 'it has no locks'})")
                continue
            yield folder
            return
    raise NoLockFolderError(
        f"No folder can be used for the lock that prevents two renewals of a session at once: {', '.join(reasons)}.",
        hint="Make one of them yours, writable, and closed to others (mode 0700).",
    )


def usable_folder(folders: Sequence[Path]) -> Path:
    """Return the first usable folder. Raises NoLockFolderError."""
    with acquire_locks(folders, ()) as folder:
        return folder


def _prepare(folder: Path) -> None:
    make_private_folder(folder)
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)  # another user may have put a link there
        try:
            require_private(handle, 0o700)
        finally:
            os.close(handle)


def _acquire(path: Path, timeout: float, locks: ExitStack) -> None:
    # Without the soft fallback: on a file system without flock, a killed process would leave a soft lock behind.
    lock = FileLock(path, mode=0o600, poll_interval=POLL_INTERVAL, fallback_to_soft=False)
    try:
        lock.acquire(timeout=timeout)
    except Timeout as error:
        raise LockTimeoutError(
            f"Another process has been working on this session for {timeout:g} seconds.",
            hint=f"See which process holds {path}, end it, and try again.",
        ) from error
    locks.callback(_release, lock, path)


def _release(lock: FileLock, path: Path) -> None:
    """Release the lock and remove its file, while no other process can have it: there is one file per issuer."""
    if sys.platform != "win32":  # there filelock removes it
        path.unlink(missing_ok=True)  # a process that waits notices that the file is gone, and creates a new one
    lock.release()
