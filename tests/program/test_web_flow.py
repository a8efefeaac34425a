"""A company's program that signs in with a browser on this machine by default."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest

from awesome_cli import Program

if TYPE_CHECKING:
    from awesome_cli.testing.terminal import Terminal

    MakeProgram = Callable[..., Program]
    MakeTerminal = Callable[[Program], Terminal]


def app(_: list[str]) -> None: ...


@pytest.fixture
def redirect_uri() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/signed-in"


def test_a_program_signs_in_at_its_redirect_uri(
    acme: MakeProgram, terminal_for: MakeTerminal, redirect_uri: str
) -> None:
    terminal = terminal_for(acme(app=app, flow="web", redirect_uri=redirect_uri))
    terminal.login(name="Ana")
    assert "\n  Open in a browser on this machine:\nhttps://login.acme.example/authorize?" in terminal.err
    (query,) = [request.query for request in terminal.provider.requests if request.path == "/authorize"]
    assert (query["client_id"], query["redirect_uri"]) == ("acme-cli", redirect_uri)
    assert (terminal.run("whoami", "--json"), terminal.json["name"]) == (0, "Ana")


@pytest.mark.parametrize(("flow", "paths"), [("web", {"/authorize"}), ("auto", {"/device/code"})])
def test_the_flow_of_a_program_is_a_default_that_flags_replace(
    acme: MakeProgram, terminal_for: MakeTerminal, flow: str, paths: set[str]
) -> None:
    terminal = terminal_for(acme(app=app, flow=flow))
    asking = {"/authorize", "/device/code"}
    for options, expected in (([], paths), (["--web"], {"/authorize"}), (["--no-web"], {"/device/code"})):
        terminal.provider.requests.clear()
        terminal.login(*options)
        assert asking & {request.path for request in terminal.provider.requests} == expected


def test_advice_names_the_program(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    terminal = terminal_for(acme(app=app, flow="web"))
    terminal.environ["SSH_CONNECTION"] = "10.0.0.1 22"
    terminal.login()
    assert "Sign in with a code instead: acme login --no-web" in " ".join(terminal.err.split())
    assert "awesome" not in terminal.err


def test_a_company_can_test_a_sign_in_with_a_browser_that_fails(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    terminal = terminal_for(acme(app=app))
    respond = terminal.network
    terminal.network = lambda request: (
        httpx.Response(400, json={"error": "invalid_grant"}) if request.url.path == "/token" else respond(request)
    )
    terminal.provider.auto_approve = True
    assert terminal.run("login", "--web") == 7
    assert "does not accept the authorization code: invalid_grant" in terminal.err
    assert "Hint: At the provider, check that this client is a public one, may use authorization codes" in terminal.err


@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1/callback", "http://acme.example:8484/", "ftp://x/", ""])
def test_a_redirect_uri_that_no_program_can_listen_at_is_refused(
    acme: MakeProgram, terminal_for: MakeTerminal, redirect_uri: str
) -> None:
    try:
        program = acme(app=app, flow="web", redirect_uri=redirect_uri)
    except ValueError as error:
        assert "redirect_uri" in str(error)  # noqa: PT017 - some are refused at once, others when they are used
    else:
        terminal = terminal_for(program)
        assert terminal.run("login") == 3
        assert "redirect_uri" in terminal.err
