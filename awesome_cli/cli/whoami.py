"""``awesome whoami``: say who is signed in."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.cli.console import duration, rfc3339
from awesome_cli.cli.toolbox import Toolbox
from awesome_cli.session import Card

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Examples: awesome whoami; awesome whoami --json | jq -r .email")
def whoami(
    ctx: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say who is signed in, where, and until when."""
    toolbox: Toolbox = ctx.obj
    card, console = toolbox.card(), toolbox.console
    if json:
        console.json(fields(toolbox, card))
        return
    left = card.expires_at - toolbox.world.now()
    until = f"for {duration(left)}" if left > 0 else "no more"
    console.result(f"{card.name} <{card.email}>" if card.email else card.name)
    for label, value in {
        "subject": card.sub,
        "issuer": card.issuer,
        "client": card.client_id,
        "scope": card.scope,
        "audience": card.audience or "(none)",
        "profile": toolbox.name,
        "signed in": rfc3339(card.signed_in_at),
        "access token": f"valid {until}, {'renewed by itself' if card.refreshable else 'not renewable'}",
        "kept in": toolbox.vault.kind,
    }.items():
        console.result(f"  {label + ':':<14}{value}")


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
