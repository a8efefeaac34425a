"""A client that breaks every rule: it checks nothing, follows redirects with all secrets, and polls without a pause."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import httpx

from awesome_cli.oauth.pkce import code_challenge
from awesome_cli.testing.hostile import DISCOVERY, HostileProvider
from awesome_cli.testing.issuer import DEVICE_GRANT

VERIFIER = "v" * 43
CHALLENGE = code_challenge(VERIFIER)
POLLS = 4
HTTP = httpx.Client(trust_env=False)  # for all tests: its TLS context, which is not used, takes long to make


class TrustingClient:
    """Each method does one step, and returns whether the client is content."""

    def __init__(self, provider: HostileProvider) -> None:
        self.url = provider.url
        self.form = {"client_id": provider.issuer.client_id, "scope": "openid profile offline_access"}
        self.metadata: dict[str, str] = {}
        self.tokens: dict[str, Any] = {}

    def sign_in(self) -> bool:
        self.read_metadata()
        device = self.post("device_authorization_endpoint").json()
        grant = {"grant_type": DEVICE_GRANT, "device_code": device.get("device_code", "")}
        return any(self.ask_for_tokens(grant) for _ in range(POLLS))

    def sign_in_with_code(self) -> bool:
        self.read_metadata()
        redirect_uri = "http://127.0.0.1:9/callback"
        query = {**self.form, "response_type": "code", "redirect_uri": redirect_uri, "state": "s", "nonce": "n"}
        for challenge in ({"code_challenge": CHALLENGE, "code_challenge_method": "S256"}, {"code_challenge": VERIFIER}):
            response = HTTP.get(self.metadata["authorization_endpoint"], params={**query, **challenge})
            code = httpx.URL(response.headers["location"]).params.get("code")
            if code:
                form = {"redirect_uri": redirect_uri, "code_verifier": VERIFIER, "code": code}
                return self.ask_for_tokens({**form, "grant_type": "authorization_code"})
        return False

    def refresh(self) -> bool:
        return self.ask_for_tokens({"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]})

    def read_userinfo(self) -> bool:
        headers = {"authorization": f"Bearer {self.tokens['access_token']}"}
        return "name" in self.send("GET", self.metadata["userinfo_endpoint"], headers=headers).json()

    def revoke(self) -> bool:
        self.post("revocation_endpoint", {"token": self.tokens["refresh_token"]})
        return True

    def read_metadata(self) -> None:
        self.metadata = self.send("GET", self.url.removesuffix("/") + DISCOVERY).json()
        self.send("GET", self.metadata["jwks_uri"])

    def ask_for_tokens(self, grant: Mapping[str, str]) -> bool:
        response = self.post("token_endpoint", grant)
        if response.status_code != 200:
            return False
        self.tokens = response.json()
        header = self.tokens.get("id_token", "").partition(".")[0]
        if len(header) > 2:
            members = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
            if "jku" in members:
                self.send("GET", members["jku"])
        return True

    def post(self, endpoint: str, form: Mapping[str, str] | None = None) -> httpx.Response:
        return self.send("POST", self.metadata[endpoint], data={**self.form, **(form or {})})

    def send(self, method: str, url: str, **content: Any) -> httpx.Response:  # noqa: ANN401 - arguments of httpx
        response = HTTP.request(method, url, **content)
        return self.send(method, response.headers["location"], **content) if response.is_redirect else response
