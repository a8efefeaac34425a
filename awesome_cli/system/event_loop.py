"""asyncio as the program runs it: neither a signal nor a name server that says nothing can hold it up."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, Protocol, TypeVar, cast

import anyio

from awesome_cli.errors import ProviderUnreachableError
from awesome_cli.system.exhaustion import exhausted

if sys.platform == "win32":
    SystemLoop = asyncio.ProactorEventLoop
else:
    SystemLoop = asyncio.SelectorEventLoop

T = TypeVar("T")


class Signals(Protocol):
    """Signals that wait. ``cancelled``: whether those that came cancel the work; ``on_cancel``: told when they do."""

    on_cancel: Callable[[], None]

    @property
    def cancelled(self) -> bool:
        """Whether the signals that came cancel the work."""


def run(work: Callable[[], Awaitable[T]], signals: Signals) -> T:
    """Run ``work``, and cancel it when the signals say so.

    Raised inside the loop, a signal could take away the very step that it was about to run, and leave it waiting for
    ever.
    Raises ProviderUnreachable, if it was cancelled; SystemExhausted, if the system has no more files or memory to give.
    """

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), cast("asyncio.Task[T]", asyncio.current_task())

        def cancel() -> None:
            task.cancel()
            loop.call_soon_threadsafe(lambda: None)  # it may be asleep

        before, signals.on_cancel = signals.on_cancel, cancel
        try:
            if signals.cancelled:  # before there was anything to cancel
                raise asyncio.CancelledError
            return await work()
        finally:
            signals.on_cancel = before

    try:
        return anyio.run(cancellable, backend_options={"loop_factory": _Loop})
    except asyncio.CancelledError:
        raise ProviderUnreachableError("A signal ended the conversation.") from None
    except Exception as error:
        trouble = exhausted(error)
        if trouble is None:
            raise
        raise trouble from error


class _Loop(SystemLoop):
    """Looks names up in threads that may be left behind; asyncio waits for its own, however silent a name server is."""

    def __init__(self) -> None:
        try:
            super().__init__()
        except OSError:
            asyncio.BaseEventLoop.close(self)  # else its destructor closes what was never opened, with a traceback
            raise

    async def getaddrinfo(self, host: Any, port: Any, **hints: int) -> list[Any]:  # noqa: ANN401 - as it comes
        found: asyncio.Future[list[Any]] = self.create_future()
        Thread(target=_look_up, args=(found, host, port, hints), daemon=True).start()
        return await found


def _look_up(found: asyncio.Future[list[Any]], host: Any, port: Any, hints: dict[str, int]) -> None:  # noqa: ANN401 - the same
    try:
        tell: Callable[[], None] = partial(found.set_result, socket.getaddrinfo(host, port, **hints))
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked shall have it
        tell = partial(found.set_exception, error)
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        found.get_loop().call_soon_threadsafe(lambda: None if found.done() else tell())
