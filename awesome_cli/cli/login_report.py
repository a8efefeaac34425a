"""What ``login`` says before it replaces a session, and after it has signed in."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from awesome_cli.brand import DEFAULT_PROFILE
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import full_name, kept_in, moment, short_issuer
from awesome_cli.errors import ConfigError
from awesome_cli.hints import fill_placeholders
from awesome_cli.sessions.user import User

if TYPE_CHECKING:
    from awesome_cli.cli.layout import TextPart


def announce_replacement(context: CommandContext, stored: User) -> None:
    """Say which session the sign-in will replace, and how to keep both."""
    profile = context.account.profile
    context.console.show(
        f"This replaces the session of {stored.name} at {short_issuer(stored.issuer)} (profile {profile}). To keep"
        f" both, give the new one a profile: {context.brand.name} login --profile NAME",
        indent="  ",
    )


def report_success(context: CommandContext, user: User, *, saved: str, is_plaintext: bool) -> None:
    """Say who is signed in and what comes next. ``saved``: where settings were saved, or an empty text."""
    account, console = context.account, context.console
    _warn_about_session(context, user, is_plaintext=is_plaintext)
    console.note(
        console.err.tick, "Signed in as ", (full_name(user), "strong"), f" at {short_issuer(user.issuer)}", indent="  "
    )
    end = user.session_expires_at
    until = f" until {moment(end, context.environment.now())}" if end is not None else ""
    console.note(f"  Session in {kept_in(account)}{until}{f'; settings in {saved}' if saved else ''}", indent="  ")
    if commands := _next_commands(context):
        console.note("  Next: ", *commands, indent="  ")


def _warn_about_session(context: CommandContext, user: User, *, is_plaintext: bool) -> None:
    console = context.console
    if not user.refreshable:
        ends = moment(user.expires_at, context.environment.now())
        console.warning(
            f"The provider gave no refresh token: this session ends {ends} and cannot be renewed. Allow refresh"
            f" tokens for this application at the provider, and ask for them: {login_command(context)} --force"
            ' --scope "openid profile email offline_access"'
        )
    if is_plaintext:
        console.warning("Your tokens lie as plain text in a file. Whoever reads that file is signed in as you.")


def _next_commands(context: CommandContext) -> list[TextPart]:
    """Return the commands that a session is for, as far as the program has them."""
    brand, profile = context.brand, context.console.profile
    commands = ["say-hi", "whoami"]
    with suppress(ConfigError):  # without the URL of an API
        commands += ["api PATH"] if context.account.settings.api_url else []
    option = f" --profile {profile}" if profile else ""
    separator: TextPart = (f" {context.console.err.symbol('separator')} ", "dim")
    parts: list[TextPart] = []
    for command in commands:
        if command.split()[0] in brand.commands:
            parts += [*([separator] if parts else []), (f"{brand.name} {command}{option}", "accent")]
    return parts


def login_command(context: CommandContext) -> str:
    """Return the command that signs in to the profile that was named."""
    return fill_placeholders("{login}", context.brand, profile=context.console.profile)


def resume_command(context: CommandContext) -> str:
    """Return the command that goes on with a sign-in that waits, in any later process: variables do not count."""
    profile = context.account.profile
    named = "" if profile == DEFAULT_PROFILE else profile
    return fill_placeholders("{login} --resume", context.brand, profile=named)
