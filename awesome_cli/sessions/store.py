"""Session <-> keyring: how entries are named and split, what counts as damaged.

A profile has one *card*, ``awesome-cli:PROFILE``, and *parts*, ``awesome-cli:PROFILE:GENERATION:0…``. There are
two generations, ``a`` and ``b``. A save writes the parts of the one that is not in use, then the card, which
makes them valid, then removes the parts of the other. So a kill leaves the old session or the new one, and
whatever it leaves besides lies under names that the next save or delete sweeps: a keyring cannot list entries.
Before a save a rehearsal writes as many parts, filled with random text, into the same places.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar

from awesome_cli.errors import DamagedSessionError, KeyringError, KeyringTimeoutError, SaveUnconfirmedError
from awesome_cli.keystore.keyring_store import SecretStore
from awesome_cli.sessions.model import Session, User
from awesome_cli.sessions.record import (
    MAX_CHUNKS,
    USER_FIELDS,
    VERSION,
    decode_manifest,
    dump_json,
    encode_manifest,
    is_valid_field,
    parse,
)

ENTRY_UNITS = 1200  # UTF-16 code units; Windows takes 1,280 a secret (CRED_MAX_CREDENTIAL_BLOB_SIZE, 2,560 bytes)
MOST_READS = 5  # of a session that others replace while we read it
SWEPT_BLINDLY = 10  # parts looked for by `delete` behind gaps too: somebody may have tidied up by hand
USUAL_CHUNKS = 4  # of a session with an access token that is a JWT; what a first login rehearses

T = TypeVar("T")


class SessionStore:
    """The kept session of one profile. Its methods raise KeyringUnusable, if the store does.

    ``trial`` is where a save is rehearsed, if not among the entries themselves. ``is_revoked`` tells of a session's
    digest whether its tokens were revoked: the store may have been asked to keep it, and not have answered in time.
    """

    def __init__(
        self,
        entries: SecretStore,
        name: str,
        *,
        trial: SecretStore | None = None,
        is_revoked: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._entries = entries
        self._manifest_name = name
        self._trial = trial or entries
        self._is_revoked = is_revoked
        self.digests: set[str] = set()  # of all sessions that were read and written here

    @property
    def backend_name(self) -> str:
        """What the store calls itself, such as ``keyring.backends.SecretService.Keyring``."""
        return self._entries.backend_name

    def load_user(self) -> User | None:
        """Return who is signed in, without touching a token. Raises SessionDamaged, if that cannot be read."""
        return self._read(self._assemble_user)

    def load(self) -> Session | None:
        """Return the session. Raises SessionDamaged, if it cannot be read; None means that there is none."""
        return self._read(self._assemble)

    def save(self, session: Session) -> None:
        """Keep the session in the place of the one before; sweep what earlier saves left behind."""
        replaced = self._manifest()
        slot = _unused(replaced)
        other = "a" if slot == "b" else "b"
        user, overflow = _fit(session.user)
        tokens = dump_json(
            {name: getattr(session, name) for name in ("access_token", "refresh_token", "id_token", "provider_digest")}
        )
        overflow_chunks = _split(overflow)
        chunks = overflow_chunks + _split(tokens)
        digest = _digest(chunks)
        entry = encode_manifest(
            {
                "version": VERSION,
                "card": user,
                "generation": slot,
                "overflow": len(overflow_chunks),
                "overflow_digest": _digest(overflow_chunks),
                "parts": len(chunks),
                "digest": digest,
            }
        )
        self.digests.add(digest)
        with suppress(KeyringError):  # emptied first: Windows would keep a copy of whatever is overwritten
            self._sweep(self._entries, slot)
        self._write(slot, chunks, entry)
        with suppress(KeyringError):  # the session is kept; what stays behind waits for the next sweep
            self._sweep(self._entries, other, at_least=replaced.get("parts", 0))

    def delete(self) -> None:
        """Leave nothing of the profile behind, readable or not."""
        at_least = max(SWEPT_BLINDLY, self._manifest().get("parts", 0))
        self._entries.delete(self._manifest_name)
        for slot in "ab":
            self._sweep(self._entries, slot, at_least=at_least)

    def check_writable(self) -> None:
        """Rehearse a save: write as much as the session to come may need where it will lie, and read it back.

        What was written stays, as room for that save; :meth:`undo_check` takes it back. Call it only under the lock.
        Raises KeyringUnusable, if the store does not keep it.
        """
        manifest = self._manifest()  # a place that cannot be read is no place to write to
        slot = _unused(manifest)
        proof = secrets.token_hex(ENTRY_UNITS // 2)
        last = manifest.get("parts", USUAL_CHUNKS)  # one more than there are now
        for number in range(last + 1):
            self._trial.set(self._chunk_name(slot, number), proof)
        if self._trial.get(self._chunk_name(slot, last)) != proof:
            raise KeyringError(f"The keyring ({self.backend_name}) does not keep what is written to it.")

    def undo_check(self) -> None:
        """Remove what a rehearsal wrote, and what an earlier process left in its places."""
        self._sweep(self._trial, _unused(self._manifest()))

    def _write(self, slot: str, chunks: list[str], entry: str) -> None:
        """Write the parts, then the entry that makes them valid; leave no parts behind if that is refused."""
        try:
            for number, chunk in enumerate(chunks):
                self._entries.set(self._chunk_name(slot, number), chunk)
        except KeyringError:
            with suppress(KeyringError):
                self._sweep(self._entries, slot)
            raise
        try:
            self._entries.set(self._manifest_name, entry)
        except KeyringError as error:
            try:
                kept, is_unsure = self._entries.get(self._manifest_name), isinstance(error, KeyringTimeoutError)
            except KeyringError:
                kept, is_unsure = None, True
            if kept == entry:
                return  # refused, and done all the same
            if is_unsure:
                raise SaveUnconfirmedError(str(error), hint=error.hint) from error
            with suppress(KeyringError):
                self._sweep(self._entries, slot)
            raise

    def _chunk_name(self, slot: str, number: int) -> str:
        return f"{self._manifest_name}:{slot}:{number}"

    def _manifest(self) -> dict[str, Any]:
        """Return the card's entry, or an empty one if there is none that can be read."""
        return decode_manifest(self._entries.get(self._manifest_name) or "") or {}

    def _sweep(self, entries: SecretStore, slot: str, *, at_least: int = 0) -> None:
        """Remove the parts from the highest down, so that a kill leaves no gap before "until None"."""
        count = at_least
        while count < MAX_CHUNKS and entries.get(self._chunk_name(slot, count)) is not None:
            count += 1
        for number in reversed(range(count)):
            entries.delete(self._chunk_name(slot, number))

    def _read(self, assemble: Callable[[Mapping[str, Any]], T | None]) -> T | None:
        """Read what the card's entry names; once more if the entry changed meanwhile, as it does in a save."""
        text = self._entries.get(self._manifest_name)
        for _ in range(MOST_READS):
            if text is None:
                return None
            manifest = decode_manifest(text)
            if manifest is not None:
                self.digests.add(manifest["digest"])
                if self._is_revoked(manifest["digest"]):
                    return None
            whole = None if manifest is None else assemble(manifest)
            if whole is not None:
                return whole
            before, text = text, self._entries.get(self._manifest_name)
            if text == before:
                break
        raise DamagedSessionError(
            f"You are not signed in: what the keyring keeps for {self._manifest_name} cannot be read."
        )

    def _assemble_user(self, manifest: Mapping[str, Any]) -> User | None:
        overflow = self._chunks(manifest, manifest["overflow"])
        return _user(manifest, overflow) if _digest(overflow) == manifest["overflow_digest"] else None

    def _assemble(self, manifest: Mapping[str, Any]) -> Session | None:
        chunks = self._chunks(manifest, manifest["parts"])
        if _digest(chunks) != manifest["digest"]:
            return None
        overflow, tokens = chunks[: manifest["overflow"]], parse("".join(chunks[manifest["overflow"] :]))
        user = _user(manifest, overflow)
        return Session(user=user, **tokens) if user is not None and _are_tokens(tokens) else None

    def _chunks(self, manifest: Mapping[str, Any], count: int) -> list[str]:
        names = [self._chunk_name(manifest["generation"], number) for number in range(count)]
        return [chunk for chunk in map(self._entries.get, names) if chunk is not None]


def _unused(manifest: Mapping[str, Any]) -> str:
    """Return the generation that the card's entry does not name."""
    return "b" if manifest.get("generation") == "a" else "a"


def _digest(chunks: list[str]) -> str:
    """Tie parts to their card: neither mixed generations nor damaged parts pass. Tokens cannot be guessed from it."""
    return hashlib.sha256("\n".join(chunks).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _fit(user: User) -> tuple[dict[str, Any], str]:
    """Return the card's members, and as a JSON object those that found no room in one entry: the longest first."""
    members, overflow = asdict(user), {}
    while _units(dump_json(members)) > ENTRY_UNITS - _MANIFEST_UNITS:
        longest = max(members, key=lambda name: _units(dump_json(members[name])))
        overflow[longest] = members.pop(longest)
    return members, dump_json(overflow) if overflow else ""


_MANIFEST_UNITS = 200  # what stands in the entry besides the members


def _split(text: str) -> list[str]:
    size = ENTRY_UNITS if text.isascii() else ENTRY_UNITS // 2  # an astral character takes two units
    return [text[start : start + size] for start in range(0, len(text), size)]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _user(manifest: Mapping[str, Any], overflow: list[str]) -> User | None:
    members = manifest["card"] | parse("".join(overflow) or "{}")
    whole = set(members) == USER_FIELDS and all(is_valid_field(*member) for member in members.items())
    return User(**members) if whole else None


def _are_tokens(tokens: Mapping[str, Any]) -> bool:
    return (
        set(tokens) == {"access_token", "refresh_token", "id_token", "provider_digest"}
        and all(isinstance(value, str) for name, value in tokens.items() if name != "refresh_token")
        and isinstance(tokens["refresh_token"], str | None)
    )
