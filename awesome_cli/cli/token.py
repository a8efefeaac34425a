"""``token``: print a valid access token."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import rfc3339, token_notice
from awesome_cli.cli.options import examples, seconds
from awesome_cli.cli.session_end import usable_session
from awesome_cli.errors import LoginRequiredError, UsageError
from awesome_cli.sessions.model import MIN_TTL
from awesome_cli.text import safe

FORMATS = ("text", "json", "header", "exec-credential")

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
            parser=seconds, metavar="SECONDS", show_default="60", help="Renew if the token lives less than this."
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
    context: CommandContext = ctx.obj
    if output is not None and (json or output not in FORMATS):
        reason = "--json is a format of its own." if json else f"{safe(output, 40)!r} is not a format."
        raise UsageError(reason, hint=f"Formats: {', '.join(FORMATS)}.")
    if context.account.token_from_environment:
        context.console.detail(token_notice(context.brand))
    document = (_id_token if id_token else _access_token)(context, min_ttl)
    secret = str(next(iter(document.values())))
    if json or output == "json":
        context.console.json(document)
    elif output == "exec-credential":
        context.console.json(_exec_credential(secret, document["expires_at"]))
    else:
        context.console.result(f"Authorization: Bearer {secret}" if output == "header" else secret)


def _exec_credential(token: str, expires_at: str | None) -> dict[str, object]:
    """Return what kubectl expects of a plugin: ExecCredential of client.authentication.k8s.io/v1."""
    expiry = {} if expires_at is None else {"expirationTimestamp": expires_at}
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token, **expiry},
    }


def _access_token(context: CommandContext, min_ttl: float) -> dict[str, str | None]:
    secret, expires_at, scope = context.account.token_from_environment, None, None  # its expiry and scope are unknown
    if secret is None:
        session = usable_session(context, min_ttl=min_ttl)
        secret, expires_at, scope = session.access_token, rfc3339(session.user.expires_at), session.user.scope
    return {"access_token": secret, "token_type": "Bearer", "expires_at": expires_at, "scope": scope}


def _id_token(context: CommandContext, min_ttl: float) -> dict[str, str | None]:
    if context.account.token_from_environment:
        variable = context.brand.variable("access_token")
        raise LoginRequiredError(f"{variable} gives no ID token.", hint="Unset it. Sign in with: {login}")
    from awesome_cli.oauth.id_token import parse_stored_id_token

    session = usable_session(context, min_ttl=min_ttl)
    return {"id_token": session.id_token, "expires_at": rfc3339(parse_stored_id_token(session.id_token).claims["exp"])}
