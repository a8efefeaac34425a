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

from awesome_cli.errors import KeyringError, LoginRequiredError, SaveUnconfirmedError
from awesome_cli.keystore.keyring_store import WAYS_OUT, Entries, KeyringTimeoutError
from awesome_cli.sessions.model import SIGN_IN, Card, Session
from awesome_cli.sessions.record import CARD, MOST_PARTS, VERSION, card_name, dump, is_member, parse, seal, unseal

ENTRY_UNITS = 1200  # UTF-16 code units; Windows takes 1,280 a secret (CRED_MAX_CREDENTIAL_BLOB_SIZE, 2,560 bytes)
MOST_READS = 5  # of a session that others replace while we read it
SWEPT_BLINDLY = 10  # parts looked for by `delete` behind gaps too: somebody may have tidied up by hand
USUAL_PARTS = 4  # of a session with an access token that is a JWT; what a first login rehearses

T = TypeVar("T")


class DamagedSessionError(LoginRequiredError):
    """What is kept for the profile cannot be read as a session."""


class Vault:
    """The kept session of one profile. Its methods raise KeyringUnusable, if the store does.

    ``trial`` is where a save is rehearsed, if not among the entries themselves. ``is_revoked`` tells of a session's
    digest whether its tokens were revoked: the store may have been asked to keep it, and not have answered in time.
    """

    def __init__(
        self,
        entries: Entries,
        profile: str,
        *,
        trial: Entries | None = None,
        is_revoked: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._entries = entries
        self._profile = profile
        self._card_name = card_name(profile)
        self._trial = trial or entries
        self._is_revoked = is_revoked
        self.digests: set[str] = set()  # of all sessions that were read and written here

    @property
    def kind(self) -> str:
        """What the store calls itself, such as ``keyring.backends.SecretService.Keyring``."""
        return self._entries.kind

    def card(self) -> Card | None:
        """Return who is signed in, without touching a token. Raises SessionDamaged, if that cannot be read."""
        return self._read(self._assemble_card)

    def load(self) -> Session | None:
        """Return the session. Raises SessionDamaged, if it cannot be read; None means that there is none."""
        return self._read(self._assemble)

    def save(self, session: Session) -> None:
        """Keep the session in the place of the one before; sweep what earlier saves left behind."""
        replaced = self._head()
        generation = _unused(replaced)
        other = "a" if generation == "b" else "b"
        card, overflow = _fit(session.card)
        tokens = dump(
            {name: getattr(session, name) for name in ("access_token", "refresh_token", "id_token", "provider_digest")}
        )
        overflow_parts = _split(overflow)
        parts = overflow_parts + _split(tokens)
        digest = _digest(parts)
        entry = seal(
            {
                "version": VERSION,
                "card": card,
                "generation": generation,
                "overflow": len(overflow_parts),
                "overflow_digest": _digest(overflow_parts),
                "parts": len(parts),
                "digest": digest,
            }
        )
        self.digests.add(digest)
        with suppress(KeyringError):  # emptied first: Windows would keep a copy of whatever is overwritten
            self._sweep(self._entries, generation)
        self._write(generation, parts, entry)
        with suppress(KeyringError):  # the session is kept; what stays behind waits for the next sweep
            self._sweep(self._entries, other, at_least=replaced.get("parts", 0))

    def delete(self) -> None:
        """Leave nothing of the profile behind, readable or not."""
        at_least = max(SWEPT_BLINDLY, self._head().get("parts", 0))
        self._entries.remove(self._card_name)
        for generation in "ab":
            self._sweep(self._entries, generation, at_least=at_least)

    def prove(self) -> None:
        """Rehearse a save: write as much as the session to come may need where it will lie, and read it back.

        What was written stays, as room for that save; :meth:`withdraw` takes it back. Only under the session's lock.
        Raises KeyringUnusable, if the store does not keep it.
        """
        head = self._head()  # a place that cannot be read is no place to write to
        generation = _unused(head)
        proof = secrets.token_hex(ENTRY_UNITS // 2)
        last = head.get("parts", USUAL_PARTS)  # one more than there are now
        for number in range(last + 1):
            self._trial.put(self._part_name(generation, number), proof)
        if self._trial.get(self._part_name(generation, last)) != proof:
            raise KeyringError(f"The keyring ({self.kind}) does not keep what is written to it.", hint=WAYS_OUT)

    def withdraw(self) -> None:
        """Remove what a rehearsal wrote, and what an earlier process left in its places."""
        self._sweep(self._trial, _unused(self._head()))

    def _write(self, generation: str, parts: list[str], entry: str) -> None:
        """Write the parts, then the entry that makes them valid; leave no parts behind if that is refused."""
        try:
            for number, part in enumerate(parts):
                self._entries.put(self._part_name(generation, number), part)
        except KeyringError:
            with suppress(KeyringError):
                self._sweep(self._entries, generation)
            raise
        try:
            self._entries.put(self._card_name, entry)
        except KeyringError as error:
            try:
                kept, is_unsure = self._entries.get(self._card_name), isinstance(error, KeyringTimeoutError)
            except KeyringError:
                kept, is_unsure = None, True
            if kept == entry:
                return  # refused, and done all the same
            if is_unsure:
                raise SaveUnconfirmedError(str(error), hint=error.hint) from error
            with suppress(KeyringError):
                self._sweep(self._entries, generation)
            raise

    def _part_name(self, generation: str, number: int) -> str:
        return f"{self._card_name}:{generation}:{number}"

    def _head(self) -> dict[str, Any]:
        """Return the card's entry, or an empty one if there is none that can be read."""
        return unseal(self._entries.get(self._card_name) or "") or {}

    def _sweep(self, entries: Entries, generation: str, *, at_least: int = 0) -> None:
        """Remove the parts from the highest down, so that a kill leaves no gap before "until None"."""
        count = at_least
        while count < MOST_PARTS and entries.get(self._part_name(generation, count)) is not None:
            count += 1
        for number in reversed(range(count)):
            entries.remove(self._part_name(generation, number))

    def _read(self, assemble: Callable[[Mapping[str, Any]], T | None]) -> T | None:
        """Read what the card's entry names; once more if the entry changed meanwhile, as it does in a save."""
        text = self._entries.get(self._card_name)
        for _ in range(MOST_READS):
            if text is None:
                return None
            head = unseal(text)
            if head is not None:
                self.digests.add(head["digest"])
                if self._is_revoked(head["digest"]):
                    return None
            whole = None if head is None else assemble(head)
            if whole is not None:
                return whole
            before, text = text, self._entries.get(self._card_name)
            if text == before:
                break
        raise DamagedSessionError(
            f"You are not signed in: what the keyring keeps for the profile {self._profile} cannot be read.",
            hint=f"{SIGN_IN} (it replaces the damaged entry)",
        )

    def _assemble_card(self, head: Mapping[str, Any]) -> Card | None:
        overflow = self._parts(head, head["overflow"])
        return _card(head, overflow) if _digest(overflow) == head["overflow_digest"] else None

    def _assemble(self, head: Mapping[str, Any]) -> Session | None:
        parts = self._parts(head, head["parts"])
        if _digest(parts) != head["digest"]:
            return None
        overflow, tokens = parts[: head["overflow"]], parse("".join(parts[head["overflow"] :]))
        card = _card(head, overflow)
        return Session(card=card, **tokens) if card is not None and _are_tokens(tokens) else None

    def _parts(self, head: Mapping[str, Any], count: int) -> list[str]:
        names = [self._part_name(head["generation"], number) for number in range(count)]
        return [part for part in map(self._entries.get, names) if part is not None]


def _unused(head: Mapping[str, Any]) -> str:
    """Return the generation that the card's entry does not name."""
    return "b" if head.get("generation") == "a" else "a"


def _digest(parts: list[str]) -> str:
    """Tie parts to their card: neither mixed generations nor damaged parts pass. Tokens cannot be guessed from it."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _fit(card: Card) -> tuple[dict[str, Any], str]:
    """Return the card's members, and as a JSON object those that found no room in one entry: the longest first."""
    members, overflow = asdict(card), {}
    while _units(dump(members)) > ENTRY_UNITS - _HEAD_UNITS:
        longest = max(members, key=lambda name: _units(dump(members[name])))
        overflow[longest] = members.pop(longest)
    return members, dump(overflow) if overflow else ""


_HEAD_UNITS = 200  # what stands in the entry besides the members


def _split(text: str) -> list[str]:
    size = ENTRY_UNITS if text.isascii() else ENTRY_UNITS // 2  # an astral character takes two units
    return [text[start : start + size] for start in range(0, len(text), size)]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _card(head: Mapping[str, Any], overflow: list[str]) -> Card | None:
    members = head["card"] | parse("".join(overflow) or "{}")
    whole = set(members) == CARD and all(is_member(*member) for member in members.items())
    return Card(**members) if whole else None


def _are_tokens(tokens: Mapping[str, Any]) -> bool:
    return (
        set(tokens) == {"access_token", "refresh_token", "id_token", "provider_digest"}
        and all(isinstance(value, str) for name, value in tokens.items() if name != "refresh_token")
        and isinstance(tokens["refresh_token"], str | None)
    )
