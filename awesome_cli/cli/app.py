"""The command group: which commands there are, and the options that all share. A command is imported when called."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from awesome_cli import __version__
from awesome_cli.cli.completion import install_completion, profile_names, require_completion_request, show_completion
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.options import examples
from awesome_cli.errors import UsageError
from awesome_cli.text import safe

# Module and first sentence of the help by name, so that listing the commands imports none of them.
COMMANDS = {
    "login": ("awesome_cli.cli.login", "Sign in once on this machine and keep the session in the keyring."),
    "say-hi": ("awesome_cli.cli.say_hi", 'Print "Welcome NAME!" for the person who is signed in.'),
    "whoami": ("awesome_cli.cli.whoami", "Say who is signed in, where, and until when."),
    "token": ("awesome_cli.cli.token", "Print a valid access token, renewed if need be, and nothing else."),
    "api": ("awesome_cli.cli.api", "Call your protected API with the access token."),
    "profiles": ("awesome_cli.cli.profiles", "List the profiles and who is signed in to each."),
    "doctor": ("awesome_cli.cli.doctor", "Check everything that a sign-in needs, and say what to do."),
    "logout": ("awesome_cli.cli.logout", "Sign out: revoke the tokens at the provider, then empty the keyring."),
    "demo": ("awesome_cli.cli.demo", "Run login to logout against the embedded provider."),
}

PROFILE_HELP = "The profile to use (default: AWESOME_PROFILE, else 'default')."
VERBOSE_HELP = "Tell more on stderr; never a secret."
QUIET_HELP = "Tell less on stderr: warnings, errors and what you must do."


def run_command(argv: Sequence[str], context: CommandContext) -> int:
    """Run one command and return its exit code. Raises AwesomeError."""
    program = context.brand.name
    require_completion_request(context.environment.environ, context.brand)
    try:
        code = get_command(app).main(
            list(argv) or ["--help"], prog_name=program, standalone_mode=False, obj=context, windows_expand_args=False
        )
    except _ClickUsageError as error:
        where = error.ctx.command_path if error.ctx else program
        raise UsageError(safe(error.format_message(), 400), hint=f"See: {where} --help") from error
    return code if isinstance(code, int) else 0


class _CommandGroup(TyperGroup):
    """Knows the commands by name and imports the one that is called."""

    def __init__(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401 - Typer's own signature
        super().__init__(*args, **attributes)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # names for listing and suggestions

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer's Context is private
        return [*COMMANDS, *_plugins().packages(COMMANDS)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - the same
        own = COMMANDS.get(cmd_name)
        app = import_module(own[0]).app if own else _plugins().load(cmd_name)
        if app is None:
            return None
        command = get_command(app)
        command.name = cmd_name
        _add_common_options(command)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - the same
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])
        others = _plugins().packages(COMMANDS)
        if others:
            with formatter.section("Commands of other packages"):
                formatter.write_dl([(name, f"From {package}.") for name, package in others.items()])


def _plugins() -> Any:  # noqa: ANN401 - a module
    return import_module("awesome_cli.cli.plugins")  # late: to search all installed packages takes a while


def _add_common_options(command: Any) -> None:  # noqa: ANN401 - Click's Command is private to Typer
    """Accept the options of all commands after the command too, where people type them."""
    taken = {spelling for parameter in command.params for spelling in parameter.opts}
    common = (
        _option("--profile", help=PROFILE_HELP, callback=_profile, metavar="NAME", autocompletion=_complete_profile),
        _option("--verbose", help=VERBOSE_HELP, callback=_verbose, is_flag=True),
        _option("--quiet", "-q", help=QUIET_HELP, callback=_quiet, is_flag=True),
    )
    command.params.extend(option for option in common if not taken & set(option.opts))
    for child in getattr(command, "commands", {}).values():
        _add_common_options(child)


def _option(*spellings: str, **attributes: Any) -> TyperOption:  # noqa: ANN401 - Typer's own signature
    return TyperOption(param_decls=[*spellings], expose_value=False, **attributes)


def _complete_profile(ctx: typer.Context, _args: object, _incomplete: object) -> list[str]:
    return [*profile_names(ctx)]


def _profile(ctx: typer.Context, _parameter: object, name: str | None) -> None:
    if name is not None:
        ctx.obj.choose_profile(name)


def _verbose(ctx: typer.Context, _parameter: object, verbose: bool | None) -> None:  # noqa: FBT001 - Click's call
    if verbose:
        ctx.obj.console.verbose = True


def _quiet(ctx: typer.Context, _parameter: object, quiet: bool | None) -> None:  # noqa: FBT001 - the same
    if quiet:
        ctx.obj.console.quiet = True


def _version(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer's call
    if wanted and not ctx.resilient_parsing:
        ctx.obj.console.result(f"{ctx.obj.brand.name} {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_CommandGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog=examples("awesome login", "awesome say-hi", "awesome --profile work whoami"))
def awesome(
    ctx: typer.Context,
    *,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help=PROFILE_HELP, autocompletion=profile_names)
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help=VERBOSE_HELP)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help=QUIET_HELP)] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    install_completion: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            callback=install_completion,
            is_eager=True,
            help="Complete commands, options and profiles in this shell (bash, zsh, fish, PowerShell).",
        ),
    ] = False,
    show_completion: Annotated[
        bool,
        typer.Option(
            "--show-completion", callback=show_completion, is_eager=True, help="Print what that would install."
        ),
    ] = False,
) -> None:
    """Sign in once with any OpenID provider, then say hi all day."""
    _profile(ctx, None, profile)
    _verbose(ctx, None, verbose)
    _quiet(ctx, None, quiet)
    del version, install_completion, show_completion  # their callbacks have done it


_ClickUsageError: Any = typer.BadParameter.__mro__[1]  # Typer vendors Click and exports its subclasses alone
