"""Files that record failed renewals, revoked sessions and polling, for all processes that share a keyring.

They are not secret, and lie beside the locks (system/account_folders.py). A file that cannot be written is ignored:
another process then sends a request more, or lacks a hint.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from awesome_cli import errors
from awesome_cli.errors import AwesomeError, InvalidTokenError, ProviderUnreachableError, ResponseLostError
from awesome_cli.oauth.response import seconds
from awesome_cli.system.account_folders import REVOKED_LIST, read_digests
from awesome_cli.system.files import read_object, write_private

FAILURE_TTL = 60.0  # seconds during which other processes do not try again
MAX_REVOKED = 64  # digests of 32 characters; each stands for a keyring that did not respond

SHARED_FAILURES = (ProviderUnreachableError, InvalidTokenError)


class RenewalFailure:
    """The last failed renewal of one session: ``{"at": …, "answer_lost": …, "kind": …, "sentence": …, …}``.

    Read and written under the session's lock. Times are seconds since the epoch.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def since(self, instant: float, *, now: float) -> AwesomeError | None:
        """Return the error of a renewal that failed after ``instant`` and within FAILURE_TTL."""
        record = _read(self._path)
        error, at = _error_of(record), record.get("at")
        is_recent = isinstance(at, float) and max(instant, now - FAILURE_TTL) < at <= now
        return error if is_recent and isinstance(error, SHARED_FAILURES) else None

    @property
    def answer_was_lost(self) -> bool:
        """Whether a request was sent and no response came since, so that the refresh token may be used up."""
        return _read(self._path).get("answer_lost") is True

    def record(self, error: AwesomeError, *, now: float) -> None:
        """Store the error, which must be one of SHARED_FAILURES."""
        lost = isinstance(error, ResponseLostError) or self.answer_was_lost
        _write(self._path, {"at": now, **_record_of(error), "answer_lost": lost})

    def clear(self) -> None:
        """Remove the error, after the session was renewed or replaced."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


class PollingRecord:
    """How the polling for a pending sign-in goes on, or how it failed, as JSON. ``device`` names the device code.

    ``{"device": …, "interval": …, "wait": …, "polled_at": …}``, or ``{"device": …, "kind": …, "sentence": …, …}``.
    Durations are seconds, ``polled_at`` is in seconds since the epoch.
    """

    def __init__(self, path: Path, device: str) -> None:
        self._path = path
        self._device = device

    def schedule(self, now: float, *, least: float) -> tuple[float, float]:
        """Return the interval, ``least`` or more, and how long to wait before the next poll."""
        record = self._read()
        interval, wait, polled_at = (seconds(record.get(name)) for name in ("interval", "wait", "polled_at"))
        if interval is None or wait is None or polled_at is None:
            return least, least
        return max(interval, least), min(max(wait - (now - polled_at), 0.0), wait)  # whichever way the clock was set

    def save_schedule(self, *, interval: float, wait: float, now: float, takes_over: bool = False) -> None:
        """Store how long to wait before the next poll; ``takes_over``: even if the record is that of another code."""
        self._save({"interval": interval, "wait": wait, "polled_at": now}, takes_over=takes_over)

    @property
    def failure(self) -> AwesomeError | None:
        return _error_of(self._read())

    def save_failure(self, error: AwesomeError) -> None:
        self._save(_record_of(error))

    def _save(self, members: Mapping[str, object], *, takes_over: bool = False) -> None:
        if takes_over or _read(self._path).get("device", self._device) == self._device:  # else a later code has it
            _write(self._path, {"device": self._device, **members})

    def _read(self) -> dict[str, object]:
        record = _read(self._path)
        return record if record.get("device") == self._device else {}


def _record_of(error: AwesomeError) -> dict[str, object]:
    return {"kind": type(error).__name__, "sentence": error.message, "hint": error.hint, "code": error.code}


def _error_of(record: Mapping[str, object]) -> AwesomeError | None:
    kind = getattr(errors, str(record.get("kind")), None)
    if not (isinstance(kind, type) and issubclass(kind, AwesomeError)):
        return None
    try:
        return kind(str(record.get("sentence")), hint=str(record.get("hint")), code=str(record.get("code") or ""))
    except TypeError:  # a class that needs more
        return None


def _read(path: Path) -> dict[str, object]:
    try:
        return read_object(path)
    except OSError:
        return {}


def _write(path: Path, record: Mapping[str, object]) -> None:
    with suppress(OSError):
        write_private(path, json.dumps(record) + "\n")


def add_revoked(folder: Path, app_dir: str, digests: Collection[str]) -> None:
    """List sessions as revoked, for :func:`awesome_cli.system.account_folders.is_revoked`."""
    path = folder / f"{app_dir}-{REVOKED_LIST}"
    listed = [digest for digest in read_digests(str(path)) if digest not in digests]
    with suppress(OSError):
        if path.is_symlink():
            path.unlink()  # write_private would follow the link, and read_digests does not
        write_private(path, "\n".join([*listed, *digests][-MAX_REVOKED:]) + "\n")
