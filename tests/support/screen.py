"""A real terminal for a program, without a window: a pseudo-terminal, and pyte, which interprets what is written."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import pyte

from support.processes import START_WITHIN

STEP = 0.05  # seconds between two looks at the terminal


class Screen:
    """One terminal with the program that runs in it, as its session leader.

    ``settings_before`` are the settings of the terminal before the program was started.
    """

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], columns: int, rows: int) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.output = b""
        self.settings_before = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            argv,
            env={"TERM": "xterm-256color", **environ},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no thread holds a lock here
        )
        self._theirs = theirs  # stays open, so that its settings can be read after the end

    @property
    def lines(self) -> list[str]:
        """What is visible, without the blanks at the end of lines and empty lines at the end."""
        self._read()
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def cursor_row(self) -> int:
        return self._screen.cursor.y

    def colour_of(self, text: str) -> str:
        """Return the colour of the first character of a visible text."""
        row = next(number for number, line in enumerate(self._screen.display) if text in line)
        return str(self._screen.buffer[row][self._screen.display[row].index(text)].fg)

    @property
    def settings(self) -> list[object]:
        """The settings of the terminal, as ``termios`` has them."""
        return termios.tcgetattr(self._theirs)

    @property
    def shows_keys(self) -> bool:
        """Whether the terminal shows what is typed, and passes it on by lines."""
        flags = termios.tcgetattr(self._theirs)[3]
        return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a file descriptor takes the place of another one
            os.dup2(nothing.fileno(), self._ours, inheritable=False)

    def wait_for(self, text: str) -> str:
        """Wait until a text is visible, and return all visible text."""
        return self._wait(lambda: text in self.text, f"{text!r} is not on the screen")

    def wait_until_gone(self, text: str) -> str:
        return self._wait(lambda: text not in self.text, f"{text!r} is still on the screen")

    def wait_until(self, is_reached: Callable[[], bool]) -> str:
        """Wait until a condition is true, such as one about the settings of the terminal."""
        return self._wait(is_reached, "the condition is not true")

    def wait(self) -> int:
        """Wait for the end of the program, and return its exit code."""
        self._wait(self._has_ended, "the program has not ended")
        return self.process.returncode

    def _has_ended(self) -> bool:
        self._read()  # a terminal whose output nobody reads stops the program
        return self.process.poll() is not None

    def _wait(self, is_reached: Callable[[], bool], problem: str) -> str:
        deadline = time.monotonic() + START_WITHIN
        while not is_reached():
            assert time.monotonic() < deadline, f"{problem}:\n{self.text}"
            time.sleep(STEP)
        return self.text

    def _read(self) -> None:
        while select.select([self._ours], [], [], 0)[0]:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # the program has ended
                return
            if not data:  # it was closed
                return
            self.output += data
            self._stream.feed(data)

    def close(self) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)


@contextmanager
def screen(argv: Sequence[str], environ: Mapping[str, str], *, columns: int = 80, rows: int = 24) -> Iterator[Screen]:
    """Run a program in a terminal of this size during the block."""
    opened = Screen(argv, environ, columns, rows)
    try:
        yield opened
    finally:
        opened.close()
