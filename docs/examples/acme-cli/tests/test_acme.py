"""Tests of ``acme`` by awesome-cli's kit: no network, no keyring, and waiting takes no time."""

import json

import httpx
import pytest
from acme.cli import acme

pytest_plugins = ["awesome_cli.testing"]


def api(request: httpx.Request) -> httpx.Response:
    """Answer as the API of Acme does."""
    if request.url.path == "/orders":
        orders = [{"id": "A1", "item": "anvil"}, {"id": "A2", "item": "rocket"}]
        return httpx.Response(200, json=orders[: int(request.url.params["limit"])])
    if request.url.path.startswith("/deployments/"):
        return httpx.Response(200, json={"version": f"v1 by {json.loads(request.content)['by']}"})
    return httpx.Response(404, json={})


@pytest.fixture
def terminal(terminal_for):
    terminal = terminal_for(acme)
    terminal.api = api
    terminal.login(name="Juan", email="juan@acme.example")
    return terminal


def test_say_hi_greets_by_name(terminal):
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Juan!\n"


def test_orders_are_listed(terminal):
    assert terminal.run("orders", "list", "--limit", "1") == 0
    assert terminal.out == "A1  anvil\n"


def test_services_are_deployed(terminal):
    assert terminal.run("deploy", "billing", "search") == 0
    assert sorted(terminal.out.splitlines()) == ["billing: v1 by juan@acme.example", "search: v1 by juan@acme.example"]


def test_an_expired_session_is_renewed(terminal):
    terminal.time.pass_by(2 * 3600)
    assert terminal.run("orders", "list") == 0
    assert terminal.provider.refreshes == 1


def test_an_error_of_the_api_is_a_sentence(terminal):
    terminal.api = lambda _: httpx.Response(503)
    assert terminal.run("orders", "list") == 7
    assert terminal.err == "Error: The API answered with status 503.\n"
    assert terminal.run("deploy", "billing") == 7
    assert terminal.err == "Error: The API answered with status 503.\n"


def test_an_api_that_cannot_be_reached_is_a_sentence(terminal):
    def unreachable(_):
        raise httpx.ConnectError("no route")

    terminal.api = unreachable
    for command in (["orders", "list"], ["deploy", "billing"]):
        assert terminal.run(*command) == 7
        assert terminal.err == "Error: The API cannot be reached (ConnectError).\n"


@pytest.mark.parametrize("command", [["say-hi"], ["orders", "list"], ["deploy", "billing"]], ids=" ".join)
def test_every_command_requires_a_session(terminal_for, command):
    terminal = terminal_for(acme)
    assert terminal.run(*command) == 4
    assert terminal.err == "Error: You are not signed in.\nHint: Sign in with: acme login\n"


def test_help_lists_all_commands(terminal):
    assert terminal.run("--help") == 0
    for command in ("login", "logout", "whoami", "say-hi", "orders", "deploy"):
        assert f"\n  {command} " in terminal.out
