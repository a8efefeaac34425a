"""The lock that lets one process at a time change a session."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from awesome_cli.errors import ProviderUnusable
from awesome_cli.lock import exclusive


def test_the_first_folder_serves(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    with exclusive(folders, ["name"]) as folder:
        assert folder == folders[0]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "name.lock").stat().st_mode) == 0o600
    assert not folders[1].exists()


def test_a_folder_that_cannot_be_made_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("in the way")
    with exclusive([tmp_path / "first", tmp_path / "second"], ["name"]) as folder:
        assert folder == tmp_path / "second"


def test_so_is_a_folder_with_something_in_the_place_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "first/name.lock").mkdir(parents=True)
    with exclusive([tmp_path / "first", tmp_path / "second"], ["name"]) as folder:
        assert folder == tmp_path / "second"


def test_so_is_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acquire = FileLock.acquire

    def without_locks(lock: FileLock, *arguments: object, **named: object) -> object:
        if "first" in lock.lock_file:
            raise NotImplementedError
        return acquire(lock, *arguments, **named)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(FileLock, "acquire", without_locks)
    with exclusive([tmp_path / "first", tmp_path / "second"], ["name"]) as folder:
        assert folder == tmp_path / "second"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_so_is_a_folder_that_somebody_else_made_in_advance(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    os.chown(tmp_path / "first", 12345, 12345)
    with exclusive([tmp_path / "first", tmp_path / "second"], ["name"]) as folder:
        assert folder == tmp_path / "second"


def test_without_any_folder_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "only").write_text("in the way")
    with (
        pytest.raises(ProviderUnusable, match="No folder can be used for the lock"),
        exclusive([tmp_path / "only"], ["name"]),
    ):
        pytest.fail("nobody gets here")


def test_patience_ends(tmp_path: Path) -> None:
    with (
        exclusive([tmp_path], ["name"]),
        pytest.raises(ProviderUnusable, match=r"working on this session for 0\.05 seconds") as refusal,
        exclusive([tmp_path], ["name"], timeout=0.05),
    ):
        pytest.fail("nobody gets here")
    assert refusal.value.exit_code == 7
    assert str(tmp_path / "name.lock") in refusal.value.hint


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(LookupError), exclusive([tmp_path], ["name"]):
        raise LookupError
    with exclusive([tmp_path], ["name"], timeout=0):
        pass


def test_one_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []
    most = 0

    def work(number: int) -> None:
        nonlocal most
        for _ in range(20):
            with exclusive([tmp_path], ["name"]):
                inside.append(number)
                most = max(most, len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_names_do_not_meet(tmp_path: Path) -> None:
    with exclusive([tmp_path], ["profile-a"]), exclusive([tmp_path], ["profile-b"], timeout=0):
        pass
