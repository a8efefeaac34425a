"""Sessions that earlier versions stored can still be read: entry names, manifest and chunks as literal text."""

from __future__ import annotations

import pytest

from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.sessions.manifest import decode_manifest, manifest_name
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.store import SessionStore
from awesome_cli.sessions.user import User
from awesome_cli.testing.keyring import MemoryKeyring

SESSION = Session(
    user=User(
        issuer="https://provider.example/",
        client_id="awesome-demo",
        sub="demo|juan",
        name="Juan {Ñ}",
        email="juan@example.com",
        scope="openid profile email offline_access",
        audience=None,
        signed_in_at=1_800_000_000.0,
        expires_at=1_800_003_600.5,
        refreshable=True,
    ),
    access_token="access.token",
    refresh_token="refresh-token",
    id_token="header.claims.signature",
    provider_digest="0123456789abcdef",
)
ENTRIES = {
    "awesome-cli:work": (
        '{"version":1,"card":{"issuer":"https://provider.example/","client_id":"awesome-demo","sub":"demo|juan",'
        '"name":"Juan \\u007bÑ\\u007d","email":"juan@example.com","scope":"openid profile email offline_access",'
        '"audience":null,"signed_in_at":1800000000.0,"expires_at":1800003600.5,"refreshable":true},"generation":"a",'
        '"overflow":0,"overflow_digest":"e3b0c44298fc1c149afbf4c8996fb924","parts":1,'
        '"digest":"341c97c8cbf911b117c91c3ea35a9988","checksum":1444303501}'
    ),
    "awesome-cli:work:a:0": (
        '{"access_token":"access.token","refresh_token":"refresh-token","id_token":"header.claims.signature",'
        '"provider_digest":"0123456789abcdef"}'
    ),
}

LONG_SCOPE, LONG_AUDIENCE = "s" * 600, "https://api.example/" + "a" * 500
SESSION_WITH_OVERFLOW = Session(
    user=User(
        issuer="https://provider.example/",
        client_id="awesome-demo",
        sub="demo|juan",
        name="🦊🦊🦊🦊",
        email="juan@example.com",
        scope=LONG_SCOPE,
        audience=LONG_AUDIENCE,
        signed_in_at=1_800_000_000.0,
        expires_at=1_800_003_600.5,
        refreshable=True,
    ),
    access_token="access.token",
    refresh_token=None,
    id_token="header.claims.signature",
    provider_digest="0123456789abcdef",
)
ENTRIES_WITH_OVERFLOW = {
    "awesome-cli:work": (
        '{"version":1,"card":{"issuer":"https://provider.example/","client_id":"awesome-demo","sub":"demo|juan",'
        f'"name":"🦊🦊🦊🦊","email":"juan@example.com","audience":"{LONG_AUDIENCE}","signed_in_at":1800000000.0,'
        '"expires_at":1800003600.5,"refreshable":true},"generation":"a","overflow":1,'
        '"overflow_digest":"929c09ee01d5803437d7fc7be4786d10","parts":2,"digest":"286312f267411594ef5c9c8448e4600a",'
        '"checksum":3259655846}'
    ),
    "awesome-cli:work:a:0": f'{{"scope":"{LONG_SCOPE}"}}',
    "awesome-cli:work:a:1": (
        '{"access_token":"access.token","refresh_token":null,"id_token":"header.claims.signature",'
        '"provider_digest":"0123456789abcdef"}'
    ),
}
CASES = pytest.mark.parametrize(
    ("session", "entries"),
    [(SESSION, ENTRIES), (SESSION_WITH_OVERFLOW, ENTRIES_WITH_OVERFLOW)],
    ids=["plain", "with overflow"],
)


def session_store(backend: MemoryKeyring) -> SessionStore:
    secrets = KeyringStore(lambda: backend, username="awesome", timeout=10, note=pytest.fail)
    return SessionStore(secrets, manifest_name("awesome-cli", "work"))


@CASES
def test_a_stored_session_is_read(session: Session, entries: dict[str, str]) -> None:
    backend = MemoryKeyring()
    for name, text in entries.items():
        backend.set_password(name, "awesome", text)
    assert session_store(backend).load() == session
    assert session_store(backend).load_user() == session.user


@CASES
def test_a_session_is_stored_as_before(session: Session, entries: dict[str, str]) -> None:
    backend = MemoryKeyring()
    session_store(backend).save(session)
    assert {name: text for (name, _), text in backend.entries().items()} == entries


def test_the_manifest_alone_names_the_user_where_there_is_no_overflow() -> None:
    manifest = decode_manifest(ENTRIES["awesome-cli:work"])
    assert manifest is not None
    assert User(**manifest["card"]) == SESSION.user
    assert manifest["overflow"] == 0
