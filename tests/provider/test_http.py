"""Connections to a provider: TLS, proxies, deadlines, size limits, and unusual HTTP responses."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import certifi
import httpx
import pytest
import trustme

from awesome_cli.errors import ConfigError, ProviderUnreachableError
from awesome_cli.provider.cache import FileMetadataCache
from awesome_cli.provider.client import REFRESH_TIMEOUT, oidc_client
from awesome_cli.provider.config import ClientConfig
from awesome_cli.provider.http import UnacceptableResponseError, connection_error, open_client, tls_context
from awesome_cli.provider.request import MAX_BODY
from awesome_cli.provider.sign_in_client import SignInClient
from awesome_cli.testing.grants import Request
from awesome_cli.testing.hostile import (
    DISCOVERY,
    ENDLESS_BODY,
    ENDLESS_HEADERS,
    ENDLESS_INTERIM,
    KEYS,
    NORMAL,
    Act,
    ChangeMembers,
    Delay,
    Disconnect,
    HostileProvider,
    Normally,
    Respond,
    SendBytes,
    SendEndlessly,
    SendSlowly,
    serve_hostile,
)
from awesome_cli.testing.time import START
from support.process import Program
from support.proxy import proxy
from support.requirements import require
from support.terminal import InProcess, Terminal
from support.time_limits import within


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


class TestTls:
    @pytest.fixture
    def authority_file(self, authority: trustme.CA, tmp_path: Path) -> Path:
        path = tmp_path / "authority.pem"
        authority.cert_pem.write_to_path(path)
        return path

    @pytest.fixture
    def provider(self, authority: trustme.CA) -> Iterator[HostileProvider]:
        with serve_hostile(tls=_server_side(authority.issue_cert("127.0.0.1")), **_QUICK) as provider:
            yield provider

    def test_a_private_authority_works_as_a_file(
        self, program: Program, provider: HostileProvider, authority_file: Path
    ) -> None:
        assert program.at(provider.url).run("login", SSL_CERT_FILE=str(authority_file)).code == 0
        assert program.run("logout", SSL_CERT_FILE=str(authority_file)).code == 0

    def test_a_private_authority_works_as_a_folder(
        self, program: Program, provider: HostileProvider, authority_file: Path, tmp_path: Path
    ) -> None:
        require("openssl")
        openssl = str(shutil.which("openssl"))
        command = [openssl, "x509", "-noout", "-hash", "-in", str(authority_file)]
        name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        folder = tmp_path / "authorities"
        folder.mkdir()
        shutil.copy(authority_file, folder / f"{name}.0")
        assert program.at(provider.url).run("login", SSL_CERT_DIR=str(folder)).code == 0

    def test_an_untrusted_certificate_is_refused(self, program: Program, provider: HostileProvider) -> None:
        end = program.at(provider.url).run("login")
        assert (end.code, provider.paths) == (7, [])
        assert "its TLS certificate is not trusted" in end.err
        assert "Hint:" in end.err
        assert "SSL_CERT_FILE" in end.err

    def test_ssl_cert_file_replaces_all_trusted_authorities(
        self, program: Program, provider: HostileProvider, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(other)
        assert program.at(provider.url).run("login", SSL_CERT_FILE=str(other)).code == 7

    @pytest.mark.parametrize("wrong", ["name", "time"])
    def test_a_certificate_for_another_host_is_refused(
        self, wrong: str, in_process_program: InProcess, authority: trustme.CA, authority_file: Path
    ) -> None:
        last_year = datetime.now(UTC) - timedelta(days=365)
        leaf = (
            authority.issue_cert("provider.example")
            if wrong == "name"
            else authority.issue_cert("127.0.0.1", not_before=last_year, not_after=last_year + timedelta(days=9))
        )
        with serve_hostile(tls=_server_side(leaf), **_QUICK) as provider:
            end = in_process_program.at(provider.url).execute("login", SSL_CERT_FILE=str(authority_file))
        assert (end.code, provider.paths) == (7, [])
        assert "its TLS certificate is not trusted" in end.err

    def test_a_server_without_tls_is_a_failed_handshake(
        self, in_process_program: InProcess, hostile_provider: HostileProvider
    ) -> None:
        end = in_process_program.at(hostile_provider.url.replace("http:", "https:")).execute("login")
        assert (end.code, "TLS handshake failed" in end.err) == (7, True)

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_an_unusable_certificate_file_is_a_config_error(
        self, content: str | None, in_process_program: InProcess, tmp_path: Path
    ) -> None:
        path = tmp_path / "authority.pem"
        if content is not None:
            path.write_text(content)
        end = in_process_program.at("https://provider.example/").execute("login", SSL_CERT_FILE=str(path))
        assert (end.code, "SSL_CERT_FILE cannot be used" in end.err) == (3, True)

    @pytest.mark.parametrize("environ", [{}, {"SSL_CERT_FILE": certifi.where()}, {"SSL_CERT_DIR": "/nowhere"}])
    def test_verification_cannot_be_switched_off(self, environ: dict[str, str]) -> None:
        context = tls_context(environ)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a test cannot add to what the system trusts")
    def test_the_systems_authorities_are_trusted(self, provider: HostileProvider, authority_file: Path) -> None:
        code = (
            "import httpx, sys; from awesome_cli.provider.http import tls_context;"
            " httpx.get(sys.argv[1], verify=tls_context({}))"
        )
        environ = {**os.environ, "SSL_CERT_FILE": str(authority_file)}  # OpenSSL's own name for the system's file
        subprocess.run([sys.executable, "-c", code, provider.url], env=environ, check=True)
        assert provider.paths == ["/"]

    def test_certifis_authorities_are_trusted(self) -> None:
        bare = ssl.create_default_context(cafile=certifi.where())
        ours = tls_context({})._ctx  # type: ignore[attr-defined]  # noqa: SLF001 - truststore tells nothing by itself
        assert ours.cert_store_stats() == bare.cert_store_stats()


class TestProxies:
    @pytest.fixture
    def secured(self, program: Program, authority: trustme.CA, tmp_path: Path) -> Iterator[HostileProvider]:
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        program.environ["SSL_CERT_FILE"] = str(tmp_path / "authority.pem")
        with serve_hostile(tls=_server_side(authority.issue_cert("provider.test")), **_QUICK) as provider:
            provider.issuer.url = provider.url.replace("127.0.0.1", "provider.test")  # which only the proxy can find
            program.at(provider.url)
            yield provider

    def test_https_goes_through_the_proxy(self, program: Program, secured: HostileProvider) -> None:
        with proxy() as proxied_by:
            end = program.run("login", HTTPS_PROXY=f"http://me:pass-word@{proxied_by.host}")
        assert end.code == 0, end.err
        assert set(proxied_by.asked) == {secured.url.split("/")[2]}
        assert all(words.startswith("Basic ") for words in proxied_by.authorizations)
        assert "pass-word" not in end.err

    def test_no_proxy_exempts_a_host(self, program: Program, secured: HostileProvider) -> None:
        with proxy() as proxied_by:
            end = program.run("login", HTTPS_PROXY=f"http://{proxied_by.host}", NO_PROXY="provider.test")
        assert (proxied_by.asked, secured.paths) == ([], [])
        assert (end.code, "its name cannot be resolved" in end.err) == (7, True)

    @pytest.mark.parametrize(
        ("scheme", "environ"),
        [
            ("http", {"HTTP_PROXY": "{}"}),
            ("http", {"http_proxy": "{}"}),
            ("http", {"ALL_PROXY": "{}"}),
            ("http", {"all_proxy": "{}"}),
            ("http", {"HTTP_PROXY": "{}", "NO_PROXY": "localhost"}),
            ("http", {"HTTP_PROXY": "{}", "NO_PROXY": "http://example.com:80, ,.example.com"}),
            ("https", {"HTTPS_PROXY": "{}"}),
            ("https", {"https_proxy": "{}"}),
            ("https", {"ALL_PROXY": "{}"}),
        ],
    )
    def test_loopback_is_never_proxied_whatever_the_variables_say(  # noqa: PLR0917 - fixtures
        self,
        scheme: str,
        environ: dict[str, str],
        in_process_program: InProcess,
        authority: trustme.CA,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        tls = _server_side(authority.issue_cert("127.0.0.1")) if scheme == "https" else None
        certificates = str(tmp_path / "authority.pem")
        with proxy() as proxied_by, serve_hostile(tls=tls, **_QUICK) as provider:
            for name, value in environ.items():
                monkeypatch.setenv(name, value.format(f"http://{proxied_by.host}"))  # httpx reads it by itself
            api = provider.issuer.api_url
            in_process_program.at(provider.url, AWESOME_API_URL=api, AWESOME_AUDIENCE=api, SSL_CERT_FILE=certificates)
            commands = ["login"], ["token", "--min-ttl", "99999"], ["api", "hello"], ["logout"]
            assert [in_process_program.execute(*argv).code for argv in commands] == [0, 0, 0, 0]
        assert proxied_by.asked == []

    @pytest.mark.parametrize(
        ("host", "proxied"),
        [
            ("localhost", []),
            ("127.0.0.1", []),
            ("127.9.8.7", []),
            ("[::1]", []),
            ("[0:0:0:0:0:0:0:1]", []),
            ("127.0.0.1.test", ["http://127.0.0.1.test:1/"]),
        ],
    )
    def test_the_systems_proxy_is_used_for_remote_hosts_only(
        self, host: str, proxied: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def ask() -> None:
            async with open_client(None, 5, {}) as http:
                await http.get(f"http://{host}:1/")

        with proxy() as proxied_by:
            # urllib asks macOS and the Windows registry; a program that was not started from a shell knows no more
            monkeypatch.setattr("httpx._utils.getproxies", lambda: {"http": proxied_by.host})
            with nullcontext() if proxied else pytest.raises(httpx.ConnectError):
                anyio.run(ask)
        assert proxied_by.asked == proxied

    def test_a_proxy_that_refuses_is_named_in_the_error(self, program: Program, secured: HostileProvider) -> None:
        with proxy(refusal=407) as proxied_by:
            end = program.run("login", HTTPS_PROXY=f"http://me:pass-word@{proxied_by.host}")
        assert (end.code, secured.paths) == (7, [])
        assert "the proxy refuses (HTTP status 407)" in end.err
        assert "pass-word" not in end.err

    def test_unusable_proxy_settings_do_not_affect_a_provider_on_this_machine(
        self, in_process_program: InProcess, hostile_provider: HostileProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "socks5://proxy")
        assert in_process_program.at(hostile_provider.url).execute("login").code == 0

    @pytest.mark.parametrize("setting", ["ftp://me:pass-word@proxy/", "socks5://me:pass-word@proxy", "http://[::1"])
    def test_unusable_proxy_settings_are_a_config_error(
        self, setting: str, in_process_program: InProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", setting)  # httpx reads it by itself
        end = in_process_program.at("https://provider.example/").execute("login", "--verbose")
        assert (end.code, "The proxy settings cannot be used" in end.err) == (3, True)
        assert "pass-word" not in end.err


class TestTime:
    """A server that sends a byte now and then cannot delay a command for long."""

    @pytest.mark.parametrize(
        "act",
        [
            pytest.param(Delay(60), id="says nothing"),
            pytest.param(SendSlowly(0.05), id="a byte now and then, from the first"),
            pytest.param(SendSlowly(0.05, after=200), id="a byte now and then, later"),
            pytest.param(ENDLESS_INTERIM, id="endless interim responses"),
            pytest.param(
                SendEndlessly(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b""), id="a body that never comes"
            ),
        ],
    )
    def test_one_request_has_a_deadline(self, act: Act, hostile_provider: HostileProvider, tmp_path: Path) -> None:
        hostile_provider.at(DISCOVERY, act)
        with within(2), pytest.raises(ProviderUnreachableError, match="in time"):
            _begin(hostile_provider.url, tmp_path, deadline=0.3)

    def test_a_request_within_its_deadline_succeeds(self, hostile_provider: HostileProvider, tmp_path: Path) -> None:
        hostile_provider.at(DISCOVERY, SendSlowly(0.0001, after=900), Delay(0.1))
        _begin(hostile_provider.url, tmp_path, deadline=15)

    def test_a_byte_every_second_delays_a_command_for_15_seconds(self, terminal: Terminal) -> None:
        async def drip() -> AsyncIterator[bytes]:
            while True:
                await anyio.sleep(1)
                yield b" "

        terminal.answer = lambda _: httpx.Response(200, stream=_Stream(drip()))
        assert terminal.run("login") == 7
        assert terminal.time.now() - START == 15

    def test_a_slow_provider_does_not_delay_a_valid_session(self, terminal: Terminal) -> None:
        async def silence() -> httpx.Response:
            await anyio.sleep_forever()
            raise AssertionError

        terminal.login()
        terminal.time.pass_by(2 * 3600)
        terminal.answer = lambda _: silence()
        began = terminal.time.now()
        assert (terminal.run("say-hi"), terminal.out) == (0, "Welcome Juan!\n")
        assert terminal.time.now() - began == REFRESH_TIMEOUT


class TestSize:
    def test_a_response_of_a_mebibyte_is_read(
        self, in_process_program: InProcess, hostile_provider: HostileProvider
    ) -> None:
        length = len(hostile_provider.issuer.respond(Request("GET", DISCOVERY)).body)
        padding = "x" * (MAX_BODY - length - len(', "padding": ""'))
        hostile_provider.at(DISCOVERY, ChangeMembers(padding=padding))
        assert in_process_program.at(hostile_provider.url).execute("login").code == 0

    def test_a_response_of_a_mebibyte_and_a_byte_is_refused(
        self, in_process_program: InProcess, hostile_provider: HostileProvider
    ) -> None:
        length = len(hostile_provider.issuer.respond(Request("GET", DISCOVERY)).body)
        padding = "x" * (MAX_BODY - length - len(', "padding": ""') + 1)
        hostile_provider.at(DISCOVERY, ChangeMembers(padding=padding))
        end = in_process_program.at(hostile_provider.url).execute("login")
        assert (end.code, "longer than 1024 KiB" in end.err) == (7, True)

    @pytest.mark.parametrize(
        "act",
        [
            pytest.param(ENDLESS_BODY, id="a body without end"),
            pytest.param(ENDLESS_HEADERS, id="headers without end"),
            pytest.param(SendEndlessly(b"HTTP/1.1 200 ", b"x" * 1000), id="a first line without end"),
            pytest.param(
                SendEndlessly(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", b" " * 65536), id="said so"
            ),
            pytest.param(
                SendEndlessly(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b" " * 32768 + b"\r\n"
                ),
                id="chunks without end",
            ),
        ],
    )
    def test_an_endless_response_is_refused_while_it_is_read(
        self, act: Act, in_process_program: InProcess, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at(DISCOVERY, act)
        with within(5):
            assert in_process_program.at(hostile_provider.url).execute("login").code == 7

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "x-unknown"])
    def test_a_compressed_response_is_refused_unread(
        self, coding: str, in_process_program: InProcess, hostile_provider: HostileProvider
    ) -> None:
        bomb = gzip.compress(b"{" + b" " * 50_000_000)
        hostile_provider.at(DISCOVERY, Respond(200, bomb, {"content-encoding": coding}))
        end = in_process_program.at(hostile_provider.url).execute("login")
        assert (end.code, "compressed" in end.err) == (7, True)
        assert {request.headers["accept-encoding"] for request in hostile_provider.requests} == {"identity"}

    def test_deeply_nested_json_is_refused(
        self, in_process_program: InProcess, hostile_provider: HostileProvider
    ) -> None:
        hostile_provider.at(DISCOVERY, Respond(200, '{"a":' * 100_000 + "1" + "}" * 100_000))
        assert in_process_program.at(hostile_provider.url).execute("login").code == 7

    def test_unused_members_are_not_cached_however_they_are_nested(
        self, in_process_program: InProcess, hostile_provider: HostileProvider
    ) -> None:
        nested = json.loads('{"a":' * 200 + "1" + "}" * 200)
        keys = json.loads(hostile_provider.issuer.respond(Request("GET", KEYS)).body)["keys"]
        hostile_provider.at(DISCOVERY, ChangeMembers(padding=nested))
        hostile_provider.at(KEYS, Respond(200, {"keys": [{**keys[0], "padding": nested}]}))
        assert in_process_program.at(hostile_provider.url).execute("login").code == 0
        remembered = [path.read_text("utf-8") for path in (in_process_program.home / "cache").iterdir()]
        assert ["padding" in text for text in remembered] == [False]


@dataclass(frozen=True)
class Chunked:
    """The issuer's response in chunks of some bytes."""

    size: int

    def play(self, normally: Normally) -> Iterator[bytes | float]:
        body = normally().body
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for start in range(0, len(body), self.size):
            chunk = body[start : start + self.size]
            yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
        yield b"0\r\n\r\n"


@dataclass(frozen=True)
class Headed:
    """The issuer's body below another head, ended by the end of the connection."""

    head: bytes

    def play(self, normally: Normally) -> Iterator[bytes | float]:
        yield self.head + b"\r\n\r\n" + normally().body


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(Chunked(7), id="in chunks"),
        pytest.param(Headed(b"HTTP/1.0 200 OK"), id="HTTP/1.0"),
        pytest.param(Headed(b"HTTP/1.1 200 OK"), id="no content-length"),
        pytest.param(Headed(b"HTTP/1.1 200"), id="no reason phrase"),
        pytest.param(Headed(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK"), id="an interim response before it"),
        pytest.param(Headed(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=latin-1"), id="another media type"),
        pytest.param(Headed(b"HTTP/1.1 200 OK\r\nDate: yesterday\r\nX: \xff\xfe"), id="odd headers"),
    ],
)
def test_an_unusual_but_valid_http_response_is_read(
    act: Act, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    for path in (DISCOVERY, "/device/code", "/token"):
        hostile_provider.at(path, act)
    assert in_process_program.at(hostile_provider.url).execute("login").code == 0


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(SendBytes(b""), id="nothing"),
        pytest.param(SendBytes(b"\x00\xff" * 100), id="bytes"),
        pytest.param(SendBytes(b"HTTP/9.9 200 OK\r\n\r\n{}"), id="HTTP of the future"),
        pytest.param(
            SendBytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), id="two lengths"
        ),
        pytest.param(SendBytes(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), id="a negative length"),
        pytest.param(SendBytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), id="an unknown transfer coding"),
        pytest.param(SendBytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), id="broken chunks"),
        pytest.param(SendBytes(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), id="a broken header"),
        pytest.param(SendBytes(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), id="another protocol"),
        pytest.param(Disconnect(after=50, act=NORMAL), id="half of the headers"),
        pytest.param(Disconnect(after=400, act=NORMAL), id="half of the body"),
    ],
)
def test_a_broken_http_response_is_an_error(
    act: Act, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at(DISCOVERY, act)
    end = in_process_program.at(hostile_provider.url).execute("login")
    assert end.code == 7, end.err
    assert end.err.startswith("Error: ")


def test_no_cookie_is_stored(in_process_program: InProcess, hostile_provider: HostileProvider) -> None:
    for path in (DISCOVERY, "/device/code"):
        hostile_provider.at(path, Headed(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: c=d"))
    assert in_process_program.at(hostile_provider.url).execute("login").code == 0
    assert len(hostile_provider.requests) == 4
    assert not any("cookie" in request.headers for request in hostile_provider.requests)


class TestReasons:
    """Why a host cannot be used, in plain words that quote nothing."""

    def test_a_closed_port_is_a_refused_connection(self, in_process_program: InProcess) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        end = in_process_program.at(url).execute("login")
        assert (end.code, "the connection was refused" in end.err) == (7, True)

    def test_the_error_gives_the_reason_of_the_last_of_several_addresses(self) -> None:
        error = httpx.ConnectError("All connection attempts failed")
        error.__cause__ = ExceptionGroup("multiple", [OSError("s3cret"), ConnectionRefusedError(111, "s3cret")])
        assert connection_error("a", error, check="issuer").message == "a cannot be used: the connection was refused."

    def test_the_error_names_the_class_if_no_address_gives_a_reason(self) -> None:
        error = httpx.ConnectError("All connection attempts failed")
        error.__cause__ = ExceptionGroup("multiple", [OSError("s3cret"), OSError("s3cret")])
        message = connection_error("a", error, check="issuer").message
        assert message == "a cannot be used: the connection failed (ConnectError)."

    def test_an_unknown_host_name_is_a_dns_error(
        self, in_process_program: InProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unknown(*_: object, **__: object) -> list[object]:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)  # a real name server may be one that says nothing
        end = in_process_program.at("https://provider.example/").execute("login")
        assert (end.code, "its name cannot be resolved (DNS)" in end.err) == (7, True)

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (httpx.ConnectTimeout("slow"), "no response in time"),
            (httpx.LocalProtocolError("Illegal header value b'Bearer s3cret'"), "failed (LocalProtocolError)"),
            (httpx.InvalidURL("https://s3cret/"), "failed (InvalidURL)"),
            (ConnectionResetError(104, "s3cret"), os.strerror(104)),
            (httpx.ProxyError("407 s3cret"), "(HTTP status 407)"),
            (UnacceptableResponseError("the response is too long"), "the response is too long"),
            (ssl.SSLError("s3cret"), "TLS handshake failed (SSLError)"),
            (ssl.SSLCertVerificationError("s3cret"), "not trusted (SSLCertVerificationError)"),
        ],
    )
    def test_an_error_quotes_nothing_that_may_be_secret(self, error: Exception, reason: str) -> None:
        message = connection_error("provider.example", error, check="issuer").message
        assert reason in message
        assert "s3cret" not in message

    def test_the_error_names_the_class_of_an_oserror_without_errno(self) -> None:
        error = httpx.ConnectError("All connection attempts failed")
        error.__cause__ = OSError("s3cret")
        assert (
            connection_error("a", error, check="issuer").message
            == "a cannot be used: the connection failed (ConnectError)."
        )


def test_a_client_has_neither_cookies_nor_redirects() -> None:
    client = open_client(None, 1, {})
    assert not client.follow_redirects


def test_an_unusable_file_of_authorities_is_reported_by_the_first_request_that_needs_it() -> None:
    async def get(url: str) -> None:
        async with open_client(None, 1, {"SSL_CERT_FILE": "/nowhere"}) as client:
            await client.get(url)

    with pytest.raises(ConfigError):
        anyio.run(get, "https://127.0.0.1:9/")
    with pytest.raises(httpx.ConnectError):
        anyio.run(get, "http://127.0.0.1:9/")  # nothing listens there, and no certificate is needed


_QUICK: dict[str, Any] = {"interval": 0.05, "auto_approve": True}


class _Stream(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces


def _server_side(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def _begin(url: str, folder: Path, *, deadline: float) -> None:
    async def talk() -> None:
        async with oidc_client(
            SignInClient,
            ClientConfig(issuer=url, client_id="test-client", scope="openid"),
            cache=FileMetadataCache(folder, warn=lambda _: None),
            transport=None,
            now=time.time,
            log=lambda _: None,
            environ={},
            request_timeout=deadline,
        ) as provider:
            await provider.request_device_code()

    anyio.run(talk)
