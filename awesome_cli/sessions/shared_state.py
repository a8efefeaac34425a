"""Files that record failed renewals and revoked sessions, for all processes that share a keyring.

They are not secret, and lie beside the locks (system/account_folders.py). A file that cannot be written is ignored:
another process then sends a request more, or lacks a hint.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from awesome_cli import errors
from awesome_cli.errors import AwesomeError, InvalidTokenError, ProviderUnreachableError, ResponseLostError
from awesome_cli.system.account_folders import REVOKED_LIST, read_digests
from awesome_cli.system.files import read_object, write_private

FAILURE_TTL = 60.0  # seconds during which other processes do not try again
MAX_REVOKED = 64  # digests of 32 characters; each stands for a keyring that did not respond

SHARED_FAILURES = (ProviderUnreachableError, InvalidTokenError)


class RenewalFailure:
    """The last failed renewal of one session: ``{"at": …, "kind": …, "sentence": …, "hint": …, "answer_lost": …}``.

    Read and written under the session's lock. Times are seconds since the epoch.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def since(self, instant: float, *, now: float) -> AwesomeError | None:
        """Return the error of a renewal that failed after ``instant`` and within FAILURE_TTL."""
        record = self._read()
        kind, at = getattr(errors, str(record.get("kind")), None), record.get("at")
        if (
            not (isinstance(kind, type) and issubclass(kind, SHARED_FAILURES))
            or not isinstance(at, float)
            or not max(instant, now - FAILURE_TTL) < at <= now
        ):
            return None
        return kind(str(record.get("sentence")), hint=str(record.get("hint")))

    @property
    def answer_was_lost(self) -> bool:
        """Whether a request was sent and no response came since, so that the refresh token may be used up."""
        return self._read().get("answer_lost") is True

    def record(self, error: AwesomeError, *, now: float) -> None:
        """Store the error, which must be one of SHARED_FAILURES."""
        lost, kind = isinstance(error, ResponseLostError) or self.answer_was_lost, type(error).__name__
        record = {"at": now, "kind": kind, "sentence": error.message, "hint": error.hint, "answer_lost": lost}
        with suppress(OSError):
            write_private(self._path, json.dumps(record) + "\n")

    def clear(self) -> None:
        """Remove the error, after the session was renewed or replaced."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, object]:
        try:
            return read_object(self._path)
        except OSError:
            return {}


def add_revoked(folder: Path, app_dir: str, digests: Collection[str]) -> None:
    """List sessions as revoked, for :func:`awesome_cli.system.account_folders.is_revoked`."""
    path = folder / f"{app_dir}-{REVOKED_LIST}"
    listed = [digest for digest in read_digests(str(path)) if digest not in digests]
    with suppress(OSError):
        if path.is_symlink():
            path.unlink()  # write_private would follow the link, and read_digests does not
        write_private(path, "\n".join([*listed, *digests][-MAX_REVOKED:]) + "\n")
