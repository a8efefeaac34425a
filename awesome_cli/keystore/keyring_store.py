"""Where secrets lie by name: the OS keyring, or a plain file for those who asked for it."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from awesome_cli.errors import KeyringError, KeyringTimeoutError, NoKeyringError, PlaintextFileError
from awesome_cli.system.environment import Backend
from awesome_cli.system.files import NotPrivateError, read_object, remove_private, write_private

NOTE_AFTER = 2.0  # seconds; long enough for a keyring at work, short enough for a person at a hidden prompt
MOST_COPIES = 10  # of one entry, before we say that it cannot be deleted

T = TypeVar("T")


class SecretStore(Protocol):
    """Named secrets: a keyring, or a file that stands in for one. All methods may raise KeyringUnusable."""

    @property
    def backend_name(self) -> str:
        """What the store calls itself, such as ``keyring.backends.SecretService.Keyring``."""

    def get(self, name: str) -> str | None:
        """Return the secret, or None if there is none."""

    def set(self, name: str, secret: str) -> None:
        """Keep the secret in the place of the one before."""

    def delete(self, name: str) -> None:
        """Remove the secret; that there is none is no error."""


class KeyringStore:
    """Secrets in a keyring backend, each call bounded in time.

    ``choose`` finds the backend on first use, within the same bound, because looking for one may mean asking a
    service that does not answer. ``timeout`` in seconds; ``note`` is told once when a call takes long.
    """

    def __init__(
        self, choose: Callable[[], Backend], *, username: str, timeout: float, note: Callable[[str], None]
    ) -> None:
        self._choose = choose
        self._username = username
        self._timeout = timeout
        self._note = note
        self._backend: Backend | None = None
        self._silent: KeyringTimeoutError | None = None

    @property
    def backend_name(self) -> str:
        """The backend's import path."""
        backend = self._open()
        kind = getattr(backend, "kind", None)
        return kind if isinstance(kind, str) else f"{type(backend).__module__}.{type(backend).__qualname__}"

    def get(self, name: str) -> str | None:
        """Return the secret, or None if there is none."""
        backend = self._open()
        return self._call("read from", lambda: _text(backend, name, self._username))

    def set(self, name: str, secret: str) -> None:
        """Keep the secret in the place of the one before."""
        backend = self._open()
        self._call("write to", lambda: backend.set_password(name, self._username, secret))

    def delete(self, name: str) -> None:
        """Remove the secret, and again until it is gone: some backends keep more than one of a name."""
        backend = self._open()
        refusal: KeyringError | None = None
        for _ in range(MOST_COPIES):
            if self.get(name) is None:
                return
            try:
                self._call("delete from", lambda: backend.delete_password(name, self._username))
            except KeyringError as error:  # some say so when there is nothing to delete: reading again tells
                refusal = error
        raise refusal or KeyringError(
            f"The keyring ({self.backend_name}) does not delete {name}.",
            hint="Delete it in the keyring's own application.",
        )

    def close(self) -> None:
        """Let go of the backend, where it can be let go of: a program that runs for days reads it again and again."""
        getattr(self._backend, "close", lambda: None)()
        self._backend = None

    def _open(self) -> Backend:
        if self._backend is None:
            self._backend = self._call("open", self._choose)
        return self._backend

    def _call(self, verb: str, work: Callable[[], T]) -> T:
        """Do ``work`` in a thread that may be left behind: a call that never returns must not hold the process."""
        if self._silent is not None:
            raise self._silent  # it did not answer before, and nobody wants to wait for that twice
        answer: queue.SimpleQueue[T | Exception] = queue.SimpleQueue()
        threading.Thread(target=_answer, args=(work, answer), daemon=True).start()
        timeout = min(NOTE_AFTER, self._timeout)
        try:
            outcome = answer.get(timeout=timeout)
        except queue.Empty:
            outcome = self._wait_on(verb, answer, self._timeout - timeout)
        if isinstance(outcome, KeyringError):
            raise outcome
        if isinstance(outcome, Exception):
            raise _translated(verb, outcome) from None
        return outcome

    def _wait_on(self, verb: str, answer: queue.SimpleQueue[T | Exception], timeout: float) -> T | Exception:
        if timeout > 0:
            self._note("Waiting for the keyring; it may be asking you to unlock it.")
            try:
                return answer.get(timeout=timeout)
            except queue.Empty:
                pass
        self._silent = KeyringTimeoutError(
            f"The keyring did not answer within {self._timeout:g} seconds (trying to {verb} it).",
        )
        return self._silent


def _answer(work: Callable[[], T], answer: queue.SimpleQueue[T | Exception]) -> None:
    try:
        answer.put(work())
    except Exception as error:  # noqa: BLE001 - backends raise what they like; the caller translates it
        answer.put(error)
    except BaseException:  # noqa: BLE001 - in this thread it means nothing but a failure
        answer.put(RuntimeError())


def _text(backend: Backend, name: str, username: str) -> str | None:
    """Read a secret; one that is no text is there all the same, and says nothing."""
    try:
        secret: object = backend.get_password(name, username)
    except UnicodeDecodeError:
        return ""
    return secret if secret is None or isinstance(secret, str) else ""


def _translated(verb: str, error: Exception) -> KeyringError:
    """Tell what an error means by its class's name: the classes lie in a package that is slow to import.

    What the error says stays untold: a backend may quote what it was asked to keep.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    if "NoKeyringError" in names:
        return NoKeyringError("No keyring is available on this system.", hidden_cause=error)
    if names & {"KeyringLocked", "LockedException", "PromptDismissedException"}:
        return KeyringError("The keyring is locked.", hidden_cause=error)
    words = f"Could not {verb} the keyring ({type(error).__name__})."
    return KeyringError(words, hidden_cause=error)


class PlaintextFileStore:
    """Secrets in plain JSON in a 0600 file, for those who asked for it; the file goes with its last secret.

    ``warn`` is told, if other users could read it.
    """

    def __init__(self, path: Path, *, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn

    @property
    def backend_name(self) -> str:
        """A name that cannot be taken for a keyring's."""
        return f"insecure file {self._path}"

    def get(self, name: str) -> str | None:
        """Return the secret, or None if there is none."""
        return self._read().get(name)

    def set(self, name: str, secret: str) -> None:
        """Keep the secret in the place of the one before."""
        self._write({**self._read(), name: secret})

    def delete(self, name: str) -> None:
        """Remove the secret, and the file with the last one."""
        entries = self._read()
        if entries.pop(name, None) is not None:
            self._write(entries)

    def exists(self) -> bool:
        """Whether there is a file, readable or not: while there is, it is the store."""
        return os.path.isfile(self._path)  # noqa: PTH113 - unlike Path.is_file, it never raises

    def remove_file(self) -> None:
        """Remove the file whatever it contains."""
        try:
            remove_private(self._path)
        except OSError as error:
            raise self._unusable("removed", error) from error

    def _read(self) -> dict[str, str]:
        try:
            entries = read_object(self._path, secret=self._warn)
        except NotPrivateError as error:
            raise PlaintextFileError(
                f"The file that stands in for the keyring, {self._path}, is not used: {error.strerror}.",
                hint="The session in it may be somebody else's. Sign out to remove it, and sign in again.",
            ) from error
        except OSError as error:
            raise self._unusable("read", error) from error
        return {name: secret for name, secret in entries.items() if isinstance(secret, str)}

    def _write(self, entries: dict[str, str]) -> None:
        if not entries:
            self.remove_file()
            return
        try:
            write_private(self._path, json.dumps(entries, indent=2) + "\n")
        except OSError as error:
            raise self._unusable("written", error) from error

    def _unusable(self, what: str, error: OSError) -> KeyringError:
        return PlaintextFileError(
            f"The file that stands in for the keyring, {self._path}, cannot be {what} ({error.strerror})."
        )
