"""A program's default settings: below flags, variables, the config file and the stored session, and never a demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from awesome_cli import Program
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.terminal import from_httpx, to_httpx

if TYPE_CHECKING:
    import httpx

    from awesome_cli.testing.terminal import Terminal

    MakeProgram = Callable[..., Program]
    MakeTerminal = Callable[[Program], Terminal]

OTHER = "https://other.example/"


@pytest.fixture
def screen(acme: MakeProgram, terminal_for: MakeTerminal) -> Terminal:
    """A terminal whose network has another provider beside the default one."""
    screen = terminal_for(acme(app=lambda _: 0))
    other = ProviderSimulator(now=screen.time.now, url=OTHER, client_id="other-cli", auto_approve=True)
    default = screen.network

    def network(request: httpx.Request) -> httpx.Response:
        if str(request.url).startswith(OTHER):
            return to_httpx(other.respond(from_httpx(request)))
        return default(request)

    screen.network = network
    return screen


def test_no_setting_is_needed(screen: Terminal) -> None:
    screen.login()
    assert screen.run("whoami", "--json") == 0
    found = screen.json
    assert (found["issuer"], found["client_id"]) == ("https://login.acme.example/", "acme-cli")
    assert found["audience"] == "https://api.acme.example/v1/"


def test_flags_variables_and_config_file_have_precedence(screen: Terminal) -> None:
    flags = ("--issuer", OTHER, "--client-id", "other-cli", "--audience", "x:flag")
    screen.environ |= {"ACME_AUDIENCE": "x:variable"}
    screen.login("--profile", "a", *flags)
    screen.login("--profile", "b", "--issuer", OTHER, "--client-id", "other-cli")
    audiences = []
    for profile in ("a", "b"):
        assert screen.run("--profile", profile, "whoami", "--json") == 0
        assert screen.json["issuer"] == OTHER
        audiences.append(screen.json["audience"])
    assert audiences == ["x:flag", "x:variable"]
    screen.environ.clear()
    screen.login("--profile", "a", "--force")
    assert screen.run("--profile", "a", "whoami", "--json") == 0
    assert (screen.json["issuer"], screen.json["audience"]) == (OTHER, "x:flag")


def test_a_stored_session_has_precedence_and_no_default_demands_another(screen: Terminal) -> None:
    screen.environ |= {"ACME_ISSUER": OTHER, "ACME_CLIENT_ID": "other-cli", "ACME_AUDIENCE": "x:other"}
    screen.login()
    screen.environ.clear()
    for argv in (["whoami", "--check"], ["token"], ["token", "--min-ttl", "99999"], ["doctor"]):
        assert screen.run(*argv) == 0, screen.err
    assert screen.run("login") == 0
    assert screen.err == "✓ You are already signed in as Juan at other.example. To sign in anew: acme login --force\n"
    assert screen.run("login", "--force") == 0
    assert screen.run("whoami", "--json") == 0
    assert (screen.json["issuer"], screen.json["client_id"], screen.json["audience"]) == (OTHER, "other-cli", "x:other")


def test_another_client_does_not_inherit_the_audience(screen: Terminal) -> None:
    screen.environ |= {"ACME_ISSUER": OTHER, "ACME_CLIENT_ID": "other-cli", "ACME_AUDIENCE": "x:other"}
    screen.login()
    screen.environ.clear()
    screen.login("--issuer", "https://login.acme.example/", "--client-id", "acme-cli")
    assert screen.run("whoami", "--json") == 0
    assert screen.json["audience"] == "https://api.acme.example/v1/"


def test_the_default_resource_is_requested(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    for resource in (True, False):
        screen = terminal_for(acme(resource=resource))
        screen.login("--force")
        (request,) = [request for request in screen.provider.requests if request.path == "/device/code"]
        assert ("resource" in request.form) == resource


def test_a_default_domain_and_scope(acme: MakeProgram, terminal_for: MakeTerminal) -> None:
    program = acme(issuer=None, domain="acme.eu.auth0.com", scope="openid email")
    screen = terminal_for(program)
    screen.login()
    assert screen.run("whoami", "--json") == 0
    assert (screen.json["issuer"], screen.json["scope"]) == ("https://acme.eu.auth0.com/", "openid email")
    assert screen.run("profiles", "show", "default") == 0
    assert "https://acme.eu.auth0.com/" in screen.out
    assert "(default)" in screen.out


def test_a_default_url_that_is_not_accepted_is_reported_at_first_use(
    acme: MakeProgram, terminal_for: MakeTerminal
) -> None:
    screen = terminal_for(acme(issuer="http://login.acme.example/"))
    assert screen.run("login") == 3
    assert screen.err.startswith("Error: The issuer must be an https:// URL")


def test_a_program_without_defaults_needs_settings(terminal_for: MakeTerminal) -> None:
    screen = terminal_for(Program("acme"))
    screen.environ.clear()
    assert screen.run("login") == 3
    assert "acme" not in screen.out
