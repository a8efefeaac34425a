"""HTTP server on loopback for the simulated and the hostile provider: limits on requests, TLS, scripted responses."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from awesome_cli.oauth.response import Response, json_object
from awesome_cli.testing.grants import Request
from awesome_cli.testing.issuer import ProviderSimulator

HOST = "127.0.0.1"
BODY_LIMIT = 64 * 1024
DRAIN_LIMIT = 1024 * 1024  # of a body that is too long; if it is not read, the client does not get the response
POLL_INTERVAL = 0.02  # seconds until the server's thread notices a shutdown

Chunk = Response | bytes | float  # a response, bytes as they are, or seconds to wait


@contextlib.contextmanager
def serve(
    make: Callable[[str], ProviderSimulator],
    port: int = 0,
    *,
    read_timeout: float = 10,
    observe: Callable[[Request, Response], None] | None = None,
) -> Iterator[ProviderSimulator]:
    """Serve the simulator that ``make`` returns for the URL, until the block ends; port 0 is any free one.

    ``observe`` is called before each response is sent, in the thread of its connection, never twice at a time. It is
    not called for a request that is refused because it is malformed or for another host. Both arguments contain
    secrets. Raises OSError, if the port is in use or not allowed.
    """
    lock = threading.Lock()

    def respond(request: Request) -> Iterator[Response]:
        response = issuer.respond(request)
        try:
            if observe:
                with lock:
                    observe(request, response)
        finally:
            yield response  # also after an exception, which is raised when the response has been sent

    with LoopbackServer(port, read_timeout=read_timeout) as server:
        issuer = make(f"http://{server.host}/")
        with server.running(issuer, respond):
            yield issuer


class LoopbackServer(socketserver.ThreadingTCPServer):
    """One thread per connection, one request per connection. Raises OSError, if the port is in use or not allowed."""

    allow_reuse_address = os.name == "posix"  # on Windows two programs could then share one port
    request_queue_size = 64
    issuer: ProviderSimulator
    respond: Callable[[Request], Iterable[Chunk]]

    def __init__(self, port: int = 0, *, tls: ssl.SSLContext | None = None, read_timeout: float = 10) -> None:
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._tls = tls
        self._read_timeout = read_timeout
        super().__init__((HOST, port), _Handler)

    @property
    def host(self) -> str:
        return f"{HOST}:{self.server_address[1]}"

    @contextlib.contextmanager
    def running(self, issuer: ProviderSimulator, respond: Callable[[Request], Iterable[Chunk]]) -> Iterator[None]:
        """Pass requests to ``respond`` until the block ends."""
        self.issuer, self.respond = issuer, respond
        thread = threading.Thread(target=self.serve_forever, args=(POLL_INTERVAL,), name="loopback-server")
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            self.shutdown()
            thread.join()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls:  # the handshake takes place in the thread of the connection
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        connection.settimeout(self._read_timeout)
        self._connections.add(connection)
        return connection, address

    def close_request(self, request: Any) -> None:  # noqa: ANN401 - as socketserver has it
        self._connections.discard(request)
        super().close_request(request)

    def server_close(self) -> None:
        """Close all connections, so that no thread waits for a silent client, and join the threads."""
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Print the traceback of a bug; ignore clients that close the connection."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def to_bytes(response: Response) -> bytes:
    """Return a response as HTTP/1.1."""
    phrase = HTTPStatus(response.status).phrase if response.status in set(HTTPStatus) else "Unknown"
    headers = {
        "content-length": str(len(response.body)),
        "x-content-type-options": "nosniff",
        "connection": "close",
        **response.headers,
    }
    lines = [f"HTTP/1.1 {response.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.body


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackServer

    def respond(self) -> None:
        try:
            request = self._request()
        except _RequestError as error:
            self.send_error(error.status)
            return
        for chunk in self.server.respond(request):
            if self.server.stopping.is_set():
                return
            if isinstance(chunk, float | int):
                self.server.stopping.wait(chunk)
            else:
                data = to_bytes(chunk) if isinstance(chunk, Response) else chunk
                self.wfile.write(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if self.command == "HEAD" else data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = respond  # noqa: N815 - http.server's names

    def _request(self) -> Request:
        body = self._body()
        # A site can resolve its own name to this machine (DNS rebinding), and would then share this origin.
        if self.headers.get_all("host") != [urlsplit(self.server.issuer.url).netloc]:
            raise _RequestError(HTTPStatus.MISDIRECTED_REQUEST)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request("GET" if self.command == "HEAD" else self.command, self.path, headers=headers)
        media_type = self.headers.get_content_type()
        if not body:
            return request
        if media_type == "application/x-www-form-urlencoded":
            return replace(request, form=_parse_form(body))
        if media_type != "application/json":
            raise _RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        if (members := json_object(body)) is None:
            raise _RequestError(HTTPStatus.BAD_REQUEST)
        return replace(request, json=members)

    def _body(self) -> bytes:
        if "transfer-encoding" in self.headers:
            raise _RequestError(HTTPStatus.LENGTH_REQUIRED)
        lengths = self.headers.get_all("content-length", ["0"])
        if len(lengths) != 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
            raise _RequestError(HTTPStatus.BAD_REQUEST)
        length = int(lengths[0])
        body = self.rfile.read(min(length, DRAIN_LIMIT))
        if length > BODY_LIMIT:
            raise _RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if len(body) < length:
            raise _RequestError(HTTPStatus.BAD_REQUEST)
        return body

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - see below
        """Send JSON; the texts of http.server would repeat what the client sent."""
        members = {"error": "invalid_request", "error_description": HTTPStatus(code).phrase}
        self.wfile.write(to_bytes(Response(code, json.dumps(members).encode(), {"content-type": "application/json"})))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: stderr belongs to the program, and a path may contain a code."""


def _parse_form(body: bytes) -> dict[str, str]:
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise _RequestError(HTTPStatus.BAD_REQUEST) from None
    form = dict(pairs)
    if len(form) != len(pairs):  # RFC 6749 §3.2
        raise _RequestError(HTTPStatus.BAD_REQUEST)
    return form


class _RequestError(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status
