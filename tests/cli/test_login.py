"""Signing in: what is kept, where, and what becomes of the session before."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from keyring.errors import KeyringLocked, NoKeyringError, PasswordSetError

from awesome_cli.keystore.plaintext_store import PlaintextFileStore
from awesome_cli.sessions.store import USUAL_CHUNKS
from awesome_cli.sessions.store_choice import SessionStores
from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.testing.hostile import Disconnect
from awesome_cli.testing.keyring import MemoryKeyring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from awesome_cli.testing.issuer import ProviderSimulator
    from support.terminal import Terminal, Time


REHEARSED = USUAL_CHUNKS + 1  # writes of the proof before a first login


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
    return terminal.environment.state_dir / "insecure-session-default.json"


def _asked_for_codes(terminal: Terminal) -> int:
    return terminal.paths.count("/device/code")


def _revoked(terminal: Terminal) -> int:
    return terminal.paths.count("/revoke")


def test_who_is_signed_in_is_told_so_and_asked_for_no_code(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("login") == 0
    assert terminal.err.startswith("You are already signed in as Juan")
    assert terminal.requests == []


def test_a_session_that_can_be_renewed_is_renewed_first(
    terminal: Terminal, time: Time, issuer: ProviderSimulator
) -> None:
    terminal.login()
    time.pass_by(4_000)
    assert terminal.run("login") == 0
    assert (issuer.refreshes, _asked_for_codes(terminal)) == (1, 0)


def test_a_session_that_ended_for_good_is_replaced(terminal: Terminal, time: Time) -> None:
    terminal.login("--scope", "openid")
    time.pass_by(4_000)
    assert terminal.run("login") == 0
    assert _asked_for_codes(terminal) == 1


def test_force_signs_in_anew_and_revokes_the_session_of_another_person(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    terminal.login()
    issuer.person = {**issuer.person, "sub": "demo|eve"}
    terminal.login("--force")
    assert (_asked_for_codes(terminal), _revoked(terminal)) == (1, 2)
    assert terminal.run("token") == 0


def test_force_leaves_a_session_that_renews_where_revocation_ends_the_whole_grant(
    terminal: Terminal, issuer: ProviderSimulator, time: Time
) -> None:
    issuer.revocation_deletes_grant = True
    terminal.login()
    terminal.login("--force")
    assert [request.form.get("token_type_hint") for request in issuer.requests[-1:]] == ["access_token"]
    assert "Only the old access token is revoked" in terminal.err
    time.pass_by(4_000)
    assert terminal.run("token") == 0
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


def test_another_audience_is_another_grant_and_the_session_before_is_revoked(terminal: Terminal) -> None:
    terminal.login()
    terminal.login("--force", "--audience", "https://other.example/")
    assert _revoked(terminal) == 2


def test_what_cannot_be_revoked_is_said_and_the_new_session_kept(terminal: Terminal) -> None:
    terminal.login()
    terminal.provider.always("/revoke", Disconnect())
    terminal.issuer.person = {**terminal.issuer.person, "sub": "demo|eve"}
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


@pytest.mark.parametrize("writes", [REHEARSED, REHEARSED + 1])
def test_tokens_that_cannot_be_kept_are_revoked(terminal: Terminal, writes: int, issuer: ProviderSimulator) -> None:
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
    ring = Tired(REHEARSED)
    ring._secrets.update(kept)  # noqa: SLF001 - as it was before it got tired
    terminal.set(keyring=ring)
    assert terminal.run("login", "--force") == 9
    assert ring.entries() == kept
    assert terminal.run("token") == 0


def test_an_interruption_that_was_held_back_does_not_revoke_what_is_kept(terminal: Terminal) -> None:
    @contextmanager
    def interrupted() -> Iterator[DeferredSignals]:
        yield DeferredSignals()
        if ("awesome-cli:default", "awesome") in terminal.keyring.entries():
            raise KeyboardInterrupt

    before, terminal.issuer.auto_approve = terminal.environment.defer_signals, True
    terminal.set(defer_signals=interrupted)
    assert terminal.run("login") == 130
    assert _revoked(terminal) == 0
    terminal.set(defer_signals=before)
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
    put = PlaintextFileStore.set

    def watched(entries: PlaintextFileStore, name: str, secret: str) -> None:
        put(entries, name, secret)
        written.extend(path.name for path in terminal.environment.state_dir.glob("insecure-*"))

    monkeypatch.setattr(PlaintextFileStore, "set", watched)
    terminal.login("--insecure-storage")
    proofs = written.index("insecure-session-default.json")
    assert set(written[:proofs]) == {"insecure-session-default.proof"}
    assert set(written[proofs:]) == {"insecure-session-default.json"}


def test_a_login_with_the_flag_empties_the_keyring(terminal: Terminal) -> None:
    terminal.login()
    terminal.login("--force", "--insecure-storage")
    assert terminal.keyring.entries() == {}
    assert _revoked(terminal) == 1


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_a_login_without_the_flag_moves_to_the_keyring(terminal: Terminal, options: tuple[str, ...]) -> None:
    terminal.login("--insecure-storage")
    terminal.login(*options)
    assert not _file(terminal).exists()
    assert terminal.run("token") == 0
    assert terminal.run("whoami", "--json") == 0
    assert terminal.json["store"] == "awesome_cli.testing.keyring.MemoryKeyring"


def test_a_plain_file_that_nobody_understands_is_not_signed_in_and_repaired(terminal: Terminal) -> None:
    terminal.login()
    _file(terminal).write_text("junk")
    assert terminal.run("say-hi") == 4
    terminal.login()
    assert terminal.run("say-hi") == 0
    assert not _file(terminal).exists()


def test_trouble_with_the_lock_is_found_out_before_anybody_is_bothered(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    issuer.auto_approve = True
    for folder in terminal.environment.account_dirs:
        folder.write_text("in the way")
    assert terminal.run("login") == 7
    assert terminal.paths == []


def test_trouble_with_the_lock_after_the_approval_revokes_the_tokens(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    def approve(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            for folder in terminal.environment.account_dirs:
                shutil.rmtree(folder, ignore_errors=True)
                folder.write_text("in the way")
        return terminal.simulated(request)

    issuer.auto_approve = True
    terminal.answer = approve
    assert terminal.run("login") == 7
    assert _revoked(terminal) == 2
    assert terminal.keyring.entries() == {}


class Absent(MemoryKeyring):
    """There is no keyring on this system."""

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - keyring's signature
        raise NoKeyringError

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002
        raise NoKeyringError

    def delete_password(self, service: str, username: str) -> None:  # noqa: ARG002
        raise NoKeyringError


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 9), ("", 9), ("n\n", 9)])
def test_without_a_keyring_a_person_is_offered_the_plain_file(
    terminal: Terminal, issuer: ProviderSimulator, answer: str, code: int
) -> None:
    terminal.set(keyring=Absent())
    terminal.interactive, issuer.auto_approve = True, True
    assert terminal.run("login", stdin=answer) == code
    assert "[y/N]" in terminal.err
    assert _file(terminal).exists() is (code == 0)
    if code == 0:
        assert "plain text" in terminal.err


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_a_keyring_a_program_is_not_asked(terminal: Terminal, options: tuple[str, ...]) -> None:
    terminal.set(keyring=Absent())
    terminal.interactive = bool(options)
    assert terminal.run("login", *options, stdin="y\n") == 9
    assert "[y/N]" not in terminal.err
    assert terminal.paths == []


def test_a_keyring_that_is_locked_is_not_answered_with_an_offer_of_plain_text(terminal: Terminal) -> None:
    terminal.set(keyring=Locked())
    terminal.interactive = True
    assert terminal.run("login", stdin="y\n") == 9
    assert "[y/N]" not in terminal.err


def test_a_second_logout_without_a_keyring_is_done(terminal: Terminal) -> None:
    terminal.set(keyring=Absent())
    terminal.login("--insecure-storage")
    assert terminal.run("logout") == 0
    assert terminal.run("logout") == 0
    assert "You are not signed in" in terminal.err
    assert "Warning: No keyring is available" in terminal.err


def test_a_logout_without_the_keyring_that_holds_a_session_is_refused(terminal: Terminal) -> None:
    terminal.login()
    terminal.set(keyring=Absent())
    assert terminal.run("logout") == 9


def test_a_logout_removes_what_a_killed_proof_of_the_plain_file_left(terminal: Terminal) -> None:
    terminal.login()
    left = terminal.environment.state_dir / "insecure-session-default.proof"
    left.write_text('{"awesome-cli:default:a:0": "0123"}')
    assert terminal.run("logout") == 0
    assert not left.exists()


def test_a_profile_that_changes_hands_while_its_lock_is_waited_for_is_not_touched(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = iter(range(100))
    monkeypatch.setattr(SessionStores, "owners", lambda _: {(f"https://{next(owners)}.example/", "client")})
    assert terminal.run("login") == 7
    assert "all the time" in terminal.err


def test_all_that_are_known_to_be_signed_in_are_signed_out_though_the_keyring_is_locked(terminal: Terminal) -> None:
    terminal.set(keyring=Locked())
    terminal.login("--insecure-storage", "--profile", "work")
    assert terminal.run("logout", "--all") == 0
    assert "Warning: default: The keyring is locked." in terminal.err
    assert "Signed out Juan (profile work)." in terminal.err
