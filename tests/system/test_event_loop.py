"""The event loop: cancellation by signals, and name servers that do not respond."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import socket
import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from awesome_cli.errors import ResourceExhaustedError
from awesome_cli.system.deferred_signals import defer_signals
from awesome_cli.system.environment import run_on_asyncio
from awesome_cli.system.signals import EXIT_CODES, TerminatedError, end_on_signals
from support.requirements import POSIX

pytestmark = pytest.mark.usefixtures("handlers")


def test_the_result_is_returned() -> None:
    async def work() -> str:
        await anyio.lowlevel.checkpoint()
        return "done"

    assert run_on_asyncio(work) == "done"


@pytest.mark.parametrize("number", EXIT_CODES)
def test_a_signal_cancels_the_work_and_is_not_raised_inside_the_loop(number: int) -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            signal.raise_signal(number)
            seen.append("continues to the next await")
            await anyio.sleep_forever()
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    end_on_signals()
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else TerminatedError):
        run_on_asyncio(work)
    assert seen == ["continues to the next await", "CancelledError"]


def test_a_cancellation_without_a_signal_is_raised_unchanged() -> None:
    async def cancel() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_on_asyncio(cancel)


@POSIX
def test_a_signal_wakes_a_waiting_event_loop() -> None:
    end_on_signals()
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
    with pytest.raises(TerminatedError):  # noqa: PT012 - the signal must not come before
        timer.start()
        run_on_asyncio(anyio.sleep_forever)
    timer.join()


def test_a_signal_before_the_event_loop_starts_cancels_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    run = anyio.run

    def late(work: Any, **options: Any) -> Any:  # noqa: ANN401 - as anyio has it
        signal.raise_signal(signal.SIGINT)
        return run(work, **options)

    monkeypatch.setattr(anyio, "run", late)
    with pytest.raises(KeyboardInterrupt):
        run_on_asyncio(anyio.sleep_forever)


def test_a_deferred_signal_does_not_cancel_the_work() -> None:
    finished = []

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        await anyio.lowlevel.checkpoint()
        finished.append(True)

    with pytest.raises(KeyboardInterrupt), defer_signals():
        run_on_asyncio(work)
    assert finished


@pytest.mark.parametrize("number", EXIT_CODES)
def test_an_ignored_signal_does_not_cancel_the_work(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    end_on_signals()

    async def work() -> str:
        signal.raise_signal(number)
        await anyio.lowlevel.checkpoint()
        return "done"

    assert run_on_asyncio(work) == "done"


def test_an_event_loop_that_cannot_be_created_causes_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket, "socketpair", exhausted)
    with pytest.raises(ResourceExhaustedError):
        run_on_asyncio(anyio.sleep_forever)
    gc.collect()  # a destructor that fails is a warning, and warnings are errors


def test_a_name_server_that_does_not_respond_does_not_block_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()

    def silent(*_: object, **__: object) -> list[object]:
        answers.wait()
        return []

    async def work() -> None:
        with anyio.fail_after(0.05):
            await anyio.getaddrinfo("provider.example", 443)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with pytest.raises(TimeoutError):
        run_on_asyncio(work)
    answers.set()  # after the future was cancelled


@pytest.mark.parametrize("times_out", [False, True])
def test_a_name_is_resolved_or_given_up(times_out: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter
    asked, answers = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def late(*arguments: Any, **hints: Any) -> Any:  # noqa: ANN401 - as socket has them
        asked.set()
        answers.wait()
        return look_up(*arguments, **hints)

    async def work() -> str:
        with anyio.move_on_after(0.05 if times_out else 60):
            if not times_out:
                answers.set()
            return str((await anyio.getaddrinfo("127.0.0.1", 443))[0][4][0])
        answers.set()
        await anyio.sleep(0.05)  # the result comes after the future was cancelled
        return "too late"

    monkeypatch.setattr(socket, "getaddrinfo", late)
    assert run_on_asyncio(work) == ("too late" if times_out else "127.0.0.1")
    assert asked.is_set()


def test_a_name_that_cannot_be_resolved_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async def work() -> None:
        await anyio.getaddrinfo("provider.example", 443)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(socket.gaierror):
        run_on_asyncio(work)
