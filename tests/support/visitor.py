"""A person with a browser on this machine, for a login in this process: visits the provider, decides, and returns."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING

import httpx

from awesome_cli.oauth.response import Response
from awesome_cli.testing.grants import Request

if TYPE_CHECKING:
    from support.terminal import Terminal

Change = Callable[[httpx.URL], httpx.URL]


class Visitor:
    """Opens the URL of a login, and follows the redirect in a thread, as the login waits for it.

    ``decision``: the button that is pressed on the provider's page, if it asks. ``change`` is made to the redirect.
    """

    def __init__(self, terminal: Terminal, *, decision: str = "approve", change: Change = lambda url: url) -> None:
        self.decision = decision
        self.change = change
        self.urls: list[httpx.URL] = []
        self.redirects: list[httpx.URL] = []
        self._terminal = terminal
        self._pages: list[httpx.Response] = []
        self._threads: list[Thread] = []

    def __call__(self, url: str) -> bool:
        self.urls.append(httpx.URL(url))
        response = self._ask("GET", url)
        if ticket := re.search(rb'name="ticket" value="([^"]+)"', response.body):
            response = self._ask("POST", url, ticket=ticket[1].decode(), decision=self.decision)
        if "location" in response.headers:
            self.redirects.append(self.change(httpx.URL(response.headers["location"])))
            self._threads.append(Thread(target=self._return, args=(self.redirects[-1],), daemon=True))
            self._threads[-1].start()
        return True

    @property
    def page(self) -> str:
        """The page at the end of the last login."""
        for thread in self._threads:
            thread.join()
        return self._pages[-1].text

    @property
    def codes(self) -> list[str]:
        return [code for url in self.redirects if (code := url.params.get("code"))]

    def _ask(self, method: str, url: str, **form: str) -> Response:
        request = Request(method, httpx.URL(url).raw_path.decode(), form)
        (response,) = self._terminal.provider.respond(request)
        assert isinstance(response, Response)
        return response

    def _return(self, url: httpx.URL) -> None:
        self._pages.append(httpx.get(url, trust_env=False))


def set_parameters(**members: str | None) -> Change:
    """Return what sets parameters of a URL, or removes them."""

    def change(url: httpx.URL) -> httpx.URL:
        values = {**url.params, **members}
        return url.copy_with(params={name: value for name, value in values.items() if value is not None})

    return change
