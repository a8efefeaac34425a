"""Small private files: replaced atomically, and readable by their owner alone."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Any

LARGEST = 4 * 1024 * 1024  # bytes; far more than any file that we write
RANDOM_CHARACTERS = 8  # in the names that mkstemp makes
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
OTHERS_ACCESS = stat.S_IRWXG | stat.S_IRWXO

Warn = Callable[[str], None]


class NotPrivateError(PermissionError):
    """Another user owns the file or folder, or can write to it, so its contents may be theirs."""


def read_private(path: Path, *, warn: Warn | None = None) -> str | None:
    """Return the file's text, or None if it does not exist.

    With ``warn`` the file contains secrets: it is made 0600, with a warning, if other users can read it, and
    NotPrivateError is raised if they own it or can write to it. Raises OSError, if it cannot be read; ValueError, if
    it is not a regular file, too large or not UTF-8.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"{path} is not a regular file")
            if warn is not None and (mode := require_private(file.fileno(), 0o600)) & OTHERS_READ:
                warn(f"Other users could read {path} (mode {mode:04o}) until now; its mode is 0600 now.")
            data = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > LARGEST:
        raise ValueError(f"{path} is larger than {LARGEST} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise ValueError(f"it is not valid UTF-8 (at line {line})") from error


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a named pipe would wait for a writer


def require_private(handle: int, private_mode: int) -> int:
    """Give an open file or folder this mode if other users have any access; return its mode before that, else 0.

    Raises NotPrivateError, if another user owns it or can write to it.
    """
    if sys.platform == "win32":
        return 0  # there a file inherits the access control list of the user's own folder
    status = os.fstat(handle)
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid():
        raise NotPrivateError(errno.EPERM, "it belongs to another user")
    if mode & OTHERS_WRITE:
        raise NotPrivateError(errno.EPERM, f"other users can write to it, mode {mode:04o}")
    if not mode & OTHERS_ACCESS:
        return 0
    os.fchmod(handle, private_mode)
    return mode


def restrict_write_access(folder: Path, *, warn: Warn) -> None:
    """Remove other users' write access to one of our folders: they could replace the files in it."""
    if sys.platform == "win32":
        return
    with suppress(OSError):  # it does not exist, or its file system does not let us
        status = folder.stat()
        mode = stat.S_IMODE(status.st_mode)
        if mode & OTHERS_WRITE and status.st_uid == os.geteuid():
            folder.chmod(mode & ~OTHERS_WRITE)
            warn(f"Other users could write to {folder} (mode {mode:04o}) until now. Check that its files are yours.")
        elif mode & OTHERS_WRITE:
            warn(f"{folder} belongs to another user, and others can replace its files (mode {mode:04o}).")


def read_object(path: Path, *, warn: Warn | None = None) -> dict[str, Any]:
    """Return the JSON object in the file, or an empty one if it contains anything else.

    Raises OSError, if it cannot be read; for ``warn`` see :func:`read_private`.
    """
    try:
        value = json.loads(read_private(path, warn=warn) or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def write_private(path: Path, text: str) -> None:
    """Replace the file atomically and durably: mode 0600, in a folder of mode 0700. Raises OSError."""
    from tempfile import mkstemp

    data = text.encode("utf-8")  # not written as text: line ends stay as they were read, also on Windows
    path = Path(os.path.realpath(path))  # a symbolic link, as in a folder of dotfiles, stays one
    make_private_folder(path.parent)
    handle, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)  # creates it with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    with suppress(OSError):  # some systems cannot open a folder, some file systems cannot sync one
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove_private(path: Path) -> None:
    """Remove the file, and temporary files that a killed process left beside it. Raises OSError."""
    file = Path(os.path.realpath(path))
    for leftover in [file, *file.parent.glob(f".{escape(file.name)}.{'?' * RANDOM_CHARACTERS}"), path]:
        with suppress(FileNotFoundError, NotADirectoryError):
            leftover.unlink()


def make_private_folder(path: Path) -> None:
    """Create the folder and its missing parents with mode 0700, as the XDG specification asks. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(exist_ok=True)  # raises, if a file has that name
