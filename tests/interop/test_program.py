"""The real program, a certified provider, a real keyring: a whole life, as its user lives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import awesome_cli
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.chromium import browser
from support.oidc_provider import RealProvider, oidc_provider
from support.requirements import require

if sys.platform != "linux":
    pytest.skip("the Secret Service is Linux's", allow_module_level=True)

from support.secret_service import SecretService, gnome_keyring

API = "https://api.example.com/"


class End(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.out)


class Desk:
    """A person's machine with a real keyring, and the program installed on it."""

    def __init__(self, service: SecretService) -> None:
        self.service = service
        self.environ = {
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE")},
            **service.environ,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(awesome_cli.__file__).parents[1]),
        }

    def start(self, *argv: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "awesome_cli", *argv],
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *argv: str, **environ: str) -> End:
        process = self.start(*argv, **environ)
        out, err = process.communicate(timeout=60)
        return End(process.returncode, out, err)

    def sign_in(
        self, settings: dict[str, str], decide: Callable[[dict[str, Any]], object]
    ) -> tuple[int, dict[str, Any]]:
        """Start a login, let the person decide on the code, and return the exit code and the last event."""
        process = self.start("login", "--json", **settings)
        assert process.stdout
        decide(json.loads(process.stdout.readline()))
        out, _ = process.communicate(timeout=60)
        last: dict[str, Any] = json.loads(out.splitlines()[-1])
        return process.returncode, last

    @property
    def kept(self) -> list[str]:
        return sorted(item.attributes["service"] for item in self.service.items())


@pytest.fixture
def desk() -> Iterator[Desk]:
    require("dbus-daemon", "gnome-keyring-daemon")
    with gnome_keyring() as service:
        yield Desk(service)


@pytest.fixture(scope="module")
def provider() -> Iterator[RealProvider]:
    require("node", "node_modules")
    with oidc_provider(access_token_ttl=3600, interval=1) as running:
        yield running


@pytest.fixture
def client_id(request: pytest.FixtureRequest, provider: RealProvider) -> str:
    return provider.client_id if request.param == "RS256" else provider.client_id_es256


@pytest.mark.parametrize("client_id", ["RS256", "ES256"], indirect=True)
def test_a_whole_life_with_a_certified_provider(desk: Desk, provider: RealProvider, client_id: str) -> None:
    def approve(code: dict[str, Any]) -> None:
        provider.approve(code["verification_uri_complete"], code["user_code"])

    refreshes = provider.refreshes().total()
    settings = {"AWESOME_ISSUER": provider.issuer, "AWESOME_CLIENT_ID": client_id}
    code, event = desk.sign_in(settings, approve)
    assert (code, event["event"], event["name"], event["email"]) == (0, "signed_in", "Juan", "juan@example.com")
    assert desk.kept[0] == "awesome-cli:default"
    assert desk.run("say-hi") == End(0, "Welcome Juan!\n", "")
    who = desk.run("whoami", "--json").json
    assert (who["issuer"], who["client_id"], who["sub"]) == (provider.issuer, client_id, "juan")
    assert who["refreshable"] is True
    first = desk.run("token").out
    assert desk.run("token").out == first
    assert desk.run("whoami", "--check").code == 0
    renewed = desk.run("token", "--min-ttl", "10000")
    assert renewed.code == 0
    assert renewed.out != first
    assert provider.refreshes().total() == refreshes + 1
    assert desk.run("say-hi").out == "Welcome Juan!\n"
    asked = len(provider.requests())
    end = desk.run("logout")
    assert (end.code, end.out) == (0, "")
    revocations = [request for request in provider.requests()[asked:] if request["path"].endswith("/revocation")]
    assert [request["status"] for request in revocations] == [200, 200]
    assert desk.kept == []
    assert desk.run("say-hi").code == 4
    assert not any("client_secret" in request["parameters"] for request in provider.requests())


def test_a_resource_makes_a_token_for_that_api(desk: Desk, provider: RealProvider) -> None:
    config = Path(desk.environ["XDG_CONFIG_HOME"], "awesome-cli", "config.toml")
    config.parent.mkdir(parents=True)
    config.write_text("[profiles.default]\nresource = true\n")
    settings = {"AWESOME_ISSUER": provider.issuer, "AWESOME_CLIENT_ID": provider.client_id, "AWESOME_AUDIENCE": API}
    code, event = desk.sign_in(settings, lambda code: provider.approve(code["verification_uri"], code["user_code"]))
    assert (code, event["audience"], event["name"]) == (0, API, "Juan")
    assert desk.run("token").out.count(".") == 2
    assert desk.run("token", "--min-ttl", "10000").out.count(".") == 2
    desk.run("logout")
    assert desk.kept == []


def test_a_no_on_its_pages_is_a_no_here(desk: Desk, provider: RealProvider) -> None:
    def deny(code: dict[str, Any]) -> None:
        provider.approve(code["verification_uri"], code["user_code"], deny=True)

    settings = {"AWESOME_ISSUER": provider.issuer, "AWESOME_CLIENT_ID": provider.client_id}
    code, event = desk.sign_in(settings, deny)
    assert (code, event["event"], event["error"]) == (5, "failed", "access_denied")
    assert desk.kept == []


def test_an_unknown_client_is_told_what_to_check(desk: Desk, provider: RealProvider) -> None:
    end = desk.run("login", AWESOME_ISSUER=provider.issuer, AWESOME_CLIENT_ID="nobody")
    assert end.code == 7
    assert "invalid_client" in end.err
    assert "Hint: Check the client id." in end.err


def test_a_person_approves_on_the_embedded_page(desk: Desk, tmp_path: Path) -> None:
    require("chromium", "chromedriver")

    def approve(code: dict[str, Any]) -> None:
        with browser() as window:
            window.open(code["verification_uri_complete"])
            assert code["user_code"] in window.text()
            window.screenshot(tmp_path / "confirm.png")
            window.click("button[value=approve]")
            window.wait_for("terminal")

    with serve(lambda url: ProviderSimulator(now=time.time, url=url, interval=0.2)) as issuer:
        settings = {"AWESOME_ISSUER": issuer.url, "AWESOME_CLIENT_ID": issuer.client_id}
        code, event = desk.sign_in(settings, approve)
        assert (code, event["event"]) == (0, "signed_in")
        assert desk.run("say-hi").out == "Welcome Juan!\n"
        assert desk.run("logout").code == 0
    assert desk.kept == []
