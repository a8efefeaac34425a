"""Shell completion for bash, zsh, fish and PowerShell, by Typer: the shell runs the program, which prints what fits."""

from __future__ import annotations

import codecs
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from typer._completion_classes import completion_init
from typer._completion_shared import Shells, _get_shell_name, get_completion_script, install

from awesome_cli.brand import Brand
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.options import options_of
from awesome_cli.errors import ConfigError, UsageError

completion_init()  # registers the shells with Typer's core; Typer's own options do it, and fail where one is unknown

POWERSHELLS = (Shells.powershell, Shells.pwsh)

# zsh loads the script when Tab is pressed for the first time. Typer's script then only registers the function that
# completes from then on, and leaves that first Tab without completions.
_ZSH_FIRST_TAB = """
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _{identifier}_completion "$@"
fi
"""


def require_completion_request(environ: Mapping[str, str], brand: Brand) -> None:
    """Raise UsageError, if the completion variable is set to what no shell sets: Typer would fail on it, or print it.

    Of all shells only bash must pass the words; without them the others complete the first word.
    """
    variable = brand.completion_variable
    request = environ.get(variable)
    has_words = "COMP_WORDS" in environ and re.fullmatch(r"\d{1,9}", environ.get("COMP_CWORD", ""), re.ASCII)
    requests = {f"{verb}_{shell.value}" for verb in ("complete", "source") for shell in Shells}
    if request and (request not in requests or (request == "complete_bash" and not has_words)):
        raise UsageError(
            f"{variable} is set, but not to a completion request of a supported shell.", hint=f"Unset {variable}."
        )


def completion_options(context: CommandContext) -> list[Any]:
    """Return the options that set completion up, or show how that is done."""

    def install(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer's call
        if wanted and not ctx.resilient_parsing:
            install_completion(context)
            raise typer.Exit

    def show(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - the same
        if wanted and not ctx.resilient_parsing:
            show_completion(context)
            raise typer.Exit

    def options(
        *,
        install_completion: bool = typer.Option(
            False,
            "--install-completion",
            callback=install,
            is_eager=True,
            help="Complete commands, options and profiles in this shell (bash, zsh, fish, PowerShell).",
        ),
        show_completion: bool = typer.Option(
            False, "--show-completion", callback=show, is_eager=True, help="Print what that would install."
        ),
    ) -> None: ...

    return options_of(options)


def replace_completion_options(command: Any, context: CommandContext) -> None:  # noqa: ANN401 - Click is private to Typer
    """Use our options instead of Typer's, if the command has these: they change PowerShell's execution policy."""
    ours = completion_options(context)
    spellings = {spelling for option in ours for spelling in option.opts}
    others = [parameter for parameter in command.params if not spellings & set(parameter.opts)]
    if len(others) < len(command.params):
        command.params = [*others, *ours]


def install_completion(context: CommandContext) -> None:
    """Set completion up in the start-up files of the shell that runs the program."""
    shell, brand = _shell(), context.brand
    try:
        if shell in POWERSHELLS:
            path = _install_in_powershell(shell, brand)
        else:
            _, path = install(shell=shell, prog_name=brand.name, complete_var=brand.completion_variable)
        if shell == Shells.zsh:
            path.write_bytes(f"{_script(shell, brand)}\n".encode())
    except OSError as error:
        raise ConfigError(
            f"Completion cannot be installed: {error.filename}: {error.strerror}.",
            hint="See what would be installed with: {program} --show-completion",
        ) from error
    context.console.note(f"Completion for {shell} is installed in {path}. Open a new terminal to use it.")
    if shell in POWERSHELLS:
        context.console.note("If scripts are disabled: Set-ExecutionPolicy RemoteSigned -Scope CurrentUser")


def _install_in_powershell(shell: str, brand: Brand) -> Path:
    """Add the script to PowerShell's profile, once. Typer adds it each time, and sets the policy to Unrestricted."""
    command = "[Console]::OutputEncoding = [Text.Encoding]::UTF8; $PROFILE"
    done = subprocess.run(  # noqa: S603 - the shell that runs the program
        [shell, "-NoProfile", "-Command", command], stdout=subprocess.PIPE, check=False
    )
    path = Path(done.stdout.decode("utf-8-sig", "replace").strip())
    if not path.is_absolute():
        raise ConfigError(
            f"Completion cannot be installed: {shell} does not say where its profile is.",
            hint="Add to your profile what this prints: {program} --show-completion",
        )
    profile = path.read_bytes() if path.exists() else b""
    encoding = "utf-16-le" if profile.startswith(codecs.BOM_UTF16_LE) else "ascii"  # >> $PROFILE writes UTF-16
    script = f"\n{_script(shell, brand)}\n".encode(encoding)
    if script not in profile:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(profile + script)
    return path


def show_completion(context: CommandContext) -> None:
    """Print what installing would set up."""
    context.console.result(_script(_shell(), context.brand))


def _script(shell: str, brand: Brand) -> str:
    script = get_completion_script(prog_name=brand.name, complete_var=brand.completion_variable, shell=shell)
    return (
        script + _ZSH_FIRST_TAB.replace("{identifier}", brand.name.replace("-", "_")) if shell == Shells.zsh else script
    )


def _shell() -> str:
    shell = _get_shell_name()
    if shell not in list(Shells):
        raise UsageError(
            f"Completion is for {', '.join(Shells)}, and this shell is {shell or 'unknown'}.",
            hint="Start one of them, and try again in it.",
        )
    return shell
