"""keyring's Windows backend: entries of 2,560 bytes, and targets that are renamed if two user names share one."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from awesome_cli.testing.issuer import ProviderSimulator
from support.process import Program

REFRESH = ("token", "--min-ttl", "100000")  # more than the lifetime of a token
COPY = "awesome@awesome-cli:default"
SIZES = (10_000, 10, 6_000, 0, 9_000, 1_000)  # characters


@pytest.fixture
def windows(program: Program) -> Program:
    program.environ["PYTHON_KEYRING_BACKEND"] = "support.keyrings.windows.WinVaultKeyring"
    program.environ["AWESOME_AUDIENCE"] = "https://api.example.com/" + "a" * 9_000
    return program


def test_a_session_of_more_than_20_kb_can_grow_and_shrink_without_orphaned_entries(
    windows: Program, issuer: ProviderSimulator
) -> None:
    issuer.person = {**issuer.person, "nickname": "j" * 9_000}
    assert windows.run("login").code == 0
    assert sum(map(len, _locker(windows).values())) > 20_000
    for size in SIZES:
        issuer.person = {**issuer.person, "nickname": "j" * size}
        end = windows.run(*REFRESH)
        assert (end.code, end.err) == (0, "")
        _check_that_nothing_is_orphaned(windows)
    assert (issuer.refreshes, issuer.reuses) == (len(SIZES), 0)
    assert windows.run("say-hi").out == "Welcome Juan!\n"
    assert windows.run("logout").code == 0
    assert _locker(windows) == {}


def test_names_of_astral_characters_are_stored_also_if_they_exceed_the_manifest(
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


def test_the_backend_copies_only_the_manifest_and_a_logout_removes_the_copy(windows: Program) -> None:
    """It copies what it overwrites to ``USER@NAME``; only the manifest is ever overwritten, and contains no token."""
    for _ in range(3):
        assert windows.run("login", "--force").code == 0
    assert [name for name in _locker(windows) if "@" in name] == [COPY]
    token = windows.run("token").out.strip()
    assert token[:20] not in _locker(windows)[COPY]
    assert windows.run("logout").code == 0
    assert _locker(windows) == {}
    assert windows.run("say-hi").code == 4


def test_an_entry_of_another_user_name_under_the_same_name_is_kept(windows: Program) -> None:
    """As after ``keyring set awesome-cli:default somebody``."""
    foreign = {"TargetName": "awesome-cli:default", "UserName": "somebody", "CredentialBlob": "foreign"}
    folder = windows.home / "keyring"
    (folder / "awesome-cli%3Adefault.json").write_text(json.dumps(foreign), "utf-8")
    assert windows.run("say-hi").code == 4
    assert windows.run("login").code == 0
    assert windows.run("say-hi").code == 0
    assert windows.run("logout").code == 0
    assert _locker(windows) == {"somebody@awesome-cli:default": "foreign"}


def _check_that_nothing_is_orphaned(windows: Program) -> None:
    entries = _locker(windows)
    assert max(len(blob.encode("utf-16-le")) for blob in entries.values()) <= 2560
    manifest = json.loads(entries["awesome-cli:default"])
    chunks = {f"awesome-cli:default:{manifest['generation']}:{number}" for number in range(manifest["parts"])}
    assert set(entries) - {COPY} == {"awesome-cli:default", *chunks}


def _locker(windows: Program) -> dict[str, str]:
    files: list[Path] = list((windows.home / "keyring").glob("*.json"))
    return {unquote(file.stem): json.loads(file.read_text("utf-8"))["CredentialBlob"] for file in files}
