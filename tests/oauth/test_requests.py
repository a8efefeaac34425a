"""Which parameters requests to the provider have, by the profile's settings."""

from __future__ import annotations

import re

import pytest

from awesome_cli.testing.grants import Request
from support.terminal import Terminal


@pytest.fixture
def requests(terminal: Terminal) -> list[Request]:
    terminal.issuer.auto_approve = True
    return terminal.issuer.requests


def configure(terminal: Terminal, name: str, value: str = "true") -> None:
    terminal.environment.config_dir.mkdir()
    (terminal.environment.config_dir / "config.toml").write_text(f"[profiles.default]\n{name} = {value}\n")


def test_a_provider_that_requires_pkce_accepts_requests_with_it(terminal: Terminal, requests: list[Request]) -> None:
    terminal.issuer.pkce_required = True
    configure(terminal, "pkce")
    assert terminal.run("login") == 0, terminal.err
    device, token = (request.form for request in requests if request.method == "POST")
    assert (device["code_challenge_method"], "code_verifier" in device) == ("S256", False)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43,128}", token["code_verifier"])


def test_a_provider_that_requires_pkce_refuses_requests_without_it(terminal: Terminal, requests: list[Request]) -> None:
    terminal.issuer.pkce_required = True
    assert terminal.run("login") == 7
    assert "invalid_request" in terminal.err
    assert [request.path for request in requests][-1] == "/device/code"


def test_a_code_verifier_is_used_once(terminal: Terminal, requests: list[Request]) -> None:
    configure(terminal, "pkce")
    for _ in range(2):
        assert terminal.run("login", "--force") == 0
    verifiers = [request.form["code_verifier"] for request in requests if "code_verifier" in request.form]
    assert len(set(verifiers)) == 2


@pytest.mark.parametrize("setting", ["false", None])
def test_pkce_is_sent_only_if_the_profile_enables_it(
    setting: str | None, terminal: Terminal, requests: list[Request]
) -> None:
    if setting is not None:
        configure(terminal, "pkce", setting)
    assert terminal.run("login") == 0
    assert not any(name.startswith("code_") for request in requests for name in request.form)


def audience_and_resource(terminal: Terminal, requests: list[Request]) -> list[tuple[str | None, str | None]]:
    """Return audience and resource of the device, the token and the refresh request."""
    audience = terminal.issuer.api_url
    assert terminal.run("login", "--audience", audience) == 0, terminal.err
    terminal.time.pass_by(7200)
    assert terminal.run("say-hi") == 0
    return [(request.form.get("audience"), request.form.get("resource")) for request in requests if request.form]


def test_an_audience_is_sent_with_the_device_code_request_only(terminal: Terminal, requests: list[Request]) -> None:
    assert audience_and_resource(terminal, requests) == [(terminal.issuer.api_url, None), (None, None), (None, None)]


def test_a_resource_is_sent_with_every_request(terminal: Terminal, requests: list[Request]) -> None:
    configure(terminal, "resource")
    api = terminal.issuer.api_url
    assert audience_and_resource(terminal, requests) == [(api, api), (None, api), (None, api)]


def test_requests_have_no_secret_and_no_unnecessary_parameter(terminal: Terminal, requests: list[Request]) -> None:
    assert terminal.run("login") == 0
    assert terminal.run("logout") == 0
    assert [set(request.form) for request in requests if request.form] == [
        {"client_id", "scope"},
        {"grant_type", "device_code", "client_id"},
        {"client_id", "token", "token_type_hint"},
        {"client_id", "token", "token_type_hint"},
    ]


def test_the_instructions_for_the_user_are_in_order(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    assert terminal.run("login") == 0
    texts = (
        "https://provider.example/activate?user_code=",
        "that the page shows  ",
        "Valid for",
        "only if you started this",
    )
    positions = [terminal.err.index(text) for text in texts]
    assert positions == sorted(positions)
