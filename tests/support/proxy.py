"""A forward proxy on loopback that supports CONNECT (RFC 9110 §9.3.6), and records its requests.

Other requests get 502. Names below ``.test`` resolve to this machine, and hosts in ``ports`` to a port of it.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, refusal: int | None, ports: Mapping[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.refusal = refusal
        self.ports = ports
        self.asked: list[str] = []
        self.authorizations: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def proxy(*, refusal: int | None = None, ports: Mapping[str, int] | None = None) -> Iterator[Proxy]:
    with Proxy(refusal, ports or {}) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Tunnel(BaseHTTPRequestHandler):
    server: Proxy

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.path)
        self.server.authorizations.append(self.headers.get("proxy-authorization", ""))
        if self.server.refusal is not None:
            self.send_error(self.server.refusal)
            return
        host, _, port = self.path.rpartition(":")
        is_here = host in self.server.ports or host.endswith(".test")
        address = "127.0.0.1" if is_here else host, self.server.ports.get(host, int(port))
        with socket.create_connection(address) as other:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_copy, args=(other, self.connection))
            back.start()
            _copy(self.connection, other)
            back.join()

    def respond(self) -> None:
        self.server.asked.append(self.path)
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_error(502)

    do_GET = do_POST = respond  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
