"""Providers that take their time, and processes that are stopped meanwhile: nobody queues, and no session is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from awesome_cli.testing.hostile import HostileProvider, Normally
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import Chunk
from support.process import Program, wait
from support.provider import issuing_expired_tokens
from support.time_limits import within

AT_ONCE = 12
HURRIED = (
    "import sys, awesome_cli.provider.client as provider; provider.REFRESH_TIMEOUT = 2.0\n"
    "from awesome_cli.cli.main import run; sys.argv[0] = 'awesome'; run()"
)  # the program, in which a renewal takes 2 seconds at most


class WaitForRelease:
    """An act that responds when it is told to."""

    def __init__(self) -> None:
        self.requested = threading.Event()
        self.released = threading.Event()

    def play(self, normally: Normally) -> Iterator[Chunk]:
        self.requested.set()
        self.released.wait(60)
        yield normally()


@contextmanager
def held_response(provider: HostileProvider) -> Iterator[WaitForRelease]:
    act = WaitForRelease()
    provider.at("/token", act)
    try:
        yield act
    finally:
        act.released.set()


@pytest.fixture
def expired(program: Program, issuer: ProviderSimulator) -> Program:
    """A session whose access token has ended."""
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    return program


def test_nobody_queues_behind_a_provider_that_hangs(expired: Program, provider: HostileProvider) -> None:
    expired.is_measured = False
    with held_response(provider) as response:
        with within(12):
            processes = [expired.start("say-hi") for _ in range(AT_ONCE)]
            for process in processes:
                assert process.stdout
                assert process.stdout.readline() == "Welcome Juan!\n"
        time.sleep(1)  # those that need not wait have ended by now
        assert sum(process.poll() is None for process in processes) <= 1
        response.released.set()
        ends = [wait(process) for process in processes]
    assert {(end.code, end.out) for end in ends} == {(0, "")}
    assert all("This is from your last verified sign-in." in end.err for end in ends)
    assert expired.run("say-hi").err == ""
    assert (provider.issuer.refreshes, provider.issuer.reuses) == (1, 0)


def test_a_stopped_process_takes_the_answer_when_it_goes_on(expired: Program, provider: HostileProvider) -> None:
    """As after Ctrl-Z, or while a container is paused: the answer lies in the socket, and its time is over."""
    with held_response(provider) as response:
        process = expired.start_python("-c", HURRIED, "token")
        assert response.requested.wait(30)
        process.send_signal(signal.SIGSTOP)
        response.released.set()
        time.sleep(4)
        process.send_signal(signal.SIGCONT)
        end = wait(process)
    session = expired.session()
    assert session
    assert (end.code, end.out) == (0, session.access_token + "\n")
    assert (provider.issuer.refreshes, provider.issuer.reuses) == (1, 0)


def test_a_stopped_process_holds_up_a_greeting_for_ten_seconds_at_most(
    expired: Program, provider: HostileProvider
) -> None:
    with held_response(provider) as response:
        process = expired.start("token")
        assert response.requested.wait(30)
        process.send_signal(signal.SIGSTOP)
        with within(12):
            end = expired.run("say-hi")
        assert (end.code, end.out) == (0, "Welcome Juan!\n")
        response.released.set()
        process.send_signal(signal.SIGCONT)
        assert wait(process).code == 0
    assert (provider.issuer.refreshes, provider.issuer.reuses) == (1, 0)
