"""File locks: usable folders, several locks, time limits."""

from __future__ import annotations

import errno
import os
import stat
import threading
from itertools import chain, repeat
from pathlib import Path

import pytest
from filelock import FileLock

from awesome_cli.errors import LockTimeoutError, NoLockFolderError, ProviderError
from awesome_cli.system.lock import acquire_locks, usable_folder
from support.requirements import POSIX


def test_the_first_folder_is_used(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    with acquire_locks(folders, ["name"]) as folder:
        assert folder == folders[0]
    assert not folders[1].exists()


@POSIX
def test_a_lock_and_its_folder_are_private(tmp_path: Path) -> None:
    with acquire_locks([tmp_path / "first"], ["name"]) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "name.lock").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_created_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("in the way")
    with acquire_locks([tmp_path / "first", tmp_path / "second"], ["name"]) as folder:
        assert folder == tmp_path / "second"


def test_a_folder_with_a_folder_in_place_of_the_lock_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "first/name.lock").mkdir(parents=True)
    with acquire_locks([tmp_path / "first", tmp_path / "second"], ["name"]) as folder:
        assert folder == tmp_path / "second"


def test_a_file_system_without_locks_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acquire = FileLock.acquire

    def without_locks(lock: FileLock, *arguments: object, **named: object) -> object:
        if "first" in lock.lock_file:
            raise NotImplementedError
        return acquire(lock, *arguments, **named)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(FileLock, "acquire", without_locks)
    with acquire_locks([tmp_path / "first", tmp_path / "second"], ["name"]) as folder:
        assert folder == tmp_path / "second"


@POSIX
def test_a_folder_of_another_user_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.geteuid()
    users = chain([user + 1], repeat(user))  # the first folder that is examined belongs to another one
    monkeypatch.setattr(os, "geteuid", lambda: next(users))
    with acquire_locks([tmp_path / "first", tmp_path / "second"], ["name"]) as folder:
        assert folder == tmp_path / "second"


@POSIX
def test_a_folder_that_others_can_write_to_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first").chmod(0o777)
    with acquire_locks([tmp_path / "first", tmp_path / "second"], ["name"]) as folder:
        assert folder == tmp_path / "second"


@POSIX
def test_a_folder_that_others_can_read_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first").chmod(0o755)
    with acquire_locks([tmp_path / "first"], ["name"]) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@POSIX
def test_a_symbolic_link_to_a_folder_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "first").symlink_to(tmp_path / "elsewhere")
    assert usable_folder([tmp_path / "first", tmp_path / "second"]) == tmp_path / "second"


def test_a_file_system_without_flock_gets_no_soft_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl", reason="not on this machine: flock")

    def missing(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", missing)
    with (
        pytest.raises(NoLockFolderError, match="Function not implemented"),
        acquire_locks([tmp_path / "first", tmp_path / "second"], ["name"]),
    ):
        pytest.fail("not reached")


def test_a_released_lock_leaves_no_file(tmp_path: Path) -> None:
    with acquire_locks([tmp_path], ["one", "two"]):
        assert {path.name for path in tmp_path.iterdir()} == {"one.lock", "two.lock"}
    assert list(tmp_path.iterdir()) == []


def test_locks_are_released_if_another_one_is_not_free(tmp_path: Path) -> None:
    with acquire_locks([tmp_path], ["b"]):
        with pytest.raises(LockTimeoutError), acquire_locks([tmp_path], ["a", "b"], timeout=0.05):
            pytest.fail("not reached")
        with acquire_locks([tmp_path], ["a"], timeout=0):
            pass


def test_without_a_usable_folder_an_error_is_raised(tmp_path: Path) -> None:
    (tmp_path / "only").write_text("in the way")
    with (
        pytest.raises(ProviderError, match="No folder can be used for the lock"),
        acquire_locks([tmp_path / "only"], ["name"]),
    ):
        pytest.fail("not reached")


def test_a_lock_that_is_not_free_in_time_is_an_error(tmp_path: Path) -> None:
    with (
        acquire_locks([tmp_path], ["name"]),
        pytest.raises(ProviderError, match=r"working on this session for 0\.05 seconds") as refusal,
        acquire_locks([tmp_path], ["name"], timeout=0.05),
    ):
        pytest.fail("not reached")
    assert refusal.value.exit_code == 7
    assert str(tmp_path / "name.lock") in refusal.value.hint


def test_an_error_in_the_block_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(LookupError), acquire_locks([tmp_path], ["name"]):
        raise LookupError
    with acquire_locks([tmp_path], ["name"], timeout=0):
        pass


def test_only_one_thread_has_the_lock(tmp_path: Path) -> None:
    inside: list[int] = []
    most = 0

    def work(number: int) -> None:
        nonlocal most
        for _ in range(20):
            with acquire_locks([tmp_path], ["name"]):
                inside.append(number)
                most = max(most, len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_locks_with_different_names_are_independent(tmp_path: Path) -> None:
    with acquire_locks([tmp_path], ["profile-a"]), acquire_locks([tmp_path], ["profile-b"], timeout=0):
        pass
