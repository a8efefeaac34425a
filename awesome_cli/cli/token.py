"""``awesome token``: print a valid access token."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.cli.console import rfc3339
from awesome_cli.cli.options import finite
from awesome_cli.cli.toolbox import Toolbox

app = typer.Typer(add_completion=False, rich_markup_mode=None)

MIN_TTL = 60.0  # seconds; long enough for the request that the token is wanted for


@app.command(
    epilog='Examples: awesome token; curl -H "Authorization: Bearer $(awesome token)" https://api.example.com/'
)
def token(
    ctx: typer.Context,
    *,
    min_ttl: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", callback=finite, help="Renew if the token lives less than this.")
    ] = MIN_TTL,
    id_token: Annotated[bool, typer.Option("--id", help="Print the ID token instead.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print a valid access token, renewed if need be, and nothing else."""
    toolbox: Toolbox = ctx.obj
    session = toolbox.session(min_ttl=min_ttl)
    kind, secret = ("id_token", session.id_token) if id_token else ("access_token", session.access_token)
    if json:
        toolbox.console.json(
            {
                kind: secret,
                "token_type": "Bearer",
                "expires_at": rfc3339(session.card.expires_at),
                "scope": session.card.scope,
            }
        )
    else:
        toolbox.console.result(secret)
