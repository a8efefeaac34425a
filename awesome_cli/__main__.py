"""The door: every way in and every exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress

from awesome_cli.cli.app import run_command
from awesome_cli.cli.toolbox import Toolbox
from awesome_cli.errors import AwesomeError
from awesome_cli.world import World, end_on_sigterm, real_world

ENDS = {130: "Interrupted.", 143: "Terminated."}  # 128 + SIGINT and SIGTERM, as shells count


def main(argv: Sequence[str], world: World) -> int:
    """Run one command in ``world`` and return its exit code."""
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
            toolbox.console.bug(error)
            return AwesomeError.exit_code
    if code in ENDS:
        toolbox.console.note(ENDS[code])
    return code


def run() -> None:
    """Run the program and end the process: the console script."""
    end_on_sigterm()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a name may not fit the locale
    code = main(sys.argv[1:], real_world())
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.exit(code)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains of the pipe at its end
    sys.exit(code)


if __name__ == "__main__":
    run()
