"""The only module that prints: results on stdout, everything else on stderr.

Whatever is printed is made harmless here, wherever it comes from: a server, a variable, a file or an argument. What
exceptions there are can be seen from their names: JSON (which is ASCII), bytes of an API, and our own drawings.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import BinaryIO

from awesome_cli.brand import Brand
from awesome_cli.cli.format import json_document
from awesome_cli.errors import AwesomeError, OutputError
from awesome_cli.hints import hint_for
from awesome_cli.system.environment import Environment
from awesome_cli.text import safe, safe_line, safe_lines


class OutputClosedError(SystemExit):
    """Whoever reads our results has seen enough: an end like any other."""


class Console:
    """Two streams and the manners of using them."""

    def __init__(
        self,
        environment: Environment,
        brand: Brand,
    ) -> None:
        self._stdout = environment.stdout
        self._stderr = environment.stderr
        self._stdin = environment.stdin
        self._environ = environment.environ
        self._brand = brand
        self.verbose = self.quiet = False
        self.profile = ""  # as named on the command line
        self._said: set[str] = set()

    @property
    def is_interactive(self) -> bool:
        """Whether a person is at both ends."""
        return self._stdin.isatty() and self._stderr.isatty()

    @property
    def shows_results(self) -> bool:
        """Whether results go to a terminal, so that nothing but harmless text may."""
        return self._stdout.isatty()

    @property
    def is_plain(self) -> bool:
        """Whether stderr takes nothing but plain text: it is no terminal, or somebody wants it so."""
        wanted = self._environ.get("NO_COLOR") or self._environ.get("TERM") == "dumb"
        return bool(wanted) or not self._stderr.isatty()

    def shows(self, text: str) -> bool:
        """Whether stdout has all characters of ``text``."""
        try:
            text.encode(self._stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    @property
    def input(self) -> BinaryIO:
        """What is piped into the program."""
        return getattr(self._stdin, "buffer", None) or BytesIO(self._stdin.read().encode())

    def result(self, text: str, end: str = "\n") -> None:
        """Print text of result. Raises ReaderGone, if whoever reads it has seen enough."""
        self._deliver(safe_lines(text) + end)

    def lines(self, *texts: str) -> None:
        """Print each text as one line of result. Raises as :meth:`result` does."""
        self._deliver("".join(f"{safe_line(text)}\n" for text in texts))

    def _deliver(self, text: str) -> None:
        with _delivery():
            print(text, end="", file=self._stdout, flush=True)

    def data(self, chunk: bytes) -> None:
        """Print bytes of result as they are. Raises as :meth:`result` does."""
        pipe = getattr(self._stdout, "buffer", None)
        if pipe is None:  # a text stream without bytes below it
            self._deliver(chunk.decode("utf-8", "backslashreplace"))
            return
        with _delivery():
            pipe.write(chunk)
            pipe.flush()

    def json(self, document: Mapping[str, object] | Sequence[object]) -> None:
        """Print a JSON document for programs, in ASCII."""
        self._deliver(f"{json_document(document)}\n")

    def event(self, document: Mapping[str, object]) -> None:
        """Print one JSON line for a program that waits for it, in ASCII. Raises OutputLost, if it does not any more."""
        try:
            self._deliver(f"{json_document(document, indent=None)}\n")
        except OutputClosedError:
            raise OutputError("The program that read our events has ended.") from None

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows as columns."""
        rows = [[safe_line(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.lines("  ".join(cells).rstrip())

    def say(self, text: str, bold: str = "") -> None:
        """Tell the person on stderr what they must know, or do, whatever was asked for; ``bold`` stands out."""
        bold = safe_line(bold)
        self._tell(safe_lines(text) + (bold if self.is_plain or not bold else f"\033[1m{bold}\033[0m") + "\n")

    def draw(self, drawing: str) -> None:
        """Put a drawing of our own, with the terminal's controls in it, on stderr."""
        self._tell(f"{drawing}\n")

    def _tell(self, text: str) -> None:
        with suppress(OSError):  # nobody listens, or the disk is full: that ends no command
            print(text, end="", file=self._stderr, flush=True)

    def note(self, text: str = "") -> None:
        """Tell the person something on stderr, unless they asked for quiet."""
        if not self.quiet:
            self.say(text)

    def say_once(self, text: str) -> None:
        """Tell the person something, unless they have been told already."""
        if text not in self._said:
            self._said.add(text)
            self.say(text)

    def warning(self, text: str) -> None:
        """Tell the person, once, of something that is wrong and does not stop us."""
        self.say_once(safe_line(f"Warning: {text}"))

    def detail(self, text: str) -> None:
        """Tell a person who asked for details. Never a secret."""
        if self.verbose:
            self.say(f"  {safe(text, 400)}")

    def error(self, error: AwesomeError) -> None:
        """Say what happened and what to do."""
        self.say(safe_line(f"Error: {error.message}"))
        if hint := hint_for(error, self._brand, profile=self.profile):
            self.say(safe_line(f"Hint: {hint}"))
        if error.cause:
            self.detail(f"Cause: {error.cause}")

    def bug(self, error: Exception) -> None:
        """Own up to a mistake of ours. The error's words stay untold: they may quote what must not be shown."""
        self.say(f"Error: {self._brand.name} has a bug: {type(error).__name__}.")
        self.say("Hint: Please report it, with what --verbose adds.")
        for frame in traceback.extract_tb(error.__traceback__):
            self.detail(f"{frame.filename}:{frame.lineno} in {frame.name}")

    def confirm(self, question: str, *, default: bool = True) -> bool:
        """Ask a yes-or-no question; Enter is the default, the end of input a no."""
        answer = self._answer(f"{question} [{'Y/n' if default else 'y/N'}] ")
        return bool(answer) and answer.strip().lower() in ("y", "yes", *([""] if default else []))

    def ask(self, question: str) -> str:
        """Ask for a line of text; no answer is an empty one."""
        return safe(self._answer(f"{question}: "))

    def _answer(self, question: str) -> str:
        self._tell(safe_line(question))
        return self._stdin.readline()


@contextmanager
def _delivery() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise OutputClosedError(0) from None
    except OSError as error:
        raise OutputError(f"The output could not be written ({error.strerror}).") from error
