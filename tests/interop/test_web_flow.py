"""``login --web`` of the real program, with three providers, a real keyring and a real browser."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from awesome_cli.testing.hostile import HostileProvider, Respond
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.better_auth import BetterAuth, better_auth
from support.chromium import Browser
from support.oidc_provider import RealProvider, oidc_provider
from support.processes import START_WITHIN
from support.requirements import require

if sys.platform != "linux":
    pytest.skip("the Secret Service is Linux's", allow_module_level=True)

from awesome_cli.testing.terminal import Result
from support.desktop import Desktop
from support.screen import screen

OTHER_SITE = Respond(200, "<title>Another site</title>", {"content-type": "text/html"})
EMBED = """
    const [target] = arguments
    const image = new Image(), frame = document.createElement('iframe')
    const ends = ([image, frame]).map(element => new Promise(end => { element.onload = element.onerror = end }))
    image.src = frame.src = target
    document.body.append(image, frame)
    return Promise.all([...ends, fetch(target, {mode: 'no-cors'}).catch(() => 0)]).then(() => 1)
"""
RUN = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"


@pytest.fixture(scope="module")
def certified() -> Iterator[RealProvider]:
    require("node", "node_modules")
    with oidc_provider() as running:
        yield running


@pytest.fixture(scope="module")
def other() -> Iterator[BetterAuth]:
    require("node", "better-auth")
    with better_auth() as running:
        yield running


@pytest.fixture
def window(running_browser: Browser) -> Browser:
    return running_browser


@pytest.fixture
def embedded() -> Iterator[ProviderSimulator]:
    with serve(lambda url: ProviderSimulator(now=time.time, url=url)) as issuer:
        yield issuer


def settings(provider: RealProvider | BetterAuth) -> dict[str, str]:
    return {"AWESOME_ISSUER": provider.issuer, "AWESOME_CLIENT_ID": provider.client_id}


def over_http(
    provider: RealProvider | BetterAuth, pages: list[str], *, deny: bool = False
) -> Callable[[dict[str, Any]], None]:
    """Return what visits the URL of a login, and adds the page at its end to ``pages``."""

    def visit(event: dict[str, Any]) -> None:
        assert event["event"] == "authorization"
        redirect = provider.authorize(event["url"], deny=deny)
        pages.append(httpx.get(redirect, trust_env=False, timeout=START_WITHIN).text)

    return visit


def check_session(desktop: Desktop, provider: RealProvider | BetterAuth) -> None:
    """Use the session that a login has stored, renew it, and sign out."""
    assert desktop.entry_names[0] == "awesome-cli:default"
    assert desktop.run("say-hi") == Result(0, "Welcome Juan!\n", "")
    assert desktop.run("whoami", "--json").json["refreshable"] is True
    assert desktop.run("whoami", "--check").code == 0
    refreshes = provider.refreshes()
    first, second = (desktop.run("token", *options) for options in ((), ("--min-ttl", "10000")))
    assert (first.code, second.code, first.out != second.out) == (0, 0, True)
    assert provider.refreshes() - refreshes == {200: 1}
    assert desktop.run("logout").code == 0
    assert desktop.entry_names == []
    exchanges = [request for request in provider.requests() if request["grant_type"] == "authorization_code"]
    assert "code_verifier" in exchanges[-1]["parameters"]
    assert "client_secret" not in exchanges[-1]["parameters"]


@pytest.mark.provider("oidc-provider", "login --web, say-hi, whoami, whoami --check, token, renewal, logout")
def test_login_refresh_and_logout_with_a_certified_provider(desktop: Desktop, certified: RealProvider) -> None:
    pages: list[str] = []
    code, event = desktop.sign_in(over_http(certified, pages), "--web", **settings(certified))
    assert (code, event["event"], event["name"], event["email"]) == (0, "signed_in", "Juan", "juan@example.com")
    assert "You are signed in" in pages[0]
    check_session(desktop, certified)


@pytest.mark.provider("better-auth", "login --web, say-hi, whoami, whoami --check, token, renewal, logout")
def test_login_refresh_and_logout_with_better_auth(desktop: Desktop, other: BetterAuth) -> None:
    pages: list[str] = []
    code, event = desktop.sign_in(over_http(other, pages), "--web", **settings(other))
    assert (code, event["event"], event["name"], event["email"]) == (0, "signed_in", "Juan", other.email)
    assert "You are signed in" in pages[0]
    check_session(desktop, other)


@pytest.mark.provider("oidc-provider", "login --web, denied by the person")
def test_a_denial_at_a_certified_provider_ends_the_login(desktop: Desktop, certified: RealProvider) -> None:
    check_denial(desktop, certified)


@pytest.mark.provider("better-auth", "login --web, denied by the person")
def test_a_denial_at_better_auth_ends_the_login(desktop: Desktop, other: BetterAuth) -> None:
    check_denial(desktop, other)


def check_denial(desktop: Desktop, provider: RealProvider | BetterAuth) -> None:
    pages: list[str] = []
    code, event = desktop.sign_in(over_http(provider, pages, deny=True), "--web", **settings(provider))
    assert (code, event["event"], event["error"]) == (5, "failed", "access_denied")
    assert "The sign-in was denied." in pages[0]
    assert desktop.entry_names == []


@pytest.mark.provider("oidc-provider", "login --web --param prompt=login: a session that cannot be renewed")
def test_with_another_prompt_a_certified_provider_gives_no_refresh_token(
    desktop: Desktop, certified: RealProvider
) -> None:
    prompt = ("--param", "prompt=login")
    code, event = desktop.sign_in(over_http(certified, []), "--web", *prompt, **settings(certified))
    assert (code, event["event"], event["refreshable"]) == (0, "signed_in", False)
    assert desktop.run("say-hi").out == "Welcome Juan!\n"


@pytest.mark.provider("oidc-provider", "login --web with max_age: auth_time in the ID token")
def test_max_age_is_answered_with_auth_time(desktop: Desktop, certified: RealProvider) -> None:
    code, event = desktop.sign_in(over_http(certified, []), "--web", "--param", "max_age=300", **settings(certified))
    assert (code, event["event"]) == (0, "signed_in")


@pytest.mark.provider("oidc-provider", "login --web with a redirect_uri of localhost in the profile")
def test_the_redirect_uri_of_the_profile_is_accepted(desktop: Desktop, certified: RealProvider) -> None:
    redirect_uri = f"http://localhost:{free_port()}/callback"
    with configured(desktop, redirect_uri):
        code, event = desktop.sign_in(over_http(certified, []), **settings(certified))
    assert (code, event["event"]) == (0, "signed_in")


@pytest.mark.provider("oidc-provider", "login --web with a redirect_uri that is not registered: no redirect, timeout")
def test_a_redirect_uri_that_is_not_registered_ends_in_a_timeout(desktop: Desktop, certified: RealProvider) -> None:
    def visit(event: dict[str, Any]) -> None:
        page = httpx.get(event["url"], trust_env=False)
        assert (page.status_code, "redirect_uri" in page.text) == (400, True)

    redirect_uri = f"http://127.0.0.1:{free_port()}/another/path"
    with configured(desktop, redirect_uri):
        code, event = desktop.sign_in(visit, "--timeout", "2", **settings(certified))
        assert (code, event["error"]) == (6, "timeout")
    assert desktop.entry_names == []


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def configured(desktop: Desktop, redirect_uri: str) -> Iterator[None]:
    config = Path(desktop.environ["XDG_CONFIG_HOME"], "awesome-cli", "config.toml")
    config.parent.mkdir()
    config.write_text(f'[profiles.default]\nflow = "web"\nredirect_uri = "{redirect_uri}"\n')
    yield


@pytest.mark.provider("oidc-provider", "login --web at a terminal that opens Chromium, on the provider's pages")
def test_the_program_at_a_terminal_opens_a_browser_that_signs_in(
    desktop: Desktop, certified: RealProvider, window: Browser, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    command = shlex.join([sys.executable, "-c", RUN, str(opened)])
    environ = {**desktop.variables, **settings(certified), "BROWSER": f"{command} %s"}
    with screen([*desktop.command, "login", "--web"], environ, columns=100, rows=40) as terminal:
        shown = terminal.wait_for("Ctrl-C ends it")
        assert "Your browser opens this:" in shown
        window.open(opened.read_text())
        window.type("[name=login]", "juan")
        window.type("[name=password]", "any")
        window.click("[type=submit]")
        window.wait_for("Authorize")
        window.click("[type=submit]")
        assert "Go back to your terminal." in window.wait_for("You are signed in")
        assert terminal.wait() == 0
        assert "Signed in as Juan" in terminal.text
    assert desktop.run("say-hi").out == "Welcome Juan!\n"


@pytest.mark.provider("embedded provider", "login --web, approved and denied in Chromium")
@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_a_browser_decides_on_the_page_of_the_simulated_provider(
    desktop: Desktop, embedded: ProviderSimulator, window: Browser, decision: str
) -> None:
    code, heading = {"approve": (0, "You are signed in"), "deny": (5, "The sign-in failed")}[decision]

    def visit(event: dict[str, Any]) -> None:
        window.console()
        window.open(event["url"])
        assert "test-client asks to sign in as Juan." in window.text()
        window.click(f"button[value={decision}]")
        window.wait_for(heading)
        assert window.console() == []  # the policy of the page allows the redirect

    environ = {"AWESOME_ISSUER": embedded.url, "AWESOME_CLIENT_ID": embedded.client_id}
    assert desktop.sign_in(visit, "--web", **environ)[0] == code
    assert desktop.run("say-hi").code == (4 if code else 0)


@pytest.mark.provider("embedded provider", "login --web: a page of Chromium that embeds the redirect does not end it")
def test_an_image_or_a_frame_of_a_page_does_not_end_the_login(
    desktop: Desktop, hostile_provider: HostileProvider, window: Browser
) -> None:
    hostile_provider.always("/site", OTHER_SITE)

    def visit(event: dict[str, Any]) -> None:
        target = httpx.URL(event["url"]).params["redirect_uri"] + "?code=evil&state=evil"
        window.open(hostile_provider.url + "site")
        window.run(EMBED, target)
        window.open(event["url"])
        window.wait_for("You are signed in")

    environ = {"AWESOME_ISSUER": hostile_provider.url, "AWESOME_CLIENT_ID": hostile_provider.issuer.client_id}
    assert desktop.sign_in(visit, "--web", **environ)[0] == 0
