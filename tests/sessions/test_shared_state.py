"""RenewalFailure: the error of a failed renewal, for processes that waited for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from awesome_cli.errors import (
    AwesomeError,
    InvalidTokenError,
    ProviderUnreachableError,
    ResponseLostError,
    UnsupportedAlgorithmError,
)
from awesome_cli.sessions.shared_state import FAILURE_TTL, RenewalFailure

NOW = 1_800_000_000.0


@pytest.fixture
def failure(tmp_path: Path) -> RenewalFailure:
    return RenewalFailure(tmp_path / "session.failed")


@pytest.mark.parametrize(
    "error",
    [
        ProviderUnreachableError("down", hint="wait"),
        InvalidTokenError("bad", hint="correct"),
        UnsupportedAlgorithmError("its class has the hint"),
    ],
)
def test_a_failure_is_reported_to_a_process_that_waited_for_it(failure: RenewalFailure, error: AwesomeError) -> None:
    failure.record(error, now=NOW)
    found = failure.since(NOW - 1, now=NOW + 1)
    assert found is not None
    assert type(found) is type(error)
    assert (found.message, found.hint) == (error.message, error.hint)


@pytest.mark.parametrize(
    ("began", "now"),
    [
        pytest.param(NOW, NOW + 1, id="to a command that began after it"),
        pytest.param(NOW - 100, NOW + FAILURE_TTL, id="after a minute"),
        pytest.param(NOW - 100, NOW - 50, id="where the clock was set back"),
    ],
)
def test_a_failure_is_not_reported(failure: RenewalFailure, began: float, now: float) -> None:
    failure.record(ProviderUnreachableError("down"), now=NOW)
    assert failure.since(began, now=now) is None


def test_a_lost_answer_is_remembered_until_the_failure_is_cleared(failure: RenewalFailure) -> None:
    failure.record(ResponseLostError("silence"), now=NOW)
    assert failure.answer_was_lost
    failure.record(ProviderUnreachableError("down"), now=NOW)
    assert failure.answer_was_lost  # it has not been answered since
    failure.clear()
    failure.clear()
    assert failure.since(NOW - 1, now=NOW) is None


def test_an_unreachable_provider_is_not_a_lost_answer(failure: RenewalFailure) -> None:
    failure.record(ProviderUnreachableError("down"), now=NOW)
    assert not failure.answer_was_lost


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        '{"at": "now", "kind": "ProviderUnreachableError"}',
        '{"at": 1.0, "kind": "other"}',
        '{"at": 1.0, "kind": "ConfigError"}',
        '{"at": 1.0, "kind": "annotations"}',
    ],
)
def test_a_file_that_cannot_be_parsed_is_ignored(failure: RenewalFailure, tmp_path: Path, text: str) -> None:
    (tmp_path / "session.failed").write_text(text)
    assert failure.since(0.0, now=10.0) is None


def test_a_file_that_cannot_be_read_or_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "session.failed").mkdir()
    failure = RenewalFailure(tmp_path / "session.failed")
    failure.record(ProviderUnreachableError("down"), now=NOW)
    failure.clear()
    assert failure.since(NOW - 1, now=NOW) is None


def test_the_file_contains_only_the_known_members(failure: RenewalFailure, tmp_path: Path) -> None:
    failure.record(ProviderUnreachableError("down", hint="wait"), now=NOW)
    record = json.loads((tmp_path / "session.failed").read_text())
    assert set(record) == {"at", "kind", "sentence", "hint", "code", "answer_lost"}
