"""SessionStore: chunks, damaged entries, interrupted writes, and concurrent processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.errors import PasswordDeleteError, PasswordSetError

from awesome_cli.errors import DamagedSessionError, KeyringError, LoginRequiredError, SaveUnconfirmedError
from awesome_cli.hints import hint_for
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.sessions.entries import digest_of
from awesome_cli.sessions.manifest import decode_manifest, dump_json, encode_manifest, parse_json_object
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.store import ENTRY_UNITS, SessionStore, split
from awesome_cli.sessions.user import User
from awesome_cli.testing.keyring import MemoryKeyring
from support.brand import AWESOME

USER = User(
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
SESSION = Session(user=USER, access_token="access", refresh_token="refresh", id_token="id", provider_digest="digest")
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
    requested_scope=st.none() | texts,
    session_expires_at=st.none() | st.floats(0, 1e11),
)
sizes = st.tuples(st.integers(0, 20_000), st.none() | st.integers(0, 5_000), st.integers(0, 20_000))


class SmallKeyring(MemoryKeyring):
    """A keyring with Windows' size limit that can fail before or after a write."""

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
def backend() -> SmallKeyring:
    return SmallKeyring()


@pytest.fixture
def session_store(backend: SmallKeyring) -> SessionStore:
    return _session_store(backend)


def _session_store(backend: MemoryKeyring, profile: str = "work") -> SessionStore:
    return SessionStore(
        KeyringStore(lambda: backend, username="awesome", timeout=10, note=pytest.fail), f"awesome-cli:{profile}"
    )


def test_an_empty_keyring_has_no_session(session_store: SessionStore) -> None:
    assert session_store.load() is None
    assert session_store.load_user() is None


@given(st.lists(st.tuples(users, sizes), min_size=1, max_size=4))
def test_any_session_can_replace_any_other_and_leaves_none_of_its_entries(
    kept: list[tuple[User, tuple[int, int | None, int]]],
) -> None:
    backend = MemoryKeyring(limit=2560)
    session_store = _session_store(backend)
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
        manifest = decode_manifest(backend.entries()[NAME, "awesome"])
        assert manifest
        chunks = {f"{NAME}:{manifest['generation']}:{number}" for number in range(manifest["parts"])}
        assert {service for service, _ in backend.entries()} == {NAME, *chunks}
    session_store.delete()
    assert backend.entries() == {}


def test_the_user_is_read_from_the_manifest_alone(session_store: SessionStore, backend: SmallKeyring) -> None:
    session_store.save(LONG)
    for name in backend.names - {NAME}:
        backend.delete_password(name, "awesome")
    assert session_store.load_user() == USER


def test_the_manifest_contains_no_token(session_store: SessionStore, backend: SmallKeyring) -> None:
    session_store.save(SESSION)
    user = backend.entries()[NAME, "awesome"]
    assert not {"access_token", "refresh_token", "id_token"} & set(parse_json_object(user))
    assert "refresh" not in parse_json_object(user)["card"].values()


def test_the_largest_manifest_fits_into_one_entry() -> None:
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


def test_profiles_are_stored_separately(backend: SmallKeyring) -> None:
    _session_store(backend, "work").save(SESSION)
    _session_store(backend, "home").save(LONG)
    _session_store(backend, "work").delete()
    assert _session_store(backend, "home").load() == LONG


@pytest.mark.parametrize("chunks_written", range(6))
def test_a_write_that_fails_changes_nothing(
    session_store: SessionStore, backend: SmallKeyring, chunks_written: int
) -> None:
    session_store.save(SESSION)
    before = backend.entries()
    backend.writes_until_failure = chunks_written
    with pytest.raises(KeyringError):
        session_store.save(LONG)
    assert backend.entries() == before


def test_a_manifest_that_is_stored_in_spite_of_an_error_counts_as_stored(
    session_store: SessionStore, backend: SmallKeyring
) -> None:
    session_store.save(SESSION)
    backend.writes_until_failure, backend.fails_afterwards = 5, True
    session_store.save(LONG)
    assert session_store.load() == LONG


def test_old_chunks_that_cannot_be_deleted_do_not_fail_a_save(
    session_store: SessionStore, backend: SmallKeyring
) -> None:
    session_store.save(LONG)
    backend.deletes = False
    session_store.save(SESSION)
    assert session_store.load() == SESSION
    backend.deletes = True
    session_store.delete()
    assert backend.entries() == {}


def test_a_keyring_that_does_not_delete_fails_a_delete(session_store: SessionStore, backend: SmallKeyring) -> None:
    session_store.save(SESSION)
    backend.deletes = False
    with pytest.raises(KeyringError, match="Could not delete from"):
        session_store.delete()


Damage = Callable[[dict[str, str]], object]
MANIFEST_DAMAGE: dict[str, Damage] = {
    "an empty manifest": lambda entries: entries.update({NAME: ""}),
    "a truncated manifest": lambda entries: entries.update({NAME: entries[NAME][:-20]}),
    "not JSON": lambda entries: entries.update({NAME: "hunter2"}),
    "another JSON": lambda entries: entries.update({NAME: "[1, 2]"}),
    "nested too deeply": lambda entries: entries.update({NAME: "[" * 1_200}),
    "a changed manifest": lambda entries: entries.update({NAME: entries[NAME].replace("Juan", "Eve")}),
    "another version": lambda entries: _change(entries, version=2),
    "an unknown member": lambda entries: _change(entries, more=1),
    "a card that is a list": lambda entries: _change(entries, card=[]),
    "a card nested deeply": lambda entries: _change(entries, card={"name": json.loads("[" * 400 + "]" * 400)}),
    "a card without a name": lambda entries: _change(entries, card=_card_with(entries, name=...)),
    "a name that is a number": lambda entries: _change(entries, card=_card_with(entries, name=1)),
    "an issuer that is null": lambda entries: _change(entries, card=_card_with(entries, issuer=None)),
    "a time that is a string": lambda entries: _change(entries, card=_card_with(entries, expires_at="soon")),
    "a time that is NaN": lambda entries: _change(entries, card=_card_with(entries, expires_at=float("nan"))),
    "a time after the year 9999": lambda entries: _change(entries, card=_card_with(entries, expires_at=1e300)),
    "a negative time": lambda entries: _change(entries, card=_card_with(entries, signed_in_at=-1e300)),
    "a boolean that is a number": lambda entries: _change(entries, card=_card_with(entries, refreshable=1)),
    "a third slot": lambda entries: _change(entries, generation="c"),
    "a slot that is a list": lambda entries: _change(entries, generation=["a"]),
    "a number of chunks that is a string": lambda entries: _change(entries, parts="2"),
    "too many chunks": lambda entries: _change(entries, parts=1_000_000_000),
    "more overflow than chunks": lambda entries: _change(entries, overflow=9),
    "a negative number of chunks": lambda entries: _change(entries, overflow=-2, parts=-1),
    "a digest that is a list": lambda entries: _change(entries, overflow_digest=[]),
    "another digest": lambda entries: _change(entries, digest={}),
}
CHUNK_DAMAGE: dict[str, Damage] = {
    "no chunks": lambda entries: [entries.pop(name) for name in sorted(entries) if name != NAME],
    "the first chunk missing": lambda entries: entries.__delitem__(f"{NAME}:a:0"),
    "the last chunk missing": lambda entries: entries.__delitem__(f"{NAME}:a:4"),
    "an empty chunk": lambda entries: entries.update({f"{NAME}:a:2": ""}),
    "a truncated chunk": lambda entries: entries.update({f"{NAME}:a:2": entries[f"{NAME}:a:2"][:-1]}),
    "a chunk of another place": lambda entries: entries.update({f"{NAME}:a:2": entries[f"{NAME}:a:0"]}),
    "chunks that are not JSON": lambda entries: _replace_chunks(entries, "x" * 4_000),
    "chunks without refresh token": lambda entries: _replace_chunks(
        entries, dump_json({"access_token": "a", "id_token": "i"})
    ),
    "tokens of the wrong type": lambda entries: _replace_chunks(
        entries, dump_json({"access_token": 1, "refresh_token": None, "id_token": "i", "provider_digest": ""})
    ),
    "a refresh token of the wrong type": lambda entries: _replace_chunks(
        entries, dump_json({"access_token": "a", "refresh_token": 0, "id_token": "i", "provider_digest": ""})
    ),
}


@pytest.mark.parametrize("damage", MANIFEST_DAMAGE.values(), ids=MANIFEST_DAMAGE)
def test_a_damaged_manifest_is_reported(session_store: SessionStore, backend: SmallKeyring, damage: Damage) -> None:
    session_store.save(LONG)
    _damage(backend, damage)
    for read in (session_store.load_user, session_store.load):
        with pytest.raises(DamagedSessionError) as refusal:
            read()
        assert isinstance(refusal.value, LoginRequiredError)
        assert "awesome login" in hint_for(refusal.value, AWESOME)


@pytest.mark.parametrize("damage", CHUNK_DAMAGE.values(), ids=CHUNK_DAMAGE)
def test_damaged_chunks_are_reported_when_a_token_is_read(
    session_store: SessionStore, backend: SmallKeyring, damage: Damage
) -> None:
    session_store.save(LONG)
    _damage(backend, damage)
    assert session_store.load_user() == USER
    with pytest.raises(DamagedSessionError):
        session_store.load()


@pytest.mark.parametrize("damage", (MANIFEST_DAMAGE | CHUNK_DAMAGE).values(), ids=MANIFEST_DAMAGE | CHUNK_DAMAGE)
def test_a_save_replaces_whatever_is_damaged(
    session_store: SessionStore, backend: SmallKeyring, damage: Damage
) -> None:
    session_store.save(LONG)
    _damage(backend, damage)
    session_store.save(SESSION)
    assert session_store.load() == SESSION
    session_store.delete()
    assert backend.entries() == {}


@pytest.mark.parametrize("damage", (MANIFEST_DAMAGE | CHUNK_DAMAGE).values(), ids=MANIFEST_DAMAGE | CHUNK_DAMAGE)
def test_a_delete_removes_whatever_is_damaged(
    session_store: SessionStore, backend: SmallKeyring, damage: Damage
) -> None:
    session_store.save(LONG)
    _damage(backend, damage)
    session_store.delete()
    assert backend.entries() == {}


def test_overflow_with_another_digest_is_not_used(session_store: SessionStore, backend: SmallKeyring) -> None:
    long_user = USER._replace(name="🦊" * 256, scope="s" * 900)
    session_store.save(replace(SESSION, user=long_user))
    assert session_store.load_user() == long_user
    backend.set_password(f"{NAME}:a:0", "awesome", dump_json({"scope": "everything"}))
    with pytest.raises(DamagedSessionError):
        session_store.load_user()


def test_a_session_that_is_replaced_while_it_is_read_is_read_again(
    session_store: SessionStore, backend: SmallKeyring
) -> None:
    session_store.save(LONG)
    interleaved = _Interleaved(
        backend, lambda: _session_store(backend).save(replace(LONG, access_token="b" * 5_000)), times=1
    )
    session = SessionStore(interleaved, NAME).load()
    assert session
    assert session.access_token == "b" * 5_000


def test_a_session_that_is_deleted_while_it_is_read_is_none(session_store: SessionStore, backend: SmallKeyring) -> None:
    session_store.save(LONG)
    interleaved = _Interleaved(backend, _session_store(backend).delete, times=1)
    assert SessionStore(interleaved, NAME).load() is None


def test_a_session_that_is_replaced_during_every_read_is_reported(
    session_store: SessionStore, backend: SmallKeyring
) -> None:
    session_store.save(LONG)
    numbers = iter(range(1000))
    interleaved = _Interleaved(
        backend, lambda: _session_store(backend).save(replace(LONG, provider_digest=str(next(numbers)))), times=1000
    )
    with pytest.raises(DamagedSessionError):
        SessionStore(interleaved, NAME).load()


class _Interleaved(KeyringStore):
    """Calls ``meanwhile`` between reading the manifest and the first chunk."""

    def __init__(self, backend: SmallKeyring, meanwhile: Callable[[], None], *, times: int) -> None:
        super().__init__(lambda: backend, username="awesome", timeout=10, note=pytest.fail)
        self._meanwhile = meanwhile
        self._times = times

    def get(self, name: str) -> str | None:
        if name.endswith(":0") and self._times:
            self._times -= 1
            self._meanwhile()
        return super().get(name)


def test_check_writable_writes_more_than_the_session_and_undo_check_deletes_it(
    session_store: SessionStore, backend: SmallKeyring
) -> None:
    session_store.save(SESSION)
    before = backend.entries()
    session_store.check_writable()
    assert len(backend.entries()) > 2 * len(before) - 1
    assert session_store.load() == SESSION
    session_store.delete_check()
    assert backend.entries() == before


def test_a_save_overwrites_what_check_writable_wrote(session_store: SessionStore, backend: SmallKeyring) -> None:
    session_store.save(SESSION)
    size = len(backend.entries())
    session_store.check_writable()
    session_store.save(SESSION)
    assert session_store.load() == SESSION
    assert len(backend.entries()) == size


def test_check_writable_fails_where_an_entry_is_too_large() -> None:
    with pytest.raises(KeyringError):
        _session_store(MemoryKeyring(limit=2 * ENTRY_UNITS - 2)).check_writable()


def test_check_writable_fails_where_nothing_is_stored() -> None:
    class Discarding(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            pass

    with pytest.raises(KeyringError, match="does not store"):
        _session_store(Discarding()).check_writable()


class Unconfirmed(MemoryKeyring):
    """Fails when the manifest is written, which may be stored, and from then on."""

    def __init__(self, *, is_stored: bool) -> None:
        super().__init__()
        self._is_stored = is_stored
        self._has_failed = False

    def get_password(self, service: str, username: str) -> str | None:
        if self._has_failed:
            raise PasswordSetError
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        if service == NAME:
            if self._is_stored:
                super().set_password(service, username, password)
            self._has_failed = True
            raise PasswordSetError
        super().set_password(service, username, password)


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_save_is_unconfirmed_where_the_manifest_cannot_be_read_back(is_stored: bool) -> None:  # noqa: FBT001 - a table's column
    session_store = _session_store(Unconfirmed(is_stored=is_stored))
    with pytest.raises(SaveUnconfirmedError):
        session_store.save(SESSION)
    assert len(session_store.digests) == 1


def test_a_revoked_session_is_none(backend: SmallKeyring) -> None:
    session_store = _session_store(backend)
    session_store.save(SESSION)
    revoked = SessionStore(
        KeyringStore(lambda: backend, username="awesome", timeout=5, note=print),
        NAME,
        is_revoked=session_store.digests.__contains__,
    )
    assert (revoked.load_user(), revoked.load()) == (None, None)
    session_store.save(replace(SESSION, access_token="another"))
    assert _session_store(backend).load_user() == SESSION.user


def test_a_delete_removes_what_check_writable_wrote(session_store: SessionStore, backend: SmallKeyring) -> None:
    session_store.check_writable()
    session_store.delete()
    assert backend.entries() == {}


def test_the_repr_of_a_session_has_no_tokens() -> None:
    assert "access" not in repr(SESSION).replace("access_token", "")


def _damage(backend: SmallKeyring, damage: Damage) -> None:
    entries = {service: secret for (service, _), secret in backend.entries().items()}
    damage(entries)
    for name in backend.names:
        backend.delete_password(name, "awesome")
    for name, secret in entries.items():
        backend.set_password(name, "awesome", secret)


def _change(entries: dict[str, str], **changes: Any) -> None:  # noqa: ANN401 - values of any type
    """Damage the manifest, and correct its checksum."""
    manifest = parse_json_object(entries[NAME])
    del manifest["checksum"]
    entries[NAME] = encode_manifest({**manifest, **changes})


def _card_with(entries: dict[str, str], **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    members = {**parse_json_object(entries[NAME])["card"], **changes}
    return {name: value for name, value in members.items() if value is not ...}


def _replace_chunks(entries: dict[str, str], text: str) -> None:
    """Replace the chunks, and correct the digest."""
    for name in set(entries) - {NAME}:
        del entries[name]
    chunks = split(text)
    entries.update({f"{NAME}:a:{number}": chunk for number, chunk in enumerate(chunks)})
    _change(entries, parts=len(chunks), digest=digest_of(chunks))
