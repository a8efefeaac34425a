"""With two programs on one machine, nothing of the one shows in the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import awesome_cli
from awesome_cli import Program, awesome
from awesome_cli.brand import BUILT_IN_COMMANDS
from awesome_cli.system.environment import run_on_asyncio
from awesome_cli.testing.terminal import Machine, Stream

if TYPE_CHECKING:
    from awesome_cli.testing.terminal import Terminal

    MakeProgram = Callable[..., Program]
    MakeTerminal = Callable[[Program], Terminal]

COMMANDS = [
    [],
    ["--help"],
    ["--version"],
    ["--no-such-option"],
    ["--verbose", "say-hi"],
    ["--verbose", "whoami"],
    ["whoami", "--json"],
    ["login", "--json", "--force"],
    ["login", "--issuer", "nonsense"],
    ["login", "--no-such-option"],
    ["token", "--json"],
    ["api"],
    ["api", "hello"],
    ["api", "https://elsewhere.example/"],
    ["doctor", "--json"],
    ["doctor", "--online"],
    ["profiles"],
    ["profiles", "--json"],
    ["profiles", "show", "default"],
    ["profiles", "show", "no-such-profile"],
    ["profiles", "remove", "default"],
    ["login"],
    ["logout"],
    ["logout", "--all"],
    ["token"],
    ["say-hi"],
    *([command, "--help"] for command in BUILT_IN_COMMANDS),
    ["profiles", "show", "--help"],
    ["profiles", "remove", "--help"],
    ["demo", "serve", "--help"],
]
OF_AWESOME = re.compile(r"awesome|auth0_", re.IGNORECASE)


def test_nothing_of_one_program_shows_in_another(acme: MakeProgram, terminal: MakeTerminal, tmp_path: Path) -> None:
    screen = terminal(acme(commands=tuple(BUILT_IN_COMMANDS)))
    for argv in COMMANDS:
        screen.run(*argv)
        output = f"{screen.out}\n{screen.err}"
        assert OF_AWESOME.findall(output) == [], (argv, output)
        agents = {request.headers.get("user-agent") for request in screen.requests}
        assert agents <= {"acme"}, argv
        forms = "".join(request.content.decode() for request in screen.requests)
        assert OF_AWESOME.findall(forms) == []
    screen.login("--insecure-storage")
    screen.login("--audience", "x:another")
    for service, username in screen.machine.keyring.entries():
        assert service.startswith("acme:")
        assert username == "acme"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    for path in written:
        assert OF_AWESOME.findall(str(path.relative_to(tmp_path))) == []
        assert OF_AWESOME.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("commands", [tuple(BUILT_IN_COMMANDS), ("login", "whoami", "demo")])
def test_the_demo_of_a_program_shows_its_own_commands(
    acme: MakeProgram, tmp_path: Path, commands: tuple[str, ...]
) -> None:
    program = acme(commands=commands)
    stdin, stdout, stderr = Stream(), Stream(), Stream()
    environment = Machine(home=tmp_path).environment(
        program.brand, {}, stdin=stdin, stdout=stdout, stderr=stderr, now=time.time, run=run_on_asyncio
    )  # its provider listens on loopback, so it runs in real time
    assert program.run(["--verbose", "demo", "--auto"], environment=environment) == 0
    shown = re.findall(r"^\$ acme (\S+)", stderr.getvalue(), re.MULTILINE)
    assert {*shown} == {*commands} & {"login", "say-hi", "whoami", "api", "logout"}
    assert OF_AWESOME.findall(stdout.getvalue() + stderr.getvalue()) == []


def test_variables_of_awesome_are_not_read_by_another_program(acme: MakeProgram, terminal: MakeTerminal) -> None:
    screen = terminal(acme())
    screen.environ |= {
        "AWESOME_ISSUER": "https://nowhere.example/",
        "AWESOME_PROFILE": "nowhere",
        "AWESOME_ACCESS_TOKEN": "nothing",
        "AWESOME_KEYRING_TIMEOUT": "never",
        "_AWESOME_COMPLETE": "nonsense",
        "AUTH0_DOMAIN": "nowhere.eu.auth0.com",
    }
    for argv in (["whoami"], ["token"], ["doctor"], ["login", "--force"]):
        assert screen.run(*argv) == 0, screen.err


def test_two_programs_keep_two_sessions(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    first, second, third = terminal_for(acme()), terminal_for(acme("acme-admin")), terminal_for(awesome)
    first.login(name="Ada")
    second.login(name="Bob")
    third.login(name="Eve")
    for screen, name in ((first, "Ada"), (second, "Bob"), (third, "Eve")):
        assert screen.run("whoami", "--json") == 0
        assert screen.json["name"] == name
    assert second.run("logout") == 0
    assert second.run("whoami") == 4
    assert first.run("whoami") == third.run("whoami") == 0


def test_the_system_environment_of_another_program_is_its_own(tmp_path: Path) -> None:
    """In a process: folders, locks and the completion script."""
    code = (
        "from awesome_cli import Program\n"
        "Program('acme', version='3.1.0', issuer='http://127.0.0.1:9/', client_id='x', app=lambda argv: 0)()"
    )
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(Path(awesome_cli.__file__).parents[1]),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "ACME_PROFILE": "work",
        "SHELL": "/bin/bash",
    }
    command = [sys.executable, "-c", code, "doctor"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 7, done.stderr
    assert "profile: work" in done.stdout
    assert "acme 3.1.0, Python" in done.stdout
    assert OF_AWESOME.findall(done.stdout + done.stderr) == []
    assert OF_AWESOME.findall(" ".join(map(str, tmp_path.rglob("*")))) == []
