"""``awesome whoami``: say who is signed in."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.cli import format as identity
from awesome_cli.cli.context import Toolbox
from awesome_cli.cli.options import examples
from awesome_cli.errors import LoginRequiredError
from awesome_cli.sessions.model import Session, User

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=examples("awesome whoami", "awesome whoami --check", "awesome whoami --json | jq -r .email"))
def whoami(
    ctx: typer.Context,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Ask the provider whether the session is still welcome.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say who is signed in, where, and until when.

    Unless the access token has ended, nothing leaves this machine without --check.
    """
    toolbox: Toolbox = ctx.obj
    console = toolbox.console
    if toolbox.token_from_environment:
        console.note("AWESOME_ACCESS_TOKEN is set: token and api use it in place of the session.")

    def show(user: User) -> None:
        if json:
            console.json(fields(toolbox, user))
            return
        store, now = toolbox.session_store.backend_name, toolbox.environment.now()
        console.lines(*identity.lines(user, profile=toolbox.name, store=store, now=now, checked=check))

    if check:
        show(_accepted_session(toolbox).user)
    else:
        toolbox.user(show)


def fields(toolbox: Toolbox, user: User) -> dict[str, object]:
    """Return the JSON members that tell who is signed in."""
    return identity.fields(user, profile=toolbox.name, store=toolbox.session_store.backend_name)


def _accepted_session(toolbox: Toolbox) -> Session:
    """Return the session that the provider takes, renewed once if it does not take this one."""
    session = toolbox.session(min_ttl=0.0)
    if _is_token_accepted(toolbox, session):
        return session
    renewed = toolbox.session(min_ttl=0.0, refused=session.access_token)
    if renewed.access_token != session.access_token and _is_token_accepted(toolbox, renewed):
        return renewed
    raise LoginRequiredError("The provider no longer takes your session.", hint="Sign in with: {login} --force")


def _is_token_accepted(toolbox: Toolbox, session: Session) -> bool:
    return toolbox.converse(toolbox.client_of(session.user), lambda provider: provider.is_token_accepted(session))
