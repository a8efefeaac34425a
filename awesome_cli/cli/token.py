"""``token``: print a valid access token."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.account import Account
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import rfc3339, token_notice
from awesome_cli.cli.options import examples, seconds
from awesome_cli.errors import LoginRequiredError
from awesome_cli.sessions.model import MIN_TTL

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        "{program} token",
        "{program} token --min-ttl 600 --json",
        'curl -H "Authorization: Bearer $({program} token)" https://api.example.com/',
    )
)
def token(
    ctx: typer.Context,
    *,
    min_ttl: Annotated[
        float,
        typer.Option(
            parser=seconds, metavar="SECONDS", show_default="60", help="Renew if the token lives less than this."
        ),
    ] = MIN_TTL,
    id_token: Annotated[bool, typer.Option("--id", help="Print the ID token instead.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print a valid access token, renewed if need be, and nothing else."""
    context: CommandContext = ctx.obj
    if context.account.token_from_environment:
        context.console.detail(token_notice(context.brand))
    document = (_id_token if id_token else _access_token)(context.account, min_ttl)
    if json:
        context.console.json(document)
    else:
        context.console.result(str(next(iter(document.values()))))


def _access_token(account: Account, min_ttl: float) -> dict[str, str | None]:
    secret, expires_at, scope = account.token_from_environment, None, None  # its expiry and scope are unknown
    if secret is None:
        session = account.session(min_ttl=min_ttl)
        secret, expires_at, scope = session.access_token, rfc3339(session.user.expires_at), session.user.scope
    return {"access_token": secret, "token_type": "Bearer", "expires_at": expires_at, "scope": scope}


def _id_token(account: Account, min_ttl: float) -> dict[str, str | None]:
    if account.token_from_environment:
        variable = account.brand.variable("access_token")
        raise LoginRequiredError(f"{variable} gives no ID token.", hint="Unset it. Sign in with: {login}")
    from awesome_cli.oauth.id_token import parse_stored_id_token

    session = account.session(min_ttl=min_ttl)
    return {"id_token": session.id_token, "expires_at": rfc3339(parse_stored_id_token(session.id_token).claims["exp"])}
