"""Regression tests: unusual keyrings, files, settings, responses and interruptions."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest
from keyring.backends.fail import Keyring

from awesome_cli.cli.console import Console
from awesome_cli.errors import OutputError
from awesome_cli.oauth.jwks import parse_jwks
from awesome_cli.oauth.response import Response
from awesome_cli.sessions.manifest import (
    LATER_FIELDS,
    USER_FIELDS,
    dump_json,
    encode_manifest,
    manifest_name,
    parse_json_object,
)
from awesome_cli.sessions.user import User
from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.testing.hostile import KEYS, ChangeMembers, Delay, Respond
from awesome_cli.testing.keyring import MemoryKeyring
from awesome_cli.testing.terminal import to_httpx
from support.brand import AWESOME
from support.requirements import POSIX
from support.terminal import account_of

if TYPE_CHECKING:
    from support.terminal import Terminal

T = TypeVar("T")


def test_the_user_fields_of_a_manifest_are_the_fields_of_user() -> None:
    assert set(User._fields) == USER_FIELDS | LATER_FIELDS


def json_response(status: int, document: object) -> httpx.Response:
    return to_httpx(Response(status, json.dumps(document).encode()))


class NonTextKeyring(MemoryKeyring):
    """Returns a value that is not text for the manifest, until it is deleted or overwritten."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value
        self.broken = True

    def get_password(self, service: str, username: str) -> str | None:
        if self.broken and service == manifest_name("awesome-cli", "default"):
            if isinstance(self.value, Exception):
                raise self.value
            return self.value  # type: ignore[return-value]  # as some backends do
        return super().get_password(service, username)

    def delete_password(self, service: str, username: str) -> None:
        self.broken = self.broken and service != manifest_name("awesome-cli", "default")
        with suppress(Exception):
            super().delete_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.broken = self.broken and service != manifest_name("awesome-cli", "default")
        super().set_password(service, username, password)


NON_TEXT = [5, True, [1], {}, b"bytes", UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")]


@pytest.mark.parametrize("value", NON_TEXT, ids=repr)
def test_a_keyring_entry_that_is_not_text_can_be_replaced_or_deleted(terminal: Terminal, value: object) -> None:
    for repair in ("login", "logout"):
        terminal.set(keyring=NonTextKeyring(value))
        terminal.issuer.auto_approve = True
        assert terminal.run("say-hi") == 4
        assert "cannot be read" in terminal.err
        assert terminal.run(repair) == 0
        assert terminal.run("say-hi") == (0 if repair == "login" else 4)


@pytest.mark.parametrize("missing", sorted(USER_FIELDS))
def test_a_manifest_with_other_user_fields_is_rejected(terminal: Terminal, missing: str) -> None:
    terminal.login()
    name = (manifest_name("awesome-cli", "default"), "awesome")
    manifest = parse_json_object(terminal.keyring.entries()[name])
    del manifest["checksum"]
    members = dict(manifest["card"])
    members["surprise"] = members.pop(missing)
    terminal.keyring.set_password(*name, encode_manifest({**manifest, "card": members}))
    assert terminal.run("whoami") == 4


def test_braces_in_strings_are_escaped_and_decoded_again() -> None:
    text = dump_json({"name": 'A "{USERNAME}" \\{x', "card": {"a": "}"}})
    assert json.loads(text) == {"name": 'A "{USERNAME}" \\{x', "card": {"a": "}"}}
    assert text.count("{") == text.count("}") == 2


def test_a_session_that_moves_to_the_keyring_during_the_wait_for_the_lock_is_found(terminal: Terminal) -> None:
    terminal.issuer.token_lifetime = 10
    terminal.login("--insecure-storage")
    terminal.time.pass_by(60)
    terminal.issuer.token_lifetime = 3600
    other = account_of(terminal)

    @contextmanager
    def defer_signals() -> Iterator[DeferredSignals]:  # called with the lock, just released by another process
        if other.stores.has_plaintext_file:
            other.stores.keyring.save(other.load())
            other.stores.clear_other(other.stores.keyring)
        yield DeferredSignals()

    terminal.set(defer_signals=defer_signals)
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Juan!\n"
    assert not other.stores.has_plaintext_file


def test_a_renewal_for_another_subject_is_refused_even_if_the_keys_cannot_be_fetched(terminal: Terminal) -> None:
    terminal.issuer.token_lifetime = 10
    terminal.login()
    terminal.time.pass_by(60)
    terminal.issuer.person = {**terminal.issuer.person, "sub": "demo|eve"}
    terminal.issuer.alg = "ES256"  # another key, which cannot be fetched

    terminal.provider.at(KEYS, Respond(500, {}))
    assert terminal.run("say-hi") == 8
    assert "sub changed" in terminal.err
    terminal.issuer.person = {**terminal.issuer.person, "sub": "demo|juan"}
    assert terminal.run("say-hi") == 0  # with the refresh token of the refused response
    assert terminal.issuer.reuses == 0


@pytest.mark.parametrize("option", ["--client-id", "--scope", "--audience"])
def test_an_option_that_is_not_valid_text_is_refused(terminal: Terminal, option: str) -> None:
    assert terminal.run("login", option, "\udcff") == 3
    assert terminal.paths == []


def test_a_config_file_with_a_byte_order_mark_is_read(terminal: Terminal) -> None:
    terminal.environment.config_dir.mkdir()
    (terminal.environment.config_dir / "config.toml").write_text(
        "\ufeff[profiles.default]\nscope = 'openid'\n", "utf-8"
    )
    terminal.login()
    assert terminal.run("whoami", "--json") == 0
    assert terminal.json["scope"] == "openid"


def test_a_folder_in_place_of_the_plaintext_file_does_not_affect_a_keyring_session(terminal: Terminal) -> None:
    (terminal.environment.state_dir / "insecure-session-default.json").mkdir(parents=True)
    terminal.login()
    assert terminal.run("whoami", "--check") == 0


def test_logout_empties_the_keyring_without_a_usable_lock_folder(terminal: Terminal, tmp_path: Path) -> None:
    terminal.login()
    (tmp_path / "in the way").touch()
    terminal.set(account_dirs=(tmp_path / "in the way" / "state", tmp_path / "in the way" / "temp"))
    assert terminal.run("logout") == 0
    assert "No folder can be used for the lock" in terminal.err
    assert terminal.keyring.entries() == {}


def test_an_event_that_cannot_be_written_is_an_error(terminal: Terminal) -> None:
    class ClosedPipe(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    console = Console(replace(terminal.environment, stdout=ClosedPipe()), AWESOME)
    with pytest.raises(OutputError, match="has ended"):
        console.event({"event": "device_code"})
    with pytest.raises(SystemExit):
        console.result("a result whose reader has ended")


def test_a_new_issuer_removes_the_endpoints_of_the_old_one_from_the_config(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    config = terminal.environment.config_dir / "config.toml"
    config.parent.mkdir()
    config.write_text(
        '[profiles.default]\nissuer = "https://other.example/"\n'
        'token_endpoint = "https://other.example/token"\npkce = true\n'
    )
    assert terminal.run("login", "--issuer", terminal.issuer.url) == 0
    assert "other.example" not in config.read_text()
    assert "pkce = true" in config.read_text()
    terminal.time.pass_by(7200)
    assert terminal.run("say-hi", AWESOME_ISSUER=None) == 0
    assert [str(request.url) for request in terminal.requests] == ["https://provider.example/token"]


def test_a_config_file_that_cannot_be_extended_causes_a_warning(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    terminal.environment.config_dir.mkdir()
    (terminal.environment.config_dir / "config.toml").write_text("profiles = {}\n")
    assert terminal.run("login", "--client-id", "test-client") == 0
    assert "in a way that cannot be changed here. Settings are not saved." in terminal.err
    assert terminal.run("profiles") == 0
    assert "Juan" in terminal.out


@POSIX
def test_new_folders_are_accessible_to_their_owner_only(terminal: Terminal) -> None:
    terminal.set(state_dir=terminal.environment.state_dir / "deep" / "down")
    terminal.login("--client-id", "test-client")
    created = [
        terminal.environment.state_dir,
        *terminal.environment.state_dir.parents[:2],
        terminal.environment.config_dir,
    ]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in created} == {0o700}


def test_moving_a_plaintext_session_to_the_keyring_revokes_the_one_stored_there(terminal: Terminal) -> None:
    terminal.login()
    working = terminal.environment.keyring
    terminal.set(keyring=Keyring())  # type: ignore[no-untyped-call]  # keyring leaves this one untyped
    terminal.login("--insecure-storage")
    terminal.set(keyring=working)
    assert terminal.run("login") == 0
    assert "Moved the session" in terminal.err
    assert terminal.paths == ["/revoke"]
    assert len(terminal.issuer._refresh_tokens) == 2  # noqa: SLF001 - the tokens of the provider
    assert terminal.run("token", "--min-ttl", "100000") == 0  # the moved session is still valid


def test_login_signs_in_anew_if_another_process_signs_out_before_the_move_to_the_keyring(terminal: Terminal) -> None:
    terminal.login("--insecure-storage")
    other = account_of(terminal)

    @contextmanager
    def defer_signals() -> Iterator[DeferredSignals]:  # called with the lock, just released by another process
        if other.stores.has_plaintext_file:
            other.stores.plaintext.delete()
        yield DeferredSignals()

    terminal.set(defer_signals=defer_signals)
    assert terminal.run("login") == 0
    assert "Signed in as Juan" in terminal.err
    assert not other.stores.has_plaintext_file


def test_login_succeeds_if_a_plaintext_session_cannot_be_moved_to_a_keyring(terminal: Terminal) -> None:
    terminal.set(keyring=Keyring())  # type: ignore[no-untyped-call]  # keyring leaves this one untyped
    terminal.login("--insecure-storage")
    assert terminal.run("login") == 0
    assert "Warning: No keyring is available on this system. The session stays in the plain file." in terminal.err
    assert "You are already signed in as Juan" in terminal.err


def test_logout_reports_a_session_that_does_not_match_the_settings(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("logout", AWESOME_CLIENT_ID="other") == 0
    assert "the settings ask for the client id other. It is signed out all the same." in terminal.err
    assert terminal.keyring.entries() == {}


def test_logout_all_without_a_keyring_signs_out_the_plaintext_sessions(terminal: Terminal) -> None:
    terminal.set(keyring=Keyring())  # type: ignore[no-untyped-call]  # keyring leaves this one untyped
    terminal.login("--insecure-storage", "--profile", "work")
    assert terminal.run("logout", "--all") == 0
    assert "Warning: No keyring is available on this system." in terminal.err
    assert terminal.run("logout", "--all") == 0


@pytest.mark.parametrize("variable", ["AWESOME_ISSUER", "AWESOME_DOMAIN"])
def test_the_hint_names_the_variable_that_does_not_match_the_session(terminal: Terminal, variable: str) -> None:
    terminal.login()
    value = "https://other.example/" if variable == "AWESOME_ISSUER" else "other.example"
    terminal.set(environ={variable: value})
    assert terminal.run("say-hi") == 4
    assert f"Hint: Unset {variable}. " in terminal.err


def test_an_invalid_setting_that_a_command_does_not_use_is_ignored(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("say-hi", AWESOME_API_URL="http://example.com/", AWESOME_AUDIENCE="\udcff") == 0


def test_hints_name_the_selected_profile(terminal: Terminal) -> None:
    assert terminal.run("--profile", "work", "token") == 4
    assert terminal.err.splitlines()[-1] == "Hint: Sign in with: awesome login --profile work"
    assert terminal.run("--profile", "work", "profiles", "show", "home") == 3
    assert terminal.err.rstrip().endswith("awesome login --profile home")


@pytest.mark.parametrize("name", [r"\g<9>", r"\1", "a b", "$(id)", "\x1b[31mX", ""])
@pytest.mark.parametrize("words", [["token", "--id"], ["token"], ["say-hi"], ["doctor"]])
def test_an_invalid_profile_name_is_not_repeated_in_a_hint(terminal: Terminal, name: str, words: list[str]) -> None:
    for argv in (["--profile", name, *words], [*words, "--profile", name]):
        assert terminal.run(*argv, AWESOME_ACCESS_TOKEN="given") == 2
        assert terminal.err.endswith(
            "is not a valid profile name.\nHint: Use 1 to 64 letters, digits, dots, hyphens and underscores.\n"
        )


def test_domain_and_issuer_together_are_a_usage_error(terminal: Terminal) -> None:
    assert terminal.run("login", "--domain", "a.example", "--issuer", "https://b.example/") == 2


def test_a_secret_that_the_provider_repeats_is_masked(terminal: Terminal) -> None:
    def repeating(request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode()))
        if "device_code" in form:
            code = form["device_code"]
            return json_response(400, {"error": f"bad_{code}", "error_description": f"unknown {code}"})
        return terminal.simulated(request)

    terminal.answer = repeating
    assert terminal.run("login", "--json", "--verbose") == 7
    assert terminal.events[-1]["message"] == "The sign-in failed: bad_*** (unknown ***)."
    assert terminal.events[-1]["error"] == "bad_***"


@pytest.mark.parametrize(
    "members",
    [
        {"interval": 4000},
        {"verification_uri": None, "verification_url": "https://provider.example/activate"},
    ],
)
def test_an_unusual_device_authorization_response_is_accepted(terminal: Terminal, members: dict[str, object]) -> None:
    terminal.issuer.auto_approve, terminal.issuer.expires_in = True, 86_400
    terminal.provider.at("/device/code", ChangeMembers(**members))
    assert terminal.run("login") == 0


@pytest.mark.parametrize("error", ["slow_down", "temporarily_unavailable"])
def test_say_hi_answers_offline_if_the_provider_postpones_a_renewal(terminal: Terminal, error: str) -> None:
    terminal.login()
    terminal.time.pass_by(7200)
    terminal.provider.always("/token", Respond(400, {"error": error}))
    assert terminal.run("say-hi") == 0
    assert "Offline: " in terminal.err


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_an_empty_or_identity_content_encoding_is_accepted(terminal: Terminal, encoding: str) -> None:
    def coded(request: httpx.Request) -> httpx.Response:
        answer = terminal.simulated(request)
        answer.headers["content-encoding"] = encoding
        return answer

    terminal.answer = coded
    terminal.login()


def test_tokens_received_just_before_an_interruption_are_revoked(terminal: Terminal) -> None:
    """Ctrl-C comes during the userinfo request."""

    def run_interrupted(work: Callable[[], Awaitable[T]], /) -> T:
        async def interrupted() -> T:
            with anyio.move_on_after(10):  # seconds; before the timeout of the userinfo request
                return await work()
            raise KeyboardInterrupt

        return terminal.time.run(interrupted)

    terminal.issuer.slim_id_token = terminal.issuer.auto_approve = True
    terminal.provider.at("/userinfo", Delay(3600))
    terminal.set(run=run_interrupted)
    assert terminal.run("login") == 130
    assert terminal.paths[-2:] == ["/revoke", "/revoke"]
    assert terminal.keyring.entries() == {}


@pytest.mark.parametrize("key", ["alg", "use", "kid", "x"])
def test_null_members_of_a_key_are_dropped(key: str) -> None:
    (parsed,) = parse_jwks(
        Response(200, json.dumps({"keys": [{"kty": "RSA", "n": "n", "e": "e", key: None}]}).encode())
    )
    assert parsed == {"kty": "RSA", "n": "n", "e": "e"}


def test_no_refresh_request_is_sent_if_the_keyring_cannot_be_written_to(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(7200)
    set_password = terminal.keyring.set_password

    def refusing(service: str, username: str, password: str) -> None:
        raise OSError(service, username, len(password))

    terminal.keyring.set_password = refusing  # type: ignore[method-assign]  # a keyring that fails
    assert terminal.run("say-hi") == 9
    assert terminal.paths == []
    terminal.keyring.set_password = set_password  # type: ignore[method-assign]  # and works again
    assert terminal.run("say-hi") == 0


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_a_named_pipe_in_place_of_the_plaintext_file_does_not_block(terminal: Terminal) -> None:
    file = terminal.environment.state_dir / "insecure-session-default.json"
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    terminal.login("--insecure-storage")
    assert terminal.run("say-hi") == 0
    assert "insecure file" in json.dumps(terminal.run("whoami", "--json") or terminal.json)


def test_a_folder_in_place_of_the_plaintext_file_is_reported_before_a_code_is_requested(terminal: Terminal) -> None:
    (terminal.environment.state_dir / "insecure-session-default.json").mkdir(parents=True)
    assert terminal.run("login", "--insecure-storage") == 9
    assert terminal.paths == []


def test_a_login_that_cannot_be_stored_is_removed_from_the_session_index(terminal: Terminal) -> None:
    set_password = terminal.keyring.set_password

    def refusing(service: str, username: str, password: str) -> None:
        if service == manifest_name("awesome-cli", "default"):
            raise OSError(service)
        set_password(service, username, password)

    terminal.keyring.set_password = refusing  # type: ignore[method-assign]  # such as a full one
    terminal.issuer.auto_approve = True
    assert terminal.run("login") == 9
    assert json.loads((terminal.environment.state_dir / "sessions.json").read_text()) == {"profiles": {}}
    assert terminal.paths[-2:] == ["/revoke", "/revoke"]
