"""``login`` for programs: mistakes on the command line, and what a terminal would be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.terminal import Terminal


@pytest.mark.parametrize(
    "options",
    [
        ["--resume", "--web"],
        ["--no-wait", "--web"],
        ["--domain", "a.example", "--issuer", "https://a.example/"],
        ["--param", "scope=x"],
        ["--param", "client_secret=x"],
        ["--param", "acr_values"],
        ["--param", "acr_values="],
        ["--param", "=x"],
        ["--param", "a b=x"],
        ["--param", "a=1", "--param", "a=2"],
        ["--param", "max_age=soon"],
        ["--param", "max_age=-1"],
        ["--param", "login_hint=\udcff"],
    ],
    ids=" ".join,
)
def test_options_that_are_refused_are_reported_to_programs_too(terminal: Terminal, options: list[str]) -> None:
    assert terminal.run("login", "--json", *options) == 2
    (event,) = terminal.events
    assert (event["event"], event["error"]) == ("failed", "usage")
    assert terminal.requests == []
    assert terminal.run("login", *options) == 2
    assert (terminal.out, terminal.err.startswith("Error: ")) == ("", True)


@pytest.mark.parametrize("how", [[], ["--web"]])
def test_parameters_are_sent_with_the_request(terminal: Terminal, how: list[str]) -> None:
    terminal.issuer.auto_approve = True
    seen: list[str] = []
    terminal.set(visit=seen.append)
    options = [*how, "--param", "login_hint=juan@example.com", "--param", "organization=org_1", "--timeout", "0"]
    assert terminal.run("login", "--json", *options) == 6
    (form,) = seen or [terminal.requests[-1].content.decode()]
    assert "login_hint=juan%40example.com" in form
    assert "organization=org_1" in form


def test_parameters_always_sign_in_anew(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("login", "--param", "prompt=login") == 0
    assert "/device/code" in terminal.paths
    assert terminal.run("login") == 0
    assert terminal.paths == []


def test_with_json_nothing_is_asked_at_a_terminal(terminal: Terminal) -> None:
    terminal.interactive = True
    unset = {"AWESOME_ISSUER": "", "AWESOME_CLIENT_ID": ""}
    assert terminal.run("login", "--json", stdin="provider.example\ncli\n", **unset) == 3
    assert (terminal.events[-1]["error"], "Domain" in terminal.err) == ("config", False)
