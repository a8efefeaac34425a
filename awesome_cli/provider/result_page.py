"""The page that a browser shows after a sign-in: whether it worked, in words. It loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from http import HTTPStatus

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --paper: #f6f7f9; --line: #17734a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9ebef; --paper: #14171c; --line: #7bd7a5; } }
body { max-width: 34rem; margin: 18vh auto 0; padding: 0 1.5rem; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
main { padding-left: 1.25rem; border-left: 4px solid var(--line); }
.failed { --line: #b3261e; }
@media (prefers-color-scheme: dark) { .failed { --line: #ff9d95; } }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_ERRORS = {
    HTTPStatus.CONFLICT: "This sign-in has its answer already.",
    HTTPStatus.FORBIDDEN: "A sign-in ends in a window of its own, not within another page.",
    HTTPStatus.METHOD_NOT_ALLOWED: "A sign-in ends with a GET request.",
    HTTPStatus.MISDIRECTED_REQUEST: "This address is not the one that the sign-in returns to.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
}


def success_page() -> bytes:
    return _page("You are signed in", "Go back to your terminal. You can close this page.")


def failure_page(message: str) -> bytes:
    return _page(
        "The sign-in failed", f"{message} Your terminal says what to do. You can close this page.", failed=True
    )


def error_page(status: HTTPStatus) -> bytes:
    """Return the page for a request that is not the response of this sign-in."""
    return _page(status.phrase, _ERRORS.get(status, "This is not a request that a browser sends."), failed=True)


def _page(title: str, text: str, *, failed: bool = False) -> bytes:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<main{' class="failed"' if failed else ""}>
<h1>{escape(title)}</h1>
<p>{escape(text)}</p>
</main>
</body>
</html>
""".encode()
