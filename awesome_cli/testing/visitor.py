"""A person with a browser, for tests and for the demo: opens a URL and follows its redirects, and reads nothing."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread

import httpx


def visit(url: str) -> None:
    """Open the URL in a thread: the command that waits for the browser's response may run in this one."""
    Thread(target=_get, args=(url,), daemon=True).start()


def _get(url: str) -> None:
    with suppress(httpx.HTTPError):  # the command has ended
        httpx.get(url, follow_redirects=True, trust_env=False)
