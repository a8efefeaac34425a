"""Runs other programs during a block, with a time limit for their start."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

START_WITHIN = 30  # seconds; on a busy machine
_END_WITHIN = 2  # seconds; KeePassXC ignores the signal while it shows a question


@contextlib.contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str] | None = None, *, first_input: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program during the block. With ``first_input``, its standard input is closed after that."""
    process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process, _terminating(process):
        assert process.stdin
        if first_input is not None:
            process.stdin.write(first_input)
            process.stdin.close()
        yield process


@contextlib.contextmanager
def started(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a program during the block, and yield the first line that it prints, which means that it has started.

    One that does not, as on a machine that stood still meanwhile, is started once more.
    """
    with contextlib.ExitStack() as stack:
        try:
            line = _first_line(stack.enter_context(running(command, environ)))
        except AssertionError:
            stack.close()
            line = _first_line(stack.enter_context(running(command, environ)))
        yield line


@contextlib.contextmanager
def start_limit(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill the process, if the block takes too long, which ends reading its output."""
    timer = threading.Timer(START_WITHIN, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    with start_limit(process):
        line = process.stdout.readline()
    assert line, f"{process.args!r} did not start"
    return line


@contextlib.contextmanager
def _terminating(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
