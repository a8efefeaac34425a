"""The provider on loopback: bytes from a socket become a question for the issuer, or are refused."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import socketserver
import sys
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from awesome_cli.oauth.response import Response, json_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awesome_cli.testing.issuer import ProviderSimulator

HOST = "127.0.0.1"
BODY_LIMIT = 64 * 1024
DRAIN_LIMIT = 1024 * 1024  # read, and thrown away, of a body that is too long: else the refusal is lost on the way
FIELD_LIMIT = 50
STOP_WITHIN = 0.02  # seconds until the listening thread notices that it shall end


@dataclass(frozen=True)
class Server:
    """A provider that is listening; ``url`` ends with a slash."""

    url: str
    issuer: ProviderSimulator


@contextlib.contextmanager
def serve(make: Callable[[str], ProviderSimulator], port: int = 0, *, read_timeout: float = 10) -> Iterator[Server]:
    """Serve the issuer that ``make`` builds for the URL, until the block ends; port 0 is any free one.

    Raises OSError, if the port is taken or not allowed.
    """
    with _IssuersListener(_Conversation, port) as listener:
        listener.read_timeout = read_timeout
        url = f"http://{listener.host}/"
        listener.issuer = make(url)
        with listener.listening():
            yield Server(url, listener.issuer)


class Listener(socketserver.ThreadingTCPServer):
    """A socket on loopback, a thread a connection. Unlike http.server's own class it asks no name service about itself.

    Raises OSError, if the port is taken or not allowed.
    """

    allow_reuse_address = os.name == "posix"  # on Windows it would let two programs share one port
    request_queue_size = 64

    def __init__(self, conversation: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        self._open: set[socket.socket] = set()
        super().__init__((HOST, port), conversation)

    @property
    def host(self) -> str:
        """Where it listens, as URLs have it."""
        return f"{HOST}:{self.server_address[1]}"

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Answer until the block ends."""
        thread = threading.Thread(target=self.serve_forever, args=(STOP_WITHIN,), name="awesome-demo")
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection, and remember it."""
        connection, address = super().get_request()
        connection = self.prepare(connection)
        self._open.add(connection)
        return connection, address

    def prepare(self, connection: socket.socket) -> socket.socket:
        """Return a new connection as it shall be used."""
        return connection

    def close_request(self, request: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Close a connection, and forget it."""
        self._open.discard(request)
        super().close_request(request)

    def server_close(self) -> None:
        """Hang up on everybody, so that no thread waits for a client that says nothing; then join them."""
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Tell of a bug; a client that hangs up is no news."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _IssuersListener(Listener):
    issuer: ProviderSimulator
    read_timeout: float

    def prepare(self, connection: socket.socket) -> socket.socket:
        connection.settimeout(self.read_timeout)
        return connection


class _Conversation(BaseHTTPRequestHandler):
    """One request and its reply: HTTP/1.0, so that no connection lingers."""

    server: _IssuersListener

    def respond(self) -> None:
        method = "GET" if self.command == "HEAD" else self.command
        try:
            body = self._body()
            self._require_own_name()
            form, data = self._content(body)
        except _Refused as refusal:
            self.send_error(refusal.status)
        else:
            self._send(self.server.issuer.answer(method, self.path, form, dict(self.headers), data=data))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = respond  # noqa: N815 - http.server's names

    def _body(self) -> bytes:
        if "transfer-encoding" in self.headers:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED)
        lengths = self.headers.get_all("content-length", ["0"])
        if len(lengths) != 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
            raise _Refused(HTTPStatus.BAD_REQUEST)
        length = int(lengths[0])
        body = self.rfile.read(min(length, DRAIN_LIMIT))
        if length > BODY_LIMIT:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if len(body) < length:
            raise _Refused(HTTPStatus.BAD_REQUEST)
        return body

    def _require_own_name(self) -> None:
        # A site may have its own name lead to this machine (DNS rebinding), and would then share our origin.
        if self.headers.get_all("host") != [self.server.host]:
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST)

    def _content(self, body: bytes) -> tuple[dict[str, str], dict[str, Any] | None]:
        """Read a form, or a JSON object."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not body:
            return {}, None
        if media_type == "application/x-www-form-urlencoded":
            return _form(body), None
        data = json_object(body)
        if media_type != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        if data is None:
            raise _Refused(HTTPStatus.BAD_REQUEST)
        return {}, data

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.send_header("x-content-type-options", "nosniff")
        self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - see below
        """Refuse in JSON; http.server's words would repeat what the client sent."""
        words = {"error": "invalid_request", "error_description": HTTPStatus(code).phrase}
        self._send(Response(code, json.dumps(words).encode(), {"content-type": "application/json"}))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the terminal belongs to somebody else, and a path may carry a code."""


class _Refused(Exception):  # noqa: N818 - an answer, not a failure
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=FIELD_LIMIT,
        )
    except ValueError:
        raise _Refused(HTTPStatus.BAD_REQUEST) from None
    form = dict(pairs)
    if len(form) != len(pairs):  # RFC 6749 §3.2
        raise _Refused(HTTPStatus.BAD_REQUEST)
    return form
