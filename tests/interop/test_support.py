"""The certified provider and the browser of the tests, without the program."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from jose import jws, jwt

from support.chromium import browser
from support.node_provider import command
from support.oidc_provider import SCRIPT, RealProvider, oidc_provider
from support.processes import START_WITHIN
from support.requirements import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
API = "https://api.example.com/"
PNG = b"\x89PNG"


class Device:
    """A minimal client of the device flow."""

    def __init__(self, provider: RealProvider, client_id: str) -> None:
        self.provider = provider
        self.client_id = client_id

    def post(self, path: str, **form: str) -> httpx.Response:
        url = f"{self.provider.issuer}/{path}"
        return httpx.post(url, data={"client_id": self.client_id} | form, trust_env=False)

    def request_code(self, **more: str) -> dict[str, Any]:
        response = self.post("device/auth", scope="openid profile email offline_access read", **more)
        code: dict[str, Any] = response.json()
        return code

    def poll(self, code: dict[str, Any], **more: str) -> httpx.Response:
        return self.post("token", grant_type=DEVICE_GRANT, device_code=code["device_code"], **more)

    def sign_in(self, **more: str) -> dict[str, Any]:
        code = self.request_code(**more)
        self.provider.approve(code["verification_uri"], code["user_code"])
        tokens: dict[str, Any] = self.poll(code, **more).json()
        return tokens

    def refresh(self, refresh_token: str) -> httpx.Response:
        return self.post("token", grant_type="refresh_token", refresh_token=refresh_token)


@pytest.fixture(scope="module")
def provider() -> Iterator[RealProvider]:
    require("node", "node_modules")
    with oidc_provider(access_token_ttl=120, interval=1) as running:
        yield running


@pytest.fixture
def device(provider: RealProvider) -> Device:
    return Device(provider, provider.client_id)


def test_the_provider_waits_for_a_person_and_then_signs_in(device: Device) -> None:
    code = device.request_code()
    assert code["interval"] == 1
    assert device.poll(code).json()["error"] == "authorization_pending"
    device.provider.approve(code["verification_uri"], code["user_code"])
    tokens = device.poll(code).json()
    assert tokens["expires_in"] == 120
    userinfo = httpx.get(
        f"{device.provider.issuer}/me", headers={"Authorization": f"Bearer {tokens['access_token']}"}, trust_env=False
    )
    assert tuple(userinfo.json()[name] for name in ("sub", "name", "email")) == ("juan", "Juan", "juan@example.com")


def test_a_person_can_open_the_complete_uri_and_deny(device: Device) -> None:
    code = device.request_code()
    device.provider.approve(code["verification_uri_complete"], code["user_code"], deny=True)
    assert device.poll(code).json()["error"] == "access_denied"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_each_client_gets_id_tokens_signed_with_its_algorithm(provider: RealProvider, algorithm: str) -> None:
    client_id = {"RS256": provider.client_id, "ES256": provider.client_id_es256}[algorithm]
    token = Device(provider, client_id).sign_in()["id_token"]
    keys = httpx.get(f"{provider.issuer}/jwks", trust_env=False).json()["keys"]
    (key,) = [key for key in keys if key["kid"] == jws.get_unverified_header(token)["kid"]]
    assert json.loads(jws.verify(token, key, [algorithm]))["aud"] == client_id


def test_a_refresh_token_can_be_used_once_and_its_reuse_revokes_the_grant(device: Device) -> None:
    before = device.provider.refreshes()
    old = device.sign_in()["refresh_token"]
    new = device.refresh(old).json()["refresh_token"]
    assert device.refresh(old).json()["error"] == "invalid_grant"
    assert device.refresh(new).json()["error"] == "invalid_grant"
    assert device.provider.refreshes() - before == {200: 1, 400: 2}


def test_a_public_client_may_revoke(device: Device) -> None:
    refresh_token = device.sign_in()["refresh_token"]
    assert device.post("token/revocation", token=refresh_token).status_code == 200
    assert device.refresh(refresh_token).json()["error"] == "invalid_grant"


def test_a_resource_makes_the_access_token_a_jwt(device: Device) -> None:
    token = device.sign_in(resource=API)["access_token"]
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    assert jwt.get_unverified_claims(token)["aud"] == API


def test_the_recorded_requests_contain_no_secrets(device: Device) -> None:
    code = device.request_code()
    device.poll(code)
    assert device.provider.requests()[-1] == {
        "method": "POST",
        "path": "/token",
        "status": 400,
        "error": "authorization_pending",
        "grant_type": DEVICE_GRANT,
        "parameters": ["client_id", "device_code", "grant_type"],
    }
    assert code["device_code"] not in str(device.provider.requests())


def test_the_provider_ends_with_its_standard_input() -> None:
    require("node", "node_modules")
    subprocess.run(command(SCRIPT), stdin=subprocess.DEVNULL, timeout=START_WITHIN, check=True)


def test_the_browser_approves_as_a_person_does(device: Device, tmp_path: Path) -> None:
    require("chromium", "chromedriver")
    code = device.request_code()
    with browser() as window:
        window.open(code["verification_uri_complete"])
        assert code["user_code"] in window.text()
        assert window.title == "Device Login Confirmation"
        window.screenshot(tmp_path / "page.png")
        window.click("button[autofocus]")
        window.type("[name=login]", "juan")
        window.type("[name=password]", "any")
        window.click("[type=submit]")
        window.wait_for("Authorize")
        window.click("[type=submit]")
        window.wait_for("Sign-in Success")
    assert (tmp_path / "page.png").read_bytes().startswith(PNG)
    assert device.poll(code).status_code == 200
