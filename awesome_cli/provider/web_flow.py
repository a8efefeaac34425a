"""Receive the authorization response of a browser on this machine, on a loopback address (RFC 8252 §7.3 and §8.3)."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from urllib.parse import urlsplit

import anyio
import h11
from anyio.abc import ByteStream, Listener, SocketAttribute, SocketStream, TaskGroup
from anyio.streams.stapled import MultiListener

from awesome_cli.errors import AwesomeError, DeviceCodeExpiredError, ProviderError
from awesome_cli.provider.approval import TICK, Deadline, TickObserver
from awesome_cli.provider.result_page import HEADERS, error_page, failure_page, success_page
from awesome_cli.system.exhaustion import exhausted

TIMEOUT = 300.0  # seconds for the person to sign in in the browser
LOOPBACK = "127.0.0.1"
ADDRESSES = {"localhost": (LOOPBACK, "::1")}  # a browser tries both, and no other program may answer at one
READ_TIMEOUT = 10.0  # seconds for one request
PAGE_TIMEOUT = 2.0  # seconds for sending the last page
MAX_REQUEST = 16 * 1024  # bytes of a request line and its headers
MAX_CONNECTIONS = 32  # without a complete request; the next one takes the place of the oldest


class RedirectListener:
    """An HTTP server for one response: a GET request for the path of ``redirect_uri``, at that host.

    All other requests are refused, and change nothing.
    """

    def __init__(self, redirect_uri: str) -> None:
        parts = urlsplit(redirect_uri)
        self.redirect_uri = redirect_uri
        self._host, self._path = _host_of(parts.netloc), parts.path or "/"
        self._query: str | None = None
        self._has_response, self._has_page, self._is_page_sent = anyio.Event(), anyio.Event(), anyio.Event()
        self._page = b""
        self._reads: deque[anyio.CancelScope] = deque()

    async def wait_for_response(self, deadline: Deadline, observer: TickObserver) -> str:
        """Return the query of the authorization response. Raises DeviceCodeExpiredError at the deadline."""
        while self._query is None:
            if deadline.seconds_left <= 0:
                raise DeviceCodeExpiredError(
                    f"Nobody finished the sign-in in the browser within {deadline.seconds:g} s.",
                    code="timeout",
                    hint="If the browser showed an error of the provider, look there whether this client may redirect"
                    f" to {self.redirect_uri}.",
                )
            observer.on_tick(0)
            with anyio.move_on_after(min(TICK, deadline.seconds_left)):
                await self._has_response.wait()
        return self._query

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Tell the browser, which waits for that, whether the block succeeded."""
        try:
            yield
        except AwesomeError as error:
            await self._show(failure_page(error.message))
            raise
        await self._show(success_page())

    async def _show(self, page: bytes) -> None:
        self._page = page
        self._has_page.set()
        with anyio.move_on_after(PAGE_TIMEOUT):
            await self._is_page_sent.wait()

    async def handle(self, stream: ByteStream) -> None:
        """Answer one request, and close the connection."""
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError, h11.ProtocolError):
            async with stream:
                await self._respond(stream)

    async def _respond(self, stream: ByteStream) -> None:
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_REQUEST)
        status, query, method = HTTPStatus.REQUEST_TIMEOUT, "", b""
        try:
            with self._reading():
                request = await _read_request(http, stream)
                method = request.method
                status, query = self._check(request)
        except h11.RemoteProtocolError as error:
            status = HTTPStatus(error.error_status_hint)
        if status == HTTPStatus.OK:
            self._query = query
            self._has_response.set()
            await self._has_page.wait()
            try:
                await _send(http, stream, status, self._page)
            finally:
                self._is_page_sent.set()
        else:
            await _send(http, stream, status, b"" if method == b"HEAD" else error_page(status))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Limit the time for reading one request, and the connections that wait for one."""
        if len(self._reads) >= MAX_CONNECTIONS:
            self._reads.popleft().cancel()
        with anyio.move_on_after(READ_TIMEOUT) as scope:
            self._reads.append(scope)
            try:
                yield
            finally:
                with suppress(ValueError):  # its place has been taken
                    self._reads.remove(scope)

    def _check(self, request: h11.Request) -> tuple[HTTPStatus, str]:
        """Return the status to answer with, and the query of the request."""
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        path, _, query = request.target.decode("latin-1").partition("?")
        if _host_of(headers.get("host", "")) != self._host:  # DNS rebinding: a site may resolve its name to 127.0.0.1
            return HTTPStatus.MISDIRECTED_REQUEST, ""
        if path != self._path:
            return HTTPStatus.NOT_FOUND, ""
        if request.method != b"GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, ""
        if headers.get("sec-fetch-dest", "document") != "document":  # an image or a frame of any page
            return HTTPStatus.FORBIDDEN, ""
        return (HTTPStatus.OK if self._query is None else HTTPStatus.CONFLICT), query


def _host_of(netloc: str) -> str:
    """Return host and port as browsers send them: in lower case, without the default port (RFC 9110 §4.2.3)."""
    return netloc.lower().removesuffix(":80")


@asynccontextmanager
async def redirect_listener(redirect_uri: str | None) -> AsyncIterator[RedirectListener]:
    """Listen during the block: at ``redirect_uri``, or else on a free port of 127.0.0.1 (RFC 8252 §7.3, §8.3).

    Raises ProviderError, if its port cannot be listened on.
    """
    parts = urlsplit(redirect_uri or f"http://{LOOPBACK}")
    host = parts.hostname or LOOPBACK
    sockets = MultiListener(await _listen(ADDRESSES.get(host, (host,)), parts.port or 0))
    address = f"{LOOPBACK}:{sockets.extra(SocketAttribute.local_port)}"  # noqa: S610 - not Django's "extra"
    listener = RedirectListener(redirect_uri or f"http://{address}/callback")
    failure: BaseException | None = None
    async with sockets, anyio.create_task_group() as group:
        for socket in sockets.listeners:
            group.start_soon(_serve, socket, listener.handle, group)
        try:
            yield listener
        except (Exception, SystemExit) as error:  # noqa: BLE001 - raised below: the task group would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _serve(socket: Listener[SocketStream], handle: Callable[[SocketStream], object], group: TaskGroup) -> None:
    """Accept connections. One that breaks meanwhile, which macOS and Windows report here, does not end that."""
    while True:
        try:
            await socket.serve(handle, group)
        except OSError as error:
            await anyio.sleep(TICK if exhausted(error) else 0.0)


async def _listen(hosts: Sequence[str], port: int) -> list[Listener[SocketStream]]:
    listeners: list[Listener[SocketStream]] = []
    for host in hosts:
        try:
            listener = await anyio.create_tcp_listener(local_host=host, local_port=port)
        except OSError as error:
            if listeners and error.errno not in (errno.EADDRINUSE, errno.EACCES):
                continue  # this machine has no IPv6
            for other in listeners:
                await other.aclose()
            raise ProviderError(
                f"Port {port}, to which the browser is to return, cannot be listened on ({error.strerror}).",
                hint="End the program that uses it, or set another redirect_uri in the profile in config.toml.",
            ) from error
        listeners += listener.listeners
    return listeners


async def _read_request(http: h11.Connection, stream: ByteStream) -> h11.Request:
    while True:
        event = http.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            raise anyio.BrokenResourceError  # the connection was closed without a request
        try:
            http.receive_data(await stream.receive())
        except anyio.EndOfStream:
            http.receive_data(b"")


async def _send(http: h11.Connection, stream: ByteStream, status: HTTPStatus, body: bytes) -> None:
    headers = [*HEADERS.items(), ("content-length", str(len(body))), ("connection", "close")]
    events = [
        h11.Response(status_code=status, reason=status.phrase, headers=headers),
        h11.Data(body),
        h11.EndOfMessage(),
    ]
    await stream.send(b"".join(filter(None, map(http.send, events))))
