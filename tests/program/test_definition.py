"""Mistakes in the definition of a program: found at once, or by every start that reaches its own commands."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click
import cyclopts
import httpx
import pytest
import typer

from awesome_cli import Program, User
from awesome_cli.brand import Brand
from awesome_cli.cli.definition import check_definition
from awesome_cli.errors import ProgramError

if TYPE_CHECKING:
    from pathlib import Path

    from awesome_cli.testing.terminal import Terminal

    MakeProgram = Callable[..., Program]
    MakeTerminal = Callable[[Program], Terminal]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("name", ""),
        ("name", "two words"),
        ("name", "-acme"),
        ("name", "1st"),
        ("name", "acmé"),
        ("name", "a/b"),
        ("name", "a" * 65),
        ("name", 5),
        ("version", 3),
        ("app_dir", "../etc"),
        ("app_dir", ".."),
        ("app_dir", ""),
        ("keyring_service", "acme:prod"),
        ("keyring_service", ""),
        ("env_prefix", "ACME-"),
        ("env_prefix", "1_"),
        ("env_prefix", ""),
        ("extra_env_prefixes", ("X-",)),
        ("commands", ("log-in",)),
        ("issuer", "login.acme.com"),
        ("issuer", "https://"),
        ("issuer", "ftp://login.acme.com/"),
        ("issuer", "https:///path"),
        ("issuer", "https://a\nb/"),
        ("domain", "https://tenant.eu.auth0.com/"),
        ("domain", ""),
        ("client_id", " "),
        ("client_id", 5),
        ("audience", "\x1b[31m"),
        ("api_url", "/v1"),
        ("redirect_uri", "localhost:8484"),
        ("scope", ""),
        ("flow", "implicit"),
        ("extra_env_prefixes", "AUTH0_"),
        ("commands", None),
        ("commands", "login"),
        ("resource", "yes"),
    ],
)
def test_an_argument_that_is_not_valid_is_named(argument: str, value: Any) -> None:  # noqa: ANN401 - see the list
    with pytest.raises(ValueError, match=f"^{argument} is not valid: "):
        Program(**{"name": "acme", argument: value})


def test_an_issuer_and_a_domain_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"^issuer and domain are two spellings of one setting"):
        Program("acme", issuer="https://id.example/", domain="tenant.eu.auth0.com")


@pytest.mark.parametrize("app", [1, "acme", "acme:", ":app", "", Program("another")])
def test_an_app_that_cannot_be_called_or_imported_is_named(app: Any) -> None:  # noqa: ANN401 - see the list
    with pytest.raises(TypeError, match=r"^app is not valid: "):
        Program("acme", app=app)


def test_two_programs_with_one_keyring_service_are_an_error_and_one_defined_twice_is_not() -> None:
    Program("first-of-two", keyring_service="shared by two")
    Program("first-of-two", keyring_service="shared by two")
    for service in ("shared by two", "Shared By Two"):  # some keyrings ignore case
        with pytest.raises(ValueError, match=r"^keyring_service '.*' is that of the program first-of-two"):
            Program("second-of-two", keyring_service=service)


def test_the_names_of_a_program_follow_from_its_own() -> None:
    brand = Brand("my-tool", version="2.0")
    assert (brand.app_dir, brand.keyring_service, brand.env_prefix) == ("my-tool", "my-tool", "MY_TOOL_")
    assert (brand.variable("issuer"), brand.completion_variable) == ("MY_TOOL_ISSUER", "_MY_TOOL_COMPLETE")
    assert (brand.version_line, Brand("my-tool").version_line) == ("my-tool 2.0", "my-tool")
    assert Brand("my-tool", env_prefix="MINE", extra_env_prefixes=("AUTH0",)).variable("issuer") == "MINE_ISSUER"
    other = Brand("my-tool", app_dir="tool", keyring_service="Tool", env_prefix="T_")
    assert (other.app_dir, other.keyring_service, other.variable("issuer")) == ("tool", "Tool", "T_ISSUER")


def test_add_to_expects_a_typer_app(acme: MakeProgram) -> None:
    with pytest.raises(TypeError, match="add_to expects a Typer app"):
        acme().add_to(click.Group())  # type: ignore[arg-type]  # see its name


def async_command_of_typer(_: Program) -> Any:  # noqa: ANN401 - an app of any framework
    app = typer.Typer()
    group = typer.Typer()
    app.add_typer(group, name="group")

    @group.command()
    async def deploy() -> None: ...

    return app


def async_callback_of_typer(_: Program) -> Any:  # noqa: ANN401 - the same
    app = typer.Typer()

    @app.callback()
    async def deploy() -> None: ...

    return app


def async_command_of_click(_: Program) -> Any:  # noqa: ANN401 - the same
    @click.group()
    def group() -> None: ...

    @group.command()
    async def deploy() -> None: ...

    return group


async def async_function(argv: list[str]) -> None: ...


def wrong_order_in_typer(program: Program) -> Any:  # noqa: ANN401 - the same
    app = typer.Typer()

    @program.signed_in
    @app.command()
    def deploy() -> None: ...

    return app


def log(function: Any) -> Any:  # noqa: ANN401 - a decorator like many
    @wraps(function)
    def logged(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the function has it
        return function(*args, **kwargs)

    return logged


def wrong_order_with_a_decorator_between(program: Program) -> Any:  # noqa: ANN401 - the same
    app = typer.Typer()

    @program.signed_in
    @log
    @app.command()
    def deploy() -> None: ...

    return app


def wrong_order_of_three(program: Program) -> Any:  # noqa: ANN401 - the same
    app = typer.Typer()

    @program.signed_in
    @app.command()
    @log
    def deploy() -> None: ...

    return app


def wrong_order_by_another_program(_: Program) -> Any:  # noqa: ANN401 - the same
    app = typer.Typer()

    @Program("another").signed_in
    @app.command()
    def deploy() -> None: ...

    return app


def callback_of_the_constructor(program: Program) -> Any:  # noqa: ANN401 - the same
    def deploy() -> None: ...

    program.signed_in(deploy)
    return typer.Typer(callback=deploy)


def wrong_order_behind_a_function(program: Program) -> Any:  # noqa: ANN401 - the same
    app = wrong_order_in_typer(program)

    def main(argv: list[str]) -> None:
        app(argv)

    return main


def wrong_order_behind_a_partial(program: Program) -> Any:  # noqa: ANN401 - the same
    return partial(call, wrong_order_in_typer(program))


def wrong_order_behind_a_method(program: Program) -> Any:  # noqa: ANN401 - the same
    return Tool(wrong_order_in_typer(program)).main


def wrong_order_behind_an_object(program: Program) -> Any:  # noqa: ANN401 - the same
    return Tool(wrong_order_in_typer(program))


class Tool:
    def __init__(self, app: typer.Typer) -> None:
        self.app = app

    def main(self, argv: list[str]) -> None:
        self.app(argv)

    __call__ = main


def call(app: typer.Typer, argv: list[str]) -> None:
    app(argv)


def wrong_order_in_cyclopts(program: Program) -> Any:  # noqa: ANN401 - the same
    app = cyclopts.App()
    group = cyclopts.App(name="group")
    app.command(group)

    @program.signed_in
    @group.command
    def deploy() -> None: ...

    return app


def wrong_order_of_the_only_command_in_cyclopts(program: Program) -> Any:  # noqa: ANN401 - the same
    app = cyclopts.App()

    @program.signed_in
    @app.default
    def deploy() -> None: ...

    return app


@pytest.mark.parametrize(
    ("define", "message"),
    [
        (async_command_of_typer, "is async, and nothing would run it."),
        (async_callback_of_typer, "is async, and nothing would run it."),
        (async_command_of_click, "is async, and nothing would run it."),
        (wrong_order_in_typer, "without the check that a user is signed in."),
        (wrong_order_with_a_decorator_between, "without the check that a user is signed in."),
        (wrong_order_of_three, "without the check that a user is signed in."),
        (wrong_order_by_another_program, "without the check that a user is signed in."),
        (callback_of_the_constructor, "without the check that a user is signed in."),
        (wrong_order_behind_a_function, "without the check that a user is signed in."),
        (wrong_order_behind_a_partial, "without the check that a user is signed in."),
        (wrong_order_behind_a_method, "without the check that a user is signed in."),
        (wrong_order_behind_an_object, "without the check that a user is signed in."),
        (wrong_order_in_cyclopts, "without the check that a user is signed in."),
        (wrong_order_of_the_only_command_in_cyclopts, "without the check that a user is signed in."),
    ],
)
def test_a_command_that_would_not_run_or_not_be_protected_ends_every_start(
    acme: MakeProgram, terminal_for: MakeTerminal, define: Callable[[Program], Any], message: str
) -> None:
    program = acme()
    program.app = define(program)
    screen = terminal_for(program)
    for argv in (["deploy"], ["--help"], ["other"]):
        assert screen.run(*argv) == 1
        assert re.match(r"Error: The function \w+\.<locals>\.deploy \(", screen.err)
        assert message in screen.err
        assert "Hint: " in screen.err
    screen.login()  # a built-in command does not reach the app
    assert screen.run("whoami") == 0


def test_an_async_function_as_app_ends_every_start(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    screen = terminal_for(acme(app=async_function))
    assert screen.run("deploy") == 1
    assert screen.err.startswith("Error: The function async_function ")


def test_a_mistake_is_found_behind_partial_and_in_annotations_that_are_no_text() -> None:
    def deploy(user: str) -> None: ...

    deploy.__annotations__ = {"user": User, "return": None}
    with pytest.raises(ProgramError, match="asks for User, and nothing injects it"):
        check_definition(deploy)
    deploy.__annotations__ = {"user": str, "return": None}
    check_definition(deploy)
    with pytest.raises(ProgramError, match=r"The function async_function .* is async"):
        check_definition(partial(async_function, []))


def test_a_function_that_returns_a_coroutine_is_named(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    screen = terminal_for(acme(app=lambda _: async_function([])))
    assert screen.run("deploy") == 1
    assert "async_function" in screen.err


BESIDE_MAIN = """
import click
group = click.Group("group")
@group.command()
async def deploy(): ...
def main(argv):
    return group.main(argv, standalone_mode=False)
"""


def test_a_parser_beside_the_main_function_is_checked_too(
    acme: MakeProgram, terminal_for: MakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "parser_beside_main.py").write_text(BESIDE_MAIN)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    screen = terminal_for(acme(app="parser_beside_main:main"))
    assert screen.run("deploy") == 1
    assert screen.err.startswith("Error: The function deploy (")


def test_a_typer_command_with_the_name_of_a_built_in_one_is_an_error(
    acme: MakeProgram, terminal_for: MakeTerminal
) -> None:
    app = typer.Typer()

    @app.command()
    def token() -> None: ...

    program = acme(app=app)
    program.add_to(app)
    screen = terminal_for(program)
    for argv in (["--help"], ["token"], ["whoami"]):
        assert screen.run(*argv) == 1
        assert screen.err.startswith("Error: The program's own command token has the name of a built-in one,")
    program.brand.commands = ("login",)
    assert screen.run("--help") == 0


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("no_such_module:app", "No module named 'no_such_module'"),
        ("os.no_such_module:app", "No module named 'os.no_such_module'"),
        ("os:no_such_attribute", "has no attribute 'no_such_attribute'"),
    ],
)
def test_an_app_that_cannot_be_imported_is_said_when_it_is_called(
    acme: MakeProgram, terminal_for: MakeTerminal, app: str, message: str
) -> None:
    screen = terminal_for(acme(app=app))
    screen.login()
    assert screen.run("whoami") == 0
    assert screen.run("deploy") == 1
    assert screen.err.startswith(f'Error: The app "{app}" cannot be imported (')
    assert message in screen.err


def test_an_app_that_cannot_be_called(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    screen = terminal_for(acme(app="os:sep"))
    assert screen.run("deploy") == 1
    assert screen.err.startswith('Error: The app "os:sep" is neither a Typer app nor a function.')


def test_an_error_within_the_module_of_the_app_is_the_users(
    acme: MakeProgram,
    terminal_for: MakeTerminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "broken_app_of_acme.py").write_text("import no_such_dependency")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    screen = terminal_for(acme(app="broken_app_of_acme:app"))
    assert screen.run("deploy") == 1
    assert screen.err.startswith("Traceback")
    assert screen.err.endswith("ModuleNotFoundError: No module named 'no_such_dependency'\n")


def test_decorators_in_the_right_order_are_accepted(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    app = typer.Typer()
    program = acme(app=app)
    app.command("first")(log(program.signed_in(log(deploy_sync))))
    app.command("second")(program.signed_in(log(deploy_sync)))
    screen = terminal_for(program)
    for command in ("first", "second"):
        assert screen.run(command) == 4


def deploy_sync() -> None: ...


def plain() -> None: ...


IMPORTED_LATE = """
from acme_of_two_modules import acme, app

@acme.signed_in
@app.command()
def destroy():
    print("destroyed")
"""
TWO_MODULES = """
import typer
from awesome_cli import Program, User
app = typer.Typer()
app.command("other")(print)
def main(argv):
    import commands_of_acme
    app(argv)
acme = Program("acme", app=main, issuer="https://login.acme.example/", client_id="x")
"""


def test_a_module_that_a_command_imports_late_is_checked_too(
    terminal_for: MakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_of_two_modules.py").write_text(TWO_MODULES)
    (tmp_path / "commands_of_acme.py").write_text(IMPORTED_LATE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    screen = terminal_for(importlib.import_module("acme_of_two_modules").acme)
    assert screen.run("destroy") == 1
    assert screen.err.startswith("Error: The function destroy (")
    assert screen.out == ""


def test_an_own_group_or_a_command_of_a_nameless_one_may_not_have_a_built_in_name(
    acme: MakeProgram, terminal_for: MakeTerminal
) -> None:
    for name in ("api", None):
        app, sub = typer.Typer(), typer.Typer()
        sub.command("token")(plain)
        sub.command("list")(plain)
        app.add_typer(sub, name=name)
        program = acme(app=app)
        program.add_to(app)
        screen = terminal_for(program)
        assert screen.run("--help") == 1
        assert f"own command {name or 'token'} has the name of a built-in one" in screen.err


@pytest.mark.parametrize("make", [lambda: typer.Typer(rich_markup_mode=None), click.Group])
def test_an_async_command_behind_a_decorator_is_an_error_when_it_is_called(
    acme: MakeProgram, terminal_for: MakeTerminal, make: Callable[[], Any]
) -> None:
    app = make()
    app.command("other")(plain)
    app.command("deploy")(log(async_function_without_arguments))
    screen = terminal_for(acme(app=app))
    assert screen.run("deploy") == 1
    assert screen.err.startswith("Error: The async function async_function_without_arguments was called as a command")
    assert screen.run("other") == 0


async def async_function_without_arguments() -> None: ...


def test_a_mistake_in_an_attribute_of_the_apps_module_is_the_users(
    acme: MakeProgram, terminal_for: MakeTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mistaken_app_of_acme.py").write_text("import os\nos.nope")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    screen = terminal_for(acme(app="mistaken_app_of_acme:app"))
    assert screen.run("deploy") == 1
    assert screen.err.startswith("Traceback")
    assert "mistaken_app_of_acme.py" in screen.err


@pytest.mark.parametrize("argv", ["whoami", None, 5, [5]])
def test_words_are_a_list_of_text(acme: MakeProgram, argv: Any) -> None:  # noqa: ANN401 - see the list
    with pytest.raises(TypeError):
        acme().run(argv)


def asks_for_a_user(user: User) -> None: ...


def asks_for_a_client(service: str, api: httpx.AsyncClient) -> None: ...


@pytest.mark.parametrize(
    ("function", "asked_for"),
    [
        pytest.param(asks_for_a_user, "User", id="user"),
        pytest.param(asks_for_a_client, "AsyncClient", id="client"),
        pytest.param(log(asks_for_a_user), "User", id="in a decorator"),
    ],
)
@pytest.mark.parametrize("make", [typer.Typer, cyclopts.App])
def test_a_command_that_asks_for_what_nothing_injects_ends_every_start(
    acme: MakeProgram,
    terminal_for: MakeTerminal,
    make: Callable[[], Any],
    function: Callable[..., Any],
    asked_for: str,
) -> None:
    app = make()
    app.command(function, name="deploy") if make is cyclopts.App else app.command("deploy")(function)
    screen = terminal_for(acme(app=app))
    assert screen.run("--help") == 1
    assert f"asks for {asked_for}, and nothing injects it." in screen.err
    assert screen.err.endswith("Hint: Decorate it with @signed_in, directly above the function.\n")
