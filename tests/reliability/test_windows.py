"""keyring's Windows backend: 2,560 bytes an entry, and a name that is moved when two users share it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from awesome_cli.testing.issuer import ProviderSimulator
from support.process import Program

GENEROUS_TTL = ("token", "--min-ttl", "100000")  # more than a token lives, so that every call renews
COPY = "awesome@awesome-cli:default"
SIZES = (10_000, 10, 6_000, 0, 9_000, 1_000)  # characters


@pytest.fixture
def windows(program: Program) -> Program:
    program.environ["PYTHON_KEYRING_BACKEND"] = "support.keyrings.windows.WinVaultKeyring"
    program.environ["AWESOME_AUDIENCE"] = "https://api.example.com/" + "a" * 9_000
    return program


def test_a_session_of_more_than_20_kb_grows_and_shrinks_and_leaves_nothing_behind(
    windows: Program, issuer: ProviderSimulator
) -> None:
    issuer.person = {**issuer.person, "nickname": "j" * 9_000}
    assert windows.run("login").code == 0
    assert sum(map(len, _locker(windows).values())) > 20_000
    for size in SIZES:
        issuer.person = {**issuer.person, "nickname": "j" * size}
        end = windows.run(*GENEROUS_TTL)
        assert (end.code, end.err) == (0, "")
        _check_that_nothing_is_orphaned(windows)
    assert (issuer.refreshes, issuer.reuses) == (len(SIZES), 0)
    assert windows.run("say-hi").out == "Welcome Juan!\n"
    assert windows.run("logout").code == 0
    assert _locker(windows) == {}


def test_names_of_astral_characters_fit_and_so_does_what_overflows_the_card(
    windows: Program, issuer: ProviderSimulator
) -> None:
    fox = "🦊" * 256
    issuer.person = {**issuer.person, "name": fox, "email": "📮" * 256}
    assert windows.run("login").code == 0
    assert windows.run("say-hi", PYTHONUTF8="1").out == f"Welcome {fox}!\n"
    whoami = json.loads(windows.run("whoami", "--json").out)
    assert (whoami["name"], whoami["email"]) == (fox, "📮" * 256)
    _check_that_nothing_is_orphaned(windows)
    assert windows.run("logout").code == 0
    assert _locker(windows) == {}


def test_the_backend_keeps_a_copy_of_the_card_alone_and_a_logout_removes_it(windows: Program) -> None:
    """It moves what it overwrites aside, to ``USER@NAME``; only the card is ever overwritten, and holds no token."""
    for _ in range(3):
        assert windows.run("login", "--force").code == 0
    assert [name for name in _locker(windows) if "@" in name] == [COPY]
    token = windows.run("token").out.strip()
    assert token[:20] not in _locker(windows)[COPY]
    assert windows.run("logout").code == 0
    assert _locker(windows) == {}
    assert windows.run("say-hi").code == 4


def test_what_another_user_name_left_under_our_name_is_moved_aside_and_not_touched(windows: Program) -> None:
    """Such as a person who once typed ``keyring set awesome-cli:default somebody``."""
    foreign = {"TargetName": "awesome-cli:default", "UserName": "somebody", "CredentialBlob": "theirs"}
    folder = windows.home / "keyring"
    (folder / "awesome-cli%3Adefault.json").write_text(json.dumps(foreign), "utf-8")
    assert windows.run("say-hi").code == 4
    assert windows.run("login").code == 0
    assert windows.run("say-hi").code == 0
    assert windows.run("logout").code == 0
    assert _locker(windows) == {"somebody@awesome-cli:default": "theirs"}


def _check_that_nothing_is_orphaned(windows: Program) -> None:
    entries = _locker(windows)
    assert max(len(blob.encode("utf-16-le")) for blob in entries.values()) <= 2560
    manifest = json.loads(entries["awesome-cli:default"])
    chunks = {f"awesome-cli:default:{manifest['generation']}:{number}" for number in range(manifest["parts"])}
    assert set(entries) - {COPY} == {"awesome-cli:default", *chunks}


def _locker(windows: Program) -> dict[str, str]:
    files: list[Path] = list((windows.home / "keyring").glob("*.json"))
    return {unquote(file.stem): json.loads(file.read_text("utf-8"))["CredentialBlob"] for file in files}
