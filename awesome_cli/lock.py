"""One lock per file name, across processes. A killed process's lock is gone with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from awesome_cli.errors import ProviderUnusable
from awesome_cli.files import make_private_folder

PATIENCE = 120.0  # seconds; a renewal is over in far less, whatever the provider does
POLL_INTERVAL = 0.02  # seconds; filelock's own 0.05 nearly doubles the time that 8 contenders take


class NoLockFolder(ProviderUnusable):
    """There is nowhere to put a lock."""


@contextmanager
def exclusive(folders: Sequence[Path], name: str, *, patience: float = PATIENCE) -> Iterator[Path]:
    """Hold the lock ``name`` in the first usable folder, and tell which folder that is.

    All processes of a user try the same folders in the same order, so they meet at the same lock. Never
    enter it while a person is waited for. Raises ProviderUnusable, if it cannot be had within ``patience``
    seconds, or nowhere at all.
    """
    lock, folder = _first_usable(folders, name, patience)
    try:
        yield folder
    finally:
        lock.release()


def _first_usable(folders: Sequence[Path], name: str, patience: float) -> tuple[FileLock, Path]:
    for folder in folders:
        lock = FileLock(folder / f"{name}.lock", mode=0o600, poll_interval=POLL_INTERVAL)
        try:
            make_private_folder(folder)
            _check_owner(folder)
            lock.acquire(timeout=patience)
        except Timeout as error:
            raise ProviderUnusable(
                f"Another awesome process has been busy with this session for {patience:g} seconds.",
                hint=f"See what holds {lock.lock_file}, end it, and try again.",
                code="timeout",
            ) from error
        except (OSError, NotImplementedError):  # the second: a file system without locks
            continue
        return lock, folder
    raise NoLockFolder(
        "No folder for the lock that keeps processes from renewing a session twice: "
        + ", ".join(map(str, folders))
        + ".",
        hint="Make one of them writable.",
        code="config",
    )


def _check_owner(folder: Path) -> None:
    """Refuse a folder that somebody else made in advance, as anyone can in a shared temporary folder."""
    if os.name == "posix" and folder.lstat().st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")
