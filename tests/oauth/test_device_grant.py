"""The device authorization request and response (RFC 8628 §3.1, §3.2), and the polling schedule (§3.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awesome_cli.errors import AwesomeError, ProviderError, ProviderUnreachableError
from awesome_cli.oauth.device_grant import (
    GRANT_TYPE,
    DeviceAuthorization,
    Pending,
    PollingSchedule,
    TransientFailure,
    device_authorization_form,
    parse_device_authorization,
    parse_poll,
    poll_form,
)
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import TokenResponse
from awesome_cli.urls import secure_url

GOOD = {
    "device_code": "device-code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://provider.example/activate",
    "verification_uri_complete": "https://provider.example/activate?user_code=WDJB-MJHT",
    "expires_in": 600,
    "interval": 7,
}


def parse(status: int = 200, /, **changes: Any) -> DeviceAuthorization:  # noqa: ANN401 - whatever a response may carry
    return parse_response(Response(status, json.dumps(GOOD | changes).encode()))


def without(name: str) -> DeviceAuthorization:
    document = {key: value for key, value in GOOD.items() if key != name}
    return parse_response(Response(200, json.dumps(document).encode()))


def parse_response(response: Response, endpoint: str = "https://provider.example/device/code") -> DeviceAuthorization:
    return parse_device_authorization(response, endpoint=endpoint)


def test_a_device_code_request_has_the_optional_parameters_and_no_secret() -> None:
    assert device_authorization_form("client", scope="openid") == {"client_id": "client", "scope": "openid"}
    assert device_authorization_form(
        "client",
        scope="openid",
        audience="api",
        resource="https://api.example",
        code_verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ) == {
        "client_id": "client",
        "scope": "openid",
        "audience": "api",
        "resource": "https://api.example",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",  # RFC 7636 appendix B
        "code_challenge_method": "S256",
    }


def test_a_poll_request_has_the_grant_type_the_code_and_the_optional_parameters() -> None:
    grant = {"grant_type": GRANT_TYPE, "device_code": "code", "client_id": "client"}
    assert grant["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"
    assert poll_form("client", "code") == grant
    more = {"code_verifier": "verifier", "resource": "api"}
    assert poll_form("client", "code", **more) == {**grant, **more}


def test_a_valid_device_authorization_response_is_accepted() -> None:
    assert parse() == DeviceAuthorization(**GOOD)  # type: ignore[arg-type]  # a table of all kinds
    assert "device-code" not in repr(parse())


def test_googles_verification_url_is_accepted() -> None:
    document = {name: value for name, value in GOOD.items() if name != "verification_uri"}
    body = json.dumps({**document, "verification_url": "https://google.example/device"}).encode()
    assert parse_response(Response(200, body)).verification_uri == "https://google.example/device"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("device_code", value) for value in ("", 7, ["x"], "a b", "a\n", "é", "\ud800")),
        *(("user_code", value) for value in ("", 7, " ", "\u200b\u202e", ["x"])),
    ],
)
def test_an_error_names_the_code_that_is_unusable(name: str, value: object) -> None:
    with pytest.raises(ProviderError, match=f"has an unusable {name}"):
        parse(**{name: value})


@pytest.mark.parametrize("name", ["device_code", "user_code", "verification_uri"])
def test_an_error_names_the_member_that_is_missing(name: str) -> None:
    lacking = {key: value for key, value in GOOD.items() if key != name}
    for document in (lacking, {**GOOD, name: None}):
        with pytest.raises(ProviderError) as refused:
            parse_response(Response(200, json.dumps(document).encode()))
        assert refused.value.message == f"The provider's device authorization response lacks {name}."


@pytest.mark.parametrize(
    "uri",
    [
        "http://provider.example/",
        "javascript:alert(1)",
        "--version",
        "https://a b/",
        "https://\x1b[2J/",
        7,
        ["x"],
    ],
)
def test_a_verification_uri_must_be_a_secure_url(uri: object) -> None:
    with pytest.raises(ProviderError, match="not an https:// URL") as refused:
        parse(verification_uri=uri)
    assert "\x1b" not in refused.value.message
    assert "Do not open it" in refused.value.hint


@pytest.mark.parametrize("uri", ["http://127.0.0.1/", "http://localhost:631/", "https://localhost/", "http://[::1]/"])
def test_a_remote_provider_cannot_name_a_verification_uri_on_this_machine(uri: str) -> None:
    with pytest.raises(ProviderError, match="on this machine") as refused:
        parse(verification_uri=uri)
    assert "Do not open it" in refused.value.hint
    assert parse(verification_uri_complete=uri).verification_uri_complete is None
    body = json.dumps({**GOOD, "verification_uri": uri, "verification_uri_complete": uri}).encode()
    device = parse_response(Response(200, body), endpoint="http://localhost:8765/device/code")
    assert device.verification_uri == device.verification_uri_complete == uri


@pytest.mark.parametrize("uri", ["http://provider.example/", "file:///etc/passwd", "", None, 7, "https://a/\u202e"])
def test_an_invalid_verification_uri_complete_is_ignored(uri: object) -> None:
    assert parse(verification_uri_complete=uri).verification_uri_complete is None


def test_the_user_code_is_safe_to_show_and_limited_in_length() -> None:
    assert parse(user_code="AB\x1b[2J-CD\n").user_code == "AB[2J-CD"
    assert len(parse(user_code="A" * 1000).user_code) == 64


def test_a_device_code_is_valid_for_a_day_at_most() -> None:
    assert parse(expires_in=86400).expires_in == 86400
    assert parse(expires_in=1e300).expires_in == 86400


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, b'{"error":"unauthorized_client"}', ProviderError, "unauthorized_client"),
        (403, b'{"error":"access_denied"}', ProviderError, "access_denied"),
        (200, b'{"error":"invalid_scope"}', ProviderError, "invalid_scope"),
        (404, b'{"message":"no"}', ProviderError, "network"),
        (302, b"", ProviderUnreachableError, "network"),
        (200, b"<h1>Hotel</h1>", ProviderUnreachableError, "network"),
        (429, b'{"error":"Too Many Requests"}', ProviderUnreachableError, "network"),
        (429, b'{"error":"too_many_requests"}', ProviderUnreachableError, "network"),
        (503, b"", ProviderUnreachableError, "network"),
        (500, b'{"error":"server_error"}', ProviderUnreachableError, "network"),
    ],
)
def test_a_refused_device_code_request_raises_an_error_with_the_code(
    status: int, body: bytes, kind: type[AwesomeError], code: str
) -> None:
    with pytest.raises(ProviderError) as refused:
        parse_response(Response(status, body))
    assert (type(refused.value), refused.value.code, refused.value.exit_code) == (kind, code, 7)


JSON: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just({})
)


@given(
    st.dictionaries(st.sampled_from([*GOOD, "error", "verification_url"]), JSON),
    st.sampled_from([200, 201, 302, 403, 429, 503]),
)
def test_any_response_is_accepted_or_refused(changes: dict[str, Any], status: int) -> None:
    try:
        device = parse(status, **changes)
    except ProviderError:
        return
    assert secure_url(device.verification_uri)
    assert device.verification_uri_complete is None or secure_url(device.verification_uri_complete)
    assert 0 <= device.expires_in <= 86400
    assert 0.01 <= device.interval <= 86_400
    assert device.user_code.isprintable()


@given(
    st.binary() | st.dictionaries(st.sampled_from(["error", "interval", "access_token"]), JSON), st.integers(100, 599)
)
def test_any_poll_response_is_pending_transient_or_final(body: bytes | dict[str, Any], status: int) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        result = parse_poll(Response(status, data, {"retry-after": "9" * (status % 20)}), now=0.0)
    except AwesomeError as error:
        ended = error
    else:
        assert isinstance(result, Pending | TransientFailure | TokenResponse)
        schedule = PollingSchedule.start(5.0)
        assert isinstance(result, TokenResponse) or schedule.after(result).wait >= schedule.wait
        return
    assert ended.exit_code in (5, 6, 7)
