"""Deferred signals: what waits for the end of the block, what is cancelled, and nested blocks."""

from __future__ import annotations

import signal
import threading

import anyio
import pytest

from awesome_cli.errors import ProviderUnreachableError
from awesome_cli.system.deferred_signals import defer_signals
from awesome_cli.system.environment import run_on_asyncio
from awesome_cli.system.signals import TerminatedError, end_on_signals

pytestmark = pytest.mark.usefixtures("handlers")


def test_a_signal_takes_effect_after_the_block() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), defer_signals():  # noqa: PT012 - the block is the subject
        signal.raise_signal(signal.SIGINT)
        done = True
    assert done


def test_the_first_signal_takes_effect() -> None:
    end_on_signals()
    with pytest.raises(TerminatedError) as end, defer_signals():  # noqa: PT012 - the block is the subject
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert end.value.code == 143


def test_a_signal_takes_precedence_over_an_error() -> None:
    with pytest.raises(KeyboardInterrupt), defer_signals():  # noqa: PT012 - the block is the subject
        signal.raise_signal(signal.SIGINT)
        raise LookupError


def test_an_error_without_a_signal_is_raised_unchanged() -> None:
    with pytest.raises(LookupError), defer_signals():
        raise LookupError


def test_the_handlers_are_restored_after_the_block() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with defer_signals():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_signal_in_a_nested_block_takes_effect_after_the_outer_one() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), defer_signals():  # noqa: PT012 - the block is the subject
        with defer_signals():
            signal.raise_signal(signal.SIGINT)
            reached.append("inner")
        reached.append("outer")
    assert reached == ["inner", "outer"]


def test_a_handler_that_was_not_installed_by_python_is_left_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _: None)
    with defer_signals() as deferred:
        pass
    assert deferred.first == 0


def test_on_first_is_called_once() -> None:
    calls: list[int] = []
    with pytest.raises(KeyboardInterrupt), defer_signals() as deferred:  # noqa: PT012 - the block is the subject
        deferred.on_first = lambda: calls.append(deferred.first)
        assert calls == []
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert calls == [signal.SIGINT]


def test_on_first_is_called_immediately_if_a_signal_came_before() -> None:
    calls: list[int] = []
    with pytest.raises(KeyboardInterrupt), defer_signals() as deferred:  # noqa: PT012 - the block is the subject
        signal.raise_signal(signal.SIGINT)
        deferred.on_first = lambda: calls.append(deferred.first)
        assert calls == [signal.SIGINT]


def test_a_reentrant_write_in_on_first_is_ignored() -> None:
    def reentrant() -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    with pytest.raises(KeyboardInterrupt), defer_signals() as deferred:  # noqa: PT012 - the block is the subject
        deferred.on_first = reentrant
        signal.raise_signal(signal.SIGINT)


def test_on_first_and_skippable_of_an_inner_block_end_with_it() -> None:
    calls: list[str] = []
    with pytest.raises(KeyboardInterrupt), defer_signals() as outer:  # noqa: PT012 - the block is the subject
        outer.on_first = lambda: calls.append("outer")
        with defer_signals() as inner:
            inner.on_first = lambda: calls.append("inner")
            inner.skippable = True
            assert inner is outer
        assert not outer.skippable
        signal.raise_signal(signal.SIGINT)
    assert calls == ["outer"]


def test_a_second_ctrl_c_cancels_a_skippable_block_and_the_program_continues() -> None:
    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        await anyio.sleep_forever()

    with defer_signals() as deferred:
        deferred.skippable = True
        with pytest.raises(ProviderUnreachableError):
            run_on_asyncio(work)
        assert deferred.skipped


def test_after_a_skip_nothing_else_runs_in_the_same_block() -> None:
    with defer_signals() as deferred:
        deferred.skippable = True
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(ProviderUnreachableError):
            run_on_asyncio(anyio.sleep_forever)


def test_a_second_signal_other_than_ctrl_c_does_not_skip() -> None:
    """A window that is closed may send SIGHUP twice: from the kernel, and from the shell."""
    end_on_signals()
    with pytest.raises(TerminatedError), defer_signals() as deferred:  # noqa: PT012 - the block is the subject
        deferred.skippable = True
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert not deferred.skipped


def test_a_second_ctrl_c_does_not_cancel_a_block_that_is_not_skippable() -> None:
    with pytest.raises(KeyboardInterrupt), defer_signals() as deferred:  # noqa: PT012 - the block is the subject
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert not deferred.cancelled


def test_in_another_thread_no_handler_is_changed() -> None:
    def work() -> None:
        with defer_signals():
            entered.append(signal.getsignal(signal.SIGINT))

    entered: list[object] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [signal.getsignal(signal.SIGINT)]
