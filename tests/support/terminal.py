"""Runs commands within the test process: over sockets in real time, or in virtual time with a simulated provider."""

from __future__ import annotations

import io
import json
import time as real_time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest
from trio.testing import MockClock

from awesome_cli.account import Account
from awesome_cli.brand import AWESOME
from awesome_cli.cli.console import Console
from awesome_cli.cli.main import main
from awesome_cli.oauth.response import Response
from awesome_cli.system.environment import Environment, run_on_asyncio
from awesome_cli.testing.grants import Request
from awesome_cli.testing.hostile import HostileProvider
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.keyring import MemoryKeyring
from support.signals import no_signals

T = TypeVar("T")

START = 1_800_000_000.0  # seconds since the epoch at which virtual time begins


class Time:
    """Virtual time: it passes with the clock of the event loop, and stands still between commands."""

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


@dataclass(frozen=True)
class Result:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - a JSON document
        return json.loads(self.out)

    @property
    def err_without_note(self) -> str:
        """Standard error without the note that a slow keyring causes on a busy machine."""
        return self.err.replace("Waiting for the keyring; it may be asking you to unlock it.\n", "")


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
        """Run one command; None unsets a variable."""
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
        code = main(argv, environment)
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

    def __init__(self, home: Path, issuer: ProviderSimulator, time: Time) -> None:
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


def from_httpx(request: httpx.Request) -> Request:
    form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
    return Request(request.method, request.url.raw_path.decode(), form, dict(request.headers))


def to_httpx(response: Response) -> httpx.Response:
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


@pytest.fixture
def in_process_program(tmp_path: Path) -> InProcess:
    return InProcess(tmp_path)


def account_of(terminal: InProcess) -> Account:
    """Return an account in the terminal's environment; its messages are discarded."""
    return Account(terminal.environment, AWESOME, Console(terminal.environment, AWESOME))
