"""A certified OpenID provider, panva's ``oidc-provider``, on loopback; and a client that fills in its pages."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import httpx

from support.node_provider import NodeProvider, open_browser, running_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = "provider.mjs"
_MAX_PAGES = 10  # more than a sign-in has


@contextmanager
def oidc_provider(**options: Any) -> Iterator[RealProvider]:  # noqa: ANN401 - passed to provider.mjs as JSON
    """Run the provider during the block; the options and their defaults are at the top of ``provider.mjs``."""
    with running_provider(SCRIPT, options) as names:
        yield RealProvider(**names)


@dataclass(frozen=True)
class RealProvider(NodeProvider):
    """A running provider. It signs ID tokens for ``client_id`` with RS256, for the other client with ES256."""

    client_id_es256: str

    def approve(self, verification_uri: str, user_code: str, *, deny: bool = False, login: str = "juan") -> str:
        """Sign in and approve the code on the provider's pages; return the last page.

        ``verification_uri`` may be the complete one. ``login`` becomes the ``sub``.
        """
        answers = {"user_code": user_code, "login": login, "password": "any"}
        with open_browser() as browser:
            browser.follow_redirects = True
            page = browser.get(verification_uri)
            for _ in range(_MAX_PAGES):
                form = _Form.of(page.text)
                if not form:
                    assert "Sign-in Success" in page.text, page.text
                    return page.text
                denied = deny and "abort" in form.buttons
                fields = form.fields | {name: answer for name, answer in answers.items() if name in form.fields}
                page = browser.request(
                    form.method,
                    page.url.join(form.action),
                    data=fields | ({"abort": form.buttons["abort"]} if denied else {}),
                )
                if denied:
                    return page.text
        raise AssertionError(f"too many pages; the last one:\n{page.text}")

    def authorize(self, url: str, *, deny: bool = False, login: str = "juan") -> str:
        """Sign in and approve on the provider's pages, which an authorization URL leads to.

        Return the redirect to the client, which is not followed.
        """
        redirect_uri = httpx.URL(url).params["redirect_uri"]
        with open_browser() as browser:
            page = browser.get(url)
            for _ in range(_MAX_PAGES):
                while location := page.headers.get("location"):
                    target = page.url.join(location)
                    if target.copy_with(query=None) == redirect_uri:
                        return str(target)
                    page = browser.get(target)
                if deny:
                    page = browser.get(f"{page.url}/abort")
                    continue
                form = _Form.of(page.text)
                assert form, page.text
                answers = {"login": login, "password": "any"}
                fields = form.fields | {name: answer for name, answer in answers.items() if name in form.fields}
                page = browser.request(form.method, page.url.join(form.action), data=fields)
        raise AssertionError(f"no redirect to the client; the last page:\n{page.text}")


@dataclass
class _Form(HTMLParser):
    """The first form of a page: its fields and its named buttons."""

    action: str = ""
    method: str = "GET"
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def of(cls, page: str) -> _Form | None:
        form = cls()
        form.feed(page)
        return form if form.action else None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action, self.method = named["action"], named.get("method", "get").upper()
        elif tag == "input" and "name" in named:
            self.fields.setdefault(named["name"], named.get("value", ""))
        elif tag == "button" and "name" in named:
            self.buttons.setdefault(named["name"], named.get("value", ""))
