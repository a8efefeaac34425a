"""Polling for an approval (RFC 8628 §3.5) on virtual time: loop, schedule, and the deadline on two clocks."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awesome_cli.errors import (
    AccessDeniedError,
    AwesomeError,
    DeviceCodeExpiredError,
    DeviceFlowUnavailableError,
    ProviderError,
)
from awesome_cli.hints import hint_for
from awesome_cli.oauth.device_grant import DeviceAuthorization, parse_device_authorization
from awesome_cli.oauth.response import Response
from awesome_cli.provider.client import REQUEST_TIMEOUT, oidc_client
from awesome_cli.provider.config import ClientConfig
from awesome_cli.provider.sign_in_client import SignInClient
from awesome_cli.sessions.model import Session
from awesome_cli.testing.time import START, VirtualTime
from support import token_cases
from support.brand import AWESOME

ISSUER = token_cases.ISSUER
DEVICE = {
    "device_code": "device-code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://provider.example/activate",
    "expires_in": 900,
    "interval": 5,
}


@dataclass
class Send:
    """A response: after ``delay`` seconds, this status and body."""

    body: object = None
    status: int = 400
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0

    async def __call__(self) -> httpx.Response:
        await anyio.sleep(self.delay)
        body = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return httpx.Response(self.status, stream=httpx.ByteStream(body.encode()), headers=dict(self.headers))


@dataclass
class Fail:
    """A connection that breaks after ``delay`` seconds; never, if that is infinite."""

    delay: float = 0.0

    async def __call__(self) -> httpx.Response:
        await anyio.sleep(self.delay)
        raise httpx.ConnectError("the connection broke")


PENDING = Send({"error": "authorization_pending"}, 403)
SLOW_DOWN = Send({"error": "slow_down"}, 429)
DENIED = Send({"error": "access_denied"}, 403)
HTML = Send("<h1>Bad Gateway</h1>", 502)
TOKENS = Send(
    {
        "access_token": token_cases.ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": 86400,
        "id_token": token_cases.token(name="Juan", iat=0, exp=token_cases.NOW + 10**7),
    },
    200,
)
Action = Send | Fail


class NoCache:
    def load(self, issuer: str, *, expected: str, now: float) -> None: ...

    def save(self, issuer: str, document: Mapping[str, Any], *, now: float) -> str:  # noqa: ARG002
        return "digest"


class SignIn:
    """One sign-in, whose polls get the responses of a script and then ``rest``. Instants count from its start."""

    def __init__(self, *script: Action, rest: Action = PENDING, **device: object) -> None:
        self.script = list(script)
        self.rest = rest
        self.endpoints = {"token_endpoint": "token", "device_authorization_endpoint": "device", "jwks_uri": "keys"}
        self.device = {name: value for name, value in {**DEVICE, **device}.items() if value != "absent"}
        self.time = VirtualTime()
        self.timeout: float | None = None
        self.meanwhile: list[tuple[float, Callable[[], object]]] = []
        self.polled_at: list[float] = []
        self.responded_at: list[float] = []
        self.ended_at = 0.0
        self.shown: list[DeviceAuthorization] = []
        self.logged: list[str] = []

    @property
    def pauses(self) -> list[float]:
        """Seconds from each receipt to the next poll."""
        return [
            round(polled - before, 3) for before, polled in zip([0.0, *self.responded_at], self.polled_at, strict=False)
        ]

    def run(self) -> Session:
        return self.time.run(self._sign_in)

    def end(self) -> AwesomeError:
        with pytest.raises(AwesomeError) as ended:
            self.run()
        return ended.value

    async def _sign_in(self) -> Session:
        client = ClientConfig(issuer=ISSUER, client_id=token_cases.CLIENT, scope="openid")
        transport = httpx.MockTransport(self._respond)
        try:
            async with anyio.create_task_group() as group:
                for at, act in self.meanwhile:
                    group.start_soon(self._later, at, act)
                async with oidc_client(
                    SignInClient,
                    client,
                    cache=NoCache(),
                    transport=transport,
                    now=self.time.now,
                    log=self.logged.append,
                    environ={},
                ) as provider:
                    flow = await provider.request_device_code(timeout=self.timeout)
                    self.shown.append(flow.device)
                    session = await provider.poll_for_token(flow)
                    group.cancel_scope.cancel()
        except ExceptionGroup as ends:
            raise ends.exceptions[0] from None
        finally:
            self.ended_at = anyio.current_time()
        return session

    @staticmethod
    async def _later(at: float, act: Callable[[], object]) -> None:
        await anyio.sleep(at)
        act()

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        match request.url.path:
            case "/token":
                return await self._respond_to_poll()
            case "/device":
                return await Send(self.device, 200)()
            case "/keys":
                return await Send({"keys": [token_cases.jwk(token_cases.RSA)]}, 200)()
        endpoints = {name: f"{ISSUER}{path}" for name, path in self.endpoints.items()}
        return await Send({"issuer": ISSUER, **endpoints}, 200)()

    async def _respond_to_poll(self) -> httpx.Response:
        self.polled_at.append(anyio.current_time())
        act = self.script.pop(0) if self.script else self.rest
        try:
            return await act()
        finally:
            self.responded_at.append(anyio.current_time())


def test_an_approval_is_noticed_by_the_next_poll() -> None:
    sign_in = SignIn(PENDING, PENDING, TOKENS)
    assert sign_in.run().user.name == "Juan"
    assert sign_in.polled_at == [5, 10, 15]
    assert sign_in.ended_at == 15


def test_a_provider_without_the_endpoint_is_told_apart() -> None:
    sign_in = SignIn(TOKENS)
    del sign_in.endpoints["device_authorization_endpoint"]
    error = sign_in.end()
    assert isinstance(error, DeviceFlowUnavailableError)
    assert "names no device_authorization_endpoint" in error.message
    assert sign_in.polled_at == []


def test_each_slow_down_adds_five_seconds_permanently() -> None:
    sign_in = SignIn(SLOW_DOWN, PENDING, SLOW_DOWN, SLOW_DOWN, PENDING, PENDING, TOKENS)
    sign_in.run()
    assert sign_in.pauses == [5, 10, 10, 15, 20, 20, 20]


@pytest.mark.parametrize(
    ("interval", "pause"),
    [(30, 30), (7, 10), (0, 10), (-60, 10), ("60", 10), (True, 10), (1e300, 10), (None, 10), (12.5, 12.5)],
)
def test_a_larger_interval_in_a_slow_down_response_is_used(interval: object, pause: float) -> None:
    sign_in = SignIn(Send({"error": "slow_down", "interval": interval}), PENDING, TOKENS)
    sign_in.run()
    assert sign_in.pauses == [5, pause, pause]


def test_the_wait_counts_from_the_receipt_of_the_last_response() -> None:
    sign_in = SignIn(Send({"error": "authorization_pending"}, delay=4), Send({"error": "slow_down"}, delay=9), TOKENS)
    sign_in.run()
    assert sign_in.polled_at == [5, 14, 33]


def test_the_wait_doubles_while_connections_fail_until_the_next_oauth_response() -> None:
    sign_in = SignIn(*[Fail()] * 6, PENDING, PENDING, TOKENS)
    sign_in.run()
    assert sign_in.pauses == [5, 10, 20, 40, 60, 60, 60, 5, 5]
    assert sum("Polling goes on" in line for line in sign_in.logged) == 6


def test_a_wait_over_a_minute_is_not_shortened_by_failures() -> None:
    sign_in = SignIn(Fail(), Fail(), TOKENS, interval=90)
    sign_in.run()
    assert sign_in.pauses == [90, 90, 90]


def test_a_doubled_wait_returns_to_the_interval_after_slow_down() -> None:
    sign_in = SignIn(SLOW_DOWN, Fail(), Fail(), SLOW_DOWN, PENDING, TOKENS)
    sign_in.run()
    assert sign_in.pauses == [5, 10, 20, 40, 15, 15]


def test_a_transient_failure_does_not_change_the_wait() -> None:
    sign_in = SignIn(HTML, Fail(), HTML, Fail(), HTML, PENDING, TOKENS)
    sign_in.run()
    assert sign_in.pauses == [5, 5, 10, 10, 20, 20, 5]


def test_a_poll_that_times_out_doubles_the_wait() -> None:
    sign_in = SignIn(Fail(float("inf")), TOKENS)
    sign_in.run()
    assert sign_in.polled_at == [5, 5 + REQUEST_TIMEOUT + 10]


@pytest.mark.parametrize(
    "response",
    [
        Send({"error": "server_error"}, 500),
        Send({"error": "temporarily_unavailable"}, 503),
        Send({}, 500),
        HTML,
        Send("", 200),
        Send("<h1>Log in to the hotel's network</h1>", 200),
        Send('{"access_token": "cut', 200),
        Send("[]", 200),
        Send("null", 400),
        Send("", 400),
        Send("Bad Request", 400),
        Send("", 401),
        Send("", 302, {"location": "https://evil.example/"}),
        Send('{"error":"authorization_pending","error":"access_denied"}', 400),
        Send({"error": "Too Many Requests", "statusCode": 429}, 429),
        Send({"error": "too_many_requests"}, 429),
        Send({}, 429),
    ],
    ids=lambda response: f"{response.status} {response.body}",
)
def test_polling_continues_after_a_transient_failure(response: Send) -> None:
    sign_in = SignIn(response, TOKENS)
    sign_in.run()
    assert sign_in.polled_at == [5, 10]


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
def test_the_error_code_decides_and_not_the_http_status(status: int) -> None:
    responses = [Send({"error": "authorization_pending"}, status), Send({"error": "slow_down"}, status)]
    sign_in = SignIn(*responses, Send({"error": "access_denied"}, status))
    assert isinstance(sign_in.end(), AccessDeniedError)
    assert sign_in.pauses == [5, 5, 10]
    assert isinstance(SignIn(Send({"error": "expired_token"}, status)).end(), DeviceCodeExpiredError)
    assert SignIn(Send({"error": "invalid_client"}, status)).end().code == "invalid_client"


def at(seconds: float) -> str:
    return formatdate(START + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": " 30 "}, 30),
        ({"retry-after": "2"}, 5),
        ({"retry-after": "0"}, 5),
        ({"retry-after": at(45)}, 40),
        ({"retry-after": at(45).replace("GMT", "-0000")}, 40),
        ({"retry-after": at(45), "date": at(25)}, 20),
        ({"retry-after": at(-3600)}, 5),
        ({"x-ratelimit-reset": f"{START + 25:.0f}"}, 20),
        ({"x-ratelimit-reset": f"{START + 3600:.0f}", "date": at(3570)}, 30),
        ({"x-ratelimit-reset": f"{START - 3600:.0f}"}, 5),
        ({"x-ratelimit-reset": "soon"}, 5),
        ({"x-ratelimit-reset": f"{START + 25:.0f}", "retry-after": "10"}, 10),
        ({"retry-after": "soon"}, 5),
        ({"retry-after": "-30"}, 5),
        ({"retry-after": "1e3"}, 5),
        ({"retry-after": "²"}, 5),
        ({"retry-after": "Wed, 99 Foo 2026 00:00:00 GMT"}, 5),
        ({}, 5),
    ],
    ids=str,
)
def test_retry_after_of_a_429_is_respected(headers: dict[str, str], pause: float) -> None:
    raw = {name: value.encode() for name, value in headers.items()}
    sign_in = SignIn(Send("", 429, raw), TOKENS)  # type: ignore[arg-type]  # the wire carries bytes
    sign_in.run()
    assert sign_in.pauses == [5, pause]


def test_retry_after_applies_to_one_wait() -> None:
    sign_in = SignIn(Send("", 429, {"retry-after": "30"}), HTML, Send("", 503, {"retry-after": "20"}), Fail(), TOKENS)
    sign_in.run()
    assert sign_in.pauses == [5, 30, 5, 20, 10]


def test_the_rate_limit_reset_counts_with_a_429_only() -> None:
    sign_in = SignIn(Send("", 503, {"x-ratelimit-reset": f"{START + 600:.0f}"}), TOKENS)
    sign_in.run()
    assert sign_in.pauses == [5, 5]


def test_a_retry_after_past_the_deadline_ends_at_the_deadline() -> None:
    sign_in = SignIn(PENDING, Send("", 429, {"retry-after": "999999999999"}))
    assert isinstance(sign_in.end(), DeviceCodeExpiredError)
    assert (sign_in.polled_at, sign_in.ended_at) == ([5, 10], 900)


@pytest.mark.parametrize(
    ("interval", "pause"),
    [
        ("absent", 5),
        (None, 5),
        (0, 5),
        (-1, 5),
        ("7", 5),
        ("soon", 5),
        (True, 5),
        ([7], 5),
        (1e9, 5),
        (10**400, 5),
        (1e-300, 5),
        (3, 3),
        (7.5, 7.5),
        (60, 60),
    ],
)
def test_the_interval_is_the_providers_if_it_is_a_usable_number(interval: object, pause: float) -> None:
    sign_in = SignIn(PENDING, TOKENS, interval=interval)
    sign_in.run()
    assert sign_in.pauses == [pause, pause]


@pytest.mark.parametrize(
    ("expires_in", "end"),
    [(900, 900), ("600", 600), (30.5, 30.5), ("absent", 900), (None, 900), (True, 900), ("soon", 900), (0, 0), (-5, 0)],
)
def test_the_deadline_is_the_expiry_of_the_code(expires_in: object, end: float) -> None:
    sign_in = SignIn(expires_in=expires_in)
    error = sign_in.end()
    assert (error.exit_code, error.code) == (6, "expired_token")
    assert sign_in.ended_at == end


def test_no_poll_is_sent_at_or_after_the_deadline() -> None:
    sign_in = SignIn(expires_in=20)
    assert sign_in.end().exit_code == 6
    assert (sign_in.polled_at, sign_in.ended_at) == ([5, 10, 15], 20)


def test_a_timeout_ends_the_polling_before_the_code_expires() -> None:
    sign_in = SignIn()
    sign_in.timeout = 12
    error = sign_in.end()
    assert (error.exit_code, error.code) == (6, "timeout")
    assert "within 12 s." in error.message
    assert (sign_in.polled_at, sign_in.ended_at) == ([5, 10], 12)


@pytest.mark.parametrize("timeout", [0, 3, 5])
def test_a_timeout_before_the_first_poll_is_not_a_provider_error(timeout: float) -> None:
    sign_in = SignIn(rest=Fail())
    sign_in.timeout = timeout
    assert sign_in.end().code == "timeout"
    assert (sign_in.polled_at, sign_in.ended_at) == ([], timeout)


def test_a_timeout_after_the_expiry_does_not_extend_the_polling() -> None:
    sign_in = SignIn(expires_in=20)
    sign_in.timeout = float("inf")
    assert sign_in.end().code == "expired_token"
    assert sign_in.ended_at == 20


@pytest.mark.parametrize("rest", [Fail(), HTML, Send("", 429), Send("", 401), Fail(float("inf"))], ids=repr)
def test_a_provider_without_a_single_oauth_response_is_unreachable(rest: Action) -> None:
    sign_in = SignIn(rest=rest)
    error = sign_in.end()
    assert isinstance(error, ProviderError)
    assert error.exit_code == 7
    assert sign_in.ended_at == 900


def test_a_provider_with_one_oauth_response_lets_the_code_expire() -> None:
    sign_in = SignIn(PENDING, rest=Fail())
    assert sign_in.end().exit_code == 6
    assert sign_in.ended_at == 900


def test_a_poll_that_hangs_is_cancelled_at_the_deadline() -> None:
    sign_in = SignIn(PENDING, rest=Fail(float("inf")), expires_in=14)
    assert sign_in.end().exit_code == 6
    assert (sign_in.polled_at, sign_in.ended_at) == ([5, 10], 14)


def test_a_first_poll_that_hangs_until_the_deadline_is_a_provider_error() -> None:
    sign_in = SignIn(rest=Fail(float("inf")), expires_in=14)
    assert sign_in.end().exit_code == 7
    assert (sign_in.polled_at, sign_in.ended_at) == ([5], 14)


def test_invalid_grant_while_polling_means_an_expired_code() -> None:
    for code in ("expired_token", "invalid_grant"):
        error = SignIn(PENDING, Send({"error": code}, 403)).end()
        assert (error.exit_code, error.code) == (6, "expired_token")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("unauthorized_client", "Device Code"),
        ("unsupported_grant_type", "OIDC Conformant"),
        ("invalid_client", "Native"),
        ("invalid_request", "client id"),
        ("invalid_scope", "offline_access"),
        ("invalid_target", "--audience"),
        ("made_up", ""),
    ],
)
def test_any_other_oauth_error_ends_polling_with_a_hint(code: str, advice: str) -> None:
    sign_in = SignIn(Send({"error": code, "error_description": "Because.\x1b[2J"}, 403))
    error = sign_in.end()
    assert (error.exit_code, error.code) == (7, code)
    assert error.message == f"The sign-in failed: {code} (Because.[2J)."
    error.is_auth0 = True
    assert advice in hint_for(error, AWESOME)
    error.is_auth0 = False
    assert "Auth0" not in hint_for(error, AWESOME)
    assert sign_in.ended_at == 5


@pytest.mark.parametrize(
    ("code", "description", "exit_code"),
    [
        ("access_denied", "Policy evaluation failed for this request", 5),  # Okta
        ("authorization_declined", "AADSTS53003: Access has been blocked by Conditional Access policies.", 5),
        ("invalid_grant", "AADSTS53003: Access has been blocked by Conditional Access policies.", 7),  # Entra ID
        ("unauthorized_client", "Blocked by AADSTS530036", 7),
        ("admin_policy_enforced", "", 7),  # Google
    ],
)
def test_a_refusal_by_policy_is_told_apart(code: str, description: str, exit_code: int) -> None:
    body = {"error": code, "error_description": description}
    error = SignIn(PENDING, Send(body, 400)).end()
    assert error.exit_code == exit_code
    assert error.code == ("access_denied" if exit_code == 5 else code)
    assert description.rstrip(".") in error.message
    assert "awesome login --web" in hint_for(error, AWESOME)
    refusal = Response(400, json.dumps(body).encode())
    with pytest.raises(DeviceFlowUnavailableError, match=r"^The provider gives no device code: ") as caught:
        parse_device_authorization(refusal, endpoint=f"{ISSUER}device")
    assert (caught.value.exit_code, caught.value.code) == (7, code)
    assert "awesome login --web" in hint_for(caught.value, AWESOME)


@pytest.mark.parametrize(
    ("code", "description"),
    [("access_denied", "The user refused."), ("unauthorized_client", ""), ("invalid_grant", "unknown code")],
)
def test_any_other_refusal_does_not_name_another_flow(code: str, description: str) -> None:
    error = SignIn(Send({"error": code, "error_description": description}, 400)).end()
    assert "--web" not in hint_for(error, AWESOME)


@pytest.mark.parametrize("code", ["access_denied", "authorization_declined"])  # the second is Entra ID's
def test_a_denial_ends_polling(code: str) -> None:
    error = SignIn(PENDING, Send({"error": code}, 400)).end()
    assert (error.exit_code, error.code, error.message) == (5, "access_denied", "The sign-in was denied.")


def test_a_refusal_without_an_error_code_ends_polling() -> None:
    error = SignIn(Send({"message": "no such page"}, 404)).end()
    assert (error.exit_code, error.code) == (7, "network")
    assert "404" in error.message


@pytest.mark.parametrize(
    "body",
    [{}, {"access_token": "a"}, {"access_token": "a", "token_type": "mac"}, {"token_type": "Bearer"}],
    ids=str,
)
def test_a_malformed_token_response_ends_polling(body: object) -> None:
    sign_in = SignIn(Send(body, 200))
    assert sign_in.end().exit_code == 7
    assert sign_in.ended_at == 5


def test_polling_ends_within_a_second_after_a_laptop_slept_past_the_expiry() -> None:
    sign_in = SignIn(PENDING, Send("", 429, {"retry-after": "600"}))
    sign_in.meanwhile = [(200.25, lambda: sign_in.time.pass_by(3600))]
    error = sign_in.end()
    assert (error.exit_code, sign_in.polled_at) == (6, [5, 10])
    assert 200.25 <= sign_in.ended_at <= 201.25


def test_polling_continues_after_a_laptop_slept_for_less() -> None:
    sign_in = SignIn(expires_in=100)
    sign_in.meanwhile = [(12, lambda: sign_in.time.pass_by(50))]
    assert sign_in.end().exit_code == 6
    assert sign_in.ended_at == 50  # 50 s awake and 50 s asleep
    assert sign_in.polled_at == [5, 10, 15, 20, 25, 30, 35, 40, 45]


def test_a_wall_clock_that_is_set_back_does_not_extend_the_polling() -> None:
    sign_in = SignIn(expires_in=100)
    sign_in.meanwhile = [(12, lambda: sign_in.time.pass_by(-86400))]
    assert sign_in.end().exit_code == 6
    assert (len(sign_in.polled_at), sign_in.ended_at) == (19, 100)


def test_a_wall_clock_that_is_set_does_not_shorten_the_interval() -> None:
    sign_in = SignIn(*[PENDING] * 5, TOKENS)
    sign_in.meanwhile = [(6, lambda: sign_in.time.pass_by(30)), (12, lambda: sign_in.time.pass_by(-3600))]
    sign_in.run()
    assert sign_in.pauses == [5] * 6


def test_a_cancellation_ends_polling_at_once() -> None:
    for moment in (7.0, 11.0):  # while it sleeps, and while a poll hangs
        sign_in = SignIn(PENDING, rest=Fail(float("inf")))

        async def interrupted(sign_in: SignIn = sign_in, moment: float = moment) -> None:
            with anyio.move_on_after(moment):
                await sign_in._sign_in()  # noqa: SLF001 - the harness's own

        sign_in.time.run(interrupted)
        assert sign_in.ended_at == moment


def test_the_code_is_shown_before_polling_and_never_logged() -> None:
    sign_in = SignIn(Fail(), HTML, TOKENS)
    session = sign_in.run()
    assert [device.user_code for device in sign_in.shown] == ["WDJB-MJHT"]
    everything = repr((sign_in.shown, sign_in.logged, session))
    for secret in ("device-code", token_cases.ACCESS_TOKEN, session.id_token):
        assert secret not in everything


# Property: whatever a provider does, the program's polls are those of the model below, which is as short as the rules.

INTERVALS = st.sampled_from([1, 2.5, 5, 5.25, 30, 59, 61, 120])
DELAYS = st.sampled_from([0, 0, 0.5, 3, 14.5])
PROPER = [
    DELAYS.map(lambda delay: Send({"error": "authorization_pending"}, delay=delay)),
    st.builds(
        lambda interval, delay: Send({"error": "slow_down", "interval": interval}, delay=delay),
        st.sampled_from([None, 0, 3, 20, 90, "90", 1e9]),
        DELAYS,
    ),
]
IMPROPER = [
    DELAYS.map(Fail),
    st.just(Fail(float("inf"))),
    st.builds(
        lambda status, after, delay: Send("busy", status, {} if after is None else {"retry-after": str(after)}, delay),
        st.sampled_from([200, 400, 429, 500, 503]),
        st.none() | st.sampled_from([0, 1, 7, 100, 2000]),
        DELAYS,
    ),
]
SCRIPTS = st.lists(st.one_of(*PROPER, *IMPROPER), max_size=25)


@dataclass
class Model:
    """The rules of polling as arithmetic. ``polls``: when each begins; ``code``: the exit code."""

    interval: float
    expires_in: float
    polls: list[float] = field(default_factory=list)
    code: int = 6

    def play(self, script: list[Action]) -> None:
        now, failures, extra, heard = 0.0, 0, 0.0, False
        for act in [*script, *[PENDING] * 2000]:
            grown = self._grown(failures)
            now += max(grown, extra)
            if now >= self.expires_in:
                break
            self.polls.append(now)
            now += min(act.delay, REQUEST_TIMEOUT)
            if now >= self.expires_in:
                break
            extra = 0.0
            if isinstance(act, Fail):
                failures += 1
            elif isinstance(act.body, dict):
                failures, heard = 0, True
                asked = act.body.get("interval")
                if act.body["error"] == "slow_down":
                    usable = asked if isinstance(asked, int) and asked <= 3600 else 0
                    self.interval = max(self.interval + 5, usable)
            else:
                extra = float(act.headers.get("retry-after", 0))
        self.code = 6 if heard or not self.polls else 7

    def _grown(self, failures: int) -> float:
        return max(self.interval, min(self.interval * 2.0**failures, 60.0))


@settings(max_examples=300)
@given(INTERVALS, st.sampled_from([0, 4, 33, 100, 400]), SCRIPTS)
def test_any_polling_schedule_equals_the_model(interval: float, expires_in: float, script: list[Action]) -> None:
    model = Model(interval, expires_in)
    model.play(script)
    sign_in = SignIn(*script, interval=interval, expires_in=expires_in)
    assert sign_in.end().exit_code == model.code
    assert [round(instant, 6) for instant in sign_in.polled_at] == [round(instant, 6) for instant in model.polls]
    assert sign_in.ended_at == pytest.approx(expires_in)


JUMPS = st.tuples(st.floats(0.001, 200), st.floats(-500, 500))


@settings(max_examples=100)
@given(INTERVALS, st.sampled_from([20, 200]), SCRIPTS, st.lists(JUMPS, max_size=4))
def test_a_wall_clock_that_jumps_makes_polling_neither_faster_nor_longer(
    interval: float, expires_in: float, script: list[Action], jumps: list[tuple[float, float]]
) -> None:
    sign_in = SignIn(*script, interval=interval, expires_in=expires_in)
    sign_in.meanwhile = [(at, partial(sign_in.time.pass_by, seconds)) for at, seconds in jumps]
    assert sign_in.end().exit_code in (6, 7)
    assert all(pause >= interval for pause in sign_in.pauses)
    assert sign_in.ended_at <= expires_in
    assert all(polled < expires_in for polled in sign_in.polled_at)


@settings(max_examples=100)
@given(INTERVALS, st.sampled_from([20, 200]), SCRIPTS, st.lists(JUMPS, max_size=4))
def test_polling_ends_when_the_first_of_two_clocks_passes_the_deadline(
    interval: float, expires_in: float, script: list[Action], naps: list[tuple[float, float]]
) -> None:
    sign_in = SignIn(*script, interval=interval, expires_in=expires_in)
    asleep = sorted((at, abs(seconds)) for at, seconds in naps)
    sign_in.meanwhile = [(at, partial(sign_in.time.pass_by, seconds)) for at, seconds in asleep]
    sign_in.end()
    over = min(
        [max(at, expires_in - sum(nap for _, nap in asleep[: count + 1])) for count, (at, _) in enumerate(asleep)]
        + [expires_in]
    )
    assert over - 0.001 <= sign_in.ended_at <= min(over + REQUEST_TIMEOUT + 1.001, expires_in)  # a pending poll, a tick
    assert all(polled <= over + 1.001 for polled in sign_in.polled_at)


@given(st.integers(0, 12), st.integers(1, 20))
def test_repeated_slow_down_never_shortens_the_wait(slow_downs: int, interval: int) -> None:
    sign_in = SignIn(*[SLOW_DOWN] * slow_downs, rest=TOKENS, interval=interval, expires_in=86400)
    sign_in.run()
    assert sign_in.pauses == [interval + 5 * count for count in range(slow_downs + 1)]


def test_an_hour_of_polling_takes_no_more_memory_than_a_few_minutes() -> None:
    taken: dict[int, int] = {}

    class Watched(Send):
        """Looks at the memory now and then."""

        polls = 0

        async def __call__(self) -> httpx.Response:
            self.polls += 1
            if self.polls in (100, 700):
                gc.collect()
                taken[self.polls] = tracemalloc.get_traced_memory()[0]
            return await super().__call__()

    class NoLog(list[str]):
        """Keeps nothing, as a terminal does."""

        def append(self, _: str) -> None: ...

    login = SignIn(rest=Watched(PENDING.body, PENDING.status), expires_in=3600)
    login.logged = NoLog()
    tracemalloc.start()
    try:
        assert isinstance(login.end(), DeviceCodeExpiredError)
    finally:
        tracemalloc.stop()
    assert len(login.polled_at) == 719
    assert taken[700] - taken[100] < 300_000  # bytes for 600 polls, of which this test itself keeps the times
