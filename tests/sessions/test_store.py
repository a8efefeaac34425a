"""A session in a small keyring: split, whole or nothing, and never in the way of the next one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.errors import PasswordDeleteError, PasswordSetError

from awesome_cli.brand import AWESOME
from awesome_cli.errors import DamagedSessionError, KeyringError, LoginRequiredError, SaveUnconfirmedError
from awesome_cli.hints import hint_for
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.sessions.model import Session, User
from awesome_cli.sessions.record import decode_manifest, dump_json, encode_manifest, parse
from awesome_cli.sessions.store import ENTRY_UNITS, SessionStore, _digest, _split
from awesome_cli.testing.keyring import MemoryKeyring

USER_FIELDS = User(
    issuer="https://provider.example/",
    client_id="awesome-demo",
    sub="demo|juan",
    name="Juan",
    email=None,
    scope="openid",
    audience=None,
    signed_in_at=1_800_000_000.0,
    expires_at=1_800_003_600.0,
    refreshable=True,
)
SESSION = Session(
    user=USER_FIELDS, access_token="access", refresh_token="refresh", id_token="id", provider_digest="digest"
)
LONG = replace(SESSION, access_token="a" * 5_000)
NAME = "awesome-cli:work"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=256)
users = st.builds(
    User,
    issuer=texts,
    client_id=texts,
    sub=texts,
    name=texts,
    email=st.none() | texts,
    scope=texts,
    audience=st.none() | texts,
    signed_in_at=st.floats(0, 1e11),
    expires_at=st.floats(0, 1e11),
    refreshable=st.booleans(),
)
sizes = st.tuples(st.integers(0, 20_000), st.none() | st.integers(0, 5_000), st.integers(0, 20_000))


class Ring(MemoryKeyring):
    """A small keyring that can fail at a change, before or after it is done."""

    def __init__(self) -> None:
        super().__init__(limit=2560)
        self.writes_until_failure: int | None = None
        self.fails_afterwards = False
        self.deletes = True

    def set_password(self, service: str, username: str, password: str) -> None:
        failing = self.writes_until_failure == 0
        if self.writes_until_failure is not None:
            self.writes_until_failure -= 1
        if not failing or self.fails_afterwards:
            super().set_password(service, username, password)
        if failing:
            raise PasswordSetError("no")

    def delete_password(self, service: str, username: str) -> None:
        if not self.deletes:
            raise PasswordDeleteError("no")
        super().delete_password(service, username)

    @property
    def names(self) -> set[str]:
        return {service for service, _ in self.entries()}


@pytest.fixture
def ring() -> Ring:
    return Ring()


@pytest.fixture
def session_store(ring: Ring) -> SessionStore:
    return _session_store(ring)


def _session_store(ring: MemoryKeyring, profile: str = "work") -> SessionStore:
    return SessionStore(
        KeyringStore(lambda: ring, username="awesome", timeout=10, note=pytest.fail), f"awesome-cli:{profile}"
    )


def test_an_empty_keyring_holds_no_session(session_store: SessionStore) -> None:
    assert session_store.load() is None
    assert session_store.load_user() is None


@given(st.lists(st.tuples(users, sizes), min_size=1, max_size=4))
def test_any_session_after_any_other_fits_and_leaves_nothing_of_it(
    kept: list[tuple[User, tuple[int, int | None, int]]],
) -> None:
    ring = MemoryKeyring(limit=2560)
    session_store = _session_store(ring)
    for user, (access, refresh, id_token) in kept:
        session = Session(
            user=user,
            access_token="a" * access,
            refresh_token=None if refresh is None else "r" * refresh,
            id_token="i" * id_token,
            provider_digest="d" * 64,
        )
        session_store.save(session)
        assert session_store.load() == session
        assert session_store.load_user() == session.user
        manifest = decode_manifest(ring.entries()[NAME, "awesome"])
        assert manifest
        chunks = {f"{NAME}:{manifest['generation']}:{number}" for number in range(manifest["parts"])}
        assert {service for service, _ in ring.entries()} == {NAME, *chunks}
    session_store.delete()
    assert ring.entries() == {}


def test_the_card_alone_tells_who_is_signed_in(session_store: SessionStore, ring: Ring) -> None:
    session_store.save(LONG)
    for name in ring.names - {NAME}:
        ring.delete_password(name, "awesome")
    assert session_store.load_user() == USER_FIELDS


def test_no_token_lies_in_the_card(session_store: SessionStore, ring: Ring) -> None:
    session_store.save(SESSION)
    user = ring.entries()[NAME, "awesome"]
    assert not {"access_token", "refresh_token", "id_token"} & set(parse(user))
    assert "refresh" not in parse(user)["card"].values()


def test_the_largest_card_entry_fits_whatever_else_it_says() -> None:
    manifest = {
        "version": 1,
        "card": {"name": "x" * (ENTRY_UNITS - 200 - len('{"name":""}'))},
        "generation": "a",
        "overflow": 1000,
        "overflow_digest": "f" * 32,
        "parts": 1000,
        "digest": "f" * 32,
    }
    assert len(encode_manifest(manifest)) <= ENTRY_UNITS


def test_profiles_do_not_meet(ring: Ring) -> None:
    _session_store(ring, "work").save(SESSION)
    _session_store(ring, "home").save(LONG)
    _session_store(ring, "work").delete()
    assert _session_store(ring, "home").load() == LONG


@pytest.mark.parametrize("parts_written", range(6))
def test_a_write_that_fails_leaves_the_old_session_and_no_leftovers(
    session_store: SessionStore, ring: Ring, parts_written: int
) -> None:
    session_store.save(SESSION)
    before = ring.entries()
    ring.writes_until_failure = parts_written
    with pytest.raises(KeyringError):
        session_store.save(LONG)
    assert ring.entries() == before


def test_a_write_that_is_refused_and_done_all_the_same_counts_as_done(session_store: SessionStore, ring: Ring) -> None:
    session_store.save(SESSION)
    ring.writes_until_failure, ring.fails_afterwards = 5, True
    session_store.save(LONG)
    assert session_store.load() == LONG


def test_old_parts_that_cannot_be_removed_do_not_undo_a_save(session_store: SessionStore, ring: Ring) -> None:
    session_store.save(LONG)
    ring.deletes = False
    session_store.save(SESSION)
    assert session_store.load() == SESSION
    ring.deletes = True
    session_store.delete()
    assert ring.entries() == {}


def test_a_keyring_that_does_not_delete_cannot_be_logged_out_of(session_store: SessionStore, ring: Ring) -> None:
    session_store.save(SESSION)
    ring.deletes = False
    with pytest.raises(KeyringError, match="Could not delete from"):
        session_store.delete()


Damage = Callable[[dict[str, str]], object]
JUNK: dict[str, Damage] = {
    "an empty card": lambda entries: entries.update({NAME: ""}),
    "a truncated card": lambda entries: entries.update({NAME: entries[NAME][:-20]}),
    "no JSON": lambda entries: entries.update({NAME: "hunter2"}),
    "another JSON": lambda entries: entries.update({NAME: "[1, 2]"}),
    "nested too deeply": lambda entries: entries.update({NAME: "[" * 1_200}),
    "a tampered card": lambda entries: entries.update({NAME: entries[NAME].replace("Juan", "Eve")}),
    "another version": lambda entries: _reseal(entries, version=2),
    "a member too many": lambda entries: _reseal(entries, more=1),
    "a card that is a list": lambda entries: _reseal(entries, card=[]),
    "a card nested deeply": lambda entries: _reseal(entries, card={"name": json.loads("[" * 400 + "]" * 400)}),
    "a card without a name": lambda entries: _reseal(entries, card=_but(entries, name=...)),
    "a name that is a number": lambda entries: _reseal(entries, card=_but(entries, name=1)),
    "an issuer that is null": lambda entries: _reseal(entries, card=_but(entries, issuer=None)),
    "an instant that is a text": lambda entries: _reseal(entries, card=_but(entries, expires_at="soon")),
    "an instant that is no number": lambda entries: _reseal(entries, card=_but(entries, expires_at=float("nan"))),
    "an instant beyond calendars": lambda entries: _reseal(entries, card=_but(entries, expires_at=1e300)),
    "an instant before all time": lambda entries: _reseal(entries, card=_but(entries, signed_in_at=-1e300)),
    "a yes that is a number": lambda entries: _reseal(entries, card=_but(entries, refreshable=1)),
    "a third generation": lambda entries: _reseal(entries, generation="c"),
    "a generation that is a list": lambda entries: _reseal(entries, generation=["a"]),
    "parts that are a text": lambda entries: _reseal(entries, parts="2"),
    "too many parts": lambda entries: _reseal(entries, parts=1_000_000_000),
    "fewer parts than overflow": lambda entries: _reseal(entries, overflow=9),
    "a negative number of parts": lambda entries: _reseal(entries, overflow=-2, parts=-1),
    "a digest that is a list": lambda entries: _reseal(entries, overflow_digest=[]),
    "another digest": lambda entries: _reseal(entries, digest={}),
}
PARTS_JUNK: dict[str, Damage] = {
    "no parts": lambda entries: [entries.pop(name) for name in sorted(entries) if name != NAME],
    "the first part missing": lambda entries: entries.__delitem__(f"{NAME}:a:0"),
    "the last part missing": lambda entries: entries.__delitem__(f"{NAME}:a:4"),
    "an empty part": lambda entries: entries.update({f"{NAME}:a:2": ""}),
    "a truncated part": lambda entries: entries.update({f"{NAME}:a:2": entries[f"{NAME}:a:2"][:-1]}),
    "parts of another session": lambda entries: entries.update({f"{NAME}:a:2": entries[f"{NAME}:a:0"]}),
    "parts that are no JSON": lambda entries: _reparts(entries, "x" * 4_000),
    "parts that lack a token": lambda entries: _reparts(entries, dump_json({"access_token": "a", "id_token": "i"})),
    "tokens of the wrong type": lambda entries: _reparts(
        entries, dump_json({"access_token": 1, "refresh_token": None, "id_token": "i", "provider_digest": ""})
    ),
    "a refresh token of the wrong type": lambda entries: _reparts(
        entries, dump_json({"access_token": "a", "refresh_token": 0, "id_token": "i", "provider_digest": ""})
    ),
}


@pytest.mark.parametrize("damage", JUNK.values(), ids=JUNK)
def test_a_damaged_card_is_not_signed_in(session_store: SessionStore, ring: Ring, damage: Damage) -> None:
    session_store.save(LONG)
    _damage(ring, damage)
    for read in (session_store.load_user, session_store.load):
        with pytest.raises(DamagedSessionError) as refusal:
            read()
        assert isinstance(refusal.value, LoginRequiredError)
        assert "awesome login" in hint_for(refusal.value, AWESOME)


@pytest.mark.parametrize("damage", PARTS_JUNK.values(), ids=PARTS_JUNK)
def test_damaged_parts_are_not_signed_in_as_soon_as_a_token_is_wanted(
    session_store: SessionStore, ring: Ring, damage: Damage
) -> None:
    session_store.save(LONG)
    _damage(ring, damage)
    assert session_store.load_user() == USER_FIELDS
    with pytest.raises(DamagedSessionError):
        session_store.load()


@pytest.mark.parametrize("damage", (JUNK | PARTS_JUNK).values(), ids=JUNK | PARTS_JUNK)
def test_whatever_is_damaged_a_save_repairs_and_a_delete_clears(
    session_store: SessionStore, ring: Ring, damage: Damage
) -> None:
    session_store.save(LONG)
    _damage(ring, damage)
    session_store.save(SESSION)
    assert session_store.load() == SESSION
    session_store.delete()
    assert ring.entries() == {}


@pytest.mark.parametrize("damage", (JUNK | PARTS_JUNK).values(), ids=JUNK | PARTS_JUNK)
def test_whatever_is_damaged_a_delete_clears(session_store: SessionStore, ring: Ring, damage: Damage) -> None:
    session_store.save(LONG)
    _damage(ring, damage)
    session_store.delete()
    assert ring.entries() == {}


def test_overflow_of_another_session_is_not_mixed_into_a_card(session_store: SessionStore, ring: Ring) -> None:
    crowded = replace(USER_FIELDS, name="🦊" * 256, scope="s" * 900)
    session_store.save(replace(SESSION, user=crowded))
    assert session_store.load_user() == crowded
    ring.set_password(f"{NAME}:a:0", "awesome", dump_json({"scope": "everything"}))
    with pytest.raises(DamagedSessionError):
        session_store.load_user()


def test_a_reader_that_is_overtaken_reads_again(session_store: SessionStore, ring: Ring) -> None:
    session_store.save(LONG)
    overtaking = _Overtaken(ring, lambda: _session_store(ring).save(replace(LONG, access_token="b" * 5_000)), times=1)
    session = SessionStore(overtaking, NAME).load()
    assert session
    assert session.access_token == "b" * 5_000


def test_a_reader_that_meets_a_logout_reads_nothing(session_store: SessionStore, ring: Ring) -> None:
    session_store.save(LONG)
    overtaking = _Overtaken(ring, _session_store(ring).delete, times=1)
    assert SessionStore(overtaking, NAME).load() is None


def test_a_reader_that_is_overtaken_for_ever_gives_up(session_store: SessionStore, ring: Ring) -> None:
    session_store.save(LONG)
    numbers = iter(range(1000))
    overtaking = _Overtaken(
        ring, lambda: _session_store(ring).save(replace(LONG, provider_digest=str(next(numbers)))), times=1000
    )
    with pytest.raises(DamagedSessionError):
        SessionStore(overtaking, NAME).load()


class _Overtaken(KeyringStore):
    """A reader between whose reads of the card and of the first part somebody else does something."""

    def __init__(self, ring: Ring, meanwhile: Callable[[], None], *, times: int) -> None:
        super().__init__(lambda: ring, username="awesome", timeout=10, note=pytest.fail)
        self._meanwhile = meanwhile
        self._times = times

    def get(self, name: str) -> str | None:
        if name.endswith(":0") and self._times:
            self._times -= 1
            self._meanwhile()
        return super().get(name)


def test_a_proof_is_larger_than_the_session_before_and_leaves_nothing_behind(
    session_store: SessionStore, ring: Ring
) -> None:
    session_store.save(SESSION)
    kept = ring.entries()
    session_store.check_writable()
    assert len(ring.entries()) > 2 * len(kept) - 1
    assert session_store.load() == SESSION
    session_store.undo_check()
    assert ring.entries() == kept


def test_a_save_takes_the_places_of_its_proof(session_store: SessionStore, ring: Ring) -> None:
    session_store.save(SESSION)
    size = len(ring.entries())
    session_store.check_writable()
    session_store.save(SESSION)
    assert session_store.load() == SESSION
    assert len(ring.entries()) == size


def test_a_keyring_that_takes_less_than_an_entry_fails_the_proof() -> None:
    with pytest.raises(KeyringError):
        _session_store(MemoryKeyring(limit=2 * ENTRY_UNITS - 2)).check_writable()


def test_a_store_that_swallows_what_is_written_fails_the_proof() -> None:
    class Swallowing(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            pass

    with pytest.raises(KeyringError, match="does not keep"):
        _session_store(Swallowing()).check_writable()


class Unsure(MemoryKeyring):
    """Takes the entry that makes a session valid, and then fails for good."""

    def __init__(self, *, is_kept: bool) -> None:
        super().__init__()
        self._is_kept = is_kept
        self._has_failed = False

    def get_password(self, service: str, username: str) -> str | None:
        if self._has_failed:
            raise PasswordSetError
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        if service == NAME:
            if self._is_kept:
                super().set_password(service, username, password)
            self._has_failed = True
            raise PasswordSetError
        super().set_password(service, username, password)


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_store_that_does_not_say_whether_it_kept_a_session_leaves_that_open(is_kept: bool) -> None:  # noqa: FBT001 - a table's column
    session_store = _session_store(Unsure(is_kept=is_kept))
    with pytest.raises(SaveUnconfirmedError):
        session_store.save(SESSION)
    assert len(session_store.digests) == 1


def test_a_session_on_the_list_of_revoked_ones_is_none(ring: Ring) -> None:
    session_store = _session_store(ring)
    session_store.save(SESSION)
    revoked = SessionStore(
        KeyringStore(lambda: ring, username="awesome", timeout=5, note=print),
        "work",
        is_revoked=session_store.digests.__contains__,
    )
    assert (revoked.load_user(), revoked.load()) == (None, None)
    session_store.save(replace(SESSION, access_token="another"))
    assert _session_store(ring).load_user() == SESSION.user


def test_what_a_killed_proof_left_goes_with_the_session(session_store: SessionStore, ring: Ring) -> None:
    session_store.check_writable()
    session_store.delete()
    assert ring.entries() == {}


def test_tokens_are_not_shown() -> None:
    assert "access" not in repr(SESSION).replace("access_token", "")


def _damage(ring: Ring, damage: Damage) -> None:
    entries = {service: secret for (service, _), secret in ring.entries().items()}
    damage(entries)
    for name in ring.names:
        ring.delete_password(name, "awesome")
    for name, secret in entries.items():
        ring.set_password(name, "awesome", secret)


def _reseal(entries: dict[str, str], **changes: Any) -> None:  # noqa: ANN401 - junk of any type
    """Damage the card and give it a right checksum all the same."""
    manifest = parse(entries[NAME])
    del manifest["checksum"]
    entries[NAME] = encode_manifest({**manifest, **changes})


def _but(entries: dict[str, str], **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    members = {**parse(entries[NAME])["card"], **changes}
    return {name: value for name, value in members.items() if value is not ...}


def _reparts(entries: dict[str, str], text: str) -> None:
    """Put other parts in the place of those, with a right digest."""
    for name in set(entries) - {NAME}:
        del entries[name]
    chunks = _split(text)
    entries.update({f"{NAME}:a:{number}": chunk for number, chunk in enumerate(chunks)})
    _reseal(entries, parts=len(chunks), digest=_digest(chunks))
