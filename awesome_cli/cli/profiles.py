"""``awesome profiles``: which profiles there are and who is signed in to each; ``show`` and ``remove`` one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from awesome_cli.cli.completion import profile_names
from awesome_cli.cli.context import Toolbox
from awesome_cli.cli.format import life, rfc3339
from awesome_cli.cli.logout import sign_out
from awesome_cli.cli.options import examples
from awesome_cli.cli.whoami import fields
from awesome_cli.errors import AwesomeError, ConfigError, KeyringError, LoginRequiredError, RevocationUnconfirmedError
from awesome_cli.settings.profile import resolve

if TYPE_CHECKING:
    from awesome_cli.sessions.model import User

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile.", autocompletion=profile_names)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.callback(
    invoke_without_command=True,
    epilog=examples("awesome profiles", "awesome profiles --json", "awesome profiles show work"),
)
def profiles(ctx: typer.Context, *, json: Json = False) -> None:
    """List the profiles and who is signed in to each.

    A star marks the profile that is used where none is named. Nothing leaves this machine.
    """
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, json=json)


@app.command(epilog=examples("awesome profiles show work", "awesome profiles show work --json"))
def show(ctx: typer.Context, name: Name, *, json: Json = False) -> None:
    """Show one profile: its settings, where each comes from, and its session."""
    toolbox: Toolbox = ctx.obj.for_profile(name)
    console, kept = toolbox.console, _look(toolbox, ctx.obj)
    if name != ctx.obj.name:
        kept.require()
    profile = toolbox.profile({})
    settings = {key: (value, profile.sources.get(key)) for key, value in profile.settings.items()}
    if json:
        said = {key: {"value": value, "source": source} for key, (value, source) in settings.items()}
        console.json({"profile": name, "settings": said, "session": kept.user and fields(toolbox, kept.user)})
    else:
        console.result(f"{name}: {kept.who}")
        console.table([(f"  {key}", *_words(*said)) for key, said in settings.items()])
        if kept.user:
            console.result("  session:")
            session = {**fields(toolbox, kept.user), "access token": kept.life}
            rows = [(name, session[name]) for name in ("issuer", "client_id", "email", "store", "access token")]
            console.table([(f"    {name}", str(value or "(none)")) for name, value in rows])
    kept.end()


@app.command(epilog=examples("awesome profiles remove work"))
def remove(ctx: typer.Context, name: Name) -> None:
    """Remove one profile: sign out as logout does, then forget its settings."""
    toolbox: Toolbox = ctx.obj.for_profile(name)
    _look(toolbox, ctx.obj).require()
    unconfirmed = None
    try:
        sign_out(toolbox)
    except RevocationUnconfirmedError as error:
        unconfirmed = error
    except KeyringError as error:
        if name in toolbox.session_index.stores():
            raise
        toolbox.console.warning(error.message)  # and nothing says that it has a session
    try:
        toolbox.config.remove(name)
    except OSError as error:
        raise ConfigError(
            f"{toolbox.config.path} cannot be written ({error.strerror}), so the settings of {name} stay.",
            hint="Make it writable, and try again.",
        ) from error
    toolbox.console.note(f"Removed the profile {name}.")
    if unconfirmed:
        raise unconfirmed


def _list(toolbox: Toolbox, *, json: bool) -> None:
    """Look into every profile, whatever is wrong with one of them; what was wrong decides the exit code."""
    names = sorted({*toolbox.profile_names, toolbox.name})
    found = [look for name in names if (look := _look(toolbox.for_profile(name), toolbox)).is_known]
    if json:
        toolbox.console.json([look.row(toolbox.name) for look in found])
    elif found:
        lines = [look.line(toolbox.name) for look in found]
        toolbox.console.table([("  PROFILE", "WHO", "WHERE", "ACCESS TOKEN", "STORE"), *lines])
    else:
        toolbox.console.note("There are no profiles yet. Sign in with: awesome login")
    for look in sorted(found, key=lambda look: look.is_hard):
        look.end()


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What a profile is, told without a token and without the network. ``issuer`` is None where nobody says it."""

    toolbox: Toolbox
    is_known: bool
    user: User | None = None
    issuer: str | None = None
    trouble: AwesomeError | None = None

    def require(self) -> None:
        """Raise ConfigError, if there are neither settings nor a session."""
        if not self.is_known:
            raise ConfigError(
                f"There is no profile {self.toolbox.name}.",
                hint=f"See {{program}} profiles; a new one: {{program}} login --profile {self.toolbox.name}",
            )

    @property
    def who(self) -> str:
        """Who is signed in, for people."""
        return self.user.name if self.user else "(cannot be read)" if self.trouble else "(not signed in)"

    @property
    def life(self) -> str:
        """How long the access token lives, for people."""
        return life(self.user, self.toolbox.environment.now()) if self.user else ""

    @property
    def store(self) -> str | None:
        """Where the session lies."""
        return self.toolbox.session_store.backend_name if self.user else None

    def line(self, current: str) -> tuple[str, ...]:
        """Tell people."""
        star = "*" if self.toolbox.name == current else " "
        return f"{star} {self.toolbox.name}", self.who, self.issuer or "", self.life, self.store or ""

    def row(self, current: str) -> dict[str, object]:
        """Tell programs."""
        user = self.user
        return {
            "profile": self.toolbox.name,
            "current": self.toolbox.name == current,
            "signed_in": None if self.trouble else user is not None,
            "name": user and user.name,
            "email": user and user.email,
            "issuer": self.issuer,
            "expires_at": user and rfc3339(user.expires_at),
            "refreshable": user and user.refreshable,
            "store": self.store,
            "problem": self.trouble and self.trouble.message,
        }

    @property
    def is_hard(self) -> bool:
        """Whether more is wrong than that somebody must sign in."""
        return self.trouble is not None and not isinstance(self.trouble, LoginRequiredError)

    def end(self) -> None:
        """Say what was wrong; raise it, if it is more than that somebody must sign in."""
        if self.trouble is not None:
            if self.is_hard:
                raise self.trouble
            self.toolbox.console.warning(self.trouble.message)


def _look(toolbox: Toolbox, asked: Toolbox) -> _Look:
    """Look into one profile; ``asked`` has the config file open already."""
    try:
        user = toolbox.session_store.load_user()
        issuer = (
            user.issuer
            if user
            else resolve(toolbox.name, flags={}, environ={}, config=asked.config, brand=toolbox.brand).issuer
        )
    except AwesomeError as error:
        return _Look(toolbox=toolbox, is_known=True, trouble=error)
    is_known = user is not None or toolbox.name in asked.profile_names
    return _Look(toolbox=toolbox, is_known=is_known, user=user, issuer=issuer)


def _words(value: str | bool | None, source: str | None) -> tuple[str, str]:  # noqa: FBT001 - a switch's value
    text = "(not set)" if value is None else value if isinstance(value, str) else str(value).lower()
    return text, f"({source})" if source else ""
