"""File locks that make processes wait for each other. The lock of a killed process is gone with it."""

from __future__ import annotations

import binascii
import os
import stat
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from awesome_cli.errors import LockTimeoutError, NoLockFolderError
from awesome_cli.system.files import OTHERS_WRITE, make_private_folder

TIMEOUT = 150.0  # seconds; longer than any renewal, whose answer is waited for 90 seconds at most
POLL_INTERVAL = 0.02  # seconds; filelock's own 0.05 nearly doubles the time that 8 contenders take
ANY_ACCESS_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def session_lock_name(app_dir: str, profile: str, issuer: str, client_id: str) -> str:
    """Return the name of the lock of a profile's session; issuer and client id are empty where there is no session.

    Two sessions whose checksums are alike wait for each other, and nothing else happens.
    """
    identity = f"{issuer}\n{client_id}".encode("utf-8", "surrogatepass")
    return f"{app_dir}-{profile}-{binascii.crc32(identity):08x}"


@contextmanager
def acquire_locks(folders: Sequence[Path], names: Collection[str], *, timeout: float = TIMEOUT) -> Iterator[Path]:
    """Hold the locks of these names in the first usable folder, and tell which folder that is.

    All processes of a user try the same folders in the same order, and take the locks in the order of their names, so
    they wait for each other and never for ever. A folder is usable if it is ours and closed to others. Never enter it
    while a person is waited for.
    Raises LockTimeoutError, if the locks cannot be had within ``timeout`` seconds; NoLockFolder, if none is usable.
    """
    with ExitStack() as deferred:
        yield _lock_in_first_usable(folders, sorted(names), timeout, deferred)


def usable_folder(folders: Sequence[Path]) -> Path:
    """Return the first usable folder. Raises NoLockFolder."""
    return _lock_in_first_usable(folders, (), 0.0, ExitStack())


def _lock_in_first_usable(folders: Sequence[Path], names: Sequence[str], timeout: float, deferred: ExitStack) -> Path:
    reasons = []
    for folder in folders:
        with ExitStack() as attempt:
            try:
                _require_private(folder)
                for name in names:
                    _acquire(folder / f"{name}.lock", timeout, attempt)
            except (OSError, NotImplementedError) as error:  # the second: a file system without locks
                reasons.append(f"{folder} ({getattr(error, 'strerror', None) or 'it has no locks'})")
                continue
            deferred.push(attempt.pop_all())
            return folder
    raise NoLockFolderError(
        f"No folder can be used for the lock that keeps processes from renewing a session twice: {', '.join(reasons)}.",
        hint="Make one of them yours, writable, and closed to others (mode 0700).",
    )


def _acquire(path: Path, timeout: float, deferred: ExitStack) -> None:
    # Without the soft fallback: a file system without flock would get a lock that a killed process leaves behind.
    lock = FileLock(path, mode=0o600, poll_interval=POLL_INTERVAL, fallback_to_soft=False)
    try:
        lock.acquire(timeout=timeout)
    except Timeout as error:
        raise LockTimeoutError(
            f"Another process has been working on this session for {timeout:g} seconds.",
            hint=f"See which process holds {path}, end it, and try again.",
        ) from error
    deferred.callback(_release, lock, path)


def _release(lock: FileLock, path: Path) -> None:
    """Release the lock and remove its file, while nobody else can hold it: its name is made of an issuer's."""
    if sys.platform == "win32":  # there filelock removes it
        lock.release()
        return
    path.unlink(missing_ok=True)  # filelock takes a file that is gone for no lock, and tries again
    lock.release()


def _require_private(folder: Path) -> None:
    """Raise PermissionError, unless the folder is ours alone; make it, and close it to others who could only read."""
    make_private_folder(folder)
    if sys.platform == "win32":
        return
    status = folder.lstat()
    if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode):
        raise PermissionError(None, "it belongs to another user")
    if status.st_mode & OTHERS_WRITE:
        raise PermissionError(None, "other users can write to it")
    if status.st_mode & ANY_ACCESS_BY_OTHERS:
        folder.chmod(stat.S_IRWXU)
