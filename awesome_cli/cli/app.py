"""The command table, and what all commands share. A command's module is imported when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from awesome_cli import __version__
from awesome_cli.cli.toolbox import Toolbox
from awesome_cli.errors import UsageError
from awesome_cli.text import safe

# Name: module, and the first sentence of its help, so that listing the commands imports none of them.
COMMANDS = {
    "login": ("awesome_cli.cli.login", "Sign in once on this machine and keep the session in the keyring."),
    "say-hi": ("awesome_cli.cli.say_hi", 'Print "Welcome NAME!" for the person who is signed in.'),
    "whoami": ("awesome_cli.cli.whoami", "Say who is signed in, where, and until when."),
    "token": ("awesome_cli.cli.token", "Print a valid access token, renewed if need be, and nothing else."),
    "logout": ("awesome_cli.cli.logout", "Sign out: revoke the tokens at the provider, then empty the keyring."),
    "demo": ("awesome_cli.cli.demo", "Take the whole tour against the embedded provider."),
}

PROFILE_HELP = "The profile to use (default: AWESOME_PROFILE, else 'default')."
VERBOSE_HELP = "Tell more on stderr; never a secret."


def run_command(argv: Sequence[str], toolbox: Toolbox) -> int:
    """Run one command and return its exit code. Raises AwesomeError."""
    try:
        code = get_command(app).main(
            list(argv) or ["--help"], prog_name="awesome", standalone_mode=False, obj=toolbox, windows_expand_args=False
        )
    except _ClickUsageError as error:
        where = error.ctx.command_path if error.ctx else "awesome"
        raise UsageError(safe(error.format_message(), 400), hint=f"See: {where} --help") from error
    except typer.Abort as error:
        raise UsageError("The input ended.", hint="See: awesome --help") from error
    return code if isinstance(code, int) else 0


class _Door(TyperGroup):
    """A group that knows its commands by name and imports the one that is called."""

    def __init__(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401 - Typer's own signature
        super().__init__(*args, **attributes)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # names for listing and suggestions

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer's Context is private
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002
        if cmd_name not in COMMANDS:
            return None
        command = get_command(import_module(COMMANDS[cmd_name][0]).app)
        command.name = cmd_name
        _share_options(command)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


def _share_options(command: Any) -> None:  # noqa: ANN401
    """Accept ``--profile`` and ``--verbose`` behind the command too, where people type them."""
    command.params.extend(
        [
            TyperOption(
                param_decls=["--profile"],
                metavar="NAME",
                help=PROFILE_HELP,
                expose_value=False,
                callback=_profile,
            ),
            TyperOption(
                param_decls=["--verbose"],
                is_flag=True,
                help=VERBOSE_HELP,
                expose_value=False,
                callback=_verbose,
            ),
        ]
    )
    for child in getattr(command, "commands", {}).values():
        _share_options(child)


def _profile(ctx: typer.Context, _parameter: object, name: str | None) -> None:
    if name is not None:
        ctx.obj.choose_profile(name)


def _verbose(ctx: typer.Context, _parameter: object, verbose: bool | None) -> None:  # noqa: FBT001 - Click's call
    if verbose:
        ctx.obj.console.verbose = True


def _version(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer's call
    if wanted:
        ctx.obj.console.result(f"awesome {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Door,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def awesome(
    ctx: typer.Context,
    *,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help=PROFILE_HELP)] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help=VERBOSE_HELP)] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Sign in once with any OpenID provider, then say hi all day."""
    _profile(ctx, None, profile)
    _verbose(ctx, None, verbose or version)


_ClickUsageError: Any = typer.BadParameter.__mro__[1]  # Typer vendors Click and exports its subclasses alone
