"""A keyring backend that stores entries in files, and can be slow, log its changes, or send a signal at one of them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class FileKeyring(KeyringBackend):
    """Each change is atomic. Processes find the folder in ``TEST_KEYRING``.

    ``TEST_KEYRING_SIGNAL``, such as ``SIGKILL before 3``, is sent to the process itself around its third change.
    ``TEST_KEYRING_DELAY``: seconds that each call takes. ``TEST_KEYRING_LOG``: a file that gets one line per change.
    ``TEST_KEYRING_READS``: one that gets a line per entry that was read.
    """

    priority = 1.0
    viable = False  # keyring's search for backends in the process of the tests must not find it

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring leaves it untyped
        self.folder = folder or Path(os.environ["TEST_KEYRING"])
        self.folder.mkdir(parents=True, exist_ok=True)
        self._changes = 0

    def get_password(self, service: str, username: str) -> str | None:
        _delay()
        try:
            secret = str(json.loads(self._path(service, username).read_text("utf-8")))
        except FileNotFoundError:
            return None
        _log("TEST_KEYRING_READS", service)
        return secret

    def set_password(self, service: str, username: str, password: str) -> None:
        path = self._path(service, username)
        with self._change(f"set {service}"):
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps(password), "utf-8")
            temporary.replace(path)

    def delete_password(self, service: str, username: str) -> None:
        with self._change(f"delete {service}"):
            try:
                self._path(service, username).unlink()
            except FileNotFoundError:
                raise PasswordDeleteError(service) from None

    def entries(self) -> dict[str, str]:
        """Return all entries, by service name."""
        return {
            unquote(path.stem).rpartition("@")[0]: json.loads(path.read_text("utf-8"))
            for path in self.folder.glob("*.json")
        }

    @contextmanager
    def _change(self, description: str) -> Iterator[None]:
        self._changes += 1
        _delay()
        self._send_signal("before")
        try:
            yield
        finally:
            _log("TEST_KEYRING_LOG", description)
            self._send_signal("after")

    def _send_signal(self, moment: str) -> None:
        name, when, number = os.environ.get("TEST_KEYRING_SIGNAL", "SIGKILL never 0").split()
        if (when, int(number)) == (moment, self._changes):
            os.kill(os.getpid(), signal.Signals[name])
            time.sleep(0.05)  # so that the main thread handles it during the change

    def _path(self, service: str, username: str) -> Path:
        return self.folder / f"{quote(f'{service}@{username}', safe='')}.json"


def _log(variable: str, line: str) -> None:
    if path := os.environ.get(variable):
        with Path(path).open("a") as file:
            file.write(f"{line}\n")


def _delay() -> None:
    time.sleep(float(os.environ.get("TEST_KEYRING_DELAY", "0")))
