"""keyring's Windows backend on any system, with a Credential Locker that is simulated with files.

It behaves as ``win32ctypes.pywin32`` does: a blob is text on the way in and UTF-16 bytes on the way out, one of more
than 2,560 bytes is refused with error 1783, and an unknown name is error 1168.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

CRED_MAX_CREDENTIAL_BLOB_SIZE = 2560  # bytes; wincred.h


class error(Exception):  # noqa: N801, N818 - pywintypes' own name
    def __init__(self, winerror: int, funcname: str, strerror: str) -> None:
        super().__init__(winerror, funcname, strerror)
        self.winerror, self.funcname, self.strerror = winerror, funcname, strerror


def cred_write(credential: dict[str, Any], flags: int) -> None:
    assert flags == 0
    if len(credential["CredentialBlob"].encode("utf-16-le")) > CRED_MAX_CREDENTIAL_BLOB_SIZE:
        raise error(1783, "CredWrite", "The stub received bad data.")
    _path(credential["TargetName"]).write_text(json.dumps(credential), "utf-8")


def cred_read(Type: int, TargetName: str) -> dict[str, Any]:  # noqa: N803 - as win32cred has it
    assert Type == 1
    try:
        credential: dict[str, Any] = json.loads(_path(TargetName).read_text("utf-8"))
    except FileNotFoundError:
        raise error(1168, "CredRead", "Element not found.") from None
    return {**credential, "CredentialBlob": credential["CredentialBlob"].encode("utf-16-le")}


def cred_delete(Type: int, TargetName: str) -> None:  # noqa: N803
    assert Type == 1
    try:
        _path(TargetName).unlink()
    except FileNotFoundError:
        raise error(1168, "CredDelete", "Element not found.") from None


def _path(target: str) -> Path:
    folder = Path(os.environ["TEST_KEYRING"])
    folder.mkdir(exist_ok=True)
    return folder / f"{quote(target, safe='')}.json"


def _module(name: str, **members: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return module


_pywintypes = _module("win32ctypes.pywin32.pywintypes", error=error)
_win32cred = _module(
    "win32ctypes.pywin32.win32cred",
    CRED_TYPE_GENERIC=1,
    CRED_PERSIST_ENTERPRISE=3,
    CredWrite=cred_write,
    CredRead=cred_read,
    CredDelete=cred_delete,
)
_module("win32ctypes")
_module("win32ctypes.pywin32", pywintypes=_pywintypes, win32cred=_win32cred)

from keyring.backends.Windows import WinVaultKeyring  # noqa: E402 - it looks for those modules when it is imported

__all__ = ["WinVaultKeyring"]
