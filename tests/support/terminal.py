"""A terminal in a world of its own: virtual time, a provider without sockets, a keyring in memory."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest
from trio.testing import MockClock

from awesome_cli.account import Account
from awesome_cli.brand import AWESOME
from awesome_cli.cli.console import Console
from awesome_cli.cli.main import main
from awesome_cli.system.environment import Environment
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.keyring import MemoryKeyring
from support.signals import no_signals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from awesome_cli.oauth.response import Response

T = TypeVar("T")

START = 1_800_000_000.0  # seconds since the epoch; the virtual clocks' first instant


class Time:
    """A wall clock that follows the virtual clock of the event loop, and stands still between commands."""

    def __init__(self) -> None:
        self._instant = START
        self._loop: MockClock | None = None

    def now(self) -> float:
        return self._instant + (self._loop.current_time() if self._loop else 0.0)

    def run(self, work: Callable[[], Awaitable[T]], /) -> T:
        self._loop = MockClock(autojump_threshold=0)
        try:
            return anyio.run(work, backend="trio", backend_options={"clock": self._loop})
        finally:
            self._instant, self._loop = self.now(), None

    def pass_by(self, seconds: float) -> None:
        self._instant += seconds


class Stream(io.StringIO):
    """A text stream that may claim to be a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


class Terminal:
    """Runs commands as a person would and keeps what they said."""

    def __init__(self, folder: Path, issuer: ProviderSimulator, time: Time) -> None:
        self.issuer = issuer
        self.time = time
        self.keyring = MemoryKeyring()
        self.opened: list[str] = []
        self.requests: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]] = self.honest
        self.out = self.err = ""
        self.interactive = False
        self.environment = Environment(
            environ={"AWESOME_ISSUER": issuer.url, "AWESOME_CLIENT_ID": issuer.client_id},
            stdin=Stream(),
            stdout=Stream(),
            stderr=Stream(),
            config_dir=folder / "config",
            state_dir=folder / "state",
            cache_dir=folder / "cache",
            account_dirs=(folder / "locks", folder / "temp"),
            now=time.now,
            run=time.run,
            open_browser=self._open,
            defer_signals=no_signals,
            keyring=self.keyring,
            transport=httpx.MockTransport(self._answer),
        )

    def run(self, *argv: str, stdin: str = "", **environ: str | None) -> int:
        """Run one command; a variable that is None is unset."""
        streams = Stream(stdin), Stream(), Stream()
        for stream in streams:
            stream.terminal = self.interactive
        variables = {**self.environment.environ, **environ}
        environment = replace(
            self.environment,
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            environ={name: value for name, value in variables.items() if value is not None},
        )
        self.requests.clear()
        code = main(argv, environment)
        self.out, self.err = streams[1].getvalue(), streams[2].getvalue()
        assert "Traceback" not in self.err
        return code

    def login(self, *options: str) -> None:
        """Sign in with a person who approves at once."""
        self.issuer.auto_approve = True
        assert self.run("login", *options) == 0, self.err

    def set(self, **changes: Any) -> None:  # noqa: ANN401 - whatever the world has
        """Change the world from now on."""
        self.environment = replace(self.environment, **changes)

    @property
    def json(self) -> Any:  # noqa: ANN401 - a JSON document
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def paths(self) -> list[str]:
        """The paths that the last command asked for."""
        return [request.url.path for request in self.requests]

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return True

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answer(request)
        return answer if isinstance(answer, httpx.Response) else await answer

    def honest(self, request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        path = request.url.raw_path.decode()
        return to_httpx(self.issuer.answer(request.method, path, form, dict(request.headers)))


def to_httpx(response: Response) -> httpx.Response:
    """Put a reply on the wire."""
    return httpx.Response(response.status, stream=httpx.ByteStream(response.body), headers=dict(response.headers))


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def issuer(time: Time) -> ProviderSimulator:
    return ProviderSimulator(now=time.now, url="https://provider.example/")


@pytest.fixture
def terminal(tmp_path: Path, issuer: ProviderSimulator, time: Time) -> Terminal:
    return Terminal(tmp_path, issuer, time)


def account_of(terminal: Terminal) -> Account:
    """Return the account that a command at this terminal works with; what it says is discarded."""
    console = Console(terminal.environment, AWESOME)
    return Account(terminal.environment, AWESOME, console)
