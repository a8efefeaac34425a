"""``awesome logout``: revoke the tokens at the provider and empty the keyring."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from awesome_cli.cli.context import Toolbox
from awesome_cli.cli.options import examples
from awesome_cli.errors import (
    AwesomeError,
    ConfigError,
    KeyringError,
    LockTimeoutError,
    LoginRequiredError,
    NoKeyringError,
    NoLockFolderError,
    OtherSessionError,
    RevocationUnconfirmedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from awesome_cli.sessions.model import Session
    from awesome_cli.sessions.store import SessionStore

LONGEST_REVOCATION = 45.0  # seconds: discovery and two revocations, 15 s each (provider.REQUEST_TIMEOUT)

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=examples("awesome logout", "awesome logout --all"))
def logout(
    ctx: typer.Context,
    *,
    everywhere: Annotated[bool, typer.Option("--all", help="Sign out of every profile.")] = False,
) -> None:
    """Sign out: revoke the tokens at the provider, then empty the keyring."""
    toolbox: Toolbox = ctx.obj
    if everywhere:
        _sign_out_everywhere(toolbox)
    else:
        sign_out(toolbox)


def _sign_out_everywhere(toolbox: Toolbox) -> None:
    """Sign out of all profiles that are known to have a session, and look whether others have one all the same."""
    ends: list[AwesomeError] = []
    listed = set(toolbox.session_index.stores())
    names = {toolbox.name, *listed}
    try:
        names.update(toolbox.config.names)
    except ConfigError as error:
        ends.append(error)
    for name in sorted(names):
        try:
            sign_out(toolbox if name == toolbox.name else toolbox.for_profile(name))
        except KeyringError as error:
            if listed and name not in listed:
                toolbox.console.warning(f"{name}: {error.message}")
            else:
                ends.append(error)
        except AwesomeError as error:
            ends.append(error)
    if ends:
        worst = max(ends, key=lambda error: error.exit_code != RevocationUnconfirmedError.exit_code)
        for end in ends:
            if end is not worst:
                toolbox.console.warning(end.message)
        raise worst


def sign_out(toolbox: Toolbox) -> None:
    """End the profile's session at the provider and here; the second happens whatever becomes of the first."""
    _warn_of_another(toolbox)
    with suppress(LoginRequiredError, KeyringError):
        toolbox.keyring_session_store.load_user()  # a keyring that asks to be unlocked does so before others wait
    with ExitStack() as lock:
        try:
            lock.enter_context(toolbox.lock("the sign-out"))
        except (
            LockTimeoutError,
            NoLockFolderError,
        ) as error:  # it empties the keyring whatever else is broken, or stopped
            toolbox.console.warning(error.message)
        deferred = lock.enter_context(toolbox.environment.defer_signals())
        ended, confirmed = _empty_stores(toolbox)
        toolbox.forget()  # under the same lock as a login that may follow
        try:
            _report(toolbox, ended, confirmed=confirmed)
        except RevocationUnconfirmedError as error:
            if deferred.pending:  # the signal has its way, and nobody would be told
                toolbox.console.warning(error.message)
            raise


def _report(toolbox: Toolbox, ended: Session | None, *, confirmed: bool) -> None:
    if ended is None:
        toolbox.console.note(f"You are not signed in (profile {toolbox.name}).")
    elif confirmed:
        toolbox.console.note(f"Signed out {ended.user.name} (profile {toolbox.name}).")
    else:
        raise RevocationUnconfirmedError(
            f"You are signed out here (profile {toolbox.name}), but the provider did not confirm the revocation.",
            hint="End the session at the provider too, if this machine or its backups may be in other hands.",
        )


def _warn_of_another(toolbox: Toolbox) -> None:
    """Say so, if the settings ask for another session than the one that ends."""
    try:
        user = toolbox.session_store.load_user()
        if user is not None:
            toolbox.check_demands(user)
    except OtherSessionError as error:
        toolbox.console.warning(f"{error.message} It is signed out all the same.")
    except AwesomeError:
        pass  # whatever it is, emptying the stores will meet it and say so


def _empty_stores(toolbox: Toolbox) -> tuple[Session | None, bool]:
    """Empty the plain file, where it is the store, and the keyring: a login cut short may have left one in each."""
    with suppress(KeyringError):
        toolbox.plaintext_trial.remove_file()  # which a kill may have left; there is no token in it
    if not toolbox.plaintext_file.exists():
        try:
            return _end(toolbox, toolbox.keyring_session_store, toolbox.keyring_session_store.delete)
        except NoKeyringError as error:
            if toolbox.name in toolbox.session_index.stores():
                raise
            toolbox.console.warning(error.message)  # and nothing says that there is a session
            return None, True
    ended, confirmed = None, True
    try:
        ended, confirmed = _end(toolbox, toolbox.plaintext_session_store, toolbox.plaintext_file.remove_file)
    finally:
        try:
            other, other_confirmed = _end(toolbox, toolbox.keyring_session_store, toolbox.keyring_session_store.delete)
            ended, confirmed = ended or other, confirmed and other_confirmed
        except KeyringError as error:
            toolbox.console.warning(f"{error.message} If it keeps a session too, log out again once it works.")
    return ended, confirmed


def _end(toolbox: Toolbox, session_store: SessionStore, empty: Callable[[], None]) -> tuple[Session | None, bool]:
    """Revoke and remove what one store keeps; say what that was, and whether its refresh token is surely dead."""
    session, confirmed = None, True
    try:
        try:
            session = session_store.load()
        except LoginRequiredError:
            toolbox.console.warning("What was kept could not be read; it is removed without being revoked.")
        if session is not None:
            confirmed = _revoke(toolbox, session)
    finally:
        try:
            empty()
        except KeyringError:
            if session is not None:
                toolbox.mark_revoked(session_store)  # whether the entries are gone is not known
            raise
    return session, confirmed


def _revoke(toolbox: Toolbox, session: Session) -> bool:
    """Revoke the session's tokens; who does not want to wait for that presses Ctrl-C twice."""
    with toolbox.environment.defer_signals() as deferred:
        deferred.skippable = True
        deferred.on_first = lambda: toolbox.console.say(
            f"Finishing the sign-out: waiting for the provider, {LONGEST_REVOCATION:g} s at most."
            " Press Ctrl-C again to skip that."
        )
        return toolbox.revoke(session)
