"""An OpenID provider, ``better-auth``, on loopback; and the person who has an account there.

It is a library without pages: whoever uses it writes those, so that here the person sends what such pages send.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from support.node_provider import NodeProvider, open_browser, running_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = "better_auth.mjs"
_MAX_REDIRECTS = 5  # more than a sign-in has


@contextmanager
def better_auth(**options: Any) -> Iterator[BetterAuth]:  # noqa: ANN401 - passed to better_auth.mjs as JSON
    """Run the provider during the block; the options and their defaults are at the top of ``better_auth.mjs``."""
    with running_provider(SCRIPT, options) as names:
        yield BetterAuth(**names)


@dataclass(frozen=True)
class BetterAuth(NodeProvider):
    """A running provider, and the address and password of its only user, Juan."""

    email: str
    password: str = field(repr=False)

    def approve(self, user_code: str, *, deny: bool = False) -> None:
        """Sign in as Juan, open the code and approve or deny it."""
        with self._signed_in() as browser:
            request = browser.get(f"{self.issuer}/device", params={"user_code": user_code}).json()
            assert (request["status"], request["client_id"]) == ("pending", self.client_id)
            action = "deny" if deny else "approve"
            browser.post(f"{self.issuer}/device/{action}", json={"userCode": user_code}).raise_for_status()

    def authorize(self, url: str, *, deny: bool = False) -> str:
        """Sign in as Juan, follow an authorization URL, and approve or deny on the consent page if there is one.

        Return the redirect to the client, which is not followed.
        """
        target = httpx.URL(url)
        redirect_uri = target.params["redirect_uri"]
        with self._signed_in() as browser:
            for _ in range(_MAX_REDIRECTS):
                if target.path == "/consent":
                    consent = {"accept": not deny, "oauth_query": target.query.decode()}
                    response = browser.post(f"{self.issuer}/oauth2/consent", json=consent).raise_for_status()
                    target = httpx.URL(response.json()["url"])
                elif location := browser.get(target).headers.get("location"):
                    target = target.join(location)
                else:
                    break
                if target.copy_with(query=None) == redirect_uri:
                    return str(target)
        raise AssertionError(f"no redirect to the client, but to {target.path}")

    @contextmanager
    def _signed_in(self) -> Iterator[httpx.Client]:
        with open_browser(Origin=self.origin) as browser:
            account = {"email": self.email, "password": self.password}
            browser.post(f"{self.issuer}/sign-in/email", json=account).raise_for_status()
            yield browser
