"""PlaintextFileStore: file modes, and files that cannot be used."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from awesome_cli.errors import KeyringError
from awesome_cli.keystore.plaintext_store import PlaintextFileStore
from support.requirements import POSIX


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state/session.json"


@pytest.fixture
def file(path: Path) -> PlaintextFileStore:
    return PlaintextFileStore(path, warn=pytest.fail)


def test_the_file_exists_while_it_has_secrets(file: PlaintextFileStore, path: Path) -> None:
    assert file.get("one") is None
    assert not file.exists()
    file.set("one", "1")
    file.set("two", "2")
    assert json.loads(path.read_text()) == {"one": "1", "two": "2"}
    assert str(path) in file.backend_name
    file.delete("one")
    assert file.exists()
    file.delete("two")
    file.delete("two")
    assert not file.exists()


@POSIX
def test_the_file_is_private(file: PlaintextFileStore, path: Path) -> None:
    file.set("one", "1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"one": 1}', "[" * 100_000, "\udcff"])
def test_a_file_that_cannot_be_parsed_has_no_secrets_but_exists(
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
    ids=["get", "set", "remove_file"],
)
def test_a_folder_in_place_of_the_file_is_reported(
    file: PlaintextFileStore, path: Path, use: Callable[[PlaintextFileStore], object], what: str
) -> None:
    path.mkdir(parents=True)
    with pytest.raises(KeyringError, match=rf"session\.json, cannot be {what}"):
        use(file)


def test_a_file_that_cannot_be_written_is_reported(file: PlaintextFileStore, path: Path) -> None:
    path.parent.write_text("in the way")
    with pytest.raises(KeyringError, match="cannot be written"):
        file.set("one", "1")


@POSIX
@pytest.mark.parametrize("mode", [0o602, 0o620, 0o666])
def test_a_file_that_others_can_write_to_is_not_used_but_can_be_removed(
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
        with pytest.raises(KeyringError, match=rf"other users can write to it, mode {mode:04o}") as caught:
            use()
        assert "Sign out to remove it" in caught.value.hint
    assert json.loads(path.read_text()) == {"one": "1"}
    file.remove_file()
    assert not path.exists()


@POSIX
def test_a_file_of_another_user_is_not_used(file: PlaintextFileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    file.set("one", "1")
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(KeyringError, match="it belongs to another user"):
        file.get("one")


@POSIX
@pytest.mark.parametrize("mode", [0o644, 0o755, 0o444])
def test_a_file_that_others_can_read_is_made_private_with_a_warning(path: Path, mode: int) -> None:
    warnings: list[str] = []
    file = PlaintextFileStore(path, warn=warnings.append)
    file.set("one", "1")
    path.chmod(mode)
    assert [file.get("one"), file.get("one")] == ["1", "1"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert warnings == [f"Other users could read {path} (mode {mode:04o}) until now; its mode is 0600 now."]
