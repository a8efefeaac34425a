"""Folders that depend on the user's account alone, not on environment variables, and the list of revoked sessions.

All processes that share a keyring must find the same locks and the same list. The fast path reads that list, so this
module imports next to nothing.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence

REVOKED_LIST = "revoked-sessions"  # follows the program's name in file names: other programs share some folders
LONGEST_LIST = 4096  # bytes; about a hundred digests
DIGEST_LENGTH, HEX_DIGITS = 32, frozenset("0123456789abcdef")


def account_folders(app_dir: str) -> list[str]:
    """Return the candidates in order; the first usable one is used. None of them need exist.

    The home folder is that of the password database, or on Windows the known folder LocalAppData: HOME,
    XDG_STATE_HOME and TMPDIR may differ between two terminals of one user, the keyring does not.
    """
    if sys.platform == "win32":
        return [f"{_local_app_data()}\\{app_dir}"]
    folders = []
    user, home = os.geteuid(), account_home()
    if home.startswith("/"):
        state = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
        folders.append(f"{home.rstrip('/')}/{state}/{app_dir}")
    if os.path.isdir(f"/run/user/{user}"):
        folders.append(f"/run/user/{user}")  # the system creates it at login
    folders.append(f"/tmp/{app_dir}-{user}")  # noqa: S108 - used only if it is ours and nobody else can write to it
    return folders


def account_home() -> str:
    """Return the account's home folder, whatever HOME says; empty if it has none."""
    if sys.platform == "win32":
        return os.path.expanduser("~")
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:  # a container that runs with a numeric user id
        return ""


def is_revoked(digest: str, app_dir: str, folders: Sequence[str | os.PathLike[str]]) -> bool:
    """Whether the session with this digest is listed: its tokens were revoked, whatever the keyring contains."""
    return any(digest in read_digests(os.path.join(folder, f"{app_dir}-{REVOKED_LIST}")) for folder in folders)


def read_digests(path: str) -> list[str]:
    """Return the digests in the list, oldest first; none if it does not exist or belongs to another user."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, flags)
    except OSError:
        return []
    try:
        status = os.fstat(handle)
        is_ours = sys.platform == "win32" or status.st_uid == os.geteuid()
        if not (is_ours and stat.S_ISREG(status.st_mode)):
            return []
        words = os.read(handle, LONGEST_LIST).decode("ascii", "replace").split()
        return [word for word in words if len(word) == DIGEST_LENGTH and set(word) <= HEX_DIGITS]
    except OSError:
        return []
    finally:
        os.close(handle)


if sys.platform == "win32":

    def _local_app_data() -> str:
        """Ask the system: the LOCALAPPDATA variable may have been changed."""
        import ctypes
        from ctypes import wintypes

        identifier = (ctypes.c_byte * 16).from_buffer_copy(
            bytes.fromhex("8527b3f1ba6fcf4f9d557b8e7f157091")  # FOLDERID_LocalAppData
        )
        found = wintypes.LPWSTR()
        if ctypes.windll.shell32.SHGetKnownFolderPath(ctypes.byref(identifier), 0, None, ctypes.byref(found)):
            return os.path.expanduser("~\\AppData\\Local")
        try:
            return str(found.value)
        finally:
            ctypes.windll.ole32.CoTaskMemFree(found)
