"""``whoami``: say who is signed in."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.account import Account
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import USER_INDENT, account_fields, kept_in, token_notice, user_lines
from awesome_cli.cli.options import examples
from awesome_cli.errors import LoginRequiredError
from awesome_cli.sessions.model import Session, User

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
    context: CommandContext = ctx.obj
    account, console = context.account, context.console
    if account.token_from_environment:
        console.note(token_notice(context.brand))

    def show(user: User) -> None:
        for difference in account.settings.differences(user.audience, user.requested_scope):
            console.warning(difference)
        if json:
            console.json(account_fields(user, account))
            return
        store, now = kept_in(account), context.environment.now()
        for line in user_lines(user, console.out, profile=account.profile, store=store, now=now, checked=check):
            console.paragraph(*line, indent=USER_INDENT)

    if check:
        show(_accepted_session(account).user)
    else:
        account.user(show)


def _accepted_session(account: Account) -> Session:
    """Return the session that the provider accepts, renewed once if it does not accept the stored one."""
    session = account.session(min_ttl=0.0)
    if account.is_token_accepted(session):
        return session
    renewed = account.session(min_ttl=0.0, refused=session.access_token)
    if renewed.access_token != session.access_token and account.is_token_accepted(renewed):
        return renewed
    raise LoginRequiredError("The provider no longer accepts your session.", hint="Sign in with: {login} --force")
