"""Output of ``api``: the response as bytes for a pipe or as safe text for a terminal, and a progress bar."""

from __future__ import annotations

import codecs
import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from awesome_cli.errors import UsageError
from awesome_cli.oauth.response import json_value
from awesome_cli.text import safe, safe_lines

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from awesome_cli.api.client import ApiResponse
    from awesome_cli.cli.console import Console
    from awesome_cli.system.environment import Environment

MAX_FORMATTED = 1024 * 1024  # characters; longer JSON is printed as it arrives
MAX_HEADER = 8192  # characters of a header that are shown
SHOW_AFTER = 1.0  # seconds; a shorter transfer has no progress bar
REDRAW_AFTER = 0.1  # seconds


class TransferProgress:
    """A progress bar on stderr for a transfer that takes over a second, if the terminal can redraw a line."""

    def __init__(self, console: Console, environment: Environment) -> None:
        self._is_enabled = console.err.can_redraw and console.err.has_colours and not console.quiet
        self._environment = environment
        self._bar: tuple[Progress, TaskID] | None = None
        self._next_at: float | None = None

    def update(self, what: str, done: int, total: int | None) -> None:
        now = self._environment.now()
        if self._next_at is None:
            self._next_at = now + SHOW_AFTER
        elif self._is_enabled and now >= self._next_at:
            self._bar = self._bar or self._start()
            progress, task = self._bar
            progress.update(task, description=what, completed=done, total=total, refresh=True)
            self._next_at = now + REDRAW_AFTER

    def stop(self) -> None:
        if self._bar is not None:
            self._bar[0].stop()
        self._bar = self._next_at = None

    def _start(self) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=self._environment.stderr, _environ=self._environment.environ),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        progress.start()
        return progress, progress.add_task("")


class Output:
    """Prints responses; ``include`` adds the status line and headers."""

    def __init__(self, console: Console, environment: Environment, *, include: bool) -> None:
        self._console = console
        self._include = include
        self._progress = TransferProgress(console, environment)

    def on_upload(self, sent: int, total: int) -> None:
        self._progress.update("Uploading", sent, total)

    def start(self, response: ApiResponse) -> None:
        self._progress.stop()
        if self._include:
            lines = [f"{response.http_version} {response.status} {status_phrase(response.status)}"]
            lines += [f"{name}: {value}" for name, value in response.headers.multi_items()]
            self._console.result("".join(f"{safe(line, MAX_HEADER)}\n" for line in lines))

    def close(self) -> None:
        self._progress.stop()


class PipeOutput(Output):
    """Bytes as they arrive. A further page starts on a new line."""

    _last = b"\n"

    def start(self, response: ApiResponse) -> None:
        if self._last != b"\n":
            self._console.data(b"\n")
        super().start(response)
        self._received, self._total = 0, response.length

    def write(self, chunk: bytes) -> None:
        self._console.data(chunk)
        self._last = chunk[-1:] or self._last
        self._received += len(chunk)
        self._progress.update("Downloading", self._received, self._total)

    def finish(self) -> None:
        self._progress.stop()


class TerminalOutput(Output):
    """Text without control characters. JSON is formatted, unless it is longer than MAX_FORMATTED."""

    def start(self, response: ApiResponse) -> None:
        super().start(response)
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._json: str | None = "" if re.fullmatch(r"[\w.+-]+/(.+\+)?json", media_type) else None
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._last = "\n"

    def write(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            raise UsageError(
                "The response is binary, which a terminal cannot show.",
                hint="Send it elsewhere: {program} api ... > FILE",
            )
        if self._json is not None:
            self._json += text
            if len(self._json) <= MAX_FORMATTED:
                return
            text, self._json = self._json, None
        self._print(text)

    def finish(self) -> None:
        self.write(b"", final=True)
        if self._json is not None:
            self._print(_format(self._json))
        if self._last != "\n":
            self._console.result("")

    def _print(self, text: str) -> None:
        text = safe_lines(text)
        self._console.result(text, end="")
        self._last = text[-1:] or self._last


def _format(text: str) -> str:
    try:
        return json.dumps(json_value(text), indent=2, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return text


def status_phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "unknown"
