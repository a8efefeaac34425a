"""The only module that prints: results on stdout, everything else on stderr, strings from servers made safe."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

from awesome_cli.errors import AwesomeError, OutputLost
from awesome_cli.text import safe


class Console:
    """Two streams and the manners of using them."""

    def __init__(
        self,
        stdout: TextIO,
        stderr: TextIO,
        stdin: TextIO,
        environ: Mapping[str, str],
        *,
        verbose: bool = False,
    ) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._stdin = stdin
        self._environ = environ
        self.verbose = verbose

    @property
    def is_interactive(self) -> bool:
        """Whether a person is at both ends."""
        return self._stdin.isatty() and self._stderr.isatty()

    def result(self, text: str) -> None:
        """Print one line of result. Raises SystemExit, if whoever reads it has seen enough."""
        try:
            print(text, file=self._stdout, flush=True)
        except BrokenPipeError:
            raise SystemExit(0) from None
        except OSError as error:
            raise OutputLost(f"The output could not be written ({error.strerror}).") from error

    def json(self, document: Mapping[str, object] | Sequence[object]) -> None:
        """Print a JSON document for programs, in ASCII."""
        self.result(json.dumps(document, indent=2))

    def event(self, document: Mapping[str, object]) -> None:
        """Print one JSON line for programs, in ASCII."""
        self.result(json.dumps(document))

    def note(self, text: str = "") -> None:
        """Tell the person something on stderr."""
        with suppress(BrokenPipeError):
            print(text, file=self._stderr, flush=True)

    def warning(self, text: str) -> None:
        """Tell the person of something that is wrong and does not stop us."""
        self.note(f"Warning: {text}")

    def detail(self, text: str) -> None:
        """Tell a person who asked for details. Never a secret."""
        if self.verbose:
            self.note(f"  {safe(text, 400)}")

    def error(self, error: AwesomeError) -> None:
        """Say what happened and what to do."""
        self.note(f"Error: {error.sentence}")
        if error.hint:
            self.note(f"Hint: {error.hint}")
        if error.__cause__ is not None:
            self.detail(f"Cause: {type(error.__cause__).__name__}")

    def bug(self, error: Exception) -> None:
        """Own up to a mistake of ours. The error's words stay untold: they may quote what must not be shown."""
        self.note(f"Error: awesome has a bug: {type(error).__name__}.")
        self.note("Hint: Please report it, with what --verbose adds.")
        for frame in traceback.extract_tb(error.__traceback__):
            self.detail(f"{frame.filename}:{frame.lineno} in {frame.name}")

    def bold(self, text: str) -> str:
        """Return ``text`` so that it stands out on stderr, where that is a terminal that can."""
        plain = not self._stderr.isatty() or self._environ.get("NO_COLOR") or self._environ.get("TERM") == "dumb"
        return text if plain else f"\033[1m{text}\033[0m"

    def confirm(self, question: str) -> bool:
        """Ask a yes-or-no question; Enter is a yes, the end of input a no."""
        print(f"{question} [Y/n] ", end="", file=self._stderr, flush=True)
        answer = self._stdin.readline()
        return bool(answer) and answer.strip().lower() in ("", "y", "yes")


def rfc3339(instant: float) -> str:
    """Write an instant (seconds since the epoch) as RFC 3339 in UTC."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: float) -> str:
    """Write a duration for people."""
    if seconds < 120:  # noqa: PLR2004 - two minutes read better than 119 seconds
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes"
