"""``whoami``: say who is signed in. What it does is in ``session_commands.py``."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.cli import session_commands
from awesome_cli.cli.options import examples

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=examples("{program} whoami", "{program} whoami --check", "{program} whoami --json | jq -r .email"))
def whoami(
    ctx: typer.Context,
    *,
    check: Annotated[bool, typer.Option("--check", help="Ask the provider whether it accepts the session.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say who is signed in, where, and until when.

    No request is sent while the access token is valid; --check asks the provider.
    """
    session_commands.whoami(ctx.obj, check=check, json=json)
