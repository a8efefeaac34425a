"""A scriptable OpenID provider for tests: errors, malformed responses and tokens, slow and broken connections.

It listens on loopback. What is not scripted is answered by a :class:`~awesome_cli.testing.issuer.ProviderSimulator`.
Each act of a script is used once, in order::

    pytest_plugins = ["awesome_cli.testing"]

    def test_a_sign_in_survives_a_bad_gateway(hostile_provider):
        hostile_provider.at("/token", Disconnect(), Respond(502), NORMAL)
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from awesome_cli.oauth.response import Response
from awesome_cli.testing.grants import Request
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.keys import base64url, signing_key
from awesome_cli.testing.server import Chunk, LoopbackServer, to_bytes

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/.well-known/jwks.json"
ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "ABSENT"})()  # as a value, removes the member
LONGEST_RESPONSE = 65536  # bytes that are searched for secrets

_SECRET_MEMBERS = {"code", "device_code", "code_verifier", "access_token", "refresh_token", "id_token", "token"}
_SECRET_MEMBER = re.compile(rf'"(?:{"|".join(_SECRET_MEMBERS)})": "([^"]+)"')


Normally = Callable[[], Response]  # what the simulator responds to the request


class Act(Protocol):
    """What the provider does with one request. After the last chunk the connection is closed."""

    def play(self, normally: Normally, /) -> Iterator[Chunk]: ...


@dataclass(frozen=True)
class Normal:
    """Respond as the simulator does."""

    def play(self, normally: Normally) -> Iterator[Chunk]:
        yield normally()


NORMAL = Normal()


@dataclass(frozen=True)
class Respond:
    """Send this response. A body that is neither text nor bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def play(self, _: Normally) -> Iterator[Chunk]:
        body = self.body if isinstance(self.body, bytes | str) else json.dumps(self.body)
        yield Response(self.status, body.encode() if isinstance(body, str) else body, self.headers)


def redirect(location: str, status: int = 302) -> Respond:
    return Respond(status, headers={"location": location})


class ChangeMembers:
    """Change members of the normal JSON response: to a value, to what a function makes of the old one, or ABSENT."""

    def __init__(self, **members: Any) -> None:  # noqa: ANN401 - that is JSON
        self._members = members

    def play(self, normally: Normally) -> Iterator[Chunk]:
        response = normally()
        yield replace(response, body=json.dumps(_changed(response.json() or {}, self._members)).encode())


@dataclass(frozen=True)
class ForgeIdToken:
    """Change claims or header of the ID token, as ChangeMembers does, and sign it.

    The signature is made with the provider's key, or is what ``signature`` makes of the signing input (RFC 7515 §5.1).
    """

    claims: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    signature: Callable[[bytes], bytes] | None = None

    def play(self, normally: Normally) -> Iterator[Chunk]:
        response = normally()
        members = response.json() or {}
        if "id_token" in members:
            header, claims = (_decoded(segment) for segment in members["id_token"].split(".")[:2])
            token = signing_key(header["alg"]).sign(_changed(header, self.header), _changed(claims, self.claims))
            if self.signature:
                signing_input = token.rpartition(".")[0]
                token = f"{signing_input}.{base64url(self.signature(signing_input.encode()))}"
            members["id_token"] = token
        yield replace(response, body=json.dumps(members).encode())


class ChangeRedirect:
    """Change parameters of the redirect that ends an authorization request, as ChangeMembers does."""

    def __init__(self, **parameters: Any) -> None:  # noqa: ANN401 - as in ChangeMembers
        self._parameters = parameters

    def play(self, normally: Normally) -> Iterator[Chunk]:
        response = normally()
        url, _, query = response.headers.get("location", "").partition("?")
        parameters = urlencode(_changed(dict(parse_qsl(query)), self._parameters))
        yield replace(response, headers={**response.headers, "location": f"{url}?{parameters}"}) if url else response


@dataclass(frozen=True)
class SendBytes:
    """Send bytes, which need not be HTTP."""

    data: bytes

    def play(self, _: Normally) -> Iterator[Chunk]:
        yield self.data


@dataclass(frozen=True)
class Delay:
    """Play an act after some seconds."""

    seconds: float
    act: Act = NORMAL

    def play(self, normally: Normally) -> Iterator[Chunk]:
        yield self.seconds
        yield from self.act.play(normally)


@dataclass(frozen=True)
class SendSlowly:
    """Send the result of an act byte by byte with a pause before each, except for the first ``after`` bytes."""

    seconds: float
    act: Act = NORMAL
    after: int = 0

    def play(self, normally: Normally) -> Iterator[Chunk]:
        data = _bytes(self.act, normally)
        yield data[: self.after]
        for byte in data[self.after :]:
            yield self.seconds
            yield bytes([byte])


@dataclass(frozen=True)
class Disconnect:
    """Close the connection: at once, or ``after`` so many bytes of the result of an act."""

    after: int = 0
    act: Act = Respond()

    def play(self, normally: Normally) -> Iterator[Chunk]:
        yield _bytes(self.act, normally)[: self.after]


@dataclass(frozen=True)
class SendEndlessly:
    """Send ``start``, and then ``again`` until the client disconnects."""

    start: bytes
    again: bytes

    def play(self, _: Normally) -> Iterator[Chunk]:
        yield self.start
        while True:
            yield self.again


ENDLESS_BODY = SendEndlessly(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b'{"padding": "' + b"x" * 65536)
ENDLESS_HEADERS = SendEndlessly(b"HTTP/1.1 200 OK\r\n", b"X-Padding: " + b"x" * 1000 + b"\r\n")
ENDLESS_INTERIM = SendEndlessly(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100)


class HostileProvider:
    """Plays scripts for requests. Paths are relative to the issuer, such as ``/token``.

    ``requests`` are all requests so far, with the time of their arrival (``at``) on the clock of the provider.
    ``secrets`` are the codes, tokens and verifiers in requests and responses, for a test to search for in the output of
    a program. ``elsewhere`` is another origin, to which no client should send anything: it is served by
    :func:`serve_hostile`, without TLS.
    """

    elsewhere: HostileProvider

    def __init__(self, issuer: ProviderSimulator) -> None:
        self.issuer = issuer
        self.requests: list[Request] = []
        self.secrets: set[str] = set()
        self._scripts: dict[str, deque[Act]] = {}
        self._defaults: dict[str, Act] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The issuer, exactly."""
        return self.issuer.url

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def at(self, path: str, *acts: Act) -> HostileProvider:
        """Add acts to the script of a path."""
        self._scripts.setdefault(path, deque()).extend(acts)
        return self

    def always(self, path: str, act: Act) -> HostileProvider:
        """Play this act whenever the script of the path is empty."""
        self._defaults[path] = act
        return self

    def remaining(self, path: str) -> int:
        """Return how many acts in the script of a path have not been played yet."""
        return len(self._scripts.get(path, ()))

    def respond(self, request: Request) -> Iterator[Chunk]:
        root = urlsplit(self.url).path.rstrip("/")
        recorded = replace(request, target=request.target.removeprefix(root), at=self.issuer.now())
        with self._lock:
            self.secrets.update(value for name, value in request.form.items() if name in _SECRET_MEMBERS)
            self.requests.append(recorded)
            script = self._scripts.get(recorded.path)
            act = script.popleft() if script else self._defaults.get(recorded.path, NORMAL)
        for chunk in act.play(partial(self.issuer.respond, request)):
            data = chunk.body if isinstance(chunk, Response) else chunk
            if isinstance(data, bytes) and len(data) <= LONGEST_RESPONSE:
                self.secrets.update(_SECRET_MEMBER.findall(data.decode("latin-1")))
            yield chunk


@contextlib.contextmanager
def serve_hostile(
    path: str = "/",
    *,
    now: Callable[[], float] = time.time,  # noqa: TID251 - tests of whole programs run in real time
    tls: ssl.SSLContext | None = None,
    **settings: Any,  # noqa: ANN401 - fields of ProviderSimulator
) -> Iterator[HostileProvider]:
    """Serve a hostile provider until the block ends. ``path`` ends its issuer; ``settings`` are the simulator's."""
    with _serve("/", None, now=now) as elsewhere, _serve(path, tls, now=now, **settings) as provider:
        provider.elsewhere = elsewhere
        yield provider


@pytest.fixture
def hostile_provider() -> Iterator[HostileProvider]:
    """Serve a hostile provider that approves every code at once and allows fast polling."""
    with serve_hostile(interval=0.05, auto_approve=True) as provider:
        yield provider


@contextlib.contextmanager
def _serve(path: str, tls: ssl.SSLContext | None, **settings: Any) -> Iterator[HostileProvider]:  # noqa: ANN401 - as above
    with LoopbackServer(tls=tls) as server:
        url = f"{'https' if tls else 'http'}://{server.host}{path}"
        provider = HostileProvider(ProviderSimulator(url=url, **settings))
        with server.running(provider.issuer, provider.respond):
            yield provider


def _changed(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value(members.get(name)) if callable(value) else value for name, value in changes.items()}
    return {name: value for name, value in {**members, **values}.items() if value is not ABSENT}


def _decoded(segment: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return members


def _bytes(act: Act, normally: Normally) -> bytes:
    chunks = (to_bytes(chunk) if isinstance(chunk, Response) else chunk for chunk in act.play(normally))
    return b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))
