"""OpenID providers in Node.js: a script in ``tests/interop`` serves one on loopback and records its requests."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from support.processes import START_WITHIN, started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCRIPTS = Path(__file__).parents[1] / "interop"


def command(script: str) -> list[str]:
    return ["node", str(SCRIPTS / script)]


@contextmanager
def running_provider(script: str, options: Mapping[str, object]) -> Iterator[dict[str, str]]:
    """Run a provider during the block, and yield what it says of itself; its options are at the top of the script."""
    with started([*command(script), json.dumps(options)]) as line:
        yield json.loads(line)


def open_browser(**headers: str) -> httpx.Client:
    """Return a client that keeps cookies as a browser does, and waits as long as a busy machine may take."""
    return httpx.Client(headers=headers, trust_env=False, timeout=START_WITHIN)


@dataclass(frozen=True)
class NodeProvider:
    """A running provider. It signs ID tokens for ``client_id``."""

    issuer: str
    client_id: str

    @property
    def origin(self) -> str:
        return str(httpx.URL(self.issuer).copy_with(path="/")).removesuffix("/")

    def requests(self) -> list[dict[str, Any]]:
        """Return all requests so far: method, path, status, error, grant_type, and the names of the parameters."""
        requests: list[dict[str, Any]] = httpx.get(f"{self.origin}/__requests", trust_env=False).json()
        return requests

    def refreshes(self) -> Counter[int]:
        """Count the refresh requests by the status of their responses."""
        return Counter(request["status"] for request in self.requests() if request["grant_type"] == "refresh_token")

    def revocations(self) -> list[int]:
        """Return the status of the response to each revocation request."""
        return [
            request["status"] for request in self.requests() if request["path"].endswith(("/revocation", "/revoke"))
        ]
