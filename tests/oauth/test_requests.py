"""What is asked of the provider, by the profile's switches; and of the person."""

from __future__ import annotations

import re

import pytest

from awesome_cli.testing.grants import Request
from support.terminal import Terminal


@pytest.fixture
def requests(terminal: Terminal) -> list[Request]:
    terminal.issuer.auto_approve = True
    return terminal.issuer.requests


def switch(terminal: Terminal, name: str, value: str = "true") -> None:
    terminal.environment.config_dir.mkdir()
    (terminal.environment.config_dir / "config.toml").write_text(f"[profiles.default]\n{name} = {value}\n")


def test_a_provider_that_demands_pkce_accepts_us_with_it(terminal: Terminal, requests: list[Request]) -> None:
    terminal.issuer.pkce_required = True
    switch(terminal, "pkce")
    assert terminal.run("login") == 0, terminal.err
    device, token = (request.form for request in requests if request.method == "POST")
    assert (device["code_challenge_method"], "code_verifier" in device) == ("S256", False)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43,128}", token["code_verifier"])


def test_and_refuses_us_without(terminal: Terminal, requests: list[Request]) -> None:
    terminal.issuer.pkce_required = True
    assert terminal.run("login") == 7
    assert "invalid_request" in terminal.err
    assert [request.path for request in requests][-1] == "/device/code"


def test_a_verifier_is_used_once(terminal: Terminal, requests: list[Request]) -> None:
    switch(terminal, "pkce")
    for _ in range(2):
        assert terminal.run("login", "--force") == 0
    verifiers = [request.form["code_verifier"] for request in requests if "code_verifier" in request.form]
    assert len(set(verifiers)) == 2


@pytest.mark.parametrize("asked", [False, None])
def test_pkce_is_never_sent_unasked(asked: bool | None, terminal: Terminal, requests: list[Request]) -> None:  # noqa: FBT001
    if asked is not None:
        switch(terminal, "pkce", "false")
    assert terminal.run("login") == 0
    assert not any(name.startswith("code_") for request in requests for name in request.form)


def asked_for(terminal: Terminal, requests: list[Request]) -> list[tuple[str | None, str | None]]:
    """Return audience and resource of the device, the token and the refresh request."""
    audience = terminal.issuer.api_url
    assert terminal.run("login", "--audience", audience) == 0, terminal.err
    terminal.time.pass_by(7200)
    assert terminal.run("say-hi") == 0
    return [(request.form.get("audience"), request.form.get("resource")) for request in requests if request.form]


def test_an_audience_is_asked_for_once(terminal: Terminal, requests: list[Request]) -> None:
    assert asked_for(terminal, requests) == [(terminal.issuer.api_url, None), (None, None), (None, None)]


def test_as_a_resource_it_is_in_every_request(terminal: Terminal, requests: list[Request]) -> None:
    switch(terminal, "resource")
    api = terminal.issuer.api_url
    assert asked_for(terminal, requests) == [(api, api), (None, api), (None, api)]


def test_no_secret_and_nothing_unasked_is_in_a_request(terminal: Terminal, requests: list[Request]) -> None:
    assert terminal.run("login") == 0
    assert terminal.run("logout") == 0
    assert [set(request.form) for request in requests if request.form] == [
        {"client_id", "scope"},
        {"grant_type", "device_code", "client_id"},
        {"client_id", "token", "token_type_hint"},
        {"client_id", "token", "token_type_hint"},
    ]


def test_the_person_is_told_what_to_do_in_order(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    assert terminal.run("login") == 0
    words = (
        "https://provider.example/activate?user_code=",
        "shows this code: ",
        "valid for",
        "only if you started this",
    )
    places = [terminal.err.index(said) for said in words]
    assert places == sorted(places)
