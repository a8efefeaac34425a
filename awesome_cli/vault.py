"""Session <-> keyring: how entries are named and split, what counts as damaged, how long a call may take.

A profile has one *card*, ``awesome-cli:PROFILE``, and *parts*, ``awesome-cli:PROFILE:GENERATION:0…``. There are
two generations, ``a`` and ``b``. A save writes the parts of the one that is not in use, then the card, which
makes them valid, then removes the parts of the other. So a kill leaves the old session or the new one, and
whatever it leaves besides lies under names that the next save or delete sweeps: a keyring cannot list entries.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from typing import Any

from awesome_cli.entry import MOST_PARTS, VERSION, card_name, dump, parse, seal, unseal
from awesome_cli.errors import KeyringUnusable, SignInNeeded
from awesome_cli.session import SIGN_IN, Card, Session
from awesome_cli.stores import WAYS_OUT, Entries

ENTRY_UNITS = 1200  # UTF-16 code units; Windows takes 1,280 a secret (CRED_MAX_CREDENTIAL_BLOB_SIZE, 2,560 bytes)
MOST_READS = 5  # of a session that others replace while we read it


class SessionDamaged(SignInNeeded):
    """What is kept for the profile cannot be read as a session."""


class Vault:
    """The kept session of one profile. Its methods raise KeyringUnusable, if the store does."""

    def __init__(self, entries: Entries, profile: str) -> None:
        self._entries = entries
        self._profile = profile
        self._card_name = card_name(profile)

    @property
    def kind(self) -> str:
        """What the store calls itself, such as ``keyring.backends.SecretService.Keyring``."""
        return self._entries.kind

    def card(self) -> Card | None:
        """Return who is signed in, without touching a token. Raises SessionDamaged, if that cannot be read."""
        for _ in range(MOST_READS):
            text = self._entries.get(self._card_name)
            if text is None:
                return None
            head = self._parse(text)
            overflow = self._read_parts(head, 0, head["overflow"])
            if overflow is not None and (card := _card(head["card"] | parse(overflow or "{}"))) is not None:
                return card
            if self._entries.get(self._card_name) == text:
                break
        raise self._damaged()

    def load(self) -> Session | None:
        """Return the session. Raises SessionDamaged, if it cannot be read; None means that there is none."""
        for _ in range(MOST_READS):
            text = self._entries.get(self._card_name)
            if text is None:
                return None
            head = self._parse(text)
            session = self._assemble(head)
            if session is not None:
                return session
            if self._entries.get(self._card_name) == text:
                break
        raise self._damaged()

    def save(self, session: Session) -> None:
        """Keep the session in the place of the one before; sweep what earlier saves left behind."""
        generation = "b" if self._generation() == "a" else "a"
        self._sweep(generation)
        card, overflow = _fit(session.card)
        tokens = dump(
            {name: getattr(session, name) for name in ("access_token", "refresh_token", "id_token", "provider_digest")}
        )
        overflow_parts = _split(overflow)
        parts = overflow_parts + _split(tokens)
        head = {
            "version": VERSION,
            "card": card,
            "generation": generation,
            "overflow": len(overflow_parts),
            "parts": len(parts),
            "digest": _digest(parts),
        }
        try:
            for number, part in enumerate(parts):
                self._entries.put(self._part_name(generation, number), part)
            self._entries.put(self._card_name, seal(head))
        except KeyringUnusable:
            with suppress(KeyringUnusable):
                self._sweep(generation)
            raise
        self._sweep("b" if generation == "a" else "a")

    def delete(self) -> None:
        """Leave nothing of the profile behind, readable or not."""
        self._entries.remove(self._card_name)
        for generation in "ab":
            self._sweep(generation)
        self._entries.remove(self._proof_name)

    def prove(self) -> None:
        """Write, read back and delete an entry of full size. Raises KeyringUnusable, if that does not hold."""
        proof = secrets.token_hex(ENTRY_UNITS // 2)
        self._entries.put(self._proof_name, proof)
        kept = self._entries.get(self._proof_name)
        if kept != proof:
            raise KeyringUnusable(f"The keyring ({self.kind}) does not keep what is written to it.", hint=WAYS_OUT)
        self._entries.remove(self._proof_name)

    @property
    def _proof_name(self) -> str:
        return f"{self._card_name}:proof"

    def _part_name(self, generation: str, number: int) -> str:
        return f"{self._card_name}:{generation}:{number}"

    def _generation(self) -> str | None:
        text = self._entries.get(self._card_name)
        with suppress(SessionDamaged):
            return None if text is None else str(self._parse(text)["generation"])
        return None

    def _sweep(self, generation: str) -> None:
        """Remove the parts from the highest down, so that a kill leaves no gap before "until None"."""
        count = 0
        while count < MOST_PARTS and self._entries.get(self._part_name(generation, count)) is not None:
            count += 1
        for number in reversed(range(count)):
            self._entries.remove(self._part_name(generation, number))

    def _parse(self, text: str) -> dict[str, Any]:
        head = unseal(text)
        if head is None:
            raise self._damaged()
        return head

    def _read_parts(self, head: Mapping[str, Any], first: int, last: int) -> str | None:
        parts = [self._entries.get(self._part_name(head["generation"], number)) for number in range(first, last)]
        return None if None in parts else "".join(filter(None, parts))

    def _assemble(self, head: Mapping[str, Any]) -> Session | None:
        names = [self._part_name(head["generation"], number) for number in range(head["parts"])]
        parts = [part for part in map(self._entries.get, names) if part is not None]
        if _digest(parts) != head["digest"]:
            return None
        overflow, tokens = "".join(parts[: head["overflow"]]), parse("".join(parts[head["overflow"] :]))
        card = _card(head["card"] | parse(overflow or "{}"))
        if card is None or not _are_tokens(tokens):
            return None
        return Session(card=card, **tokens)

    def _damaged(self) -> SessionDamaged:
        return SessionDamaged(
            f"You are not signed in: what the keyring keeps for the profile {self._profile} cannot be read.",
            hint=f"{SIGN_IN} (it replaces the damaged entry)",
        )


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


def _card(members: Mapping[str, Any]) -> Card | None:
    if {field.name for field in fields(Card)} != set(members):
        return None
    optional = {"email", "audience"}
    for name, value in members.items():
        kinds = {"signed_in_at": float, "expires_at": float, "refreshable": bool}.get(name, str)
        if not (isinstance(value, kinds) or (name in optional and value is None)):
            return None
    return Card(**members)


def _are_tokens(tokens: Mapping[str, Any]) -> bool:
    return (
        set(tokens) == {"access_token", "refresh_token", "id_token", "provider_digest"}
        and all(isinstance(value, str) for name, value in tokens.items() if name != "refresh_token")
        and isinstance(tokens["refresh_token"], str | None)
    )
