"""What is outside: signals that wait, a browser that is opened quietly, folders of one's own."""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from awesome_cli.brand import AWESOME
from awesome_cli.errors import ProviderUnreachableError, ResourceExhaustedError
from awesome_cli.system.deferred_signals import defer_signals
from awesome_cli.system.environment import (
    hide_token_from_children,
    open_browser,
    run_on_asyncio,
    system_environment,
)
from awesome_cli.system.signals import CODES, TerminatedError, end_on_signals

pytestmark = pytest.mark.usefixtures("handlers")


def test_ctrl_c_waits_until_the_block_is_done() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), defer_signals():  # noqa: PT012 - it is about the block
        signal.raise_signal(signal.SIGINT)
        done = True
    assert done


def test_the_first_signal_has_its_way() -> None:
    end_on_signals()
    with pytest.raises(TerminatedError) as end, defer_signals():  # noqa: PT012 - the same
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert end.value.code == 143


def test_a_signal_wins_over_an_error() -> None:
    with pytest.raises(KeyboardInterrupt), defer_signals():  # noqa: PT012 - it is about the block
        signal.raise_signal(signal.SIGINT)
        raise LookupError


def test_without_a_signal_an_error_stays_what_it_is() -> None:
    with pytest.raises(LookupError), defer_signals():
        raise LookupError


def test_afterwards_signals_mean_what_they_meant() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with defer_signals():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_blocks_may_be_nested() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), defer_signals():  # noqa: PT012 - the same
        with defer_signals():
            signal.raise_signal(signal.SIGINT)
            reached.append("inner")
        reached.append("outer")
    assert reached == ["inner", "outer"]


def test_a_handler_that_is_not_pythons_is_left_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _: None)
    with defer_signals() as deferred:
        pass
    assert deferred.first == 0


def test_the_holder_is_told_once_of_the_first_signal() -> None:
    told: list[int] = []
    with pytest.raises(KeyboardInterrupt), defer_signals() as deferred:  # noqa: PT012 - the same
        deferred.on_first = lambda: told.append(deferred.first)
        assert told == []
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert told == [signal.SIGINT]


def test_the_holder_is_told_at_once_of_a_signal_that_came_before() -> None:
    told: list[int] = []
    with pytest.raises(KeyboardInterrupt), defer_signals() as deferred:  # noqa: PT012 - the same
        signal.raise_signal(signal.SIGINT)
        deferred.on_first = lambda: told.append(deferred.first)
        assert told == [signal.SIGINT]


def test_a_stream_that_is_being_written_to_when_a_signal_comes_is_no_error() -> None:
    def reentrant() -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    with pytest.raises(KeyboardInterrupt), defer_signals() as deferred:  # noqa: PT012 - the same
        deferred.on_first = reentrant
        signal.raise_signal(signal.SIGINT)


def test_the_wishes_of_an_inner_block_end_with_it() -> None:
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt), defer_signals() as outer:  # noqa: PT012 - the same
        outer.on_first = lambda: told.append("outer")
        with defer_signals() as inner:
            inner.on_first = lambda: told.append("inner")
            inner.skippable = True
            assert inner is outer
        assert not outer.skippable
        signal.raise_signal(signal.SIGINT)
    assert told == ["outer"]


def test_ctrl_c_pressed_twice_skips_what_can_be_skipped_and_the_program_goes_on() -> None:
    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        await anyio.sleep_forever()

    with defer_signals() as deferred:
        deferred.skippable = True
        with pytest.raises(ProviderUnreachableError):
            run_on_asyncio(work)
        assert deferred.skipped


def test_what_was_skipped_is_not_begun_again_in_the_same_block() -> None:
    with defer_signals() as deferred:
        deferred.skippable = True
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(ProviderUnreachableError):
            run_on_asyncio(anyio.sleep_forever)


def test_only_ctrl_c_skips() -> None:
    """A window that is closed may send SIGHUP twice: from the kernel, and from the shell."""
    end_on_signals()
    with pytest.raises(TerminatedError), defer_signals() as deferred:  # noqa: PT012 - the same
        deferred.skippable = True
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert not deferred.skipped


def test_nothing_is_skipped_where_nobody_said_that_it_can_be() -> None:
    with pytest.raises(KeyboardInterrupt), defer_signals() as deferred:  # noqa: PT012 - the same
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert not deferred.cancelled


def test_a_thread_has_no_signals_to_hold() -> None:
    def work() -> None:
        with defer_signals():
            entered.append(signal.getsignal(signal.SIGINT))

    entered: list[object] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [signal.getsignal(signal.SIGINT)]


def test_the_event_loop_runs_what_it_is_given() -> None:
    async def work() -> str:
        await anyio.lowlevel.checkpoint()
        return "done"

    assert run_on_asyncio(work) == "done"


@pytest.mark.parametrize("number", CODES)
def test_a_signal_cancels_what_the_event_loop_runs_and_is_never_raised_inside(number: int) -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            signal.raise_signal(number)
            seen.append("goes on to where it waits")
            await anyio.sleep_forever()
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    end_on_signals()
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else TerminatedError):
        run_on_asyncio(work)
    assert seen == ["goes on to where it waits", "CancelledError"]


def test_a_signal_wakes_an_event_loop_that_is_asleep() -> None:
    end_on_signals()
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
    with pytest.raises(TerminatedError):  # noqa: PT012 - the signal must not come before
        timer.start()
        run_on_asyncio(anyio.sleep_forever)
    timer.join()


def test_a_signal_before_the_event_loop_begins_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    run = anyio.run

    def late(work: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it is
        signal.raise_signal(signal.SIGINT)
        return run(work, **options)

    monkeypatch.setattr(anyio, "run", late)
    with pytest.raises(KeyboardInterrupt):
        run_on_asyncio(anyio.sleep_forever)


def test_a_signal_that_is_held_lets_the_event_loop_finish() -> None:
    finished = []

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        await anyio.lowlevel.checkpoint()
        finished.append(True)

    with pytest.raises(KeyboardInterrupt), defer_signals():
        run_on_asyncio(work)
    assert finished


@pytest.mark.parametrize("number", CODES)
def test_a_signal_that_is_ignored_stays_so(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    end_on_signals()

    async def work() -> str:
        signal.raise_signal(number)
        await anyio.lowlevel.checkpoint()
        return "done"

    assert run_on_asyncio(work) == "done"


def test_an_event_loop_that_cannot_be_made_leaves_nothing_to_complain_about(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket, "socketpair", exhausted)
    with pytest.raises(ResourceExhaustedError):
        run_on_asyncio(anyio.sleep_forever)
    gc.collect()  # a destructor that fails is a warning, and warnings are errors


def test_a_name_server_that_says_nothing_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
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
    answers.set()  # and whoever asked has gone


@pytest.mark.parametrize("hurry", [False, True])
def test_names_are_looked_up(hurry: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter
    asked, answers = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def late(*arguments: Any, **hints: Any) -> Any:  # noqa: ANN401 - as they come
        asked.set()
        answers.wait()
        return look_up(*arguments, **hints)

    async def work() -> str:
        with anyio.move_on_after(0.05 if hurry else 60):
            if not hurry:
                answers.set()
            return str((await anyio.getaddrinfo("127.0.0.1", 443))[0][4][0])
        answers.set()
        await anyio.sleep(0.05)  # the answer comes when nobody waits for it any more
        return "too late"

    monkeypatch.setattr(socket, "getaddrinfo", late)
    assert run_on_asyncio(work) == ("too late" if hurry else "127.0.0.1")
    assert asked.is_set()


def test_a_name_that_cannot_be_found_is_an_error_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async def work() -> None:
        await anyio.getaddrinfo("provider.example", 443)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(socket.gaierror):
        run_on_asyncio(work)


def test_the_real_world_is_the_systems() -> None:
    found = system_environment(AWESOME)
    assert found.stdout is sys.stdout
    assert found.config_dir.name == "awesome-cli"
    assert found.account_dirs[0].name == "awesome-cli"
    assert found.keyring is None
    assert found.transport is None


def test_the_given_token_is_kept_from_children_and_still_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awesome_cli.system.environment._hidden_variables", {})
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "s3cret")
    hide_token_from_children(AWESOME)
    hide_token_from_children(AWESOME)
    assert "AWESOME_ACCESS_TOKEN" not in os.environ
    assert system_environment(AWESOME).environ["AWESOME_ACCESS_TOKEN"] == "s3cret"
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "another")
    assert system_environment(AWESOME).environ["AWESOME_ACCESS_TOKEN"] == "another"


def test_the_library_leaves_its_callers_environment_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "s3cret")
    assert system_environment(AWESOME).environ["AWESOME_ACCESS_TOKEN"] == os.environ["AWESOME_ACCESS_TOKEN"] == "s3cret"


def test_the_repr_of_a_world_shows_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "s3cret")
    assert "s3cret" not in repr(system_environment(AWESOME))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """What was started, in the place of browsers."""
    started: list[tuple[list[str], dict[str, Any]]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda argv, **named: started.append((argv, named)))
    return started


def test_a_browser_is_opened_quietly_and_without_our_token(
    started: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "s3cret")
    assert open_browser("https://provider.example/activate", hidden="AWESOME_ACCESS_TOKEN")
    ((argv, named),) = started
    assert argv[-1] == "https://provider.example/activate"
    assert named["stdout"] == named["stderr"] == subprocess.DEVNULL
    assert "s3cret" not in named["env"].values()


def test_no_text_browser_takes_the_terminal(
    started: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not open_browser("https://provider.example/activate", hidden="AWESOME_ACCESS_TOKEN")
    assert started == []


def test_a_browser_that_cannot_be_started_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys, "executable", str(Path("/nonexistent/python")))
    assert not open_browser("https://provider.example/activate", hidden="AWESOME_ACCESS_TOKEN")
