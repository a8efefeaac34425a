"""What processes that share one keyring tell each other through files: failed renewals, and revoked sessions.

The files lie beside the locks, in folders that follow from the account (system/account_folders.py). None of
them is secret. Writing to them never fails a command: a file that cannot be written costs a request, or a hint.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from awesome_cli.errors import AwesomeError, InvalidTokenError, ProviderUnreachableError, ResponseLostError
from awesome_cli.system.account_folders import REVOKED_LIST, read_digests
from awesome_cli.system.files import read_object, write_private

FAILURE_COUNTS = 60.0  # seconds for which a failed renewal speaks for those that waited for it
MOST_REVOKED = 64  # digests of 32 characters; each stands for a keyring that did not answer

_KINDS: dict[str, type[AwesomeError]] = {"unreachable": ProviderUnreachableError, "invalid token": InvalidTokenError}
SHARED_FAILURES = tuple(_KINDS.values())


class RenewalFailure:
    """The last failed renewal of one session: ``{"at": …, "kind": …, "message": …, "hint": …, "answered": …}``.

    Read and written under the session's lock. Instants are seconds since the epoch.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def since(self, instant: float, *, now: float) -> AwesomeError | None:
        """Return the error of a renewal that failed after ``instant`` and within the last minute."""
        record = self._read()
        kind, at = _KINDS.get(str(record.get("kind"))), record.get("at")
        if kind is None or not isinstance(at, float) or not max(instant, now - FAILURE_COUNTS) < at <= now:
            return None
        return kind(str(record.get("sentence")), hint=str(record.get("hint")))

    @property
    def answer_was_lost(self) -> bool:
        """Whether the last renewal was sent and never answered, so that its refresh token may be used up."""
        return self._read().get("answer_lost") is True

    def record(self, error: AwesomeError, *, now: float) -> None:
        """Keep the error for the processes that wait."""
        kind = next(name for name, kind in _KINDS.items() if isinstance(error, kind))
        lost = isinstance(error, ResponseLostError) or self.answer_was_lost
        record = {"at": now, "kind": kind, "sentence": error.message, "hint": error.hint, "answer_lost": lost}
        with suppress(OSError):
            write_private(self._path, json.dumps(record) + "\n")

    def clear(self) -> None:
        """Forget it: the session was renewed, or replaced."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, object]:
        try:
            return read_object(self._path)
        except OSError:
            return {}


def add_revoked(folder: Path, app_dir: str, digests: Collection[str]) -> None:
    """Put sessions on the list of those whose tokens are revoked, whatever the keyring comes to hold."""
    path = folder / f"{app_dir}-{REVOKED_LIST}"
    listed = [digest for digest in read_digests(str(path)) if digest not in digests]
    with suppress(OSError):
        if path.is_symlink():
            path.unlink()  # a link would be followed when the list is written, and not when it is read
        write_private(path, "\n".join([*listed, *digests][-MOST_REVOKED:]) + "\n")
