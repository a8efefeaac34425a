"""The list of profiles that have a session."""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest

from awesome_cli.sessions.index import SessionIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


def at(path: Path, lock: Callable[[], AbstractContextManager[object]] = nullcontext) -> SessionIndex:
    return SessionIndex(path, lock, warn=pytest.fail)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.json"


def test_a_session_is_recorded_and_forgotten(path: Path) -> None:
    session_index = at(path)
    session_index.add("work", "keyring")
    session_index.add("home", "file")
    assert at(path).stores() == {"work": "keyring", "home": "file"}
    session_index.remove("work")
    assert session_index.stores() == {"home": "file"}


def test_the_list_is_a_private_file(path: Path) -> None:
    at(path).add("work", "keyring")
    assert json.loads(path.read_text("utf-8")) == {"profiles": {"work": "keyring"}}
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_where_nothing_changes(path: Path) -> None:
    session_index = at(path)
    session_index.remove("work")
    assert not path.exists()
    session_index.add("work", "keyring")
    before = path.stat().st_ino  # a replacement is another file
    session_index.add("work", "keyring")
    assert path.stat().st_ino == before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"profiles": []}', '{"profiles": {"a b": "x", "c": 1}}', "[" * 100_000]
)
def test_a_list_that_cannot_be_read_is_empty(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    warnings: list[str] = []
    session_index = SessionIndex(path, nullcontext, warn=warnings.append)
    assert session_index.stores() == {}
    assert len(warnings) == ("profiles" not in text or "[]" in text)
    session_index.add("work", "keyring")
    assert at(path).stores() == {"work": "keyring"}


def test_a_list_in_whose_place_is_a_folder_is_empty(path: Path) -> None:
    path.mkdir()
    warnings: list[str] = []
    assert SessionIndex(path, nullcontext, warn=warnings.append).stores() == {}
    assert "logout --all may not know of every session" in warnings[0]


def test_what_a_sibling_wrote_while_the_lock_was_waited_for_stays(path: Path) -> None:
    @contextmanager
    def after_a_sibling() -> Iterator[None]:
        at(path).add("sibling", "keyring")
        yield

    at(path, after_a_sibling).add("work", "keyring")
    assert at(path).stores() == {"sibling": "keyring", "work": "keyring"}
