"""The fast lane over real Secret Services: the words and codes of the full program, in a fraction of its modules."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.requirements import require

if sys.platform != "linux":
    pytest.skip("the Secret Service is Linux's", allow_module_level=True)

import awesome_cli
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.secret_service import SecretService, dead_bus, gnome_keyring, keepassxc

PROGRAM = """
import os, sys
from awesome_cli.cli.main import run
if "PATIENCE" in os.environ:
    from awesome_cli.cli import fast_path as fastlane
    fastlane.PATIENCE = float(os.environ["PATIENCE"])
try:
    run()
finally:
    print("full" if "typer" in sys.modules else "fast", file=sys.stderr)
"""
IN_FULL = {"AWESOME_KEYRING_TIMEOUT": "30"}  # the default, said aloud: a setting that the fast lane does not judge


class End(NamedTuple):
    """What a process printed and how it ended; ``lane`` is the one that answered."""

    code: int
    out: str
    err: str
    lane: str


class Desk:
    """A person's desk: one Secret Service, one provider."""

    def __init__(self, service: SecretService, issuer: ProviderSimulator) -> None:
        self.issuer = issuer
        self.home = Path(service.environ["HOME"])
        passed_on = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        self.environ = {
            **passed_on,
            **service.environ,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(awesome_cli.__file__).parents[1]),
            "PATIENCE": "30",  # seconds, on the busiest machine
        }

    def run(self, *argv: str, **environ: str) -> End:
        variables = {**self.environ, **environ}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *argv],
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        *err, lane = done.stderr.splitlines()
        return End(done.returncode, done.stdout, "\n".join(err), lane)

    def login(self, *options: str) -> None:
        settings = {"AWESOME_ISSUER": self.issuer.url, "AWESOME_CLIENT_ID": self.issuer.client_id}
        assert self.run("login", *options, **settings).code == 0

    def both(self, *argv: str, **environ: str) -> tuple[End, End]:
        return self.run(*argv, **environ), self.run(*argv, **environ, **IN_FULL)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    require("dbus-daemon", "gnome-keyring-daemon")
    with serve(_issuer) as issuer, gnome_keyring() as service:
        yield Desk(service, issuer)


def _issuer(url: str) -> ProviderSimulator:
    return ProviderSimulator(now=time.time, url=url, auto_approve=True, interval=0.05)


@pytest.fixture
def signed_in(desk: Desk) -> Iterator[Desk]:
    desk.issuer.token_lifetime = 86_400
    desk.login("--force")
    yield desk
    assert desk.run("logout").code == 0


@pytest.mark.parametrize("argv", [("say-hi",), ("whoami",), ("whoami", "--json")], ids=" ".join)
def test_both_lanes_say_the_same_of_a_live_session(signed_in: Desk, argv: tuple[str, ...]) -> None:
    fast, full = signed_in.both(*argv)
    assert (fast.lane, full.lane) == ("fast", "full")
    assert fast[:3] == full[:3]
    assert fast.code == 0
    assert "Juan" in fast.out


def test_both_lanes_say_the_same_over_keepassxc_too() -> None:
    require("dbus-daemon", "keepassxc")
    with serve(_issuer) as issuer:
        for _ in range(3):  # KeePassXC 2.7.4 crashes by itself in some 300 commands
            with keepassxc() as service:
                desk = Desk(service, issuer)
                try:
                    desk.login()
                    fast, full = desk.both("whoami", "--json")
                except AssertionError:
                    if service.is_running():
                        raise
                    continue
            assert fast[:3] == full[:3]
            assert (fast.code, fast.lane, full.lane) == (0, "fast", "full")
            return
    pytest.fail("KeePassXC crashed by itself each time")


def test_settings_that_agree_with_the_session_keep_the_lane(signed_in: Desk) -> None:
    settings = {
        "AWESOME_ISSUER": signed_in.issuer.url,
        "AWESOME_CLIENT_ID": "test-client",
        "AWESOME_PROFILE": "default",
    }
    assert signed_in.run("say-hi", **settings) == (0, "Welcome Juan!\n", "", "fast")


@pytest.mark.parametrize(
    "doubt",
    [
        {"AWESOME_ISSUER": "https://another.example/"},
        {"AWESOME_CLIENT_ID": "another"},
        {"AWESOME_PROFILE": "nobody"},
        {"AWESOME_PROFILE": "no name at all!"},
        {"AWESOME_DOMAIN": "another.example"},
        {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
        {"XDG_STATE_HOME": "not-absolute"},
    ],
    ids=lambda doubt: "=".join(*doubt.items()),
)
def test_at_the_slightest_doubt_the_full_program_answers(signed_in: Desk, doubt: dict[str, str]) -> None:
    first = signed_in.run("say-hi", **doubt)
    again = signed_in.run("say-hi", **doubt, **IN_FULL)
    assert first[:3] == again[:3]
    assert first.lane == "full"


def test_a_session_that_has_ended_is_renewed_in_full(signed_in: Desk) -> None:
    signed_in.issuer.token_lifetime = 0
    signed_in.login("--force")
    signed_in.issuer.token_lifetime = 86_400
    assert signed_in.run("say-hi") == (0, "Welcome Juan!\n", "", "full")
    assert signed_in.run("say-hi") == (0, "Welcome Juan!\n", "", "fast")


def test_while_the_plain_file_exists_it_is_the_store(signed_in: Desk) -> None:
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "File"}
    signed_in.login("--force", "--insecure-storage")
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Juan"}
    assert signed_in.run("say-hi")[1::2] == ("Welcome File!\n", "full")


def test_a_name_is_no_placeholder_to_anybody(signed_in: Desk) -> None:
    signed_in.issuer.person = {**signed_in.issuer.person, "name": 'A "{USERNAME}" \\{TITLE}'}
    signed_in.login("--force")
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Juan"}
    assert signed_in.run("say-hi")[1::2] == ('Welcome A "{USERNAME}" \\{TITLE}!\n', "fast")


def test_a_setting_with_controls_is_left_to_the_full_program(signed_in: Desk) -> None:
    signed_in.login("--force", "--audience", "a\x1b[31m\u202eb")
    end = signed_in.run("whoami")
    assert (end.code, end.lane) == (0, "full")
    assert "  audience:     a[31mb\n" in end.out
    assert signed_in.run("whoami", "--json").lane == "fast"


def test_a_name_that_the_stream_cannot_say_is_left_to_the_full_program(signed_in: Desk) -> None:
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Zoë"}
    signed_in.login("--force")
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Juan"}
    assert signed_in.run("say-hi", PYTHONIOENCODING="ascii")[1::2] == ("Welcome Zo\\xeb!\n", "full")


def test_a_name_too_long_for_the_card_is_said_in_full(signed_in: Desk) -> None:
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "😀" * 250, "email": "😀" * 250}
    signed_in.login("--force")
    signed_in.issuer.person = {**signed_in.issuer.person, "name": "Juan", "email": "juan@example.com"}
    assert signed_in.run("say-hi")[1::2] == (f"Welcome {'😀' * 250}!\n", "full")


def test_without_a_session_the_full_program_says_so(desk: Desk) -> None:
    fast, full = desk.both("say-hi")
    assert fast == full
    assert fast.code == 4


def test_a_bus_that_never_answers_is_left_to_the_full_program() -> None:
    with dead_bus() as environ:
        desk = Desk(SecretService(environ, lambda: None), ProviderSimulator(now=time.time))
        end = desk.run("say-hi", TIMEOUT="1")
    assert (end.code, end.lane) == (9, "full")


def test_a_full_disk_is_said_in_full(signed_in: Desk) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "awesome_cli", "say-hi"],
            env=signed_in.environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: The output could not be written (No space left on device).\n"


def test_a_program_that_asks_again_and_again_keeps_no_connection_open(signed_in: Desk) -> None:
    program = (
        "import gc, os, awesome_cli; gc.disable()\n"
        "count = lambda: len(os.listdir('/proc/self/fd'))\n"
        "awesome_cli.session(); before = count()\n"
        "for _ in range(5): awesome_cli.session()\n"
        "print(count() - before)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=signed_in.environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("0\n", "")
