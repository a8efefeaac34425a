"""The test kit for programs, and the example in its documentation, in a project that has little else installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from awesome_cli import Program
from awesome_cli.testing import terminal as kit

if TYPE_CHECKING:
    from awesome_cli.testing.terminal import Terminal

    MakeTerminal = Callable[[Program], Terminal]

ROOT = Path(__file__).parents[2]
API = "https://api.acme.example/"

ACME = """
import typer
from awesome_cli import Program, User

app = typer.Typer()
acme = Program("acme", app=app, issuer="https://login.acme.example/", client_id="acme-cli")
acme.add_to(app)

@app.command()
@acme.signed_in
def deploy(service: str, user: User) -> None:
    print(user.name, "deploys", service)
"""


def call(program: Program) -> Callable[[list[str]], None]:
    def main(_: list[str]) -> None:
        with program.client() as api:
            print(api.get("orders").status_code)  # noqa: T201 - it is a command

    return main


@pytest.fixture
def program() -> Program:
    program = Program("acme", issuer="https://login.acme.example/", client_id="acme-cli", api_url=API)
    program.app = call(program)
    return program


def test_a_person_with_other_claims_signs_in(program: Program, terminal_for: MakeTerminal) -> None:
    terminal = terminal_for(program)
    terminal.login("--profile", "work", name="Ada", email="ada@acme.example")
    assert terminal.run("--profile", "work", "whoami", "--json") == 0
    assert (terminal.json["name"], terminal.json["email"]) == ("Ada", "ada@acme.example")


def test_a_person_signs_in_with_a_browser(program: Program, terminal_for: MakeTerminal) -> None:
    terminal = terminal_for(program)
    terminal.login("--web", name="Ada")
    assert terminal.run("whoami", "--json") == 0
    assert terminal.json["name"] == "Ada"


def test_a_person_who_has_to_be_asked_in_a_browser_does_not_answer(
    program: Program, terminal_for: MakeTerminal
) -> None:
    terminal = terminal_for(program)
    assert terminal.run("login", "--web", "--timeout", "0.2") == 6


def test_a_login_that_fails_fails_the_test(program: Program, terminal_for: MakeTerminal) -> None:
    terminal = terminal_for(program)
    with pytest.raises(AssertionError, match="No such option"):
        terminal.login("--no-such-option")


def test_the_api_accepts_the_token_of_a_session_and_a_given_one(program: Program, terminal_for: MakeTerminal) -> None:
    terminal = terminal_for(program)
    terminal.api = lambda _: httpx.Response(200)
    terminal.login()
    assert terminal.run() == 0
    assert terminal.out == "200\n"
    terminal.environ["ACME_ACCESS_TOKEN"] = "given"
    assert terminal.run() == 0
    assert terminal.out == "200\n"
    assert terminal.requests[-1].headers["authorization"] == "Bearer given"


def test_the_api_has_an_audience_if_the_program_has_one(program: Program, terminal_for: MakeTerminal) -> None:
    terminal = terminal_for(program)
    terminal.api = lambda _: httpx.Response(200)
    terminal.login("--audience", API)
    program.brand.defaults["audience"] = "https://another.example/"
    assert terminal.run() == 0
    assert terminal.out == "401\n"
    terminal.environ["ACME_AUDIENCE"] = API
    assert terminal.run() == 0
    assert terminal.out == "200\n"


def test_an_api_that_is_not_set_says_so(program: Program, terminal_for: MakeTerminal) -> None:
    terminal = terminal_for(program)
    terminal.login()
    assert terminal.run("api", "orders") != 0
    assert "The test sets no api for https://api.acme.example/orders." in terminal.out


def test_input_and_a_terminal_that_is_interactive(program: Program, terminal_for: MakeTerminal) -> None:
    program.brand.commands = ("say-hi",)
    terminal = terminal_for(program)
    terminal.provider.auto_approve = True
    assert terminal.run("say-hi", stdin="y\n") == 4
    terminal.interactive = True
    assert terminal.run("say-hi", stdin="y\n") == 0
    assert terminal.out == "Welcome Juan!\n"
    assert terminal.requests


def test_the_documented_test_file_passes(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/__init__.py").touch()
    (tmp_path / "acme/cli.py").write_text(ACME)
    documented = re.search(r"::\n\n(.*)", kit.__doc__ or "", re.DOTALL)
    assert documented
    (tmp_path / "test_acme.py").write_text(textwrap.dedent(documented[1]))
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_acme.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_what_the_kit_cannot_use_is_named(program: Program, terminal_for: MakeTerminal) -> None:
    with pytest.raises(TypeError, match="terminal_for expects a Program, not 5"):
        terminal_for(5)  # type: ignore[arg-type]  # see its name
    terminal = terminal_for(program)
    terminal.login()
    terminal.api = lambda _: {"id": 1}  # type: ignore[assignment,return-value]  # the same
    assert terminal.run() == 1
    assert terminal.err.endswith("return an httpx.Response, not {'id': 1}\n")
