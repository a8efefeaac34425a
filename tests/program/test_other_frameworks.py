"""Programs whose own commands are parsed by argparse, click or cyclopts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import click
import cyclopts
import httpx
import pytest

from awesome_cli import Program, User

if TYPE_CHECKING:
    from awesome_cli.testing.terminal import Terminal

    MakeProgram = Callable[..., Program]
    MakeTerminal = Callable[[Program], Terminal]


def with_argparse(program: Program) -> None:
    @program.signed_in
    async def deploy(service: str, user: User, api: httpx.AsyncClient) -> None:
        answer = await api.get(service)
        print(user.name, service, answer.status_code)

    def main(argv: list[str]) -> int:
        parser = argparse.ArgumentParser("acme")
        commands = parser.add_subparsers(required=True)
        command = commands.add_parser("deploy")
        command.add_argument("service")
        command.set_defaults(run=deploy)
        options = vars(parser.parse_args(argv))
        options.pop("run")(**options)
        return 3

    program.app = main


def with_click(program: Program) -> None:
    @click.group()
    def group() -> None: ...

    @group.command()
    @click.argument("service")
    @program.signed_in
    async def deploy(service: str, user: User, api: httpx.AsyncClient) -> None:
        answer = await api.get(service)
        print(user.name, service, answer.status_code)
        click.get_current_context().exit(3)

    program.app = group


def with_cyclopts(program: Program) -> None:
    app = cyclopts.App("acme", result_action="return_value")

    @app.command
    @program.signed_in
    async def deploy(service: str, user: User, api: httpx.AsyncClient) -> None:
        answer = await api.get(service)
        print(user.name, service, answer.status_code)
        sys.exit(3)

    @app.command
    async def wait() -> None:  # cyclopts runs it
        await anyio.lowlevel.checkpoint()
        print("waited")

    program.app = app


FRAMEWORKS = pytest.mark.parametrize("define", [with_argparse, with_click, with_cyclopts])


@FRAMEWORKS
def test_an_async_command_is_protected_and_run(
    acme: MakeProgram, terminal: MakeTerminal, define: Callable[[Program], None]
) -> None:
    program = acme()
    define(program)
    screen = terminal(program)
    assert screen.run("deploy", "billing") == 3, screen.err
    assert screen.out == "Juan billing 200\n"
    assert screen.run("logout") == 0
    assert screen.run("deploy", "billing") == 4
    assert screen.err == "Error: You are not signed in.\nHint: Sign in with: acme login\n"


@FRAMEWORKS
def test_help_and_usage_errors_are_the_frameworks_own(
    acme: MakeProgram, terminal: MakeTerminal, define: Callable[[Program], None]
) -> None:
    program = acme()
    define(program)
    screen = terminal(program)
    assert screen.run("--help") == 0
    assert "deploy" in screen.out
    assert screen.run("deploy") in (1, 2)
    assert "service" in (screen.out + screen.err).lower()
    assert "Traceback" not in screen.err


def test_async_commands_of_cyclopts_are_run_by_cyclopts(acme: MakeProgram, terminal: MakeTerminal) -> None:
    program = acme()
    with_cyclopts(program)
    screen = terminal(program)
    assert screen.run("wait") == 0
    assert screen.out == "waited\n"


def test_a_click_command_cannot_be_protected_after_it_was_made(acme: MakeProgram) -> None:
    program = acme()
    with pytest.raises(TypeError, match="signed_in expects a function, not <Command deploy>: place it directly above"):

        @program.signed_in
        @click.command()
        def deploy() -> None: ...


def test_a_client_takes_the_options_of_httpx(acme: MakeProgram, terminal: MakeTerminal) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=str(request.url)))

    def main(_: list[str]) -> None:
        with program.client(transport=transport, base_url=f"{program.context and program.context.api_url}v2/") as api:
            print(api.get("orders").text)

    program = acme(app=main)
    assert terminal(program).run() == 0

    screen = terminal(program)
    assert screen.run() == 0
    assert screen.out == "https://api.acme.example/v1/v2/orders\n"


def test_a_plain_function_uses_the_methods_of_the_program(acme: MakeProgram, terminal: MakeTerminal) -> None:
    def main(_: list[str]) -> Any:  # noqa: ANN401 - nothing
        with program.client(headers={"user-agent": "Own/1"}) as api:
            answer = api.get("orders")
        print(program.user().name, answer.json())

    program = acme(app=main)
    screen = terminal(program)
    assert screen.run() == 0
    assert screen.out == "Juan {'path': '/v1/orders', 'agent': 'Own/1'}\n"
    assert screen.requests[-1].headers["authorization"].startswith("Bearer ")
