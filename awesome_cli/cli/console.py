"""Output: results on stdout, everything else on stderr.

No other module prints, except: main (what the fast path returns), dispatch (the text of ``sys.exit``), api_output (a
progress bar of rich).

Text is sanitized here, wherever it comes from: a server, a variable, a file or an argument. The exceptions are JSON
(which is ASCII), the bytes of an API response, and drawings of our own.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import BinaryIO, Protocol, TextIO

from awesome_cli.brand import Brand
from awesome_cli.cli.format import json_document
from awesome_cli.cli.layout import TextPart, table
from awesome_cli.cli.style import StreamStyle
from awesome_cli.errors import AwesomeError, OutputError
from awesome_cli.hints import hint_for
from awesome_cli.text import safe, safe_line, safe_lines

_AROUND_OWN_CODE = ("awesome_cli.", "typer.", "click.", "cyclopts.", "anyio.", "asyncio.", "importlib.", "contextlib")


class Streams(Protocol):
    """What the console needs of an :class:`.Environment`."""

    @property
    def environ(self) -> Mapping[str, str]: ...
    @property
    def stdin(self) -> TextIO: ...
    @property
    def stdout(self) -> TextIO: ...
    @property
    def stderr(self) -> TextIO: ...


class OutputClosedError(SystemExit):
    """The reader of our results has closed the pipe: a normal end, with exit code 0."""


class Console:
    """The three standard streams.

    ``profile`` is the profile that was named on the command line, or empty. ``out`` and ``err`` are how stdout and
    stderr show text.
    """

    def __init__(self, environment: Streams, brand: Brand) -> None:
        self._stdout = environment.stdout
        self._stderr = environment.stderr
        self._stdin = environment.stdin
        self._brand = brand
        plain = environment.environ.get(brand.variable("plain"), "")
        self.out = StreamStyle(self._stdout, environment.environ, plain=plain, program=brand.name)
        self.err = StreamStyle(self._stderr, environment.environ, plain=plain, program=brand.name)
        self.verbose = self.quiet = False
        self.profile = ""
        self._said: set[str] = set()
        self._has_live_line = False

    @property
    def is_interactive(self) -> bool:
        return self._stdin.isatty() and self._stderr.isatty()

    @property
    def stdout_is_terminal(self) -> bool:
        return self._stdout.isatty()

    @property
    def is_stdout_closed(self) -> bool:
        """Whether the reader of our results has closed the pipe, as far as the system can tell."""
        try:
            poll = select.poll()
            poll.register(self._stdout.fileno(), 0)
            return bool(poll.poll(0))
        except (AttributeError, OSError, ValueError):  # Windows; a stream in memory
            return False

    @property
    def input(self) -> BinaryIO:
        """The bytes of stdin."""
        return getattr(self._stdin, "buffer", None) or BytesIO(self._stdin.read().encode())

    def result(self, text: str, end: str = "\n") -> None:
        """Print a result. Raises OutputClosedError, if the reader has closed the pipe; OutputError."""
        self._write(safe_lines(text) + end)

    def paragraph(self, *parts: TextPart, indent: str = "") -> None:
        """Print a result in colours, on lines that fit into the terminal. Raises as :meth:`result` does."""
        self._write(self.out.paragraph(parts, indent))

    def data(self, chunk: bytes) -> None:
        """Print bytes of a result as they are. Raises as :meth:`result` does."""
        buffer = getattr(self._stdout, "buffer", None)
        if buffer is None:
            self._write(chunk.decode("utf-8", "backslashreplace"))
            return
        with _output_errors():
            buffer.write(chunk)
            buffer.flush()

    def json(self, document: Mapping[str, object] | Sequence[object]) -> None:
        """Print a JSON document for programs, in ASCII. Raises as :meth:`result` does."""
        self._write(f"{json_document(document)}\n")

    def event(self, document: Mapping[str, object]) -> None:
        """Print one JSON line in ASCII. Raises OutputError, also if the program that reads the events has ended."""
        try:
            self._write(f"{json_document(document, indent=None)}\n")
        except OutputClosedError:
            raise OutputError("The program that read our events has ended.") from None

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows, of which the first is the heading, as columns that fit. Raises as :meth:`result` does."""
        clean = [[safe_line(cell) for cell in row] for row in rows]
        heading, *lines = table(clean, self.out.columns, self.out.symbol("ellipsis"))
        self._write("".join(f"{line}\n" for line in (self.out.paint(heading, "dim"), *lines)))

    def say(self, text: str) -> None:
        """Print text on stderr with its own line ends, even with ``--quiet``."""
        self._tell(f"{safe_lines(text)}\n")

    def show(self, *parts: TextPart, indent: str = "") -> None:
        """Print a paragraph on stderr in colours, on lines that fit into the terminal, even with ``--quiet``."""
        self._tell(self.err.paragraph(parts, indent))

    def say_once(self, text: str) -> None:
        if self._is_new(text):
            self.show(text)

    def draw(self, drawing: str, end: str = "\n") -> None:
        """Print a drawing of our own on stderr; it may contain the terminal's control sequences."""
        self._tell(drawing + end)

    def note(self, *parts: TextPart, indent: str = "") -> None:
        """Print a note on stderr, unless ``--quiet`` was given."""
        if not self.quiet:
            self.show(*parts, indent=indent)

    def note_once(self, text: str) -> None:
        if not self.quiet:
            self.say_once(text)

    def live(self, *parts: TextPart) -> None:
        """Draw the last line of stderr anew, cut where the terminal ends; the next output erases it."""
        if not self.err.is_in_foreground:
            self._has_live_line = False  # the shell has written below it
        elif self.err.can_redraw and not self.quiet:
            self._tell(self.err.fitting_line(parts))
            self._has_live_line = True

    def erase_live(self) -> None:
        if self._has_live_line:
            self._tell("")

    def warning(self, text: str) -> None:
        """Print a warning, each only once."""
        if self._is_new(text):
            self._labelled("Warning: ", "warning", text)

    def detail(self, text: str) -> None:
        """Print details, if ``--verbose`` was given. They never contain a secret."""
        if self.verbose:
            self.show((f"  {safe(text, 400)}", "dim"), indent="    ")

    def error(self, error: AwesomeError) -> None:
        """Print the error and its hint."""
        self._labelled("Error: ", "error", error.message)
        if hint := hint_for(error, self._brand, profile=self.profile):
            self.show((f"Hint: {hint}", "dim"), indent=" " * len("Hint: "))
        if error.cause:
            self.detail(f"Cause: {error.cause}")

    def _is_new(self, text: str) -> bool:
        """Whether the text was not said before; it counts as said from now on."""
        is_new = text not in self._said
        self._said.add(text)
        return is_new

    def _labelled(self, label: str, role: str, text: str) -> None:
        self.show((label, role), text, indent=" " * len(label))

    def traceback(self, error: BaseException) -> None:
        """Print the traceback of an error in a program's own code, as Python does, without the frames around it."""
        from traceback import format_exception

        frames = error.__traceback__
        while frames and frames.tb_next and frames.tb_frame.f_globals.get("__name__", "").startswith(_AROUND_OWN_CODE):
            frames = frames.tb_next
        self.say("".join(format_exception(error.with_traceback(frames))).rstrip())

    def bug(self, error: BaseException) -> None:
        """Report an unexpected exception, without its text: it may quote a secret."""
        from traceback import extract_tb

        self.say(f"Error: {self._brand.name} has a bug: {type(error).__name__}.")
        self.say("Hint: Please report it, with what --verbose adds.")
        for frame in extract_tb(error.__traceback__):
            self.detail(f"{frame.filename}:{frame.lineno} in {frame.name}")

    def confirm(self, question: str, *, default: bool = True) -> bool:
        """Ask a yes-or-no question; Enter is the default, the end of input a no."""
        answer = self._ask(f"{question} [{'Y/n' if default else 'y/N'}]")
        return bool(answer) and answer.strip().lower() in ("y", "yes", *([""] if default else []))

    def ask(self, question: str) -> str:
        """Ask for a line of text; no answer is an empty one."""
        return safe(self._ask(f"{question}:"))

    def _ask(self, question: str) -> str:
        self._tell(f"{self.err.paragraph([question]).rstrip()} ")
        answer = ""
        try:
            answer = self._stdin.readline()
        finally:
            if not answer.endswith("\n"):  # Ctrl-C or Ctrl-D: what follows begins on a line of its own
                self._tell("\n")
        return answer

    def _write(self, text: str) -> None:
        self.erase_live()
        with _output_errors():
            print(text, end="", file=self._stdout, flush=True)

    def _tell(self, text: str) -> None:
        if self._has_live_line:
            self._has_live_line, text = False, f"\r\033[K{text}"
        with suppress(OSError):  # a closed stderr or a full disk does not end the command
            print(text, end="", file=self._stderr, flush=True)


@contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise OutputClosedError(0) from None
    except OSError as error:
        raise OutputError(f"The output could not be written ({error.strerror}).") from error
