"""``awesome whoami``: say who is signed in."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.cli.console import duration, rfc3339
from awesome_cli.cli.options import examples
from awesome_cli.cli.toolbox import Toolbox
from awesome_cli.errors import SignInNeeded
from awesome_cli.sessions import SIGN_IN, Card, Session

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
    if toolbox.given_token:
        console.note("AWESOME_ACCESS_TOKEN is set: token and api use it in place of the session.")
    card = _welcome_session(toolbox).card if check else toolbox.card()
    if json:
        console.json(fields(toolbox, card))
        return
    console.result(f"{card.name} <{card.email}>" if card.email else card.name)
    for label, value in {
        "subject": card.sub,
        "issuer": card.issuer,
        "client": card.client_id,
        "scope": card.scope,
        "audience": card.audience or "(none)",
        "profile": toolbox.name,
        "signed in": rfc3339(card.signed_in_at),
        "access token": life(card, toolbox.world.now()),
        "kept in": toolbox.vault.kind,
        **({"checked": "the provider takes it"} if check else {}),
    }.items():
        console.result(f"  {label + ':':<14}{value}")


def life(card: Card, now: float) -> str:
    """Say how long the access token lives, and what follows."""
    ends = f"valid for {duration(card.expires_at - now)}" if card.lives(now) else "ended"
    return f"{ends}, {'renewed by itself' if card.refreshable else 'not renewable'}"


def fields(toolbox: Toolbox, card: Card) -> dict[str, object]:
    """Return the JSON members that tell who is signed in."""
    return {
        "profile": toolbox.name,
        "issuer": card.issuer,
        "client_id": card.client_id,
        "sub": card.sub,
        "name": card.name,
        "email": card.email,
        "scope": card.scope,
        "audience": card.audience,
        "signed_in_at": rfc3339(card.signed_in_at),
        "expires_at": rfc3339(card.expires_at),
        "refreshable": card.refreshable,
        "store": toolbox.vault.kind,
    }


def _welcome_session(toolbox: Toolbox) -> Session:
    """Return the session that the provider takes, renewed once if it does not take this one."""
    session = toolbox.session(min_ttl=0.0)
    if _is_welcome(toolbox, session):
        return session
    renewed = toolbox.session(min_ttl=0.0, refused=session.access_token)
    if renewed.access_token != session.access_token and _is_welcome(toolbox, renewed):
        return renewed
    raise SignInNeeded("The provider no longer takes your session.", hint=SIGN_IN + " --force")


def _is_welcome(toolbox: Toolbox, session: Session) -> bool:
    return toolbox.converse(toolbox.client_of(session.card), lambda provider: provider.is_welcome(session))
