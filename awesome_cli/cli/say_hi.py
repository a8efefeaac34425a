"""``say-hi``: greet whoever is signed in. What it does is in ``session_commands.py``."""

from __future__ import annotations

import typer

from awesome_cli.cli import session_commands
from awesome_cli.cli.options import examples

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=examples("{program} say-hi"))
def say_hi(ctx: typer.Context) -> None:
    """Print "Welcome NAME!" for the person who is signed in."""
    session_commands.say_hi(ctx.obj)
