"""The door: every way in and every exit code. It opens no further than the command needs."""

from __future__ import annotations

import errno
import os
import sys

from awesome_cli import __version__

TYPE_CHECKING = False  # without an import, so that Ctrl-C finds next to nothing before run() is there to catch it
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from awesome_cli.world import World

_LOST = {errno.ENOSPC, errno.EBADF}  # of an output that goes nowhere

ENDS = {130: "Interrupted.", 143: "Terminated."}  # 128 + SIGINT and SIGTERM, as shells count


def main(argv: Sequence[str], world: World) -> int:
    """Run one command in ``world`` and return its exit code."""
    from contextlib import redirect_stderr, redirect_stdout

    from awesome_cli.cli.app import run_command
    from awesome_cli.cli.toolbox import Toolbox
    from awesome_cli.errors import AwesomeError, OutputLost

    toolbox = Toolbox(world)
    with redirect_stdout(world.stdout), redirect_stderr(world.stderr):  # Typer prints its help to sys.stdout
        try:
            code = run_command(argv, toolbox)
        except AwesomeError as error:
            toolbox.console.error(error)
            return error.exit_code
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except Exception as error:  # noqa: BLE001 - the last door before a traceback
            if isinstance(error, OSError) and error.errno in _LOST:  # as when Typer prints its help
                toolbox.console.error(OutputLost(f"The output could not be written ({error.strerror})."))
            else:
                toolbox.console.bug(error)
            return AwesomeError.exit_code
    if code in ENDS:
        toolbox.console.say(ENDS[code])
    return code


def run() -> None:
    """Run the program and end the process: the console script."""
    sys.stdin, sys.stderr = (stream or _nowhere() for stream in (sys.stdin, sys.stderr))
    sys.stdout = sys.stdout or _closed()
    try:
        code = _answer_at_once(sys.argv[1:])
        if code is None:
            code = _run_in_full()
    except KeyboardInterrupt:  # before main() was there to catch it
        sys.stderr.write(f"{ENDS[130]}\n")
        code = 130
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # said already, or a pipe whose reader has seen enough: Python need not complain at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _nowhere() -> TextIO:
    """Return what stands in for a stream that was closed before we came."""
    return open(os.devnull, "r+", encoding="utf-8")  # noqa: PTH123 - it stays open to the end


def _closed() -> TextIO:
    """Return what stands in for a closed stdout: a result that is written to it is lost, and that is an error."""
    return open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: PTH123 - it stays open to the end


def _answer_at_once(argv: list[str]) -> int | None:
    """Answer what takes no parser, no HTTP and no search for a keyring; None if it takes any of them."""
    text = None
    if argv == ["--version"]:
        text = f"awesome {__version__}"
    elif argv in (["say-hi"], ["whoami"], ["whoami", "--json"]) and sys.platform == "linux":
        import time

        from awesome_cli.fastlane import answer

        text = answer(argv, os.environ, now=time.time())  # noqa: TID251 - the door hands the world in
    if text is None or sys.stdout.encoding != "utf-8":
        return None
    try:
        data = f"{text}{os.linesep}".encode()
        while data:  # nothing stays in a buffer
            data = data[os.write(sys.stdout.fileno(), data) :]
    except (OSError, UnicodeEncodeError):
        return None  # the full program says what is wrong
    return 0


def _run_in_full() -> int:
    from awesome_cli.errors import ConfigError
    from awesome_cli.world import end_on_sigterm, keep_token_from_children, real_world

    end_on_sigterm()
    keep_token_from_children()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a name may not fit the locale
    try:
        world = real_world()
    except ConfigError as error:
        sys.stderr.write(f"Error: {error.sentence}\nHint: {error.hint}\n")
        return error.exit_code
    return main(sys.argv[1:], world)


if __name__ == "__main__":
    run()
