"""``awesome_cli`` as a library: the session, ``httpx.Auth``, the device flow."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import httpx
import pytest

import awesome_cli
from awesome_cli.errors import ConfigError, DeviceCodeExpiredError, LoginRequiredError, ProviderError, UsageError
from awesome_cli.oauth.device_grant import DeviceAuthorization
from awesome_cli.sessions.model import Session
from support.proxy import proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from awesome_cli.system.environment import Environment
    from support.terminal import Terminal

API = "https://api.example/v1"
REFUSED = {"www-authenticate": 'Bearer error="invalid_token"'}


@pytest.fixture
def environment(terminal: Terminal) -> Environment:
    """An environment with a session and an API URL."""
    terminal.login()
    terminal.set(environ={**terminal.environment.environ, "AWESOME_API_URL": API})
    return terminal.environment


class Api:
    """An API behind a transport for sync and async clients: it sends the given statuses and records the tokens."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.tokens: list[str | None] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.tokens.append(request.headers.get("authorization"))
        status = self._statuses.pop(0) if self._statuses else 200
        return httpx.Response(status, headers=REFUSED if status == 401 else {"location": "https://evil.example/"})

    def get(self, auth: httpx.Auth, url: str = f"{API}/hello", *, times: int = 1) -> httpx.Response:
        with httpx.Client(transport=self.transport, auth=auth) as http:
            return [http.get(url) for _ in range(times)][-1]

    async def get_async(self, auth: httpx.Auth) -> httpx.Response:
        async with httpx.AsyncClient(transport=self.transport, auth=auth) as http:
            return await http.get(f"{API}/hello")


def on_asyncio(work: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what ``work`` returns
    return anyio.run(work)


def test_importing_the_package_imports_no_large_dependency() -> None:
    large = "{'httpx', 'keyring', 'typer', 'jose', 'anyio', 'awesome_cli.program'}"
    program = f"import awesome_cli, sys; dir(awesome_cli); sys.exit(bool({large} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_every_name_in_all_exists_and_any_other_is_an_attribute_error() -> None:
    for name in awesome_cli.__all__:
        assert getattr(awesome_cli, name)
    with pytest.raises(AttributeError, match="no attribute 'sesion'"):
        awesome_cli.sesion  # noqa: B018 - a misspelt name


def test_a_session_is_renewed_within_the_event_loop_of_trio(terminal: Terminal, environment: Environment) -> None:
    async def notebook() -> Session:
        await anyio.lowlevel.checkpoint()
        return awesome_cli.session(min_ttl=99_999, environment=environment)

    assert anyio.run(notebook, backend="trio").user.name == "Juan"
    assert terminal.issuer.refreshes == 1


def test_submodules_do_not_shadow_the_public_functions() -> None:
    assert callable(awesome_cli.session)
    assert callable(awesome_cli.auth)
    assert callable(awesome_cli.device_flow)


def test_session_returns_the_stored_session(environment: Environment, terminal: Terminal) -> None:
    session = awesome_cli.session(environment=environment)
    assert isinstance(session, Session)
    assert terminal.run("token") == 0
    assert session.access_token == terminal.out.strip()
    assert session.user.name == "Juan"


def test_session_renews_a_token_that_expires_soon(environment: Environment, terminal: Terminal) -> None:
    before = awesome_cli.session(environment=environment)
    terminal.time.pass_by(3600 - 59)
    assert awesome_cli.session(environment=environment).access_token != before.access_token
    assert awesome_cli.session(environment=environment, min_ttl=99_999).access_token != before.access_token
    assert terminal.issuer.refreshes == 2


def test_session_of_a_profile_without_one_raises_login_required_error(environment: Environment) -> None:
    with pytest.raises(LoginRequiredError) as error:
        awesome_cli.session("work", environment=environment)
    assert error.value.hint == "Sign in with: awesome login --profile work"
    with pytest.raises(UsageError):
        awesome_cli.session("no/name", environment=environment)


def test_the_library_prints_nothing(environment: Environment, terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = replace(  # a command would warn of the first, and report the second with --verbose
        environment, state_dir=tmp_path / "file", account_dirs=(tmp_path / "file", *environment.account_dirs)
    )
    terminal.time.pass_by(4000)
    awesome_cli.session(environment=environment)
    assert terminal.issuer.refreshes == 1
    assert environment.stdout.getvalue() + environment.stderr.getvalue() == ""  # type: ignore[attr-defined]  # ours are StringIO


def test_a_session_can_be_renewed_inside_a_running_event_loop(environment: Environment, terminal: Terminal) -> None:
    async def notebook() -> Session:
        return awesome_cli.session(environment=environment)

    terminal.time.pass_by(4000)
    assert on_asyncio(notebook).user.name == "Juan"
    assert terminal.issuer.refreshes == 1


def test_auth_adds_the_access_token_to_requests(environment: Environment) -> None:
    api = Api()
    assert api.get(awesome_cli.auth(environment=environment), times=2).status_code == 200
    assert api.tokens == [f"Bearer {awesome_cli.session(environment=environment).access_token}"] * 2


def test_auth_of_an_async_client_loads_the_session_in_a_thread(environment: Environment) -> None:
    api, threads = Api(), set[int]()

    def now() -> float:
        threads.add(threading.get_ident())
        return environment.now()

    auth = awesome_cli.auth(environment=replace(environment, now=now))
    assert on_asyncio(lambda: api.get_async(auth)).status_code == 200
    assert api.tokens == [f"Bearer {awesome_cli.session(environment=environment).access_token}"]
    assert threads
    assert threading.get_ident() not in threads


def test_auth_reads_the_keyring_once_while_the_token_is_valid(environment: Environment, terminal: Terminal) -> None:
    api, auth = Api(), awesome_cli.auth(environment=environment)
    api.get(auth)
    for service, username in terminal.keyring.entries():
        terminal.keyring.delete_password(service, username)
    api.get(auth)
    terminal.time.pass_by(4000)
    with pytest.raises(LoginRequiredError):
        api.get(auth)


def test_auth_renews_a_token_that_expires_soon(environment: Environment, terminal: Terminal) -> None:
    api, auth = Api(), awesome_cli.auth(environment=environment)
    api.get(auth)
    terminal.time.pass_by(3600 - 59)
    api.get(auth)
    assert len(set(api.tokens)) == 2
    assert terminal.issuer.refreshes == 1


@pytest.fixture(params=["sync", "async"])
def get(request: pytest.FixtureRequest) -> Callable[[Api, httpx.Auth], httpx.Response]:
    if request.param == "sync":
        return lambda api, auth: api.get(auth)
    return lambda api, auth: on_asyncio(lambda: api.get_async(auth))


def test_auth_renews_a_refused_token_once(
    environment: Environment, terminal: Terminal, get: Callable[[Api, httpx.Auth], httpx.Response]
) -> None:
    api = Api(401)
    assert get(api, awesome_cli.auth(environment=environment)).status_code == 200
    assert len(set(api.tokens)) == 2
    assert terminal.issuer.refreshes == 1


def test_auth_does_not_renew_a_token_that_is_refused_again(
    environment: Environment, terminal: Terminal, get: Callable[[Api, httpx.Auth], httpx.Response]
) -> None:
    api = Api(401, 401, 200)
    assert get(api, awesome_cli.auth(environment=environment)).status_code == 401
    assert (len(api.tokens), terminal.issuer.refreshes) == (2, 1)


def test_auth_never_renews_a_token_from_the_environment(
    environment: Environment, get: Callable[[Api, httpx.Auth], httpx.Response]
) -> None:
    api = Api(401)
    given = replace(environment, environ={**environment.environ, "AWESOME_ACCESS_TOKEN": "given"})
    assert get(api, awesome_cli.auth(environment=given)).status_code == 401
    assert api.tokens == ["Bearer given"]


def test_concurrent_threads_renew_a_refused_token_once(environment: Environment, terminal: Terminal) -> None:
    token = awesome_cli.session(environment=environment).access_token

    def answer(request: httpx.Request) -> httpx.Response:
        refused = request.headers["authorization"] == f"Bearer {token}"
        return httpx.Response(401, headers=REFUSED) if refused else httpx.Response(200)

    auth, statuses, start = awesome_cli.auth(environment=environment), list[int](), threading.Barrier(8)

    def send() -> None:
        with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as http:
            start.wait()
            statuses.append(http.get(f"{API}/hello").status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert terminal.issuer.refreshes == 1


class StreamingTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Reads a streamed body once, as the real transport does; the API behind it refuses the first token."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        assert b"".join(request.stream) == b"once"
        return self._answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        assert [chunk async for chunk in request.stream] == [b"once"]
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.tokens.append(request.headers["authorization"])
        return httpx.Response(401 if len(self.tokens) == 1 else 200, headers=REFUSED)


def test_a_streamed_body_is_not_sent_twice_but_the_token_is_renewed(
    environment: Environment, terminal: Terminal
) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"once"

    transport = StreamingTransport()
    with httpx.Client(transport=transport, auth=awesome_cli.auth(environment=environment)) as http:
        assert [http.post(f"{API}/upload", content=chunks()).status_code for _ in range(2)] == [401, 200]
    assert (len(set(transport.tokens)), terminal.issuer.refreshes) == (2, 1)


def test_a_streamed_body_of_an_async_client_is_not_sent_twice(environment: Environment, terminal: Terminal) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"once"

    async def upload() -> list[int]:
        async with httpx.AsyncClient(transport=transport, auth=awesome_cli.auth(environment=environment)) as http:
            return [(await http.post(f"{API}/upload", content=chunks())).status_code for _ in range(2)]

    transport = StreamingTransport()
    assert on_asyncio(upload) == [401, 200]
    assert (len(set(transport.tokens)), terminal.issuer.refreshes) == (2, 1)


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://api.example/", "https://api.example:444/", "https://u@api.example/v1/"]
)
def test_auth_refuses_a_request_to_another_origin(environment: Environment, url: str) -> None:
    api, auth = Api(), awesome_cli.auth(environment=environment)
    with pytest.raises(UsageError):
        api.get(auth, url)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=api.transport, auth=auth) as http:
            await http.get(url)

    with pytest.raises(UsageError):
        on_asyncio(ask)
    assert api.tokens == []


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        ({}, 502),
        ({"http": "{}"}, "Add 127.0.0.1 to NO_PROXY."),
        ({"all": "{}"}, "Add 127.0.0.1 to NO_PROXY."),
        ({"http": "{}", "no": "localhost"}, "Add 127.0.0.1 to NO_PROXY."),
        ({"http": "{}", "no": "example.com, 127.0.0.1"}, 502),
        ({"http": "{}", "no": "*"}, 502),
        ({"https": "{}"}, 502),
    ],
)
def test_a_request_to_an_api_on_loopback_is_never_sent_to_a_proxy(
    environment: Environment, settings: dict[str, str], outcome: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> int:
        async with httpx.AsyncClient(auth=auth) as http:
            return (await http.get(f"{url}hello")).status_code

    outcomes: list[int | str] = []
    with proxy() as between, proxy() as api:  # both answer every request with 502
        url = f"http://{api.host}/"
        auth = awesome_cli.auth(api_url=url, environment=environment)
        proxies = {name: value.format(between.host) for name, value in settings.items()}
        monkeypatch.setattr("httpx._utils.getproxies", lambda: proxies)
        monkeypatch.setattr("awesome_cli.provider.http.getproxies", lambda: proxies)
        for work in (lambda: httpx.get(f"{url}hello", auth=auth).status_code, lambda: on_asyncio(ask)):
            try:
                outcomes.append(work())
            except ConfigError as error:
                outcomes.append(error.hint)
    assert outcomes == [outcome, outcome]
    assert between.asked == []
    assert api.asked == ["/hello"] * outcomes.count(502)


def test_auth_sends_no_token_to_a_redirect_target_and_ignores_its_401(
    environment: Environment, terminal: Terminal
) -> None:
    api = Api(302, 401)
    with httpx.Client(
        transport=api.transport, auth=awesome_cli.auth(environment=environment), follow_redirects=True
    ) as http:
        assert http.get(f"{API}/hello").status_code == 401
    assert api.tokens[1:] == [None]
    assert terminal.issuer.refreshes == 0


def test_auth_accepts_the_api_url_as_an_argument(environment: Environment) -> None:
    api = Api()
    assert api.get(
        awesome_cli.auth(api_url="https://other.example", environment=environment), "https://other.example/x"
    ).is_success
    with pytest.raises(ConfigError):
        awesome_cli.auth(api_url="http://other.example", environment=environment)
    with pytest.raises(ConfigError):
        awesome_cli.auth(environment=replace(environment, environ={}))


async def steps(terminal: Terminal, **options: Any) -> list[DeviceAuthorization | Session]:  # noqa: ANN401
    issuer = terminal.issuer
    flow = awesome_cli.device_flow(issuer.url, issuer.client_id, environment=terminal.environment, **options)
    async with aclosing(flow):
        return [step async for step in flow]


def test_device_flow_yields_the_code_and_then_a_session(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    shown, session = terminal.time.run(lambda: steps(terminal, scope="email", audience="https://api.example/"))
    assert isinstance(shown, DeviceAuthorization)
    assert shown.verification_uri == "https://provider.example/activate"
    assert isinstance(session, Session)
    assert (session.user.email, session.user.audience) == ("juan@example.com", "https://api.example/")
    assert terminal.keyring.entries() == {}
    assert not terminal.environment.cache_dir.exists()


def test_device_flow_accepts_metadata_as_an_argument(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    url = terminal.issuer.url
    metadata = {
        "issuer": url,
        "device_authorization_endpoint": f"{url}device/code",
        "token_endpoint": f"{url}token",
        "jwks_uri": f"{url}.well-known/jwks.json",
    }
    terminal.time.run(lambda: steps(terminal, metadata=metadata))
    assert terminal.paths == ["/.well-known/jwks.json", "/device/code", "/token"]
    with pytest.raises(ProviderError):
        terminal.time.run(lambda: steps(terminal, metadata={**metadata, "issuer": "https://evil.example/"}))


def test_device_flow_ends_after_the_timeout(terminal: Terminal) -> None:
    started = terminal.time.now()
    with pytest.raises(DeviceCodeExpiredError):
        terminal.time.run(lambda: steps(terminal, timeout=30, pkce=True))
    assert terminal.time.now() - started == pytest.approx(30, abs=1)


def test_device_flow_can_be_closed_before_the_approval(terminal: Terminal) -> None:
    async def first_step() -> object:
        async with aclosing(
            awesome_cli.device_flow(terminal.issuer.url, terminal.issuer.client_id, environment=terminal.environment)
        ) as flow:
            async for step in flow:
                return step
        return None

    assert isinstance(terminal.time.run(first_step), DeviceAuthorization)
    assert "/token" not in terminal.paths


def test_device_flow_with_an_invalid_issuer_raises_config_error(terminal: Terminal) -> None:
    async def ask() -> None:
        async for _ in awesome_cli.device_flow("provider.example", "x", environment=terminal.environment):
            raise AssertionError

    with pytest.raises(ConfigError):
        terminal.time.run(ask)


def test_without_an_environment_argument_the_one_of_the_process_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "given")
    monkeypatch.setenv("AWESOME_API_URL", API)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    api = Api()
    api.get(awesome_cli.auth())
    assert api.tokens == ["Bearer given"]


def test_a_session_in_the_plaintext_file_does_not_use_the_keyring(terminal: Terminal) -> None:
    terminal.login("--insecure-storage")
    environ = {**terminal.environment.environ, "AWESOME_KEYRING_TIMEOUT": "soon"}
    assert awesome_cli.session(environment=replace(terminal.environment, environ=environ)).user.name == "Juan"
