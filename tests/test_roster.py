"""The list of profiles that have a session."""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest

from awesome_cli.roster import Roster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.json"


def test_a_session_is_recorded_and_forgotten(path: Path) -> None:
    roster = Roster(path, nullcontext)
    roster.record("work", "keyring")
    roster.record("home", "file")
    assert Roster(path, nullcontext).stores() == {"work": "keyring", "home": "file"}
    roster.forget("work")
    assert roster.stores() == {"home": "file"}


def test_the_list_is_a_private_file(path: Path) -> None:
    Roster(path, nullcontext).record("work", "keyring")
    assert json.loads(path.read_text("utf-8")) == {"profiles": {"work": "keyring"}}
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_where_nothing_changes(path: Path) -> None:
    roster = Roster(path, nullcontext)
    roster.forget("work")
    assert not path.exists()
    roster.record("work", "keyring")
    before = path.stat().st_ino  # a replacement is another file
    roster.record("work", "keyring")
    assert path.stat().st_ino == before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"profiles": []}', '{"profiles": {"a b": "x", "c": 1}}', "[" * 100_000]
)
def test_a_list_that_cannot_be_read_is_empty(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    assert Roster(path, nullcontext).stores() == {}


def test_a_list_in_whose_place_is_a_folder_is_empty(path: Path) -> None:
    path.mkdir()
    assert Roster(path, nullcontext).stores() == {}


def test_what_a_sibling_wrote_while_the_lock_was_waited_for_stays(path: Path) -> None:
    @contextmanager
    def after_a_sibling() -> Iterator[None]:
        Roster(path, nullcontext).record("sibling", "keyring")
        yield

    Roster(path, after_a_sibling).record("work", "keyring")
    assert Roster(path, nullcontext).stores() == {"sibling": "keyring", "work": "keyring"}
