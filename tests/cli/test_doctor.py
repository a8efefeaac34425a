"""``awesome doctor``: every check, passed and failed, and no personal data in the output."""

from __future__ import annotations

import json
import os
import ssl
import sys
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from awesome_cli import __version__, awesome
from awesome_cli.cli.doctor_checks import check_clock, check_folder, installed_version
from awesome_cli.cli.style import SYMBOLS
from awesome_cli.errors import InvalidTokenError
from awesome_cli.oauth.response import Response
from awesome_cli.system.account_folders import account_folders, account_home
from awesome_cli.testing.keyring import MemoryKeyring
from awesome_cli.testing.terminal import Stream, from_httpx, to_httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from support.terminal import Terminal

PASSED, NEUTRAL, FAILED = (SYMBOLS[name][0] for name in ("success", "neutral", "error"))
NOTHING: dict[str, Any] = {"AWESOME_ISSUER": None, "AWESOME_CLIENT_ID": None}


class ReadOnlyKeyring(MemoryKeyring):
    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(service, username, password)


def examine(terminal: Terminal, *options: str, **environ: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - as a terminal takes them
    """Return the findings by check. The exit code must be that of the first failed check."""
    code = terminal.run("doctor", "--json", *options, **environ)
    findings = terminal.json["findings"]
    assert terminal.json["exit_code"] == code
    assert code == next((finding["exit_code"] for finding in findings if finding["ok"] is False), 0)
    assert all((finding["exit_code"] == 0) is (finding["ok"] is not False) for finding in findings)
    assert len({finding["check"] for finding in findings}) == len(findings)
    return {finding["check"]: finding for finding in findings}


def answer(terminal: Terminal, change: Callable[[str, Response], Response]) -> None:
    """Let the provider respond, with responses changed by path."""

    def changed(request: httpx.Request) -> httpx.Response:
        response = terminal.issuer.respond(from_httpx(request))
        return to_httpx(change(request.url.path, response))

    terminal.answer = changed


def configure(terminal: Terminal, text: str) -> None:
    terminal.environment.config_dir.mkdir(exist_ok=True)
    (terminal.environment.config_dir / "config.toml").write_text(text, encoding="utf-8")


def test_a_passed_check_prints_one_line(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("doctor", "--online") == 0
    assert [line[:2] for line in terminal.out.splitlines() if line.startswith(FAILED)] == []
    *checks, verdict = [line.partition(":")[0] for line in terminal.out.splitlines() if line and line[0] != " "]
    assert verdict == "All well"
    assert checks == [
        "Settings",
        f"{PASSED} profile",
        f"{NEUTRAL} config file",
        f"{NEUTRAL} network settings",
        f"{PASSED} issuer",
        f"{PASSED} client id",
        f"{NEUTRAL} audience",
        f"{PASSED} scope",
        f"{NEUTRAL} api url",
        "Provider",
        f"{PASSED} provider",
        f"{PASSED} clock",
        f"{PASSED} discovery",
        f"{PASSED} keys",
        f"{PASSED} device grant",
        "Keyring",
        f"{PASSED} keyring",
        f"{PASSED} plain file",
        "Session",
        f"{NEUTRAL} given token",
        f"{PASSED} session",
        "This machine",
        f"{PASSED} lock folder",
        f"{PASSED} config folder",
        f"{PASSED} state folder",
        f"{PASSED} cache folder",
        f"{PASSED} versions",
    ]


def test_a_failed_check_prints_one_line_and_its_advice_below(terminal: Terminal) -> None:
    assert terminal.run("doctor") == 4
    assert f"{FAILED} session: You are not signed in.\n    Sign in with: awesome login\n" in terminal.out
    verdict = terminal.out.splitlines()[-1]
    assert verdict == "1 problem: session: You are not signed in. Sign in with: awesome login"
    assert terminal.err == ""


@pytest.mark.parametrize(("encoding", "glyphs"), [("utf-8", {PASSED, NEUTRAL, FAILED}), ("ascii", {"ok", "--", "!!"})])
def test_a_stream_that_cannot_encode_the_symbols_gets_ascii_ones(
    terminal: Terminal, encoding: str, glyphs: set[str]
) -> None:
    class Encoded(Stream):
        @property
        def encoding(self) -> str:  # type: ignore[override]  # a plain attribute of StringIO's
            return encoding

    terminal.set(stdout=Encoded())
    awesome.run(["doctor"], environment=terminal.environment)
    lines = terminal.environment.stdout.getvalue().splitlines()  # type: ignore[attr-defined]
    assert {line.split()[0] for line in lines if ":" in line and not line.startswith(" ")} == {*glyphs, "1"}


def test_only_online_requests_a_device_code(terminal: Terminal) -> None:
    assert examine(terminal)["device grant"]["ok"] is None
    assert "/device/code" not in terminal.paths
    assert examine(terminal, "--online")["device grant"]["ok"] is True
    assert terminal.paths.count("/device/code") == 1
    assert "/token" not in terminal.paths


def test_doctor_reports_a_disabled_device_grant_with_advice(terminal: Terminal) -> None:
    refusal = Response(403, b'{"error": "unauthorized_client", "error_description": "Grant type not allowed"}')
    answer(terminal, lambda path, response: refusal if path == "/device/code" else response)
    found = examine(terminal, "--online")["device grant"]
    assert (found["ok"], found["exit_code"]) == (False, 7)
    assert "unauthorized_client (Grant type not allowed)" in found["what"]
    assert "device authorization grant" in found["advice"]
    at_auth0 = {"AWESOME_ISSUER": None, "AWESOME_DOMAIN": "provider.example"}
    assert "Auth0 dashboard" in examine(terminal, "--online", **at_auth0)["device grant"]["advice"]


def test_doctor_reports_a_missing_device_authorization_endpoint(terminal: Terminal) -> None:
    answer(terminal, lambda _, response: Response(200, response.body.replace(b"device_authorization_endpoint", b"x")))
    found = examine(terminal)
    assert found["discovery"]["ok"] is True
    assert found["device grant"]["ok"] is False
    assert "names no device_authorization_endpoint" in found["device grant"]["what"]


def test_doctor_shows_each_setting_with_its_source(terminal: Terminal) -> None:
    configure(terminal, '[profiles.default]\naudience = "https://api.example/"\napi_url = "https://api.example/v1"\n')
    found = examine(terminal, AWESOME_SCOPE="openid email")
    assert {check: found[check]["what"] for check in ("issuer", "client id", "audience", "scope", "api url")} == {
        "issuer": "https://provider.example/ (AWESOME_ISSUER)",
        "client id": "test-client (AWESOME_CLIENT_ID)",
        "audience": "https://api.example/ (config.toml)",
        "scope": "openid email (AWESOME_SCOPE)",
        "api url": "https://api.example/v1 (config.toml)",
    }
    assert found["config file"]["what"].endswith("config.toml, profiles: 1")


def test_doctor_reports_missing_settings_without_a_request(terminal: Terminal) -> None:
    found = examine(terminal, **NOTHING)
    assert (found["issuer"]["ok"], found["issuer"]["exit_code"]) == (False, 3)
    assert found["client id"]["what"] == "The client id is not set."
    assert found["discovery"]["what"] == "not checked: settings are missing"
    assert terminal.paths == []


def test_doctor_uses_the_settings_of_the_stored_session(terminal: Terminal) -> None:
    terminal.login()
    found = examine(terminal, **NOTHING)
    assert found["issuer"]["what"] == "https://provider.example/ (the session's)"
    assert found["session"]["ok"] is True
    assert found["discovery"]["ok"] is True


def test_doctor_reports_invalid_settings(terminal: Terminal) -> None:
    found = examine(terminal, AWESOME_ISSUER="http://provider.example/")
    assert (found["settings"]["ok"], found["settings"]["exit_code"]) == (False, 3)
    assert found["keys"]["what"] == "not checked: the settings cannot be used"


def test_doctor_reports_an_invalid_config_file_and_continues(terminal: Terminal) -> None:
    configure(terminal, "[broken\n")
    found = examine(terminal)
    assert (found["config file"]["ok"], found["config file"]["exit_code"]) == (False, 3)
    assert "line 1" in found["config file"]["what"]
    assert found["keyring"]["ok"] is True


def test_doctor_reports_an_unknown_setting(terminal: Terminal) -> None:
    configure(terminal, '[profiles.default]\nclientid = "a"\n')
    found = examine(terminal)["config file"]
    assert found["ok"] is None
    assert found["what"].endswith("sets what awesome does not know: clientid")


def test_doctor_names_network_variables_without_their_values(terminal: Terminal) -> None:
    found = examine(terminal, https_proxy="http://juan:geheim@proxy:3128", SSL_CERT_FILE="/etc/ca.pem", NO_PROXY="")
    assert found["network settings"]["what"] == "set are SSL_CERT_FILE, https_proxy"
    assert "geheim" not in terminal.out


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionRefusedError(), "the connection was refused"),
        (ssl.SSLCertVerificationError(), "its TLS certificate is not trusted"),
        (TimeoutError(), "no complete response in time"),
    ],
)
def test_doctor_reports_why_the_provider_is_unreachable(terminal: Terminal, error: Exception, message: str) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    terminal.answer = fail
    found = examine(terminal)
    assert (found["provider"]["ok"], found["provider"]["exit_code"]) == (False, 7)
    assert message in found["provider"]["what"]
    assert {found[check]["ok"] for check in ("clock", "discovery", "keys", "device grant")} == {None}


def test_the_advice_names_a_proxy_variable_without_its_password(terminal: Terminal) -> None:
    terminal.answer = lambda _: (_ for _ in ()).throw(ConnectionRefusedError())
    assert "it may be the proxy" not in examine(terminal)["provider"]["advice"]
    found = examine(terminal, https_proxy="http://juan:geheim@proxy:3128", ALL_PROXY="")["provider"]
    assert found["advice"].endswith(" https_proxy sends requests through a proxy: it may be the proxy that fails.")
    assert "geheim" not in terminal.out


def test_doctor_reports_invalid_tls_settings(terminal: Terminal) -> None:
    terminal.set(transport=None)
    found = examine(terminal, SSL_CERT_FILE="/nowhere/ca.pem")
    assert (found["provider"]["ok"], found["provider"]["exit_code"]) == (False, 3)
    assert "SSL_CERT_FILE cannot be used" in found["provider"]["what"]
    assert found["keys"]["what"] == "not checked: the provider cannot be reached"


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (Response(404, b"{}"), "There is no discovery document"),
        (Response(503), "There is no discovery document"),
        (Response(200, b'{"issuer": "https://other.example/"}'), "calls itself https://other.example/"),
        (Response(200, b'{"issuer": "https://provider.example/"}'), "names no token_endpoint"),
    ],
)
def test_doctor_reports_an_invalid_discovery_document(terminal: Terminal, response: Response, message: str) -> None:
    answer(terminal, lambda path, normal: response if "openid-configuration" in path else normal)
    found = examine(terminal)
    assert found["provider"]["ok"] is True
    assert (found["discovery"]["ok"], found["discovery"]["exit_code"]) == (False, 7)
    assert message in found["discovery"]["what"]
    assert found["keys"]["what"] == "not checked: there is no discovery"


def test_doctor_reports_a_jwks_that_cannot_be_fetched(terminal: Terminal) -> None:
    answer(terminal, lambda path, response: Response(200, b"{}") if "jwks" in path else response)
    found = examine(terminal)["keys"]
    assert (found["ok"], found["exit_code"]) == (False, 7)


def test_a_provider_without_a_usable_key_fails_and_names_the_setting(terminal: Terminal) -> None:
    keys = {"keys": [{"kty": "oct"}, {"kty": "OKP"}, {"kty": "RSA", "alg": "PS256"}]}
    answer(terminal, lambda path, response: Response(200, json.dumps(keys).encode()) if "jwks" in path else response)
    found = examine(terminal)["keys"]
    assert (found["ok"], found["exit_code"]) == (False, 8)
    assert found["what"] == "None of the provider's 3 signing keys can be used."
    assert "RS256" in found["advice"]


@pytest.mark.parametrize("error", [0, 60, -60])
def test_a_clock_within_a_minute_of_the_providers_passes(error: float) -> None:
    assert check_clock(response_at(1_800_000_000), 1_800_000_000 + error).what == "it agrees with the provider's"


@pytest.mark.parametrize(("error", "message"), [(-240, "4 min behind"), (3600, "60 min ahead of")])
def test_a_clock_off_by_several_minutes_fails(error: float, message: str) -> None:
    with pytest.raises(InvalidTokenError, match=f"Your clock is {message} the provider's."):
        check_clock(response_at(1_800_000_000), 1_800_000_000 + error)


def response_at(instant: float) -> Response:
    return Response(200, b"", {"date": formatdate(instant, usegmt=True)})


def test_the_clock_check_neither_passes_nor_fails_without_a_date_header() -> None:
    assert check_clock(Response(200), 0).ok is None


def test_doctor_reports_a_keyring_that_cannot_be_written_to(terminal: Terminal) -> None:
    terminal.set(keyring=ReadOnlyKeyring())
    found = examine(terminal)["keyring"]
    assert (found["ok"], found["exit_code"]) == (False, 9)
    assert "Could not write to the keyring (RuntimeError)" in found["what"]
    assert "--insecure-storage" in found["advice"]


def test_with_a_plaintext_file_a_working_keyring_is_not_required(terminal: Terminal) -> None:
    terminal.login("--insecure-storage")
    terminal.set(keyring=ReadOnlyKeyring())
    found = examine(terminal)
    assert found["keyring"]["ok"] is None
    assert found["keyring"]["what"].endswith("The plain file serves instead.")
    assert found["plain file"]["ok"] is None
    assert "tokens lie as plain text in a plain file: " in found["plain file"]["what"]
    assert found["session"]["ok"] is True


def test_doctor_reports_an_invalid_keyring_timeout(terminal: Terminal) -> None:
    found = examine(terminal, AWESOME_KEYRING_TIMEOUT="soon")
    assert (found["keyring"]["ok"], found["keyring"]["exit_code"]) == (False, 3)
    assert (found["session"]["ok"], found["session"]["exit_code"]) == (False, 3)


def test_the_keyring_check_leaves_no_entry(terminal: Terminal) -> None:
    assert examine(terminal)["keyring"]["ok"] is True
    assert terminal.keyring.entries() == {}


def test_doctor_reports_an_expired_session_without_a_refresh_token(terminal: Terminal) -> None:
    terminal.login("--scope", "openid")
    found = examine(terminal)["session"]
    assert found["what"] == "complete; access token: 60 minutes left, cannot be renewed"
    terminal.time.pass_by(3601)
    found = examine(terminal)["session"]
    assert (found["ok"], found["exit_code"]) == (False, 4)
    assert found["what"] == "The session has ended, and carries no refresh token."


def test_an_expired_session_with_a_refresh_token_passes(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(3601)
    found = examine(terminal)["session"]
    assert (found["ok"], found["what"]) == (True, "complete; access token: expired, renewed at next use")
    assert terminal.issuer.refreshes == 0


def test_doctor_reports_a_session_that_cannot_be_read(terminal: Terminal) -> None:
    terminal.login()
    part = next(service for service, _ in terminal.keyring.entries() if service.endswith(":0"))
    terminal.keyring.set_password(part, "awesome", "junk")
    found = examine(terminal)["session"]
    assert (found["ok"], found["exit_code"]) == (False, 4)
    assert "cannot be read" in found["what"]


def test_doctor_reports_a_session_that_does_not_match_the_settings(terminal: Terminal) -> None:
    terminal.login()
    found = examine(terminal, AWESOME_CLIENT_ID="other")["session"]
    assert (found["ok"], found["exit_code"]) == (False, 4)
    assert "the settings ask for the client id other" in found["what"]


def test_doctor_accepts_a_token_in_the_environment_in_place_of_a_session(terminal: Terminal) -> None:
    found = examine(terminal, AWESOME_ACCESS_TOKEN="given")
    assert found["given token"]["ok"] is True
    assert (found["session"]["ok"], found["session"]["what"]) == (None, "You are not signed in.")
    found = examine(terminal, AWESOME_ACCESS_TOKEN="no token")
    assert (found["given token"]["ok"], found["given token"]["exit_code"]) == (False, 3)


def test_doctor_tries_the_lock_folders_in_order(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awesome_cli.cli.doctor.account_home", lambda: "")  # which on Windows is above the folders
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    bad, good = in_the_way / "locks", tmp_path / "locks"
    for folders, ok, exit_code, message in (
        ((good,), True, 0, str(good)),
        ((bad, good), None, 0, f"{bad} cannot be used; {good} serves instead"),
        ((bad,), False, 7, "No folder can be used"),
    ):
        terminal.set(account_dirs=folders)
        found = examine(terminal)["lock folder"]
        assert (found["ok"], found["exit_code"]) == (ok, exit_code)
        assert found["what"].startswith(message)


def test_a_folder_passes_if_it_is_writable_or_can_be_created(tmp_path: Path) -> None:
    assert check_folder("state folder", tmp_path, "").ok is True
    assert check_folder("state folder", tmp_path / "new" / "deep", "").ok is True
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    found = check_folder("state folder", tmp_path / "file" / "below", "something is missing")
    assert (found.ok, found.exit_code) == (None, 0)
    assert found.what.endswith("below cannot be written: something is missing")


def test_doctor_shows_the_versions(terminal: Terminal) -> None:
    what = examine(terminal)["versions"]["what"]
    assert what.startswith(f"awesome {__version__}, Python 3.")
    assert "httpx 0." in what


def test_the_version_of_a_package_without_metadata_is_unknown() -> None:
    assert installed_version("not-installed") == "(unknown)"


@pytest.mark.parametrize("home", [None, "/elsewhere"])
def test_the_home_folder_of_the_account_is_hidden_even_if_home_differs(
    home: str | None, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awesome_cli.cli.doctor.account_home", lambda: str(tmp_path))
    assert terminal.run("doctor", HOME=home) != 0
    assert str(Path("~/config")) in terminal.out
    assert str(tmp_path) not in terminal.out


def test_the_output_of_doctor_contains_no_secrets_and_no_personal_data(terminal: Terminal, tmp_path: Path) -> None:
    terminal.login()
    secrets = [value for entry in terminal.keyring.entries().values() for value in _long_strings(entry)]
    output = ""
    for options in ([], ["--json"], ["--online", "--verbose"]):
        assert terminal.run("doctor", *options, HOME=str(tmp_path), AWESOME_ACCESS_TOKEN="given-secret") == 0
        output += terminal.out + terminal.err
    private = ["Juan", "demo|juan", "juan@example.com", "given-secret", str(tmp_path), *secrets]
    assert [text for text in private if text in output] == []
    codes = terminal.issuer._grants.items()  # noqa: SLF001 - the device codes that were issued
    assert codes
    assert [code for code, grant in codes if code in output or grant.user_code in output] == []


def _long_strings(entry: str) -> Iterator[str]:
    """Yield the long strings of an entry: tokens, and parts of them."""
    try:
        values = json.loads(entry)
    except ValueError:
        values = {"": entry}
    yield from (value for value in values.values() if isinstance(value, str) and len(value) > 30)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no password database")
def test_an_account_missing_from_the_password_database_has_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(user: int) -> None:
        raise KeyError(user)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert account_home() == ""
    assert account_folders("awesome-cli")[-1].endswith(f"/awesome-cli-{os.geteuid()}")
