"""Runs commands within the test process: over sockets in real time, or in virtual time with a simulated provider."""

from __future__ import annotations

import json
import time as real_time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from awesome_cli import awesome
from awesome_cli.account import Account
from awesome_cli.cli.console import Console
from awesome_cli.oauth.response import Response
from awesome_cli.system.environment import Environment, run_on_asyncio
from awesome_cli.testing.hostile import HostileProvider
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.keyring import MemoryKeyring
from awesome_cli.testing.terminal import Result, Stream, from_httpx, no_signals, to_httpx
from awesome_cli.testing.time import VirtualTime
from support.brand import AWESOME


class InProcess:
    """Runs commands within this process. Keyword arguments are fields of Environment; by default all of it is real."""

    def __init__(self, home: Path, **environment: Any) -> None:  # noqa: ANN401 - see above
        self.home = home
        self.keyring = MemoryKeyring()
        self.opened: list[str] = []
        self.interactive = False
        defaults: dict[str, Any] = {
            "environ": {},
            "config_dir": home / "config",
            "state_dir": home / "state",
            "cache_dir": home / "cache",
            "account_dirs": (home / "locks", home / "temp"),
            "now": real_time.time,
            "run": run_on_asyncio,
            "open_browser": self._open,
            "defer_signals": no_signals,
            "keyring": self.keyring,
        }
        self.environment = Environment(stdin=Stream(), stdout=Stream(), stderr=Stream(), **{**defaults, **environment})

    def at(self, issuer: str, client_id: str = "test-client", **environ: str) -> InProcess:
        """Use this provider from now on, and these variables."""
        self.set_variables(AWESOME_ISSUER=issuer, AWESOME_CLIENT_ID=client_id, **environ)
        return self

    def set_variables(self, **environ: str) -> None:
        self.set(environ={**self.environment.environ, **environ})

    def set(self, **changes: Any) -> None:  # noqa: ANN401 - fields of Environment
        """Change the environment from now on."""
        self.environment = replace(self.environment, **changes)

    def execute(self, *argv: str, stdin: str = "", **environ: str | None) -> Result:
        """Run one command; None unsets a variable. A terminal is wide and without colours, unless variables differ."""
        streams = Stream(stdin), Stream(), Stream()
        for stream in streams:
            stream.terminal = self.interactive
        screen: dict[str, str | None] = {"NO_COLOR": "1", "COLUMNS": "1000"} if self.interactive else {}
        variables = {**screen, **self.environment.environ, **environ}
        environment = replace(
            self.environment,
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            environ={name: value for name, value in variables.items() if value is not None},
        )
        code = awesome.run(argv, environment=environment)
        result = Result(code, streams[1].getvalue(), streams[2].getvalue())
        assert "Traceback" not in result.err
        return result

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return True


class Terminal(InProcess):
    """Runs commands in virtual time, with a scriptable provider that needs no sockets.

    ``answer`` handles each request; by default the provider does.
    """

    def __init__(self, home: Path, issuer: ProviderSimulator, time: VirtualTime) -> None:
        self.issuer = issuer
        self.provider = HostileProvider(issuer)
        self.time = time
        self.requests: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]] = self.respond
        self.out = self.err = ""
        super().__init__(home, now=time.now, run=time.run, transport=httpx.MockTransport(self._handle))
        self.at(issuer.url, issuer.client_id)

    def run(self, *argv: str, stdin: str = "", **environ: str | None) -> int:
        """Run one command, and record its output and requests."""
        self.requests.clear()
        result = self.execute(*argv, stdin=stdin, **environ)
        self.out, self.err = result.out, result.err
        return result.code

    def login(self, *options: str) -> None:
        """Sign in with automatic approval."""
        self.issuer.auto_approve = True
        assert self.run("login", *options) == 0, self.err

    @property
    def json(self) -> Any:  # noqa: ANN401 - a JSON document
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def paths(self) -> list[str]:
        """The paths that the last command requested."""
        return [request.url.path for request in self.requests]

    def simulated(self, request: httpx.Request) -> httpx.Response:
        """Return what the simulator responds, whatever is scripted."""
        return to_httpx(self.issuer.respond(from_httpx(request)))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answer(request)
        return answer if isinstance(answer, httpx.Response) else await answer

    async def respond(self, request: httpx.Request) -> httpx.Response:
        """Play what is scripted for the request."""
        for chunk in self.provider.respond(from_httpx(request)):
            if isinstance(chunk, Response):
                return to_httpx(chunk)
            if isinstance(chunk, bytes):
                raise httpx.RemoteProtocolError("malformed response")
            await anyio.sleep(chunk)
        raise httpx.RemoteProtocolError("no response")


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def issuer(time: VirtualTime) -> ProviderSimulator:
    return ProviderSimulator(now=time.now, url="https://provider.example/")


@pytest.fixture
def terminal(tmp_path: Path, issuer: ProviderSimulator, time: VirtualTime) -> Terminal:
    return Terminal(tmp_path, issuer, time)


@pytest.fixture
def in_process_program(tmp_path: Path) -> InProcess:
    return InProcess(tmp_path)


def account_of(terminal: InProcess) -> Account:
    """Return an account in the terminal's environment; its messages are discarded."""
    return Account(terminal.environment, AWESOME, Console(terminal.environment, AWESOME))
