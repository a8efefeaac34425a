"""``logout``: revoke the tokens at the provider and remove the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from awesome_cli.account import Account
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.options import examples
from awesome_cli.errors import AwesomeError, ConfigError, KeyringError, RevocationUnconfirmedError

if TYPE_CHECKING:
    from awesome_cli.sessions.user import User

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=examples("{program} logout", "{program} logout --all"))
def logout(
    ctx: typer.Context,
    *,
    everywhere: Annotated[bool, typer.Option("--all", help="Sign out of every profile.")] = False,
) -> None:
    """Sign out: revoke the tokens at the provider, then empty the keyring."""
    context: CommandContext = ctx.obj
    if everywhere:
        _sign_out_everywhere(context.account)
    else:
        sign_out(context.account)


def sign_out(account: Account) -> None:
    """Sign out of one profile and say so. Raises RevocationUnconfirmedError, if the provider did not confirm it."""

    def report(user: User | None, confirmed: bool) -> None:  # noqa: FBT001 - a pair
        if user is None:
            account.messages.note(f"You are not signed in (profile {account.profile}).")
        elif confirmed:
            account.messages.note(f"Signed out {user.name} (profile {account.profile}).")
        else:
            raise RevocationUnconfirmedError(
                f"You are signed out here (profile {account.profile}), but the provider did not confirm the"
                " revocation.",
                hint="End the session at the provider too, if this machine or its backups may be in other hands.",
            )

    account.sign_out(report)


def _sign_out_everywhere(account: Account) -> None:
    """Sign out of all profiles that are known to have a session, and of others that have one all the same."""
    errors: list[AwesomeError] = []
    listed = set(account.index.stores())
    names = {account.profile, *listed}
    try:
        names.update(account.settings.config.names)
    except ConfigError as error:
        errors.append(error)
    for name in sorted(names):
        try:
            sign_out(account if name == account.profile else account.for_profile(name))
        except KeyringError as error:
            if listed and name not in listed:
                account.messages.warning(f"{name}: {error.message}")
            else:
                errors.append(error)
        except AwesomeError as error:
            errors.append(error)
    if errors:
        worst = max(errors, key=lambda error: error.exit_code != RevocationUnconfirmedError.exit_code)
        for other in errors:
            if other is not worst:
                account.messages.warning(other.message)
        raise worst
