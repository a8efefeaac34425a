"""PendingStore: a sign-in that waits, in entries of limited size, complete or not at all."""

from __future__ import annotations

import itertools
import json
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.errors import PasswordSetError

from awesome_cli.errors import KeyringError
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.keystore.plaintext_store import PlaintextFileStore
from awesome_cli.sessions.entries import digest_of
from awesome_cli.sessions.manifest import dump_json
from awesome_cli.sessions.pending import VERSION, PendingSignIn, PendingStore
from awesome_cli.sessions.store import split
from awesome_cli.testing.keyring import MemoryKeyring
from support.requirements import POSIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PENDING = PendingSignIn(
    issuer="https://provider.example/",
    client_id="awesome-demo",
    scope="openid",
    audience=None,
    provider_digest="digest",
    token_form={"grant_type": "device", "device_code": "code", "client_id": "awesome-demo"},
    user_code="WDJB-MJHT",
    verification_uri="https://provider.example/activate",
    verification_uri_complete=None,
    expires_at=1_800_000_900.0,
    interval=5.0,
    parameters={"max_age": "300"},
    settings={"audience": "https://api.example/"},
    plaintext=False,
)
NAME = "awesome-cli:work"
LIMIT = 2560  # bytes of UTF-16, as on Windows

Outcomes = dict[tuple[str, int], PendingSignIn | None]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
mappings = st.dictionaries(texts, texts, max_size=5)
pending_sign_ins = st.builds(
    PendingSignIn,
    issuer=texts,
    client_id=texts,
    scope=texts,
    audience=st.none() | texts,
    provider_digest=texts,
    token_form=st.builds(
        lambda code, more: {**more, "device_code": code}, st.text("aB9-._~", max_size=5_000), mappings
    ),
    user_code=texts,
    verification_uri=texts,
    verification_uri_complete=st.none() | texts,
    expires_at=st.floats(1, 1e11),
    interval=st.floats(0.01, 86400),
    parameters=mappings,
    settings=mappings,
    plaintext=st.booleans(),
)


class KilledError(BaseException):
    pass


class FragileKeyring(MemoryKeyring):
    """A keyring with Windows' size limit that counts its changes, refuses one, or dies before or after one."""

    def __init__(self) -> None:
        super().__init__(limit=LIMIT)
        self.changes = 0
        self.refuses: int | None = None
        self.dies: tuple[str, int] | None = None
        self.is_dead = False

    def get_password(self, service: str, username: str) -> str | None:
        self._require_life()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        with self._change():
            super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        with self._change():
            super().delete_password(service, username)

    @contextmanager
    def _change(self) -> Iterator[None]:
        self.changes += 1
        if self.refuses == self.changes:
            raise PasswordSetError
        self.is_dead = self.is_dead or self.dies == ("before", self.changes)
        self._require_life()
        yield
        self.is_dead = self.dies == ("after", self.changes)

    def _require_life(self) -> None:
        if self.is_dead:
            raise KilledError

    def revive(self) -> None:
        self.is_dead, self.dies = False, None

    @property
    def names(self) -> set[str]:
        return {service for service, _ in self.entries()}


@pytest.fixture
def backend() -> FragileKeyring:
    return FragileKeyring()


@pytest.fixture
def store(backend: FragileKeyring) -> PendingStore:
    return pending_store(backend)


def pending_store(backend: MemoryKeyring, name: str = NAME) -> PendingStore:
    return PendingStore(KeyringStore(lambda: backend, username="awesome", timeout=10, note=pytest.fail), name)


def with_code_of(length: int) -> PendingSignIn:
    return replace(PENDING, token_form={**PENDING.token_form, "device_code": "c" * length})


def entry(number: int) -> tuple[str, str]:
    return f"{NAME}:pending:{number}", "awesome"


def put(backend: MemoryKeyring, text: str) -> None:
    """Store text as the store does it."""
    parts = split(text)
    for number, chunk in enumerate(parts[1:], 1):
        backend.set_password(*entry(number), chunk)
    backend.set_password(*entry(0), f"{len(parts)}:{digest_of(parts)}:{parts[0]}")


def test_an_empty_keyring_has_no_sign_in(store: PendingStore, backend: FragileKeyring) -> None:
    assert store.load() is None
    store.delete()
    assert backend.changes == 0


@given(st.lists(pending_sign_ins, min_size=1, max_size=3))
def test_any_sign_in_can_replace_any_other_and_leaves_none_of_its_entries(kept: list[PendingSignIn]) -> None:
    backend = FragileKeyring()
    store = pending_store(backend)
    for pending in kept:
        store.save(pending)
        assert store.load() == pending
        count = int(backend.entries()[entry(0)].partition(":")[0])
        assert backend.names == {entry(number)[0] for number in range(count)}
    store.delete()
    assert backend.entries() == {}


@pytest.mark.parametrize("length", [1, 500, 700, 1_200, 1_900, 12_000])
def test_a_device_code_of_any_length_fits_into_entries_of_limited_size(
    store: PendingStore, backend: FragileKeyring, length: int
) -> None:
    store.save(with_code_of(length))
    assert len(backend.entries()) == -(-len(dump_json({"version": VERSION, **asdict(with_code_of(length))})) // 1200)
    assert store.load() == with_code_of(length)


def test_two_profiles_do_not_touch_each_other(store: PendingStore, backend: FragileKeyring) -> None:
    other = pending_store(backend, "awesome-cli:work2")
    store.save(with_code_of(5_000))
    other.save(PENDING)
    store.delete()
    assert other.load() == PENDING


def killed_at_every_change(prepare: Callable[[PendingStore], None], work: Callable[[PendingStore], None]) -> Outcomes:
    """Kill ``work`` around each of its changes, and return what each kill left, by moment."""
    outcomes: Outcomes = {}
    for moment in ("before", "after"):
        for number in itertools.count(1):
            backend = FragileKeyring()
            store = pending_store(backend)
            prepare(store)
            backend.dies = moment, backend.changes + number
            with suppress(KeyringError):
                work(store)
            if not backend.is_dead:
                break
            backend.revive()
            outcomes[moment, number] = store.load()
            store.delete()
            assert backend.entries() == {}
    return outcomes


@pytest.mark.parametrize("before", [None, 11, 3_001, 12_000])
@pytest.mark.parametrize("length", [10, 3_000])
def test_a_kill_around_any_change_leaves_a_complete_sign_in_or_none(length: int, before: int | None) -> None:
    def prepare(store: PendingStore) -> None:
        if before is not None:
            store.save(with_code_of(before))

    new = with_code_of(length)
    outcomes = killed_at_every_change(prepare, lambda store: store.save(new))
    last = max(number for _, number in outcomes)
    complete = [moment for moment, left in outcomes.items() if left == new]
    assert complete == [("after", last)]
    assert [left for left in outcomes.values() if left not in (None, new)] == [
        *([] if before is None else [with_code_of(before)])  # before the first deletion
    ]


@pytest.mark.parametrize("length", [10, 3_000, 12_000])
def test_a_kill_around_any_deletion_leaves_the_sign_in_or_none(length: int) -> None:
    kept = with_code_of(length)
    outcomes = killed_at_every_change(lambda store: store.save(kept), lambda store: store.delete())
    assert [moment for moment, left in outcomes.items() if left == kept] == [("before", 1)]


@pytest.mark.parametrize("length", [10, 3_000, 12_000])
def test_a_sign_in_that_cannot_be_stored_completely_is_deleted(length: int) -> None:
    for number in itertools.count(1):
        backend = FragileKeyring()
        backend.refuses = number
        try:
            pending_store(backend).save(with_code_of(length))
        except KeyringError:
            assert backend.entries() == {}
        else:
            assert number == len(backend.entries()) + 1
            return


def test_the_error_of_a_refused_write_is_raised_even_if_nothing_can_be_deleted(backend: FragileKeyring) -> None:
    backend.dies = "before", 2
    with pytest.raises(KeyringError, match="write to"):
        pending_store(backend).save(with_code_of(3_000))
    backend.revive()
    assert pending_store(backend).load() is None


DOCUMENT = {"version": VERSION, **asdict(PENDING)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "junk",
        "0::",
        f"0:{digest_of([])}:",
        "1:digest:{}",
        "9999:digest:{}",
        "99999:digest:{}",
        "-1:digest:{}",
        "٣:digest:{}",
        "\ud800:\ud800:\ud800",
    ],
)
def test_an_entry_that_cannot_be_parsed_counts_as_none_and_can_be_deleted(
    store: PendingStore, backend: FragileKeyring, text: str
) -> None:
    backend.set_password(*entry(0), text)
    assert store.load() is None
    store.delete()
    assert backend.entries() == {}
    backend.set_password(*entry(0), text)
    store.save(PENDING)
    assert store.load() == PENDING


ANYTHING: tuple[object, ...] = ("text", 7.5, 1e999, True, None, [], {"name": 1})
OPTIONAL, NUMBERS = {"audience", "verification_uri_complete"}, {"expires_at", "interval"}
MAPPINGS, SWITCHES = {"token_form", "parameters", "settings"}, {"plaintext"}


def is_valid(name: str, value: object) -> bool:
    kinds = {**dict.fromkeys(NUMBERS, float), **dict.fromkeys(MAPPINGS, tuple), **dict.fromkeys(SWITCHES, bool)}
    return (isinstance(value, kinds.get(name, str)) and value != 1e999) or (name in OPTIONAL and value is None)


OTHERS: dict[str, object] = {
    "no JSON": "{",
    "no object": [],
    "empty": {},
    "a later version": {**DOCUMENT, "version": VERSION + 1},
    "a member too many": {**DOCUMENT, "member": "of another version"},
    "a member too few": {name: value for name, value in DOCUMENT.items() if name != "interval"},
    "no device code": {**DOCUMENT, "token_form": {"grant_type": "device"}},
    **{
        f"{name}={value}": {**DOCUMENT, name: value}
        for name in asdict(PENDING)
        for value in ANYTHING
        if not is_valid(name, value)
    },
}


@pytest.mark.parametrize("document", OTHERS.values(), ids=OTHERS)
def test_a_document_of_another_kind_or_version_counts_as_none(
    store: PendingStore, backend: FragileKeyring, document: object
) -> None:
    put(backend, document if isinstance(document, str) else json.dumps(document))
    assert store.load() is None
    store.delete()
    assert backend.entries() == {}


def test_a_missing_or_changed_chunk_counts_as_none(store: PendingStore, backend: FragileKeyring) -> None:
    store.save(with_code_of(5_000))
    stored = backend.entries()
    for service, username in stored:
        backend.set_password(service, username, "changed")
        assert store.load() is None
        backend.delete_password(service, username)
        assert store.load() is None
        backend.set_password(service, username, stored[service, username])
        assert store.load() == with_code_of(5_000)


def test_a_keyring_that_answers_every_name_is_not_read_for_ever() -> None:
    class Oracle(MemoryKeyring):
        reads = 0

        def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - keyring's signature
            self.reads += 1
            return "9999:digest:{}"

    backend = Oracle()
    assert pending_store(backend).load() is None
    assert backend.reads <= 1000


@POSIX
def test_a_file_takes_the_place_of_a_keyring_and_is_removed_with_the_sign_in(tmp_path: Path) -> None:
    file = tmp_path / "insecure-session-work.pending"
    store = PendingStore(PlaintextFileStore(file, warn=pytest.fail), NAME)
    store.save(with_code_of(5_000))
    assert store.load() == with_code_of(5_000)
    assert file.stat().st_mode & 0o777 == 0o600
    store.delete()
    assert not file.exists()


def test_the_device_code_is_neither_in_the_repr_nor_in_the_digest() -> None:
    pending = replace(PENDING, token_form={"device_code": "secret-code", "code_verifier": "secret-verifier"})
    assert "secret" not in repr(pending)
    assert "secret" not in pending.digest
    assert pending.digest != PENDING.digest
    assert len(pending.digest) == 32


def test_braces_are_escaped_as_in_a_session(store: PendingStore, backend: FragileKeyring) -> None:
    """KeePassXC expands placeholders such as {USERNAME}."""
    pending = replace(PENDING, scope="openid {USERNAME}")
    store.save(pending)
    assert "{USERNAME}" not in "".join(backend.entries().values())
    assert store.load() == pending
