"""SessionIndex: the file that lists the profiles with a session."""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest

from awesome_cli.sessions.index import SessionIndex
from support.requirements import POSIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


def index_at(path: Path, lock: Callable[[], AbstractContextManager[object]] = nullcontext) -> SessionIndex:
    return SessionIndex(path, lock, warn=pytest.fail)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.json"


def test_a_profile_is_added_and_removed(path: Path) -> None:
    session_index = index_at(path)
    session_index.add("work", "keyring")
    session_index.add("home", "file")
    assert index_at(path).stores() == {"work": "keyring", "home": "file"}
    session_index.remove("work")
    assert session_index.stores() == {"home": "file"}


@POSIX
def test_the_index_is_a_private_file(path: Path) -> None:
    index_at(path).add("work", "keyring")
    assert json.loads(path.read_text("utf-8")) == {"profiles": {"work": "keyring"}}
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_unchanged_index_is_not_written(path: Path) -> None:
    session_index = index_at(path)
    session_index.remove("work")
    assert not path.exists()
    session_index.add("work", "keyring")
    before = path.stat().st_ino  # a replacement is another file
    session_index.add("work", "keyring")
    assert path.stat().st_ino == before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"profiles": []}', '{"profiles": {"a b": "x", "c": 1}}', "[" * 100_000]
)
def test_an_index_that_cannot_be_parsed_is_empty(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    warnings: list[str] = []
    session_index = SessionIndex(path, nullcontext, warn=warnings.append)
    assert session_index.stores() == {}
    assert len(warnings) == ("profiles" not in text or "[]" in text)
    session_index.add("work", "keyring")
    assert index_at(path).stores() == {"work": "keyring"}


def test_an_index_that_is_a_folder_is_empty_with_a_warning(path: Path) -> None:
    path.mkdir()
    warnings: list[str] = []
    assert SessionIndex(path, nullcontext, warn=warnings.append).stores() == {}
    assert "some profiles with a session may not be listed" in warnings[0]


def test_a_change_by_another_process_while_waiting_for_the_lock_is_kept(path: Path) -> None:
    @contextmanager
    def changed_meanwhile() -> Iterator[None]:
        index_at(path).add("other", "keyring")
        yield

    index_at(path, changed_meanwhile).add("work", "keyring")
    assert index_at(path).stores() == {"other": "keyring", "work": "keyring"}
