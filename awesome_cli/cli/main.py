"""Command-line entry point: run one command and turn its outcome into an exit code.

Modules are imported where they are needed, so that a command loads no more than it uses.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys

from awesome_cli.brand import Brand
from awesome_cli.cli.command_line import parse_command_line

TYPE_CHECKING = False  # without an import, so that little runs before run() can handle Ctrl-C
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn, TextIO

    from awesome_cli.cli.context import CommandContext, Definition
    from awesome_cli.system.environment import Environment

_OUTPUT_ERRORS = {errno.ENOSPC, errno.EBADF}
_OBJECTS_UNTIL_COLLECTION = 50_000  # created objects after which Python looks for garbage; its own default is 700


def main(argv: Sequence[str], program: Definition, environment: Environment | None = None) -> int:
    """Run one command of a program and return its exit code. ``environment`` is that of this process, if None."""
    return _run_command(argv, program, _context(program, environment))


def _context(program: Definition, environment: Environment | None = None) -> CommandContext:
    from awesome_cli.cli.context import CommandContext

    outer = program.context if environment is None else None
    return outer.nested() if outer else CommandContext(environment, program.brand)


def _run_command(argv: Sequence[str], program: Definition, context: CommandContext) -> int:
    from contextlib import ExitStack, redirect_stderr, redirect_stdout

    is_nested = program.context is not None
    context.program = program
    with ExitStack() as stack:
        if not context.is_system:  # Typer prints help to sys.stdout, and own commands print there
            stack.enter_context(redirect_stdout(context.environment.stdout))
            stack.enter_context(redirect_stderr(context.environment.stderr))
        stack.enter_context(program.running(context, is_command=True))
        return _exit_code(argv, program, context, is_nested=is_nested)


def _exit_code(argv: Sequence[str], program: Definition, context: CommandContext, *, is_nested: bool) -> int:
    """Run the command, report how it ended, and return its exit code. A nested one raises what a signal raised."""
    import signal

    from awesome_cli.cli.dispatch import exit_code, run_command
    from awesome_cli.errors import sole_error
    from awesome_cli.system.signals import EXIT_CODES, MESSAGES, TerminatedError

    interrupted: BaseException | None = None
    try:
        code = run_command(argv, context, program)
    except KeyboardInterrupt as error:
        code, interrupted = EXIT_CODES[signal.SIGINT], error
    except TerminatedError as error:
        code, interrupted = error.exit_code, error
    except SystemExit as end:
        code = exit_code(end.code)
    except BaseException as error:  # noqa: BLE001 - the last handler before a traceback
        if ours := sole_error(error):
            context.console.error(ours)
            return ours.exit_code
        return _report_unexpected(error, context)
    if interrupted and is_nested:
        raise interrupted
    if interrupted:
        context.console.say(MESSAGES[code])
    return code


def _report_unexpected(error: BaseException, context: CommandContext) -> int:
    from awesome_cli.errors import AwesomeError, OutputError
    from awesome_cli.system.exhaustion import exhausted

    if context.is_own_command:
        if not (isinstance(error, BrokenPipeError) and context.console.is_stdout_closed):
            context.console.traceback(error)
    elif isinstance(error, OSError) and error.errno in _OUTPUT_ERRORS:  # as when Typer prints help
        context.console.error(OutputError(f"The output could not be written ({error.strerror})."))
    elif exhaustion := exhausted(error):
        context.console.error(exhaustion)
        return exhaustion.exit_code
    else:
        context.console.bug(error)
    return AwesomeError.exit_code


def run(program: Definition, *, is_last: bool = False) -> NoReturn:
    """Run a program and end the process: the console script. ``is_last``: nothing follows it in the process.

    The garbage collector would take a tenth of a command's time, although imports create no garbage: it runs less often
    here. The end of the interpreter takes as long: it is left out where no imported module can rely on it.
    """
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTION)
    sys.stdin, sys.stderr = (stream or _null_stream() for stream in (sys.stdin, sys.stderr))
    sys.stdout = sys.stdout or _unwritable_stream()
    code = _handle_signals() or _run(program, is_last=is_last)
    for stream in (sys.stdout, sys.stderr):
        code = _flush(stream, code)
    if is_last and _is_nothing_left():
        os._exit(code)
    sys.exit(code)


def _is_nothing_left() -> bool:
    """Whether no module was imported that can have something done at the end of the process."""
    return {"atexit", "threading"}.isdisjoint(sys.modules)


def _flush(stream: TextIO, code: int) -> int:
    """Write what is still to be written; return the exit code, which is another one if output is lost unnoticed."""
    try:
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else Python reports it again at exit
        if code == 0 and stream is sys.stdout and not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"Error: The output could not be written ({error.strerror}).\n")
            return 1
    return code


def _handle_signals() -> int:
    """Install the signal handler, before anything else; return the exit code of a Ctrl-C during that."""
    try:
        from awesome_cli.system.signals import end_on_signals
    except (KeyboardInterrupt, RuntimeError) as error:  # Python 3.11 turns the first into the second in __set_name__
        if isinstance(error, RuntimeError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        sys.stderr.write("Interrupted.\n")
        return 130
    end_on_signals()
    return 0


def _run(program: Definition, *, is_last: bool) -> int:
    from awesome_cli.system.signals import TerminatedError, leave_signals_to_the_system, say

    try:
        code = 0 if _run_fast_path(sys.argv[1:], program.brand) else _run_full_program(program, is_last=is_last)
        leave_signals_to_the_system()
    except (KeyboardInterrupt, TerminatedError) as end:  # outside of what main() catches
        leave_signals_to_the_system()
        code = end.exit_code if isinstance(end, TerminatedError) else 130
        say(code)
    return code


def _null_stream() -> TextIO:
    """Return a replacement for a stream that was closed before the program started."""
    return open(os.devnull, "r+", encoding="utf-8")  # noqa: PTH123 - it stays open to the end


def _unwritable_stream() -> TextIO:
    """Return a replacement for a closed stdout: a result that is written to it is lost, and that is an error."""
    return io.TextIOWrapper(open(os.open(os.devnull, os.O_RDONLY), "wb"), "utf-8")  # noqa: PTH123 - it stays open


def _run_fast_path(argv: list[str], brand: Brand) -> bool:
    """Answer without a parser, an HTTP client or a keyring search; return whether the command needs none of them."""
    text = None
    if argv == ["--version"]:
        text = brand.version_line
    elif sys.platform == "linux" and (line := parse_command_line(argv, brand.commands)) is not None:
        try:
            import time

            from awesome_cli.cli.fast_path import answer

            environ = os.environ  # noqa: TID251 - passed on as an argument, as is the clock
            text = answer(line, environ, brand, now=time.time, stdout=sys.stdout)  # noqa: TID251 - the same
        except Exception:  # noqa: BLE001 - no thread or no memory: the full program reports it
            return False
    if text is None or sys.stdout.encoding != "utf-8":
        return False
    try:
        data = f"{text}{os.linesep}".encode()
        while data:  # unbuffered, so that an error is noticed here
            data = data[os.write(sys.stdout.fileno(), data) :]
    except (OSError, UnicodeEncodeError):
        return False
    return True


def _run_full_program(program: Definition, *, is_last: bool) -> int:
    from awesome_cli.hints import hint_for
    from awesome_cli.system.exhaustion import exhausted  # here, because later there may be no memory left to import it

    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may not fit the locale
    _enable_escape_sequences()
    try:
        from awesome_cli.system.hidden_variables import hide_token_from_children

        hide_token_from_children(program.brand)
        context = _context(program)
        code = _run_command(sys.argv[1:], program, context)
    except Exception as error:  # before main() could catch it
        failure = exhausted(error)
        if failure is None:
            raise
    else:
        if is_last and not context.is_own_command:  # own code may leave a file with a buffer in a reference cycle
            gc.freeze()  # nothing is left to clean up: spares the interpreter a search for garbage at its end
        return code
    sys.stderr.write(f"Error: {failure.message}\nHint: {hint_for(failure, program.brand)}\n")
    return failure.exit_code


def _enable_escape_sequences() -> None:
    """Let a Windows console interpret escape sequences; cmd.exe's shows them as text unless it is asked to."""
    if sys.platform == "win32":
        from ctypes import byref, c_ulong, windll

        for number in (-11, -12):  # STD_OUTPUT_HANDLE, STD_ERROR_HANDLE
            handle, mode = windll.kernel32.GetStdHandle(number), c_ulong()
            if windll.kernel32.GetConsoleMode(handle, byref(mode)):  # it is a console
                windll.kernel32.SetConsoleMode(handle, mode.value | 0x4)  # ENABLE_VIRTUAL_TERMINAL_PROCESSING
