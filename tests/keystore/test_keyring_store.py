"""Where secrets lie by name: a keyring whose calls are bounded, and the plain file for those who asked for it."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, NoKeyringError

from awesome_cli.brand import AWESOME
from awesome_cli.errors import KeyringError
from awesome_cli.hints import hint_for
from awesome_cli.keystore.keyring_store import MOST_COPIES, KeyringStore, PlaintextFileStore
from awesome_cli.system.environment import Backend
from awesome_cli.testing.keyring import MemoryKeyring

SECRET = "s3cret"


class Failing(MemoryKeyring):
    """Raises what it is told."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - keyring's signature
        raise self._error

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002 - keyring's signature
        raise self._error


class Hanging(MemoryKeyring):
    """Does not answer before it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        self.released.wait()
        return super().get_password(service, username)


class Hoarding(MemoryKeyring):
    """Keeps several copies of everything, or more than anybody would delete."""

    def __init__(self, copies: int) -> None:
        super().__init__()
        self.copies = copies

    def delete_password(self, service: str, username: str) -> None:
        self.copies -= 1
        if not self.copies:
            super().delete_password(service, username)


def _entries(
    backend: Backend | Callable[[], Backend], *, timeout: float = 10, note: Callable[[str], None] = pytest.fail
) -> KeyringStore:
    return KeyringStore(
        backend if callable(backend) else lambda: backend, username="awesome", timeout=timeout, note=note
    )


def test_what_is_put_is_there_until_it_is_removed() -> None:
    ring = MemoryKeyring()
    entries = _entries(ring)
    entries.set("name", SECRET)
    assert entries.get("name") == SECRET
    assert ring.entries() == {("name", "awesome"): SECRET}
    entries.delete("name")
    entries.delete("name")
    assert entries.get("name") is None


def test_the_backend_is_looked_for_once_and_not_before_it_is_needed() -> None:
    found: list[MemoryKeyring] = []

    def choose() -> MemoryKeyring:
        found.append(MemoryKeyring())
        return found[-1]

    entries = _entries(choose)
    assert found == []
    entries.get("name")
    assert entries.backend_name == "awesome_cli.testing.keyring.MemoryKeyring"
    assert len(found) == 1


def test_every_copy_is_removed() -> None:
    ring = Hoarding(copies=3)
    entries = _entries(ring)
    entries.set("name", SECRET)
    entries.delete("name")
    assert ring.entries() == {}


def test_what_cannot_be_removed_is_said() -> None:
    entries = _entries(Hoarding(copies=MOST_COPIES + 1))
    entries.set("name", SECRET)
    with pytest.raises(KeyringError, match="does not delete name"):
        entries.delete("name")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyringLocked(SECRET), "The keyring is locked."),
        (RuntimeError(SECRET), r"Could not read from the keyring \(RuntimeError\)\."),
        (KeyError(SECRET), r"Could not read from the keyring \(KeyError\)\."),
        (OSError(5, SECRET), r"Could not read from the keyring \(OSError\)\."),
    ],
)
def test_whatever_a_backend_raises_is_one_sentence_without_its_words(error: Exception, message: str) -> None:
    with pytest.raises(KeyringError, match=message) as refusal:
        _entries(Failing(error)).get("name")
    assert SECRET not in refusal.value.message
    assert "--insecure-storage" in hint_for(refusal.value, AWESOME)


def test_a_backend_that_wants_to_end_the_process_does_not() -> None:
    ring = MemoryKeyring()
    ring.get_password = lambda *_: sys.exit(5)  # type: ignore[method-assign]  # a backend that thinks it is a program
    with pytest.raises(KeyringError, match="Could not read from"):
        _entries(ring).get("name")


def test_no_backend_is_told_as_such() -> None:
    with pytest.raises(KeyringError, match="No keyring is available"):
        _entries(fail.Keyring()).get("name")  # type: ignore[no-untyped-call]  # keyring leaves it untyped


def test_the_null_backend_takes_everything_and_keeps_nothing() -> None:
    entries = _entries(null.Keyring())  # type: ignore[no-untyped-call]
    entries.set("name", SECRET)
    assert entries.get("name") is None


def test_a_call_that_never_returns_is_left_behind_and_not_tried_again() -> None:
    ring = Hanging()
    entries = _entries(ring, timeout=0.1)
    for _ in range(3):
        with pytest.raises(KeyringError, match=r"did not answer within 0\.1 seconds"):
            entries.get("name")
    assert ring.calls == 1
    ring.released.set()


def test_a_slow_answer_is_announced_and_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awesome_cli.keystore.keyring_store.NOTE_AFTER", 0.01)
    ring = Hanging()
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        ring.released.set()

    assert _entries(ring, note=note).get("name") is None
    assert notes == ["Waiting for the keyring; it may be asking you to unlock it."]


def test_looking_for_a_backend_is_bounded_too() -> None:
    released = threading.Event()

    def choose() -> MemoryKeyring:
        released.wait()
        return MemoryKeyring()

    with pytest.raises(KeyringError, match="trying to open it"):
        _entries(choose, timeout=0.01).get("name")
    released.set()


def test_a_refusal_of_our_own_is_passed_on_as_it_is() -> None:
    refusal = KeyringError("No.")

    def choose() -> MemoryKeyring:
        raise refusal

    with pytest.raises(KeyringError) as caught:
        _entries(choose).get("name")
    assert caught.value is refusal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state/session.json"


@pytest.fixture
def file(path: Path) -> PlaintextFileStore:
    return PlaintextFileStore(path, warn=pytest.fail)


def test_the_file_comes_with_its_first_secret_and_goes_with_its_last(file: PlaintextFileStore, path: Path) -> None:
    assert file.get("one") is None
    assert not file.exists()
    file.set("one", "1")
    file.set("two", "2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"one": "1", "two": "2"}
    assert str(path) in file.backend_name
    file.delete("one")
    assert file.exists()
    file.delete("two")
    file.delete("two")
    assert not file.exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"one": 1}', "[" * 100_000, "\udcff"])
def test_a_file_that_cannot_be_understood_holds_nothing_and_is_the_store_all_the_same(
    file: PlaintextFileStore, path: Path, text: str
) -> None:
    path.parent.mkdir()
    path.touch(0o600)
    path.write_text(text, "utf-8", "surrogateescape")
    assert file.get("one") is None
    assert file.exists()
    file.remove_file()
    assert not file.exists()


@pytest.mark.parametrize(
    ("use", "what"),
    [
        (lambda file: file.get("one"), "read"),
        (lambda file: file.set("one", "1"), "read"),
        (PlaintextFileStore.remove_file, "removed"),
    ],
    ids=["get", "put", "remove_file"],
)
def test_a_file_that_cannot_be_used_is_said(
    file: PlaintextFileStore, path: Path, use: Callable[[PlaintextFileStore], object], what: str
) -> None:
    path.mkdir(parents=True)
    with pytest.raises(KeyringError, match=rf"session\.json, cannot be {what}"):
        use(file)


def test_a_file_that_cannot_be_written_is_said(file: PlaintextFileStore, path: Path) -> None:
    path.parent.write_text("in the way")
    with pytest.raises(KeyringError, match="cannot be written"):
        file.set("one", "1")


@pytest.mark.parametrize("mode", [0o602, 0o620, 0o666])
def test_a_file_that_others_can_write_to_is_refused_and_can_be_removed(
    file: PlaintextFileStore, path: Path, mode: int
) -> None:
    file.set("one", "1")
    path.chmod(mode)
    uses: list[Callable[[], object]] = [
        lambda: file.get("one"),
        lambda: file.set("one", "2"),
        lambda: file.delete("one"),
    ]
    for use in uses:
        with pytest.raises(KeyringError, match=rf"other users can write to it, mode {mode:04o}") as refusal:
            use()
        assert "Sign out to remove it" in refusal.value.hint
    assert json.loads(path.read_text()) == {"one": "1"}
    file.remove_file()
    assert not path.exists()


def test_a_file_of_another_user_is_refused(file: PlaintextFileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    file.set("one", "1")
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(KeyringError, match="it belongs to another user"):
        file.get("one")


def test_a_file_that_others_can_only_read_is_made_private_and_serves(path: Path) -> None:
    warnings: list[str] = []
    file = PlaintextFileStore(path, warn=warnings.append)
    file.set("one", "1")
    path.chmod(0o644)
    assert [file.get("one"), file.get("one")] == ["1", "1"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert warnings == [f"Other users could read {path} (mode 0644) until now; its mode is 0600 now."]


@pytest.mark.parametrize("error", [OSError(f"cannot store {SECRET}"), KeyringLocked(SECRET), NoKeyringError(SECRET)])
def test_no_traceback_carries_what_a_backend_said(error: Exception) -> None:
    entries = KeyringStore(lambda: Failing(error), username="awesome", timeout=5, note=print)
    with pytest.raises(KeyringError) as raised:
        entries.set("x", SECRET)
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert raised.value.cause == type(error).__name__
