"""The listener for a browser's redirect: what it binds, when it ends, and what a flood of connections does."""

from __future__ import annotations

import errno
import gc
import socket
import tracemalloc
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

import anyio
import pytest
from anyio._backends._asyncio import TCPSocketListener

from awesome_cli.errors import DeviceCodeExpiredError, ProviderError
from awesome_cli.provider.approval import TICK, Deadline
from awesome_cli.provider.web_flow import (
    MAX_CONNECTIONS,
    MAX_REQUEST,
    PAGE_TIMEOUT,
    READ_TIMEOUT,
    RedirectListener,
    redirect_listener,
)
from awesome_cli.testing.time import VirtualTime
from support.redirect import (
    QUERY,
    Client,
    Observer,
    Silent,
    body_of,
    deadline,
    is_refused,
    listening,
    run,
    status_of,
)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def other_address() -> str:
    """Return an address of this machine that is not loopback, or another one of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        try:
            client.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.2"
        return str(client.getsockname()[0])


def test_it_listens_on_one_address_and_a_free_port() -> None:
    async def work(client: Client) -> None:
        assert client.url.copy_with(port=None) == "http://127.0.0.1/callback"
        assert client.port >= 1024
        assert not is_refused("127.0.0.1", client.port)
        for host in ("::1", "127.0.0.2", other_address()):
            assert is_refused(host, client.port), host

    run(work)


def test_each_sign_in_has_a_port_of_its_own() -> None:
    async def work(client: Client) -> None:
        async with redirect_listener(None) as other:
            assert other.redirect_uri != client.listener.redirect_uri

    run(work)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_localhost_is_listened_on_at_both_of_its_addresses(host: str, free_port: int) -> None:
    async def work(client: Client) -> None:
        client.url = client.url.copy_with(host=host)
        query, page = await client.answer()
        assert (query, status_of(page)) == (QUERY, 200)
        assert is_refused(other_address(), client.port)

    run(work, f"http://localhost:{free_port}/callback")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_another_loopback_address_is_the_only_one(host: str, free_port: int) -> None:
    async def work(client: Client) -> None:
        assert client.listener.redirect_uri == f"http://{host}:{free_port}/a/b"
        query, page = await client.answer(client.request("/a/b?code=1"))
        assert (query, status_of(page)) == ("code=1", 200)
        assert is_refused("127.0.0.1" if host == "[::1]" else "::1", client.port)

    run(work, f"http://{host}:{free_port}/a/b")


def test_a_redirect_uri_without_a_path_is_answered_at_the_root(free_port: int) -> None:
    query, _ = run(lambda client: client.answer(client.request("/?code=1")), f"http://127.0.0.1:{free_port}")
    assert query == "code=1"


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_port_that_another_program_uses_is_named_and_the_others_are_closed(taken: str) -> None:
    with socket.create_server((taken, 0), family=socket.AF_INET6 if ":" in taken else socket.AF_INET) as server:
        port = server.getsockname()[1]

        async def work(_: Client) -> None: ...

        with pytest.raises(ProviderError) as refused:
            run(work, f"http://localhost:{port}/callback")
        assert (refused.value.exit_code, f"Port {port}" in refused.value.message) == (7, True)
        assert "redirect_uri" in refused.value.hint
        assert is_refused({"127.0.0.1": "::1", "::1": "127.0.0.1"}[taken], port)


def test_a_machine_without_ipv6_listens_on_the_other_address(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    create = anyio.create_tcp_listener

    async def without_ipv6(*, local_host: str, local_port: int) -> Any:  # noqa: ANN401 - anyio's listener
        if ":" in local_host:
            raise OSError(99, "Cannot assign requested address")
        return await create(local_host=local_host, local_port=local_port)

    monkeypatch.setattr(anyio, "create_tcp_listener", without_ipv6)
    query, _ = run(lambda client: client.answer(), f"http://localhost:{free_port}/callback")
    assert query == QUERY


@pytest.mark.parametrize("error", [None, ProviderError("failed"), SystemExit(3), KeyError("a bug")], ids=repr)
def test_the_port_is_closed_at_the_end_and_errors_come_as_they_are(error: BaseException | None) -> None:
    ports = []

    async def work(client: Client) -> None:
        ports.append(client.port)
        if error:
            raise error

    if error is None:
        run(work)
    else:
        with pytest.raises(type(error)) as raised:
            run(work)
        assert raised.value is error
    assert is_refused("127.0.0.1", ports[0])


def test_a_cancellation_closes_the_port_and_the_connections() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            with anyio.CancelScope() as scope:
                async with listening() as client:
                    streams = [await stack.enter_async_context(await client.connect()) for _ in range(3)]
                    await streams[0].send(client.request())
                    await client.listener.wait_for_response(deadline(), Observer())
                    scope.cancel()
                    await anyio.sleep_forever()
            assert scope.cancelled_caught
            assert is_refused("127.0.0.1", client.port)
            for stream in streams:
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    await stream.receive()

    anyio.run(main)


# Floods

FLOOD = 300  # connections, of which each is the oldest in turn
FLOODS: dict[str, Callable[[Client], bytes]] = {
    "idle": lambda _: b"",
    "slow": lambda client: client.request()[:-2],
    "garbage": lambda _: b"\x16\x03\x01" * 100,
    "huge headers": lambda client: client.request(Cookie="x" * (MAX_REQUEST - 1000))[:-4],
    "wrong host": lambda client: client.request(Host="evil.example"),
}


async def flood(client: Client, data: bytes, stack: AsyncExitStack, count: int = FLOOD) -> None:
    for _ in range(count):
        stream = await stack.enter_async_context(await client.connect())
        with suppress(anyio.BrokenResourceError):
            await stream.send(data)


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_connections_does_not_keep_the_browser_out(kind: str) -> None:
    async def work(client: Client) -> None:
        async with AsyncExitStack() as stack:
            await flood(client, FLOODS[kind](client), stack)
            query, page = await client.answer()
            assert (query, status_of(page)) == (QUERY, 200)

    run(work)


def test_a_flood_after_the_response_does_not_take_the_page_from_the_browser() -> None:
    async def work(client: Client) -> None:
        async with AsyncExitStack() as stack, await client.connect() as browser:
            await browser.send(client.request())
            await client.listener.wait_for_response(deadline(), Observer())
            await flood(client, b"", stack, MAX_CONNECTIONS + 1)
            await client.send(client.request())  # which is answered after them
            async with client.listener.answering():
                pass
            assert status_of(await browser.receive()) == 200

    run(work)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ECONNABORTED, errno.EMFILE], ids=errno.errorcode.get)
def test_connections_that_break_while_they_are_accepted_do_not_end_the_sign_in(
    monkeypatch: pytest.MonkeyPatch, free_port: int, number: int, host: str
) -> None:
    accept, errors = TCPSocketListener.accept, [OSError(number, "as macOS reports it")]

    async def failing(self: TCPSocketListener) -> anyio.abc.SocketStream:
        stream = await accept(self)
        if not errors:
            return stream
        await stream.aclose()
        raise errors.pop()

    async def work(client: Client) -> None:
        client.url = client.url.copy_with(host=host)
        async with await client.connect() as browser:
            await browser.send(client.request())
            monkeypatch.setattr(TCPSocketListener, "accept", failing)
            for _ in range(2):  # the first one is still accepted as before
                async with await client.connect():
                    pass
            assert status_of(await client.send(client.request("/"))) == 404
            assert not errors
            assert await client.listener.wait_for_response(deadline(), Observer()) == QUERY
            async with client.listener.answering():
                pass
            assert status_of(await browser.receive()) == 200

    run(work, f"http://localhost:{free_port}/callback")


def test_the_memory_of_a_flood_is_bounded() -> None:
    async def work(client: Client) -> None:
        tracemalloc.start()
        try:
            for _ in range(2):
                async with AsyncExitStack() as stack:
                    await flood(client, FLOODS["huge headers"](client), stack, MAX_CONNECTIONS * 3)
                    await client.send(client.request("/"))
                gc.collect()
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
            async with AsyncExitStack() as stack:
                await flood(client, FLOODS["huge headers"](client), stack, MAX_CONNECTIONS * 6)
            assert tracemalloc.get_traced_memory()[1] - before < MAX_CONNECTIONS * 10 * MAX_REQUEST
        finally:
            tracemalloc.stop()

    run(work)


# Time limits, in virtual time and without sockets


@pytest.mark.parametrize("data", [b"", b"GET /callback?code=1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"])
def test_a_request_that_does_not_end_is_given_up(data: bytes) -> None:
    listener, virtual, stream = RedirectListener("http://127.0.0.1:1/callback"), VirtualTime(), Silent(data)
    virtual.run(partial(listener.handle, stream))
    assert (virtual.monotonic, status_of(stream.sent), stream.is_closed) == (READ_TIMEOUT, 408, True)


@pytest.mark.parametrize("seconds", [0.1, 30, 300])
def test_nobody_who_answers_in_time_is_a_timeout(seconds: float) -> None:
    listener, virtual, observer = RedirectListener("http://127.0.0.1:1/callback"), VirtualTime(), Observer()

    async def work() -> None:
        await listener.wait_for_response(Deadline(seconds, None, virtual.now), observer)

    with pytest.raises(DeviceCodeExpiredError) as ended:
        virtual.run(work)
    assert (ended.value.exit_code, ended.value.code) == (6, "timeout")
    assert f"within {seconds:g} s" in ended.value.message
    assert "http://127.0.0.1:1/callback" in ended.value.hint
    assert virtual.monotonic == pytest.approx(seconds)
    assert observer.ticks == pytest.approx(seconds / TICK, abs=1)


def test_a_laptop_that_slept_past_the_deadline_ends_the_wait_within_a_tick() -> None:
    listener, virtual = RedirectListener("http://127.0.0.1:1/callback"), VirtualTime()
    observer = Observer(lambda: virtual.pass_by(301 if virtual.monotonic == 10 else 0))

    async def work() -> None:
        await listener.wait_for_response(Deadline(300, None, virtual.now), observer)

    with pytest.raises(DeviceCodeExpiredError):
        virtual.run(work)
    assert 10 <= virtual.monotonic <= 10 + TICK


def test_a_response_is_taken_at_once_and_not_at_the_next_tick() -> None:
    listener, virtual = RedirectListener("http://127.0.0.1:1/callback"), VirtualTime()
    stream = Silent(b"GET /callback?code=1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n")

    async def respond() -> None:
        await anyio.sleep(7.1)
        await listener.handle(stream)

    async def work() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(respond)
            assert await listener.wait_for_response(Deadline(300, None, virtual.now), Observer()) == "code=1"
            async with listener.answering():
                await anyio.sleep(5)  # the exchange of the code

    virtual.run(work)
    assert virtual.monotonic == pytest.approx(12.1)
    assert "You are signed in" in body_of(stream.sent)


def test_a_page_that_cannot_be_sent_is_given_up() -> None:
    virtual = VirtualTime()

    async def work() -> None:
        async with RedirectListener("http://127.0.0.1:1/callback").answering():
            pass

    virtual.run(work)
    assert virtual.monotonic == PAGE_TIMEOUT


def test_a_connection_that_broke_before_the_page_does_not_delay_the_sign_in() -> None:
    class Broken(Silent):
        async def send(self, item: bytes) -> None:  # noqa: ARG002 - anyio's signature
            raise anyio.BrokenResourceError

    listener, virtual = RedirectListener("http://127.0.0.1:1/callback"), VirtualTime()

    async def work() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(listener.handle, Broken(b"GET /callback HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"))
            await listener.wait_for_response(Deadline(300, None, virtual.now), Observer())
            async with listener.answering():
                pass

    virtual.run(work)
    assert virtual.monotonic == 0
