"""The program on Windows: a Python for Windows under Wine, with the Credential Locker and a provider on loopback."""

from __future__ import annotations

import json
import re
import shutil

import httpx
import pytest

from awesome_cli import __version__
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.terminal import Result
from support.provider import issuing_expired_tokens
from support.windows import Windows, wait_on_windows, windows_path

LOCKER = "keyring.backends.Windows.WinVaultKeyring"
AT_ONCE = 6
PROFILES = ("one", "two", "three")


class WindowsProgram:
    """Runs commands with variables for the provider."""

    def __init__(self, python: Windows, issuer: ProviderSimulator) -> None:
        self.python = python
        self.environ = {
            "AWESOME_ISSUER": issuer.url,
            "AWESOME_CLIENT_ID": issuer.client_id,
            "AWESOME_API_URL": issuer.api_url,
        }

    def run(self, *argv: str) -> Result:
        return self.python.awesome(*argv, **self.environ)

    def succeed(self, *argv: str) -> Result:
        end = self.run(*argv)
        assert end.code == 0, end.err
        return end

    def succeed_concurrently(self, *commands: tuple[str, ...]) -> list[Result]:
        processes = [self.python.start("-m", "awesome_cli", *argv, **self.environ) for argv in commands]
        ends = [wait_on_windows(process) for process in processes]
        assert [end.code for end in ends] == [0] * len(ends), ends
        return ends


@pytest.fixture
def program(windows_python: Windows, issuer: ProviderSimulator) -> WindowsProgram:
    shutil.rmtree(windows_python.app_data / "awesome-cli", ignore_errors=True)
    return WindowsProgram(windows_python, issuer)


def test_a_session_is_stored_in_the_credential_locker_from_login_to_logout(
    program: WindowsProgram, issuer: ProviderSimulator
) -> None:
    assert program.run("say-hi").code == 4
    code, signed_in = map(json.loads, program.succeed("login", "--json").out.splitlines())
    assert code["event"] == "device_code"
    assert (signed_in["event"], signed_in["name"], signed_in["store"]) == ("signed_in", "Juan", LOCKER)
    assert program.succeed("say-hi").out == "Welcome Juan!\n"
    assert program.succeed("whoami", "--json").json["store"] == LOCKER
    first = program.succeed("token").out
    assert program.succeed("token", "--min-ttl", "100000").out not in ("", first)
    assert (issuer.refreshes, issuer.reuses) == (1, 0)
    assert program.succeed("api", "hello").json["message"] == "Hello Juan!"
    assert program.succeed("logout").out == ""
    assert _secret(program, "awesome-cli:default") == "None\n"
    assert program.run("say-hi").code == 4
    assert program.run("logout").code == 0


def test_a_browser_on_this_machine_signs_in(program: WindowsProgram) -> None:
    process = program.python.start("-m", "awesome_cli", "login", "--web", "--json", **program.environ)
    assert process.stdout
    url = json.loads(process.stdout.readline())["url"]
    page = httpx.get(url, follow_redirects=True, trust_env=False)
    assert "You are signed in" in page.text
    end = wait_on_windows(process)
    assert (end.code, end.json["event"]) == (0, "signed_in"), end.err
    assert program.succeed("say-hi").out == "Welcome Juan!\n"
    program.succeed("logout")


def test_a_code_that_waits_is_stored_in_the_credential_locker(program: WindowsProgram) -> None:
    assert program.succeed("login", "--no-wait", "--json").json["event"] == "device_code"
    assert _secret(program, "awesome-cli:default:pending:0").startswith("1:")
    assert program.succeed("login", "--resume", "--json").json["event"] == "signed_in"
    assert _secret(program, "awesome-cli:default:pending:0") == "None\n"
    program.succeed("logout")


def _secret(program: WindowsProgram, name: str) -> str:
    code = f"import keyring; print(keyring.get_password({name!r}, 'awesome'))"
    return program.python.run("-c", code).out


def test_saving_settings_repeatedly_keeps_the_line_ends(program: WindowsProgram, issuer: ProviderSimulator) -> None:
    config = program.python.app_data / "awesome-cli/config.toml"
    at_provider = ("--issuer", issuer.url, "--client-id", issuer.client_id)

    def login(name: str, *options: str) -> tuple[str, ...]:
        return ("--profile", name, "login", *options)

    program.succeed_concurrently(
        *(login(name, *at_provider, "--audience", f"https://{name}.example/") for name in PROFILES)
    )
    written = config.read_bytes()
    assert b"\r" not in written

    edited = b"# by hand\r\n" + written.replace(b"\n", b"\r\n")  # as an editor for Windows saves it
    config.write_bytes(edited)
    program.succeed_concurrently(
        *(login(name, "--force", "--audience", f"https://new-{name}.example/") for name in PROFILES)
    )
    assert config.read_bytes() == re.sub(rb"https://(?=(one|two|three)\.)", b"https://new-", edited)
    program.succeed_concurrently(*(("--profile", "one", command) for command in ("say-hi", "whoami", "doctor")))
    program.succeed_concurrently(*(("--profile", name, "token") for name in PROFILES))
    program.succeed("logout", "--all")


def test_concurrent_commands_with_an_expired_access_token_refresh_once(
    program: WindowsProgram, issuer: ProviderSimulator
) -> None:
    with issuing_expired_tokens(issuer):
        program.succeed("login")
    ends = program.succeed_concurrently(*[("token",)] * AT_ONCE)
    assert {end.out for end in ends} == {program.succeed("token").out}
    assert (issuer.refreshes, issuer.reuses) == (1, 0)
    program.succeed("logout")


def test_doctor_succeeds_and_does_not_print_the_home_folder(program: WindowsProgram) -> None:
    program.succeed("login")
    report = program.succeed("doctor", "--online").out
    assert "ok keyring: Windows Credential Locker" in report
    assert "!!" not in report
    assert "~\\AppData\\Local\\awesome-cli" in report
    assert program.python.app_data.parts[-3] + "\\" not in report
    program.succeed("logout")


def test_the_demo_runs_to_its_end(program: WindowsProgram) -> None:
    assert program.succeed("demo", "--auto").out == "Welcome Juan!\nWelcome Juan!\n"


def test_demo_serve_prints_settings_for_powershell(program: WindowsProgram) -> None:
    process = program.python.start("-m", "awesome_cli", "demo", "serve")
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(5)]
    process.kill()
    wait_on_windows(process)
    assert lines[0] == '$env:AWESOME_PROFILE = "demo"\n'
    assert re.fullmatch(r'\$env:AWESOME_ISSUER = "http://127\.0\.0\.1:\d+/"\n', lines[1])
    assert lines[2] == '$env:AWESOME_CLIENT_ID = "awesome-demo"\n'


def test_a_login_with_the_plain_file_works_without_posix_modes(program: WindowsProgram) -> None:
    program.succeed("login", "--insecure-storage")
    assert program.succeed("say-hi").err == ""
    assert "insecure file" in program.succeed("whoami", "--json").json["store"]
    program.succeed("logout")
    assert list((program.python.app_data / "awesome-cli").glob("insecure-*")) == []


def test_powershell_is_recognised_and_gets_its_completion(program: WindowsProgram) -> None:
    """The shell is found among the parent processes, by the name of its program."""
    python = program.python.python
    shutil.copy(python / "python.exe", python / "powershell.exe")
    command = [windows_path(python / "python.exe"), "-m", "awesome_cli", "--show-completion"]
    end = program.python.run("-c", f"import subprocess; subprocess.run({command!r})", program="powershell.exe")
    assert "Register-ArgumentCompleter -Native -CommandName awesome" in end.out
    question = {"_AWESOME_COMPLETE": "complete_powershell", "_TYPER_COMPLETE_ARGS": "awesome who"}
    answer = program.python.awesome(**question, _TYPER_COMPLETE_WORD_TO_COMPLETE="who")
    assert answer.out.startswith("whoami:::")


def test_the_console_script_runs(program: WindowsProgram) -> None:
    script = program.python.prefix / "site/bin/awesome.exe"
    code = f"import subprocess; subprocess.run([{windows_path(script)!r}, '--version'])"
    assert program.python.run("-c", code).out == f"awesome {__version__}\n"
