"""What ``say-hi``, ``whoami`` and ``token`` do, without Typer: ``command_line.py`` parses their command lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awesome_cli.brand import MIN_TTL
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import (
    FORMATS,
    USER_INDENT,
    access_token_document,
    account_fields,
    greeting,
    kept_in,
    rfc3339,
    token_format,
    token_notice,
    token_output,
    user_lines,
)
from awesome_cli.cli.session_end import usable_session, warn_of_end
from awesome_cli.errors import LoginRequiredError, OtherSessionError, UsageError
from awesome_cli.sessions.model import Session
from awesome_cli.text import safe

if TYPE_CHECKING:
    from awesome_cli.account import Account
    from awesome_cli.cli.command_line import CommandLine
    from awesome_cli.sessions.user import User


def run(line: CommandLine, context: CommandContext) -> int:
    """Run a command and return its exit code. Raises AwesomeError."""
    console = context.console
    console.verbose, console.quiet = console.verbose or line.verbose, console.quiet or line.quiet
    if line.profile is not None:
        context.choose_profile(line.profile)
    command = {"say-hi": say_hi, "whoami": whoami, "token": token}[line.command]
    command(context, **line.arguments)
    return 0


def say_hi(context: CommandContext) -> None:
    """Greet whoever is signed in; at a terminal offer to sign in."""
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
        from awesome_cli.cli.login import sign_in

        sign_in(context)
        context.account.user(greet)


def whoami(context: CommandContext, *, check: bool = False, json: bool = False) -> None:
    """Say who is signed in; ``check``: after asking the provider whether it accepts the session."""
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


def token(
    context: CommandContext,
    *,
    min_ttl: float = MIN_TTL,
    id_token: bool = False,
    json: bool = False,
    output: str | None = None,
) -> None:
    """Print a valid token, renewed if it is valid for less than ``min_ttl`` seconds; ``output`` is one of FORMATS."""
    output_format = token_format(json=json, output=output)
    if output_format is None:
        reason = "--json is a format of its own." if json else f"{safe(str(output), 40)!r} is not a format."
        raise UsageError(reason, hint=f"Formats: {', '.join(FORMATS)}.")
    if context.account.token_from_environment:
        context.console.detail(token_notice(context.brand))
    document = (_id_token if id_token else _access_token)(context, min_ttl)
    secret = str(next(iter(document.values())))
    context.console.result(token_output(secret, output_format, lambda: document))


def _access_token(context: CommandContext, min_ttl: float) -> dict[str, Any]:
    if (given := context.account.token_from_environment) is not None:
        return access_token_document(given)
    session = usable_session(context, min_ttl=min_ttl)
    return access_token_document(session.access_token, session.user)


def _id_token(context: CommandContext, min_ttl: float) -> dict[str, Any]:
    if context.account.token_from_environment:
        variable = context.brand.variable("access_token")
        raise LoginRequiredError(f"{variable} gives no ID token.", hint="Unset it. Sign in with: {login}")
    from awesome_cli.oauth.id_token import parse_stored_id_token

    session = usable_session(context, min_ttl=min_ttl)
    return {"id_token": session.id_token, "expires_at": rfc3339(parse_stored_id_token(session.id_token).claims["exp"])}
