"""``awesome hello-api``: a company's own command, with the session, the renewal and the exit codes of awesome."""

from __future__ import annotations

import httpx
import typer

from awesome_cli.errors import ProviderError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Example: awesome hello-api")
def hello_api(ctx: typer.Context) -> None:
    """Let the API greet whoever is signed in."""
    context = ctx.obj  # what every command is given: the program, the profile and the console
    try:
        with context.program.client() as api:
            message = api.get("hello").raise_for_status().json()["message"]
    except (httpx.HTTPError, ValueError, KeyError) as error:  # none, or no greeting
        raise ProviderError("The API does not greet.", hint="Try: awesome api hello --include") from error
    context.console.result(message)
