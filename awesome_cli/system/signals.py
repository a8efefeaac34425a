"""The signals that end the program, with their exit codes, messages and handler.

It is the first module that the program imports, and imports next to nothing itself.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

SIGNALS = {
    "SIGINT": (130, "Interrupted."),
    "SIGBREAK": (130, "Interrupted."),  # Windows: Ctrl-Break, or a console window that is closed
    "SIGTERM": (143, "Terminated."),
    "SIGHUP": (129, "Hung up."),  # a terminal window that is closed, or an ssh connection that is lost
    "SIGQUIT": (131, "Quit."),
}  # exit code (128 + number, as shells report it) and message by signal; no system has all of them
MESSAGES = dict(SIGNALS.values())
EXIT_CODES: dict[int, int] = {
    getattr(signal, name): code for name, (code, _) in SIGNALS.items() if hasattr(signal, name)
}

_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"
_interrupted_imports = {"raise": False}  # what a signal does during an import


class TerminatedError(SystemExit):
    """A signal other than Ctrl-C asked the program to end."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def end_on_signals() -> None:
    """Handle each of the signals, except those that were ignored from the start, as ``nohup`` and ``trap ''`` do."""
    for number in EXIT_CODES:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def leave_signals_to_the_system() -> None:
    """Undo :func:`end_on_signals`: an exception that is raised during interpreter shutdown only prints a traceback."""
    for number in EXIT_CODES:
        if signal.getsignal(number) is end:
            signal.signal(number, signal.SIG_DFL)


def end(number: int, frame: FrameType | None) -> None:
    """Handle a signal: raise KeyboardInterrupt for Ctrl-C, TerminatedError for any other.

    During an import it exits at once instead. There an exception may be swallowed, leave the import lock held, or be
    replaced (Python 3.11: "Error calling __set_name__"). Nothing is lost: code that must not be interrupted uses
    :func:`.deferred_signals.defer_signals`. A program's own code may have something to clean up, so it gets the
    exception all the same, as in any Python program.
    """
    if not _interrupted_imports["raise"] and _is_importing(frame):
        try:
            say(EXIT_CODES[number])
        finally:
            os._exit(EXIT_CODES[number])
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise TerminatedError(EXIT_CODES[number])


def raise_during_imports() -> None:
    """Let signals raise their exceptions during imports too, from now on: a program's own code is going to run."""
    _interrupted_imports["raise"] = True


def say(code: int) -> None:
    """Write the message for an exit code to stderr."""
    try:
        sys.stderr.write(f"{MESSAGES[code]}\n")
        sys.stderr.flush()
    except OSError:
        pass  # the terminal was closed


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_SYSTEM:
            return True
        frame = frame.f_back
    return False
