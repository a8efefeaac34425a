"""``say-hi``: greet whoever is signed in."""

from __future__ import annotations

import typer

from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import greeting
from awesome_cli.cli.login import sign_in
from awesome_cli.cli.options import examples
from awesome_cli.cli.session_end import warn_of_end
from awesome_cli.errors import LoginRequiredError, OtherSessionError
from awesome_cli.sessions.model import User

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=examples("{program} say-hi"))
def say_hi(ctx: typer.Context) -> None:
    """Print "Welcome NAME!" for the person who is signed in."""
    context: CommandContext = ctx.obj
    console = context.console

    def greet(user: User) -> None:
        console.result(greeting(user.name))
        warn_of_end(context, user)

    try:
        context.account.user(greet)
    except OtherSessionError:
        raise
    except LoginRequiredError as error:
        if not (console.is_interactive and console.confirm(f"{error.message} Sign in now?")):
            raise
        sign_in(context)
        context.account.user(greet)
