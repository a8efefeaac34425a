"""The built site in a real browser: its look in both color schemes, on a phone too, and the search."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.chromium import Browser, browser
from support.requirements import AXE, require

SITE = Path(__file__).parents[2] / "site"
DESKTOP, PHONE = (1280, 900), (360, 740)
PAGES = ["index", "tutorials/first-sign-in", "how-to/headless", "reference/program", "reference/storage", "specs"]
IS_DARK = pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the site on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(SITE))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    require("chromium", "chromedriver")
    with browser() as window:
        yield window


def brightness(window: Browser, css: str) -> int:
    """Return how bright the background of an element is, from 0 to 255."""
    script = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor.match(/[0-9]+/g)"
    return sum(map(int, window.run(script, css)[:3])) // 3


@IS_DARK
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_front_page_follows_the_color_scheme_of_the_system(
    window: Browser, url: str, tmp_path: Path, size: tuple[int, int], *, is_dark: bool
) -> None:
    window.emulate(size=size, is_dark=is_dark)
    window.open(f"{url}index.html")
    assert window.text("h1").startswith("awesome-cli")
    assert (brightness(window, "body") < 128) == is_dark
    loaded = window.run(
        "return [...document.querySelectorAll('article img')].filter(img => img.offsetWidth)"
        ".map(img => [img.complete && img.naturalWidth > 0, img.getAttribute('src').split('#')[0]])"
    )
    assert loaded == [[True, f"pictures/login-{'dark' if is_dark else 'light'}.svg"]]
    window.screenshot(tmp_path / "front-page.png")
    assert (tmp_path / "front-page.png").stat().st_size > 20_000


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_wider_than_a_phone(window: Browser, url: str, page: str) -> None:
    window.emulate(size=PHONE)
    window.open(f"{url}{page}.html")
    assert window.run("return innerWidth") == PHONE[0]
    assert window.run("return document.documentElement.scrollWidth") == PHONE[0]


@IS_DARK
@pytest.mark.parametrize("page", PAGES)
def test_text_and_links_stand_out_enough(window: Browser, url: str, page: str, *, is_dark: bool) -> None:
    require("axe-core")
    window.emulate(size=DESKTOP, is_dark=is_dark)
    window.open(f"{url}{page}.html")
    window.run(AXE.read_text("utf-8"))
    rules = "{runOnly: ['color-contrast', 'link-in-text-block']}"
    found = window.run(f"return axe.run({rules}).then(result => result.violations.map(({{nodes}}) => nodes[0].html))")
    assert found == []


def test_the_search_finds_say_hi_and_everything_comes_from_the_site(window: Browser, url: str) -> None:
    window.emulate(size=DESKTOP)
    window.console()
    window.open(f"{url}index.html")
    window.type("input.md-search__input", "say-hi")
    window.wait_for("say-hi", ".md-search-result__item")
    found = window.run("return document.querySelector('.md-search-result__link').href")
    window.open(found)
    assert "say-hi" in window.text("article")
    requested = window.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert len(requested) > 3
    assert [address for address in requested if not address.startswith(url)] == []
    assert window.console() == []


def test_the_switch_goes_from_the_systems_color_scheme_to_light_and_dark(window: Browser, url: str) -> None:
    window.emulate(size=DESKTOP, is_dark=True)
    window.open(f"{url}index.html")
    seen = [brightness(window, "body") < 128]
    for name in ("light mode", "dark mode"):
        window.click(f"label[title='Switch to {name}']:not([hidden])")
        seen.append(brightness(window, "body") < 128)
    assert seen == [True, False, True]
    window.run("localStorage.clear()")


def test_the_button_of_a_terminal_session_copies_its_commands_alone(window: Browser, url: str) -> None:
    window.emulate(size=DESKTOP)
    window.open(f"{url}how-to/completion.html")
    window.run("document.addEventListener('copy', () => window.copied = document.activeElement.value)")
    window.click(".language-console .md-code__button")
    assert window.run("return window.copied").split("\n") == ["awesome --install-completion"]
