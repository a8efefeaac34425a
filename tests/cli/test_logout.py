"""Signing out: revocation at the provider if possible, deletion on this machine in any case."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
from keyring.errors import KeyringLocked

from awesome_cli.provider.client import REQUEST_TIMEOUT
from awesome_cli.sessions.replace_and_remove import REVOCATION_TIMEOUT
from awesome_cli.system.deferred_signals import defer_signals
from awesome_cli.system.environment import run_on_asyncio
from awesome_cli.testing.keyring import MemoryKeyring

if TYPE_CHECKING:
    from pathlib import Path

    from awesome_cli.testing.issuer import ProviderSimulator
    from support.terminal import Terminal


class LockedKeyring(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - keyring's signature
        raise KeyringLocked


def _revoked(issuer: ProviderSimulator) -> list[str]:
    return [request.form["token_type_hint"] for request in issuer.requests if request.path == "/revoke"]


def test_logout_revokes_both_tokens_and_deletes_the_session(terminal: Terminal, issuer: ProviderSimulator) -> None:
    terminal.login()
    assert terminal.run("logout") == 0
    assert terminal.err == "Signed out Juan (profile default).\n"
    assert _revoked(issuer) == ["refresh_token", "access_token"]
    assert terminal.keyring.entries() == {}
    assert json.loads((terminal.environment.state_dir / "sessions.json").read_text()) == {"profiles": {}}


def test_a_second_logout_succeeds_without_a_request(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("logout") == 0
    assert terminal.run("logout") == 0
    assert terminal.err == "You are not signed in (profile default).\n"
    assert terminal.requests == []


@pytest.mark.parametrize("damaged", ["awesome-cli:default", "awesome-cli:default:a:0"])
def test_logout_removes_a_session_that_cannot_be_read(terminal: Terminal, damaged: str) -> None:
    terminal.login()
    terminal.keyring.set_password(damaged, "awesome", "junk")
    assert terminal.run("token") == 4
    assert terminal.run("logout") == 0
    assert "removed without being revoked" in terminal.err
    assert terminal.keyring.entries() == {}


@pytest.mark.parametrize("damaged", ["awesome-cli:default", "awesome-cli:default:a:0"])
def test_login_replaces_a_session_that_cannot_be_read(terminal: Terminal, damaged: str) -> None:
    terminal.login()
    terminal.keyring.set_password(damaged, "awesome", "junk")
    assert terminal.run("token") == 4
    terminal.login()
    assert terminal.run("token") == 0


def test_logout_all_finds_the_profiles_of_the_config_file(terminal: Terminal) -> None:
    terminal.login()
    terminal.login("--profile", "work", "--client-id", "test-client")
    (terminal.environment.state_dir / "sessions.json").unlink()
    assert terminal.run("logout", "--all") == 0
    assert terminal.keyring.entries() == {}
    assert terminal.err.count("Signed out Juan") == 2


def test_logout_all_signs_out_all_sessions_despite_an_invalid_config_file(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    config = terminal.environment.config_dir / "config.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text("[")
    assert terminal.run("logout", "--all") == 3
    assert terminal.keyring.entries() == {}


@pytest.mark.parametrize("session_index", ["", "{", "[]", '{"profiles": []}', '{"profiles": {"../x": "y", "work": 3}}'])
def test_logout_all_treats_an_invalid_session_index_as_empty(terminal: Terminal, session_index: str) -> None:
    terminal.login()
    (terminal.environment.state_dir / "sessions.json").write_text(session_index)
    assert terminal.run("logout", "--all") == 0
    assert terminal.keyring.entries() == {}


def test_logout_all_continues_after_an_unconfirmed_revocation(terminal: Terminal, issuer: ProviderSimulator) -> None:
    terminal.login()
    terminal.login("--profile", "work")
    issuer.client_id = "another"
    assert terminal.run("logout", "--all") == 10
    assert all(f"You are signed out here (profile {name})" in terminal.err for name in ("default", "work"))
    assert terminal.keyring.entries() == {}


def test_logout_all_exits_with_a_keyring_error_rather_than_an_unconfirmed_revocation(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    terminal.login("--profile", "a")
    terminal.login("--profile", "b")
    issuer.client_id = "another"
    remove = terminal.keyring.delete_password

    def delete_password(service: str, username: str) -> None:
        if not service.startswith("awesome-cli:b"):
            remove(service, username)

    terminal.keyring.delete_password = delete_password  # type: ignore[method-assign]  # it does not delete the entries of b
    assert terminal.run("logout", "--all") == 9


def test_logout_of_a_session_without_a_refresh_token_succeeds(terminal: Terminal) -> None:
    terminal.login("--scope", "openid")
    assert terminal.run("logout") == 0


def test_logout_revokes_and_deletes_the_sessions_of_both_stores(terminal: Terminal, issuer: ProviderSimulator) -> None:
    """Both are there after a login that was killed between storing the new session and deleting the old one."""
    terminal.login("--insecure-storage")
    (file,) = terminal.environment.state_dir.glob("insecure-session-*")
    text = file.read_text()
    terminal.login("--force")
    assert not file.exists()
    file.write_text(text)
    issuer.requests.clear()
    assert terminal.run("logout") == 0
    assert _revoked(issuer) == ["refresh_token", "access_token"] * 2
    assert terminal.keyring.entries() == {}
    assert not file.exists()


def test_logout_deletes_the_plaintext_file_if_the_keyring_is_locked(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    terminal.login("--insecure-storage")
    terminal.set(keyring=LockedKeyring())
    assert terminal.run("logout") == 0
    assert "Warning: The keyring is locked." in terminal.err
    assert list(terminal.environment.state_dir.glob("*insecure*")) == []
    assert _revoked(issuer) == ["refresh_token", "access_token"]


def test_logout_empties_the_keyring_if_the_plaintext_file_cannot_be_removed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.login()
    file = terminal.environment.state_dir / "insecure-session-default.json"
    file.write_text("{}")

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("awesome_cli.keystore.plaintext_store.remove_private", refuse)
    assert terminal.run("logout") == 9
    assert terminal.keyring.entries() == {}


def test_logout_fails_if_the_keyring_is_locked(terminal: Terminal) -> None:
    terminal.set(keyring=LockedKeyring())
    assert terminal.run("logout") == 9
    assert terminal.err.startswith("Error: The keyring is locked.\n")


def test_logout_reads_the_keyring_before_it_takes_the_lock(terminal: Terminal) -> None:
    locked: list[bool] = []
    lock = terminal.environment.state_dir / "locks/profile-default.lock"

    class RecordingKeyring(MemoryKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            locked.append(lock.exists())
            return super().get_password(service, username)

    terminal.set(keyring=RecordingKeyring())
    assert terminal.run("logout") == 0
    assert locked[0] is False


FINISHING = "Finishing the sign-out: waiting for the provider, 45 s at most. Press Ctrl-C again to skip that."


def press_ctrl_c(terminal: Terminal, *, times: int, hangs: bool) -> None:
    """Press Ctrl-C during the revocation request for the refresh token; if ``hangs``, the provider never responds."""
    terminal.set(run=run_on_asyncio, defer_signals=defer_signals)

    async def answer(request: httpx.Request) -> httpx.Response:
        if b"refresh_token" in request.content:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        if hangs:
            await anyio.sleep_forever()
        return terminal.simulated(request)

    terminal.answer = answer


def test_the_revocation_timeout_covers_three_requests() -> None:
    assert REVOCATION_TIMEOUT == 3 * REQUEST_TIMEOUT


def test_ctrl_c_during_a_logout_reports_what_is_finished_first(terminal: Terminal, issuer: ProviderSimulator) -> None:
    terminal.login()
    press_ctrl_c(terminal, times=1, hangs=False)
    assert terminal.run("logout") == 130
    assert terminal.err.splitlines() == [FINISHING, "Signed out Juan (profile default).", "Interrupted."]
    assert _revoked(issuer) == ["refresh_token", "access_token"]
    assert terminal.keyring.entries() == {}


def test_a_second_ctrl_c_skips_the_revocation_and_empties_the_keyring(terminal: Terminal) -> None:
    terminal.login()
    press_ctrl_c(terminal, times=2, hangs=True)
    assert terminal.run("logout") == 10
    assert terminal.err.splitlines()[:2] == [
        FINISHING,
        "Error: You are signed out here (profile default), but the provider did not confirm the revocation.",
    ]
    assert terminal.keyring.entries() == {}
    assert len(terminal.requests) == 1


def test_an_interrupted_logout_reports_an_unconfirmed_revocation(terminal: Terminal, issuer: ProviderSimulator) -> None:
    terminal.login()
    press_ctrl_c(terminal, times=1, hangs=False)
    issuer.client_id = "another"
    assert terminal.run("logout") == 130
    assert "Warning: You are signed out here (profile default), but the provider did not confirm" in terminal.err
    assert terminal.keyring.entries() == {}


def test_a_skipped_revocation_is_not_started_for_the_other_store(terminal: Terminal) -> None:
    terminal.login("--insecure-storage")
    (file,) = terminal.environment.state_dir.glob("insecure-session-*")
    text = file.read_text()
    terminal.login("--force")
    file.write_text(text)
    press_ctrl_c(terminal, times=2, hangs=True)
    assert terminal.run("logout") == 10
    assert len(terminal.requests) == 1
    assert terminal.err.count(FINISHING) == 1
    assert terminal.keyring.entries() == {}
    assert not file.exists()
