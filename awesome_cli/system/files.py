"""Small private files: written whole or not at all, readable by their owner alone."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Any

_RANDOM = 8  # characters that mkstemp adds
LARGEST = 4 * 1024 * 1024  # bytes; nothing that we keep in a file comes near
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_READ = stat.S_IRGRP | stat.S_IROTH

Warn = Callable[[str], None]


class NotPrivateError(PermissionError):
    """Another user owns the file or can write to it, so what it says may be theirs."""


def read_private(path: Path, *, warn: Warn | None = None) -> str | None:
    """Return the file's text, or None if there is no such file, or something else in the place of its folder.

    A file of secrets, for which ``warn`` takes the warnings, is made 0600 if other users can read it. Raises
    NotPrivate, if it holds secrets and other users own it or can write to it; OSError, if it cannot be read;
    ValueError, if it is no file, too large or no UTF-8.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"{path} is no regular file")
            if warn is not None:
                _make_private(file.fileno(), path, warn=warn)
            data = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > LARGEST:
        raise ValueError(f"{path} is larger than {LARGEST} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise ValueError(f"what stands there is no UTF-8 (at line {line})") from error


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for somebody at the other end of a pipe that stands in the file's place."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _make_private(handle: int, path: Path, *, warn: Warn) -> None:
    if sys.platform == "win32":
        return  # the person's own folder there hands its access control list down
    status = os.fstat(handle)
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid():
        raise NotPrivateError(errno.EPERM, "it belongs to another user")
    if mode & OTHERS_WRITE:
        raise NotPrivateError(errno.EPERM, f"other users can write to it, mode {mode:04o}")
    if mode & OTHERS_READ:
        os.fchmod(handle, 0o600)
        warn(f"Other users could read {path} (mode {mode:04o}) until now; its mode is 0600 now.")


def restrict_write_access(folder: Path, *, warn: Warn) -> None:
    """Let nobody else write to a folder of ours: whoever can puts files of their own in the place of ours."""
    if sys.platform == "win32":
        return
    with suppress(OSError):  # it is not there, or on a file system that is not ours to change
        status = folder.stat()
        mode = stat.S_IMODE(status.st_mode)
        if mode & OTHERS_WRITE and status.st_uid == os.geteuid():
            folder.chmod(mode & ~OTHERS_WRITE)
            warn(f"Other users could write to {folder} (mode {mode:04o}) until now. Check that its files are yours.")
        elif mode & OTHERS_WRITE:
            warn(
                f"{folder} belongs to another user, and others can write to it (mode {mode:04o}) and replace its files."
            )


def read_object(path: Path, *, warn: Warn | None = None) -> dict[str, Any]:
    """Return the JSON object that the file holds; an empty one, if it holds anything else.

    Raises OSError, as :func:`read_private` does, ``warn`` included.
    """
    try:
        value = json.loads(read_private(path, warn=warn) or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def write_private(path: Path, text: str) -> None:
    """Replace the file with ``text``: 0600 in a 0700 folder, on disk before the old one goes. Raises OSError.

    Line ends are written as they are, on Windows too: the text was read as bytes (:func:`read_private`).
    """
    data = text.encode("utf-8")
    path = Path(os.path.realpath(path))  # a link to elsewhere, as people with dotfiles use, stays a link
    make_private_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600 by itself
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
    _sync_folder(path.parent)


def remove_private(path: Path) -> None:
    """Remove the file, and what a killed process wrote of it and could not put in its place. Raises OSError."""
    file = Path(os.path.realpath(path))
    for leftover in [file, *file.parent.glob(f".{escape(file.name)}.{'?' * _RANDOM}"), path]:
        with suppress(FileNotFoundError, NotADirectoryError):
            leftover.unlink()


def make_private_folder(path: Path) -> None:
    """Make the folder and those above it, 0700 as XDG asks, where they are not there already. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(exist_ok=True)  # says so, if something else is in the way


def _sync_folder(path: Path) -> None:
    with suppress(OSError):  # on some systems a folder cannot be opened, on some file systems not be synced
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
