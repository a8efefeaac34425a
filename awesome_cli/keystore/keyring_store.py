"""Secrets by name in a keyring backend, with a time limit for each call."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from awesome_cli.errors import KeyringError, KeyringTimeoutError, LockedKeyringError, NoKeyringError
from awesome_cli.system.environment import Backend

NOTE_AFTER = 2.0  # seconds; longer than a working keyring takes, and short for someone who overlooked a prompt
MAX_COPIES = 10  # of one entry that are deleted before the keyring counts as one that does not delete

T = TypeVar("T")


class SecretStore(Protocol):
    """Named secrets: a keyring, or a file in its place. Each method may raise KeyringError."""

    @property
    def backend_name(self) -> str: ...

    @property
    def application(self) -> str: ...

    @property
    def can_overwrite(self) -> bool:
        """Whether a secret can be overwritten without a trace; Windows keeps a copy of the old one."""

    def get(self, name: str) -> str | None: ...

    def set(self, name: str, secret: str) -> None: ...

    def delete(self, name: str) -> None: ...


class KeyringStore:
    """``choose`` finds the backend on first use, within the time limit: it may ask a service that does not respond.

    ``timeout``: seconds per call. ``note`` is called with a message when a call takes longer than NOTE_AFTER.
    """

    def __init__(
        self, choose: Callable[[], Backend], *, username: str, timeout: float, note: Callable[[str], None]
    ) -> None:
        self._choose = choose
        self._username = username
        self._timeout = timeout
        self._note = note
        self._backend: Backend | None = None
        self._timeout_error: KeyringTimeoutError | None = None

    @property
    def backend_name(self) -> str:
        """The import path of the backend's class, such as ``keyring.backends.SecretService.Keyring``."""
        backend = self._open()
        name = getattr(backend, "backend_name", None)
        return name if isinstance(name, str) else f"{type(backend).__module__}.{type(backend).__qualname__}"

    @property
    def application(self) -> str:
        """The application behind the backend, as people know it, where the backend can tell; else an empty text."""
        backend = self._open()
        with suppress(KeyringError):
            return str(self._call("ask", lambda: getattr(backend, "application", "")))
        return ""

    @property
    def can_overwrite(self) -> bool:
        return bool(getattr(self._open(), "can_overwrite", False))

    def get(self, name: str) -> str | None:
        backend = self._open()
        return self._call("read from", lambda: _get_text(backend, name, self._username))

    def set(self, name: str, secret: str) -> None:
        backend = self._open()
        self._call("write to", lambda: backend.set_password(name, self._username, secret))

    def delete(self, name: str) -> None:
        """Delete the secret, repeatedly until it is gone: some backends store more than one under a name."""
        backend = self._open()
        refusal: KeyringError | None = None
        is_tolerant = hasattr(backend, "has_password")  # our own backend deletes nothing where there is nothing
        for turn in range(MAX_COPIES):
            if (turn > 0 or not is_tolerant) and not self._has(name):
                return
            try:
                self._call("delete from", lambda: backend.delete_password(name, self._username))
            except KeyringError as error:  # some raise when there is nothing to delete; the next turn finds out
                refusal = error
        raise refusal or KeyringError(
            f"The keyring ({self.backend_name}) does not delete {name}.",
            hint="Delete it in the keyring's own application.",
        )

    def _has(self, name: str) -> bool:
        """Whether there is a secret; not every backend can tell without reading it."""
        has_password = getattr(self._open(), "has_password", None)
        if has_password is None:
            return self.get(name) is not None
        return bool(self._call("read from", lambda: has_password(name, self._username)))

    def close(self) -> None:
        """Close the backend's connection, if it has one: a long-running program opens many stores."""
        getattr(self._backend, "close", lambda: None)()
        self._backend = None

    def _open(self) -> Backend:
        if self._backend is None:
            self._backend = self._call("open", self._choose)
        return self._backend

    def _call(self, verb: str, work: Callable[[], T]) -> T:
        """Run ``work`` in a daemon thread: a call that never returns must not keep the process from exiting."""
        if self._timeout_error is not None:
            raise self._timeout_error  # waiting once is enough
        results: queue.SimpleQueue[T | BaseException] = queue.SimpleQueue()
        threading.Thread(target=_run, args=(work, results), daemon=True).start()
        result = self._wait_for(results, verb)
        if isinstance(result, KeyringError):
            raise result
        if isinstance(result, BaseException):
            raise _translate(verb, result) from None
        return result

    def _wait_for(self, results: queue.SimpleQueue[T | BaseException], verb: str) -> T | BaseException:
        with suppress(queue.Empty):
            return results.get(timeout=min(NOTE_AFTER, self._timeout))
        if self._timeout > NOTE_AFTER:
            self._note("Waiting for the keyring; it may be asking you to unlock it.")
            with suppress(queue.Empty):
                return results.get(timeout=self._timeout - NOTE_AFTER)
        self._timeout_error = KeyringTimeoutError(
            f"The keyring did not answer within {self._timeout:g} seconds (trying to {verb} it).",
        )
        return self._timeout_error


def _run(work: Callable[[], T], results: queue.SimpleQueue[T | BaseException]) -> None:
    try:
        results.put(work())
    except BaseException as error:  # noqa: BLE001 - backends raise anything, even SystemExit
        results.put(error)


def _get_text(backend: Backend, name: str, username: str) -> str | None:
    """Return the secret; one that is not text exists, but is empty."""
    try:
        secret: object = backend.get_password(name, username)
    except UnicodeDecodeError:
        return ""
    return secret if secret is None or isinstance(secret, str) else ""


def _translate(verb: str, error: BaseException) -> KeyringError:
    """Map an error by its class's name: importing keyring.errors is slow.

    Its text is not shown: a backend may quote the secret.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    if "NoKeyringError" in names:
        return NoKeyringError("No keyring is available on this system.", hidden_cause=error)
    if names & {"KeyringLocked", "LockedException", "PromptDismissedException"}:
        return LockedKeyringError("The keyring is locked.", hidden_cause=error)
    return KeyringError(f"Could not {verb} the keyring ({type(error).__name__}).", hidden_cause=error)
