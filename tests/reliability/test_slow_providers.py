"""Providers that take their time, and processes that are stopped meanwhile: nobody queues, and no session is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from awesome_cli.oauth.response import Response
from awesome_cli.testing.issuer import ProviderSimulator
from support.hurry import within
from support.machine import Machine, expired_from_the_start, wait

AT_ONCE = 12
HURRIED = (
    "import sys, awesome_cli.provider.client as provider; provider.REFRESH_TIMEOUT = 2.0\n"
    "from awesome_cli.cli.main import run; sys.argv[0] = 'awesome'; run()"
)  # the program, in which a renewal takes 2 seconds at most


class Gate:
    """A provider that has been asked for new tokens, and gives them when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.opened = threading.Event()


@contextmanager
def _holding(issuer: ProviderSimulator) -> Iterator[Gate]:
    gate, answer = Gate(), issuer.answer

    def deferred(
        method: str, path: str, form: dict[str, str] | None = None, *rest: object, **named: object
    ) -> Response:
        if (form or {}).get("grant_type") == "refresh_token":
            gate.asked.set()
            gate.opened.wait(60)
        return answer(method, path, form, *rest, **named)  # type: ignore[arg-type]  # handed on as they came

    issuer.answer = deferred  # type: ignore[assignment]  # a slow provider
    try:
        yield gate
    finally:
        gate.opened.set()
        issuer.answer = answer  # type: ignore[method-assign]  # the same


@pytest.fixture
def expired(machine: Machine, issuer: ProviderSimulator) -> Machine:
    """A session whose access token has ended."""
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    return machine


def test_nobody_queues_behind_a_provider_that_hangs(expired: Machine, issuer: ProviderSimulator) -> None:
    expired.measured = False
    with _holding(issuer) as gate:
        with within(12):
            processes = [expired.start("say-hi") for _ in range(AT_ONCE)]
            for process in processes:
                assert process.stdout
                assert process.stdout.readline() == "Welcome Juan!\n"
        time.sleep(1)  # those that need not wait have ended by now
        assert sum(process.poll() is None for process in processes) <= 1
        gate.opened.set()
        ends = [wait(process) for process in processes]
    assert {(end.code, end.out) for end in ends} == {(0, "")}
    assert all("This is from your last verified sign-in." in end.err for end in ends)
    assert expired.run("say-hi").err == ""
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


def test_a_stopped_process_takes_the_answer_when_it_goes_on(expired: Machine, issuer: ProviderSimulator) -> None:
    """As after Ctrl-Z, or while a container is paused: the answer lies in the socket, and its time is over."""
    with _holding(issuer) as gate:
        process = expired.start_python("-c", HURRIED, "token")
        assert gate.asked.wait(30)
        process.send_signal(signal.SIGSTOP)
        gate.opened.set()
        time.sleep(4)
        process.send_signal(signal.SIGCONT)
        end = wait(process)
    session = expired.session()
    assert session
    assert (end.code, end.out) == (0, session.access_token + "\n")
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


def test_a_stopped_process_holds_up_a_greeting_for_ten_seconds_at_most(
    expired: Machine, issuer: ProviderSimulator
) -> None:
    with _holding(issuer) as gate:
        process = expired.start("token")
        assert gate.asked.wait(30)
        process.send_signal(signal.SIGSTOP)
        with within(12):
            end = expired.run("say-hi")
        assert (end.code, end.out) == (0, "Welcome Juan!\n")
        gate.opened.set()
        process.send_signal(signal.SIGCONT)
        assert wait(process).code == 0
    assert (issuer.refreshes, issuer.reuses) == (1, 0)
