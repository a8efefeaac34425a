"""Completion for bash, zsh, fish and PowerShell, by Typer's mechanism: the shell asks the program what fits."""

from __future__ import annotations

import codecs
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import typer
from typer._completion_classes import completion_init
from typer._completion_shared import Shells, _get_shell_name, get_completion_script, install

from awesome_cli.errors import AwesomeError, ConfigError, UsageError

completion_init()  # tells Typer's core how each shell asks; Typer's own options do it, and fail without an advice

QUESTION = "_AWESOME_COMPLETE"  # the variable in which a shell asks

POWERSHELLS = (Shells.powershell, Shells.pwsh)

# zsh loads the script when Tab is pressed for the first time. Typer's then says what answers from now on, and leaves
# that first Tab unanswered.
FIRST_TAB = """
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _awesome_completion "$@"
fi
"""


def require_completion_request(environ: Mapping[str, str]) -> None:
    """Raise UsageError, if the variable in which a shell asks holds what no shell asks: Typer would fail, or show it.

    Of all shells only bash has to tell its words; without them the others ask what fits the first word.
    """
    asked = environ.get(QUESTION)
    is_told = "COMP_WORDS" in environ and re.fullmatch(r"\d{1,9}", environ.get("COMP_CWORD", ""), re.ASCII)
    questions = {f"{verb}_{shell.value}" for verb in ("complete", "source") for shell in Shells}
    if asked and (asked not in questions or (asked == "complete_bash" and not is_told)):
        raise UsageError(
            f"{QUESTION} is set, but not to a completion request of a supported shell.",
            hint=f"Unset {QUESTION}.",
        )


def profile_names(ctx: typer.Context) -> list[str]:
    """Return what ``--profile`` can complete to. A shell that asks has no use for an error."""
    try:
        names: list[str] = ctx.obj.account.settings.names
    except AwesomeError:
        return []
    return names


def install_completion(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer's call
    """Set completion up in the start-up files of the shell that called us."""
    if not wanted or ctx.resilient_parsing:
        return
    shell = _shell()
    try:
        if shell in POWERSHELLS:
            path = _install_in_powershell(shell)
        else:
            _, path = install(shell=shell, prog_name="awesome", complete_var=QUESTION)
        if shell == Shells.zsh:
            path.write_bytes(f"{_script(shell)}\n".encode())
    except OSError as error:
        raise ConfigError(
            f"Completion cannot be installed: {error.filename}: {error.strerror}.",
            hint="See what would be installed with: {program} --show-completion",
        ) from error
    ctx.obj.console.note(f"Completion for {shell} is installed in {path}. Open a new terminal to use it.")
    if shell in POWERSHELLS:
        ctx.obj.console.note("If scripts are disabled: Set-ExecutionPolicy RemoteSigned -Scope CurrentUser")
    raise typer.Exit


def _install_in_powershell(shell: str) -> Path:
    """Add the script to PowerShell's profile once. Typer does it each time, and sets the policy to Unrestricted."""
    question = "[Console]::OutputEncoding = [Text.Encoding]::UTF8; $PROFILE"
    asked = subprocess.run(  # noqa: S603 - the shell that called us
        [shell, "-NoProfile", "-Command", question], stdout=subprocess.PIPE, check=False
    )
    path = Path(asked.stdout.decode("utf-8-sig", "replace").strip())
    if not path.is_absolute():
        raise ConfigError(
            f"Completion cannot be installed: {shell} does not say where its profile is.",
            hint="Add to your profile what this prints: {program} --show-completion",
        )
    profile = path.read_bytes() if path.exists() else b""
    encoding = (
        "utf-16-le" if profile.startswith(codecs.BOM_UTF16_LE) else "ascii"
    )  # the first is what >> $PROFILE makes
    script = f"\n{_script(shell)}\n".encode(encoding)
    if script not in profile:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(profile + script)
    return path


def show_completion(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer's call
    """Print what installing would set up."""
    if wanted and not ctx.resilient_parsing:
        ctx.obj.console.result(_script(_shell()))
        raise typer.Exit


def _script(shell: str) -> str:
    script = get_completion_script(prog_name="awesome", complete_var=QUESTION, shell=shell)
    return script + FIRST_TAB if shell == Shells.zsh else script


def _shell() -> str:
    shell = _get_shell_name()
    if shell not in list(Shells):
        raise UsageError(
            f"Completion is for {', '.join(Shells)}, and this shell is {shell or 'none that awesome knows'}.",
            hint="Start one of them, and try again in it.",
        )
    return shell
