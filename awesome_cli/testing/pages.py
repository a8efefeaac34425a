"""Web pages of the simulated provider: plain HTML without scripts or external resources."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from http import HTTPStatus

from awesome_cli.oauth.response import Response

_STYLE = """
:root { color-scheme: light dark;
  --ink: #1d2129; --paper: #f3f4f7; --card: #fff; --line: #7a8494; --go: #1747b5; --stop: #c62f2f; }
@media (prefers-color-scheme: dark) { :root {
  --ink: #eceef2; --paper: #13161b; --card: #1e232b; --line: #8791a1; --go: #9dbcff; --stop: #ff8f8f; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 8vh 1rem; background: var(--paper); color: var(--ink);
  font: 1.125rem/1.55 system-ui, sans-serif; }
main { max-width: 31rem; margin: auto; padding: 2rem; background: var(--card); border-radius: 1rem; }
h1 { margin: 0 0 1rem; font-size: 1.6rem; line-height: 1.2; }
label { display: block; font-weight: 600; }
.code, input { font: 600 1.7rem/1.4 ui-monospace, monospace; letter-spacing: .08em; }
.code, input, button { border: 2px solid var(--line); border-radius: .5rem; }
.code { padding: .75rem; border-style: dashed; text-align: center; }
input { width: 100%; margin: .4rem 0 1rem; padding: .5rem .75rem;
  background: transparent; color: inherit; text-transform: uppercase; }
button { min-width: 9rem; margin: .5rem .75rem 0 0; padding: .7rem 1.3rem; border-color: var(--go);
  background: var(--go); color: var(--card); font: inherit; font-weight: 600; cursor: pointer; }
.no { background: transparent; color: var(--go); }
:focus-visible { outline: 3px solid var(--go); outline-offset: 3px; }
.problem { padding-left: .8rem; border-left: 4px solid var(--stop); }
"""

# CSP Level 3: the style is allowed by its hash; scripts, images, frames and forms of other origins are not.
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


UNKNOWN_CODE = "No such code is waiting. Compare it with your terminal: it may have expired, or been used."
TOO_MANY_CODES = "Too many wrong codes were tried. Wait a second, then try yours again."


def enter_code(user_code: str = "", *, problem: str = "", status: int = 200) -> Response:
    alert = f'<p class="problem" role="alert" id="problem">{escape(problem)}</p>' if problem else ""
    described = ' aria-describedby="problem" aria-invalid="true"' if problem else ""
    return _page(
        "Connect your terminal",
        f"""{alert}
<form method="get">
<label for="user_code">The code that your terminal shows</label>
<input id="user_code" name="user_code" value="{escape(user_code)}" placeholder="XXXX-XXXX" maxlength="32"
 required autofocus autocomplete="off" autocapitalize="characters" spellcheck="false"{described}>
<button>Continue</button>
</form>""",
        status,
    )


def confirm(user_code: str, *, client: str, person: str, csrf_token: str) -> Response:
    """Ask for approval. The answer must contain the CSRF token."""
    return _page(
        "Let this program in?",
        f"""<p><strong>{escape(client)}</strong> asks to sign in as <strong>{escape(person)}</strong>.
Its code is:</p>
<p class="code">{escape(user_code)}</p>
<p>Did you start this yourself, and does your terminal show the same code?
If not, somebody may be trying to sign in with your name: refuse.</p>
<form method="post">
<input type="hidden" name="user_code" value="{escape(user_code)}">
<input type="hidden" name="ticket" value="{escape(csrf_token)}">
<button name="decision" value="approve">Yes, let it in</button>
<button name="decision" value="deny" class="no">No, refuse</button>
</form>""",
    )


def approved() -> Response:
    return _page("You are signed in", "<p>You can close this page and go back to your terminal.</p>")


def denied() -> Response:
    return _page("Refused", "<p>Nobody was signed in. You can close this page.</p>")


def _page(title: str, content: str, status: int = 200) -> Response:
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": POLICY,
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["retry-after"] = "1"
    return Response(status, page.encode(), headers)
