"""Keyrings with bad habits. Those that keep anything keep it in files of the folder that ``ROUGH_KEYRING`` names."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from importlib import import_module
from pathlib import Path
from urllib.parse import quote, unquote

from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import InitError, KeyringLocked, PasswordDeleteError, PasswordSetError


class Kept(KeyringBackend):
    """Does what is said, change by change, each whole or not at all.

    ``ROUGH_SIGNAL``, such as ``SIGKILL before 3``, is sent to the process itself around its third change.
    ``ROUGH_DELAY``: seconds that each call takes. ``ROUGH_LOG``: a file that gets a line a change.
    """

    priority = 1.0
    viable = False  # not to be found by a search in the process of the tests

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring leaves it untyped
        self.folder = folder or Path(os.environ["ROUGH_KEYRING"])
        self.folder.mkdir(parents=True, exist_ok=True)
        self.changes = 0

    def get_password(self, service: str, username: str) -> str | None:
        _take_time()
        try:
            return str(json.loads(self._path(service, username).read_text("utf-8")))
        except FileNotFoundError:
            return None

    def set_password(self, service: str, username: str, password: str) -> None:
        path = self._path(service, username)
        with self._change(f"set {service}"):
            half = path.with_suffix(f".{os.getpid()}.half")
            half.write_text(json.dumps(password), "utf-8")
            half.replace(path)

    def delete_password(self, service: str, username: str) -> None:
        with self._change(f"delete {service}"):
            try:
                self._path(service, username).unlink()
            except FileNotFoundError:
                raise PasswordDeleteError(service) from None

    def _change(self, what: str) -> _Change:
        self.changes += 1
        return _Change(what, self.changes)

    def entries(self) -> dict[str, str]:
        """Everything kept, by service name."""
        return {
            unquote(path.stem).rpartition("@")[0]: json.loads(path.read_text("utf-8"))
            for path in self.folder.glob("*.json")
        }

    def _path(self, service: str, username: str) -> Path:
        return self.folder / f"{quote(f'{service}@{username}', safe='')}.json"


class _Change:
    """One change of a keyring: slow, logged, or the moment of a signal."""

    def __init__(self, what: str, number: int) -> None:
        self._what = what
        self._number = number

    def __enter__(self) -> None:
        _take_time()
        self._strike("before")

    def __exit__(self, *error: object) -> None:
        if log := os.environ.get("ROUGH_LOG"):
            with Path(log).open("a") as file:
                file.write(f"{self._what}\n")
        self._strike("after")

    def _strike(self, moment: str) -> None:
        name, when, number = os.environ.get("ROUGH_SIGNAL", "SIGKILL never 0").split()
        if (when, int(number)) == (moment, self._number):
            os.kill(os.getpid(), signal.Signals[name])
            time.sleep(0.05)  # the main thread notices while we are still at it


def _take_time() -> None:
    time.sleep(float(os.environ.get("ROUGH_DELAY", "0")))


class Small(Kept):
    """Takes 2,560 bytes of UTF-16 an entry, as Windows does."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > 2560:
            raise PasswordSetError("too large")
        super().set_password(service, username, password)


class Hanging(Kept):
    """Never answers."""

    def get_password(self, service: str, username: str) -> str | None:
        threading.Event().wait()
        return super().get_password(service, username)  # pragma: no cover - what it would do if it did

    set_password = delete_password = get_password  # type: ignore[assignment]  # the same for all


class HangingOnWrite(Kept):
    """Reads, and never answers when something is to be kept."""

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002 - keyring's signature
        threading.Event().wait()


class SilentAfterTheCard(Kept):
    """Keeps all that it is told, and never says so of the entry that makes a session valid."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        if service.count(":") == 1:
            threading.Event().wait()


class SilentBeforeTheCard(SilentAfterTheCard):
    """Never answers when it is told to keep the entry that makes a session valid, and does not keep it."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if service.count(":") == 1:
            threading.Event().wait()
        super().set_password(service, username, password)


class SilentAfterDeleting(Kept):
    """Deletes nothing, and never answers when it is told to."""

    def delete_password(self, service: str, username: str) -> None:  # noqa: ARG002 - keyring's signature
        threading.Event().wait()


class Locked(Kept):
    """A keyring that stays locked."""

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002
        raise KeyringLocked("Failed to unlock the collection!")

    set_password = delete_password = get_password  # type: ignore[assignment]


class Dismissed(Kept):
    """A keyring whose owner closed the prompt, as keyring's Secret Service backend tells it."""

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002
        raise InitError("Failed to create the collection: Prompt dismissed..")

    set_password = delete_password = get_password  # type: ignore[assignment]


class Refusing(Kept):
    """Reads, and refuses to keep anything."""

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002
        raise PasswordSetError("no")


class Swallowing(Kept):
    """Says yes to a write, and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Undeletable(Kept):
    """Keeps for ever."""

    def delete_password(self, service: str, username: str) -> None:
        pass


class DBusError(Exception):
    """An error that is no KeyringError, and quotes what it was asked to keep: jeepney's DBusErrorResponse can."""


class Odd(Kept):
    """Raises errors of its own kind."""

    def get_password(self, service: str, username: str) -> str | None:
        raise DBusError(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise DBusError(service, username, password)


class OddOnWrite(Kept):
    """Raises errors of its own kind when something is to be kept."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise DBusError(service, username, password)


class Broken(Kept):
    """Cannot even be opened."""

    def __init__(self) -> None:
        super().__init__()
        raise OSError("out of order")


class Chained(ChainerBackend):
    """Two keyrings in a chain: ``first`` and ``second`` below the folder."""

    priority = 10.0

    @property
    def backends(self) -> list[KeyringBackend]:
        folder = Path(os.environ["ROUGH_KEYRING"])
        return [Kept(folder / "first"), Kept(folder / "second")]


class ChainedPlaintext(ChainerBackend):
    """A chain of nothing but the plaintext of keyrings.alt."""

    priority = 10.0

    @property
    def backends(self) -> list[KeyringBackend]:
        plaintext = import_module("keyrings.alt.file")  # not at the top: it would become a candidate everywhere
        return [plaintext.PlaintextKeyring()]


class ChainedPlaintextAndKept(ChainedPlaintext):
    """A chain that begins with the plaintext of keyrings.alt."""

    @property
    def backends(self) -> list[KeyringBackend]:
        return [*super().backends, Kept()]


class TiredAfterTheProof(Kept):
    """Keeps entries until one is deleted, as the end of a proof does, and refuses from then on."""

    is_tired = False

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.is_tired:
            raise PasswordSetError("no more")
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        super().delete_password(service, username)
        self.is_tired = True
