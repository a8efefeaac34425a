"""Private files: atomic replacement, modes, and commands that find a folder they cannot use."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from awesome_cli.system.files import LARGEST, read_private, remove_private, write_private
from support.requirements import POSIX

if TYPE_CHECKING:
    from awesome_cli.testing.time import VirtualTime
    from support.terminal import Terminal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder/file.json"


@POSIX
def test_a_file_and_its_folder_are_private(file: Path) -> None:
    write_private(file, "text ✓")
    assert read_private(file) == "text ✓"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@POSIX
def test_writing_makes_a_file_private(file: Path) -> None:
    file.parent.mkdir()
    file.touch(0o644)
    write_private(file, "text")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["one\ntwo\n", "one\r\ntwo\r\n", "one\rtwo\u2028"])
def test_line_ends_are_unchanged(file: Path, text: str) -> None:
    write_private(file, text)
    assert file.read_bytes() == text.encode()
    assert read_private(file) == text


def test_a_file_that_does_not_exist_is_none(file: Path) -> None:
    assert read_private(file) is None


def test_a_file_below_another_file_is_none(file: Path) -> None:
    file.parent.touch()
    assert read_private(file) is None
    with pytest.raises(OSError, match="exists"):
        write_private(file, "text")


def test_a_folder_in_place_of_the_file_is_an_error_and_leaves_no_temporary_file(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(OSError, match=r"directory|denied"):
        read_private(file)
    with pytest.raises(OSError, match=r"directory|denied"):
        write_private(file, "text")
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_too_large_or_not_utf_8_is_not_read(file: Path) -> None:
    write_private(file, "x" * (LARGEST + 1))
    with pytest.raises(ValueError, match="larger"):
        read_private(file)
    file.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="at line 1"):
        read_private(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX pipes")
def test_a_pipe_in_place_of_the_file_is_an_error_and_is_not_waited_for(file: Path) -> None:
    file.parent.mkdir()
    os.mkfifo(file)
    with pytest.raises(ValueError, match="not a regular file"):
        read_private(file)


@POSIX
def test_the_new_text_is_synced_before_the_old_one_is_replaced(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private(file, "old")
    synced: list[str] = []

    def fsync(handle: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        synced.append(f"{kind} while {file.read_text()}")

    monkeypatch.setattr(os, "fsync", fsync)
    write_private(file, "new")
    assert synced == ["file while old", "folder while new"]


def test_a_full_disk_leaves_the_old_text(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private(file, "old")

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        write_private(file, "new")
    assert read_private(file) == "old"
    assert list(file.parent.iterdir()) == [file]


@POSIX
def test_a_symbolic_link_stays_one(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    file.symlink_to(tmp_path / "elsewhere.json")
    write_private(file, "text")
    assert file.is_symlink()
    assert read_private(tmp_path / "elsewhere.json") == "text"
    remove_private(file)
    assert sorted(tmp_path.iterdir()) == [file.parent]
    assert list(file.parent.iterdir()) == []


@POSIX
def test_a_symbolic_link_to_itself_is_an_error(file: Path) -> None:
    file.parent.mkdir()
    file.symlink_to(file)
    with pytest.raises(OSError, match="symbolic links"):
        read_private(file)


def test_temporary_files_of_a_killed_process_are_removed_with_the_file(file: Path) -> None:
    write_private(file, "text")
    for name in (".file.json.abcd_123", ".file.json.other.json.abcd_123", ".file.json.swp"):
        (file.parent / name).touch()
    remove_private(file)
    assert {path.name for path in file.parent.iterdir()} == {".file.json.other.json.abcd_123", ".file.json.swp"}
    remove_private(file)


FOLDERS = ["config_dir", "state_dir", "cache_dir"]


def block(terminal: Terminal, folder: str) -> Path:
    path: Path = getattr(terminal.environment, folder)
    path.write_text("in the way")
    return path


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_file_in_place_of_a_folder_causes_a_warning_only(terminal: Terminal, time: VirtualTime, folder: str) -> None:
    path = block(terminal, folder)
    terminal.login("--scope", "openid offline_access")
    assert str(path) in terminal.err
    assert "Warning: " in terminal.err
    time.pass_by(4_000)
    for argv, code in {("say-hi",): 0, ("whoami",): 0, ("token",): 0, ("logout",): 0, ("logout", "--all"): 0}.items():
        assert terminal.run(*argv) == code, terminal.err
    assert terminal.keyring.entries() == {}
    assert path.read_text() == "in the way"


def test_a_warning_is_given_once(terminal: Terminal) -> None:
    block(terminal, "state_dir")
    terminal.login()
    warnings = [line for line in terminal.err.splitlines() if line.startswith("Warning: ")]
    assert len(warnings) == len(set(warnings)) == 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_valid_session_needs_no_folder(terminal: Terminal, folder: str) -> None:
    terminal.login()
    path: Path = getattr(terminal.environment, folder)
    path.rename(path.with_name("away")) if path.exists() else None
    block(terminal, folder)
    for command in ("say-hi", "whoami", "token"):
        assert terminal.run(command) == 0
        assert terminal.err == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"[profiles.default\n", "line 1"),
        (b'[profiles.default]\nscope = "openid"\nscope = "email"\n', "line 3"),
        (b"[profiles.default]\nscope = 5\n", "line 2"),
        (b'[profiles.default]\n\n"issuer" = "ftp://x"\n', "line 3"),
        (b"profiles = 3\n", "profiles must be tables"),
        (b'# fine\n[profiles.default]\nscope = "\xff"\n', "line 3"),
        (b"[profiles.default]\r\n\r\nscope = 5\r\n", "line 3"),
        ("# a\u2028comment\n[profiles.default]\nscope = 5\n".encode(), "line 3"),
    ],
)
@pytest.mark.parametrize("argv", [("login",), ("login", "--force")])
def test_an_invalid_config_file_is_reported_with_its_line(
    terminal: Terminal, text: bytes, line: str, argv: tuple[str, ...]
) -> None:
    config = terminal.environment.config_dir / "config.toml"
    config.parent.mkdir()
    config.write_bytes(text)
    assert terminal.run(*argv, AWESOME_ISSUER=None) == 3
    assert line in terminal.err
    assert terminal.requests == []


def test_an_invalid_config_file_does_not_prevent_say_hi_and_logout(terminal: Terminal, time: VirtualTime) -> None:
    terminal.login()
    config = terminal.environment.config_dir / "config.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text("[profiles\n")
    assert terminal.run("say-hi") == 0
    time.pass_by(4_000)
    assert terminal.run("token") == 3
    assert f"{config}" in terminal.err
    assert terminal.run("logout") == 10
    assert terminal.keyring.entries() == {}


def test_a_folder_in_place_of_the_config_file_is_reported(terminal: Terminal) -> None:
    (terminal.environment.config_dir / "config.toml").mkdir(parents=True)
    assert terminal.run("login") == 3
    assert "config.toml" in terminal.err


@POSIX
@pytest.mark.parametrize("folder", FOLDERS)
def test_write_access_of_others_to_a_folder_is_removed_with_a_warning(terminal: Terminal, folder: str) -> None:
    path: Path = getattr(terminal.environment, folder)
    path.mkdir()
    path.chmod(0o777)
    terminal.login()
    assert f"Warning: Other users could write to {path} (mode 0777) until now." in terminal.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert terminal.run("whoami") == 0
    assert terminal.err == ""


@POSIX
def test_a_folder_of_another_user_that_others_can_write_to_causes_a_warning(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.login()
    terminal.environment.config_dir.mkdir(exist_ok=True)
    terminal.environment.config_dir.chmod(0o775)
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert terminal.run("say-hi") == 0
    assert f"Warning: {terminal.environment.config_dir} belongs to another user" in terminal.err
    assert stat.S_IMODE(terminal.environment.config_dir.stat().st_mode) == 0o775


@POSIX
def test_a_plaintext_session_that_others_can_write_to_is_removed_by_logout_only(
    terminal: Terminal,
) -> None:
    terminal.login("--insecure-storage")
    (file,) = terminal.environment.state_dir.glob("insecure-session-*.json")
    file.chmod(0o666)
    for argv in (("say-hi",), ("whoami",), ("token",), ("api", "hello"), ("login", "--insecure-storage", "--force")):
        assert terminal.run(*argv, AWESOME_API_URL=terminal.issuer.api_url) == 9, argv
        assert "other users can write to it" in terminal.err
        assert terminal.out == ""
        assert terminal.requests == []
    assert terminal.run("logout") == 9
    assert not file.exists()
    assert terminal.run("say-hi") == 4
