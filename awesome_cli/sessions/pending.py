"""A sign-in that waits for approval while no process does: stored as secrets, to be resumed by a later process."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from awesome_cli.errors import KeyringError
from awesome_cli.keystore.keyring_store import SecretStore
from awesome_cli.sessions.entries import digest_of
from awesome_cli.sessions.manifest import LAST_INSTANT, MAX_CHUNKS, dump_json, parse_json_object
from awesome_cli.sessions.store import delete_chunks, split

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PendingSignIn:
    """A device code, and what the command line asked for when it was requested.

    ``token_form`` is the request that polls for its token, ``provider_digest`` as in a Session. ``expires_at`` is in
    seconds since the epoch, ``interval`` in seconds. ``settings`` are saved to the profile after
    the sign-in; ``parameters`` are those that were sent in addition; ``plaintext``: whether the session is to be stored
    in the plaintext file.
    """

    issuer: str
    client_id: str
    scope: str
    audience: str | None
    provider_digest: str
    token_form: Mapping[str, str] = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_at: float
    interval: float
    parameters: Mapping[str, str]
    settings: Mapping[str, str]
    plaintext: bool

    @property
    def digest(self) -> str:
        """What names the device code where it must not be told: it has too much entropy to be guessed from it."""
        return hashlib.sha256(self.token_form["device_code"].encode()).hexdigest()[:32]


class PendingStore:
    """The pending sign-in of one profile, in entries ``SERVICE:PROFILE:pending:0`` and so on.

    The first one begins with the number of all and their digest, and is written last and deleted last: if a process is
    killed, the sign-in is complete, or there is none. Each method may raise KeyringError.
    """

    def __init__(self, secrets: SecretStore, name: str) -> None:
        self._secrets = secrets
        self._name = name

    def load(self) -> PendingSignIn | None:
        """Return the sign-in, or None if there is none that can be read."""
        count, digest, first = self._first_chunk()
        chunks = [first, *(self._secrets.get(self._entry(number)) or "" for number in range(1, count))]
        document = parse_json_object("".join(chunks)) if digest == digest_of(chunks) else {}
        is_ours = document.pop("version", None) == VERSION and _are_members(document)
        return PendingSignIn(**document) if is_ours else None

    def save(self, pending: PendingSignIn) -> None:
        """Replace the sign-in. What cannot be stored completely is deleted."""
        chunks = split(dump_json({"version": VERSION, **asdict(pending)}))
        self.delete()
        try:
            for number in range(1, len(chunks)):
                self._secrets.set(self._entry(number), chunks[number])
            self._secrets.set(self._entry(0), f"{len(chunks)}:{digest_of(chunks)}:{chunks[0]}")
        except KeyringError:
            with suppress(KeyringError):
                self.delete()
            raise

    def delete(self) -> None:
        """Delete all entries, readable or not, and those without a first one that a killed process left."""
        delete_chunks(self._secrets, self._entry, at_least=max(1, self._first_chunk()[0]))

    def _first_chunk(self) -> tuple[int, str, str]:
        """Return the number of chunks and their digest, as stored, and the first chunk."""
        count, _, rest = (self._secrets.get(self._entry(0)) or "").partition(":")
        digest, _, chunk = rest.partition(":")
        return (min(int(count), MAX_CHUNKS) if re.fullmatch(r"[0-9]{1,4}", count) else 0), digest, chunk

    def _entry(self, number: int) -> str:
        return f"{self._name}:pending:{number}"


def _are_members(document: Mapping[str, Any]) -> bool:
    """Whether these are all members of a PendingSignIn, each of its type."""
    kinds = {member.name: _HAS_TYPE[str(member.type)] for member in fields(PendingSignIn)}
    return (
        document.keys() == kinds.keys()
        and all(kinds[name](value) for name, value in document.items())
        and "device_code" in document["token_form"]
    )


_HAS_TYPE: Mapping[str, Callable[[object], bool]] = {
    "str": lambda value: isinstance(value, str),
    "str | None": lambda value: isinstance(value, str | None),
    "bool": lambda value: isinstance(value, bool),
    "float": lambda value: isinstance(value, float) and 0 < value < LAST_INSTANT,
    "Mapping[str, str]": lambda value: (
        isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    ),
}
