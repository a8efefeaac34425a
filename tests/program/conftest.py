"""A company's program, with each of the frameworks, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from awesome_cli import Program
from awesome_cli.testing.terminal import Terminal

ISSUER, API = "https://login.acme.example/", "https://api.acme.example/v1/"

MakeProgram = Callable[..., Program]


@pytest.fixture
def acme() -> MakeProgram:
    """Return a function that defines a program with an issuer, a client and an API."""

    def make(name: str = "acme", **arguments: Any) -> Program:  # noqa: ANN401 - those of Program
        defaults = {"version": "3.1.0", "issuer": ISSUER, "client_id": "acme-cli", "audience": API, "api_url": API}
        return Program(name, **{**defaults, **arguments})

    return make


@pytest.fixture
def terminal(terminal_for: Callable[[Program], Terminal]) -> Callable[[Program], Terminal]:
    """Return a function that makes a terminal in which Juan is signed in, and whose API greets."""

    def make(program: Program) -> Terminal:
        terminal = terminal_for(program)
        terminal.login()
        terminal.api = lambda request: httpx.Response(
            200, json={"path": request.url.path, "agent": request.headers["user-agent"]}
        )
        return terminal

    return make
