"""SessionStore: one session in a store of small secrets, written so that a killed process damages nothing.

``save`` writes the chunks of the unused slot, then the manifest, which makes them valid, then deletes the chunks of
the other slot (what these are: ``entries.py``). If it is killed, the old session or the new one is valid, and the
chunks of the other are deleted by the next ``save`` or ``delete``, which look for them by name: the entries of a
keyring cannot be listed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from awesome_cli.errors import KeyringError, KeyringTimeoutError, SaveUnconfirmedError
from awesome_cli.sessions.entries import TOKEN_FIELDS, SessionEntries, digest_of
from awesome_cli.sessions.manifest import (
    LATER_FIELDS,
    MAX_CHUNKS,
    VERSION,
    decode_manifest,
    dump_json,
    encode_manifest,
)

if TYPE_CHECKING:
    from awesome_cli.keystore.keyring_store import SecretStore
    from awesome_cli.sessions.model import Session
    from awesome_cli.sessions.user import User

ENTRY_UNITS = 1200  # UTF-16 code units; Windows allows 1,280 a secret (CRED_MAX_CREDENTIAL_BLOB_SIZE, 2,560 bytes)
MANIFEST_UNITS = 200  # of the manifest without the user
MIN_SWEEP = 10  # chunks that ``delete`` deletes behind gaps too: a user may have deleted entries by hand
USUAL_CHUNKS = 4  # of a session with an access token that is a JWT; what ``check_writable`` writes at a first login


class SessionStore(SessionEntries):
    """The session of one profile. Each method may raise KeyringError.

    ``trial`` is where ``check_writable`` writes, if not to ``secrets``.
    """

    def __init__(
        self,
        secrets: SecretStore,
        name: str,
        *,
        trial: SecretStore | None = None,
        is_revoked: Callable[[str], bool] = lambda _: False,
    ) -> None:
        super().__init__(secrets.get, name, is_revoked=is_revoked)
        self._secrets = secrets
        self._trial = trial or secrets

    @property
    def backend_name(self) -> str:
        return self._secrets.backend_name

    @property
    def application(self) -> str:
        return self._secrets.application

    def save(self, session: Session) -> None:
        """Replace the session, and delete chunks that earlier saves left behind."""
        replaced = self._manifest()
        slot = _unused_slot(replaced)
        user, overflow = _fit(session.user)
        overflow_chunks = split(overflow)
        chunks = overflow_chunks + split(dump_json({name: getattr(session, name) for name in TOKEN_FIELDS}))
        digest = digest_of(chunks)
        manifest = {
            "version": VERSION,
            "card": user,
            "generation": slot,
            "overflow": len(overflow_chunks),
            "overflow_digest": digest_of(overflow_chunks),
            "parts": len(chunks),
            "digest": digest,
        }
        self.digests.add(digest)
        if not self._secrets.can_overwrite:
            with suppress(KeyringError):
                self._sweep(self._secrets, slot)
        self._write(slot, chunks, encode_manifest(manifest))
        with suppress(KeyringError):  # the session is stored; the next save or delete tries again
            self._sweep(self._secrets, slot, start=len(chunks))
            self._sweep(self._secrets, "a" if slot == "b" else "b", at_least=replaced.get("parts", 0))

    def delete(self) -> None:
        """Delete all entries of the profile, readable or not."""
        at_least = max(MIN_SWEEP, self._manifest().get("parts", 0))
        self._secrets.delete(self._name)
        for slot in "ab":
            self._sweep(self._secrets, slot, at_least=at_least)

    def check_writable(self) -> None:
        """Write as many chunks as the next session may need to where it will be stored, and read one back.

        They stay, so that the keyring has room for that session; :meth:`delete_check` deletes them. Call it under the
        lock. Raises KeyringError, if the store does not store them.
        """
        manifest = self._manifest()
        slot = _unused_slot(manifest)
        text = os.urandom(ENTRY_UNITS // 2).hex()
        last = manifest.get("parts", USUAL_CHUNKS)  # one more than there are now
        for number in range(last + 1):
            self._trial.set(self._chunk_name(slot, number), text)
        if self._trial.get(self._chunk_name(slot, last)) != text:
            raise KeyringError(f"The keyring ({self.backend_name}) does not store what is written to it.")

    def delete_check(self) -> None:
        """Delete what :meth:`check_writable` wrote, in this process or one that was killed."""
        self._sweep(self._trial, _unused_slot(self._manifest()))

    def _write(self, slot: str, chunks: list[str], manifest: str) -> None:
        """Write the chunks, then the manifest; delete the chunks if either is refused."""
        try:
            for number, chunk in enumerate(chunks):
                self._secrets.set(self._chunk_name(slot, number), chunk)
            self._write_manifest(manifest)
        except SaveUnconfirmedError:
            raise
        except KeyringError:
            with suppress(KeyringError):
                self._sweep(self._secrets, slot)
            raise

    def _write_manifest(self, manifest: str) -> None:
        """Write the manifest. Raises SaveUnconfirmedError, if it may be stored or not; KeyringError, if it is not."""
        try:
            self._secrets.set(self._name, manifest)
        except KeyringError as error:
            is_unconfirmed = isinstance(error, KeyringTimeoutError)
            try:
                if self._get(self._name) == manifest:
                    return  # stored in spite of the error
            except KeyringError:
                is_unconfirmed = True
            if is_unconfirmed:
                raise SaveUnconfirmedError(str(error), hint=error.hint) from error
            raise

    def _manifest(self) -> dict[str, Any]:
        """Return the manifest, or an empty one if there is none that can be read."""
        return decode_manifest(self._get(self._name) or "") or {}

    def _sweep(self, secrets: SecretStore, slot: str, *, start: int = 0, at_least: int = 0) -> None:
        """Delete the chunks of a slot, from number ``start`` on."""
        delete_chunks(secrets, partial(self._chunk_name, slot), start=start, at_least=at_least)


def _unused_slot(manifest: Mapping[str, Any]) -> str:
    return "b" if manifest.get("generation") == "a" else "a"


def _fit(user: User) -> tuple[dict[str, Any], str]:
    """Return the fields that fit into the manifest, and the others, the longest, as JSON for the first chunks."""
    fields = {name: value for name, value in user._asdict().items() if value is not None or name not in LATER_FIELDS}
    overflow = {}
    while _units(dump_json(fields)) > ENTRY_UNITS - MANIFEST_UNITS:
        longest = max(fields, key=lambda name: _units(dump_json(fields[name])))
        overflow[longest] = fields.pop(longest)
    return fields, dump_json(overflow) if overflow else ""


def delete_chunks(secrets: SecretStore, name: Callable[[int], str], *, start: int = 0, at_least: int) -> None:
    """Delete numbered entries, the last first: if it is killed, the rest has no gap and is found again."""
    count = max(start, at_least)
    while count < MAX_CHUNKS and secrets.get(name(count)) is not None:
        count += 1
    for number in reversed(range(start, count)):
        secrets.delete(name(number))


def split(text: str) -> list[str]:
    size = ENTRY_UNITS if text.isascii() else ENTRY_UNITS // 2  # a character beyond U+FFFF takes two code units
    return [text[start : start + size] for start in range(0, len(text), size)]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
