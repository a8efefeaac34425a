"""Requests to the listener for a browser's redirect: one is the response of the sign-in, all others are refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.lowlevel
import pytest

from awesome_cli.errors import DeviceCodeExpiredError
from awesome_cli.provider.web_flow import PAGE_TIMEOUT, RedirectListener
from support.redirect import (
    QUERY,
    RIGHT,
    Client,
    Observer,
    Silent,
    body_of,
    deadline,
    headers_of,
    reset,
    run,
    status_of,
)


def at_host(host: str) -> Callable[[Client], bytes]:
    return lambda client: client.request(Host=host.format(port=client.port))


REFUSED: list[tuple[str, int, Callable[[Client], bytes]]] = [
    ("another host", 421, at_host("evil.example:{port}")),
    ("another name of this machine", 421, at_host("localhost:{port}")),
    ("another port", 421, at_host("127.0.0.1:1")),
    ("no port", 421, at_host("127.0.0.1")),
    ("a longer name", 421, at_host("127.0.0.1:{port}.evil.example")),
    ("no host", 400, lambda client: client.request(Host="")),
    ("no host in HTTP/1.0", 421, lambda client: client.request(Host="", version="1.0")),
    ("two hosts", 400, lambda client: client.request(host="evil.example")),
    ("another path", 404, lambda client: client.request("/?code=1")),
    ("a longer path", 404, lambda client: client.request("/callback/?code=1")),
    ("a path in other letters", 404, lambda client: client.request("/Callback?code=1")),
    ("the icon", 404, lambda client: client.request("/favicon.ico")),
    ("the whole URL", 404, lambda client: client.request(f"http://{client.host}{RIGHT}")),
    ("a proxy's request", 404, lambda client: client.request("evil.example:443", "CONNECT")),
    ("an asterisk", 404, lambda client: client.request("*", "OPTIONS")),
    ("POST", 405, lambda client: client.request(method="POST", Content_Length="0")),
    ("POST with a form", 405, lambda client: client.request(method="POST", Content_Length="6") + b"code=1"),
    ("HEAD", 405, lambda client: client.request(method="HEAD")),
    ("OPTIONS", 405, lambda client: client.request(method="OPTIONS")),
    ("get", 405, lambda client: client.request(method="get")),
    *[
        (f"Sec-Fetch-Dest: {kind}", 403, lambda client, kind=kind: client.request(Sec_Fetch_Dest=kind))
        for kind in ("image", "iframe", "frame", "script", "empty", "object", "style", "DOCUMENT")
    ],
    ("TLS", 400, lambda _: bytes.fromhex("16030100c8010000c40303") + b"\0" * 200),
    ("no HTTP", 400, lambda _: b"hello\r\n\r\n"),
    ("HTTP/0.9", 400, lambda _: f"GET {RIGHT}\r\n\r\n".encode()),
    ("HTTP/2", 421, lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("an unknown encoding", 501, lambda client: client.request(Transfer_Encoding="gzip")),
    ("two lengths", 400, lambda client: client.request(Content_Length="1, 2")),
    ("a control character", 400, lambda client: client.request(f"{RIGHT}\0")),
    ("a letter that is not ASCII", 400, lambda client: client.request(f"{RIGHT}&x=é")),
]


@pytest.mark.parametrize(("status", "build"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_request_that_is_not_the_response_is_refused_and_does_not_end_the_sign_in(
    status: int, build: Callable[[Client], bytes]
) -> None:
    async def work(client: Client) -> None:
        response = await client.send(build(client))
        assert status_of(response) == status
        assert "the-code" not in response.decode()
        query, page = await client.answer()
        assert (query, status_of(page)) == (QUERY, 200)

    run(work)


TOO_LONG = [{"target": f"{RIGHT}&x={'x' * 2**20}"}, {"Cookie": "x" * 2**20}]


@pytest.mark.parametrize("member", TOO_LONG, ids=["URL", "header"])
def test_a_request_that_is_too_long_is_cut_off(member: dict[str, str]) -> None:
    async def work(client: Client) -> None:
        response = await client.send(client.request(**member))
        assert not response or status_of(response) == 431  # the error may arrive before the page
        query, _ = await client.answer()
        assert query == QUERY

    run(work)


def test_head_gets_no_body() -> None:
    async def work(client: Client) -> None:
        assert body_of(await client.send(client.request(method="HEAD"))) == ""
        assert "GET request" in body_of(await client.send(client.request(method="PUT")))

    run(work)


@pytest.mark.parametrize("headers", [{}, {"Sec_Fetch_Dest": "document", "Cookie": "a=b"}, {"Connection": "keep-alive"}])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_browser_gets_the_page_and_the_connection_is_closed(version: str, headers: dict[str, str]) -> None:
    query, page = run(lambda client: client.answer(client.request(version=version, **headers)))
    assert (query, status_of(page), page.count(b"HTTP/1.1")) == (QUERY, 200, 1)
    assert headers_of(page).get("connection") == {"1.0": None, "1.1": "close"}[version]
    assert len(body_of(page).encode()) == int(headers_of(page)["content-length"])


def test_a_response_without_a_query_is_taken_as_it_is() -> None:
    query, page = run(lambda client: client.answer(client.request("/callback")))
    assert (query, status_of(page)) == ("", 200)


def test_of_two_requests_on_one_connection_only_the_first_is_answered() -> None:
    async def work(client: Client) -> None:
        query, page = await client.answer(client.request() + client.request("/callback?code=other"))
        assert (query, page.count(b"HTTP/1.1")) == (QUERY, 1)

    run(work)


def test_a_second_response_is_refused_before_and_after_the_page() -> None:
    async def work(client: Client) -> None:
        async with await client.connect() as browser:
            await browser.send(client.request())
            query = await client.listener.wait_for_response(deadline(), Observer())
            second = await client.send(client.request("/callback?code=other"))
            async with client.listener.answering():
                pass
            page = await browser.receive()
        third = await client.send(client.request())
        assert [status_of(response) for response in (second, page, third)] == [409, 200, 409]
        assert "has its answer already" in body_of(second)
        assert query == await client.listener.wait_for_response(deadline(), Observer()) == QUERY

    run(work)


def test_a_request_may_arrive_byte_by_byte() -> None:
    async def work(client: Client) -> None:
        async with await client.connect() as browser:
            for byte in client.request():
                await browser.send(bytes([byte]))
                await anyio.lowlevel.checkpoint()
            assert await client.listener.wait_for_response(deadline(), Observer()) == QUERY
            async with client.listener.answering():
                pass

    run(work)


@pytest.mark.parametrize("data", [b"", b"GET /callback?code=1 HTTP/1.1\r\nHost: ", b"\r\n"])
def test_a_client_that_disconnects_early_does_not_end_the_sign_in(data: bytes) -> None:
    async def work(client: Client) -> None:
        await client.send(data, ends=True)
        async with await client.connect() as stream:
            await stream.send(data or b"G")
        reset(await client.connect())
        query, _ = await client.answer()
        assert query == QUERY

    run(work)


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_browser_that_is_gone_before_the_page_does_not_delay_the_sign_in(how: str) -> None:
    async def work(client: Client) -> None:
        browser = await client.connect()
        await browser.send(client.request())
        assert await client.listener.wait_for_response(deadline(), Observer()) == QUERY
        if how == "closed":
            await browser.aclose()
        else:
            reset(browser)
            await browser.aclose()
        began = time.monotonic()
        async with client.listener.answering():
            pass
        assert time.monotonic() - began < PAGE_TIMEOUT / 2

    run(work)


@pytest.mark.parametrize(
    ("redirect_uri", "host"),
    [
        ("http://127.0.0.1:80/callback", "127.0.0.1"),
        ("http://localhost:80/callback", "localhost:80"),
        ("http://LocalHost:8484/callback", "localhost:8484"),
        ("http://[::1]:8080/callback", "[::1]:8080"),
    ],
)
def test_a_host_is_compared_as_browsers_send_it(redirect_uri: str, host: str) -> None:
    async def visit(host: str) -> int:
        stream = Silent(f"GET {RIGHT} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        listener = RedirectListener(redirect_uri)
        async with anyio.create_task_group() as group:
            group.start_soon(listener.handle, stream)
            with suppress(DeviceCodeExpiredError):
                await listener.wait_for_response(deadline(0.01), Observer())
                async with listener.answering():
                    pass
        return status_of(stream.sent)

    assert anyio.run(visit, host) == 200
    assert anyio.run(visit, f"{host}.evil.example") == 421
    assert anyio.run(visit, f"{host}0") == 421
