"""Secrets by name in a plaintext JSON file, used on request instead of a keyring."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from awesome_cli.errors import PlaintextFileError
from awesome_cli.keystore.names import INSECURE_FILE
from awesome_cli.system.files import NotPrivateError, read_object, remove_private, write_private


class PlaintextFileStore:
    """A file of mode 0600, which is removed with its last secret. ``warn`` is called if other users could read it."""

    def __init__(self, path: Path, *, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn

    @property
    def backend_name(self) -> str:
        """A name that cannot be mistaken for a keyring's."""
        return f"{INSECURE_FILE}{self._path}"

    @property
    def application(self) -> str:
        return ""

    @property
    def can_overwrite(self) -> bool:
        return True

    def get(self, name: str) -> str | None:
        return self._read().get(name)

    def set(self, name: str, secret: str) -> None:
        self._write({**self._read(), name: secret})

    def delete(self, name: str) -> None:
        secrets = self._read()
        if secrets.pop(name, None) is not None:
            self._write(secrets)

    def exists(self) -> bool:
        """Whether there is a file, readable or not: while there is, it is used instead of the keyring."""
        return os.path.isfile(self._path)  # noqa: PTH113 - Path.is_file raises where the folder cannot be searched

    def remove_file(self) -> None:
        """Remove the file whatever it contains."""
        with self._errors("removed"):
            remove_private(self._path)

    def _read(self) -> dict[str, str]:
        with self._errors("read"):
            secrets = read_object(self._path, warn=self._warn)
        return {name: secret for name, secret in secrets.items() if isinstance(secret, str)}

    def _write(self, secrets: dict[str, str]) -> None:
        if not secrets:
            self.remove_file()
            return
        with self._errors("written"):
            write_private(self._path, json.dumps(secrets, indent=2) + "\n")

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        file = f"The file that replaces the keyring, {self._path},"
        try:
            yield
        except NotPrivateError as error:
            raise PlaintextFileError(
                f"{file} is not used: {error.strerror}.",
                hint="The session in it may belong to another user. Sign out to remove it, and sign in again.",
            ) from error
        except OSError as error:
            raise PlaintextFileError(f"{file} cannot be {verb} ({error.strerror}).") from error
