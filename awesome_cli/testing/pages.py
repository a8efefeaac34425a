"""Web pages of the simulated provider: plain HTML without scripts or external resources."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from html import escape
from http import HTTPStatus

from awesome_cli.oauth.response import Response

_STYLE = """
:root { color-scheme: light dark;
  --ink: #1d2129; --quiet: #565f6e; --paper: #f1f3f6; --card: #fff; --edge: #dfe3e9; --line: #7a8494;
  --go: #1747b5; --yes: #17734a; --stop: #b3261e; }
@media (prefers-color-scheme: dark) { :root {
  --ink: #e9ebef; --quiet: #a7b0be; --paper: #111419; --card: #1b2028; --edge: #2d343f; --line: #8791a1;
  --go: #9dbcff; --yes: #7bd7a5; --stop: #ff9d95; } }
* { box-sizing: border-box; }
body { display: grid; place-items: center; min-height: 100vh; min-height: 100svh; margin: 0; padding: 1rem;
  background: var(--paper); color: var(--ink); font: 1.0625rem/1.55 system-ui, sans-serif; }
main { width: 100%; max-width: 30rem; padding: 2rem; overflow-wrap: anywhere;
  background: var(--card); border: 1px solid var(--edge); border-radius: 1rem; }
svg { display: block; width: 3.25rem; height: 3.25rem; margin-bottom: 1.25rem; padding: .8rem; border-radius: 50%;
  background: color-mix(in srgb, currentColor 12%, transparent); color: var(--go);
  fill: none; stroke: currentColor; stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round; }
.yes { color: var(--yes); }
.stop { color: var(--stop); }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; text-wrap: balance; }
p, ul { margin: 0 0 1rem; text-wrap: pretty; }
ul { margin-top: -.75rem; padding-left: 1.25rem; }
li::marker { color: var(--quiet); }
label { display: block; font-weight: 600; }
code { font: .95em ui-monospace, monospace; }
.code, input { font: 600 1.6rem/1.4 ui-monospace, monospace; letter-spacing: .08em; }
.code, input, button { border: 2px solid var(--line); border-radius: .6rem; }
.code { margin-top: -.5rem; padding: .6rem; border-style: dashed; text-align: center; }
input { width: 100%; margin-top: .5rem; padding: .5rem .75rem;
  background: transparent; color: inherit; text-transform: uppercase; }
::placeholder { color: var(--quiet); font-weight: 400; opacity: 1; }
form { display: grid; gap: 1rem; margin: 1.5rem 0 0; }
button { min-height: 3rem; padding: .6rem 1rem; border-color: var(--go);
  background: var(--go); color: var(--card); font: inherit; font-weight: 600; cursor: pointer; }
.no { background: transparent; color: var(--go); }
:focus-visible { outline: 3px solid var(--go); outline-offset: 3px; }
.problem { padding: .1rem 0 .1rem .8rem; border-left: 4px solid var(--stop); }
:last-child { margin-bottom: 0; }
@media (min-width: 30rem) { main { padding: 2.5rem; } .answers { grid-template-columns: 1fr 1fr; } }
@media (max-width: 22rem) { main { padding: 1.5rem 1.25rem; } }
"""

# CSP Level 3: the style is allowed by its hash; scripts, frames and all that another origin has are not. The only image
# is the empty icon, without which a browser asks for one.
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)

_ABILITIES = {  # OpenID Connect Core §5.4, §11
    "openid": "know who you are",
    "profile": "see your name",
    "email": "see your email address",
    "offline_access": "stay signed in until you sign out",
}
_TERMINAL = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="m4 7 5 5-5 5m8 1h8"/></svg>'
_TICK = '<svg class="yes" viewBox="0 0 24 24" aria-hidden="true"><path d="m5 12.5 5 5 9.5-11"/></svg>'
_CROSS = '<svg class="stop" viewBox="0 0 24 24" aria-hidden="true"><path d="m6 6 12 12M18 6 6 18"/></svg>'

UNKNOWN_CODE = "No such code is waiting. Compare it with your terminal: it may have expired, or been used."
TOO_MANY_CODES = "Too many wrong codes were tried. Wait a second, then try yours again."


def enter_code(user_code: str = "", *, problem: str = "", status: int = 200) -> Response:
    alert = f'<p class="problem" role="alert" id="problem">{escape(problem)}</p>' if problem else ""
    described = ' aria-describedby="problem" aria-invalid="true"' if problem else ""
    return _page(
        "Connect your terminal",
        f"""{alert}
<form method="get">
<div><label for="user_code">The code that your terminal shows</label>
<input id="user_code" name="user_code" value="{escape(user_code)}" placeholder="XXXX-XXXX" maxlength="32"
 required autofocus autocomplete="off" autocapitalize="characters" spellcheck="false"{described}></div>
<button>Continue</button>
</form>""",
        status,
    )


def confirm(
    *,
    program: str,
    person: str,
    scope: Collection[str],
    apis: Collection[str],
    csrf_token: str,
    user_code: str = "",
    returns_to: str = "",
) -> Response:
    """Ask for approval, and say what for. The answer must contain the CSRF token.

    ``user_code`` is that of a device; ``returns_to`` is where the browser is sent after an answer without one.
    """
    abilities = [_ABILITIES.get(name) or f"<code>{escape(name)}</code>" for name in scope]
    abilities += [f"use <code>{escape(api)}</code>" for api in apis]
    items = "".join(f"<li>{ability}</li>" for ability in abilities)
    code = f"""<p>Its code is:</p>
<p class="code">{escape(user_code)}</p>
<p>Did you start this yourself, and does your terminal show the same code?
If not, somebody may be trying to sign in with your name: refuse.</p>"""
    started = "<p>Did you start this yourself, in a terminal on this machine? If not, refuse.</p>"
    field = f'<input type="hidden" name="user_code" value="{escape(user_code)}">'
    return _page(
        "Let this program in?",
        f"""<p><strong>{escape(program)}</strong> asks to sign in as <strong>{escape(person)}</strong>.</p>
{f"<p>It wants to:</p><ul>{items}</ul>" if items else ""}
{code if user_code else started}
<form method="post" class="answers">
{field if user_code else ""}
<input type="hidden" name="ticket" value="{escape(csrf_token)}">
<button name="decision" value="approve">Yes, let it in</button>
<button name="decision" value="deny" class="no">No, refuse</button>
</form>""",
        returns_to=returns_to,
    )


def problem(text: str, status: int) -> Response:
    """Say what is wrong with a request that cannot be answered with a redirect."""
    return _page("This did not work", f'<p role="alert">{escape(text)}</p>', status, _CROSS)


def outcome(*, is_approved: bool) -> Response:
    """Say what was decided, and nothing else: whoever knows the user code can see this page."""
    if is_approved:
        return _page("You approved this", "<p>Go back to your terminal. You can close this page.</p>", mark=_TICK)
    return _page("You refused this", "<p>Nobody was signed in. You can close this page.</p>", mark=_CROSS)


def _page(title: str, content: str, status: int = 200, mark: str = _TERMINAL, *, returns_to: str = "") -> Response:
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<main>
{mark}
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": " ".join(filter(None, [POLICY, returns_to])),  # browsers check redirects too
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["retry-after"] = "1"
    return Response(status, page.encode(), headers)
