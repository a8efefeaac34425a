"""The authorization endpoint of the simulated provider, without sockets: requests, the page, codes and step-up."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from awesome_cli.oauth.response import Response
from awesome_cli.testing.authorization import CODE_LIFETIME, PAGE_LIFETIME
from awesome_cli.testing.grants import RECORDED, Request
from awesome_cli.testing.issuer import STEP_UP_AGE, ProviderSimulator
from awesome_cli.testing.keys import signing_key

URL = "https://provider.example/"
CALLBACK = "http://127.0.0.1:49152/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
VALID = {
    "response_type": "code",
    "client_id": "test-client",
    "redirect_uri": CALLBACK,
    "scope": "openid profile offline_access",
    "state": "a b&c=d\r\nx: y",
    "nonce": "the-nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@dataclass
class Client:
    """A client with a browser, at a provider whose clock it sets."""

    now: float = 1_800_000_000.0
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.provider = ProviderSimulator(now=lambda: self.now, url=URL, **self.settings)

    def open(self, **changes: str | None) -> Response:
        """Send the valid authorization request with changes; None leaves a parameter out."""
        query = {name: value for name, value in {**VALID, **changes}.items() if value is not None}
        return self.provider.respond(Request("GET", f"/authorize?{urlencode(query)}"))

    def decide(self, decision: str, *, ticket: str = "") -> Response:
        """Press a button on the page, which is opened before, unless its ticket is given."""
        form = {"ticket": ticket or ticket_of(self.open()), "decision": decision}
        return self.provider.respond(Request("POST", "/authorize", form))

    def code(self, **changes: str | None) -> str:
        return returned(self.decide("approve", ticket=ticket_of(self.open(**changes))))["code"]

    def exchange(self, code: str, /, **changes: str | None) -> Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": "test-client",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **changes,
        }
        given = {name: value for name, value in form.items() if value is not None}
        return self.provider.respond(Request("POST", "/token", given))

    def tokens(self, **changes: str | None) -> dict[str, Any]:
        response = self.exchange(self.code(**changes))
        assert response.status == 200
        return response.json() or {}

    def refresh(self, refresh_token: str) -> Response:
        form = {"grant_type": "refresh_token", "client_id": "test-client", "refresh_token": refresh_token}
        return self.provider.respond(Request("POST", "/token", form))

    def get(self, path: str, access_token: str) -> Response:
        return self.provider.respond(Request("GET", path, headers={"authorization": f"Bearer {access_token}"}))


def ticket_of(page: Response) -> str:
    assert page.status == 200
    (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page.body.decode())
    return str(ticket)


def returned(response: Response) -> dict[str, str]:
    """Return the parameters of a redirect to the client."""
    location = response.headers["location"]
    assert (response.status, location.partition("?")[0], response.body) == (303, CALLBACK, b"")
    assert re.search(r"[\s<>\"]", location) is None
    return dict(parse_qsl(urlsplit(location).query, strict_parsing=True, keep_blank_values=True))


def refusal(response: Response) -> tuple[int, str | None]:
    return response.status, response.error()


def claims(token: str, typ: str = "JWT") -> dict[str, Any]:
    found = signing_key("RS256").verify(token, typ)
    assert found is not None
    return found


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def approving() -> Client:
    return Client(settings={"auto_approve": True})


def test_an_approval_returns_a_code_with_state_and_issuer(client: Client) -> None:
    members = returned(client.decide("approve"))
    assert members == {"code": members["code"], "state": VALID["state"], "iss": URL}
    assert len(members["code"]) >= 43


def test_without_a_state_none_is_returned(approving: Client) -> None:
    assert set(returned(approving.open(state=None))) == {"code", "iss"}


def test_a_refusal_returns_access_denied(client: Client) -> None:
    members = returned(client.decide("deny"))
    assert (members["error"], members["state"], members["iss"]) == ("access_denied", VALID["state"], URL)
    assert "code" not in members


@pytest.mark.parametrize("decision", ["", "Approve", "yes"])
def test_an_answer_other_than_approve_refuses(client: Client, decision: str) -> None:
    assert returned(client.decide(decision))["error"] == "access_denied"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "other"},
        {"redirect_uri": None},
        *(
            {"redirect_uri": uri}
            for uri in (
                "https://evil.example/callback",
                "http://evil.example:80/callback",
                "http://127.0.0.1.evil.example:80/callback",
                "http://127.0.0.1@evil.example:80/callback",
                "http://127.0.0.1/callback",
                "http://localhost:1/callback?x=y",
                "http://localhost:1/callback#x",
                "http://localhost:1/callback;form-action *",
                "http://localhost:1/callback\r\nx: y",
                "custom:/callback",
                "javascript:alert(1)",
            )
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("auto_approve", [False, True])
def test_an_unknown_client_or_another_redirect_uri_is_not_redirected(
    changes: dict[str, str | None], *, auto_approve: bool
) -> None:
    response = Client(settings={"auto_approve": auto_approve}).open(**changes)
    assert (response.status, "location" in response.headers) == (400, False)
    assert b'role="alert"' in response.body
    assert b"evil" not in response.body


@pytest.mark.parametrize(
    "uri", ["http://[::1]:1/", "http://localhost:65535/a/b.c~d_e-f", "http://127.0.0.1:8484/callback"]
)
def test_any_port_and_path_of_loopback_is_a_redirect_uri(approving: Client, uri: str) -> None:
    assert approving.open(redirect_uri=uri).headers["location"].startswith(f"{uri}?code=")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain", "code_challenge": VERIFIER}, "invalid_request"),
        ({"resource": "api"}, "invalid_target"),
    ],
    ids=str,
)
def test_a_wrong_request_is_answered_with_an_error_for_the_client(
    approving: Client, changes: dict[str, str | None], error: str
) -> None:
    members = returned(approving.open(**changes))
    assert (members["error"], members["state"], members["iss"]) == (error, VALID["state"], URL)


def test_prompt_none_asks_nobody(client: Client, approving: Client) -> None:
    assert returned(client.open(prompt="none"))["error"] == "login_required"
    assert "code" in returned(approving.open(prompt="none"))


def test_the_page_says_who_asks_for_what_and_may_redirect_to_the_client_alone() -> None:
    page = Client(settings={"program": "<Acme>"}).open(audience="https://api.example/?a&b")
    text, policy = page.body.decode(), page.headers["content-security-policy"]
    assert "<strong>&lt;Acme&gt;</strong> asks to sign in as <strong>Juan</strong>" in text
    assert "use <code>https://api.example/?a&amp;b</code>" in text
    assert "user_code" not in text
    assert policy.endswith(f"form-action 'self' {CALLBACK}")
    assert (page.headers["x-frame-options"], page.headers["referrer-policy"]) == ("DENY", "no-referrer")
    assert VALID["nonce"] not in text


@pytest.mark.parametrize("ticket", ["", "x", "\u00e9"])
def test_an_answer_without_the_ticket_of_the_page_is_refused(client: Client, ticket: str) -> None:
    client.open()
    response = client.provider.respond(Request("POST", "/authorize", {"ticket": ticket, "decision": "approve"}))
    assert (response.status, "location" in response.headers) == (403, False)


def test_a_page_can_be_answered_once(client: Client) -> None:
    ticket = ticket_of(client.open())
    assert "code" in returned(client.decide("approve", ticket=ticket))
    assert client.decide("approve", ticket=ticket).status == 403


def test_a_page_expires(client: Client) -> None:
    tickets = [ticket_of(client.open()) for _ in range(2)]
    client.now += PAGE_LIFETIME - 1
    assert "code" in returned(client.decide("approve", ticket=tickets[0]))
    client.now += 1
    assert client.decide("approve", ticket=tickets[1]).status == 403


def test_a_code_gives_the_tokens_that_were_asked_for(client: Client) -> None:
    tokens = client.tokens(audience="https://api.example/")
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    assert tokens["scope"] == VALID["scope"]
    identity, access = claims(tokens["id_token"]), claims(tokens["access_token"], "at+jwt")
    assert (identity["nonce"], identity["aud"], identity["name"]) == ("the-nonce", "test-client", "Juan")
    assert access["aud"] == ["https://api.example/", f"{URL}userinfo"]
    assert {"auth_time", "acr"} & identity.keys() == set()


def test_without_a_nonce_the_id_token_has_none(client: Client) -> None:
    assert "nonce" not in claims(client.tokens(nonce=None)["id_token"])


def test_a_renewed_id_token_has_no_nonce(client: Client) -> None:
    tokens = client.refresh(client.tokens()["refresh_token"]).json() or {}
    assert "nonce" not in claims(tokens["id_token"])  # OIDC Core §12.2


def test_a_code_that_is_used_again_ends_the_tokens_that_it_gave(client: Client) -> None:
    code = client.code()
    tokens, others = client.exchange(code).json() or {}, client.tokens()
    assert client.get("/api/hello", tokens["access_token"]).status == 200
    assert refusal(client.exchange(code)) == (403, "invalid_grant")
    assert client.get("/api/hello", tokens["access_token"]).status == 401
    assert refusal(client.refresh(tokens["refresh_token"])) == (403, "invalid_grant")
    assert client.refresh(others["refresh_token"]).status == 200


def test_a_code_that_is_used_again_after_its_expiry_ends_the_tokens_too(client: Client) -> None:
    code = client.code()
    tokens = client.exchange(code).json() or {}
    client.now += CODE_LIFETIME
    assert refusal(client.exchange(code)) == (403, "invalid_grant")
    assert refusal(client.refresh(tokens["refresh_token"])) == (403, "invalid_grant")


def test_a_code_expires(client: Client) -> None:
    codes = [client.code() for _ in range(2)]
    client.now += CODE_LIFETIME - 1
    assert client.exchange(codes[0]).status == 200
    client.now += 1
    assert refusal(client.exchange(codes[1])) == (403, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "other"}, (403, "invalid_grant")),
        ({"code": None}, (403, "invalid_grant")),
        ({"redirect_uri": None}, (403, "invalid_grant")),
        ({"redirect_uri": "http://127.0.0.1:1/callback"}, (403, "invalid_grant")),
        ({"code_verifier": None}, (403, "invalid_grant")),
        ({"code_verifier": "w" * 64}, (403, "invalid_grant")),
        ({"code_verifier": CHALLENGE}, (403, "invalid_grant")),
        ({"code_verifier": "\u00e9"}, (403, "invalid_grant")),
        ({"client_id": "other"}, (401, "invalid_client")),
        ({"client_id": None}, (400, "invalid_request")),
        ({"client_secret": "secret"}, (401, "invalid_client")),
    ],
    ids=str,
)
def test_an_exchange_must_fit_the_request_and_a_wrong_one_uses_nothing_up(
    client: Client, changes: dict[str, str | None], error: tuple[int, str]
) -> None:
    code = client.code()
    response = client.exchange(code, **changes)
    assert refusal(response) == error
    assert code not in response.body.decode()
    assert client.exchange(code).status == 200


def test_acr_values_and_max_age_are_in_the_tokens(client: Client) -> None:
    tokens = client.tokens(acr_values="mfa pwd", max_age="300")
    expected = {"acr": "mfa", "auth_time": int(client.now)}
    assert expected.items() <= claims(tokens["id_token"]).items()
    assert expected.items() <= claims(tokens["access_token"], "at+jwt").items()
    client.now += 100
    renewed = client.refresh(tokens["refresh_token"]).json() or {}
    assert claims(renewed["id_token"])["auth_time"] == expected["auth_time"]  # OIDC Core §12.2


def test_the_person_authenticates_when_the_page_is_answered(client: Client) -> None:
    ticket = ticket_of(client.open(max_age="300"))
    client.now += 200
    code = returned(client.decide("approve", ticket=ticket))["code"]
    tokens = client.exchange(code).json() or {}
    assert claims(tokens["id_token"])["auth_time"] == int(client.now)


def test_the_api_asks_for_a_stronger_and_recent_sign_in(client: Client) -> None:
    response = client.get("/api/payments", client.tokens()["access_token"])
    assert refusal(response) == (401, "insufficient_user_authentication")
    assert response.headers["www-authenticate"] == (
        'Bearer realm="demo", error="insufficient_user_authentication", acr_values="mfa", max_age="300"'
    )  # RFC 9470 §3
    token = client.tokens(acr_values="mfa")["access_token"]
    client.now += STEP_UP_AGE
    assert client.get("/api/payments", token).status == 200
    client.now += 1
    assert refusal(client.get("/api/payments", token)) == (401, "insufficient_user_authentication")
    assert client.get("/api/hello", token).status == 200
    assert refusal(client.get("/api/payments", "none")) == (401, "invalid_token")


def test_a_session_that_ends_is_told_with_the_tokens_and_ends() -> None:
    client = Client(settings={"session_lifetime": 1000})
    tokens = client.tokens()
    assert tokens["refresh_expires_in"] == 1000
    client.now += 400
    renewed = client.refresh(tokens["refresh_token"]).json() or {}
    assert renewed["refresh_expires_in"] == 600
    client.now += 600
    assert refusal(client.refresh(renewed["refresh_token"])) == (403, "invalid_grant")
    assert "refresh_expires_in" not in Client().tokens()


def test_settings_of_the_provider_may_be_changed_at_any_time(approving: Client) -> None:
    approving.provider.client_id, approving.provider.url = "other", "https://other.example/"
    members = returned(approving.open(client_id="other"))
    assert members["iss"] == "https://other.example/"
    assert approving.open().status == 400
    assert approving.exchange(members["code"], client_id="other").status == 200


def test_the_oldest_pages_and_codes_are_forgotten_beyond_the_limit(client: Client) -> None:
    ticket, code = ticket_of(client.open()), client.code()
    client.provider.auto_approve = True
    for _ in range(RECORDED):
        client.open()
    assert refusal(client.exchange(code)) == (403, "invalid_grant")
    client.provider.auto_approve = False
    for _ in range(RECORDED):
        client.open()
    assert client.decide("approve", ticket=ticket).status == 403


def test_no_secret_is_in_a_repr(client: Client) -> None:
    code = client.code()
    for secret in (code, VALID["state"], VALID["nonce"], CHALLENGE):
        assert secret not in repr((client.provider, client.provider.requests))
