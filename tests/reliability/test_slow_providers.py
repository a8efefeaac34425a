"""Slow providers, and processes that are stopped during a refresh."""

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
SHORT_TIMEOUT = (
    "import sys, awesome_cli.provider.client as provider; provider.REFRESH_TIMEOUT = 2.0\n"
    "from awesome_cli import awesome; sys.argv[0] = 'awesome'; awesome()"
)  # the program with a timeout of 2 seconds for a refresh


class WaitForRelease:
    """An act that responds after it is released."""

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
    """A session whose access token has expired."""
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    return program


def test_commands_do_not_wait_for_a_refresh_that_hangs(expired: Program, provider: HostileProvider) -> None:
    expired.is_measured = False
    with held_response(provider) as response:
        with within(12):
            processes = [expired.start("say-hi") for _ in range(AT_ONCE)]
            for process in processes:
                assert process.stdout
                assert process.stdout.readline() == "Welcome Juan!\n"
        time.sleep(1)  # processes that need not wait have ended by now
        assert sum(process.poll() is None for process in processes) <= 1
        response.released.set()
        ends = [wait(process) for process in processes]
    assert {(end.code, end.out) for end in ends} == {(0, "")}
    assert all("This is from your last verified sign-in." in end.err for end in ends)
    assert expired.run("say-hi").err == ""
    assert (provider.issuer.refreshes, provider.issuer.reuses) == (1, 0)


def test_a_process_stopped_during_a_refresh_uses_the_response_when_it_continues(
    expired: Program, provider: HostileProvider
) -> None:
    """As after Ctrl-Z, or in a paused container: the response is in the socket, and its timeout has passed."""
    with held_response(provider) as response:
        process = expired.start_python("-c", SHORT_TIMEOUT, "token")
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


def test_a_process_stopped_during_a_refresh_delays_a_greeting_for_ten_seconds_at_most(
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
