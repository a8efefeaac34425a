"""The pages of the simulated provider, and the one after a sign-in with a browser, in a real browser."""

from __future__ import annotations

import itertools
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from awesome_cli.provider import result_page
from awesome_cli.testing.grants import Request
from awesome_cli.testing.hostile import HostileProvider, Respond
from awesome_cli.testing.issuer import DEVICE_GRANT, ProviderSimulator
from awesome_cli.testing.server import serve
from support.chromium import ENTER, TAB, Browser
from support.requirements import AXE, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awesome_cli.oauth.response import Response

PHONE, SMALL_PHONE, DESKTOP = (390, 844), (320, 568), (1280, 800)
PAGES = ("enter", "error", "confirm", "long", "approved", "refused")
LONG_SCOPE = " ".join(["openid", *(f"read:{'x' * 60}{number}" for number in range(5))])
LONG_API = f"https://api.example.com/{'v' * 80}"
BAD_PAGE = "data:text/html,<img src=x><p style='color:%23eee;background:%23fff;width:2000px'>Nearly invisible"
FOCUSED = "const at = document.activeElement; return at.value || at.id || at.tagName"


class Provider:
    """A provider for the browser, and its device."""

    def __init__(self, issuer: ProviderSimulator, observed: list[tuple[str, str, int]]) -> None:
        self.issuer = issuer
        self.observed = observed

    def post(self, path: str, **form: str) -> Response:
        return self.issuer.respond(Request("POST", path, {"client_id": self.issuer.client_id, **form}))

    def ask(self, scope: str = "openid profile email offline_access", **more: str) -> dict[str, Any]:
        return self.post("/device/code", scope=scope, **more).json() or {}

    def poll(self, code: dict[str, Any]) -> Response:
        return self.post("/token", grant_type=DEVICE_GRANT, device_code=code["device_code"])

    def url_of(self, page: str) -> str:
        if page == "enter":
            return self.issuer.url + "activate"
        if page == "error":
            return self.issuer.url + "activate?user_code=BBBB-BBBB"
        code = self.ask(LONG_SCOPE, audience=LONG_API) if page == "long" else self.ask()
        if page == "approved":
            self.issuer.approve(code["user_code"])
        if page == "refused":
            self.issuer.deny(code["user_code"])
        return str(code["verification_uri_complete"])


@pytest.fixture
def provider() -> Iterator[Provider]:
    observed: list[tuple[str, str, int]] = []
    with serve(
        lambda url: ProviderSimulator(now=time.time, url=url, program="Acme CLI"),
        observe=lambda request, response: observed.append((request.method, request.path, response.status)),
    ) as issuer:
        yield Provider(issuer, observed)


@pytest.fixture
def window(running_browser: Browser) -> Browser:
    running_browser.emulate(size=DESKTOP)
    return running_browser


def violations(window: Browser) -> set[str]:
    """Return the rules of axe-core that the page breaks, with the element."""
    window.run(AXE.read_text("utf-8"))
    found = window.run("return axe.run().then(result => result.violations.map(({id, nodes}) => [id, nodes[0].html]))")
    return {f"{rule}: {element}" for rule, element in found}


def overflow(window: Browser) -> int:
    """Return by how many pixels the page is wider than the window."""
    return int(window.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def boxes(window: Browser, css: str) -> list[dict[str, float]]:
    script = "return [...document.querySelectorAll(arguments[0])].map(element => element.getBoundingClientRect())"
    found: list[dict[str, float]] = window.run(script, css)
    return found


@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_a_person_decides_on_a_phone_then_reloads_and_goes_back(
    window: Browser, provider: Provider, decision: str
) -> None:
    heading, end = {
        "approve": ("You approved this", "Go back to your terminal"),
        "deny": ("You refused this", "Nobody was signed in"),
    }[decision]
    code = provider.ask()
    window.emulate(size=PHONE)
    window.open(provider.issuer.url)
    window.type("#user_code", code["user_code"].lower().replace("-", " "))
    window.click("button")
    assert "Acme CLI asks to sign in as Juan." in window.wait_for(code["user_code"])
    window.click(f"button[value={decision}]")
    assert end in window.wait_for(heading)
    assert window.url == code["verification_uri_complete"]
    window.reload()
    assert window.text("h1") == heading
    window.back()
    assert (window.url, window.text("h1")) == (code["verification_uri_complete"], heading)
    assert provider.poll(code).ok == (decision == "approve")
    window.open(code["verification_uri_complete"])
    assert window.text("h1") == heading
    sent = [(method, status) for method, _, status in provider.observed if method == "POST"]
    assert sent == [("POST", 303)]
    assert {path for _, path, _ in provider.observed} == {"/", "/activate"}


def test_a_code_is_entered_and_refused_by_keyboard(window: Browser, provider: Provider) -> None:
    code = provider.ask()
    window.open(provider.url_of("enter"))
    assert window.run(FOCUSED) == "user_code"
    window.press(*code["user_code"], ENTER)
    window.wait_for("Let this program in?")
    assert window.run(FOCUSED) == "BODY"  # so Enter, pressed once too often, approves nothing
    window.press(ENTER)
    order = []
    for _ in range(2):
        window.press(TAB)
        order.append(window.run(FOCUSED))
    assert order == ["approve", "deny"]
    assert window.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    window.press(ENTER)
    window.wait_for("You refused this")
    assert provider.poll(code).error() == "access_denied"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_wider_than_a_small_phone(window: Browser, provider: Provider, page: str) -> None:
    window.emulate(size=SMALL_PHONE)
    window.open(provider.url_of(page))
    assert window.run("return innerWidth") == 320
    assert overflow(window) == 0


@pytest.mark.parametrize(("page", "count"), [("enter", 1), ("confirm", 2)])
@pytest.mark.parametrize("size", [PHONE, SMALL_PHONE])
def test_buttons_on_a_phone_are_as_wide_as_their_form_and_stacked(
    window: Browser, provider: Provider, page: str, count: int, size: tuple[int, int]
) -> None:
    window.emulate(size=size)
    window.open(provider.url_of(page))
    (form,), buttons = boxes(window, "form"), boxes(window, "button")
    assert [button["width"] for button in buttons] == [form["width"]] * count
    assert all(button["height"] >= 44 for button in [*buttons, *boxes(window, "input:not([type=hidden])")])
    assert all(upper["bottom"] + 8 <= lower["top"] for upper, lower in itertools.pairwise(buttons))
    assert form["width"] > 0.7 * size[0]


def test_buttons_on_a_desktop_stand_side_by_side(window: Browser, provider: Provider) -> None:
    window.open(provider.url_of("confirm"))
    approve, deny = boxes(window, "button")
    assert (approve["top"], approve["width"]) == (deny["top"], deny["width"])


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_the_card_is_in_the_middle(window: Browser, provider: Provider, size: tuple[int, int]) -> None:
    window.emulate(size=size)
    window.open(provider.url_of("approved"))
    (card,) = boxes(window, "main")
    assert card["height"] < 300
    assert card["left"] == pytest.approx(size[0] - card["right"], abs=1)
    assert card["top"] == pytest.approx(size[1] - card["bottom"], abs=1)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing(
    window: Browser, provider: Provider, page: str, size: tuple[int, int], *, is_dark: bool
) -> None:
    require("axe-core")
    window.emulate(size=size, is_dark=is_dark)
    window.open(provider.url_of(page))
    red, *_ = window.run("return getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g)")
    assert (int(red) < 128) == is_dark
    assert violations(window) == set()


def test_a_bad_page_is_found_to_be_bad(window: Browser) -> None:
    require("axe-core")
    window.emulate(size=SMALL_PHONE)
    window.open(BAD_PAGE)
    rules = {violation.partition(":")[0] for violation in violations(window)}
    assert rules >= {"color-contrast", "document-title", "html-has-lang", "image-alt"}
    assert overflow(window) > 1000


def test_the_policy_of_the_pages_blocks_nothing_that_they_have(window: Browser, provider: Provider) -> None:
    window.console()
    for page in ("enter", "confirm", "approved", "refused"):
        window.open(provider.url_of(page))
        assert window.console() == []
    window.run("document.body.setAttribute('style', 'color: red')")
    (message,) = window.console()
    assert "Content Security Policy" in message


LONG_ERROR = f"The sign-in failed: server_error ({'x' * 200} <script>alert(1)</script>)."
RESULT_PAGES = {
    "success": result_page.success_page(),
    "failure": result_page.failure_page("The sign-in was denied."),
    "long failure": result_page.failure_page(LONG_ERROR),
    "second answer": result_page.error_page(HTTPStatus.CONFLICT),
}


@pytest.fixture
def result_url(hostile_provider: HostileProvider, request: pytest.FixtureRequest) -> str:
    """Serve a page as the end of a sign-in does, and return its URL."""
    hostile_provider.always("/result", Respond(200, RESULT_PAGES[request.param], result_page.HEADERS))
    return f"{hostile_provider.url}result"


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("result_url", RESULT_PAGES, indirect=True)
def test_axe_finds_nothing_on_the_page_after_a_sign_in(
    window: Browser, result_url: str, size: tuple[int, int], *, is_dark: bool
) -> None:
    require("axe-core")
    window.emulate(size=size, is_dark=is_dark)
    window.open(result_url)
    red, *_ = window.run("return getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g)")
    assert (int(red) < 128) == is_dark
    assert violations(window) == set()


@pytest.mark.parametrize("result_url", RESULT_PAGES, indirect=True)
def test_the_page_after_a_sign_in_fits_a_small_phone_and_requests_nothing(
    window: Browser, hostile_provider: HostileProvider, result_url: str
) -> None:
    window.emulate(size=SMALL_PHONE)
    window.console()
    window.open(result_url)
    assert overflow(window) == 0
    assert window.title == window.text("h1")
    assert window.console() == []
    assert window.run("return document.scripts.length") == 0
    assert hostile_provider.paths == ["/result"]
    window.run("document.body.setAttribute('style', 'color: red')")
    (message,) = window.console()
    assert "Content Security Policy" in message
