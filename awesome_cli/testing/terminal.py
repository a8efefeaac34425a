r"""A terminal for tests of programs: in process, in memory, in virtual time, with a simulated provider.

A whole test file::

    from acme.cli import acme

    pytest_plugins = ["awesome_cli.testing"]


    def test_deploy_says_who_deploys(terminal_for):
        terminal = terminal_for(acme)
        terminal.login(name="Juan")
        assert terminal.run("deploy", "billing") == 0
        assert terminal.out == "Juan deploys billing\n"


    def test_deploy_requires_a_session(terminal_for):
        terminal = terminal_for(acme)
        assert terminal.run("deploy", "billing") == 4
        assert "Hint: Sign in with: acme login" in terminal.err
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO
from urllib.parse import parse_qsl

import httpx
import pytest

from awesome_cli.brand import Brand
from awesome_cli.oauth.response import Response
from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.system.environment import Environment
from awesome_cli.system.replacement import replaced_system_environment
from awesome_cli.testing.grants import Request
from awesome_cli.testing.issuer import JUAN, ProviderSimulator
from awesome_cli.testing.keyring import MemoryKeyring
from awesome_cli.testing.time import VirtualTime
from awesome_cli.testing.visitor import visit

URL = "https://provider.example/"
CLIENT_ID = "test-client"


class Runnable(Protocol):
    """A :class:`awesome_cli.program.Program`."""

    @property
    def brand(self) -> Brand: ...
    def run(self, argv: Sequence[str], *, environment: Environment) -> int: ...


class Stream(io.TextIOWrapper):
    """A text stream in memory that may claim to be a terminal."""

    terminal = False

    def __init__(self, text: str = "") -> None:
        super().__init__(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8", newline="", write_through=True)

    def isatty(self) -> bool:
        return self.terminal

    def getvalue(self) -> str:
        """Return what was written."""
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)  # noqa: S101 - it is the one above
        return buffer.getvalue().decode("utf-8", "surrogatepass")


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


@dataclass(kw_only=True)
class Machine:
    """What the programs of one test share: the home folder, the keyring and the time."""

    home: Path
    keyring: MemoryKeyring = field(default_factory=MemoryKeyring)
    time: VirtualTime = field(default_factory=VirtualTime)
    terminals: dict[str, Terminal] = field(default_factory=dict)

    def system_environment(self, brand: Brand) -> Environment:
        """Return what takes the place of the system: the environment of the program's terminal, with these streams."""
        terminal = self.terminals.get(brand.name)
        if terminal is None:
            raise RuntimeError(
                f"The test has no terminal for the program {brand.name}: call terminal_for with it first."
            )
        return terminal.environment(sys.stdin, sys.stdout, sys.stderr)

    def environment(self, brand: Brand, environ: dict[str, str], **changes: Any) -> Environment:  # noqa: ANN401 - fields of Environment
        """Return the environment of a program on this machine."""
        defaults: dict[str, Any] = {
            "config_dir": self.home / "config" / brand.app_dir,
            "state_dir": self.home / "state" / brand.app_dir,
            "cache_dir": self.home / "cache" / brand.app_dir,
            "account_dirs": (self.home / "locks" / brand.app_dir,),
            "now": self.time.now,
            "run": self.time.run,
            "open_browser": lambda _: False,
            "defer_signals": no_signals,
            "keyring": self.keyring,
        }
        return Environment(environ=environ, **{**defaults, **changes})


class Terminal:
    """Runs commands of a program. Its provider is at the program's default issuer, with its default client id.

    ``provider`` is that simulated provider, ``time`` the clock, which ``time.pass_by(seconds)`` sets ahead.
    ``network`` answers all requests: those that the provider has a path for as the provider, others by ``api``, which
    gets those with a valid access token. Both are functions that take an ``httpx.Request`` and return an
    ``httpx.Response``. ``environ`` are the variables, ``interactive`` says whether the streams claim
    to be a terminal. ``out`` and ``err`` are what the last command printed, ``requests`` what it sent.

    All terminals of one test are on the same machine: with one home folder, one keyring and one clock. In the test
    outside of a command the program's methods use it too.
    """

    def __init__(self, program: Runnable, machine: Machine) -> None:
        if not isinstance(getattr(program, "brand", None), Brand):
            raise TypeError(f"terminal_for expects a Program, not {program!r}")
        brand, defaults = program.brand, program.brand.defaults
        domain = defaults.get("domain")
        url = str(defaults.get("issuer") or (f"https://{domain}/" if domain else URL))
        self.program = program
        self.machine = machine
        self.provider = ProviderSimulator(
            now=machine.time.now, url=url, client_id=str(defaults.get("client_id") or CLIENT_ID)
        )
        settings = {} if {"issuer", "domain"} & defaults.keys() else {"issuer": url}
        if "client_id" not in defaults:
            settings["client_id"] = CLIENT_ID
        self.environ = {brand.variable(setting): value for setting, value in settings.items()}
        self.api: Callable[[httpx.Request], httpx.Response] = _not_found
        self.network: Callable[[httpx.Request], httpx.Response] = self._respond
        self.interactive = False
        self.requests: list[httpx.Request] = []
        self.out = self.err = ""
        machine.terminals[brand.name] = self

    @property
    def time(self) -> VirtualTime:
        return self.machine.time

    def login(self, *options: str, name: str = JUAN["name"], **claims: Any) -> None:  # noqa: ANN401 - JSON values
        """Sign in, as a person with this name and these claims, who approves at once, also with ``--web``.

        A session that is stored already is replaced.
        """
        self.provider.person = {**JUAN, "name": name, **claims}
        self.provider.auto_approve = True
        code = self.run("login", "--force", *options)
        assert code == 0, self.err  # noqa: S101 - as in a test

    def run(self, *argv: str, stdin: str = "") -> int:
        """Run one command and return its exit code."""
        self.requests.clear()
        streams = Stream(stdin), Stream(), Stream()
        for stream in streams:
            stream.terminal = self.interactive
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", streams[0])  # for input() in the program's own commands
            code = self.program.run(argv, environment=self.environment(*streams))
        self.out, self.err = streams[1].getvalue(), streams[2].getvalue()
        return code

    def environment(self, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> Environment:
        """Return the environment of one command."""
        return self.machine.environment(
            self.program.brand,
            dict(self.environ),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            transport=httpx.MockTransport(self._record),
            visit=visit_provider(self.provider),
        )

    @property
    def json(self) -> Any:  # noqa: ANN401 - a JSON document
        return json.loads(self.out)

    def _record(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = self.network(request)
        if not isinstance(response, httpx.Response):
            raise TypeError(f"api and network take an httpx.Request and return an httpx.Response, not {response!r}")
        if response.is_stream_consumed:  # a response that was made from text; httpx reads that at once
            body = httpx.ByteStream(response.content)
            return httpx.Response(response.status_code, headers=response.headers, stream=body)
        return response

    def _respond(self, request: httpx.Request) -> httpx.Response:
        received = from_httpx(request)
        if _origin(request.url) == _origin(httpx.URL(self.provider.url)) and self.provider.has_path(received.path):
            return to_httpx(self.provider.respond(received))
        given = self._setting("access_token")
        if given and request.headers.get("authorization") == f"Bearer {given}":
            return self.api(request)
        refusal = self.provider.refusal(received, self._setting("audience"))
        return to_httpx(refusal) if refusal else self.api(request)

    def _setting(self, name: str) -> str | None:
        brand = self.program.brand
        return self.environ.get(brand.variable(name)) or str(brand.defaults.get(name) or "") or None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _not_found(request: httpx.Request) -> httpx.Response:
    return httpx.Response(404, json={"error": f"The test sets no api for {request.url}."})


def no_signals() -> AbstractContextManager[DeferredSignals]:
    """Defer no signals; a test can call the yielded object as the signal handler that it is."""
    return nullcontext(DeferredSignals())


def visit_provider(provider: ProviderSimulator) -> Callable[[str], None]:
    """Return what approves a sign-in with a browser: the provider redirects to a socket of the command."""

    def answer(url: str) -> None:
        response = provider.respond(Request("GET", httpx.URL(url).raw_path.decode()))
        if location := response.headers.get("location"):
            visit(location)

    return answer


def from_httpx(request: httpx.Request) -> Request:
    form = dict(parse_qsl(request.content.decode("utf-8", "replace"), keep_blank_values=True))
    return Request(request.method, request.url.raw_path.decode(), form, dict(request.headers))


def to_httpx(response: Response) -> httpx.Response:
    return httpx.Response(response.status, stream=httpx.ByteStream(response.body), headers=dict(response.headers))


@pytest.fixture
def terminal_for(tmp_path: Path) -> Iterator[Callable[[Runnable], Terminal]]:
    """Return a function that makes a terminal for a program; all of one test are on the same machine."""
    machine = Machine(home=tmp_path)
    with replaced_system_environment(machine.system_environment):
        yield lambda program: Terminal(program, machine)
