"""Other programs: started for a block, given a limited time to come up, and ended by the handle that started them."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

START_WITHIN = 30  # seconds; on a busy machine
_END_WITHIN = 2  # a KeePassXC that shows a question does not hear the signal


@contextlib.contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str] | None = None, *, first_input: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run the program while the block lasts; with ``first_input`` its standard input ends after that."""
    process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process, _ended(process):
        assert process.stdin
        if first_input is not None:
            process.stdin.write(first_input)
            process.stdin.close()
        yield process


@contextlib.contextmanager
def start_limit(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill the process, if the block takes too long: who waits for it to come up then waits no longer."""
    too_late = threading.Timer(START_WITHIN, process.kill)
    too_late.start()
    try:
        yield
    finally:
        too_late.cancel()


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait for the line that says that the program is up; what went wrong is on standard error."""
    assert process.stdout
    with start_limit(process):
        line = process.stdout.readline()
    assert line, f"{process.args!r} did not start"
    return line


@contextlib.contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
