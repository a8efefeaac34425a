"""The fast path with real Secret Services: same output and exit codes as the full program, without its modules."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.requirements import require

if sys.platform != "linux":
    pytest.skip("the Secret Service is Linux's", allow_module_level=True)

from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.desktop import Desktop
from support.process import wait
from support.secret_service import SecretService, dead_bus, gnome_keyring, keepassxc

CODE = """
import os, sys
from awesome_cli import session_reader
from awesome_cli import awesome
session_reader.TIMEOUT = float(os.environ.get("TIMEOUT", "30"))  # seconds, on a busy machine
try:
    awesome()
finally:
    print("full" if "awesome_cli.account" in sys.modules else "fast", file=sys.stderr)
"""
LOADED = """
import sys
before = {{*sys.modules}}  # coverage imports some
{program}
from awesome_cli import session_reader
session_reader.TIMEOUT = 30  # seconds, on a busy machine
try:
    program()
finally:
    print(*before, file=sys.stderr)
    print(*{{*sys.modules}} - before, file=sys.stderr)
"""
FORCE_FULL = {"AWESOME_KEYRING_TIMEOUT": "30"}  # the default value, but as a variable the fast path does not support it


class Output(NamedTuple):
    """Exit code and output of a process; ``path`` is "fast" or "full"."""

    code: int
    out: str
    err: str
    path: str


class ProviderDesktop:
    """A desktop and its provider."""

    def __init__(self, desktop: Desktop, issuer: ProviderSimulator) -> None:
        self.desktop = desktop
        self.issuer = issuer

    def run(self, *argv: str, **environ: str) -> Output:
        result = wait(self.desktop.start_python("-c", CODE, *argv, **environ))
        *err, path = result.err.splitlines()
        return Output(result.code, result.out, "\n".join(err), path)

    def login(self, *options: str) -> None:
        settings = {"AWESOME_ISSUER": self.issuer.url, "AWESOME_CLIENT_ID": self.issuer.client_id}
        assert self.run("login", *options, **settings).code == 0

    def run_both(self, *argv: str, **environ: str) -> tuple[Output, Output]:
        return self.run(*argv, **environ), self.run(*argv, **environ, **FORCE_FULL)


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderDesktop]:
    require("dbus-daemon", "gnome-keyring-daemon")
    with serve(_issuer) as issuer, gnome_keyring() as service:
        yield ProviderDesktop(Desktop(tmp_path_factory.mktemp("home"), service, is_measured=True), issuer)


def _issuer(url: str) -> ProviderSimulator:
    return ProviderSimulator(now=time.time, url=url, auto_approve=True, interval=0.05)


@pytest.fixture
def signed_in(desktop: ProviderDesktop) -> Iterator[ProviderDesktop]:
    desktop.issuer.token_lifetime = 86_400
    desktop.login("--force")
    yield desktop
    assert desktop.run("logout").code == 0


@pytest.mark.parametrize("argv", [("say-hi",), ("whoami",), ("whoami", "--json")], ids=" ".join)
def test_the_fast_path_prints_what_the_full_program_prints(signed_in: ProviderDesktop, argv: tuple[str, ...]) -> None:
    fast, full = signed_in.run_both(*argv)
    assert (fast.path, full.path) == ("fast", "full")
    assert fast[:3] == full[:3]
    assert fast.code == 0
    assert "Juan" in fast.out


PACKAGES = """
    anyio argparse asyncio certifi cryptography dataclasses datetime email filelock httpx importlib.metadata inspect
    jeepney jose keyring logging pathlib platformdirs rich secretstorage segno subprocess tempfile threading tomlkit
    traceback truststore typer
"""  # what takes a while to import
SESSION = {"cryptography", "dataclasses", "inspect", "jeepney", "secretstorage"}
OWN_COMMAND = """
import argparse
from awesome_cli import Program

def main(argv):
    parser = argparse.ArgumentParser("acme")
    parser.add_argument("greeting")
    print(parser.parse_args(argv).greeting, program.user().name)

program = Program("awesome", app=main, app_dir="awesome-cli", keyring_service="awesome-cli")
"""


@pytest.mark.parametrize(
    ("argv", "program", "expected"),
    [
        (("say-hi",), "", {"jeepney"}),
        (("whoami",), "", {"datetime", "jeepney"}),
        (("token",), "", SESSION),
        (("token", "--format", "header"), "", SESSION),
        (("token", "--json"), "", SESSION | {"datetime"}),
        (("hello",), OWN_COMMAND, {"argparse", "jeepney"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_on_a_valid_session_imports_only_what_it_uses(
    signed_in: ProviderDesktop, argv: tuple[str, ...], program: str, expected: set[str]
) -> None:
    code = LOADED.format(program=program or "from awesome_cli import awesome as program")
    result = wait(signed_in.desktop.start_python("-c", code, *argv))
    before, loaded = (set(line.split()) for line in result.err.splitlines()[-2:])
    assert result.code == 0
    assert loaded & {*PACKAGES.split()} == expected - before


def test_a_renewal_imports_no_parser_and_nothing_of_a_sign_in(signed_in: ProviderDesktop) -> None:
    code = LOADED.format(program="from awesome_cli import awesome as program")
    result = wait(signed_in.desktop.start_python("-c", code, "token", "--min-ttl", "90000"))
    loaded = {*result.err.splitlines()[-1].split()}
    assert result.code == 0
    assert {"awesome_cli.provider.client", "httpx", "jose"} <= loaded
    assert not any(name.startswith(("awesome_cli.oauth.device", "awesome_cli.provider.sign_in")) for name in loaded)
    assert loaded & {"argparse", "importlib.metadata", "keyring", "segno", "tomlkit", "truststore", "typer"} == set()


def test_the_fast_path_works_with_keepassxc(tmp_path: Path) -> None:
    require("dbus-daemon", "keepassxc")
    with serve(_issuer) as issuer:
        for _ in range(3):  # KeePassXC 2.7.4 crashes about once in 300 commands
            with keepassxc() as service:
                desktop = ProviderDesktop(Desktop(tmp_path, service, is_measured=True), issuer)
                try:
                    desktop.login()
                    fast, full = desktop.run_both("whoami", "--json")
                except AssertionError:
                    if service.is_running():
                        raise
                    continue
            assert fast[:3] == full[:3]
            assert (fast.code, fast.path, full.path) == (0, "fast", "full")
            return
    pytest.fail("KeePassXC crashed each time")


def test_settings_that_match_the_session_do_not_prevent_the_fast_path(signed_in: ProviderDesktop) -> None:
    settings = {
        "AWESOME_ISSUER": signed_in.issuer.url,
        "AWESOME_CLIENT_ID": "test-client",
        "AWESOME_PROFILE": "default",
    }
    assert signed_in.run("say-hi", **settings) == (0, "Welcome Juan!\n", "", "fast")


@pytest.mark.parametrize(
    "settings",
    [
        {"AWESOME_ISSUER": "https://another.example/"},
        {"AWESOME_CLIENT_ID": "another"},
        {"AWESOME_PROFILE": "nobody"},
        {"AWESOME_PROFILE": "no name at all!"},
        {"AWESOME_DOMAIN": "another.example"},
        {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
        {"XDG_STATE_HOME": "not-absolute"},
    ],
    ids=lambda settings: "=".join(*settings.items()),
)
def test_settings_that_may_select_another_session_start_the_full_program(
    signed_in: ProviderDesktop, settings: dict[str, str]
) -> None:
    first = signed_in.run("say-hi", **settings)
    again = signed_in.run("say-hi", **settings, **FORCE_FULL)
    assert first[:3] == again[:3]
    assert first.path == "full"


def test_an_expired_access_token_is_refreshed_by_the_full_program(signed_in: ProviderDesktop) -> None:
    signed_in.issuer.token_lifetime = 0
    signed_in.login("--force")
    signed_in.issuer.token_lifetime = 86_400
    assert signed_in.run("say-hi") == (0, "Welcome Juan!\n", "", "full")
    assert signed_in.run("say-hi") == (0, "Welcome Juan!\n", "", "fast")


def test_while_the_plain_file_exists_the_full_program_reads_it(signed_in: ProviderDesktop) -> None:
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "File"}
    signed_in.login("--force", "--insecure-storage")
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Juan"}
    assert signed_in.run("say-hi")[1::2] == ("Welcome File!\n", "full")


def test_placeholders_of_keyring_apps_in_a_name_are_printed_unchanged(signed_in: ProviderDesktop) -> None:
    signed_in.issuer.person = {**signed_in.issuer.person, "name": 'A "{USERNAME}" \\{TITLE}'}
    signed_in.login("--force")
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Juan"}
    assert signed_in.run("say-hi")[1::2] == ('Welcome A "{USERNAME}" \\{TITLE}!\n', "fast")


def test_a_setting_with_control_characters_is_printed_by_the_full_program(signed_in: ProviderDesktop) -> None:
    signed_in.login("--force", "--audience", "a\x1b[31m\u202eb")
    end = signed_in.run("whoami")
    assert (end.code, end.path) == (0, "full")
    assert "  For API       a[31mb\n" in end.out
    assert (
        signed_in.run("whoami", "--json").path == "full"
    )  # config.toml has escapes, which only the full program reads


def test_a_name_that_stdout_cannot_encode_is_printed_by_the_full_program(signed_in: ProviderDesktop) -> None:
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Zoë"}
    signed_in.login("--force")
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Juan"}
    assert signed_in.run("say-hi", PYTHONIOENCODING="ascii")[1::2] == ("Welcome Zo\\xeb!\n", "full")


def test_a_name_too_long_for_the_manifest_is_printed_by_the_full_program(signed_in: ProviderDesktop) -> None:
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "😀" * 250, "email": "😀" * 250}
    signed_in.login("--force")
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Juan", "email": "juan@example.com"}
    assert signed_in.run("say-hi")[1::2] == (f"Welcome {'😀' * 250}!\n", "full")


def test_without_a_session_the_full_program_reports_it(desktop: ProviderDesktop) -> None:
    fast, full = desktop.run_both("say-hi")
    assert fast == full
    assert fast.code == 4


def test_a_d_bus_that_never_answers_is_handled_by_the_full_program(tmp_path: Path) -> None:
    with dead_bus() as environ:
        bare = Desktop(tmp_path, SecretService(environ, lambda: None), is_measured=True)
        desktop = ProviderDesktop(bare, ProviderSimulator(now=time.time))
        end = desktop.run("say-hi", TIMEOUT="1")
    assert (end.code, end.path) == (9, "full")


def test_a_full_disk_behind_stdout_is_reported_by_the_full_program(signed_in: ProviderDesktop) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "awesome_cli", "say-hi"],
            env=signed_in.desktop.variables,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: The output could not be written (No space left on device).\n"


def test_reading_the_session_repeatedly_leaves_no_connection_open(signed_in: ProviderDesktop) -> None:
    program = (
        "import gc, os, awesome_cli; gc.disable()\n"
        "count = lambda: len(os.listdir('/proc/self/fd'))\n"
        "awesome_cli.session(); before = count()\n"
        "for _ in range(5): awesome_cli.session()\n"
        "print(count() - before)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=signed_in.desktop.variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


ACME = """
import argparse, os, sys
from awesome_cli import Program, User
from awesome_cli import session_reader
session_reader.TIMEOUT = 30  # seconds, on a busy machine

def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.parse_args(argv)
    print(acme.user().name)

acme = Program("acme", app=main, client_id="test-client", issuer=os.environ["PROVIDER"])
try:
    acme()
finally:
    loaded = {name.partition(".")[0] for name in sys.modules}
    print(*sorted(loaded & {"httpx", "jose", "typer", "keyring", "anyio", "cryptography"}), file=sys.stderr)
"""


@pytest.fixture
def acme(desktop: ProviderDesktop) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a company's program, and returns exit code, stdout and the last line of stderr."""

    def run(*argv: str, **environ: str) -> tuple[int, str, str]:
        variables = {"PROVIDER": desktop.issuer.url, **environ}
        result = wait(desktop.desktop.start_python("-c", ACME, *argv, **variables))
        return result.code, result.out, result.err.splitlines()[-1]

    return run


def test_the_commands_of_another_program_take_the_fast_path_too(acme: Callable[..., tuple[int, str, str]]) -> None:
    assert acme("login")[0] == 0
    code, out, loaded = acme("whoami")
    assert (code, out.splitlines()[0], loaded) == (0, "✓ Juan <juan@example.com>", "")
    assert acme("deploy") == (0, "Juan\n", "")
    assert acme("deploy", ACME_KEYRING_TIMEOUT="30")[:2] == (0, "Juan\n")  # by the full program
    assert acme("logout")[0] == 0
    assert acme("deploy")[0] == 4


def test_a_renewal_uses_the_connection_that_the_fast_path_opened(signed_in: ProviderDesktop) -> None:
    code = f"from jeepney.io import blocking\n{COUNTED}\n{CODE}"
    result = wait(signed_in.desktop.start_python("-c", code, "token", "--min-ttl", "90000"))
    assert result.code == 0
    assert result.err.splitlines().count("connected") == 1
    assert signed_in.desktop.run("token").out == result.out


COUNTED = """
class Counted(blocking.DBusConnection):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        print("connected", file=__import__("sys").stderr)
blocking.DBusConnection = Counted
"""
