"""The hostile provider: scripts, and the acts that it plays."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from awesome_cli.testing.grants import Request
from awesome_cli.testing.hostile import (
    ABSENT,
    DISCOVERY,
    ENDLESS_HEADERS,
    KEYS,
    NORMAL,
    Act,
    ChangeMembers,
    ChangeRedirect,
    Delay,
    Disconnect,
    ForgeIdToken,
    HostileProvider,
    Normally,
    Respond,
    SendBytes,
    SendSlowly,
    redirect,
    serve_hostile,
)
from awesome_cli.testing.issuer import DEVICE_GRANT
from awesome_cli.testing.keys import base64url, signing_key
from support.time_limits import within


def get(provider: HostileProvider, path: str) -> httpx.Response:
    return httpx.get(provider.url.removesuffix("/") + path)


def test_requests_that_are_not_scripted_get_normal_responses(hostile_provider: HostileProvider) -> None:
    assert get(hostile_provider, DISCOVERY).json()["issuer"] == hostile_provider.url
    assert get(hostile_provider, "/nowhere").status_code == 404


def test_acts_are_played_once_each_in_order(hostile_provider: HostileProvider) -> None:
    hostile_provider.at(KEYS, Respond(503), NORMAL).at(KEYS, Respond(418, "tea", {"x-pot": "1"}))
    assert (hostile_provider.remaining(KEYS), hostile_provider.remaining(DISCOVERY)) == (3, 0)
    answers = [get(hostile_provider, KEYS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 200, 418, 200]
    assert hostile_provider.remaining(KEYS) == 0
    assert (answers[2].text, answers[2].headers["x-pot"]) == ("tea", "1")
    assert hostile_provider.paths == [KEYS] * 4


def test_a_default_act_is_played_whenever_the_script_is_empty(hostile_provider: HostileProvider) -> None:
    hostile_provider.always(KEYS, Respond(599, [1])).at(KEYS, NORMAL)
    answers = [get(hostile_provider, KEYS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 599, 599]
    assert answers[1].json() == [1]


def test_members_can_be_changed_and_removed(hostile_provider: HostileProvider) -> None:
    hostile_provider.at(DISCOVERY, ChangeMembers(issuer="https://evil.example/", jwks_uri=ABSENT))
    document = get(hostile_provider, DISCOVERY).json()
    assert document["issuer"] == "https://evil.example/"
    assert "jwks_uri" not in document
    assert "token_endpoint" in document
    assert repr(ABSENT) == "ABSENT"


def test_a_forged_id_token_has_other_claims_and_a_valid_signature(hostile_provider: HostileProvider) -> None:
    form = {"client_id": hostile_provider.issuer.client_id, "scope": "openid"}
    code = httpx.post(f"{hostile_provider.url}device/code", data=form).json()["device_code"]
    hostile_provider.at("/token", ForgeIdToken(claims={"sub": "eve", "iat": ABSENT}, header={"typ": "other"}))
    poll = {**form, "grant_type": DEVICE_GRANT, "device_code": code}
    token = httpx.post(f"{hostile_provider.url}token", data=poll).json()["id_token"]
    claims = signing_key("RS256").verify(token, "other")
    assert claims
    assert claims["sub"] == "eve"
    assert "iat" not in claims
    assert {code, token} <= hostile_provider.secrets


def test_a_forged_id_token_can_have_any_signature(hostile_provider: HostileProvider) -> None:
    form = {"client_id": hostile_provider.issuer.client_id, "scope": "openid"}
    code = httpx.post(f"{hostile_provider.url}device/code", data=form).json()["device_code"]
    hostile_provider.at("/token", ForgeIdToken(signature=lambda signing_input: signing_input[:3]))
    poll = {**form, "grant_type": DEVICE_GRANT, "device_code": code}
    header, _, signature = httpx.post(f"{hostile_provider.url}token", data=poll).json()["id_token"].split(".")
    assert signature == base64url(header[:3].encode())


def test_parameters_of_a_redirect_can_be_changed_and_removed(hostile_provider: HostileProvider) -> None:
    query = {
        "client_id": hostile_provider.issuer.client_id,
        "response_type": "code",
        "redirect_uri": "http://127.0.0.1:9/callback",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
        "state": "s",
    }
    hostile_provider.at("/authorize", ChangeRedirect(state=str.upper, iss=ABSENT, more="b c"), ChangeRedirect(a="b"))
    url = httpx.get(f"{hostile_provider.url}authorize", params=query).headers["location"]
    changed = dict(httpx.URL(url).params)
    assert changed.pop("code")
    assert changed == {"state": "S", "more": "b c"}
    refused = httpx.get(f"{hostile_provider.url}authorize")  # not redirected, because the request is unusable
    assert (refused.status_code, "location" in refused.headers) == (400, False)


def test_requests_have_the_time_of_their_arrival() -> None:
    with serve_hostile(now=lambda: 1_900_000_000.0) as provider:
        get(provider, KEYS)
        assert [request.at for request in provider.requests] == [1_900_000_000.0]


def test_elsewhere_is_another_origin_and_records_requests(hostile_provider: HostileProvider) -> None:
    hostile_provider.at(KEYS, redirect(f"{hostile_provider.elsewhere.url}keys?a=b"))
    httpx.get(hostile_provider.url.removesuffix("/") + KEYS, follow_redirects=True)
    assert hostile_provider.paths == [KEYS]
    assert [request.target for request in hostile_provider.elsewhere.requests] == ["/keys?a=b"]


def test_forging_an_id_token_does_not_change_a_response_without_one(hostile_provider: HostileProvider) -> None:
    hostile_provider.at(DISCOVERY, ForgeIdToken(claims={"sub": "somebody else"}))
    assert get(hostile_provider, DISCOVERY).json() == json.loads(
        hostile_provider.issuer.respond(Request("GET", DISCOVERY)).body
    )


def test_a_redirect_names_its_location(hostile_provider: HostileProvider) -> None:
    hostile_provider.at(KEYS, redirect("https://evil.example/", 307))
    answer = get(hostile_provider, KEYS)
    assert (answer.status_code, answer.headers["location"]) == (307, "https://evil.example/")


def test_responses_can_be_delayed_and_sent_slowly(hostile_provider: HostileProvider) -> None:
    hostile_provider.at(KEYS, Delay(0.2), SendSlowly(0.002, Respond(200, "x" * 20)))
    began = time.monotonic()
    assert get(hostile_provider, KEYS).status_code == 200
    assert time.monotonic() - began >= 0.2
    began = time.monotonic()
    assert get(hostile_provider, KEYS).text == "x" * 20
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize(
    "act",
    [Disconnect(), Disconnect(after=20), Disconnect(after=200, act=NORMAL), SendBytes(b"no HTTP"), ENDLESS_HEADERS],
)
def test_incomplete_responses_and_bytes_that_are_not_http_are_errors(
    act: Act, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at(KEYS, act)
    with pytest.raises(httpx.RemoteProtocolError):
        get(hostile_provider, KEYS)


def test_a_provider_stops_at_once_although_it_is_sending() -> None:
    with within(2), serve_hostile() as provider:
        provider.always(KEYS, SendSlowly(20))
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(provider.url.removesuffix("/") + KEYS, timeout=0.2)


@dataclass(frozen=True)
class RaiseError:
    """An act that raises an exception."""

    def play(self, _: Normally) -> Iterator[bytes | float]:
        yield b""
        raise LookupError("a bug in the test")


def test_the_traceback_of_an_act_is_printed(
    hostile_provider: HostileProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile_provider.at(KEYS, RaiseError())
    with pytest.raises(httpx.RemoteProtocolError):
        get(hostile_provider, KEYS)
    assert "a bug in the test" in capsys.readouterr().err


def test_a_provider_stops_although_a_client_is_silent() -> None:
    with serve_hostile() as provider:
        host, port = urlsplit(provider.url).hostname, urlsplit(provider.url).port
        silent = socket.create_connection((host, port))
        httpx.get(f"{provider.url}.well-known/openid-configuration", trust_env=False)  # so that both were accepted
    with silent:
        assert silent.recv(1) == b""
