"""``token``: print a valid access token. What it does is in ``session_commands.py``."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.brand import MIN_TTL
from awesome_cli.cli import session_commands
from awesome_cli.cli.options import examples, seconds

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        "{program} token",
        "{program} token --min-ttl 600 --json",
        "{program} token --format header | curl -H @- https://api.example.com/",
    )
)
def token(
    ctx: typer.Context,
    *,
    min_ttl: Annotated[
        float,
        typer.Option(
            parser=seconds,
            metavar="SECONDS",
            show_default=f"{MIN_TTL:g}",
            help="Renew if the token lives less than this.",
        ),
    ] = MIN_TTL,
    id_token: Annotated[bool, typer.Option("--id", help="Print the ID token instead.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            show_default="text",
            help="text, json, header (for curl -H @-) or exec-credential (for kubectl).",
        ),
    ] = None,
) -> None:
    """Print a valid access token, renewed if need be, and nothing else."""
    session_commands.token(ctx.obj, min_ttl=min_ttl, id_token=id_token, json=json, output=output)
