"""What processes tell each other: the error of a failed renewal, and how the polling for a sign-in goes on or ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from awesome_cli import errors
from awesome_cli.errors import (
    AwesomeError,
    DeviceCodeExpiredError,
    InvalidTokenError,
    IssuerMismatchError,
    ProviderUnreachableError,
    ResponseLostError,
    UnsupportedAlgorithmError,
)
from awesome_cli.sessions.shared_state import FAILURE_TTL, PollingRecord, RenewalFailure
from support.requirements import POSIX

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


INTERVAL = 5.0


@pytest.fixture
def record(tmp_path: Path) -> PollingRecord:
    return PollingRecord(tmp_path / "pending.json", "device")


@pytest.mark.parametrize(
    ("later", "wait"),
    [
        pytest.param(0, 10, id="at once"),
        pytest.param(4, 6, id="later"),
        pytest.param(11, 0, id="when the poll is due"),
        pytest.param(-3600, 10, id="where the clock was set back"),
    ],
)
def test_another_process_waits_for_the_rest_of_the_time(record: PollingRecord, later: float, wait: float) -> None:
    record.save_schedule(interval=7.0, wait=10.0, now=NOW)
    assert record.schedule(NOW + later, least=INTERVAL) == (7.0, wait)


def test_the_interval_is_never_shorter_than_that_of_the_code(record: PollingRecord) -> None:
    record.save_schedule(interval=0.0, wait=0.0, now=NOW)
    assert record.schedule(NOW, least=INTERVAL) == (INTERVAL, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        '{"interval": 1.0, "wait": 1.0, "polled_at": 1.0}',
        '{"device": ["device"], "interval": 1.0, "wait": 1.0, "polled_at": 1.0}',
        '{"device": "device", "interval": "1", "wait": 1.0, "polled_at": 1.0}',
        '{"device": "device", "interval": 1.0, "wait": null, "polled_at": 1.0}',
        '{"device": "device", "interval": 1.0, "wait": 1.0, "polled_at": Infinity}',
        '{"device": "device", "kind": "AccessDeniedError", "interval": 1.0}',
        '{"device": "device", "kind": "str", "sentence": "x"}',
        '{"device": "device", "kind": "annotations", "sentence": "x"}',
        '{"device": "device", "kind": null}',
    ],
)
def test_a_record_that_cannot_be_used_counts_as_none(record: PollingRecord, tmp_path: Path, text: str) -> None:
    (tmp_path / "pending.json").write_text(text)
    assert record.schedule(NOW, least=INTERVAL) == (INTERVAL, INTERVAL)
    assert record.failure is None or "AccessDeniedError" in text


def test_a_record_belongs_to_one_code_and_is_left_to_the_one_that_replaced_it(
    record: PollingRecord, tmp_path: Path
) -> None:
    record.save_failure(DeviceCodeExpiredError("expired"))
    later = PollingRecord(tmp_path / "pending.json", "later device")
    assert later.failure is None
    later.save_schedule(interval=7.0, wait=7.0, now=NOW)
    assert later.schedule(NOW, least=INTERVAL) == (INTERVAL, INTERVAL)
    later.save_schedule(interval=7.0, wait=7.0, now=NOW, takes_over=True)
    record.save_failure(DeviceCodeExpiredError("expired"))
    record.save_schedule(interval=9.0, wait=9.0, now=NOW)
    assert record.failure is None
    assert later.schedule(NOW, least=INTERVAL) == (7.0, 7.0)


ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, AwesomeError) and kind is not IssuerMismatchError
]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("code", ["", "some_code"])
def test_every_error_is_reported_to_a_process_that_waited_with_its_codes(
    record: PollingRecord, kind: type[AwesomeError], code: str
) -> None:
    error = kind("It failed.", hint="Do something.", code=code)
    record.save_failure(error)
    found = record.failure
    assert type(found) is kind
    assert (found.message, found.hint, found.code, found.exit_code) == (
        *(error.message, error.hint, error.code, error.exit_code),
    )
    assert record.schedule(NOW, least=INTERVAL) == (INTERVAL, INTERVAL)


def test_an_error_of_a_class_that_needs_more_is_not_reported(record: PollingRecord) -> None:
    record.save_failure(IssuerMismatchError("It failed.", hint="Correct it.", named="https://other.example/"))
    assert record.failure is None


def test_a_record_that_cannot_be_read_or_written_is_ignored(record: PollingRecord, tmp_path: Path) -> None:
    (tmp_path / "pending.json").mkdir()
    record.save_schedule(interval=7.0, wait=7.0, now=NOW, takes_over=True)
    record.save_failure(DeviceCodeExpiredError("expired"))
    assert record.schedule(NOW, least=INTERVAL) == (INTERVAL, INTERVAL)
    assert record.failure is None


@POSIX
def test_a_record_contains_only_the_known_members(record: PollingRecord, tmp_path: Path) -> None:
    path = tmp_path / "pending.json"
    record.save_schedule(interval=7.0, wait=7.0, now=NOW)
    assert set(json.loads(path.read_text())) == {"device", "interval", "wait", "polled_at"}
    assert path.stat().st_mode & 0o777 == 0o600
    record.save_failure(DeviceCodeExpiredError("expired"))
    assert set(json.loads(path.read_text())) == {"device", "kind", "sentence", "hint", "code"}
