"""The real program with a certified provider, a real keyring and a real browser."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.chromium import browser
from support.oidc_provider import RealProvider, oidc_provider
from support.requirements import require

if sys.platform != "linux":
    pytest.skip("the Secret Service is Linux's", allow_module_level=True)

from awesome_cli.testing.terminal import Result
from support.desktop import Desktop

API = "https://api.example.com/"


@pytest.fixture(scope="module")
def provider() -> Iterator[RealProvider]:
    require("node", "node_modules")
    with oidc_provider(access_token_ttl=3600, interval=1) as running:
        yield running


@pytest.fixture
def client_id(request: pytest.FixtureRequest, provider: RealProvider) -> str:
    return provider.client_id if request.param == "RS256" else provider.client_id_es256


@pytest.mark.provider("oidc-provider", "login, say-hi, whoami, whoami --check, token, renewal, logout; RS256 and ES256")
@pytest.mark.parametrize("client_id", ["RS256", "ES256"], indirect=True)
def test_login_refresh_and_logout_with_a_certified_provider(
    desktop: Desktop, provider: RealProvider, client_id: str
) -> None:
    def approve(code: dict[str, Any]) -> None:
        provider.approve(code["verification_uri_complete"], code["user_code"])

    refreshes = provider.refreshes().total()
    settings = {"AWESOME_ISSUER": provider.issuer, "AWESOME_CLIENT_ID": client_id}
    code, event = desktop.sign_in(approve, **settings)
    assert (code, event["event"], event["name"], event["email"]) == (0, "signed_in", "Juan", "juan@example.com")
    assert desktop.entry_names[0] == "awesome-cli:default"
    assert desktop.run("say-hi") == Result(0, "Welcome Juan!\n", "")
    who = desktop.run("whoami", "--json").json
    assert (who["issuer"], who["client_id"], who["sub"]) == (provider.issuer, client_id, "juan")
    assert who["refreshable"] is True
    first = desktop.run("token").out
    assert desktop.run("token").out == first
    assert desktop.run("whoami", "--check").code == 0
    renewed = desktop.run("token", "--min-ttl", "10000")
    assert renewed.code == 0
    assert renewed.out != first
    assert provider.refreshes().total() == refreshes + 1
    assert desktop.run("say-hi").out == "Welcome Juan!\n"
    revocations = len(provider.revocations())
    end = desktop.run("logout")
    assert (end.code, end.out) == (0, "")
    assert provider.revocations()[revocations:] == [200, 200]
    assert desktop.entry_names == []
    assert desktop.run("say-hi").code == 4
    assert not any("client_secret" in request["parameters"] for request in provider.requests())


@pytest.mark.provider("oidc-provider", "login with a resource (RFC 8707), renewal, logout")
def test_a_resource_makes_a_token_for_that_api(desktop: Desktop, provider: RealProvider) -> None:
    config = Path(desktop.environ["XDG_CONFIG_HOME"], "awesome-cli", "config.toml")
    config.parent.mkdir()
    config.write_text("[profiles.default]\nresource = true\n")
    settings = {"AWESOME_ISSUER": provider.issuer, "AWESOME_CLIENT_ID": provider.client_id, "AWESOME_AUDIENCE": API}
    code, event = desktop.sign_in(
        lambda code: provider.approve(code["verification_uri"], code["user_code"]), **settings
    )
    assert (code, event["audience"], event["name"]) == (0, API, "Juan")
    assert desktop.run("token").out.count(".") == 2
    assert desktop.run("token", "--min-ttl", "10000").out.count(".") == 2
    desktop.run("logout")
    assert desktop.entry_names == []


@pytest.mark.provider("oidc-provider", "login, denied by the person")
def test_a_denial_on_the_pages_of_a_certified_provider_ends_the_login(desktop: Desktop, provider: RealProvider) -> None:
    def deny(code: dict[str, Any]) -> None:
        provider.approve(code["verification_uri"], code["user_code"], deny=True)

    settings = {"AWESOME_ISSUER": provider.issuer, "AWESOME_CLIENT_ID": provider.client_id}
    code, event = desktop.sign_in(deny, **settings)
    assert (code, event["event"], event["error"]) == (5, "failed", "access_denied")
    assert desktop.entry_names == []


@pytest.mark.provider("oidc-provider", "login with an unknown client id")
def test_an_unknown_client_gets_a_hint(desktop: Desktop, provider: RealProvider) -> None:
    end = desktop.run("login", AWESOME_ISSUER=provider.issuer, AWESOME_CLIENT_ID="nobody")
    assert end.code == 7
    assert "invalid_client" in end.err
    assert "Hint: Check the client id:" in end.err


@pytest.mark.provider("embedded provider", "login approved in a browser, say-hi, logout; RS256")
def test_a_browser_approves_on_the_page_of_the_simulated_provider(desktop: Desktop, tmp_path: Path) -> None:
    require("chromium", "chromedriver")

    def approve(code: dict[str, Any]) -> None:
        with browser() as window:
            window.open(code["verification_uri_complete"])
            assert code["user_code"] in window.text()
            window.screenshot(tmp_path / "confirm.png")
            window.click("button[value=approve]")
            window.wait_for("You approved this")

    with serve(lambda url: ProviderSimulator(now=time.time, url=url, interval=0.2)) as issuer:
        settings = {"AWESOME_ISSUER": issuer.url, "AWESOME_CLIENT_ID": issuer.client_id}
        code, event = desktop.sign_in(approve, **settings)
        assert (code, event["event"]) == (0, "signed_in")
        assert desktop.run("say-hi").out == "Welcome Juan!\n"
        assert desktop.run("logout").code == 0
    assert desktop.entry_names == []
