"""Folders that depend on the account alone, and the list of revoked sessions in them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from awesome_cli.sessions.shared_state import MAX_REVOKED, add_revoked
from awesome_cli.system.account_folders import LONGEST_LIST, REVOKED_LIST, account_folders, is_revoked

pwd = pytest.importorskip("pwd", reason="not on this machine: a POSIX password database")
DIGEST = "0123456789abcdef" * 2


def _account(monkeypatch: pytest.MonkeyPatch, home: str, *, platform: str = "linux") -> list[str]:
    monkeypatch.setattr(sys, "platform", platform)
    record = pwd.struct_passwd(("user", "x", 1234, 1234, "", home, "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: record)
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(os.path, "isdir", lambda path: path == "/run/user/1234")
    return account_folders("awesome-cli")


def test_the_home_folder_of_the_password_database_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, "/elsewhere")
    folders = _account(monkeypatch, "/home/user/")
    assert folders == ["/home/user/.local/state/awesome-cli", "/run/user/1234", "/tmp/awesome-cli-1234"]  # noqa: S108


def test_macos_uses_application_support(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = _account(monkeypatch, "/Users/user", platform="darwin")
    assert folders[0] == "/Users/user/Library/Application Support/awesome-cli"


def test_a_user_without_home_folder_has_the_other_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _account(monkeypatch, "")[0] == "/run/user/1234"


def test_a_user_without_password_entry_has_the_other_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> object:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os.path, "isdir", lambda _: False)
    assert account_folders("awesome-cli") == [f"/tmp/awesome-cli-{os.geteuid()}"]  # noqa: S108


def test_a_listed_session_is_revoked_in_any_of_the_folders(tmp_path: Path) -> None:
    assert not is_revoked(DIGEST, "awesome-cli", [tmp_path])
    add_revoked(tmp_path, "awesome-cli", {DIGEST})
    assert is_revoked(DIGEST, "awesome-cli", [tmp_path / "absent", tmp_path])
    assert not is_revoked(DIGEST[:-1], "awesome-cli", [tmp_path])


def test_the_list_drops_the_oldest_digests(tmp_path: Path) -> None:
    for number in range(MAX_REVOKED + 5):
        add_revoked(tmp_path, "awesome-cli", {f"{number:032x}"})
    assert not is_revoked(f"{4:032x}", "awesome-cli", [tmp_path])
    assert is_revoked(f"{5:032x}", "awesome-cli", [tmp_path])
    assert is_revoked(f"{MAX_REVOKED + 4:032x}", "awesome-cli", [tmp_path])
    assert (tmp_path / f"awesome-cli-{REVOKED_LIST}").stat().st_size <= LONGEST_LIST


def test_a_list_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    add_revoked(tmp_path / "file", "awesome-cli", {DIGEST})


@pytest.mark.parametrize("text", ["x" * 5_000, " ".join(["y" * 60] * 66), "\0" * 9_000_000])
def test_other_text_in_the_list_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / f"awesome-cli-{REVOKED_LIST}").write_text(text)
    add_revoked(tmp_path, "awesome-cli", {DIGEST})
    assert is_revoked(DIGEST, "awesome-cli", [tmp_path])


def test_a_symbolic_link_in_place_of_the_list_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / f"awesome-cli-{REVOKED_LIST}").symlink_to(tmp_path / "elsewhere")
    add_revoked(tmp_path, "awesome-cli", {DIGEST})
    assert is_revoked(DIGEST, "awesome-cli", [tmp_path])


def test_a_pipe_in_place_of_the_list_is_not_read(tmp_path: Path) -> None:
    """Another user may have made the folder in /tmp before us, and put a pipe there that nobody writes to."""
    os.mkfifo(tmp_path / f"awesome-cli-{REVOKED_LIST}")
    assert not is_revoked(DIGEST, "awesome-cli", [tmp_path])


def test_a_list_that_cannot_be_read_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_revoked(tmp_path, "awesome-cli", {DIGEST})

    def failing(_: int, __: int) -> bytes:
        raise OSError

    monkeypatch.setattr(os, "read", failing)
    assert not is_revoked(DIGEST, "awesome-cli", [tmp_path])


def test_a_list_of_another_user_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_revoked(tmp_path, "awesome-cli", {DIGEST})
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert not is_revoked(DIGEST, "awesome-cli", [tmp_path])
