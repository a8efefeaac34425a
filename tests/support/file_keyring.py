"""A keyring backend that keeps secrets in a file of the test's own, for PYTHON_KEYRING_BACKEND to name."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class Keyring(KeyringBackend):
    priority = 1.0

    def __init__(self, path: Path | None = None) -> None:
        self._file = path  # without KeyringBackend.__init__, which takes attributes from the environment

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write({**self._read(), f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        entries = self._read()
        if entries.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("There is no such entry.")
        self._write(entries)

    @property
    def _path(self) -> Path:
        return self._file or Path(os.environ["TEST_KEYRING"])

    def _read(self) -> dict[str, str]:
        entries: dict[str, str] = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}
        return entries

    def _write(self, entries: dict[str, str]) -> None:
        self._path.write_text(json.dumps(entries), "utf-8")
