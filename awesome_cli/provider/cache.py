"""Cache of a provider's discovery document and keys, so that a refresh needs one request. It holds no secrets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from awesome_cli.oauth.response import seconds
from awesome_cli.system.files import read_object, write_private

MAX_AGE = 7 * 86400.0  # seconds; before that, an unknown key id shows that the keys changed
CLOCK_SLACK = 60.0  # seconds that the clock may have been set back since


class MetadataCache(Protocol):
    def load(self, issuer: str, *, expected: str, now: float) -> dict[str, Any] | None: ...

    def save(self, issuer: str, document: Mapping[str, Any], *, now: float) -> str: ...


class FileMetadataCache:
    """One JSON file per issuer: ``{"fetched_at": …, "document": …}``.

    A document is used only if it has the digest that the stored session carries: whoever can write to the folder but
    not to the keyring cannot send our tokens elsewhere.
    """

    def __init__(self, folder: Path, *, warn: Callable[[str], None]) -> None:
        self._folder = folder
        self._warn = warn

    def load(self, issuer: str, *, expected: str, now: float) -> dict[str, Any] | None:
        """Return the document, or None if it is missing, too old, or has not the ``expected`` digest."""
        try:
            entry = read_object(self._path(issuer))
        except OSError:
            return None
        document, fetched_at = entry.get("document"), seconds(entry.get("fetched_at"))
        if fetched_at is None or not -CLOCK_SLACK <= now - fetched_at <= MAX_AGE:
            return None
        return document if isinstance(document, dict) and digest(document) == expected else None

    def save(self, issuer: str, document: Mapping[str, Any], *, now: float) -> str:
        """Store the document and return its digest. An unusable folder is a warning, not an error."""
        text = json.dumps({"fetched_at": now, "document": document}, indent=1)
        try:
            write_private(self._path(issuer), text + "\n")
        except OSError as error:
            self._warn(f"{self._folder} cannot be used as a cache ({error.strerror}); renewals take more requests.")
        return digest(document)

    def _path(self, issuer: str) -> Path:
        return self._folder / f"provider-{hashlib.sha256(issuer.encode()).hexdigest()[:16]}.json"


def digest(document: Mapping[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
