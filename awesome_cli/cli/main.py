"""The door: every way in and every exit code. It opens no further than the command needs."""

from __future__ import annotations

import errno
import io
import os
import sys

from awesome_cli import __version__
from awesome_cli.brand import AWESOME, Brand

TYPE_CHECKING = False  # without an import, so that Ctrl-C finds next to nothing before run() is there to catch it
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from awesome_cli.system.environment import Environment

_LOST = {errno.ENOSPC, errno.EBADF}  # of an output that goes nowhere


def main(argv: Sequence[str], environment: Environment, brand: Brand = AWESOME) -> int:
    """Run one command in ``environment`` and return its exit code."""
    from contextlib import redirect_stderr, redirect_stdout

    from awesome_cli.cli.app import run_command
    from awesome_cli.cli.context import CommandContext
    from awesome_cli.errors import AwesomeError, OutputError
    from awesome_cli.system.exhaustion import exhausted
    from awesome_cli.system.files import restrict_write_access
    from awesome_cli.system.signals import WORDS

    context = CommandContext(environment, brand)
    for folder in (environment.config_dir, environment.state_dir, environment.cache_dir):
        restrict_write_access(folder, warn=context.console.warning)
    with (
        redirect_stdout(environment.stdout),
        redirect_stderr(environment.stderr),
    ):  # Typer prints its help to sys.stdout
        try:
            code = run_command(argv, context)
        except AwesomeError as error:
            context.console.error(error)
            return error.exit_code
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except Exception as error:  # noqa: BLE001 - the last door before a traceback
            if isinstance(error, OSError) and error.errno in _LOST:  # as when Typer prints its help
                context.console.error(OutputError(f"The output could not be written ({error.strerror})."))
            elif trouble := exhausted(error):
                context.console.error(trouble)
                return trouble.exit_code
            else:
                context.console.bug(error)
            return AwesomeError.exit_code
    if code in WORDS:
        context.console.say(WORDS[code])
    return code


def run() -> None:
    """Run the program and end the process: the console script."""
    sys.stdin, sys.stderr = (stream or _nowhere() for stream in (sys.stdin, sys.stderr))
    sys.stdout = sys.stdout or _closed()
    code = _handle_signals() or _run()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # said already, or a pipe whose reader has seen enough: Python need not complain at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _handle_signals() -> int:
    """Install the handler of signals, before anything else; return the exit code of a Ctrl-C that came meanwhile."""
    try:
        from awesome_cli.system.signals import end_on_signals
    except (KeyboardInterrupt, RuntimeError) as error:  # Python 3.11 makes the second of the first in __set_name__
        if isinstance(error, RuntimeError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        sys.stderr.write("Interrupted.\n")
        return 130
    end_on_signals()
    return 0


def _run() -> int:
    from awesome_cli.system.signals import TerminatedError, leave_signals_to_the_system, say

    try:
        code = _answer_at_once(sys.argv[1:])
        if code is None:
            code = _run_in_full()
        leave_signals_to_the_system()
    except (KeyboardInterrupt, TerminatedError) as end:  # outside of what main() catches
        leave_signals_to_the_system()
        code = end.exit_code if isinstance(end, TerminatedError) else 130
        say(code)
    return code


def _nowhere() -> TextIO:
    """Return what stands in for a stream that was closed before we came."""
    return open(os.devnull, "r+", encoding="utf-8")  # noqa: PTH123 - it stays open to the end


def _closed() -> TextIO:
    """Return what stands in for a closed stdout: a result that is written to it is lost, and that is an error."""
    return io.TextIOWrapper(open(os.open(os.devnull, os.O_RDONLY), "wb"), "utf-8")  # noqa: PTH123 - it stays open to the end


def _answer_at_once(argv: list[str]) -> int | None:
    """Answer what takes no parser, no HTTP and no search for a keyring; None if it takes any of them."""
    text = None
    if argv == ["--version"]:
        text = f"awesome {__version__}"
    elif argv in (["say-hi"], ["whoami"], ["whoami", "--json"]) and sys.platform == "linux":
        try:
            import time

            from awesome_cli.cli.fast_path import answer

            text = answer(argv, os.environ, AWESOME, now=time.time())  # noqa: TID251 - the door hands the world in
        except Exception:  # noqa: BLE001 - no thread or no memory: the full program says what is wrong
            return None
    if text is None or sys.stdout.encoding != "utf-8":
        return None
    try:
        data = f"{text}{os.linesep}".encode()
        while data:  # nothing stays in a buffer
            data = data[os.write(sys.stdout.fileno(), data) :]
    except (OSError, UnicodeEncodeError):
        return None  # the full program says what is wrong
    return 0


def _enable_escape_sequences() -> None:
    """Let a Windows console interpret escape sequences; cmd.exe's shows them as they are unless it is asked to."""
    if sys.platform == "win32":
        from ctypes import byref, c_ulong, windll

        for number in (-11, -12):  # STD_OUTPUT_HANDLE, STD_ERROR_HANDLE
            handle, mode = windll.kernel32.GetStdHandle(number), c_ulong()
            if windll.kernel32.GetConsoleMode(handle, byref(mode)):  # it is a console
                windll.kernel32.SetConsoleMode(handle, mode.value | 0x4)  # ENABLE_VIRTUAL_TERMINAL_PROCESSING


def _run_in_full() -> int:
    from awesome_cli.errors import AwesomeError, ConfigError
    from awesome_cli.system.exhaustion import exhausted  # here, because later there may be no memory left to import it

    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a name may not fit the locale
    _enable_escape_sequences()
    failure: AwesomeError | None
    try:
        from awesome_cli.system.environment import hide_token_from_children, system_environment

        hide_token_from_children(AWESOME)
        return main(sys.argv[1:], system_environment(AWESOME))
    except Exception as error:  # before main() was there to catch it
        failure = error if isinstance(error, ConfigError) else exhausted(error)
        if failure is None:
            raise
    from awesome_cli.hints import hint_for

    sys.stderr.write(f"Error: {failure.message}\nHint: {hint_for(failure, AWESOME)}\n")
    return failure.exit_code
