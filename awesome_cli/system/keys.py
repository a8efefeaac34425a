"""Single keys that the user presses while the program does something else. Nothing waits for them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from awesome_cli.system.deferred_signals import defer_signals

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl
    import termios
    import tty

ReadKey = Callable[[], str | None]

MAX_KEY_BYTES = 8  # of a key, such as an arrow, or of a few that were pressed quickly; more is a text that was pasted


@contextmanager
def pressed_keys(stdin: TextIO) -> Iterator[ReadKey | None]:
    """Yield a function that returns the key that was pressed since its last call: an empty text if there is none.

    It returns None while keys cannot be read, as in the background. Yield None where they never can: stdin is no
    terminal, or this is a background process. During the block the terminal passes each key on without showing it;
    that is undone at the end, and while the process is stopped.
    """
    try:
        is_terminal, file = stdin.isatty(), stdin.fileno()
    except (OSError, ValueError):  # it has no file, or is closed
        is_terminal, file = False, -1
    if not is_terminal:
        yield None
    elif sys.platform == "win32":
        yield _read_windows_key
    elif threading.current_thread() is threading.main_thread() and _is_in_foreground(file):  # only it handles signals
        terminal = _KeyTerminal(file)
        try:
            terminal.open()
            yield terminal.read_key
        finally:
            with defer_signals():
                terminal.close()
    else:
        yield None


if sys.platform == "win32":

    def _read_windows_key() -> str:
        """Return the key. One without a character, such as an arrow, is a prefix and a letter, and is dropped.

        ``getwch`` keeps that letter where ``kbhit`` does not see it, so a French à could not be told from a prefix.
        """
        key = msvcrt.getch() if msvcrt.kbhit() else b""
        if key in (b"\x00", b"\xe0") and msvcrt.kbhit():
            msvcrt.getch()
            return ""
        return key.decode("ascii", "replace")

else:

    def _first_key(typed: bytes) -> str:
        """Return the first key. One without a character, such as an arrow, is a sequence that begins with Escape."""
        return "" if typed.startswith(b"\033") else typed[:1].decode("ascii", "replace")

    def _is_in_foreground(file: int) -> bool:
        """Whether this process may read from the terminal and change its settings; others are stopped if they do."""
        with suppress(OSError):  # it is not the terminal of this session, or is closed
            return os.tcgetpgrp(file) == os.getpgrp()
        return False

    class _KeyTerminal:
        """A POSIX terminal that passes on single keys. Ctrl-C and Ctrl-Z remain signals."""

        def __init__(self, file: int) -> None:
            self._file = file
            self._before: list[Any] | None = None  # the settings to be restored
            self._leaves_keys = False  # whether they are for the next program
            self._handles_stop = self._is_busy = self._is_stop_due = False

        def open(self) -> None:
            with self._undivided():
                if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:  # not ignored from the start
                    self._handles_stop = True
                    signal.signal(signal.SIGTSTP, self._stop)
                self._prepare()

        def close(self) -> None:
            with self._undivided():
                self._restore()
            if self._handles_stop:
                signal.signal(signal.SIGTSTP, signal.SIG_DFL)

        def read_key(self) -> str | None:
            """Return the key. A longer text is for the next program, such as the shell: it and what follows is left."""
            with self._undivided(), suppress(OSError):  # the terminal was closed
                if self._prepare():
                    waiting = self._count_keys()
                    if waiting <= MAX_KEY_BYTES:
                        return _first_key(os.read(self._file, waiting)) if waiting else ""
                    self._leaves_keys = True
                    self._restore()
            return None

        @contextmanager
        def _undivided(self) -> Iterator[None]:
            """Delay a stop until the block is done: when the process continues, it may be in the background."""
            self._is_busy = True
            try:
                yield
            finally:
                self._is_busy = False
                if self._is_stop_due:
                    self._stop()

        def _stop(self, *_: object) -> None:
            """Handle SIGTSTP: stop the process, if the system does; it does not where no shell could continue it."""
            self._is_stop_due = self._is_busy
            if self._is_busy:
                return
            self._restore()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            try:
                signal.raise_signal(signal.SIGTSTP)  # returns when the process continues
            finally:
                signal.signal(signal.SIGTSTP, self._stop)

        def _prepare(self) -> bool:
            """Return whether keys can be read now. A shell resets the terminal whenever it stops the process."""
            if self._leaves_keys or not _is_in_foreground(self._file):
                return False
            with suppress(termios.error):  # the terminal was closed
                settings = termios.tcgetattr(self._file)
                if settings[3] & (termios.ICANON | termios.ECHO):
                    self._before = self._before or settings  # the first are those of the user
                    tty.setcbreak(self._file, termios.TCSANOW)
                return True
            return False

        def _restore(self) -> None:
            if self._before is not None and _is_in_foreground(self._file):
                with suppress(termios.error):  # the terminal was closed
                    termios.tcsetattr(self._file, termios.TCSANOW, self._before)
                self._before = None

        def _count_keys(self) -> int:
            return int.from_bytes(fcntl.ioctl(self._file, termios.FIONREAD, bytes(4)), sys.byteorder)
