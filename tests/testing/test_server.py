"""The HTTP server of the simulated provider: which requests it passes on, and which it refuses."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

import pytest

from awesome_cli.oauth.response import Response
from awesome_cli.testing.grants import Request
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import BODY_LIMIT, DRAIN_LIMIT, serve
from support.time_limits import within

if TYPE_CHECKING:
    from collections.abc import Iterator

FORM = {"content-type": "application/x-www-form-urlencoded"}


def make(url: str) -> ProviderSimulator:
    return ProviderSimulator(url=url, now=lambda: 0, auto_approve=True)


def listeners() -> set[str]:
    """Return the names of the server's threads; other tests may have left some that are ending."""
    return {
        thread.name for thread in threading.enumerate() if re.search("loopback-server|process_request", thread.name)
    }


@pytest.fixture
def server(capfd: pytest.CaptureFixture[str]) -> Iterator[ProviderSimulator]:
    """Serve; afterwards nothing may have been printed, and no thread may be left."""
    before = listeners()
    with serve(make) as running:
        yield running
    assert listeners() == before
    assert capfd.readouterr() == ("", "")


def port_of(server: ProviderSimulator) -> int:
    return int(server.url.removesuffix("/").rpartition(":")[2])


def ask(
    server: ProviderSimulator, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=5)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def send(server: ProviderSimulator, data: bytes) -> bytes:
    """Send bytes, and return the whole response."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def members(response: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(response[2])
    return found


def test_the_issuer_is_the_address_that_the_server_listens_on(server: ProviderSimulator) -> None:
    status, headers, body = ask(server, "GET", "/.well-known/openid-configuration")
    assert status == 200
    assert json.loads(body)["issuer"] == server.url
    assert headers["date"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert headers["content-length"] == str(len(body))
    assert headers["x-content-type-options"] == "nosniff"


def test_a_whole_sign_in_works_over_a_socket(server: ProviderSimulator) -> None:
    form = b"client_id=test-client&scope=openid+offline_access"
    code = members(ask(server, "POST", "/device/code", form, FORM))
    grant = f"grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code={code['device_code']}"
    tokens = members(ask(server, "POST", "/token", f"client_id=test-client&{grant}".encode(), FORM))
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert members(ask(server, "GET", "/api/hello", headers=bearer))["message"] == "Hello Juan!"


def test_unknown_paths_and_wrong_methods_are_errors_in_json(server: ProviderSimulator) -> None:
    assert members(ask(server, "GET", "/nowhere"))["error"] == "not_found"
    status, headers, _ = ask(server, "GET", "/token")
    assert (status, headers["allow"]) == (405, "POST")
    assert ask(server, "DELETE", "/token")[0] == 405


def test_head_is_get_without_the_body(server: ProviderSimulator) -> None:
    path = "/.well-known/openid-configuration"
    (_, expected, body), (status, headers, nothing) = ask(server, "GET", path), ask(server, "HEAD", path)
    assert (status, nothing) == (200, b"")
    assert headers["content-length"] == expected["content-length"] == str(len(body))


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1"])
def test_another_host_name_is_refused(server: ProviderSimulator, host: str) -> None:
    assert ask(server, "GET", "/activate", headers={"Host": host})[0] == 421
    assert server.requests == []


def test_a_request_without_a_host_or_with_two_is_refused(server: ProviderSimulator) -> None:
    own = server.url.split("/")[2].encode()
    for hosts in (b"", b"Host: %b\r\nHost: %b\r\n" % (own, own)):
        assert send(server, b"GET /activate HTTP/1.1\r\n%b\r\n" % hosts).startswith(b"HTTP/1.1 421 ")


def test_a_body_may_be_as_long_as_the_limit_but_not_longer(server: ProviderSimulator) -> None:
    assert ask(server, "POST", "/token", b"a=" + b"x" * (BODY_LIMIT - 2), FORM)[0] == 400
    for length in (BODY_LIMIT + 1, DRAIN_LIMIT):
        assert ask(server, "POST", "/token", b"x" * length, FORM)[0] == 413
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"client_id=test-client&client_id=test-client",
        b"client_id=%ff",
        b"client_id=\xff",
        b"client_id",
        b"&&&",
        b"&".join(b"a%d=b" % number for number in range(60)),
    ],
)
def test_a_malformed_form_is_a_bad_request(server: ProviderSimulator, body: bytes) -> None:
    assert ask(server, "POST", "/device/code", body, FORM)[0] == 400
    assert server.requests == []


@pytest.mark.parametrize("body", [b"nothing", b"[]", b'{"a": 1, "a": 2}', b"\xff"])
def test_json_that_is_not_an_object_is_a_bad_request(server: ProviderSimulator, body: bytes) -> None:
    assert ask(server, "POST", "/api/echo", body, {"content-type": "application/json"})[0] == 400
    assert server.requests == []


def test_an_oauth_endpoint_takes_no_json(server: ProviderSimulator) -> None:
    body = json.dumps({"client_id": "test-client"}).encode()
    response = ask(server, "POST", "/device/code", body, {"content-type": "application/json"})
    assert members(response)["error"] == "invalid_request"


@pytest.mark.parametrize("headers", [{}, {"content-type": "multipart/form-data"}])
def test_other_media_types_are_refused(server: ProviderSimulator, headers: dict[str, str]) -> None:
    assert ask(server, "POST", "/device/code", b"client_id=test-client", headers)[0] == 415


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello over TLS\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /activate HTTP/x.y\r\n\r\n", b"400"),
        (b"GET /activate HTTP/2.0\r\n\r\n", b"505"),
        (b"POST /token HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST /token HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /token HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", b"400"),
        (b"POST /token HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort", b"400"),
        (b"POST /token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"GET /activate HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /activate HTTP/1.1\r\nX: " + b"y" * 65_600 + b"\r\n\r\n", b"431"),
    ],
)
def test_malformed_http_gets_an_error_response(server: ProviderSimulator, words: bytes, status: bytes) -> None:
    response = send(server, words)
    assert response.startswith(b"HTTP/1.1 %b " % status)
    assert response.endswith(b"}")
    assert server.requests == []


def test_a_request_line_that_is_too_long_is_refused(server: ProviderSimulator) -> None:
    assert b" 414 " in send(server, b"GET /" + b"x" * 65_600)
    assert server.requests == []


def test_an_error_response_does_not_repeat_the_request(server: ProviderSimulator) -> None:
    assert b"s3cret" not in send(server, b"POST /token?s3cret HTTP/9.s3cret\r\n\r\n")


def test_a_client_that_resets_the_connection_is_ignored(server: ProviderSimulator) -> None:
    for words in (b"", b"\r\n", b"GET /activ", b"GET /activate HTTP/1.1\r\nHo"):
        with socket.create_connection(("127.0.0.1", port_of(server))) as connection:
            # Closing shall reset the connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(words)
    assert ask(server, "GET", "/activate")[0] == 200


def test_the_connection_of_a_silent_client_times_out() -> None:
    with (
        serve(make, read_timeout=0.01) as server,
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=5) as connection,
    ):
        assert connection.recv(1) == b""


def test_the_server_stops_although_a_client_is_silent() -> None:
    before = listeners()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve(make))
        connection = socket.create_connection(("127.0.0.1", port_of(server)), timeout=5)
        asked = ask(server, "GET", "/activate")  # the silent client was accepted before
        with within(2):
            stack.close()
    with connection:
        assert connection.recv(1) == b""
    assert asked[0] == 200
    assert listeners() == before


def test_the_server_stops_after_an_exception_in_the_block() -> None:
    before = listeners()
    with pytest.raises(KeyboardInterrupt), serve(make):
        raise KeyboardInterrupt
    assert listeners() == before


def test_a_port_can_be_chosen_but_not_shared() -> None:
    with serve(make) as server:
        port = port_of(server)
        with pytest.raises(OSError, match=r"in use|Only one usage"), serve(make, port):
            pytest.fail("two servers on one port")
    with serve(make, port) as again:
        assert again.url == f"http://127.0.0.1:{port}/"
        assert ask(again, "GET", "/activate")[0] == 200


def test_requests_are_processed_concurrently(server: ProviderSimulator) -> None:
    codes: list[str] = []

    def one() -> None:
        codes.append(members(ask(server, "POST", "/device/code", b"client_id=test-client", FORM))["user_code"])

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(codes)) == 20


def test_the_traceback_of_an_exception_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    def broken() -> float:
        raise ZeroDivisionError

    with (
        serve(lambda url: ProviderSimulator(url=url, now=broken)) as server,
        pytest.raises(http.client.RemoteDisconnected),
    ):
        ask(server, "GET", "/activate")
    assert "ZeroDivisionError" in capfd.readouterr().err


# Observed requests


def test_each_request_that_was_answered_is_observed_once() -> None:
    seen: list[tuple[str, str, int]] = []

    def observe(request: Request, response: Response) -> None:
        seen.append((request.method, request.path, response.status))

    with serve(make, observe=observe) as server:
        ask(server, "GET", "/?a=b")
        ask(server, "POST", "/token", b"client_id=test-client", FORM)
        ask(server, "GET", "/nowhere")
        ask(server, "GET", "/activate", headers={"Host": "evil.example"})
        ask(server, "POST", "/token", b"client_id", FORM)
    assert seen == [("GET", "/", 303), ("POST", "/token", 400), ("GET", "/nowhere", 404)]


def test_one_request_is_observed_at_a_time() -> None:
    free, overlaps = threading.Lock(), []

    def observe(*_: object) -> None:
        overlaps.append(not free.acquire(blocking=False))
        threading.Event().wait(0.005)  # a slow terminal
        if not overlaps[-1]:
            free.release()

    with serve(make, observe=observe) as server:
        threads = [threading.Thread(target=ask, args=(server, "GET", "/activate")) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert overlaps == [False] * 10


def test_an_exception_of_the_observer_is_printed_after_the_response_was_sent(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def observe(*_: object) -> None:
        raise ZeroDivisionError

    with serve(make, observe=observe) as server:
        assert [ask(server, "GET", "/activate")[0] for _ in range(2)] == [200, 200]
    assert capfd.readouterr().err.count("ZeroDivisionError") >= 2


def test_an_observer_may_print_to_a_closed_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    def observe(*_: object) -> None:
        raise BrokenPipeError

    with serve(make, observe=observe) as server:
        assert ask(server, "GET", "/activate")[0] == 200
    assert capfd.readouterr() == ("", "")
