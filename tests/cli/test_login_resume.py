"""``login --no-wait`` and ``login --resume``: what they print, keep and forget, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import typer
from keyring.errors import KeyringLocked, NoKeyringError, PasswordSetError

from awesome_cli import Program
from awesome_cli.sign_in import LOCK_SLACK
from awesome_cli.system.lock import acquire_locks
from awesome_cli.testing.hostile import ABSENT, NORMAL, ChangeMembers, Disconnect, ForgeIdToken, Respond
from awesome_cli.testing.keyring import MemoryKeyring
from awesome_cli.testing.terminal import Result
from support.requirements import POSIX
from support.terminal import Terminal, account_of

if TYPE_CHECKING:
    import httpx

    from awesome_cli.testing.hostile import Act
    from awesome_cli.testing.issuer import ProviderSimulator
    from awesome_cli.testing.time import VirtualTime

CODE_MEMBERS = {
    *("event", "verification_uri", "verification_uri_complete", "user_code", "expires_at", "interval", "resume"),
}
PENDING_ENTRY = ":pending:0"

Meanwhile = Callable[[Terminal, dict[str, Any]], object]  # something happens between the two commands


def begin(terminal: Terminal, *options: str, **environ: str) -> dict[str, Any]:
    """Request a code, and return the event that shows it."""
    assert terminal.run("login", "--no-wait", "--json", *options, **environ) == 0, terminal.err
    (event,) = terminal.events
    assert event["event"] == "device_code"
    return event


def is_pending(terminal: Terminal) -> bool:
    return account_of(terminal).stores.pending().load() is not None


def pending_files(terminal: Terminal) -> list[str]:
    return [path.name for path in terminal.environment.state_dir.glob("*.pending")]


def test_no_wait_prints_the_code_and_the_command_that_resumes_and_ends_at_once(
    terminal: Terminal, time: VirtualTime
) -> None:
    event = begin(terminal)
    assert set(event) == CODE_MEMBERS
    assert event["resume"] == "awesome login --resume"
    assert event["user_code"] in event["verification_uri_complete"]
    assert "/token" not in terminal.paths
    assert time.monotonic == 0
    assert "Once it is approved: awesome login --resume" in terminal.err


def test_resume_waits_for_the_approval_and_prints_who_is_signed_in(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    issuer.approve(begin(terminal)["user_code"])
    assert terminal.run("login", "--resume", "--json") == 0
    (event,) = terminal.events
    assert event.pop("event") == "signed_in"
    assert "/device/code" not in terminal.paths
    assert not is_pending(terminal)
    assert terminal.run("whoami", "--json") == 0
    assert terminal.json == event
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Juan!\n"


@pytest.mark.parametrize(
    ("options", "environ"), [(["--profile", "work"], {}), ([], {"AWESOME_PROFILE": "work"})], ids=["option", "variable"]
)
def test_the_command_that_resumes_names_the_profile(
    terminal: Terminal, issuer: ProviderSimulator, options: list[str], environ: dict[str, str]
) -> None:
    event = begin(terminal, *options, **environ)
    assert event["resume"] == "awesome login --profile work --resume"
    issuer.approve(event["user_code"])
    assert terminal.run(*event["resume"].split()[1:]) == 0


def test_both_commands_without_json_print_nothing_on_stdout(terminal: Terminal, issuer: ProviderSimulator) -> None:
    assert terminal.run("login", "--no-wait") == 0
    assert terminal.out == ""
    pending = account_of(terminal).stores.pending().load()
    assert pending
    assert pending.user_code in terminal.err
    issuer.approve(pending.user_code)
    assert terminal.run("login", "--resume") == 0
    assert terminal.out == ""
    assert "Signed in as Juan" in terminal.err


def test_both_commands_say_that_an_access_token_is_given(terminal: Terminal) -> None:
    notice = "AWESOME_ACCESS_TOKEN is set: token and api use it in place of the session.\n"
    begin(terminal, AWESOME_ACCESS_TOKEN="given")
    assert terminal.err.startswith(notice)
    assert terminal.run("login", "--resume", "--timeout", "6", AWESOME_ACCESS_TOKEN="given") == 12
    assert terminal.err.startswith(notice)


def test_no_secret_is_printed(terminal: Terminal, issuer: ProviderSimulator) -> None:
    printed = ""
    for argv in (["login", "--no-wait", "--json"], ["login", "--resume", "--timeout", "6", "--json"], ["login", "-h"]):
        terminal.run("--verbose", *argv)
        printed += terminal.out + terminal.err
        issuer.auto_approve = True
    assert terminal.provider.secrets
    assert [secret for secret in terminal.provider.secrets if secret in printed] == []


def _deny(terminal: Terminal, event: dict[str, Any]) -> None:
    assert terminal.issuer.deny(event["user_code"])


def _let_the_code_expire(terminal: Terminal, _: dict[str, Any]) -> None:
    terminal.time.pass_by(terminal.issuer.expires_in)


def _approve_with(act: Act) -> Meanwhile:
    def approve(terminal: Terminal, event: dict[str, Any]) -> None:
        terminal.issuer.approve(event["user_code"])
        terminal.provider.at("/token", act)

    return approve


def _respond_always(act: Act) -> Meanwhile:
    return lambda terminal, _: terminal.provider.always("/token", act)


@pytest.mark.parametrize(
    ("meanwhile", "code", "error", "is_kept"),
    [
        pytest.param(lambda *_: None, 12, "authorization_pending", True, id="nobody has approved yet"),
        pytest.param(_deny, 5, "access_denied", False, id="denied"),
        pytest.param(_let_the_code_expire, 6, "expired_token", False, id="expired"),
        pytest.param(
            _respond_always(Respond(403, {"error": "expired_token"})),
            *(6, "expired_token", False),
            id="the provider says that it has expired",
        ),
        pytest.param(_respond_always(Disconnect()), 7, "network", True, id="the provider is unreachable"),
        pytest.param(_respond_always(Respond(502)), 7, "network", True, id="the provider is out of order"),
        pytest.param(
            _respond_always(Respond(401, {"error": "invalid_client"})),
            *(7, "invalid_client", True),
            id="the provider refuses the client",
        ),
        pytest.param(_approve_with(ChangeMembers(access_token=ABSENT)), 7, "network", True, id="no access token"),
        pytest.param(
            _approve_with(ForgeIdToken({"iss": "https://other.example/"})),
            *(8, "invalid_token", False),
            id="the ID token is not valid",
        ),
    ],
)
def test_each_end_has_its_exit_code_and_keeps_or_forgets_the_sign_in(
    terminal: Terminal,
    meanwhile: Meanwhile,
    code: int,
    error: str,
    is_kept: bool,  # noqa: FBT001 - a column of the table
) -> None:
    meanwhile(terminal, begin(terminal))
    assert terminal.run("login", "--resume", "--timeout", "12", "--json") == code
    (event,) = terminal.events
    assert (event["event"], event["error"]) == ("failed", error)
    assert is_pending(terminal) is is_kept
    if not is_kept:
        assert terminal.keyring.entries() == {}
        assert terminal.run("login", "--resume") == 4
        assert terminal.requests == []


def test_a_pending_sign_in_is_resumed_until_it_ends(terminal: Terminal, issuer: ProviderSimulator) -> None:
    event = begin(terminal)
    for _ in range(5):
        assert terminal.run("login", "--resume", "--timeout", "10") == 12
        assert "Nobody has approved the code yet. It is still valid." in terminal.err
        assert "Hint: Once it is approved: awesome login --resume" in terminal.err
    issuer.approve(event["user_code"])
    assert terminal.run("login", "--resume", "--timeout", "10") == 0


def test_without_a_timeout_resume_waits_until_the_code_expires(terminal: Terminal, time: VirtualTime) -> None:
    begin(terminal)
    assert terminal.run("login", "--resume", "--json") == 6
    assert time.monotonic == pytest.approx(900, abs=1)
    assert not is_pending(terminal)


def test_resume_with_nothing_pending_ends_as_the_session_does(terminal: Terminal, time: VirtualTime) -> None:
    assert terminal.run("login", "--resume", "--json") == 4
    (event,) = terminal.events
    assert (event["event"], event["message"]) == ("failed", "No sign-in waits for approval. You are not signed in.")
    terminal.login("--scope", "openid")
    assert terminal.run("login", "--resume", "--json") == 0
    assert terminal.events[0]["event"] == "signed_in"
    assert terminal.requests == []
    time.pass_by(4_000)
    assert terminal.run("login", "--resume") == 4


def test_no_wait_on_a_live_session_prints_it_instead_of_a_code(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("login", "--no-wait", "--json") == 0
    assert [event["event"] for event in terminal.events] == ["signed_in"]
    assert terminal.requests == []
    begin(terminal, "--force")
    assert terminal.run("say-hi") == 0  # the session stays until the new one replaces it


FLAGS = {"--audience": "https://api.example/", "--scope": "openid email offline_access"}
WITH_FLAGS = [word for pair in FLAGS.items() for word in pair]


def test_the_flags_of_no_wait_hold_for_the_session_and_are_saved_after_success_alone(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    config = terminal.environment.config_dir / "config.toml"
    issuer.deny(begin(terminal, *WITH_FLAGS)["user_code"])
    assert terminal.run("login", "--resume") == 5
    assert not config.exists()
    issuer.approve(begin(terminal, *WITH_FLAGS)["user_code"])
    assert not config.exists()
    assert terminal.run("login", "--resume") == 0
    assert "; settings in " in terminal.err
    user = account_of(terminal).load().user
    assert (user.audience, user.requested_scope) == tuple(FLAGS.values())
    assert all(value in config.read_text("utf-8") for value in FLAGS.values())
    assert "issuer" not in config.read_text("utf-8")  # it came from a variable


def test_variables_of_no_wait_need_not_be_set_for_resume(terminal: Terminal, issuer: ProviderSimulator) -> None:
    issuer.approve(begin(terminal, AWESOME_AUDIENCE="https://api.example/")["user_code"])
    assert terminal.run("login", "--resume", AWESOME_ISSUER=None, AWESOME_CLIENT_ID=None) == 0
    assert account_of(terminal).load().user.audience == "https://api.example/"


@pytest.mark.parametrize(("claims", "code"), [({}, 0), ({"auth_time": ABSENT}, 8), ({"auth_time": 0}, 8)])
def test_the_parameters_of_no_wait_are_sent_and_checked(
    terminal: Terminal, issuer: ProviderSimulator, claims: dict[str, Any], code: int
) -> None:
    event = begin(terminal, "--param", "max_age=300", "--param", "login_hint=juan")
    form = issuer.requests[-1].form
    assert (form["max_age"], form["login_hint"]) == ("300", "juan")
    issuer.approve(event["user_code"])
    terminal.provider.at("/token", ForgeIdToken(claims))
    assert terminal.run("login", "--resume") == code


@POSIX
def test_insecure_storage_keeps_the_code_and_then_the_session_in_a_file(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    event = begin(terminal, "--insecure-storage")
    (file,) = terminal.environment.state_dir.glob("*.pending")
    assert file.stat().st_mode & 0o777 == 0o600
    assert terminal.run("login", "--resume", "--timeout", "6") == 12
    issuer.approve(event["user_code"])
    for _ in range(2):
        assert terminal.run("login", "--resume") == 0
        assert terminal.keyring.entries() == {}
        assert pending_files(terminal) == []
        assert (terminal.environment.state_dir / "insecure-session-default.json").exists()


@pytest.mark.parametrize("first", [(), ("--insecure-storage",)])
@pytest.mark.parametrize("second", [(), ("--insecure-storage",)])
def test_a_second_code_replaces_the_first_wherever_it_is_stored(
    terminal: Terminal, issuer: ProviderSimulator, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    replaced = begin(terminal, *first)
    event = begin(terminal, *second)
    issuer.deny(replaced["user_code"])
    assert terminal.run("login", "--resume", "--timeout", "6") == 12
    issuer.approve(event["user_code"])
    assert terminal.run("login", "--resume") == 0
    assert (terminal.keyring.entries() == {}) is bool(second)


@pytest.mark.parametrize("storage", [(), ("--insecure-storage",)])
@pytest.mark.parametrize("argv", [("logout",), ("logout", "--all"), ("login",), ("login", "--insecure-storage")])
def test_logout_and_another_login_forget_the_sign_in(
    terminal: Terminal, issuer: ProviderSimulator, argv: tuple[str, ...], storage: tuple[str, ...]
) -> None:
    begin(terminal, *storage)
    issuer.auto_approve = True
    assert terminal.run(*argv) == 0
    assert not is_pending(terminal)
    assert [service for service, _ in terminal.keyring.entries() if "pending" in service] == []
    assert pending_files(terminal) == []


def test_a_denied_login_keeps_what_another_command_has_begun(terminal: Terminal) -> None:
    begin(terminal)
    terminal.provider.at("/token", Respond(403, {"error": "access_denied"}))
    assert terminal.run("login") == 5
    assert is_pending(terminal)


def test_an_interruption_keeps_the_sign_in(terminal: Terminal, issuer: ProviderSimulator) -> None:
    def interrupted(_: Callable[[], object]) -> NoReturn:
        raise KeyboardInterrupt

    issuer.approve(begin(terminal)["user_code"])
    terminal.set(run=interrupted)
    assert terminal.run("login", "--resume", "--json") == 130
    assert terminal.events == [
        {"event": "failed", "error": "interrupted", "message": "The sign-in was interrupted."},
    ]
    terminal.set(run=terminal.time.run)
    assert terminal.run("login", "--resume") == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--no-wait",),
        ("--force",),
        ("--web",),
        ("--no-web",),
        ("--issuer", "https://provider.example/"),
        ("--domain", "tenant.eu.auth0.com"),
        ("--client-id", "test-client"),
        ("--audience", ""),
        ("--scope", "openid"),
        ("--param", "max_age=0"),
        ("--no-browser",),
        ("--qr",),
        ("--no-qr",),
        ("--insecure-storage",),
    ],
    ids=" ".join,
)
def test_resume_takes_only_timeout_and_json(terminal: Terminal, options: tuple[str, ...]) -> None:
    begin(terminal)
    assert terminal.run("login", "--resume", "--timeout", "1", "--json", *options) == 2
    assert "--resume takes only --timeout and --json" in terminal.err
    assert terminal.requests == []
    assert is_pending(terminal)


def test_no_wait_is_for_device_codes_alone(terminal: Terminal) -> None:
    assert terminal.run("login", "--no-wait", "--web") == 2
    assert terminal.requests == []
    config = terminal.environment.config_dir / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[profiles.default]\nflow = "web"\n')
    begin(terminal)


@pytest.mark.parametrize("variable", ["AWESOME_ISSUER", "AWESOME_CLIENT_ID"])
def test_variables_that_ask_for_another_session_keep_the_sign_in(
    terminal: Terminal, issuer: ProviderSimulator, variable: str
) -> None:
    event = begin(terminal)
    assert terminal.run("login", "--resume", **{variable: "https://other.example/"}) == 4
    assert "The sign-in that waits is one at https://provider.example/ as client test-client" in terminal.err
    assert f"Unset {variable}, or start anew with: awesome login" in terminal.err
    assert terminal.requests == []
    issuer.approve(event["user_code"])
    assert terminal.run("login", "--resume") == 0


def test_two_profiles_have_a_sign_in_each(terminal: Terminal, issuer: ProviderSimulator) -> None:
    default, work = begin(terminal), begin(terminal, "--profile", "work")
    assert work["resume"] == "awesome login --profile work --resume"
    issuer.deny(default["user_code"])
    issuer.approve(work["user_code"])
    assert terminal.run(*work["resume"].split()[1:]) == 0
    assert terminal.run("login", "--resume") == 5
    assert terminal.run("--profile", "work", "say-hi") == 0
    assert terminal.run("say-hi") == 4


def test_a_program_has_a_sign_in_of_its_own(terminal_for: Callable[[Program], Any]) -> None:
    acme = Program("acme", app=typer.Typer(), issuer="https://login.acme.example/", client_id="acme-cli")
    terminal = terminal_for(acme)
    assert terminal.run("login", "--no-wait", "--json") == 0
    assert terminal.json["resume"] == "acme login --resume"
    assert {service for service, _ in terminal.machine.keyring.entries()} == {"acme:default:pending:0"}
    terminal.provider.approve(terminal.json["user_code"])
    assert terminal.run("login", "--resume") == 0
    assert "awesome" not in terminal.out + terminal.err


class ActingKeyring(MemoryKeyring):
    """Runs something after the first read of a pending sign-in, while the command waits to be the only one."""

    act: Callable[[], object] | None = None

    def get_password(self, service: str, username: str) -> str | None:
        secret = super().get_password(service, username)
        if service.endswith(PENDING_ENTRY) and self.act:
            act, self.act = self.act, None
            act()
        return secret


@pytest.fixture
def meanwhile(terminal: Terminal) -> ActingKeyring:
    keyring = ActingKeyring()
    terminal.set(keyring=keyring)
    return keyring


@pytest.mark.parametrize(("decision", "code"), [("approve", 0), ("deny", 5), ("expire", 6)])
def test_a_second_resume_ends_as_the_first_did(
    terminal: Terminal, issuer: ProviderSimulator, meanwhile: ActingKeyring, decision: str, code: int
) -> None:
    event, ends = begin(terminal), []
    if decision == "expire":
        terminal.provider.at("/token", Respond(403, {"error": "expired_token"}))
    else:
        getattr(issuer, decision)(event["user_code"])
    meanwhile.act = lambda: ends.append(terminal.execute("login", "--resume"))
    assert terminal.run("login", "--resume") == code
    assert [end.code for end in ends] == [code]
    assert terminal.paths.count("/token") == 1
    if code:
        assert [line for line in ends[0].err.splitlines() if line.startswith("Error")][0] in terminal.err  # noqa: RUF015


def test_a_second_resume_of_a_session_in_a_file_leaves_it_there(
    terminal: Terminal, issuer: ProviderSimulator, meanwhile: ActingKeyring
) -> None:
    issuer.auto_approve = True
    begin(terminal, "--insecure-storage")
    assert terminal.execute("login", "--resume").code == 0
    assert terminal.run("login", "--resume") == 0
    assert meanwhile.entries() == {}


def test_resume_goes_on_with_the_code_that_replaced_its_own_while_it_waited(
    terminal: Terminal, issuer: ProviderSimulator, meanwhile: ActingKeyring
) -> None:
    def replace() -> None:
        issuer.auto_approve = True
        begun.append(terminal.execute("login", "--no-wait", "--json", "--audience", "https://api.example/").json)

    begun: list[Any] = []
    begin(terminal)
    meanwhile.act = replace
    assert terminal.run("login", "--resume") == 0
    assert len(begun) == 1
    assert account_of(terminal).load().user.audience == "https://api.example/"
    assert "https://api.example/" in (terminal.environment.config_dir / "config.toml").read_text("utf-8")


def test_resume_refuses_a_code_of_another_client_that_replaced_its_own_while_it_waited(
    terminal: Terminal, issuer: ProviderSimulator, meanwhile: ActingKeyring
) -> None:
    def replace() -> None:
        issuer.client_id = "other-client"
        assert terminal.execute("login", "--no-wait", AWESOME_CLIENT_ID="other-client").code == 0

    begin(terminal)
    meanwhile.act = replace
    assert terminal.run("login", "--resume", "--timeout", "6") == 4
    assert "/token" not in terminal.paths


def test_resume_waits_for_a_process_that_is_just_storing_the_session(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    """That process has already deleted the code, which is used up."""

    class Storing(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            if "/token" in terminal.paths and not second.ident:
                second.start()
                second.join(0.3)  # it ends earlier, if it does not wait
            super().set_password(service, username, password)

    ends: list[Result] = []
    second = Thread(target=lambda: ends.append(terminal.execute("login", "--resume")))
    terminal.set(keyring=Storing())
    issuer.auto_approve = True
    begin(terminal)
    assert terminal.run("login", "--resume") == 0
    second.join()
    assert [end.code for end in ends] == [0], ends[0].err


def test_a_sign_out_while_resume_waits_for_another_process_ends_it(
    terminal: Terminal, meanwhile: ActingKeyring
) -> None:
    begin(terminal)
    meanwhile.act = lambda: terminal.execute("logout")
    assert terminal.run("login", "--resume") == 4


@pytest.mark.parametrize(
    ("options", "later", "code", "error"),
    [
        pytest.param(("--timeout", "0"), 0, 12, "authorization_pending", id="within the timeout"),
        pytest.param((), 900 + LOCK_SLACK, 7, "timeout", id="long after the code has expired"),
    ],
)
def test_resume_ends_where_another_process_polls_all_the_time(
    terminal: Terminal, options: tuple[str, ...], later: float, code: int, error: str
) -> None:
    begin(terminal)
    pending = account_of(terminal).stores.pending().load()
    assert pending
    terminal.time.pass_by(later)
    with acquire_locks(terminal.environment.account_dirs, [f"awesome-cli-default-pending-{pending.digest[:8]}"]):
        assert terminal.run("login", "--resume", "--json", *options) == code
    assert terminal.json["error"] == error
    assert "Another process" in terminal.json["message"]
    assert terminal.requests == []
    assert is_pending(terminal)


class Refusing(MemoryKeyring):
    """Refuses writes of entries whose name contains a word."""

    word = ":pending:"

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.word in service:
            raise PasswordSetError
        super().set_password(service, username, password)


def test_a_code_that_cannot_be_stored_is_not_shown(terminal: Terminal) -> None:
    keyring = Refusing()
    terminal.set(keyring=keyring)
    assert terminal.run("login", "--no-wait", "--json") == 9
    (event,) = terminal.events
    assert (event["event"], event["error"]) == ("failed", "keyring")
    assert "activate" not in terminal.err
    assert keyring.entries() == {}


def test_a_session_that_cannot_be_stored_ends_the_sign_in_and_is_revoked(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    keyring = Refusing()
    keyring.word = "(no entry)"
    terminal.set(keyring=keyring)
    issuer.approve(begin(terminal)["user_code"])
    keyring.word = "awesome-cli"
    assert terminal.run("login", "--resume") == 9
    assert terminal.paths.count("/revoke") == 2
    assert keyring.entries() == {}
    assert terminal.run("login", "--resume") == 4


class Switchable(MemoryKeyring):
    """Raises an error from every call, while there is one."""

    error: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.error:
            raise self.error
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.error:
            raise self.error
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        if self.error:
            raise self.error
        super().delete_password(service, username)


@pytest.fixture
def switchable(terminal: Terminal) -> Switchable:
    keyring = Switchable()
    terminal.set(keyring=keyring)
    return keyring


def test_a_locked_keyring_is_reported_before_a_code_is_requested_and_keeps_what_waits(
    terminal: Terminal, issuer: ProviderSimulator, switchable: Switchable
) -> None:
    event = begin(terminal)
    switchable.error = KeyringLocked()
    assert terminal.run("login", "--no-wait") == 9
    assert terminal.run("login", "--resume") == 9
    assert terminal.requests == []
    switchable.error = None
    issuer.approve(event["user_code"])
    assert terminal.run("login", "--resume") == 0


def test_a_denial_is_reported_although_the_keyring_is_locked_meanwhile(
    terminal: Terminal, issuer: ProviderSimulator, switchable: Switchable
) -> None:
    def lock(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            switchable.error = KeyringLocked()
        return terminal.simulated(request)

    issuer.deny(begin(terminal)["user_code"])
    terminal.answer = lock
    assert terminal.run("login", "--resume") == 5
    switchable.error, terminal.answer = None, terminal.respond
    assert terminal.run("login", "--resume") == 5  # not 6, as the provider would say
    assert terminal.paths == []
    assert not is_pending(terminal)


def test_without_a_keyring_the_file_serves_both_commands(
    terminal: Terminal, issuer: ProviderSimulator, switchable: Switchable
) -> None:
    switchable.error = NoKeyringError()
    assert terminal.run("login", "--no-wait") == 9
    assert terminal.run("login", "--resume") == 9
    event = begin(terminal, "--insecure-storage")
    assert terminal.run("login", "--resume", "--timeout", "6") == 12
    issuer.approve(event["user_code"])
    assert terminal.run("login", "--resume") == 0
    assert terminal.run("say-hi") == 0
    assert terminal.run("logout") == 0
    begin(terminal, "--insecure-storage")
    assert terminal.run("logout") == 0
    assert pending_files(terminal) == []


def test_an_unusable_lock_folder_is_reported_before_a_code_is_requested(terminal: Terminal) -> None:
    for folder in terminal.environment.account_dirs:
        folder.write_text("in the way")
    assert terminal.run("login", "--no-wait") == 7
    assert terminal.requests == []
    assert terminal.run("login", "--resume") == 4


@pytest.mark.parametrize("ci", ["1", "true", "yes", "GitHub"])
def test_in_a_ci_job_login_fails_at_once(terminal: Terminal, ci: str) -> None:
    assert terminal.run("login", CI=ci) == 4
    assert "Nobody can approve a sign-in here: CI is set, and there is no terminal." in terminal.err
    assert "AWESOME_ACCESS_TOKEN" in terminal.err
    assert "awesome login --timeout SECONDS" in terminal.err
    assert terminal.requests == []


def test_in_a_ci_job_login_fails_so_without_settings_and_without_a_keyring(
    terminal: Terminal, switchable: Switchable
) -> None:
    switchable.error = NoKeyringError()
    assert terminal.run("login", CI="true", AWESOME_ISSUER=None, AWESOME_CLIENT_ID=None) == 4
    assert "Nobody can approve a sign-in here" in terminal.err


def test_in_a_ci_job_login_force_fails_before_the_keyring_is_written_to(terminal: Terminal) -> None:
    terminal.login()
    stored = terminal.keyring.entries()
    assert terminal.run("login", CI="true") == 0
    assert terminal.run("login", "--force", CI="true") == 4
    assert "replaces" not in terminal.err
    assert terminal.requests == []
    assert terminal.keyring.entries() == stored


@pytest.mark.parametrize("options", [("--timeout", "60"), ("--json",), ("--no-wait",)], ids=" ".join)
def test_in_a_ci_job_login_signs_in_if_somebody_is_expected_to_approve(
    terminal: Terminal, issuer: ProviderSimulator, options: tuple[str, ...]
) -> None:
    issuer.auto_approve = True
    assert terminal.run("login", *options, CI="true") == 0
    assert "/device/code" in terminal.paths
    if options == ("--no-wait",):
        assert terminal.run("login", "--resume", CI="true") == 0


@pytest.mark.parametrize("ci", ["", "0", "false", "FALSE", None])
def test_login_waits_where_the_variable_of_ci_jobs_is_off(
    terminal: Terminal, issuer: ProviderSimulator, ci: str | None
) -> None:
    issuer.auto_approve = True
    assert terminal.run("login", CI=ci) == 0


def test_login_waits_at_a_terminal_although_the_variable_of_ci_jobs_is_set(
    terminal: Terminal, issuer: ProviderSimulator
) -> None:
    terminal.interactive = issuer.auto_approve = True
    assert terminal.run("login", CI="true") == 0


def test_the_timeout_of_no_wait_does_not_shorten_the_life_of_the_code(
    terminal: Terminal, issuer: ProviderSimulator, time: VirtualTime
) -> None:
    event = begin(terminal, "--timeout", "10")
    time.pass_by(60)
    issuer.approve(event["user_code"])
    assert terminal.run("login", "--resume", "--timeout", "10") == 0


def test_the_provider_is_asked_with_the_verifier_of_the_code(terminal: Terminal, issuer: ProviderSimulator) -> None:
    config = terminal.environment.config_dir / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[profiles.default]\npkce = true\n")
    issuer.pkce_required = True
    issuer.approve(begin(terminal)["user_code"])
    terminal.provider.at("/token", NORMAL)
    assert terminal.run("login", "--resume") == 0
