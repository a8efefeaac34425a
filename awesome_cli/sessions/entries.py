"""SessionEntries: the entries of one session, and how they are read; ``store.py`` writes them.

A session consists of a *manifest* in the entry ``SERVICE:PROFILE``, which names the user and no token, and of *chunks*
in ``SERVICE:PROFILE:SLOT:0`` and so on, because Windows limits the size of a secret. There are two slots, ``a`` and
``b``: the manifest says which one is valid.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from awesome_cli.errors import DamagedSessionError
from awesome_cli.sessions.manifest import are_user_fields, decode_manifest, parse_json_object
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.user import User

MAX_READS = 5  # of a session that other processes replace while it is read
TOKEN_FIELDS = ("access_token", "refresh_token", "id_token", "provider_digest")

T = TypeVar("T")


class SessionEntries:
    """Reads one session. ``get`` returns the secret of an entry, or None; methods raise what it raises.

    ``is_revoked`` returns whether the session with this digest was revoked, in case the keyring did not respond when it
    was to be deleted.
    """

    def __init__(
        self, get: Callable[[str], str | None], name: str, *, is_revoked: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._get = get
        self._name = name
        self._is_revoked = is_revoked
        self._last: tuple[Mapping[str, Any], Session] | None = None  # what was loaded last, and its manifest
        self.digests: set[str] = set()  # of all sessions that this object has read and written

    def load_user(self) -> User | None:
        """Return the user without reading a token. Raises DamagedSessionError."""
        return self._read(self._assemble_user)

    def load(self) -> Session | None:
        """Return the session, or None if there is none. Raises DamagedSessionError."""
        return self._read(self._assemble)

    def _chunk_name(self, slot: str, number: int) -> str:
        return f"{self._name}:{slot}:{number}"

    def _read(self, assemble: Callable[[Mapping[str, Any]], T | None]) -> T | None:
        """Assemble what the manifest describes; again, if another process has replaced the manifest meanwhile."""
        text = self._get(self._name)
        for _ in range(MAX_READS):
            if text is None:
                return None
            manifest = decode_manifest(text)
            if manifest is not None:
                self.digests.add(manifest["digest"])
                if self._is_revoked(manifest["digest"]):
                    return None
                if (result := assemble(manifest)) is not None:
                    return result
            before, text = text, self._get(self._name)
            if text == before:
                break
        raise DamagedSessionError(f"You are not signed in: the stored session {self._name} cannot be read.")

    def _assemble_user(self, manifest: Mapping[str, Any]) -> User | None:
        overflow = self._chunks(manifest, manifest["overflow"])
        return _user(manifest, overflow) if digest_of(overflow) == manifest["overflow_digest"] else None

    def _assemble(self, manifest: Mapping[str, Any]) -> Session | None:
        if self._last is not None and self._last[0] == manifest:
            return self._last[1]  # the manifest contains a digest of the chunks, so they are the same
        chunks = self._chunks(manifest, manifest["parts"])
        if digest_of(chunks) != manifest["digest"]:
            return None
        overflow, tokens = chunks[: manifest["overflow"]], parse_json_object("".join(chunks[manifest["overflow"] :]))
        user = _user(manifest, overflow)
        if user is None or not _are_tokens(tokens):
            return None
        session = Session(user=user, **tokens)
        self._last = manifest, session
        return session

    def _chunks(self, manifest: Mapping[str, Any], count: int) -> list[str]:
        names = [self._chunk_name(manifest["generation"], number) for number in range(count)]
        return [chunk for chunk in map(self._get, names) if chunk is not None]


def digest_of(chunks: list[str]) -> str:
    """Return the digest that links chunks to their manifest. Tokens have too much entropy to be guessed from it."""
    return hashlib.sha256("\n".join(chunks).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _user(manifest: Mapping[str, Any], overflow: list[str]) -> User | None:
    fields = manifest["card"] | parse_json_object("".join(overflow) or "{}")
    return User(**fields) if are_user_fields(fields) else None


def _are_tokens(tokens: Mapping[str, Any]) -> bool:
    return (
        set(tokens) == set(TOKEN_FIELDS)
        and all(isinstance(value, str) for name, value in tokens.items() if name != "refresh_token")
        and isinstance(tokens["refresh_token"], str | None)
    )
