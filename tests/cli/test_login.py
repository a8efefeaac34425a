"""Signing in: what is stored, where, and what happens to the previous session."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from keyring.errors import KeyringLocked, NoKeyringError, PasswordSetError

from awesome_cli.keystore.plaintext_store import PlaintextFileStore
from awesome_cli.sessions.store import USUAL_CHUNKS
from awesome_cli.sessions.store_choice import StoreChoice
from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.testing.hostile import Disconnect, Respond
from awesome_cli.testing.keyring import MemoryKeyring
from support.terminal import account_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from awesome_cli.testing.issuer import ProviderSimulator
    from awesome_cli.testing.time import VirtualTime
    from support.terminal import Terminal


CHECK_WRITES = USUAL_CHUNKS + 1  # writes of the check before a first login


class LockedKeyring(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - keyring's signature
        raise KeyringLocked

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002
        raise KeyringLocked


class LimitedKeyring(MemoryKeyring):
    """Accepts a number of writes and refuses all later ones."""

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


def _device_code_requests(terminal: Terminal) -> int:
    return terminal.paths.count("/device/code")


def _revocation_requests(terminal: Terminal) -> int:
    return terminal.paths.count("/revoke")


def test_login_while_signed_in_sends_no_request(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("login") == 0
    assert "You are already signed in as Juan" in terminal.err
    assert terminal.requests == []


def test_login_renews_an_expired_session_instead_of_requesting_a_code(
    terminal: Terminal, time: VirtualTime, issuer: ProviderSimulator
) -> None:
    terminal.login()
    time.pass_by(4_000)
    assert terminal.run("login") == 0
    assert (issuer.refreshes, _device_code_requests(terminal)) == (1, 0)


def test_login_replaces_an_expired_session_without_a_refresh_token(terminal: Terminal, time: VirtualTime) -> None:
    terminal.login("--scope", "openid")
    time.pass_by(4_000)
    assert terminal.run("login") == 0
    assert _device_code_requests(terminal) == 1


def test_login_force_revokes_the_session_of_another_user(terminal: Terminal, issuer: ProviderSimulator) -> None:
    terminal.login()
    issuer.person = {**issuer.person, "sub": "demo|eve"}
    terminal.login("--force")
    assert (_device_code_requests(terminal), _revocation_requests(terminal)) == (1, 2)
    assert terminal.run("token") == 0


def test_login_force_revokes_only_the_access_token_if_revocation_ends_the_whole_grant(
    terminal: Terminal, issuer: ProviderSimulator, time: VirtualTime
) -> None:
    issuer.revocation_deletes_grant = True
    terminal.login()
    terminal.login("--force")
    assert [request.form.get("token_type_hint") for request in issuer.requests[-1:]] == ["access_token"]
    assert "Only the old access token is revoked" in terminal.err
    time.pass_by(4_000)
    assert terminal.run("token") == 0
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


def test_login_force_for_another_audience_revokes_the_previous_session(terminal: Terminal) -> None:
    terminal.login()
    terminal.login("--force", "--audience", "https://other.example/")
    assert _revocation_requests(terminal) == 2


def test_login_force_warns_if_the_previous_session_cannot_be_revoked(terminal: Terminal) -> None:
    terminal.login()
    terminal.provider.always("/revoke", Disconnect())
    terminal.issuer.person = {**terminal.issuer.person, "sub": "demo|eve"}
    assert terminal.run("login", "--force") == 0
    assert "could not be revoked" in terminal.err


@pytest.mark.parametrize(
    ("flags", "is_new"),
    [
        (("--scope", "openid"), True),
        (("--scope", "email profile offline_access"), False),  # the same scopes: openid is always among them
        (("--scope", "openid email profile offline_access api"), True),
        (("--audience", "https://api.example/"), True),
        (("--audience", ""), False),
        ((), False),
    ],
)
def test_flags_that_name_another_scope_or_audience_sign_in_anew(
    flags: tuple[str, ...],
    is_new: bool,  # noqa: FBT001 - a column of the table
    terminal: Terminal,
) -> None:
    terminal.login()
    assert terminal.run("login", *flags) == 0
    assert _device_code_requests(terminal) == is_new
    assert ("This replaces the session of Juan at provider.example" in terminal.err) == is_new
    assert ("You are already signed in" in terminal.err) != is_new


def test_a_session_that_does_not_know_its_requested_scope_counts_as_made_with_it(terminal: Terminal) -> None:
    terminal.login()
    account = account_of(terminal)
    session = account.load()
    account.stores.keyring.save(replace(session, user=session.user._replace(requested_scope=None)))
    assert terminal.run("login", "--scope", "openid") == 0
    assert _device_code_requests(terminal) == 0


def test_flags_of_a_login_that_did_not_happen_are_not_saved(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("login", "--issuer", terminal.issuer.url, "--client-id", terminal.issuer.client_id) == 0
    terminal.provider.at("/token", Respond(403, {"error": "access_denied"}))
    assert terminal.run("login", "--audience", "https://api.example/") == 5
    assert not (terminal.environment.config_dir / "config.toml").exists()
    assert terminal.run("login", "--audience", "https://api.example/") == 0
    assert "https://api.example/" in (terminal.environment.config_dir / "config.toml").read_text("utf-8")


def test_a_replaced_session_is_announced_with_the_way_to_keep_both(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("-q", "login", "--force") == 0
    announcement = terminal.err.splitlines()[0]
    assert announcement == (
        "This replaces the session of Juan at provider.example (profile default). To keep both, give the new one a"
        " profile: awesome login --profile NAME"
    )


def test_a_session_that_has_ended_is_replaced_without_a_word(terminal: Terminal, time: VirtualTime) -> None:
    terminal.login("--scope", "openid")
    time.pass_by(4_000)
    assert terminal.run("login") == 0
    assert "replaces" not in terminal.err


@pytest.mark.parametrize("setting", ["scope", "audience"])
def test_settings_that_the_session_was_not_made_with_are_reported(terminal: Terminal, setting: str) -> None:
    terminal.login()
    other = {"scope": "openid api", "audience": "https://api.example/"}[setting]
    had = {"scope": "openid profile email offline_access", "audience": "none"}[setting]
    variable = f"AWESOME_{setting.upper()}"
    difference = f"The {setting} is set to {other} ({variable}), but this session was made with {had}."
    for argv in (["whoami"], ["profiles", "show", "default"], ["login"]):
        assert terminal.run(*argv, **{variable: other}) == 0
        assert f"Warning: {difference}\n" in terminal.err
        assert terminal.run(*argv) == 0
        assert "Warning" not in terminal.err
    assert terminal.run("doctor", **{variable: other}) == 0
    assert f"session: {difference}\n    To use the settings: awesome login --force\n" in terminal.out


def test_login_says_that_an_access_token_is_given(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    assert terminal.run("login", AWESOME_ACCESS_TOKEN="given") == 0
    assert terminal.err.startswith("AWESOME_ACCESS_TOKEN is set: token and api use it in place of the session.\n")


def test_an_unusable_keyring_is_reported_before_a_code_is_requested(terminal: Terminal) -> None:
    terminal.set(keyring=LockedKeyring())
    assert terminal.run("login") == 9
    assert terminal.requests == []


def test_login_json_reports_an_unusable_keyring_as_a_failed_event(terminal: Terminal) -> None:
    terminal.set(keyring=LockedKeyring())
    assert terminal.run("login", "--json") == 9
    (event,) = terminal.events
    assert (event["event"], event["error"]) == ("failed", "keyring")


@pytest.mark.parametrize("writes", [CHECK_WRITES, CHECK_WRITES + 1])
def test_tokens_that_cannot_be_stored_are_revoked(terminal: Terminal, writes: int, issuer: ProviderSimulator) -> None:
    keyring = LimitedKeyring(writes)
    terminal.set(keyring=keyring)
    issuer.auto_approve = True
    assert terminal.run("login") == 9
    assert "its tokens are revoked" in terminal.err
    assert _revocation_requests(terminal) == 2
    assert keyring.entries() == {}


def test_a_login_that_cannot_be_stored_keeps_the_previous_session(terminal: Terminal) -> None:
    terminal.login()
    stored = terminal.keyring.entries()
    keyring = LimitedKeyring(CHECK_WRITES)
    keyring._secrets.update(stored)  # noqa: SLF001 - without using up its writes
    terminal.set(keyring=keyring)
    assert terminal.run("login", "--force") == 9
    assert keyring.entries() == stored
    assert terminal.run("token") == 0


def test_a_deferred_interruption_does_not_revoke_a_stored_session(terminal: Terminal) -> None:
    @contextmanager
    def interrupted() -> Iterator[DeferredSignals]:
        yield DeferredSignals()
        if ("awesome-cli:default", "awesome") in terminal.keyring.entries():
            raise KeyboardInterrupt

    before, terminal.issuer.auto_approve = terminal.environment.defer_signals, True
    terminal.set(defer_signals=interrupted)
    assert terminal.run("login") == 130
    assert _revocation_requests(terminal) == 0
    terminal.set(defer_signals=before)
    assert terminal.run("token") == 0


def test_insecure_storage_stores_the_session_in_a_plaintext_file_with_a_warning(terminal: Terminal) -> None:
    terminal.set(keyring=LockedKeyring())
    terminal.login("--insecure-storage")
    assert "plain text" in terminal.err
    assert terminal.run("token") == 0
    assert terminal.run("whoami") == 0
    assert str(_file(terminal)) in terminal.out


def test_the_check_of_the_plaintext_file_writes_to_a_separate_file(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    set_secret = PlaintextFileStore.set

    def recording(store: PlaintextFileStore, name: str, secret: str) -> None:
        set_secret(store, name, secret)
        written.extend(path.name for path in terminal.environment.state_dir.glob("insecure-*"))

    monkeypatch.setattr(PlaintextFileStore, "set", recording)
    terminal.login("--insecure-storage")
    first = written.index("insecure-session-default.json")
    assert set(written[:first]) == {"insecure-session-default.proof"}
    assert set(written[first:]) == {"insecure-session-default.json"}


def test_login_force_with_insecure_storage_empties_the_keyring(terminal: Terminal) -> None:
    terminal.login()
    terminal.login("--force", "--insecure-storage")
    assert terminal.keyring.entries() == {}
    assert _revocation_requests(terminal) == 1


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_login_without_insecure_storage_moves_the_session_to_the_keyring(
    terminal: Terminal, options: tuple[str, ...]
) -> None:
    terminal.login("--insecure-storage")
    terminal.login(*options)
    assert not _file(terminal).exists()
    assert terminal.run("token") == 0
    assert terminal.run("whoami", "--json") == 0
    assert terminal.json["store"] == "MemoryKeyring"


def test_login_replaces_a_plaintext_file_that_cannot_be_parsed(terminal: Terminal) -> None:
    terminal.login()
    _file(terminal).write_text("junk")
    assert terminal.run("say-hi") == 4
    terminal.login()
    assert terminal.run("say-hi") == 0
    assert not _file(terminal).exists()


def test_an_unusable_lock_folder_is_reported_before_a_code_is_requested(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    issuer.auto_approve = True
    for folder in terminal.environment.account_dirs:
        folder.write_text("in the way")
    assert terminal.run("login") == 7
    assert terminal.paths == []


def test_a_lock_folder_that_becomes_unusable_after_the_approval_revokes_the_tokens(
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
    assert _revocation_requests(terminal) == 2
    assert terminal.keyring.entries() == {}


class MissingKeyring(MemoryKeyring):
    """Fails as keyring does on a system without a backend."""

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - keyring's signature
        raise NoKeyringError

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002
        raise NoKeyringError

    def delete_password(self, service: str, username: str) -> None:  # noqa: ARG002
        raise NoKeyringError


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 9), ("", 9), ("n\n", 9)])
def test_without_a_keyring_login_offers_the_plaintext_file_on_a_terminal(
    terminal: Terminal, issuer: ProviderSimulator, answer: str, code: int
) -> None:
    terminal.set(keyring=MissingKeyring())
    terminal.interactive, issuer.auto_approve = True, True
    assert terminal.run("login", stdin=answer) == code
    assert "[y/N]" in terminal.err
    assert _file(terminal).exists() is (code == 0)
    if code == 0:
        assert "plain text" in terminal.err


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_a_keyring_login_does_not_prompt_without_a_terminal_or_with_json(
    terminal: Terminal, options: tuple[str, ...]
) -> None:
    terminal.set(keyring=MissingKeyring())
    terminal.interactive = bool(options)
    assert terminal.run("login", *options, stdin="y\n") == 9
    assert "[y/N]" not in terminal.err
    assert terminal.paths == []


def test_login_does_not_offer_the_plaintext_file_if_the_keyring_is_locked(terminal: Terminal) -> None:
    terminal.set(keyring=LockedKeyring())
    terminal.interactive = True
    assert terminal.run("login", stdin="y\n") == 9
    assert "[y/N]" not in terminal.err


def test_a_second_logout_without_a_keyring_succeeds(terminal: Terminal) -> None:
    terminal.set(keyring=MissingKeyring())
    terminal.login("--insecure-storage")
    assert terminal.run("logout") == 0
    assert terminal.run("logout") == 0
    assert "You are not signed in" in terminal.err
    assert "Warning: No keyring is available" in terminal.err


def test_logout_fails_if_the_keyring_of_the_session_is_not_available(terminal: Terminal) -> None:
    terminal.login()
    terminal.set(keyring=MissingKeyring())
    assert terminal.run("logout") == 9


def test_logout_removes_the_file_of_an_interrupted_plaintext_file_check(terminal: Terminal) -> None:
    terminal.login()
    left = terminal.environment.state_dir / "insecure-session-default.proof"
    left.write_text('{"awesome-cli:default:a:0": "0123"}')
    assert terminal.run("logout") == 0
    assert not left.exists()


def test_login_fails_if_the_owner_of_the_profile_changes_at_every_lock_attempt(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = iter(range(100))
    monkeypatch.setattr(StoreChoice, "owners", lambda _: {(f"https://{next(owners)}.example/", "client")})
    assert terminal.run("login") == 7
    assert "keep signing this profile in and out" in terminal.err


def test_logout_all_signs_out_plaintext_sessions_if_the_keyring_is_locked(terminal: Terminal) -> None:
    terminal.set(keyring=LockedKeyring())
    terminal.login("--insecure-storage", "--profile", "work")
    assert terminal.run("logout", "--all") == 0
    assert "Warning: default: The keyring is locked." in terminal.err
    assert "Signed out Juan (profile work)." in terminal.err
