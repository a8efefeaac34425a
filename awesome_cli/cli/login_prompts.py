"""What ``login`` needs a person for: settings that are missing, a file where there is no keyring, the approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awesome_cli.cli.context import CommandContext
from awesome_cli.errors import ConfigError, KeyringError, LoginRequiredError, NoKeyringError

if TYPE_CHECKING:
    from awesome_cli.cli.console import Console
    from awesome_cli.cli.login_options import LoginOptions
    from awesome_cli.settings.profile import Settings


def ask_for_missing_settings(context: CommandContext, flags: Settings) -> Settings:
    """Return the flags and the answers, which are saved like flags after a successful login."""
    console, resolve = context.console, context.account.settings.resolve
    settings = resolve(flags)
    if not console.is_interactive or (settings.issuer and settings.client_id):
        return flags
    console.show(
        "The provider's domain and client ID are needed. Auth0 shows both: Applications > Applications > YOUR APP >"
        " Settings."
    )
    while not settings.issuer and (answer := console.ask("Domain (or the issuer URL of another provider)")):
        answers = {"issuer" if "://" in answer else "domain": answer}
        try:
            settings = resolve({**flags, **answers})
        except ConfigError as error:
            console.error(error)
        else:
            flags = {**flags, **answers}
    if settings.issuer and not settings.client_id:
        flags = {**flags, "client_id": console.ask("Client ID")}
    return flags


def offer_plaintext_file(console: Console, error: KeyringError, *, may_ask: bool) -> None:
    """Raise the error, unless no keyring exists and the user chooses the plaintext file."""
    question = f"{error.message} Keep the session in a plain file instead, readable by whoever reads your files?"
    is_alternative = isinstance(error, NoKeyringError) and may_ask and console.is_interactive
    if not (is_alternative and console.confirm(question, default=False)):
        raise error


def require_approver(context: CommandContext, options: LoginOptions) -> None:
    """Raise LoginRequiredError in a CI job, unless an option says that somebody will approve the sign-in."""
    is_expected = options.json or not options.wait or options.timeout is not None
    is_ci = context.environment.environ.get("CI", "").lower() not in ("", "0", "false")
    if is_ci and not is_expected and not context.console.is_interactive:
        raise LoginRequiredError(
            "Nobody can approve a sign-in here: CI is set, and there is no terminal.",
            hint="Give the job a token in {prefix}ACCESS_TOKEN. If somebody will approve: {login} --timeout SECONDS",
        )
