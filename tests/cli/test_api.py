"""``awesome api``: requests, the access token, and the output of responses."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

from awesome_cli import awesome
from awesome_cli.api.client import MAX_PAGES, MAX_REFUSAL, STALL_TIMEOUT, resolve_url
from awesome_cli.cli.api_output import MAX_FORMATTED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from support.terminal import Terminal

API = "https://api.example/v1"
REFUSED = {"www-authenticate": 'Bearer realm="x", error="invalid_token"'}


class Api:
    """A protected API beside the provider: it sends the given responses and records requests."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.provider = terminal.answer
        self.calls: list[httpx.Request] = []
        self.responses: list[httpx.Response | Exception] = []
        terminal.answer = self.respond
        terminal.set(environ={**terminal.environment.environ, "AWESOME_API_URL": API})

    def respond(self, request: httpx.Request) -> httpx.Response | Awaitable[httpx.Response]:
        if request.url.host != "api.example":
            return self.provider(request)
        self.calls.append(request)
        next_response = self.responses.pop(0) if self.responses else response(200, b'{"ok":true}')
        if isinstance(next_response, Exception):
            raise next_response
        return next_response

    def run(self, *argv: str, stdin: str = "", **environ: str | None) -> int:
        self.calls.clear()
        return self.terminal.run("api", *argv, stdin=stdin, **environ)

    @property
    def tokens(self) -> list[str]:
        return [call.headers["authorization"] for call in self.calls]

    @property
    def renewals(self) -> int:
        return self.terminal.issuer.refreshes


@pytest.fixture
def api(terminal: Terminal) -> Api:
    terminal.login()
    return Api(terminal)


@pytest.fixture
def on_screen(api: Api) -> Api:
    api.terminal.interactive = True
    return api


class Bytes(io.TextIOWrapper):
    """A stream with bytes below it, as real ones have."""

    def __init__(self, given: bytes = b"", *, terminal: bool = False) -> None:
        self.pipe = io.BytesIO(given)
        self.terminal = terminal
        super().__init__(self.pipe, "utf-8")

    def isatty(self) -> bool:
        return self.terminal


def stream(*chunks: bytes, pause: float = 0.0) -> httpx.AsyncByteStream:
    """Send a body in pieces, with pauses between them."""

    class Pieces(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in chunks:
                await anyio.sleep(pause)
                yield chunk

    return Pieces()


def response(
    status: int, body: bytes = b"", headers: dict[str, str] | list[tuple[str, str]] | None = None
) -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=stream(body) if body else stream())


def refusal(body: bytes = b"no") -> httpx.Response:
    return response(401, body, REFUSED)


def replace_entries(terminal: Terminal, entries: dict[tuple[str, str], str]) -> None:
    for service, username in terminal.keyring.entries():
        terminal.keyring.delete_password(service, username)
    for (service, username), secret in entries.items():
        terminal.keyring.set_password(service, username, secret)


def test_the_demo_api_answers(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("api", "hello", AWESOME_API_URL=terminal.issuer.api_url) == 0
    assert terminal.json["message"] == "Hello Juan!"
    assert terminal.paths == ["/api/hello"]


def test_the_access_token_is_sent_in_the_authorization_header(api: Api) -> None:
    assert api.run("hello") == 0
    assert api.terminal.out == '{"ok":true}'
    [call] = api.calls
    assert (call.method, str(call.url)) == ("GET", f"{API}/hello")
    assert api.terminal.run("token") == 0
    assert call.headers["authorization"] == f"Bearer {api.terminal.out.strip()}"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("hello", f"{API}/hello"),
        ("/hello", f"{API}/hello"),
        ("", f"{API}/"),
        ("?a=1", f"{API}/?a=1"),
        ("//evil.example/x", f"{API}/evil.example/x"),
        ("proxy?url=https://elsewhere.example/..", f"{API}/proxy?url=https://elsewhere.example/.."),
        ("users:batch", f"{API}/users:batch"),
        ("a b/ü", f"{API}/a%20b/%C3%BC"),
        ("a%2Fb", f"{API}/a%2Fb"),
        ("https://api.example/other", "https://api.example/other"),
        ("https://API.example:443/other", "https://api.example/other"),
    ],
)
def test_paths_are_below_the_api_url_and_urls_at_its_origin(path: str, url: str) -> None:
    assert str(resolve_url(API, path)) == url
    assert str(resolve_url(f"{API}/", path)) == url


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "http://api.example/v1/hello",
        "https://api.example:8443/",
        "https://api.example@evil.example/",
        "https://user:secret@api.example/",
        "https://api.example.evil.example/",
        "../admin",
        "a/../../b",
        "a/%2e%2E/b",
        "a%2f..%2fb",
        "a\\..\\b",
        "%5c..%5cb",
        "./hello",
        "hello#part",
        "hello\r\nX: y",
        "he\x1bllo",
        " hello",
        "https://[::1",
    ],
)
def test_a_path_to_another_origin_is_a_usage_error(api: Api, path: str) -> None:
    assert api.run(path) == 2
    assert api.calls == []
    assert api.terminal.err.startswith("Error: ")
    assert "secret" not in api.terminal.err


def test_without_an_api_url_it_is_a_config_error(api: Api) -> None:
    assert api.run("hello", AWESOME_API_URL=None) == 3
    assert "AWESOME_API_URL" in api.terminal.err


def test_the_profile_can_set_the_api_url(api: Api) -> None:
    folder = api.terminal.environment.config_dir
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(f'[profiles.default]\napi_url = "{API}/from-file"\n')
    assert api.run("hello", AWESOME_API_URL=None) == 0
    assert api.calls[0].url.path == "/v1/from-file/hello"


def test_without_a_session_a_login_is_required(terminal: Terminal) -> None:
    api = Api(terminal)
    assert api.run("hello") == 4
    assert api.calls == []


@pytest.mark.parametrize(
    ("argv", "method"),
    [
        (["x"], "GET"),
        (["x", "-f", "a=b"], "POST"),
        (["x", "-F", "a=1"], "POST"),
        (["x", "--data", ""], "POST"),
        (["delete", "x"], "DELETE"),
        (["PATCH", "x", "-f", "a=b"], "PATCH"),
        (["HEAD", "x"], "HEAD"),
    ],
)
def test_the_method_is_inferred_unless_it_is_given(api: Api, argv: list[str], method: str) -> None:
    assert api.run(*argv) == 0
    assert api.calls[0].method == method


@pytest.mark.parametrize("argv", [["TRACE", "x"], ["GET", "x", "y"], ["{}", "x"], []])
def test_anything_but_a_method_and_a_path_is_a_usage_error(api: Api, argv: list[str]) -> None:
    assert api.run(*argv) == 2
    assert api.calls == []


def test_fields_make_a_json_body(api: Api, tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes("ü\n".encode())
    typed = {
        "t": "true",
        "n": "null",
        "i": "-7",
        "x": "1.5",
        "o": '{"a": [1]}',
        "s": "plain",
        "nan": "NaN",
        "huge": "1e999",
        "file": f"@{tmp_path / 'note'}",
        "in": "@-",
        "empty": "",
    }
    options = [word for key, value in typed.items() for word in ("-F", f"{key}={value}")]
    assert api.run("x", "-f", "text=true", "-f", "eq=a=b", *options, stdin="piped") == 0
    assert json.loads(api.calls[0].content) == {
        "text": "true",
        "eq": "a=b",
        "t": True,
        "n": None,
        "i": -7,
        "x": 1.5,
        "o": {"a": [1]},
        "s": "plain",
        "nan": "NaN",
        "huge": "1e999",
        "file": "ü\n",
        "in": "piped",
        "empty": "",
    }
    assert api.calls[0].headers["content-type"] == "application/json"


def test_with_get_or_data_fields_go_into_the_query(api: Api) -> None:
    assert api.run("GET", "x?a=1", "-f", "b=c d", "-F", "e=true", "-F", "f=plain") == 0
    assert api.calls[0].url.query == b"a=1&b=c+d&e=true&f=plain"
    assert api.calls[0].content == b""
    assert api.run("x", "--data", "{}", "-f", "b=c") == 0
    assert (api.calls[0].method, api.calls[0].url.query, api.calls[0].content) == ("POST", b"b=c", b"{}")


@pytest.mark.parametrize("argv", [["-f", "novalue"], ["-f", "=x"], ["-f", "a=1", "-F", "a=2"], ["-F", "a=@/nowhere"]])
def test_an_invalid_field_is_a_usage_error(api: Api, argv: list[str]) -> None:
    assert api.run("x", *argv) == 2
    assert api.calls == []


def test_data_comes_from_the_argument_a_file_or_stdin(api: Api, tmp_path: Path) -> None:
    large = b"x" * 200_000
    (tmp_path / "file").write_bytes(large)
    assert api.run("x", "--data", "words") == 0
    assert api.calls[0].content == b"words"
    assert api.run("PUT", "x", "--data", f"@{tmp_path / 'file'}", "-H", "Content-Type: image/png") == 0
    assert api.calls[0].content == large
    assert api.calls[0].headers["content-type"] == "image/png"
    assert api.calls[0].headers["content-length"] == "200000"
    assert "transfer-encoding" not in api.calls[0].headers
    assert api.run("x", "--data", "@-", stdin="piped") == 0
    assert api.calls[0].content == b"piped"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_data_from_a_pipe_can_be_sent_twice(api: Api, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"flowing",))
    writer.start()
    api.responses = [refusal()]
    assert api.run("x", "--data", f"@{pipe}") == 0
    writer.join()
    assert [call.content for call in api.calls] == [b"flowing", b"flowing"]


@pytest.mark.parametrize("name", ["/nowhere", "/", "a\0b"])
def test_data_that_cannot_be_read_is_a_usage_error(api: Api, name: str) -> None:
    assert api.run("x", "--data", f"@{name}") == 2
    assert api.calls == []


def test_headers_are_added(api: Api) -> None:
    assert api.run("x", "-H", "X-One: a: b", "-H", "x-two:", "-H", "Accept: text/plain") == 0
    headers = api.calls[0].headers
    assert (headers["x-one"], headers["x-two"], headers["accept"]) == ("a: b", "", "text/plain")


def test_a_header_is_validated_before_the_body_is_opened(api: Api) -> None:
    assert api.run("echo", "--data", "@/no/such/file", "-H", "bad") == 2
    assert api.terminal.err.startswith("Error: A header is not valid.")


@pytest.mark.parametrize(
    "header",
    [
        "authorization: Bearer s3cret",
        "Host: evil.example",
        "Content-Length: 1",
        "Transfer-Encoding: chunked",
        "s3cret",
        "x y: s3cret",
        "X: s3cret\r\nY: z",
        "X: s3crët",
        ": s3cret",
    ],
)
def test_invalid_and_reserved_headers_are_refused_without_showing_their_value(api: Api, header: str) -> None:
    assert api.run("x", "-H", header) == 2
    assert api.calls == []
    assert "s3cr" not in api.terminal.err


@pytest.mark.parametrize(("status", "code"), [(200, 0), (204, 0), (299, 0), (400, 11), (404, 11), (500, 11), (599, 11)])
def test_a_status_other_than_2xx_is_an_error_and_its_body_is_printed(api: Api, status: int, code: int) -> None:
    api.responses = [response(status, b"body")]
    assert api.run("x") == code
    assert api.terminal.out == "body"
    assert (str(status) in api.terminal.err) == (code == 11)


def test_a_redirect_is_an_error_and_is_not_followed(api: Api) -> None:
    api.responses = [response(302, b"there", {"location": "https://evil.example/"})]
    assert api.run("x") == 11
    assert len(api.calls) == 1
    assert api.terminal.out == "there"
    assert "https://evil.example/." in api.terminal.err


def test_the_error_names_a_missing_scope(api: Api) -> None:
    challenge = 'Basic realm="a", Bearer error="insufficient_scope", scope="read:x", Other error="z"'
    api.responses = [response(403, b"", {"www-authenticate": challenge})]
    assert api.run("x") == 11
    assert 'awesome login --force --scope "openid read:x"' in api.terminal.err
    assert api.renewals == 0


@pytest.mark.parametrize(
    "scope", ["", "x$(touch FOLDER -rf ~", "`id`", "a'b", "%PATH%", "a;b", "a|b", "!x", "\x1b[31mx;", "x" * 300]
)
def test_a_scope_that_a_shell_could_run_is_not_in_the_suggested_command(api: Api, scope: str) -> None:
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
    api.responses = [response(403, b"", {"www-authenticate": challenge})]
    assert api.run("x") == 11
    hint = "Ask for the scope that the API's documentation names, with: awesome login --force --scope"
    assert api.terminal.err.splitlines()[-1] == f"Hint: {hint}"


def test_the_suggested_command_has_each_scope_once(api: Api) -> None:
    challenge = 'Bearer error="insufficient_scope", scope="openid  https://api.example/a.b-c_d+e:f"'
    api.responses = [response(403, b"", {"www-authenticate": challenge})]
    assert api.run("x") == 11
    assert 'awesome login --force --scope "openid https://api.example/a.b-c_d+e:f"\n' in api.terminal.err


def test_a_refused_token_is_renewed_once_and_the_request_repeated(api: Api, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"again")
    api.responses = [refusal(), response(201, b"made")]
    assert api.run("x", "--data", f"@{tmp_path / 'file'}") == 0
    assert api.terminal.out == "made"
    assert api.renewals == 1
    assert [call.content for call in api.calls] == [b"again", b"again"]
    first, second = api.tokens
    assert first != second


def test_a_token_that_is_refused_twice_is_an_error(api: Api) -> None:
    api.responses = [
        refusal(b"first"),
        refusal(b"second" + b"x" * MAX_REFUSAL),
        response(200),
    ]
    assert api.run("x") == 4
    assert api.terminal.out == ("second" + "x" * MAX_REFUSAL)[:MAX_REFUSAL]
    assert "awesome login --force" in api.terminal.err
    assert (api.renewals, len(api.calls)) == (1, 2)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"www-authenticate": "Bearer"},
        {"www-authenticate": 'Bearer realm="error=invalid_request"'},
        {"www-authenticate": 'DPoP error="invalid_request"'},
        {"www-authenticate": 'Bearer error="token_expired"'},
        {"www-authenticate": 'Bearer error="unauthorized"'},
    ],
)
def test_a_401_without_another_reason_means_a_refused_token(api: Api, headers: dict[str, str]) -> None:
    api.responses = [response(401, b"no", headers), response(200, b"yes")]
    assert api.run("x") == 0
    assert api.terminal.out == "yes"
    assert (api.renewals, len(api.calls)) == (1, 2)


@pytest.mark.parametrize(
    "link",
    [
        '</v1/2>; title="a=b"; rel="next"',
        '</v1/0>; rel=prev, </v1/2>; rel="last Next"',
        '</v1/2>; title="a;b>, <c>"; rel=next',
        '</v1/0>; rel="first";rel="next",</v1/2>;flag;rel="next"',
    ],
)
def test_the_next_page_is_found_in_any_form_of_link_header(api: Api, link: str) -> None:
    api.responses = [
        response(200, b"1", {"link": link}),
        response(200, b"2", {"link": '</v1/1>; title="next"; rel="prev"'}),
    ]
    assert api.run("1", "--paginate") == 0
    assert [call.url.path for call in api.calls] == ["/v1/1", "/v1/2"]


class ReadingTransport(httpx.AsyncBaseTransport):
    """Reads a request body piece by piece, and calls a function after each."""

    def __init__(self, after_each: Callable[[], object]) -> None:
        self.after_each = after_each
        self.received = b""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for piece in request.stream:
            self.received += piece
            self.after_each()
        return response(200)


def test_a_file_that_becomes_shorter_while_it_is_sent_is_a_usage_error(api: Api, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"x" * 1_000_000)
    api.terminal.set(transport=ReadingTransport(lambda: file.write_bytes(b"")))
    assert api.run("x", "--data", f"@{file}") == 2
    assert "became shorter" in api.terminal.err


def test_a_file_that_becomes_longer_while_it_is_sent_is_sent_with_its_first_length(api: Api, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"x" * 1_000_000)
    api.terminal.set(transport=(transport := ReadingTransport(lambda: os.truncate(file, 2_000_000))))
    assert api.run("x", "--data", f"@{file}") == 0
    assert transport.received == b"x" * 1_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such files")
def test_a_file_that_only_claims_to_be_seekable_cannot_be_sent(api: Api) -> None:
    assert api.run("x", "--data", "@/proc/self/status") == 2
    assert "cannot be read (Invalid argument)" in api.terminal.err


def test_arguments_that_are_not_valid_text_go_into_a_query_unchanged(api: Api) -> None:
    assert api.run("GET", "x", "-f", "a=\udcff") == 0
    assert api.calls[0].url.query == b"a=%FF"


def test_verbose_shows_requests_and_statuses(api: Api) -> None:
    api.responses = [response(404)]
    assert api.run("things?secret=1", "--verbose") == 11
    assert "  GET https://api.example/v1/things: HTTP status 404" in api.terminal.err.splitlines()


@pytest.mark.parametrize("error", ["invalid_request", "insufficient_scope", "insufficient_user_authentication"])
def test_a_401_that_does_not_concern_the_token_renews_nothing(api: Api, error: str) -> None:
    api.responses = [response(401, b"no", {"www-authenticate": f'Bearer error="{error}"'})]
    assert api.run("x") == 4
    assert api.terminal.out == "no"
    assert (api.renewals, len(api.calls)) == (0, 1)


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ('acr_values="mfa", max_age="300"', '--param acr_values="mfa" --param max_age="300"'),
        ("max_age=0", '--param max_age="0"'),
        ('max_age="soon"', "--force"),
        (
            'acr_values="urn:a:silver urn:a:gold"',
            '--param acr_values="urn:a:silver urn:a:gold"',
        ),
        ('acr_values="$(id)", max_age="60"', '--param max_age="60"'),  # nothing that a shell would run
        ("", "--force"),
    ],
)
def test_a_challenge_for_another_authentication_ends_in_the_command_to_type(
    api: Api, parameters: str, options: str
) -> None:
    """RFC 9470 §3."""
    challenge = 'Bearer error="insufficient_user_authentication"' + (f", {parameters}" if parameters else "")
    api.responses = [response(401, b"no", {"www-authenticate": challenge}) for _ in range(2)]
    assert api.run("x") == 4
    assert f"Hint: Sign in for it with: awesome login {options}\n" in api.terminal.err
    assert "It asks for a stronger or more recent sign-in.\n" in api.terminal.err
    assert api.run("x", AWESOME_ACCESS_TOKEN="given") == 4
    assert "Hint: Give another token in AWESOME_ACCESS_TOKEN, or unset it and sign in.\n" in api.terminal.err


def test_a_refused_token_that_another_process_replaced_needs_no_refresh(api: Api) -> None:
    terminal = api.terminal
    before = terminal.keyring.entries()
    assert terminal.run("token", "--min-ttl", "99999") == 0
    newer = terminal.out.strip()
    after = terminal.keyring.entries()
    replace_entries(terminal, before)

    def another_process_renews(request: httpx.Request) -> httpx.Response | Awaitable[httpx.Response]:
        replace_entries(terminal, after)
        return api.respond(request)

    terminal.answer = another_process_renews
    api.responses = [refusal()]
    assert api.run("x") == 0
    assert api.tokens[1] == f"Bearer {newer}"
    assert api.renewals == 1  # that of the other process


def test_the_error_of_a_rejected_refresh_token_comes_after_the_body(api: Api) -> None:
    api.responses = [refusal(b"why")]
    api.provider = lambda _: response(403, b'{"error": "invalid_grant"}')
    assert api.run("x") == 4
    assert api.terminal.out == "why"
    assert "no longer accepts" in api.terminal.err
    assert api.terminal.keyring.entries() == {}


def test_a_refresh_without_a_provider_is_a_network_error(api: Api) -> None:
    def unplugged(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("unplugged")

    api.responses = [refusal(b"why")]
    api.provider = unplugged
    assert api.run("x") == 7
    assert api.terminal.out == "why"
    assert api.terminal.keyring.entries() != {}


def test_a_token_that_expires_soon_is_renewed_before_the_request(api: Api) -> None:
    api.terminal.time.pass_by(3600 - 59)
    assert api.run("x") == 0
    assert (api.renewals, len(api.calls)) == (1, 1)


def test_include_prints_the_status_line_and_headers_first(api: Api) -> None:
    api.responses = [response(404, b"gone", [("x-a", "1"), ("x-a", "2\x1b[31m")]), response(599, b"odd")]
    assert api.run("x", "--include") == 11
    assert api.terminal.out == "HTTP/1.1 404 Not Found\nx-a: 1\nx-a: 2[31m\n\ngone"
    assert api.run("x", "-i") == 11
    assert api.terminal.out == "HTTP/1.1 599 unknown\n\nodd"


def test_pages_are_followed_and_start_on_a_new_line(api: Api) -> None:
    api.responses = [
        response(200, b"[1]", {"link": '<https://api.example/v1/x?page=2>; rel="next", <?page=9>; rel="last"'}),
        response(200, b"[2]\n", {"link": '<?page=3>; rel="next"'}),
        response(200, b"[3]", {"link": '<?page=1>; rel="first"'}),
    ]
    assert api.run("x", "--paginate") == 0
    assert api.terminal.out == "[1]\n[2]\n[3]"
    assert [call.url.query for call in api.calls] == [b"", b"page=2", b"page=3"]


def test_without_paginate_only_one_page_is_fetched(api: Api) -> None:
    api.responses = [response(200, b"[1]", {"link": '<?page=2>; rel="next"'})]
    assert api.run("x") == 0
    assert len(api.calls) == 1


def test_a_token_refused_between_pages_is_renewed_and_the_pages_continue(api: Api) -> None:
    api.responses = [
        response(200, b"[1]", {"link": '<?page=2>; rel="next"'}),
        refusal(),
        response(200, b"[2]"),
    ]
    assert api.run("x", "--paginate") == 0
    assert api.terminal.out == "[1]\n[2]"
    assert [call.url.query for call in api.calls] == [b"", b"page=2", b"page=2"]


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "https://a@api.example/", "http://api.example/", "http://[::1"],
)
def test_a_next_page_at_another_origin_is_not_fetched(api: Api, target: str) -> None:
    api.responses = [response(200, b"[1]", {"link": f'<{target}>; rel="next"'})]
    assert api.run("x", "--paginate") == 7
    assert api.terminal.out == "[1]"
    assert len(api.calls) == 1
    assert "next page" in api.terminal.err


def test_pages_that_link_to_each_other_end_at_the_limit(api: Api) -> None:
    api.responses = [response(200, b"x", {"link": '<?page=2>; rel="next"'}) for _ in range(MAX_PAGES + 1)]
    assert api.run("x", "--paginate") == 7
    assert len(api.calls) == MAX_PAGES


def test_a_failed_page_ends_the_pagination(api: Api) -> None:
    api.responses = [response(500, b"oh", {"link": '<?page=2>; rel="next"'})]
    assert api.run("x", "--paginate") == 11
    assert len(api.calls) == 1


def test_only_get_can_be_paginated(api: Api) -> None:
    assert api.run("x", "--paginate", "-f", "a=b") == 2
    assert api.calls == []


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("s3cret"), httpx.ReadTimeout("s3cret"), httpx.RemoteProtocolError("s3cret")]
)
def test_a_connection_failure_is_exit_code_7(api: Api, error: Exception) -> None:
    api.responses = [error]
    assert api.run("x") == 7
    assert api.terminal.err.startswith("Error: api.example cannot be used: ")
    assert "s3cret" not in api.terminal.err


def test_an_incomplete_body_is_exit_code_7(api: Api) -> None:
    class Broken(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"half"
            raise httpx.ReadError("cut")

    api.responses = [httpx.Response(200, stream=Broken())]
    assert api.run("x") == 7
    assert api.terminal.out == "half"


def test_an_api_that_never_responds_times_out(api: Api) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(10_000)
        raise AssertionError

    api.terminal.answer = never
    begun = api.terminal.time.now()
    assert api.run("x") == 7
    assert api.terminal.time.now() - begun == pytest.approx(STALL_TIMEOUT)
    assert "no progress for 60 seconds" in api.terminal.err


def test_an_api_that_sends_a_byte_now_and_then_times_out(api: Api) -> None:
    api.responses = [httpx.Response(200, stream=stream(*[b"."] * 1000, pause=1))]
    begun = api.terminal.time.now()
    assert api.run("x") == 7
    assert api.terminal.time.now() - begun == pytest.approx(STALL_TIMEOUT)


def test_a_slow_download_that_makes_progress_may_take_hours(api: Api) -> None:
    api.responses = [httpx.Response(200, stream=stream(*[b"x" * 2048] * 200, pause=50))]
    assert api.run("x") == 0
    assert len(api.terminal.out) == 200 * 2048


def test_bytes_are_written_to_a_pipe_unchanged(api: Api) -> None:
    data = bytes(range(256)) * 10
    api.responses = [response(200, data, {"content-type": "application/json"})]
    stdout = Bytes()
    assert awesome.run(["api", "x"], environment=replace(api.terminal.environment, stdout=stdout)) == 0
    assert stdout.pipe.getvalue() == data


def test_a_stdout_that_takes_text_alone_gets_text(api: Api) -> None:
    api.responses = [response(200, b"\xff text", {"content-type": "text/plain"})]
    stdout = io.StringIO()
    assert awesome.run(["api", "x"], environment=replace(api.terminal.environment, stdout=stdout)) == 0
    assert stdout.getvalue() == "\\xff text"


def test_bytes_are_read_from_a_pipe_unchanged(api: Api) -> None:
    data = bytes(range(256)) * 10
    environment = replace(api.terminal.environment, stdin=Bytes(data), stdout=Bytes())
    assert awesome.run(["api", "x", "--data", "@-"], environment=environment) == 0
    assert api.calls[0].content == data


def test_a_closed_pipe_is_not_an_error(api: Api) -> None:
    class Closed(Bytes):
        @property
        def buffer(self) -> Any:  # noqa: ANN401
            class Pipe:
                def write(self, _: bytes) -> None:
                    raise BrokenPipeError

            return Pipe()

    assert awesome.run(["api", "x"], environment=replace(api.terminal.environment, stdout=Closed())) == 0


def test_json_is_formatted_on_a_terminal(on_screen: Api) -> None:
    on_screen.responses = [
        response(200, '{"name": "Zoë \\u001b[31m\u202e", "n": 1}'.encode(), {"content-type": "application/json"})
    ]
    assert on_screen.run("x") == 0
    assert on_screen.terminal.out == '{\n  "name": "Zoë \\u001b[31m",\n  "n": 1\n}\n'


@pytest.mark.parametrize("kind", ["application/problem+json; charset=utf-8", "Application/JSON"])
def test_all_json_media_types_are_formatted(on_screen: Api, kind: str) -> None:
    on_screen.responses = [response(200, b"[1]", {"content-type": kind})]
    assert on_screen.run("x") == 0
    assert on_screen.terminal.out == "[\n  1\n]\n"


@pytest.mark.parametrize("body", ['{"a": 1', '{"a": 1, "a": 2}', "1e999", "[" * 100_000])
def test_invalid_json_is_shown_unchanged(on_screen: Api, body: str) -> None:
    on_screen.responses = [response(200, body.encode(), {"content-type": "application/json"})]
    assert on_screen.run("x") == 0
    assert on_screen.terminal.out == body + "\n"


def test_long_json_is_shown_as_it_arrives(on_screen: Api) -> None:
    body = json.dumps(["x" * 1000] * 2000).encode()
    assert len(body) > MAX_FORMATTED
    pieces = [body[start : start + 65536] for start in range(0, len(body), 65536)]
    on_screen.responses = [httpx.Response(200, headers={"content-type": "application/json"}, stream=stream(*pieces))]
    assert on_screen.run("x") == 0
    assert on_screen.terminal.out == body.decode() + "\n"


def test_text_on_a_terminal_has_no_control_characters(on_screen: Api) -> None:
    text = "línea 1\r\n\tred: \x1b[31m\x9b\u202e end\n"
    data = text.encode()
    on_screen.responses = [httpx.Response(200, stream=stream(data[:2], data[2:]))]
    assert on_screen.run("x") == 0
    assert on_screen.terminal.out == "línea 1\n\tred: [31m end\n"


def test_an_empty_body_prints_nothing_on_a_terminal(on_screen: Api) -> None:
    on_screen.responses = [response(204, b"")]
    assert on_screen.run("x") == 0
    assert on_screen.terminal.out == ""


@pytest.mark.parametrize("body", [b"\x89PNG\r\n", b"a\0b", "ü".encode()[:1]])
def test_a_binary_body_is_not_shown_on_a_terminal(on_screen: Api, body: bytes) -> None:
    on_screen.responses = [response(200, body)]
    assert on_screen.run("x") == 2
    assert on_screen.terminal.out == ""
    assert "> FILE" in on_screen.terminal.err


class Slow:
    """A slow transfer with stderr on a terminal and stdout in a file."""

    def __init__(self, api: Api, **environ: str) -> None:
        self._api = api
        self._environ = environ

    def run(self, *argv: str) -> str:
        terminal = self._api.terminal
        stderr = Bytes(terminal=True)
        environment = replace(
            terminal.environment,
            stdin=Bytes(terminal=True),
            stdout=Bytes(),
            stderr=stderr,
            environ={**terminal.environment.environ, "TERM": "xterm", "COLUMNS": "100", **self._environ},
        )
        assert awesome.run(["api", *argv], environment=environment) == 0
        stderr.flush()
        return stderr.pipe.getvalue().decode()


def test_a_download_over_a_second_shows_its_progress(api: Api) -> None:
    headers = {"content-length": "40960"}
    api.responses = [httpx.Response(200, headers=headers, stream=stream(*[b"x" * 4096] * 10, pause=0.5))]
    shown = Slow(api).run("x")
    assert "Downloading" in shown
    assert "41.0/41.0 kB" in shown
    assert shown.endswith("\x1b[2K")  # the bar is erased


def test_an_upload_over_a_second_shows_its_progress(api: Api, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 500_000)

    class SlowNetwork(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.AsyncByteStream)
            async for _ in request.stream:
                await anyio.sleep(0.7)
            return response(200, b"{}")

    api.terminal.set(transport=SlowNetwork())
    shown = Slow(api).run("x", "--data", f"@{tmp_path / 'file'}")
    assert "Uploading" in shown
    assert "500.0/500.0 kB" in shown
    assert "Downloading" not in shown


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_plain_output_has_no_progress_bar(api: Api, environ: dict[str, str]) -> None:
    api.responses = [httpx.Response(200, stream=stream(*[b"x" * 4096] * 10, pause=0.5))]
    assert Slow(api, **environ).run("x") == ""


def test_a_quick_transfer_shows_no_progress(api: Api) -> None:
    api.responses = [httpx.Response(200, stream=stream(*[b"x" * 4096] * 10, pause=0.05))]
    assert Slow(api).run("x") == ""


GIVEN = "given-s3cret"


def test_token_and_api_use_a_token_from_the_environment_without_the_keyring(terminal: Terminal) -> None:
    terminal.set(keyring=None, environ={**terminal.environment.environ, "PYTHON_KEYRING_BACKEND": "no.such"})
    api = Api(terminal)
    assert terminal.run("token", AWESOME_ACCESS_TOKEN=GIVEN) == 0
    assert terminal.out == f"{GIVEN}\n"
    assert api.run("x", AWESOME_ACCESS_TOKEN=GIVEN) == 0
    assert api.tokens == [f"Bearer {GIVEN}"]


def test_a_token_from_the_environment_comes_before_a_session(api: Api) -> None:
    assert api.run("x", AWESOME_ACCESS_TOKEN=GIVEN) == 0
    assert api.tokens == [f"Bearer {GIVEN}"]


def test_a_token_from_the_environment_has_null_members_in_json(terminal: Terminal) -> None:
    assert terminal.run("token", "--json", AWESOME_ACCESS_TOKEN=GIVEN) == 0
    assert terminal.json == {"access_token": GIVEN, "token_type": "Bearer", "expires_at": None, "scope": None}


def test_a_token_from_the_environment_has_no_id_token(api: Api) -> None:
    assert api.terminal.run("token", "--id", AWESOME_ACCESS_TOKEN=GIVEN) == 4
    assert GIVEN not in api.terminal.out + api.terminal.err


def test_a_token_from_the_environment_is_never_renewed(api: Api) -> None:
    api.responses = [refusal(b"no")]
    assert api.run("x", "--verbose", AWESOME_ACCESS_TOKEN=GIVEN) == 4
    assert (api.renewals, len(api.calls)) == (0, 1)
    assert api.terminal.out == "no"
    assert "AWESOME_ACCESS_TOKEN" in api.terminal.err
    assert GIVEN not in api.terminal.err


def test_an_empty_token_in_the_environment_counts_as_none(api: Api) -> None:
    assert api.run("x", AWESOME_ACCESS_TOKEN="") == 0
    assert api.tokens != ["Bearer "]


@pytest.mark.parametrize("token", [" ", "s3 cret", "s3cret\n", "s3cret\x1b", "s3crét"])
@pytest.mark.parametrize("command", [["token"], ["token", "--id"], ["api", "x"]])
def test_a_malformed_token_in_the_environment_is_a_config_error(api: Api, command: list[str], token: str) -> None:
    assert api.terminal.run(*command, AWESOME_ACCESS_TOKEN=token) == 3
    assert api.calls == []
    assert "s3" not in api.terminal.err
