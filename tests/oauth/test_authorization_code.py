"""The authorization code grant: what the URL asks for, which responses are accepted, and how the code is exchanged."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from contextlib import suppress
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from awesome_cli.errors import AccessDeniedError, AwesomeError, ProviderError, ProviderUnreachableError
from awesome_cli.hints import hint_for
from awesome_cli.oauth.authorization_code import (
    MAX_PARAMETERS,
    OWN_PARAMETERS,
    AuthorizationRequest,
    parse_code_exchange,
)
from awesome_cli.oauth.pkce import challenge_form, code_challenge
from awesome_cli.oauth.response import Response
from support.brand import AWESOME

ISSUER = "https://provider.example/"
ENDPOINT = "https://provider.example/authorize"
REDIRECT_URI = "http://127.0.0.1:49152/callback"
STATE, NONCE, VERIFIER, CODE = "the-state", "the-nonce", "v" * 64, "the-code"
REQUEST = AuthorizationRequest(
    client_id="cli", redirect_uri=REDIRECT_URI, state=STATE, nonce=NONCE, code_verifier=VERIFIER
)
WITH_RESOURCE = AuthorizationRequest(
    client_id="cli", redirect_uri=REDIRECT_URI, state=STATE, nonce=NONCE, code_verifier=VERIFIER, resource="urn:api"
)


def query_of(endpoint: str = ENDPOINT, request: AuthorizationRequest = REQUEST, **settings: Any) -> dict[str, str]:  # noqa: ANN401 - as url has them
    url = request.url(endpoint, **{"scope": "openid", "parameters": {}, **settings})
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def receive(*, issuer: str = ISSUER, has_iss: bool = False, **members: str) -> str:
    """Return the code of a response with these members and the right state."""
    query = urlencode({"state": STATE, **members})
    return REQUEST.code_from(query, issuer=issuer, has_iss=has_iss)


def refuse(query: str, *, has_iss: bool = False) -> AwesomeError:
    with pytest.raises(AwesomeError) as refused:
        REQUEST.code_from(query, issuer=ISSUER, has_iss=has_iss)
    return refused.value


def test_the_url_has_every_parameter_once() -> None:
    assert query_of(scope="openid profile", audience="https://api.example/") == {
        "response_type": "code",
        "client_id": "cli",
        "redirect_uri": REDIRECT_URI,
        "scope": "openid profile",
        "state": STATE,
        "nonce": NONCE,
        "code_challenge": urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
        "audience": "https://api.example/",
    }


def test_the_resource_is_in_the_url_and_in_the_exchange() -> None:
    assert query_of(request=WITH_RESOURCE)["resource"] == "urn:api"
    assert WITH_RESOURCE.token_form(CODE)["resource"] == "urn:api"
    assert "resource" not in query_of() | REQUEST.token_form(CODE)


def test_the_challenge_is_the_one_of_the_specification() -> None:
    challenge = code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")  # RFC 7636 appendix B
    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert challenge_form(VERIFIER)["code_challenge_method"] == "S256"


@pytest.mark.parametrize(
    ("endpoint", "start"),
    [
        ("https://provider.example/authorize", "https://provider.example/authorize?response_type=code&"),
        ("https://provider.example/a?policy=one", "https://provider.example/a?policy=one&response_type=code&"),
        ("https://provider.example", "https://provider.example?response_type=code&"),
        ("https://provider.example/a#part", "https://provider.example/a?response_type=code&"),
    ],
)
def test_an_endpoint_keeps_its_own_query(endpoint: str, start: str) -> None:
    assert REQUEST.url(endpoint, scope="openid", parameters={}).startswith(start)


@pytest.mark.parametrize(
    ("scope", "parameters", "prompt"),
    [
        ("openid offline_access", {}, "consent"),
        ("openid offline_access", {"prompt": "login"}, "login"),
        ("openid", {}, None),
        ("openid offline_access_x", {}, None),
    ],
)
def test_consent_is_asked_for_where_a_refresh_token_requires_it(
    scope: str, parameters: dict[str, str], prompt: str | None
) -> None:
    """OpenID Connect Core §11."""
    assert query_of(scope=scope, parameters=parameters).get("prompt") == prompt


def test_further_parameters_are_sent_and_encoded() -> None:
    parameters = {"login_hint": "juan+1@example.com", "acr_values": "urn:mfa a&b=c#d", "ui_locales": "ñ"}
    assert parameters.items() <= query_of(parameters=parameters).items()
    url = REQUEST.url(ENDPOINT, scope="openid profile", parameters=parameters)
    assert url.isascii()
    assert re.search(r"[\s#'\"<>+]", url) is None
    assert "scope=openid%20profile" in url


def test_every_parameter_of_the_url_is_one_that_flags_cannot_set() -> None:
    assert set(query_of(request=WITH_RESOURCE, audience="api")) <= OWN_PARAMETERS
    assert set(WITH_RESOURCE.token_form(CODE)) <= OWN_PARAMETERS | {"code"}


def test_the_repr_shows_no_secret() -> None:
    for secret in (STATE, NONCE, VERIFIER):
        assert secret not in repr(REQUEST)


@pytest.mark.parametrize(
    ("members", "has_iss"),
    [
        ({}, False),
        ({"iss": ISSUER}, False),
        ({"iss": ISSUER}, True),
        ({"session_state": "x", "scope": "openid", "empty": ""}, False),
    ],
    ids=str,
)
def test_a_response_with_the_right_state_and_issuer_gives_the_code(members: dict[str, str], *, has_iss: bool) -> None:
    assert receive(code=CODE, has_iss=has_iss, **members) == CODE


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "has no state"),
        (f"code={CODE}", "has no state"),
        ("error=access_denied", "has no state"),
        (f"code={CODE}&state=", "has the wrong state"),
        (f"code={CODE}&state=other", "has the wrong state"),
        (f"code={CODE}&state={STATE}%20", "has the wrong state"),
        (f"code={CODE}&state={STATE.upper()}", "has the wrong state"),
        (f"code={CODE}&state=%FF%FE", "has the wrong state"),
        ("error=access_denied&state=other", "has the wrong state"),
        (f"code={CODE}&State={STATE}", "has no state"),
        (f"code={CODE}&state={STATE}&state={STATE}", "repeats a parameter"),
        (f"code={CODE}&state=other&state={STATE}", "repeats a parameter"),
        (f"code={CODE}&code=other&state={STATE}", "repeats a parameter"),
        (f"code={CODE}&state={STATE}&x=&x=", "repeats a parameter"),
        (f"code={CODE}&state={STATE}&iss=https://evil.example/", "comes from another issuer"),
        (f"code={CODE}&state={STATE}&iss={ISSUER[:-1]}", "comes from another issuer"),
        (f"code={CODE}&state={STATE}&iss=", "comes from another issuer"),
        (f"error=access_denied&state={STATE}&iss=https://evil.example/", "comes from another issuer"),
        (f"state={STATE}", "has no usable code"),
        (f"code=&state={STATE}", "has no usable code"),
        (f"code=a%0Ab&state={STATE}", "has no usable code"),
        (f"code=%C3%A9&state={STATE}", "has no usable code"),
        (f"code=%FF&state={STATE}", "has no usable code"),
        (f"code={'x' * 4097}&state={STATE}", "has no usable code"),
        (f"error=&state={STATE}", "has an unusable error code"),
        (f"error=a%20b&state={STATE}", "has an unusable error code"),
        (f"error=%1B[31m&state={STATE}", "has an unusable error code"),
        (f"error={'x' * 101}&state={STATE}", "has an unusable error code"),
    ],
)
def test_a_response_that_is_not_the_answer_to_the_request_is_refused(query: str, reason: str) -> None:
    error = refuse(query)
    assert (type(error), error.exit_code, error.code) == (ProviderError, 7, "network")
    assert reason in error.message
    assert "Start again." in error.hint
    assert CODE not in error.message + error.hint


def test_a_promised_iss_is_required() -> None:
    for query in (f"code={CODE}&state={STATE}", f"error=access_denied&state={STATE}"):
        error = refuse(query, has_iss=True)
        assert (error.exit_code, "has no iss" in error.message) == (7, True)


def test_a_response_may_not_have_more_parameters_than_the_limit() -> None:
    others = "".join(f"&p{number}=" for number in range(MAX_PARAMETERS - 2))
    assert REQUEST.code_from(f"code={CODE}&state={STATE}{others}", issuer=ISSUER, has_iss=False) == CODE
    assert "too many" in refuse(f"code={CODE}&state={STATE}{others}&one=more").message


def test_a_code_may_be_long_and_of_any_printable_ascii() -> None:
    code = "".join(map(chr, range(0x20, 0x7F))) * 43
    assert receive(code=code) == code


def test_access_denied_is_a_denial() -> None:
    error = refuse(f"error=access_denied&error_description=Never&state={STATE}")
    assert (type(error), error.exit_code, error.code) == (AccessDeniedError, 5, "access_denied")


REGISTERED = """
    invalid_request unauthorized_client unsupported_response_type invalid_scope server_error temporarily_unavailable
    login_required consent_required interaction_required account_selection_required invalid_target
"""  # RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6, RFC 8707 §2


@pytest.mark.parametrize("code", REGISTERED.split())
def test_an_error_of_the_provider_keeps_its_code(code: str) -> None:
    error = refuse(f"error={code}&code={CODE}&state={STATE}")
    assert (type(error), error.exit_code, error.code) == (ProviderError, 7, code)
    assert error.message == f"The sign-in failed: {code}."


def test_the_description_of_an_error_is_made_harmless() -> None:
    description = quote("Not \x1b[31mallowed\u202e\u200b.\r\nBye " + "x" * 500)
    error = refuse(f"error=invalid_scope&error_description={description}&state={STATE}")
    assert error.message.startswith("The sign-in failed: invalid_scope (Not [31mallowed.Bye xxx")
    assert error.message.isprintable()
    assert len(error.message) < 320


def test_another_issuer_is_shown_without_what_a_terminal_interprets() -> None:
    message = refuse(f"code={CODE}&state={STATE}&iss=%1B]8;;https://evil.example/{'x' * 500}").message
    assert message.isprintable()
    assert len(message) < 200


@given(st.text(), st.dictionaries(st.sampled_from(["code", "error", "iss", "error_description"]), st.text()))
def test_no_response_with_another_state_is_accepted(state: str, members: dict[str, str]) -> None:
    assume(state != STATE)
    assert "has the wrong state" in refuse(urlencode({**members, "state": state})).message


@given(st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E)))
def test_any_query_gives_a_code_or_an_error_of_this_package(query: str) -> None:
    for candidate in (query, f"state={STATE}&{query}"):
        with suppress(AwesomeError):
            code = REQUEST.code_from(candidate, issuer=ISSUER, has_iss=False)
            assert [code] == parse_qs(candidate)["code"]


def test_the_exchange_proves_who_asked() -> None:
    assert REQUEST.token_form(CODE) == {
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": REDIRECT_URI,
        "client_id": "cli",
        "code_verifier": VERIFIER,
    }


def exchange(status: int, body: object) -> AwesomeError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(AwesomeError) as refused:
        parse_code_exchange(Response(status, data, secrets=[CODE]))
    return refused.value


def test_tokens_are_parsed() -> None:
    body = {"access_token": "at", "token_type": "bearer", "expires_in": 60, "refresh_token": "rt", "id_token": "it"}
    tokens = parse_code_exchange(Response(200, json.dumps(body).encode()))
    assert (tokens.access_token, tokens.refresh_token, tokens.id_token, tokens.expires_in) == ("at", "rt", "it", 60)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_grant"),
        (403, "invalid_grant"),
        (401, "invalid_request"),  # better-auth, for a wrong code verifier
        (401, "invalid_client"),
        (400, "unauthorized_client"),
        (200, "invalid_grant"),
        (503, "invalid_grant"),
    ],
)
def test_a_refused_code_is_final_and_names_the_error(status: int, code: str) -> None:
    error = exchange(status, {"error": code, "error_description": f"Bad {CODE}."})
    assert (type(error), error.exit_code, error.code) == (ProviderError, 7, code)
    assert error.message == f"The provider does not accept the authorization code: {code} (Bad ***)."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<h1>Bad Gateway</h1>", ProviderUnreachableError),
        (200, b"", ProviderUnreachableError),
        (500, {"error": "server_error"}, ProviderUnreachableError),
        (429, {"error": "too_many_requests"}, ProviderUnreachableError),
        (404, {"message": "nothing here"}, ProviderError),
        (302, {}, ProviderError),
    ],
    ids=str,
)
def test_a_response_without_tokens_is_an_error_of_the_provider(
    status: int, body: object, kind: type[ProviderError]
) -> None:
    error = exchange(status, body)
    assert (type(error), error.exit_code, error.code) == (kind, 7, "network")
    assert f"HTTP status {status}" in error.message
    assert "Try again" in error.hint


def test_a_malformed_token_response_is_refused_by_its_member() -> None:
    assert "lacks access_token" in exchange(200, {}).message
    assert "not Bearer" in exchange(200, {"access_token": "at", "token_type": "mac"}).message


SETUP_ERRORS = "invalid_grant invalid_request unauthorized_client unsupported_grant_type unsupported_response_type"


@pytest.mark.parametrize("is_auth0", [False, True])
@pytest.mark.parametrize("code", SETUP_ERRORS.split())
def test_the_hint_for_a_client_that_is_not_set_up_for_codes_says_so(code: str, *, is_auth0: bool) -> None:
    for error in (exchange(400, {"error": code}), refuse(f"error={code}&state={STATE}")):
        error.is_auth0 = is_auth0
        assert "may use authorization codes" in hint_for(error, AWESOME)
