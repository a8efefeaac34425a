"""``awesome demo`` against the real provider on loopback, and ``demo serve``."""

from __future__ import annotations

import os
import re
import sys
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from awesome_cli.cli import demo
from awesome_cli.cli.demo import describe
from awesome_cli.oauth.response import Response
from awesome_cli.testing.grants import Request
from awesome_cli.testing.issuer import ProviderSimulator
from support.process import PYTHON_PATH
from support.rendering import live_lines

if sys.platform != "win32":
    from support.screen import screen

if TYPE_CHECKING:
    from pathlib import Path

    from support.terminal import InProcess

STEPS = [
    *("login", "say-hi", "whoami", "say-hi", "api hello", "logout"),
    *("login --no-wait", "login --resume", "logout"),
]


def steps(output: str) -> list[str]:
    return re.findall(r"^(?:\033\[2m)?\$ (?:\033\[0m\033\[36m)?awesome ([a-z -]+)", output, re.MULTILINE)


def decide(url: str, decision: str) -> None:
    """Answer on the provider's page, as a person does in a browser."""
    page = httpx.get(url, trust_env=False)
    fields = dict(re.findall(r'name="(user_code|ticket)" value="([^"]*)"', page.text))
    answer = httpx.post(url.partition("?")[0], data={**fields, "decision": decision}, trust_env=False)
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("argv", "interactive", "environ"),
    [
        (["--auto"], True, {}),
        ([], False, {}),
        ([], True, {"SSH_CONNECTION": "10.0.0.1 22"}),
    ],
    ids=["asked for", "no terminal", "over SSH"],
)
def test_the_demo_approves_by_itself_and_opens_nothing(
    in_process_program: InProcess,
    argv: list[str],
    interactive: bool,  # noqa: FBT001 - a column of the table
    environ: dict[str, str],
) -> None:
    in_process_program.interactive = interactive
    end = in_process_program.execute("demo", *argv, **environ)
    assert (end.code, end.out) == (0, "Welcome Juan!\nWelcome Juan!\n")
    assert in_process_program.opened == []
    assert "The demo approves the sign-in by itself.\n" in end.err
    assert steps(end.err) == STEPS
    assert re.search(r"\n\(1 request, new token until \d\d:\d\d\)\n", end.err)
    assert "\nRevoke the tokens and empty the keyring.\n" in end.err
    assert end.err.endswith("  To try it command by command: awesome demo serve\n")


def test_where_no_browser_opens_the_demo_approves_by_itself(in_process_program: InProcess) -> None:
    in_process_program.interactive = True
    in_process_program.set(open_browser=lambda _: False)
    end = in_process_program.execute("demo")
    assert (end.code, end.out) == (0, "Welcome Juan!\nWelcome Juan!\n")
    assert "No browser can be opened here, so the demo approves the sign-in by itself.\n" in end.err


@pytest.mark.parametrize(("decision", "code"), [("approve", 0), ("deny", 5)])
def test_with_a_browser_the_person_decides(in_process_program: InProcess, decision: str, code: int) -> None:
    def decided(url: str) -> bool:
        decide(url, decision)
        return True

    in_process_program.interactive = True
    in_process_program.set(open_browser=decided)
    end = in_process_program.execute("demo", AWESOME_PLAIN="1")
    assert end.code == code
    assert "by itself" not in end.err
    assert "Browser opened. Waiting for approval. Ctrl-C ends it.\n" in end.err
    if code:
        assert end.err.endswith("Hint: Run it again with: awesome demo\n")


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the provider of the demo allow fast polling."""
    monkeypatch.setattr(demo, "ProviderSimulator", partial(ProviderSimulator, interval=0.05))


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(("argv", "interactive"), [(["--auto"], True), ([], False)], ids=["asked for", "no terminal"])
def test_the_demo_of_the_web_flow_approves_by_itself(
    in_process_program: InProcess,
    argv: list[str],
    interactive: bool,  # noqa: FBT001 - a column of the table
) -> None:
    in_process_program.interactive = interactive
    end = in_process_program.execute("demo", "--web", *argv, AWESOME_PLAIN="1")
    assert (end.code, end.out) == (0, "Welcome Juan!\nWelcome Juan!\n")
    assert in_process_program.opened == []
    assert steps(end.err) == ["login --web", *STEPS[1:]]
    assert re.search(r"\nhttp://127\.0\.0\.1:\d+/authorize\?", end.err)
    assert end.err.count("The demo approves the sign-in by itself.\n") == 1


@pytest.mark.usefixtures("fast")
def test_where_no_browser_opens_the_demo_of_the_web_flow_approves_by_itself(in_process_program: InProcess) -> None:
    in_process_program.interactive = True
    in_process_program.set(open_browser=lambda _: False)
    end = in_process_program.execute("demo", "--web")
    assert (end.code, end.out) == (0, "Welcome Juan!\nWelcome Juan!\n")
    assert "No browser can be opened here, so the demo approves the sign-in by itself.\n" in end.err


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("decision", "code", "heading"), [("approve", 0, "You are signed in"), ("deny", 5, "The sign-in failed")]
)
def test_in_the_demo_of_the_web_flow_the_person_decides(
    in_process_program: InProcess, decision: str, code: int, heading: str
) -> None:
    pages: list[str] = []

    def visit(url: str) -> None:
        page = httpx.get(url, trust_env=False)
        form = {"ticket": re.findall(r'name="ticket" value="([^"]*)"', page.text)[0], "decision": decision}
        pages.append(httpx.post(url, data=form, follow_redirects=True, trust_env=False).text)

    def opened(url: str) -> bool:
        threads.append(Thread(target=visit, args=(url,)))
        threads[-1].start()
        return True

    threads: list[Thread] = []
    in_process_program.interactive = True
    in_process_program.set(open_browser=opened)
    end = in_process_program.execute("demo", "--web")
    for thread in threads:
        thread.join()
    assert (end.code, "by itself" in end.err) == (code, False)
    assert f"<h1>{heading}</h1>" in pages[0]
    if code:
        assert end.err.endswith("Hint: Run it again with: awesome demo --web\n")


def test_the_demo_uses_the_screen_that_it_is_on(in_process_program: InProcess) -> None:
    in_process_program.interactive = True
    coloured = in_process_program.execute("demo", "--auto", NO_COLOR="", VTE_VERSION="7600")
    assert "\033[36mawesome say-hi\033[0m" in coloured.err
    assert live_lines(coloured.err)
    plain = in_process_program.execute("demo", "--auto", NO_COLOR="", AWESOME_PLAIN="1")
    assert "\033" not in plain.err
    assert steps(plain.err) == steps(coloured.err) == STEPS


def test_a_quiet_demo_says_that_nobody_needs_to_approve(in_process_program: InProcess) -> None:
    end = in_process_program.execute("--quiet", "demo")
    assert end.err.startswith("The demo approves the sign-in by itself.\n")
    assert steps(end.err) == []


@pytest.mark.parametrize(
    ("request_", "response", "line"),
    [
        (Request("GET", "/activate?user_code=WDJB-MJHT"), Response(200), "GET /activate: 200"),
        (
            Request(
                "POST", "/token", {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"}
            ),
            Response(403, b'{"error": "authorization_pending"}'),
            "POST /token (device code): 403 authorization_pending",
        ),
        (
            Request("POST", "/token", {"grant_type": "refresh_token", "refresh_token": "x"}),
            Response(200, b'{"error": "none"}'),
            "POST /token (refresh token): 200",
        ),
        (Request("POST", "/token", {"grant_type": "x"}), Response(400, b"{}"), "POST /token: 400"),
        (
            Request("POST", "/token", {"grant_type": "authorization_code", "code": "x"}),
            Response(403, b'{"error": "invalid_grant"}'),
            "POST /token (authorization code): 403 invalid_grant",
        ),
        (Request("GET", "/authorize?state=x"), Response(303, headers={"location": "x?code=y"}), "GET /authorize: 303"),
    ],
)
def test_a_request_is_described_without_codes_and_tokens(request_: Request, response: Response, line: str) -> None:
    assert describe(request_, response) == line


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are those of POSIX")
def test_demo_serve_shows_its_requests(tmp_path: Path) -> None:
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    environ = {**measured, "HOME": str(tmp_path), "PYTHONPATH": PYTHON_PATH}
    with screen([sys.executable, "-m", "awesome_cli", "demo", "serve"], environ, columns=100) as terminal:
        text = terminal.wait_for("Ctrl-C ends it")
        (issuer,) = re.findall(r"export AWESOME_ISSUER=(\S+)", text)
        form = {"client_id": "awesome-demo", "scope": "openid"}
        device = httpx.post(f"{issuer}device/code", data=form, trust_env=False).json()
        decide(device["verification_uri_complete"], "deny")
        terminal.wait_for("POST /activate: 303")
        assert re.search(r"^\d\d:\d\d POST /device/code: 200$", terminal.text, re.MULTILINE)
        assert parse_qs(urlsplit(device["verification_uri_complete"]).query)["user_code"][0] not in terminal.text
        terminal.press("\x03")
        assert terminal.wait() == 130
