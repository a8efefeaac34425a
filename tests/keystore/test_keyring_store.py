"""KeyringStore: time limits, error messages, and the deletion of every copy."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable

import pytest
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, NoKeyringError

from awesome_cli.errors import KeyringError
from awesome_cli.hints import hint_for
from awesome_cli.keystore.keyring_store import MAX_COPIES, KeyringStore
from awesome_cli.keystore.names import store_name
from awesome_cli.system.environment import Backend
from awesome_cli.testing.keyring import MemoryKeyring
from support.brand import AWESOME

SECRET = "s3cret"


class Failing(MemoryKeyring):
    """Raises the given error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - keyring's signature
        raise self._error

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002 - keyring's signature
        raise self._error


class Hanging(MemoryKeyring):
    """Does not respond until ``released`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        self.released.wait()
        return super().get_password(service, username)


class Copying(MemoryKeyring):
    """Stores several copies of everything."""

    def __init__(self, copies: int) -> None:
        super().__init__()
        self.copies = copies

    def delete_password(self, service: str, username: str) -> None:
        self.copies -= 1
        if not self.copies:
            super().delete_password(service, username)


def keyring_store(
    backend: Backend | Callable[[], Backend], *, timeout: float = 10, note: Callable[[str], None] = pytest.fail
) -> KeyringStore:
    return KeyringStore(
        backend if callable(backend) else lambda: backend, username="awesome", timeout=timeout, note=note
    )


def test_a_secret_is_stored_until_it_is_deleted() -> None:
    backend = MemoryKeyring()
    store = keyring_store(backend)
    store.set("name", SECRET)
    assert store.get("name") == SECRET
    assert backend.entries() == {("name", "awesome"): SECRET}
    store.delete("name")
    store.delete("name")
    assert store.get("name") is None


def test_the_backend_is_chosen_once_and_on_first_use() -> None:
    chosen: list[MemoryKeyring] = []

    def choose() -> MemoryKeyring:
        chosen.append(MemoryKeyring())
        return chosen[-1]

    store = keyring_store(choose)
    assert chosen == []
    store.get("name")
    assert store.backend_name == "MemoryKeyring"
    assert len(chosen) == 1


def test_every_copy_of_a_secret_is_deleted() -> None:
    backend = Copying(copies=3)
    store = keyring_store(backend)
    store.set("name", SECRET)
    store.delete("name")
    assert backend.entries() == {}


def test_a_backend_that_does_not_delete_is_reported() -> None:
    store = keyring_store(Copying(copies=MAX_COPIES + 1))
    store.set("name", SECRET)
    with pytest.raises(KeyringError, match="does not delete name"):
        store.delete("name")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyringLocked(SECRET), "The keyring is locked."),
        (RuntimeError(SECRET), r"Could not read from the keyring \(RuntimeError\)\."),
        (KeyError(SECRET), r"Could not read from the keyring \(KeyError\)\."),
        (OSError(5, SECRET), r"Could not read from the keyring \(OSError\)\."),
    ],
)
def test_an_error_message_does_not_quote_the_backends_error(error: Exception, message: str) -> None:
    with pytest.raises(KeyringError, match=message) as caught:
        keyring_store(Failing(error)).get("name")
    assert SECRET not in caught.value.message
    assert "--insecure-storage" in hint_for(caught.value, AWESOME)


def test_a_backend_that_raises_system_exit_does_not_end_the_process() -> None:
    backend = MemoryKeyring()
    backend.get_password = lambda *_: sys.exit(5)  # type: ignore[method-assign]  # as a program would
    with pytest.raises(KeyringError, match="Could not read from"):
        keyring_store(backend).get("name")


def test_keyrings_fail_backend_is_reported_as_no_keyring() -> None:
    with pytest.raises(KeyringError, match="No keyring is available"):
        keyring_store(fail.Keyring()).get("name")  # type: ignore[no-untyped-call]  # keyring leaves it untyped


def test_the_null_backend_stores_nothing() -> None:
    store = keyring_store(null.Keyring())  # type: ignore[no-untyped-call]
    store.set("name", SECRET)
    assert store.get("name") is None


def test_after_a_timeout_the_backend_is_not_called_again() -> None:
    backend = Hanging()
    store = keyring_store(backend, timeout=0.1)
    for _ in range(3):
        with pytest.raises(KeyringError, match=r"did not answer within 0\.1 seconds"):
            store.get("name")
    assert backend.calls == 1
    backend.released.set()


def test_a_slow_response_causes_a_note_and_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awesome_cli.keystore.keyring_store.NOTE_AFTER", 0.01)
    backend = Hanging()
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        backend.released.set()

    assert keyring_store(backend, note=note).get("name") is None
    assert notes == ["Waiting for the keyring; it may be asking you to unlock it."]


def test_the_choice_of_a_backend_has_the_same_time_limit() -> None:
    released = threading.Event()

    def choose() -> MemoryKeyring:
        released.wait()
        return MemoryKeyring()

    with pytest.raises(KeyringError, match="trying to open it"):
        keyring_store(choose, timeout=0.01).get("name")
    released.set()


def test_a_keyring_error_is_raised_unchanged() -> None:
    error = KeyringError("No.")

    def choose() -> MemoryKeyring:
        raise error

    with pytest.raises(KeyringError) as caught:
        keyring_store(choose).get("name")
    assert caught.value is error


@pytest.mark.parametrize("error", [OSError(f"cannot store {SECRET}"), KeyringLocked(SECRET), NoKeyringError(SECRET)])
def test_a_traceback_does_not_quote_the_backends_error(error: Exception) -> None:
    store = KeyringStore(lambda: Failing(error), username="awesome", timeout=5, note=print)
    with pytest.raises(KeyringError) as raised:
        store.set("x", SECRET)
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert raised.value.cause == type(error).__name__


def test_closing_closes_the_backend_and_the_next_use_opens_another() -> None:
    class Closable(MemoryKeyring):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    backends: list[Closable] = []

    def choose() -> Closable:
        backends.append(Closable())
        return backends[-1]

    store = keyring_store(choose)
    for _ in range(2):
        assert store.get("name") is None
        store.close()
    assert [backend.is_closed for backend in backends] == [True, True]


def test_a_secret_that_is_not_text_is_empty() -> None:
    backend = MemoryKeyring()
    backend.get_password = lambda *_: b"\xff".decode()  # type: ignore[method-assign]
    assert keyring_store(backend).get("name") == ""


class Anonymous(MemoryKeyring):
    """Cannot tell which application is behind it."""

    @property
    def application(self) -> str:  # type: ignore[override]  # a plain attribute of the base class
        raise OSError


@pytest.mark.parametrize(
    ("backend", "application"),
    [(MemoryKeyring(), "memory"), (Anonymous(), ""), (null.Keyring(), "")],  # type: ignore[no-untyped-call]
)
def test_the_application_behind_a_backend_is_named_where_the_backend_can_tell(
    backend: Backend, application: str
) -> None:
    store = KeyringStore(lambda: backend, username="user", timeout=5, note=print)
    assert store.application == application


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("keyring.backends.SecretService.Keyring", "GNOME Keyring"),
        ("keyring.backends.Windows.WinVaultKeyring", "Windows Credential Locker"),
        ("keyring.backends.macOS.Keyring", "macOS Keychain"),
        ("keyring.backends.libsecret.Keyring", "Secret Service"),
        ("vault.Keyring", "vault.Keyring"),
        ("insecure file /home/juan/x.json", "a plain file: /home/juan/x.json"),
    ],
)
def test_people_read_names_that_they_know(backend: str, name: str) -> None:
    assert store_name(backend, {"keyring.backends.SecretService.Keyring": "GNOME Keyring"}) == name
    assert store_name("keyring.backends.SecretService.Keyring", {}) == "Secret Service"
