"""A provider that misbehaves as it is told: for tests of this program, and of those that are built on it.

It listens on loopback. What is not scripted, the demo's :class:`~awesome_cli.testing.issuer.ProviderSimulator` answers
honestly. Each item of a script is used once, in its order; then the issuer answers again::

    pytest_plugins = ["awesome_cli.testing"]

    def test_a_sign_in_survives_a_bad_gateway(hostile_provider):
        hostile_provider.at("/token", Drop(), Answer(502), PASS)
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import pytest

from awesome_cli.oauth.response import Response
from awesome_cli.testing.issuer import ProviderSimulator, Request
from awesome_cli.testing.server import Listener

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/.well-known/jwks.json"
ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "ABSENT"})()  # the value of a member that is taken away
LONGEST_RESPONSE = 65536  # bytes that are searched for secrets


@dataclass(frozen=True)
class Question:
    """One request, and what the issuer would say if it were asked."""

    issuer: ProviderSimulator
    request: Request

    def honest_response(self) -> Response:
        """Ask the issuer."""
        request = self.request
        return self.issuer.answer(request.method, request.path, request.form, request.headers, data=request.data)


class Act(Protocol):
    """What a provider does instead of answering."""

    def play(self, question: Question, /) -> Iterator[bytes | float]:
        """Yield bytes to send and seconds to wait; the end of it closes the connection."""


@dataclass(frozen=True)
class Pass:
    """Let the issuer answer."""

    def play(self, question: Question) -> Iterator[bytes | float]:
        """Send its reply."""
        yield wire(question.honest_response())


PASS = Pass()


@dataclass(frozen=True)
class Answer:
    """Any status, body and headers. A body that is neither text nor bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def play(self, _: Question) -> Iterator[bytes | float]:
        """Send it."""
        body = self.body if isinstance(self.body, bytes | str) else json.dumps(self.body)
        yield wire(Response(self.status, body.encode() if isinstance(body, str) else body, self.headers))


def redirect(location: str, status: int = 302) -> Answer:
    """Send the client elsewhere."""
    return Answer(status, headers={"location": location})


@dataclass(frozen=True)
class Raw:
    """Bytes that need not be HTTP at all."""

    data: bytes

    def play(self, _: Question) -> Iterator[bytes | float]:
        """Send them."""
        yield self.data


@dataclass(frozen=True, init=False)
class Lie:
    """The issuer's JSON with other members; :data:`ABSENT` takes one away, a function makes one from what it was."""

    members: Mapping[str, Any]

    def __init__(self, **members: Any) -> None:  # noqa: ANN401 - that is JSON
        object.__setattr__(self, "members", members)

    def play(self, question: Question) -> Iterator[bytes | float]:
        """Send what it says, changed."""
        response = question.honest_response()
        yield wire(replace(response, body=json.dumps(_changed(response.json() or {}, self.members)).encode()))


@dataclass(frozen=True)
class Forge:
    """The issuer's token reply with an ID token of other claims or header, signed with the issuer's own key.

    As in a :class:`Lie`, a value may be :data:`ABSENT`, or a function of the honest one.
    """

    claims: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)

    def play(self, question: Question) -> Iterator[bytes | float]:
        """Send the reply, if it carries an ID token with that token forged."""
        response = question.honest_response()
        document = response.json() or {}
        if "id_token" in document:
            header, claims = (_unpacked(part) for part in document["id_token"].split(".")[:2])
            forged = question.issuer.sign(_changed(header, self.header), _changed(claims, self.claims))
            response = replace(response, body=json.dumps(document | {"id_token": forged}).encode())
        yield wire(response)


@dataclass(frozen=True)
class Late:
    """Another act, after some seconds."""

    seconds: float
    act: Act = PASS

    def play(self, question: Question) -> Iterator[bytes | float]:
        """Wait, and go on."""
        yield self.seconds
        yield from self.act.play(question)


@dataclass(frozen=True)
class Drip:
    """Another act, a byte at a time: first those before ``after`` at once, then one every so many seconds."""

    seconds: float
    act: Act = PASS
    after: int = 0

    def play(self, question: Question) -> Iterator[bytes | float]:
        """Send it slowly."""
        data = _bytes(self.act, question)
        yield data[: self.after]
        for byte in data[self.after :]:
            yield self.seconds
            yield bytes([byte])


@dataclass(frozen=True)
class Drop:
    """A connection that breaks: at once, or ``after`` so many bytes of another act."""

    after: int = 0
    act: Act = Answer()

    def play(self, question: Question) -> Iterator[bytes | float]:
        """Send the beginning of it."""
        yield _bytes(self.act, question)[: self.after]


@dataclass(frozen=True)
class Flood:
    """A beginning, and something that never ends: see ENDLESS_BODY, ENDLESS_HEADERS, ENDLESS_INTERIM."""

    start: bytes
    again: bytes

    def play(self, _: Question) -> Iterator[bytes | float]:
        """Send it until the client hangs up."""
        yield self.start
        while True:
            yield self.again


ENDLESS_BODY = Flood(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b'{"padding": "' + b"x" * 65536)
ENDLESS_HEADERS = Flood(b"HTTP/1.1 200 OK\r\n", b"X-Padding: " + b"x" * 1000 + b"\r\n")
ENDLESS_INTERIM = Flood(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100)


def wire(response: Response) -> bytes:
    """Return a reply as HTTP/1.1."""
    phrase = HTTPStatus(response.status).phrase if response.status in set(HTTPStatus) else "Odd"
    headers = {"content-length": str(len(response.body)), "connection": "close", **response.headers}
    lines = [f"HTTP/1.1 {response.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.body


class HostileProvider:
    """A provider on a loopback socket that plays a script. Paths are those below the issuer, such as ``/token``.

    ``requests`` are all that arrived; ``secrets`` are the device codes, tokens and verifiers that came and went,
    for a test to search for in what a program said.
    """

    def __init__(self, issuer: ProviderSimulator) -> None:
        self.issuer = issuer
        self.requests: list[Request] = []
        self.secrets: set[str] = set()
        self._root = urlsplit(issuer.url).path.rstrip("/")
        self._scripts: dict[str, deque[Act]] = {}
        self._refrains: dict[str, Act] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The issuer, exactly."""
        return self.issuer.url

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for."""
        return [request.path for request in self.requests]

    def at(self, path: str, *acts: Act) -> HostileProvider:
        """Play these acts at a path, each once, in this order, after those that are waiting there already."""
        self._scripts.setdefault(path, deque()).extend(acts)
        return self

    def always(self, path: str, act: Act) -> HostileProvider:
        """Play this act at a path whenever nothing else is waiting there."""
        self._refrains[path] = act
        return self

    def play(self, request: Request) -> Iterator[bytes | float]:
        """Answer one request."""
        asked, request = request, replace(request, path=request.path.removeprefix(self._root))
        with self._lock:
            self.secrets.update(value for name, value in request.form.items() if name in _SECRET_MEMBERS)
            self.requests.append(request)
            script = self._scripts.get(request.path)
            act = script.popleft() if script else self._refrains.get(request.path, PASS)
        for piece in act.play(Question(self.issuer, asked)):
            if isinstance(piece, bytes) and len(piece) <= LONGEST_RESPONSE:
                self.secrets.update(_SECRET_MEMBER.findall(piece.decode("latin-1")))
            yield piece


@contextlib.contextmanager
def hostile(
    path: str = "/",
    *,
    now: Callable[[], float] = time.time,  # noqa: TID251 - tests of whole programs live in real time
    tls: ssl.SSLContext | None = None,
    **settings: Any,  # noqa: ANN401 - the issuer's own
) -> Iterator[HostileProvider]:
    """Serve a hostile provider whose issuer ends with ``path``, until the block ends; ``settings`` are the Issuer's."""
    with _HostileListener(tls) as listener:
        url = f"{'https' if tls else 'http'}://{listener.host}{path}"
        listener.provider = HostileProvider(ProviderSimulator(now=now, url=url, **settings))
        with listener.listening():
            try:
                yield listener.provider
            finally:
                listener.stopping.set()


@pytest.fixture
def hostile_provider() -> Iterator[HostileProvider]:
    """Serve a hostile provider that says yes to every code, and is in a hurry."""
    with hostile(interval=0.05, auto_approve=True) as provider:
        yield provider


_SECRET_MEMBERS = {"device_code", "code_verifier", "access_token", "refresh_token", "id_token", "token"}
_SECRET_MEMBER = re.compile(rf'"(?:{"|".join(_SECRET_MEMBERS)})": "([^"]+)"')


def _changed(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: value(members.get(name)) if callable(value) else value for name, value in changes.items()}
    return {name: value for name, value in {**members, **made}.items() if value is not ABSENT}


def _unpacked(segment: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return document


def _bytes(act: Act, question: Question) -> bytes:
    return b"".join(piece for piece in act.play(question) if isinstance(piece, bytes))


class _HostileListener(Listener):
    provider: HostileProvider

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.stopping = threading.Event()
        self._tls = tls
        super().__init__(_Conversation)

    def prepare(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return super().prepare(connection)
        # The handshake takes place in the connection's own thread.
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)


class _Conversation(BaseHTTPRequestHandler):
    server: _HostileListener

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        path, _, query = self.path.partition("?")
        provider = self.server.provider
        request = Request(
            method=self.command,
            path=path,
            at=provider.issuer.now(),
            query=dict(parse_qsl(query)),
            form=dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            data=None,
        )
        self._perform(provider.play(request))

    do_GET = do_POST = respond  # noqa: N815 - http.server's names

    def _perform(self, pieces: Iterable[bytes | float]) -> None:
        for piece in pieces:
            if self.server.stopping.is_set():
                return
            if isinstance(piece, bytes):
                self.wfile.write(piece)
            else:
                self.server.stopping.wait(piece)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the terminal is the test's."""
