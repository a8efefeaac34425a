"""Signing in: what is kept, where, and what becomes of the session before."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from keyring.errors import KeyringLocked, PasswordSetError

from awesome_cli.demo.keyring import MemoryKeyring
from awesome_cli.stores import FileEntries
from awesome_cli.world import Held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from awesome_cli.demo.issuer import Issuer
    from rigs.terminal import Terminal, Time


class Locked(MemoryKeyring):
    """Cannot be used."""

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - keyring's signature
        raise KeyringLocked

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002
        raise KeyringLocked


class Tired(MemoryKeyring):
    """Keeps as many entries as it is told, and refuses from then on."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self._writes = writes

    def set_password(self, service: str, username: str, password: str) -> None:
        self._writes -= 1
        if self._writes < 0:
            raise PasswordSetError
        super().set_password(service, username, password)


def _file(terminal: Terminal) -> Path:
    return terminal.world.state_dir / "insecure-session-default.json"


def _asked_for_codes(terminal: Terminal) -> int:
    return terminal.paths.count("/device/code")


def _revoked(terminal: Terminal) -> int:
    return terminal.paths.count("/revoke")


def test_who_is_signed_in_is_told_so_and_asked_for_no_code(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("login") == 0
    assert terminal.err.startswith("You are already signed in as Juan")
    assert terminal.requests == []


def test_a_session_that_can_be_renewed_is_renewed_first(terminal: Terminal, time: Time, issuer: Issuer) -> None:
    terminal.login()
    time.pass_by(4_000)
    assert terminal.run("login") == 0
    assert (issuer.refreshes, _asked_for_codes(terminal)) == (1, 0)


def test_a_session_that_ended_for_good_is_replaced(terminal: Terminal, time: Time) -> None:
    terminal.login("--scope", "openid")
    time.pass_by(4_000)
    assert terminal.run("login") == 0
    assert _asked_for_codes(terminal) == 1


def test_force_signs_in_anew_and_revokes_what_it_replaces(terminal: Terminal) -> None:
    terminal.login()
    terminal.login("--force")
    assert (_asked_for_codes(terminal), _revoked(terminal)) == (1, 2)
    assert terminal.run("token") == 0


def test_what_cannot_be_revoked_is_said_and_the_new_session_kept(terminal: Terminal) -> None:
    terminal.login()
    ask = terminal.answer

    def without_revocation(request: object) -> object:
        if "/revoke" in str(getattr(request, "url", "")):
            raise ConnectionError
        return ask(request)  # type: ignore[arg-type]  # handed on as it came

    terminal.answer = without_revocation  # type: ignore[assignment]  # the same
    assert terminal.run("login", "--force") == 0
    assert "could not be revoked" in terminal.err


def test_another_scope_for_who_is_signed_in_takes_force(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("login", "--scope", "openid") == 0
    assert "--force" in terminal.err
    assert terminal.run("login") == 0
    assert "--force" not in terminal.err


def test_a_keyring_that_cannot_be_used_is_found_out_before_anybody_is_bothered(terminal: Terminal) -> None:
    terminal.set(keyring=Locked())
    assert terminal.run("login") == 9
    assert terminal.requests == []


def test_so_it_is_for_programs(terminal: Terminal) -> None:
    terminal.set(keyring=Locked())
    assert terminal.run("login", "--json") == 9
    (event,) = terminal.events
    assert (event["event"], event["error"]) == ("failed", "keyring")


@pytest.mark.parametrize("writes", [1, 2])
def test_tokens_that_cannot_be_kept_are_revoked(terminal: Terminal, writes: int, issuer: Issuer) -> None:
    ring = Tired(writes)
    terminal.set(keyring=ring)
    issuer.auto_approve = True
    assert terminal.run("login") == 9
    assert "its tokens are revoked" in terminal.err
    assert _revoked(terminal) == 2
    assert ring.entries() == {}


def test_the_session_before_survives_a_login_that_cannot_be_kept(terminal: Terminal) -> None:
    terminal.login()
    kept = terminal.keyring.entries()
    ring = Tired(1)
    ring._secrets.update(kept)  # noqa: SLF001 - as it was before it got tired
    terminal.set(keyring=ring)
    assert terminal.run("login", "--force") == 9
    assert ring.entries() == kept
    assert terminal.run("token") == 0


def test_an_interruption_that_was_held_back_does_not_revoke_what_is_kept(terminal: Terminal) -> None:
    @contextmanager
    def interrupted() -> Iterator[Held]:
        yield Held()
        if ("awesome-cli:default", "awesome") in terminal.keyring.entries():
            raise KeyboardInterrupt

    before, terminal.issuer.auto_approve = terminal.world.hold_signals, True
    terminal.set(hold_signals=interrupted)
    assert terminal.run("login") == 130
    assert _revoked(terminal) == 0
    terminal.set(hold_signals=before)
    assert terminal.run("token") == 0


def test_the_plain_file_serves_where_no_keyring_does_and_is_said_loudly(terminal: Terminal) -> None:
    terminal.set(keyring=Locked())
    terminal.login("--insecure-storage")
    assert "plain text" in terminal.err
    assert terminal.run("token") == 0
    assert terminal.run("whoami") == 0
    assert str(_file(terminal)) in terminal.out


def test_while_the_plain_file_is_proved_the_keyring_stays_the_store(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    put = FileEntries.put

    def watched(entries: FileEntries, name: str, secret: str) -> None:
        put(entries, name, secret)
        written.extend(path.name for path in terminal.world.state_dir.glob("insecure-*"))

    monkeypatch.setattr(FileEntries, "put", watched)
    terminal.login("--insecure-storage")
    assert written[0] == "insecure-session-default.proof"
    assert "insecure-session-default.proof" not in written[1:]


def test_a_login_with_the_flag_empties_the_keyring(terminal: Terminal) -> None:
    terminal.login()
    terminal.login("--force", "--insecure-storage")
    assert terminal.keyring.entries() == {}
    assert _revoked(terminal) == 2


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_a_login_without_the_flag_moves_to_the_keyring(terminal: Terminal, options: tuple[str, ...]) -> None:
    terminal.login("--insecure-storage")
    terminal.login(*options)
    assert not _file(terminal).exists()
    assert terminal.run("token") == 0
    assert terminal.run("whoami", "--json") == 0
    assert terminal.json["store"] == "awesome_cli.demo.keyring.MemoryKeyring"


def test_a_plain_file_that_nobody_understands_is_not_signed_in_and_repaired(terminal: Terminal) -> None:
    terminal.login()
    _file(terminal).write_text("junk")
    assert terminal.run("say-hi") == 4
    terminal.login()
    assert terminal.run("say-hi") == 0
    assert not _file(terminal).exists()


def test_trouble_with_the_lock_is_found_out_before_anybody_is_bothered(terminal: Terminal, issuer: Issuer) -> None:
    issuer.auto_approve = True
    terminal.world.state_dir.write_text("in the way")
    terminal.world.temp_dir.write_text("in the way")
    assert terminal.run("login") == 7
    assert terminal.paths == []


def test_trouble_with_the_lock_after_the_approval_revokes_the_tokens(terminal: Terminal, issuer: Issuer) -> None:
    def approve(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            shutil.rmtree(terminal.world.state_dir)
            for folder in (terminal.world.state_dir, terminal.world.temp_dir):
                folder.write_text("in the way")
        return terminal.honest(request)

    issuer.auto_approve = True
    terminal.answer = approve
    assert terminal.run("login") == 7
    assert _revoked(terminal) == 2
    assert terminal.keyring.entries() == {}
