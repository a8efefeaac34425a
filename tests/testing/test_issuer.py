"""The simulated provider, without sockets."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jose import jws

from awesome_cli.oauth.response import Response
from awesome_cli.testing import pages
from awesome_cli.testing.grants import RECORDED, Request
from awesome_cli.testing.issuer import DEVICE_GRANT, WRONG_GUESSES, ProviderSimulator

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "http://127.0.0.1:8765/"
API = "http://127.0.0.1:8765/api"
EVERYTHING = "openid profile email offline_access"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Clock:
    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Device:
    """A client that sends single requests."""

    issuer: ProviderSimulator
    clock: Clock
    code: dict[str, Any] = field(default_factory=dict)

    def post(self, path: str, form: Mapping[str, str] | None = None, /, **more: str) -> Response:
        return self.issuer.respond(Request("POST", path, {"client_id": "test-client", **(form or {}), **more}))

    def ask(self, scope: str = EVERYTHING, **more: str) -> Response:
        response = self.post("/device/code", scope=scope, **more)
        self.code = members(response)
        return response

    def poll(self, wait: float = 5, **more: str) -> Response:
        self.clock.at += wait
        return self.post("/token", grant_type=DEVICE_GRANT, device_code=self.code["device_code"], **more)

    def sign_in(self, scope: str = EVERYTHING, **more: str) -> dict[str, Any]:
        self.ask(scope, **more)
        assert self.issuer.approve(self.code["user_code"])
        response = self.poll()
        assert response.status == 200
        return members(response)

    def refresh(self, refresh_token: str, **more: str) -> Response:
        return self.post("/token", grant_type="refresh_token", refresh_token=refresh_token, **more)

    def get(self, path: str, access_token: str = "", method: str = "GET") -> Response:
        headers = {"authorization": f"Bearer {access_token}"} if access_token else {}
        return self.issuer.respond(Request(method, path, headers=headers))

    @property
    def page_path(self) -> str:
        return f"/activate?user_code={self.code['user_code']}"

    def page(self) -> str:
        response = self.get(self.page_path)
        assert response.status == 200
        return response.body.decode()

    def csrf_token(self) -> str:
        return self.page().partition('name="ticket" value="')[2].partition('"')[0]

    def form(self) -> dict[str, str]:
        """Return what the page's form sends with either button."""
        return {"user_code": self.code["user_code"], "ticket": self.csrf_token()}


def members(response: Response) -> dict[str, Any]:
    found = response.json()
    assert found is not None
    return found


def refusal(response: Response) -> tuple[int, str | None]:
    return response.status, response.error()


def claims(issuer: ProviderSimulator, token: str) -> dict[str, Any]:
    keys = members(issuer.respond(Request("GET", "/.well-known/jwks.json")))["keys"]
    found: dict[str, Any] = json.loads(jws.verify(token, keys[0], algorithms=[issuer.alg]))
    assert jws.get_unverified_header(token)["kid"] == keys[0]["kid"]
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def device(clock: Clock) -> Device:
    return Device(ProviderSimulator(now=clock), clock)


# Discovery and keys


def test_discovery_names_the_issuer_exactly_and_every_endpoint(device: Device) -> None:
    response = device.get("/.well-known/openid-configuration")
    document = members(response)
    assert document["issuer"] == URL
    for endpoint in ("device_authorization_endpoint", "token_endpoint", "revocation_endpoint"):
        assert refusal(device.post(document[endpoint].removeprefix(URL[:-1]), client_id="x"))[0] == 401
    assert document["grant_types_supported"] == ["authorization_code", DEVICE_GRANT, "refresh_token"]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["date"] == "Fri, 15 Jan 2027 08:00:00 GMT"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8765/a/b", "http://127.0.0.1:8765/a/b/"])
def test_an_issuer_may_have_a_path(clock: Clock, url: str) -> None:
    issuer = ProviderSimulator(now=clock, url=url)
    document = members(issuer.respond(Request("GET", "/a/b/.well-known/openid-configuration")))
    assert document["issuer"] == url
    assert document["token_endpoint"] == "http://127.0.0.1:8765/a/b/token"
    assert issuer.respond(Request("GET", "/.well-known/openid-configuration")).status == 404
    assert issuer.respond(Request("GET", "/a/bc/.well-known/openid-configuration")).status == 404


def test_no_slash_is_added_to_an_issuer(clock: Clock) -> None:
    issuer = ProviderSimulator(now=clock, url="http://127.0.0.1:8765")
    assert (
        members(issuer.respond(Request("GET", "/.well-known/openid-configuration")))["issuer"]
        == "http://127.0.0.1:8765"
    )


def test_an_unknown_path_is_404_and_a_wrong_method_405(device: Device) -> None:
    assert refusal(device.get("/nowhere")) == (404, "not_found")
    response = device.get("/token")
    assert refusal(response) == (405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"])
def test_tokens_are_signed_with_the_published_key(clock: Clock, alg: str) -> None:
    device = Device(ProviderSimulator(now=clock, alg=alg), clock)
    key = members(device.get("/.well-known/jwks.json"))["keys"][0]
    assert (key["alg"], key["use"]) == (alg, "sig")
    assert "d" not in key
    tokens = device.sign_in()
    assert claims(device.issuer, tokens["id_token"])["sub"] == "demo|juan"
    assert device.get("/api/hello", tokens["access_token"]).ok


def test_changing_the_algorithm_changes_the_key(device: Device) -> None:
    tokens = device.sign_in()
    before = members(device.get("/.well-known/jwks.json"))["keys"][0]
    device.issuer.alg = "ES256"
    after = members(device.get("/.well-known/jwks.json"))["keys"][0]
    assert before["kid"] != after["kid"]
    assert device.get("/api/hello", tokens["access_token"]).status == 401
    renewed = members(device.refresh(tokens["refresh_token"]))
    assert device.get("/api/hello", renewed["access_token"]).ok


# Device codes


def test_the_device_response_contains_codes_uris_and_times(device: Device) -> None:
    code = members(device.ask())
    assert re.fullmatch("[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}", code["user_code"])
    assert code["verification_uri"] == URL + "activate"
    assert code["verification_uri_complete"] == f"{URL}activate?user_code={code['user_code']}"
    assert (code["expires_in"], code["interval"]) == (900, 5)
    assert len(code["device_code"]) >= 43


def test_an_unknown_client_is_refused(device: Device) -> None:
    assert refusal(device.ask(client_id="somebody")) == (401, "invalid_client")
    assert refusal(device.ask(client_id="")) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/device/code", "/token", "/revoke"])
def test_a_client_secret_is_refused_everywhere(device: Device, path: str) -> None:
    assert refusal(device.post(path, client_secret="s3cret")) == (401, "invalid_client")
    response = device.issuer.respond(
        Request("POST", path, {"client_id": "test-client"}, {"authorization": "Basic eDp5"})
    )
    assert refusal(response) == (401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("resource", ["orders", "https://api.example/#part", "https://api.example/a b"])
def test_a_resource_is_an_absolute_uri_without_a_fragment(device: Device, resource: str) -> None:
    assert refusal(device.ask(resource=resource)) == (400, "invalid_target")


# Polling


def test_a_device_code_is_pending_until_approved_and_can_be_used_once(device: Device) -> None:
    device.ask()
    assert refusal(device.poll()) == (403, "authorization_pending")
    assert device.issuer.approve(device.code["user_code"])
    assert device.poll().ok
    assert refusal(device.poll()) == (403, "invalid_grant")


def test_an_expired_device_code_gets_expired_token_once_even_if_approved(device: Device) -> None:
    device.ask()
    device.issuer.approve(device.code["user_code"])
    assert refusal(device.poll(wait=900)) == (403, "expired_token")
    assert refusal(device.poll()) == (403, "invalid_grant")


def test_an_unknown_device_code_is_an_invalid_grant(device: Device) -> None:
    response = device.post("/token", grant_type=DEVICE_GRANT, device_code="never-seen")
    assert refusal(response) == (403, "invalid_grant")


def test_polling_too_fast_extends_the_interval_for_good(device: Device) -> None:
    device.ask()
    assert refusal(device.poll(wait=0)) == (403, "authorization_pending")
    assert refusal(device.poll(wait=4)) == (429, "slow_down")
    assert refusal(device.poll(wait=9)) == (429, "slow_down")
    assert refusal(device.poll(wait=14.95)) == (403, "authorization_pending")


def test_an_approved_device_gets_tokens_although_it_polls_too_fast(device: Device) -> None:
    device.ask()
    device.poll()
    device.issuer.approve(device.code["user_code"])
    assert device.poll(wait=1).ok


def test_auto_approve_approves_every_code(clock: Clock) -> None:
    device = Device(ProviderSimulator(now=clock, auto_approve=True), clock)
    device.ask()
    assert device.poll().ok


@pytest.mark.parametrize(("grant_type", "code"), [("", "invalid_request"), ("password", "unsupported_grant_type")])
def test_other_grant_types_are_refused(device: Device, grant_type: str, code: str) -> None:
    assert refusal(device.post("/token", grant_type=grant_type)) == (400, code)


# PKCE


def test_pkce_may_be_required(clock: Clock) -> None:
    device = Device(ProviderSimulator(now=clock, pkce_required=True), clock)
    assert refusal(device.ask()) == (400, "invalid_request")
    assert refusal(device.ask(code_challenge=CHALLENGE)) == (400, "invalid_request")
    assert refusal(device.ask(code_challenge="short", code_challenge_method="S256")) == (
        400,
        "invalid_request",
    )
    assert device.ask(code_challenge=CHALLENGE, code_challenge_method="S256").ok
    device.issuer.approve(device.code["user_code"])
    assert refusal(device.poll()) == (403, "invalid_grant")
    assert refusal(device.poll(code_verifier="w" * 43)) == (403, "invalid_grant")
    assert device.poll(code_verifier=VERIFIER).ok


# Contents of tokens


def test_the_id_token_contains_the_standard_claims_and_those_of_the_scope(device: Device) -> None:
    tokens = device.sign_in()
    found = claims(device.issuer, tokens["id_token"])
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert found == {
        "iss": URL,
        "sub": "demo|juan",
        "aud": "test-client",
        "iat": 1_800_000_005,
        "exp": 1_800_036_005,
        "at_hash": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "name": "Juan",
        "nickname": "juan",
        "email": "juan@example.com",
    }
    assert jws.get_unverified_header(tokens["id_token"])["typ"] == "JWT"
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, EVERYTHING)


def test_the_access_token_follows_rfc_9068(device: Device) -> None:
    token = device.sign_in("openid")["access_token"]
    found = claims(device.issuer, token)
    assert jws.get_unverified_header(token)["typ"] == "at+jwt"
    assert found.pop("jti")
    assert found == {
        "iss": URL,
        "sub": "demo|juan",
        "aud": [API, URL + "userinfo"],
        "client_id": "test-client",
        "iat": 1_800_000_005,
        "exp": 1_800_003_605,
        "scope": "openid",
        "auth_time": 1_800_000_000,
    }


def test_user_claims_depend_on_the_scope(device: Device) -> None:
    found = claims(device.issuer, device.sign_in("openid email")["id_token"])
    assert "email" in found
    assert "name" not in found


def test_a_slim_id_token_leaves_names_to_userinfo(clock: Clock) -> None:
    device = Device(ProviderSimulator(now=clock, slim_id_token=True), clock)
    tokens = device.sign_in()
    assert not {"name", "nickname", "email"} & claims(device.issuer, tokens["id_token"]).keys()
    assert members(device.get("/userinfo", tokens["access_token"]))["name"] == "Juan"


def test_without_openid_there_is_no_id_token_and_no_userinfo(device: Device) -> None:
    tokens = device.sign_in("profile")
    assert "id_token" not in tokens
    assert device.get("/userinfo", tokens["access_token"]).status == 401
    assert device.get("/api/hello", tokens["access_token"]).ok


def test_without_offline_access_there_is_no_refresh_token(device: Device) -> None:
    assert "refresh_token" not in device.sign_in("openid profile")


# Refresh


def test_a_refresh_issues_new_tokens_for_the_same_person(device: Device) -> None:
    tokens = device.sign_in()
    renewed = members(device.refresh(tokens["refresh_token"]))
    assert renewed["refresh_token"] != tokens["refresh_token"]
    before, after = (claims(device.issuer, each["id_token"]) for each in (tokens, renewed))
    assert [before[name] for name in ("iss", "sub", "aud")] == [after[name] for name in ("iss", "sub", "aud")]
    assert device.get("/api/hello", renewed["access_token"]).ok
    assert (device.issuer.refreshes, device.issuer.reuses) == (1, 0)


def test_using_a_refresh_token_twice_revokes_its_family(device: Device) -> None:
    tokens = device.sign_in()
    renewed = members(device.refresh(tokens["refresh_token"]))
    assert refusal(device.refresh(tokens["refresh_token"])) == (403, "invalid_grant")
    assert refusal(device.refresh(renewed["refresh_token"])) == (403, "invalid_grant")
    assert device.get("/api/hello", renewed["access_token"]).status == 401
    assert (device.issuer.refreshes, device.issuer.reuses) == (1, 2)


def test_reuse_of_a_refresh_token_does_not_revoke_other_families(device: Device) -> None:
    first, second = device.sign_in(), device.sign_in()
    device.refresh(first["refresh_token"])
    device.refresh(first["refresh_token"])
    assert device.refresh(second["refresh_token"]).ok


def test_within_the_overlap_the_previous_refresh_token_is_accepted(clock: Clock) -> None:
    device = Device(ProviderSimulator(now=clock, overlap=10), clock)
    tokens = device.sign_in()
    first = members(device.refresh(tokens["refresh_token"]))
    clock.at += 9
    second = members(device.refresh(tokens["refresh_token"]))
    assert device.refresh(first["refresh_token"]).ok
    clock.at += 1
    assert device.issuer.reuses == 0
    assert refusal(device.refresh(tokens["refresh_token"])) == (403, "invalid_grant")
    assert refusal(device.refresh(second["refresh_token"])) == (403, "invalid_grant")


def test_without_rotation_a_refresh_token_can_be_used_again(clock: Clock) -> None:
    device = Device(ProviderSimulator(now=clock, rotate=False), clock)
    tokens = device.sign_in()
    for _ in range(2):
        renewed = members(device.refresh(tokens["refresh_token"]))
        assert "refresh_token" not in renewed
        assert device.get("/api/hello", renewed["access_token"]).ok
    assert (device.issuer.refreshes, device.issuer.reuses) == (2, 0)


def test_a_refresh_can_narrow_the_scope_but_not_widen_it(device: Device) -> None:
    tokens = device.sign_in("openid email offline_access")
    assert refusal(device.refresh(tokens["refresh_token"], scope="openid profile")) == (400, "invalid_scope")
    renewed = members(device.refresh(tokens["refresh_token"], scope="openid"))
    assert renewed["scope"] == "openid"
    assert "email" not in claims(device.issuer, renewed["id_token"])
    assert members(device.refresh(renewed["refresh_token"]))["scope"] == "openid email offline_access"


def test_an_unknown_refresh_token_does_not_count_as_reuse(device: Device) -> None:
    assert refusal(device.refresh("never-seen")) == (403, "invalid_grant")
    assert device.issuer.reuses == 0


def test_a_refresh_cannot_request_another_resource(device: Device) -> None:
    token = device.sign_in(audience=API, resource="https://orders.example/")["refresh_token"]
    assert refusal(device.refresh(token, resource="https://other.example/")) == (400, "invalid_target")
    renewed = members(device.refresh(token, resource="https://orders.example/"))
    assert claims(device.issuer, renewed["access_token"])["aud"] == [
        "https://orders.example/",
        URL + "userinfo",
    ]
    assert device.get("/api/hello", renewed["access_token"]).status == 401


# Revocation


def test_revoking_the_refresh_token_revokes_the_access_tokens_too(device: Device) -> None:
    tokens = device.sign_in()
    response = device.post("/revoke", token=tokens["refresh_token"])
    assert (response.status, response.body) == (200, b"")
    assert refusal(device.refresh(tokens["refresh_token"])) == (403, "invalid_grant")
    assert device.get("/api/hello", tokens["access_token"]).status == 401


def test_a_revocation_can_revoke_all_grants_of_the_person_for_the_same_audience(
    device: Device,
) -> None:
    issuer = device.issuer
    issuer.revocation_deletes_grant = True
    same, other, revoked = device.sign_in(), device.sign_in(audience="https://other.example/"), device.sign_in()
    assert issuer.active_grants == 3
    assert device.post("/revoke", token=revoked["refresh_token"]).ok
    assert issuer.active_grants == 1
    assert refusal(device.refresh(same["refresh_token"])) == (403, "invalid_grant")
    assert device.refresh(other["refresh_token"]).ok


def test_revoking_an_access_token_revokes_nothing_else(device: Device) -> None:
    tokens = device.sign_in()
    assert device.post("/revoke", token=tokens["access_token"]).ok
    assert device.get("/api/hello", tokens["access_token"]).status == 401
    assert device.refresh(tokens["refresh_token"]).ok


def test_revoking_an_unknown_token_succeeds_and_a_missing_one_is_an_error(device: Device) -> None:
    assert device.post("/revoke", token="never-seen").status == 200
    assert refusal(device.post("/revoke")) == (400, "invalid_request")


# Access tokens


def test_userinfo_returns_the_claims_of_the_scope(device: Device) -> None:
    token = device.sign_in("openid email")["access_token"]
    for method in ("GET", "POST"):
        assert members(device.get("/userinfo", token, method)) == {
            "sub": "demo|juan",
            "email": "juan@example.com",
        }


def test_the_api_greets(device: Device) -> None:
    token = device.sign_in("openid")["access_token"]
    response = members(device.get("/api/hello", token))
    assert response == {"message": "Hello Juan!", "sub": "demo|juan", "scope": "openid"}


def test_the_api_echoes_a_form_or_json(device: Device) -> None:
    headers = {"authorization": f"Bearer {device.sign_in()['access_token']}"}
    for request in (
        Request("POST", "/api/echo", {"a": "1"}, headers),
        Request("POST", "/api/echo", headers=headers, json={"a": "1"}),
    ):
        assert members(device.issuer.respond(request)) == {"echo": {"a": "1"}}
    assert device.issuer.respond(Request("POST", "/api/echo", {"a": "1"})).status == 401


def test_the_api_greets_a_person_without_a_name_by_sub(clock: Clock) -> None:
    device = Device(ProviderSimulator(now=clock, person={"sub": "42"}), clock)
    assert members(device.get("/api/hello", device.sign_in()["access_token"]))["message"] == "Hello 42!"


def test_without_a_token_the_challenge_has_no_error_code(device: Device) -> None:
    response = device.get("/api/hello")
    assert response.status == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="demo"'


def test_an_expired_access_token_is_rejected(device: Device, clock: Clock) -> None:
    token = device.sign_in()["access_token"]
    clock.at += 3600
    for path in ("/api/hello", "/userinfo"):
        response = device.get(path, token)
        assert refusal(response) == (401, "invalid_token")
        assert response.headers["www-authenticate"] == 'Bearer realm="demo", error="invalid_token"'


def test_a_token_for_another_audience_is_rejected_by_the_api(device: Device) -> None:
    token = device.sign_in(audience="https://orders.example/")["access_token"]
    assert refusal(device.get("/api/hello", token)) == (401, "invalid_token")
    assert device.get("/userinfo", token).ok


def test_an_id_token_is_rejected_as_an_access_token(device: Device) -> None:
    assert device.get("/api/hello", device.sign_in()["id_token"]).status == 401


def test_a_token_of_another_issuer_with_the_same_key_is_rejected(device: Device, clock: Clock) -> None:
    other = Device(ProviderSimulator(now=clock), clock)
    assert device.get("/api/hello", other.sign_in()["access_token"]).status == 401


def test_a_token_with_changed_claims_is_rejected(device: Device) -> None:
    header, payload, signature = device.sign_in()["access_token"].split(".")
    changed = base64.urlsafe_b64encode(base64.urlsafe_b64decode(payload + "==").replace(b"juan", b"eve1"))
    assert device.get("/api/hello", f"{header}.{changed.decode().rstrip('=')}.{signature}").status == 401


@example("e+30.e+30.e+30")  # base64, but not base64url
@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}"))
def test_malformed_tokens_are_rejected_without_an_exception(token: str) -> None:
    device = Device(ProviderSimulator(now=lambda: 0), Clock())
    assert device.get("/api/hello", token).status == 401
    if token:
        assert device.post("/revoke", token=token).status == 200


# The activation page


def test_the_page_asks_for_the_code_and_then_for_approval(device: Device) -> None:
    device.ask()
    user_code = device.code["user_code"]
    response = device.get("/activate")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert 'name="user_code"' in response.body.decode()
    page = device.page()
    assert f'<p class="code">{user_code}</p>' in page
    assert "Did you start this yourself" in page
    assert refusal(device.poll()) == (403, "authorization_pending")
    assert device.post("/activate", device.form(), decision="approve").status == 303
    assert device.poll().ok


def test_a_person_can_deny_the_device_and_polling_says_so_once(device: Device) -> None:
    device.ask()
    device.post("/activate", device.form(), decision="deny")
    assert refusal(device.poll()) == (403, "access_denied")
    assert refusal(device.poll()) == (403, "invalid_grant")


OUTCOMES = {"approve": "<h1>You approved this</h1>", "deny": "<h1>You refused this</h1>"}


@pytest.mark.parametrize("decision", OUTCOMES)
def test_a_decision_leads_to_a_page_that_can_be_reloaded(device: Device, decision: str) -> None:
    device.ask()
    response = device.post("/activate", device.form(), decision=decision)
    assert (response.status, response.headers["location"], response.body) == (303, device.page_path, b"")
    assert [OUTCOMES[decision] in device.page() for _ in range(2)] == [True, True]


@pytest.mark.parametrize("decision", OUTCOMES)
def test_the_outcome_is_shown_until_the_code_expires(device: Device, clock: Clock, decision: str) -> None:
    device.ask()
    asked_at = clock.at
    device.post("/activate", device.form(), decision=decision)
    assert device.poll().ok == (decision == "approve")
    assert device.poll().error() == "invalid_grant"
    clock.at = asked_at + 899
    assert OUTCOMES[decision] in device.page()
    clock.at = asked_at + 900
    assert device.get(device.page_path).status == 404


@pytest.mark.parametrize(("first", "second"), [("approve", "deny"), ("deny", "approve"), ("approve", "approve")])
@pytest.mark.parametrize("is_redeemed", [False, True])
def test_the_first_answer_counts(device: Device, first: str, second: str, *, is_redeemed: bool) -> None:
    device.ask()
    form = device.form()
    answers = [device.post("/activate", form, decision=first)]
    polled = device.poll() if is_redeemed else None
    answers.append(device.post("/activate", form, decision=second))
    assert [(answer.status, answer.headers["location"]) for answer in answers] == [(303, device.page_path)] * 2
    assert OUTCOMES[first] in device.page()
    assert (polled or device.poll()).ok == (first == "approve")


def test_the_outcome_page_tells_nothing_else(device: Device) -> None:
    device.ask(audience="https://api.example.com/")
    device.issuer.approve(device.code["user_code"])
    page = device.page()
    hidden = ("Juan", "test-client", "email", "api.example.com", device.code["user_code"], "<form", "ticket")
    assert [text for text in hidden if text in page] == []


def test_a_code_that_is_approved_automatically_is_shown_as_approved(clock: Clock) -> None:
    device = Device(ProviderSimulator(now=clock, auto_approve=True), clock)
    device.ask()
    assert OUTCOMES["approve"] in device.page()
    assert device.poll().ok
    assert OUTCOMES["approve"] in device.page()


def test_another_spelling_of_a_code_leads_to_its_only_address(device: Device) -> None:
    device.ask()
    response = device.get(device.page_path.lower().replace("-", "%20"))
    assert (response.status, response.headers["location"]) == (303, device.page_path)


@pytest.mark.parametrize(
    ("url", "paths", "page"),
    [
        ("http://127.0.0.1:8765/", ["/", "/?a=b"], "/activate"),
        ("http://127.0.0.1:8765/a/b", ["/a/b", "/a/b/"], "/a/b/activate"),
        ("http://127.0.0.1:8765/a/b/", ["/a/b", "/a/b/"], "/a/b/activate"),
    ],
)
def test_the_issuer_itself_leads_to_the_page(clock: Clock, url: str, paths: list[str], page: str) -> None:
    device = Device(ProviderSimulator(now=clock, url=url), clock)
    for path in paths:
        response = device.get(path)
        assert (response.status, response.headers["location"]) == (303, page)
    assert device.get(page).status == 200
    assert refusal(device.post(paths[0])) == (405, "method_not_allowed")


def test_with_a_path_in_the_issuer_an_answer_leads_to_the_page_below_it(clock: Clock) -> None:
    device = Device(ProviderSimulator(now=clock, url="http://127.0.0.1:8765/a/b"), clock)
    user_code = members(device.post("/a/b/device/code"))["user_code"]
    page = device.get(f"/a/b/activate?user_code={user_code}").body.decode()
    csrf_token = page.partition('name="ticket" value="')[2].partition('"')[0]
    answer = device.post("/a/b/activate", user_code=user_code, ticket=csrf_token, decision="approve")
    assert answer.headers["location"] == f"/a/b/activate?user_code={user_code}"
    assert device.get("/").status == 404


def test_the_page_says_what_the_program_wants(device: Device) -> None:
    device.ask(EVERYTHING)
    page = device.page()
    assert "<strong>test-client</strong> asks to sign in as <strong>Juan</strong>." in page
    assert re.findall("<li>(.*?)</li>", page) == [
        "know who you are",
        "see your name",
        "see your email address",
        "stay signed in until you sign out",
    ]


def test_the_page_names_the_program_other_scopes_and_apis(clock: Clock) -> None:
    device = Device(ProviderSimulator(now=clock, program="Acme & Sons <CLI>"), clock)
    device.ask("openid read:<b>", audience="https://api.example.com/?a&b", resource=API)
    page = device.page()
    assert "<strong>Acme &amp; Sons &lt;CLI&gt;</strong>" in page
    assert "test-client" not in page
    assert re.findall("<li>(.*?)</li>", page) == [
        "know who you are",
        "<code>read:&lt;b&gt;</code>",
        "use <code>https://api.example.com/?a&amp;b</code>",
    ]


def test_without_scopes_the_page_has_no_list(device: Device) -> None:
    device.ask("")
    page = device.page()
    assert "It wants to" not in page
    assert "<li>" not in page


def test_a_device_can_be_denied_in_code(device: Device) -> None:
    device.ask()
    assert device.issuer.deny(device.code["user_code"])
    assert not device.issuer.deny(device.code["user_code"])
    assert refusal(device.poll()) == (403, "access_denied")


def test_an_answer_other_than_approve_denies_the_device(device: Device) -> None:
    device.ask()
    device.post("/activate", user_code=device.code["user_code"], ticket=device.csrf_token())
    assert refusal(device.poll()) == (403, "access_denied")


@pytest.mark.parametrize("csrf_token", ["", "guessed", "é"])
@pytest.mark.parametrize("is_decided", [False, True])
def test_an_answer_without_the_csrf_token_is_rejected(device: Device, csrf_token: str, *, is_decided: bool) -> None:
    device.ask()
    if is_decided:
        device.issuer.deny(device.code["user_code"])
    response = device.post("/activate", user_code=device.code["user_code"], ticket=csrf_token, decision="approve")
    assert response.status == 403
    assert b'role="alert"' in response.body
    assert b'name="user_code"' in response.body
    assert refusal(device.poll()) == (403, "access_denied" if is_decided else "authorization_pending")


def test_case_and_punctuation_of_a_typed_code_do_not_matter(device: Device) -> None:
    device.ask()
    assert device.issuer.approve(f" {device.code['user_code'].replace('-', ' ').lower()}. ")


def test_a_code_that_is_unknown_decided_or_expired_cannot_be_approved(device: Device, clock: Clock) -> None:
    assert not device.issuer.approve("BBBB-BBBB")
    device.ask()
    assert device.issuer.approve(device.code["user_code"])
    assert not device.issuer.approve(device.code["user_code"])
    device.ask()
    clock.at += 900
    assert not device.issuer.approve(device.code["user_code"])
    response = device.get(device.page_path)
    assert response.status == 404
    assert b'role="alert"' in response.body
    assert device.post("/activate", user_code=device.code["user_code"]).status == 404


def test_the_typed_code_is_escaped(device: Device) -> None:
    response = device.get("/activate?user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert response.status == 404
    assert "<script" not in response.body.decode()
    assert "&quot;&gt;&lt;script&gt;" in response.body.decode()


def test_names_are_escaped() -> None:
    page = pages.confirm(
        user_code="B", program="<b>", person="<i>&", scope=["<u>"], apis=["<s>"], csrf_token='"'
    ).body.decode()
    assert re.search("<[bius]>", page) is None
    assert [text in page for text in ("&lt;b&gt;", "&lt;i&gt;&amp;", "&lt;u&gt;", "&lt;s&gt;")] == [True] * 4
    assert 'value="&quot;"' in page


def test_the_pages_load_nothing_and_their_policy_allows_only_their_style(device: Device) -> None:
    device.ask()
    response = device.get("/activate")
    shown = [response.body.decode(), device.page()]
    device.issuer.approve(device.code["user_code"])
    shown.append(device.page())
    page = shown[0]
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response.headers["content-security-policy"]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    assert response.headers["x-frame-options"] == "DENY"
    for page in shown:
        assert f"<style>{style}</style>" in page
        assert re.findall(r"<script|src=|href=[^>]*|url\(|style=|@import", page) == ['href="data:,"']


# Storage


def test_a_limited_number_of_requests_is_recorded(device: Device, clock: Clock) -> None:
    device.ask()
    device.get("/activate?user_code=x")
    first, second = device.issuer.requests
    assert (first.method, first.path, first.at) == ("POST", "/device/code", clock.at)
    assert first.form["scope"] == EVERYTHING
    assert (second.path, second.query) == ("/activate", {"user_code": "x"})
    for _ in range(RECORDED):
        device.get("/nowhere")
    assert len(device.issuer.requests) == RECORDED
    assert first not in device.issuer.requests


def test_no_secret_is_in_a_repr(device: Device) -> None:
    device.ask()
    device.poll(code_verifier=VERIFIER)
    device.issuer.approve(device.code["user_code"])
    tokens = members(device.poll())
    device.get("/userinfo", tokens["access_token"])
    members(device.refresh(tokens["refresh_token"]))
    shown = repr(device.issuer) + repr(device.issuer.requests) + repr(list(vars(device.issuer).items())[:16])
    secrets = [tokens[name] for name in ("access_token", "refresh_token", "id_token")]
    for secret in (VERIFIER, device.code["device_code"], *secrets):
        assert secret not in shown


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_after_several_wrong_codes_no_code_is_looked_up_for_a_second(method: str, device: Device) -> None:
    device.ask()
    csrf_token, user_code = device.csrf_token(), device.code["user_code"]

    def guess(code: str) -> Response:
        if method == "GET":
            return device.get(f"/activate?user_code={code}")
        return device.post("/activate", user_code=code, ticket=csrf_token, decision="approve")

    assert [guess("BBBB-BBBB").status for _ in range(WRONG_GUESSES)] == [404] * WRONG_GUESSES
    refused = guess(user_code)
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert user_code.encode() not in refused.body
    device.clock.at += 1
    assert guess(user_code).status == (200 if method == "GET" else 303)


def test_correct_codes_are_not_counted_as_guesses(device: Device) -> None:
    device.ask()
    assert {device.get(f"/activate?user_code={device.code['user_code']}").status for _ in range(20)} == {200}


def test_the_oldest_codes_and_tokens_are_deleted_beyond_the_limit(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awesome_cli.testing.grants.RECORDED", 10)
    oldest = device.sign_in()
    device.ask()
    deleted = device.code
    latest = oldest
    for _ in range(10):
        device.ask()
    for _ in range(10):
        latest = members(device.refresh(latest["refresh_token"]))
    device.code = deleted
    assert members(device.poll())["error"] == "invalid_grant"
    assert members(device.refresh(oldest["refresh_token"]))["error"] == "invalid_grant"
    assert device.get("/userinfo", latest["access_token"]).status == 200
    assert device.get("/userinfo", oldest["access_token"]).status == 401
    assert device.refresh(latest["refresh_token"]).status == 200  # a deleted token is unknown, which is not reuse
