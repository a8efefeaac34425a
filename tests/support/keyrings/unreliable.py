"""Keyring backends that fail, hang, lose entries or raise unexpected errors. What they store is in a FileKeyring."""

from __future__ import annotations

import os
import threading
from importlib import import_module
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import InitError, KeyringLocked, PasswordSetError

from support.keyrings.file import FileKeyring


class Hanging(FileKeyring):
    """Never returns from any call."""

    def get_password(self, service: str, username: str) -> str | None:
        threading.Event().wait()
        return super().get_password(service, username)  # pragma: no cover - never reached

    set_password = delete_password = get_password  # type: ignore[assignment]  # the same for all


class HangingOnWrite(FileKeyring):
    """Reads, and never returns from a write."""

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002 - keyring's signature
        threading.Event().wait()


class HangingAfterTheManifest(FileKeyring):
    """Stores the manifest of a session, but never returns from that call."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        if service.count(":") == 1:
            threading.Event().wait()


class HangingBeforeTheManifest(HangingAfterTheManifest):
    """Never returns from the call that should store the manifest of a session, and does not store it."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if service.count(":") == 1:
            threading.Event().wait()
        super().set_password(service, username, password)


class HangingOnPendingSignIn(FileKeyring):
    """Never returns from a write of a sign-in that waits, and does not store it."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if ":pending:" in service:
            threading.Event().wait()
        super().set_password(service, username, password)


class HangingOnDelete(FileKeyring):
    """Deletes nothing, and never returns from a deletion."""

    def delete_password(self, service: str, username: str) -> None:  # noqa: ARG002 - keyring's signature
        threading.Event().wait()


class Locked(FileKeyring):
    """A keyring that stays locked."""

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002
        raise KeyringLocked("Failed to unlock the collection!")

    set_password = delete_password = get_password  # type: ignore[assignment]


class Dismissed(FileKeyring):
    """A keyring whose owner closed the prompt, as keyring's Secret Service backend reports it."""

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002
        raise InitError("Failed to create the collection: Prompt dismissed..")

    set_password = delete_password = get_password  # type: ignore[assignment]


class Refusing(FileKeyring):
    """Reads, and refuses every write."""

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002
        raise PasswordSetError("no")


class Forgetting(FileKeyring):
    """Accepts a write, but stores nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Undeletable(FileKeyring):
    """Accepts a deletion, but deletes nothing."""

    def delete_password(self, service: str, username: str) -> None:
        pass


class DBusError(Exception):
    """An error that is not a KeyringError, and contains the secret, as jeepney's DBusErrorResponse can."""


class RaisingOtherErrors(FileKeyring):
    """Raises errors that keyring does not document."""

    def get_password(self, service: str, username: str) -> str | None:
        raise DBusError(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise DBusError(service, username, password)


class RaisingOtherErrorsOnWrite(FileKeyring):
    """Raises errors that keyring does not document from writes."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise DBusError(service, username, password)


class FailingToLoad(FileKeyring):
    """Raises an error when it is constructed."""

    def __init__(self) -> None:
        super().__init__()
        raise OSError("out of order")


class Chained(ChainerBackend):
    """Two keyrings in a chain: ``first`` and ``second`` below the folder."""

    priority = 10.0

    @property
    def backends(self) -> list[KeyringBackend]:
        folder = Path(os.environ["TEST_KEYRING"])
        return [FileKeyring(folder / "first"), FileKeyring(folder / "second")]


class ChainedPlaintext(ChainerBackend):
    """A chain that contains only the plaintext file of keyrings.alt."""

    priority = 10.0

    @property
    def backends(self) -> list[KeyringBackend]:
        plaintext = import_module("keyrings.alt.file")  # not at the top: it would become a candidate everywhere
        return [plaintext.PlaintextKeyring()]


class ChainedPlaintextAndFileKeyring(ChainedPlaintext):
    """A chain that begins with the plaintext file of keyrings.alt."""

    @property
    def backends(self) -> list[KeyringBackend]:
        return [*super().backends, FileKeyring()]


class RefusingAfterTheTrial(FileKeyring):
    """Stores what a login or renewal writes to test the keyring, random hexadecimal digits, and nothing else."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if set(password) - set("0123456789abcdef"):
            raise PasswordSetError("no more")
        super().set_password(service, username, password)
