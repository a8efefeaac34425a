"""The end of a session, where the provider tells it: commands that use the session warn of it."""

from __future__ import annotations

from contextlib import suppress

from awesome_cli.brand import MIN_TTL
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import moment
from awesome_cli.errors import ProviderError
from awesome_cli.hints import fill_placeholders
from awesome_cli.sessions.manifest import is_end_to_be_announced
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.user import User


def usable_session(context: CommandContext, *, min_ttl: float = MIN_TTL) -> Session:
    """Return the session, as :meth:`.Account.session` does, and warn if it ends soon."""
    session = context.account.session(min_ttl=min_ttl)
    warn_of_end(context, session.user)
    return session


def warn_of_end(context: CommandContext, user: User) -> None:
    """Warn once a day that the session ends soon."""
    index, profile, now = context.account.index, context.account.profile, context.environment.now()
    end = user.session_expires_at
    if end is not None and is_end_to_be_announced(end, index.warned_at(profile), now):
        login = fill_placeholders("{login}", context.brand, profile=context.console.profile)
        context.console.warning(f"This session ends {moment(end, now)}. To sign in anew before that: {login} --force")
        with suppress(OSError, ProviderError):  # without that it is said again
            index.set_warned_at(profile, now)
