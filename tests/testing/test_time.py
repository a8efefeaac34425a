"""Virtual time: waiting takes none, worker threads are waited for, and a clock that is set disturbs no event loop."""

from __future__ import annotations

import asyncio
import threading
import time as real_time

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from awesome_cli.testing.time import START, VirtualTime

HOUR = 3600.0


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


def test_waiting_takes_no_time(time: VirtualTime) -> None:
    async def wait() -> float:
        with anyio.move_on_after(24 * HOUR):
            await anyio.sleep_forever()
        await asyncio.sleep(HOUR)
        return anyio.current_time()

    began = real_time.monotonic()
    assert time.run(wait) == 25 * HOUR
    assert real_time.monotonic() - began < HOUR
    assert time.now() == START + 25 * HOUR


def test_tasks_wake_in_the_order_of_their_times(time: VirtualTime) -> None:
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await anyio.sleep(seconds)
        woken.append(time.now() - START)

    async def wait() -> None:
        async with anyio.create_task_group() as tasks:
            for seconds in (3.0, 1.0, 2.0):
                tasks.start_soon(sleep, seconds)

    time.run(wait)
    assert woken == [1.0, 2.0, 3.0]


def test_a_clock_that_is_set_does_not_wake_anybody(time: VirtualTime) -> None:
    async def wait() -> float:
        time.pass_by(HOUR)
        await anyio.sleep(1)
        return anyio.current_time()

    assert time.run(wait) == 1.0
    assert time.now() == START + HOUR + 1


@pytest.mark.parametrize("in_thread", [anyio.to_thread.run_sync, asyncio.to_thread])
def test_a_worker_thread_that_runs_is_waited_for(time: VirtualTime, in_thread: object) -> None:
    release = threading.Event()

    async def wait() -> list[str]:
        order: list[str] = []

        async def in_background() -> None:
            await in_thread(release.wait)  # type: ignore[operator]  # one of the two above
            order.append("thread")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(in_background)
            await anyio.lowlevel.checkpoint()
            threading.Timer(0.05, release.set).start()
            await anyio.sleep(HOUR)
            order.append("sleep")
        return order

    assert time.run(wait) == ["thread", "sleep"]


def test_loops_in_other_threads_move_the_same_clock(time: VirtualTime) -> None:
    async def inner() -> None:
        await anyio.sleep(HOUR)

    async def outer() -> None:
        await anyio.sleep(HOUR)
        await anyio.to_thread.run_sync(time.run, inner)
        await anyio.sleep(HOUR)

    time.run(outer)
    assert time.now() == START + 3 * HOUR


def test_sockets_are_waited_for_in_real_time(time: VirtualTime) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        threading.Timer(0.1, loops[0].call_soon_threadsafe, [writer.close]).start()

    loops: list[asyncio.AbstractEventLoop] = []

    async def connect() -> bytes:
        loops.append(asyncio.get_running_loop())
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                return await asyncio.wait_for(reader.read(), 10)
            finally:
                writer.close()

    assert time.run(connect) == b""
    assert 0 < time.now() - START < 10
