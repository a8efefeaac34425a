"""Clients of the listener for a browser's redirect, over sockets on loopback."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.abc
import httpx

from awesome_cli.errors import ProviderError
from awesome_cli.oauth.device_grant import PollingSchedule, PollState
from awesome_cli.provider.approval import Deadline
from awesome_cli.provider.web_flow import RedirectListener, redirect_listener

RIGHT = "/callback?code=the-code&state=the-state"
QUERY = RIGHT.partition("?")[2]
LIMIT = 10.0  # seconds for one test, on a busy machine


class Observer:
    """Counts the ticks; at each one calls ``at_tick``."""

    def __init__(self, at_tick: Callable[[], object] = lambda: None) -> None:
        self.ticks = 0
        self._at_tick = at_tick

    def on_tick(self, request_seconds: float) -> None:
        assert request_seconds == 0
        self.ticks += 1
        self._at_tick()

    def on_poll(self, state: PollState, schedule: PollingSchedule) -> None: ...

    def on_code(self, device: object, deadline: Deadline) -> None: ...

    def on_authorization(self, url: str, deadline: Deadline) -> None: ...


class Client:
    """A browser, or any other program, that connects to a listener."""

    def __init__(self, listener: RedirectListener) -> None:
        self.listener = listener
        self.url = httpx.URL(listener.redirect_uri)
        self.host = self.url.netloc.decode()
        assert self.url.port is not None
        self.port = self.url.port

    async def connect(self) -> anyio.abc.SocketStream:
        return await anyio.connect_tcp(self.url.host, self.port)

    async def send(self, data: bytes, *, ends: bool = False) -> bytes:
        """Send bytes, and return all that comes until the connection is closed."""
        async with await self.connect() as stream:
            await stream.send(data)
            if ends:
                await stream.send_eof()
            received = b""
            with suppress(anyio.BrokenResourceError):  # closed while data was under way
                async for chunk in stream:
                    received += chunk
            return received

    def request(self, target: str = RIGHT, method: str = "GET", version: str = "1.1", **headers: str) -> bytes:
        named = {"Host": self.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {value}" for name, value in named.items() if value)]
        return "\r\n".join([*lines, "", ""]).encode()

    async def answer(self, data: bytes = b"", *, error: ProviderError | None = None) -> tuple[str, bytes]:
        """Send the right response, let the sign-in end so; return the query that it got, and what the browser got."""
        received: list[bytes] = []

        async def visit() -> None:
            received.append(await self.send(data or self.request()))

        async with anyio.create_task_group() as group:
            group.start_soon(visit)
            query = await self.listener.wait_for_response(deadline(), Observer())
            with suppress(ProviderError):
                async with self.listener.answering():
                    if error:
                        raise error
        return query, received[0]


def deadline(seconds: float = LIMIT) -> Deadline:
    return Deadline(seconds, None, time.time)


@asynccontextmanager
async def listening(redirect_uri: str | None = None) -> AsyncIterator[Client]:
    with anyio.fail_after(LIMIT):
        async with redirect_listener(redirect_uri) as listener:
            yield Client(listener)


def run(work: Callable[[Client], Awaitable[Any]], redirect_uri: str | None = None) -> Any:  # noqa: ANN401 - what work returns
    """Run ``work`` with a client of a listener."""

    async def main() -> Any:  # noqa: ANN401 - the same
        async with listening(redirect_uri) as client:
            return await work(client)

    return anyio.run(main)


def status_of(response: bytes) -> int:
    version, status, *_ = response.split(maxsplit=2)
    assert version == b"HTTP/1.1"
    return int(status)


def headers_of(response: bytes) -> dict[str, str]:
    lines = response.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    pairs = [line.partition(": ") for line in lines]
    headers = {name: value for name, _, value in pairs}
    assert len(headers) == len(pairs)
    return headers


def body_of(response: bytes) -> str:
    return response.partition(b"\r\n\r\n")[2].decode()


def is_refused(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as client:
        return client.connect_ex((host, port)) != 0


def reset(stream: anyio.abc.SocketStream) -> None:
    """Close a connection so that the other end gets an error (RST)."""
    raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - not Django's "extra"
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream._transport.abort()  # type: ignore[attr-defined]  # noqa: SLF001 - without FIN


class Silent(anyio.abc.ByteStream):
    """A connection on which nothing arrives after ``data``."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sent = b""
        self.is_closed = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if not self.data:
            await anyio.sleep_forever()
        data, self.data = self.data[:max_bytes], self.data[max_bytes:]
        return data

    async def send(self, item: bytes) -> None:
        self.sent += item

    async def send_eof(self) -> None: ...

    async def aclose(self) -> None:
        self.is_closed = True
