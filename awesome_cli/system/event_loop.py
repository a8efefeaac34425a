"""Runs async functions on asyncio, so that neither a signal nor a name server that does not respond can block it."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, TypeVar, cast

import anyio

from awesome_cli.errors import ProviderUnreachableError
from awesome_cli.system.deferred_signals import DeferredSignals
from awesome_cli.system.exhaustion import exhausted

if sys.platform == "win32":
    SystemLoop = asyncio.ProactorEventLoop
else:
    SystemLoop = asyncio.SelectorEventLoop

T = TypeVar("T")


def run(work: Callable[[], Awaitable[T]], signals: DeferredSignals) -> T:
    """Run ``work``, and cancel it when ``signals.cancelled`` becomes true.

    An exception that a signal handler raises inside the loop could replace the step that the loop was about to run,
    which then waits forever. Raises ProviderUnreachableError, if ``work`` was cancelled; ResourceExhaustedError, if
    the system has no more files or memory to give.
    """

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), cast("asyncio.Task[T]", asyncio.current_task())

        def cancel() -> None:
            task.cancel()
            loop.call_soon_threadsafe(lambda: None)  # wakes the loop, which may be waiting for a socket

        before, signals.on_cancel = signals.on_cancel, cancel
        try:
            if signals.cancelled:  # before on_cancel was set
                raise asyncio.CancelledError
            return await work()
        finally:
            signals.on_cancel = before

    try:
        return anyio.run(cancellable, backend_options={"loop_factory": _Loop})
    except asyncio.CancelledError:
        if not signals.cancelled:
            raise
        raise ProviderUnreachableError("A signal cancelled the request.") from None
    except Exception as error:
        exhaustion = exhausted(error)
        if exhaustion is None:
            raise
        raise exhaustion from error


class _Loop(SystemLoop):
    """Resolves names in daemon threads: asyncio waits for its own at exit, even if the name server never responds."""

    def __init__(self) -> None:
        try:
            super().__init__()
        except OSError:
            asyncio.BaseEventLoop.close(self)  # else __del__ closes sockets that were never opened, with a traceback
            raise

    async def getaddrinfo(self, host: bytes | str | None, port: bytes | str | int | None, **hints: int) -> list[Any]:
        future: asyncio.Future[list[Any]] = self.create_future()

        def resolve() -> None:
            try:
                finish: Callable[[], None] = partial(future.set_result, socket.getaddrinfo(host, port, **hints))
            except Exception as error:  # noqa: BLE001 - raised where the future is awaited
                finish = partial(future.set_exception, error)
            with suppress(RuntimeError):  # the loop is closed
                self.call_soon_threadsafe(lambda: None if future.done() else finish())

        Thread(target=resolve, daemon=True).start()
        return await future
