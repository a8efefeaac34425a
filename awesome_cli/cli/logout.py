"""``awesome logout``: revoke the tokens at the provider and empty the keyring."""

from __future__ import annotations

from typing import Annotated

import typer

from awesome_cli.cli.toolbox import Toolbox
from awesome_cli.errors import AwesomeError, RevocationUnconfirmed, SignInNeeded

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Examples: awesome logout; awesome logout --all")
def logout(
    ctx: typer.Context,
    *,
    everywhere: Annotated[bool, typer.Option("--all", help="Sign out of every profile.")] = False,
) -> None:
    """Sign out: revoke the tokens at the provider, then empty the keyring."""
    toolbox: Toolbox = ctx.obj
    names = [toolbox.name]
    if everywhere:
        names = sorted({toolbox.name, *toolbox.roster.stores(), *toolbox.config.names})
    ends: list[AwesomeError] = []
    for name in names:
        try:
            sign_out(toolbox if name == toolbox.name else toolbox.for_profile(name))
        except AwesomeError as error:
            ends.append(error)
            if len(names) > 1:
                toolbox.console.warning(f"{name}: {error.sentence}")
    if ends:
        raise max(ends, key=lambda error: error.exit_code != RevocationUnconfirmed.exit_code)


def sign_out(toolbox: Toolbox) -> None:
    """End the profile's session at the provider and here; the second happens whatever becomes of the first."""
    with toolbox.exclusively():
        session, confirmed = None, True
        try:
            try:
                session = toolbox.vault.load()
            except SignInNeeded:
                toolbox.console.warning("What was kept could not be read; it is removed without being revoked.")
            if session is not None:
                confirmed = toolbox.revoke(session)
        finally:
            if toolbox.file_entries.exists():
                toolbox.file_entries.destroy()
            toolbox.keyring_vault.delete()
    toolbox.forget()
    if session is None:
        toolbox.console.note(f"You are not signed in (profile {toolbox.name}).")
    elif confirmed:
        toolbox.console.note(f"Signed out {session.card.name} (profile {toolbox.name}).")
    else:
        raise RevocationUnconfirmed(
            f"You are signed out here (profile {toolbox.name}), but the provider did not confirm the revocation.",
            hint="End the session at the provider too, if this machine or its backups may be in other hands.",
        )
