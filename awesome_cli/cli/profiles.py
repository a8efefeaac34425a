"""``profiles``: list the profiles and who is signed in to each; ``show``, ``use`` and ``remove`` one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from awesome_cli.account import Account
from awesome_cli.brand import DEFAULT_PROFILE
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import account_fields, kept_in, rfc3339, short_issuer, token_status
from awesome_cli.cli.layout import cells
from awesome_cli.cli.logout import sign_out
from awesome_cli.cli.options import complete_profile, examples
from awesome_cli.errors import (
    AwesomeError,
    ConfigError,
    KeyringError,
    LoginRequiredError,
    NoKeyringError,
    RevocationUnconfirmedError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awesome_cli.cli.console import Console
    from awesome_cli.sessions.user import User

WIDEST_VALUE = 40  # cells of the column of values; the remark of a longer value follows it after two blanks
app = typer.Typer(add_completion=False, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile.", autocompletion=complete_profile)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.callback(
    invoke_without_command=True,
    epilog=examples("{program} profiles", "{program} profiles --json", "{program} profiles show work"),
)
def profiles(ctx: typer.Context, *, json: Json = False) -> None:
    """List the profiles and who is signed in to each.

    A star marks the profile that is used where none is named. Nothing leaves this machine.
    """
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, json=json)


@app.command(epilog=examples("{program} profiles show work", "{program} profiles show work --json"))
def show(ctx: typer.Context, name: Name, *, json: Json = False) -> None:
    """Show the settings and the session of one profile."""
    context: CommandContext = ctx.obj
    console, account = context.console, context.account.for_profile(name)
    status = _status(account, context.account)
    if name != context.account.profile:
        status.require_known()
    profile = account.settings.resolve()
    if status.user:
        profile = profile.with_session(status.user.settings)
    settings = {key: (value, profile.sources.get(key)) for key, value in profile.settings.items()}
    if json:
        documents = {key: {"value": value, "source": source} for key, (value, source) in settings.items()}
        session = status.user and account_fields(status.user, account)
        console.json({"profile": name, "settings": documents, "session": session})
    else:
        console.result(f"{name}: {status.who}")
        _show_fields(console, {key: _value_and_source(*setting) for key, setting in settings.items()}, indent="  ")
        if status.user:
            console.result("  session:")
            session = account_fields(status.user, account)
            fields = {key: session[key] for key in ("issuer", "client_id", "email", "scope", "audience")}
            fields |= {"kept in": kept_in(account), "access token": status.token_status}
            texts = {key: (str(value or "(not set)"), "") for key, value in fields.items()}
            _show_fields(console, texts, indent="    ")
    if status.user:
        for difference in account.settings.differences(status.user.audience, status.user.requested_scope):
            console.warning(difference)
    status.report_error()


@app.command(epilog=examples("{program} profiles use work", "{program} profiles use default"))
def use(ctx: typer.Context, name: Name) -> None:
    """Use a profile from now on where none is named.

    --profile and {prefix}PROFILE have precedence.
    """
    context: CommandContext = ctx.obj
    account = context.account.for_profile(name)
    if name != DEFAULT_PROFILE:
        _status(account, context.account).require_known(UsageError)
    config = account.settings.config
    try:
        config.set_default_profile(name)
    except OSError as error:
        raise ConfigError(
            f"{config.path} cannot be written ({error.strerror}).", hint="Make it writable, and try again."
        ) from error
    context.console.note(f"The profile {name} is used from now on.")
    variable = context.brand.variable("profile")
    if context.environment.environ.get(variable) not in (None, "", name):
        context.console.warning(f"{variable} is set, and has precedence.")


@app.command(epilog=examples("{program} profiles remove work"))
def remove(ctx: typer.Context, name: Name) -> None:
    """Sign out of one profile, then forget its settings."""
    context: CommandContext = ctx.obj
    account = context.account.for_profile(name)
    _status(account, context.account).require_known()
    unconfirmed = None
    try:
        sign_out(account)
    except RevocationUnconfirmedError as error:
        unconfirmed = error
    except KeyringError as error:
        if name in account.index.stores():
            raise
        context.console.warning(error.message)  # and nothing says that it has a session
    config = account.settings.config
    was_default = config.default_profile == name != DEFAULT_PROFILE
    try:
        config.remove(name)
    except OSError as error:
        raise ConfigError(
            f"{config.path} cannot be written ({error.strerror}), so the settings of {name} stay.",
            hint="Make it writable, and try again.",
        ) from error
    context.console.note(f"Removed the profile {name}.")
    if was_default:
        context.console.note(f"The profile {DEFAULT_PROFILE} is used from now on.")
    if unconfirmed:
        raise unconfirmed


def _show_fields(console: Console, fields: Mapping[str, tuple[str, str]], *, indent: str) -> None:
    """Print a name, a value and a remark on each line."""
    width, longest = max(map(len, fields)), max(cells(value) for value, _ in fields.values())
    for name, (value, remark) in fields.items():
        gap = " " * (max(min(longest, WIDEST_VALUE) - cells(value), 0) + 2) if remark else ""
        console.paragraph(f"{indent}{name:<{width}}  {value}", (f"{gap}{remark}", "dim"), indent=f"{indent}  ")


def _list(context: CommandContext, *, json: bool) -> None:
    """Show every profile, even if the session of one cannot be read; that error decides the exit code."""
    account, console = context.account, context.console
    names = sorted({*account.settings.names, account.profile})
    found = [status for name in names if (status := _status(account.for_profile(name), account)).is_known]
    if json:
        console.json([status.document(account.profile) for status in found])
    elif found:
        rows = [status.row(account.profile) for status in found]
        console.table([("  PROFILE", "WHO", "WHERE", "TOKEN"), *rows])
    else:
        console.note(f"There are no profiles yet. Sign in with: {context.brand.name} login")
    for status in sorted(found, key=lambda status: status.is_failure):
        status.report_error()


@dataclass(frozen=True, kw_only=True)
class _ProfileStatus:
    """What is known of a profile without a token and without the network. ``issuer`` is None where it is not set."""

    account: Account
    is_known: bool
    user: User | None = None
    issuer: str | None = None
    error: AwesomeError | None = None

    def require_known(self, kind: type[AwesomeError] = ConfigError) -> None:
        """Raise an error of this kind, if there are neither settings nor a session."""
        if not self.is_known:
            name = self.account.profile
            raise kind(
                f"There is no profile {name}.",
                hint=f"See {{program}} profiles; a new one: {{program}} login --profile {name}",
            )

    @property
    def who(self) -> str:
        return self.user.name if self.user else "(cannot be read)" if self.error else "(not signed in)"

    @property
    def token_status(self) -> str:
        return token_status(self.user, self.account.environment.now()) if self.user else ""

    @property
    def store(self) -> str | None:
        return self.account.stores.current.backend_name if self.user else None

    def row(self, current: str) -> tuple[str, ...]:
        name = self.account.profile
        star = "*" if name == current else " "
        return f"{star} {name}", self.who, short_issuer(self.issuer or ""), self.token_status

    def document(self, current: str) -> dict[str, object]:
        user = self.user
        return {
            "profile": self.account.profile,
            "current": self.account.profile == current,
            "signed_in": None if self.error else user is not None,
            "name": user and user.name,
            "email": user and user.email,
            "issuer": self.issuer,
            "expires_at": user and rfc3339(user.expires_at),
            "refreshable": user and user.refreshable,
            "store": self.store,
            "problem": self.error and self.error.message,
        }

    @property
    def is_failure(self) -> bool:
        """Whether there is an error that a login does not solve."""
        return self.error is not None and not isinstance(self.error, LoginRequiredError)

    def report_error(self) -> None:
        """Raise the error, or print it as a warning if a login solves it."""
        if self.error is not None:
            if self.is_failure:
                raise self.error
            self.account.messages.warning(self.error.message)


def _status(account: Account, current: Account) -> _ProfileStatus:
    """Look at one profile; ``current`` has read the config file already."""
    try:
        user = account.stores.current.load_user()
        issuer = user.issuer if user else account.settings.stored().issuer
    except AwesomeError as error:
        is_known = not isinstance(error, NoKeyringError) or account.profile in {
            *current.settings.names,
            current.profile,
        }
        return _ProfileStatus(account=account, is_known=is_known, error=error)
    is_known = user is not None or account.profile in current.settings.names
    return _ProfileStatus(account=account, is_known=is_known, user=user, issuer=issuer)


def _value_and_source(value: str | bool | None, source: str | None) -> tuple[str, str]:  # noqa: FBT001 - a switch's value
    text = "(not set)" if value is None else value if isinstance(value, str) else str(value).lower()
    return text, f"({source})" if source else ""
