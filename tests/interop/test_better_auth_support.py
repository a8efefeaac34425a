"""better-auth by itself: its authorization code flow, where it differs from the specifications, and what it records."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jose import jws

from support.better_auth import SCRIPT, BetterAuth, better_auth
from support.node_provider import command
from support.processes import START_WITHIN
from support.requirements import require

REDIRECT_URI = "http://127.0.0.1:51234/callback"  # registered without a port
VERIFIER = "v" * 43
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "openid profile email offline_access"


class Client:
    """A minimal client of both flows."""

    def __init__(self, provider: BetterAuth) -> None:
        self.provider = provider

    def post(self, path: str, **form: str) -> httpx.Response:
        data = {"client_id": self.provider.client_id} | form
        return httpx.post(f"{self.provider.issuer}/{path}", data=data, trust_env=False)

    def authorization_url(self, **more: str) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPE,
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return str(httpx.URL(f"{self.provider.issuer}/oauth2/authorize", params=query | more))

    def exchange(self, redirect: str, **more: str) -> httpx.Response:
        form = {"code": httpx.URL(redirect).params["code"], "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        return self.post("oauth2/token", grant_type="authorization_code", **form | more)

    def sign_in(self) -> dict[str, Any]:
        code = self.post("device/code", scope=SCOPE).json()
        self.provider.approve(code["user_code"])
        tokens: dict[str, Any] = self.poll(code).json()
        return tokens

    def poll(self, code: dict[str, Any]) -> httpx.Response:
        return self.post("oauth2/token", grant_type=DEVICE_GRANT, device_code=code["device_code"])

    def refresh(self, tokens: dict[str, Any], **more: str) -> httpx.Response:
        return self.post("oauth2/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"], **more)

    def revoke(self, token: str, hint: str) -> httpx.Response:
        return self.post("oauth2/revoke", token=token, token_type_hint=hint)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    require("node", "better-auth")
    with better_auth(interval=1, algorithm="RS256") as provider:
        yield Client(provider)


def outcome(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, response.json()["error"] if response.content else None


@pytest.mark.parametrize("port", [49152, 65535])
def test_an_authorization_code_is_issued_to_any_loopback_port_and_exchanged_with_pkce(
    client: Client, port: int
) -> None:
    redirect_uri = f"http://127.0.0.1:{port}/callback"
    redirect = client.provider.authorize(client.authorization_url(redirect_uri=redirect_uri))
    response = httpx.URL(redirect)
    assert (response.port, sorted(response.params)) == (port, ["code", "iss", "state"])
    assert (response.params["state"], response.params["iss"]) == ("the-state", client.provider.issuer)
    token = client.exchange(redirect, redirect_uri=redirect_uri).json()["id_token"]
    keys = httpx.get(f"{client.provider.issuer}/jwks", trust_env=False).json()["keys"]
    (key,) = [key for key in keys if key["kid"] == jws.get_unverified_header(token)["kid"]]
    claims = json.loads(jws.verify(token, key, ["RS256"]))
    assert (claims["aud"], claims["nonce"]) == (client.provider.client_id, "the-nonce")
    assert outcome(client.exchange(redirect, redirect_uri=redirect_uri)) == (400, "invalid_grant")


def test_a_person_can_deny_on_the_consent_page(client: Client) -> None:
    redirect = client.provider.authorize(client.authorization_url(prompt="consent"), deny=True)
    params = httpx.URL(redirect).params
    assert (params["error"], params["state"], params["iss"]) == (
        "access_denied",
        "the-state",
        client.provider.issuer,
    )


def test_another_redirect_uri_gets_no_response(client: Client) -> None:
    with pytest.raises(AssertionError, match="no redirect to the client, but to /api/auth/error"):
        client.provider.authorize(client.authorization_url(redirect_uri="http://localhost:51234/callback"))


def test_a_poll_before_the_interval_is_told_to_slow_down(client: Client) -> None:
    code = client.post("device/code", scope=SCOPE).json()
    assert code["interval"] == 1
    assert [outcome(client.poll(code)) for _ in range(2)] == [(400, "authorization_pending"), (400, "slow_down")]


def test_revocation_differs_from_rfc_7009(client: Client) -> None:
    tokens = client.sign_in()
    refresh_token, access_token = tokens["refresh_token"], tokens["access_token"]
    assert outcome(client.revoke(refresh_token, "access_token")) == (400, "invalid_request")  # §2.1: a hint is a hint
    assert outcome(client.revoke(refresh_token, "refresh_token")) == (200, None)
    assert outcome(client.revoke(refresh_token, "refresh_token")) == (400, "invalid_request")  # §2.2: 200
    assert outcome(client.revoke(access_token, "access_token")) == (400, "invalid_request")  # §2.2: 200


def test_the_reuse_of_a_refresh_token_ends_every_session_of_the_person_with_the_client(client: Client) -> None:
    tokens, others = client.sign_in(), client.sign_in()
    assert client.refresh(tokens).status_code == 200
    assert outcome(client.refresh(tokens)) == (400, "invalid_grant")
    assert outcome(client.refresh(others)) == (400, "invalid_grant")  # RFC 9700 §4.14.2: of that grant


def test_a_wrong_code_verifier_is_refused_with_another_error_than_in_rfc_7636(client: Client) -> None:
    redirect = client.provider.authorize(client.authorization_url())
    assert outcome(client.exchange(redirect, code_verifier="w" * 43)) == (401, "invalid_request")  # §4.6: invalid_grant
    assert outcome(client.exchange(redirect)) == (400, "invalid_grant")  # the code cannot be used again


def test_the_metadata_does_not_say_that_public_clients_are_served(client: Client) -> None:
    metadata = httpx.get(f"{client.provider.issuer}/.well-known/openid-configuration", trust_env=False).json()
    for endpoint in ("token_endpoint", "revocation_endpoint"):
        assert "none" not in metadata[f"{endpoint}_auth_methods_supported"]


def test_the_recorded_requests_contain_no_secrets(client: Client) -> None:
    tokens = client.sign_in()
    client.refresh(tokens)
    assert client.provider.requests()[-1] == {
        "method": "POST",
        "path": "/api/auth/oauth2/token",
        "status": 200,
        "error": None,
        "grant_type": "refresh_token",
        "parameters": ["client_id", "grant_type", "refresh_token"],
    }
    recorded = str(client.provider.requests())
    secrets = [tokens["access_token"], tokens["refresh_token"], tokens["id_token"], client.provider.password]
    assert [secret in recorded for secret in secrets] == [False] * 4


def test_the_provider_ends_with_its_standard_input() -> None:
    require("node", "better-auth")
    subprocess.run(command(SCRIPT), stdin=subprocess.DEVNULL, timeout=START_WITHIN, check=True)
