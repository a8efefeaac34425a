"""``awesome doctor``: check everything that a sign-in needs, and say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer

from awesome_cli.cli import checks
from awesome_cli.cli.checks import Finding
from awesome_cli.cli.context import Toolbox
from awesome_cli.cli.options import examples
from awesome_cli.errors import AwesomeError
from awesome_cli.sessions.model import Session, User
from awesome_cli.sessions.store import SessionStore
from awesome_cli.system.account_folders import account_home

app = typer.Typer(add_completion=False, rich_markup_mode=None)

GLYPHS = {True: "✓", False: "✗", None: "–"}  # noqa: RUF001 - a dash for what is neither
PLAIN_GLYPHS = {True: "ok", False: "!!", None: "--"}


@app.command(epilog=examples("awesome doctor", "awesome doctor --online", "awesome doctor --json --profile work"))
def doctor(
    ctx: typer.Context,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the provider for a device code, and let it lapse.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Check everything that a sign-in needs, and say what to do.

    The exit code is that of the first failing check. The output tells neither who you are nor any secret, and can be
    pasted into a public issue.
    """
    toolbox: Toolbox = ctx.obj
    environ = toolbox.environment.environ
    homes = [account_home(), *(environ.get(name, "") for name in ("HOME", "USERPROFILE"))]
    findings = []
    for finding in _examine(toolbox, online=online):
        findings.append(finding.public(homes))
        if not json:
            _tell(toolbox, findings[-1])
    exit_code = next((finding.exit_code for finding in findings if finding.ok is False), 0)
    if json:
        toolbox.console.json({"exit_code": exit_code, "findings": [asdict(finding) for finding in findings]})
    return exit_code


def _tell(toolbox: Toolbox, finding: Finding) -> None:
    glyphs = GLYPHS if toolbox.console.shows("".join(GLYPHS.values())) else PLAIN_GLYPHS
    toolbox.console.lines(f"{glyphs[finding.ok]} {finding.check}: {finding.what}")
    if finding.advice:
        toolbox.console.lines(f"    {finding.advice}")


def _examine(toolbox: Toolbox, *, online: bool) -> Iterator[Finding]:
    kept = None
    with suppress(AwesomeError):  # the check of the session will tell
        kept = toolbox.session_store.load_user()
    yield checks.right("profile", toolbox.name)
    yield checks.check_config(lambda: toolbox.config)
    yield checks.check_network_settings(toolbox.environment.environ)
    yield from _examine_provider(toolbox, kept, online=online)
    replaced = toolbox.plaintext_file.exists()
    yield checks.check_keyring(lambda: _checked(toolbox), replaced=replaced, now=toolbox.environment.now)
    yield checks.check_plain_file(toolbox.plaintext_file.backend_name, exists=replaced)
    given = checks.check_given_token(lambda: toolbox.token_from_environment)
    yield given
    yield checks.check_session(lambda: _session(toolbox), replaced=given.ok is True, now=toolbox.environment.now())
    yield checks.check_locks(toolbox.environment.account_dirs)
    environment = toolbox.environment
    yield checks.check_folder("config folder", environment.config_dir, "login cannot save settings")
    yield checks.check_folder("state folder", environment.state_dir, "logout --all will not know of every session")
    yield checks.check_folder("cache folder", environment.cache_dir, "renewals take more requests")
    yield checks.tell_versions()


def _examine_provider(toolbox: Toolbox, kept: User | None, *, online: bool) -> Iterator[Finding]:
    try:
        profile = toolbox.profile({})
    except AwesomeError as error:
        yield checks.wrong("settings", error)
        yield from checks.not_checked(checks.PROVIDER_CHECKS, "the settings cannot be used")
        return
    settings = checks.check_settings(profile, kept)
    yield from settings
    if any(finding.ok is False for finding in settings):
        yield from checks.not_checked(checks.PROVIDER_CHECKS, "settings are missing")
        return
    client = toolbox.client_for(profile, kept)
    try:
        yield from toolbox.converse(
            client,
            lambda provider: checks.check_provider(
                provider, environ=toolbox.environment.environ, now=toolbox.environment.now, online=online
            ),
        )
    except AwesomeError as error:  # proxies and TLS have settings of their own
        yield checks.wrong("provider", error)
        yield from checks.not_checked(checks.PROVIDER_CHECKS[1:], "the provider cannot be reached")


def _checked(toolbox: Toolbox) -> SessionStore:
    toolbox.check_writable(toolbox.keyring_session_store)
    return toolbox.keyring_session_store


def _session(toolbox: Toolbox) -> Session:
    session = toolbox.load()
    toolbox.check_demands(session.user)
    return session
