"""Virtual time for asyncio: it passes at once while an event loop waits, and stands still otherwise."""

from __future__ import annotations

import asyncio
import selectors
import time as real_time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar, TypeVarTuple, Unpack

import anyio
import anyio.to_thread

START = 1_800_000_000.0  # seconds since the epoch at which virtual time begins

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class VirtualTime:
    """A clock, and the event loops that move it. No sleep takes real time; a worker thread that runs is waited for."""

    def __init__(self) -> None:
        self.monotonic = 0.0  # seconds that passed while event loops waited
        self._ahead = 0.0

    def now(self) -> float:
        """Return seconds since the epoch."""
        return START + self._ahead + self.monotonic

    def pass_by(self, seconds: float) -> None:
        """Set the clock ahead. Event loops do not notice, as if the clock was set, or the machine was suspended."""
        self._ahead += seconds

    def run(self, work: Callable[[], Awaitable[T]], /) -> T:
        """Run an async function on asyncio."""

        async def run() -> T:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, _VirtualLoop)  # noqa: S101 - it is the one below
            loop.anyio_threads = anyio.to_thread.current_default_thread_limiter()
            return await work()

        return anyio.run(run, backend_options={"loop_factory": partial(_VirtualLoop, self)})


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._threads = 0
        self.anyio_threads: anyio.CapacityLimiter | None = None
        super().__init__(_VirtualSelector(self))

    def time(self) -> float:
        return self._time.monotonic

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[Unpack[Ts]], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        self._threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._count_down)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002 - asyncio's own limit
        self._threads += 1  # one more joins them
        try:
            await super().shutdown_default_executor()
        finally:
            self._threads -= 1

    def _count_down(self, _: object) -> None:
        self._threads -= 1

    @property
    def has_threads(self) -> bool:
        """Whether a worker thread runs, whose end cannot be foreseen."""
        return self._threads > 0 or (self.anyio_threads is not None and self.anyio_threads.borrowed_tokens > 0)

    def skip(self, seconds: float) -> None:
        self._time.monotonic += seconds


class _VirtualSelector(selectors.DefaultSelector):
    """Waits for worker threads, for sockets and pipes (in real time), and for what has no time limit."""

    def __init__(self, loop: _VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self._loop.has_threads:
            return super().select(None)
        if len(self.get_map()) > 1:  # beside what wakes the loop itself
            began = real_time.monotonic()
            ready = super().select(timeout)
            timeout = real_time.monotonic() - began
        self._loop.skip(timeout)
        return ready
