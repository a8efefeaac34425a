"""Which words are read before the command, which commands are answered without the program's app, and completion."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import typer

from awesome_cli import Program

if TYPE_CHECKING:
    from awesome_cli.testing.terminal import Terminal

    MakeProgram = Callable[..., Program]
    MakeTerminal = Callable[[Program], Terminal]


@pytest.fixture
def received() -> list[list[str]]:
    return []


@pytest.fixture
def function_program(acme: MakeProgram, received: list[list[str]]) -> Program:
    def main(argv: list[str]) -> int:
        received.append(argv)
        return len(argv)

    return acme(app=main)


@pytest.mark.parametrize(
    ("argv", "rest"),
    [
        ([], []),
        (["--help"], ["--help"]),
        (["deploy", "--profile", "x"], ["deploy", "--profile", "x"]),
        (["--region", "eu", "login"], ["--region", "eu", "login"]),
        (["--verbose", "--quiet", "--profile", "work", "deploy", "-q"], ["deploy", "-q"]),
        (["--profile=work", "deploy"], ["deploy"]),
        (["-q", "deploy"], ["-q", "deploy"]),
        (["--", "login"], ["--", "login"]),
        (["say-hi"], ["say-hi"]),  # which is built in, but not in this program
    ],
)
def test_everything_but_our_four_options_goes_to_the_app_unchanged(
    function_program: Program, terminal_for: MakeTerminal, received: list[list[str]], argv: list[str], rest: list[str]
) -> None:
    assert terminal_for(function_program).run(*argv) == len(rest)
    assert received == [rest]


def test_the_options_before_the_command(function_program: Program, terminal: MakeTerminal) -> None:
    screen = terminal(function_program)
    assert screen.run("--version") == 0
    assert screen.out == "acme 3.1.0\n"
    assert screen.run("--profile", "work", "--version", "deploy") == 0
    assert screen.run("--profile") == 2
    assert screen.err == "Error: The option --profile requires a name.\nHint: See: acme --help\n"
    assert screen.run("--profile", "a/b", "deploy") == 2
    assert screen.run("--profile", "work", "whoami") == 4
    assert "(profile work)" in screen.err
    assert screen.run("--quiet", "logout") == 0
    assert screen.err == ""


@pytest.mark.parametrize(("value", "code", "err"), [(None, 0, ""), (7, 7, ""), (True, 1, ""), ("no", 1, "no\n")])
def test_what_a_function_returns_is_the_exit_code_as_of_sys_exit(
    acme: MakeProgram,
    terminal_for: MakeTerminal,
    value: Any,  # noqa: ANN401 - any value
    code: int,
    err: str,
) -> None:
    screen = terminal_for(acme(app=lambda _: value))
    assert (screen.run("deploy"), screen.err) == (code, err)


def test_a_built_in_command_imports_no_app(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    screen = terminal_for(acme(app="module_that_must_not_be_imported:app"))
    screen.login(name="Ada")
    assert screen.run("whoami") == 0
    assert screen.out.startswith("✓ Ada <juan@example.com>\n")
    assert screen.run("--verbose", "token") == 0
    assert "module_that_must_not_be_imported" not in sys.modules


@pytest.fixture
def typer_program(acme: MakeProgram) -> Program:
    app = typer.Typer(rich_markup_mode=None)
    program = acme(app=app)
    program.add_to(app)

    @app.callback()
    def options(ctx: typer.Context, region: str = "") -> None:
        """The tool of Acme."""
        ctx.obj = {"region": region}

    @app.command()
    def deploy(ctx: typer.Context, quick: bool = False) -> None:  # noqa: FBT001, FBT002 - Typer's
        """Deploy a service."""
        print(ctx.obj, quick)

    group = typer.Typer()
    app.add_typer(group, name="orders")
    group.command("list")(lambda: print("no orders"))
    return program


def test_the_help_of_a_typer_app_lists_the_built_in_commands(
    typer_program: Program, terminal_for: MakeTerminal
) -> None:
    screen = terminal_for(typer_program)
    assert screen.run("--help") == 0
    for line in ("login     Sign in once on this machine", "doctor    Check", "deploy    Deploy a service.", "orders"):
        assert line in screen.out
    assert "say-hi" not in screen.out
    assert "ACME_PROFILE" in screen.out
    assert screen.run("login", "--help") == 0
    assert "acme login --issuer" in screen.out
    assert screen.run("deploy", "--help") == 0
    assert "--profile" in screen.out


def test_a_built_in_command_behind_an_option_of_the_app(typer_program: Program, terminal: MakeTerminal) -> None:
    screen = terminal(typer_program)
    assert screen.run("--region", "eu", "whoami", "--json") == 0
    assert screen.json["name"] == "Juan"
    screen.environ["ACME_KEYRING_TIMEOUT"] = "soon"
    assert screen.run("--region", "eu", "doctor") == 3  # its exit code is not lost
    assert screen.run("--region", "eu", "deploy", "--quick") == 0
    assert screen.out == "{'region': 'eu'} True\n"
    assert screen.run("orders", "list", "--profile", "work") == 0
    assert screen.out == "no orders\n"
    assert screen.run("--region", "eu", "login", "--no-such-option") == 2


def test_errors_of_usage_are_reported_as_typer_does_it(typer_program: Program, terminal_for: MakeTerminal) -> None:
    screen = terminal_for(typer_program)
    assert screen.run("deploi") == 2
    assert "No such command 'deploi'" in screen.err
    assert screen.run("deploy", "--no-such-option") == 2
    assert "Traceback" not in screen.err


def test_an_unknown_option_of_a_built_in_command_has_our_hint(
    typer_program: Program, terminal_for: MakeTerminal
) -> None:
    screen = terminal_for(typer_program)
    assert screen.run("login", "--no-such-option") == 2
    assert screen.err.endswith("Hint: See: acme login --help\n")


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("acme de", {"deploy"}),
        ("acme lo", {"login", "logout"}),
        ("acme whoami --ch", {"--check"}),
        ("acme orders l", {"list"}),
        ("acme deploy --profile w", {"work"}),
        ("acme --profile w", {"work"}),
    ],
)
def test_completion_knows_the_commands_of_the_app_and_ours(
    typer_program: Program, terminal: MakeTerminal, words: str, completions: set[str]
) -> None:
    screen = terminal(typer_program)
    screen.login("--profile", "work")
    screen.environ |= {"_ACME_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    with pytest.MonkeyPatch.context() as patch:  # Typer reads the variables of the process
        for name, value in screen.environ.items():
            patch.setenv(name, value)
        assert screen.run() == 0
    assert set(screen.out.split()) == completions


def test_a_function_gets_requests_for_completion_itself(
    function_program: Program, terminal_for: MakeTerminal, received: list[list[str]]
) -> None:
    screen = terminal_for(function_program)
    screen.environ["_ACME_COMPLETE"] = "bash_complete"  # as click has it
    assert screen.run() == 0
    assert received == [[]]


def test_completion_is_installed_by_our_own_code(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    """Typer's own changes the execution policy of PowerShell."""
    app = typer.Typer()
    app.command("one")(lambda: None)
    app.command("two")(lambda: None)
    screen = terminal_for(acme(app=app))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("awesome_cli.cli.completion._get_shell_name", lambda: "bash")
        assert screen.run("--show-completion") == 0
    assert "_ACME_COMPLETE=complete_bash" in screen.out
    assert screen.run("--help") == 0
    assert screen.out.count("--install-completion") == 1


def test_ctrl_c_in_a_function(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    def main(_: list[str]) -> None:
        raise KeyboardInterrupt

    screen = terminal_for(acme(app=main))
    assert (screen.run("deploy"), screen.err) == (130, "Interrupted.\n")


def test_a_typer_app_with_a_single_command(acme: MakeProgram, terminal: MakeTerminal) -> None:
    app = typer.Typer()

    @app.command()
    def greet(name: str) -> None:
        print(f"Hi {name}!")

    screen = terminal(acme(app=app))
    assert screen.run("Ada") == 0
    assert screen.out == "Hi Ada!\n"
    assert screen.run("whoami") == 0


def test_a_command_may_run_another_one(acme: MakeProgram, terminal: MakeTerminal) -> None:
    program = acme()
    codes: list[int] = []

    def main(argv: list[str]) -> None:
        if argv == ["inner"]:
            print(program.user().name, repr(program))
            return
        context = program.context
        assert context is not None
        codes.append(program.run(["--profile", "work", "inner"], environment=context.environment))
        print(program.user().name)

    program.app = main
    screen = terminal(program)
    screen.login("--profile", "work", name="Ada")
    assert screen.run("outer") == 0
    assert codes == [0]
    assert screen.out == "Ada Program('acme')\nJuan\n"


def test_a_login_names_the_next_commands_that_the_program_has(acme: MakeProgram, terminal: MakeTerminal) -> None:
    screen = terminal(acme())
    screen.login()
    assert "  Next: acme whoami · acme api PATH\n" in screen.err
    few = terminal(acme(commands=("login", "logout")))
    few.login()
    assert "Next" not in few.err


def test_a_program_without_own_commands(acme: MakeProgram, terminal: MakeTerminal) -> None:
    screen = terminal(acme(commands=("login", "whoami", "demo")))
    for argv in ([], ["--help"]):
        assert screen.run(*argv) == 0
        assert "acme login" in screen.out
        assert "say-hi" not in screen.out
    assert screen.run("-q", "--version") == 0
    assert screen.out == "acme 3.1.0\n"
    assert screen.run("-q", "whoami") == 0
    assert screen.run("say-hi") == 2
