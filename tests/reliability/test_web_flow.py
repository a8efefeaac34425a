"""Signals and kills during ``login --web``: it ends at once, its port is closed, and no session is half stored."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from awesome_cli.sessions.store import USUAL_CHUNKS
from awesome_cli.system import signals
from awesome_cli.testing.hostile import HostileProvider
from awesome_cli.testing.issuer import ProviderSimulator
from support.process import ROUNDS, TIMEOUT, Program, wait
from support.provider import delayed
from support.time_limits import within

SIGNALS = {name: code for name, (code, _) in signals.SIGNALS.items() if name != "SIGBREAK"}
DELAY = 5.0  # seconds that the provider would take
KILLED = -9
FIRST = 2 * (USUAL_CHUNKS + 1) + 1  # the change of the keyring that follows the trial: it stores tokens
LAST = FIRST + 2  # this one makes the session valid


@contextmanager
def login(program: Program, **environ: str) -> Iterator[tuple[subprocess.Popen[str], httpx.URL]]:
    """Start a login, and yield it with the URL that it waits at."""
    process = program.start("login", "--web", "--json", "--force", **environ)
    try:
        assert process.stdout
        event = json.loads(process.stdout.readline())
        assert event["event"] == "authorization"
        yield process, httpx.URL(event["url"])
    finally:
        process.kill()
        process.communicate()


@contextmanager
def visiting(url: httpx.URL) -> Iterator[Future[httpx.Response]]:
    """Approve in a browser meanwhile, which waits for the page."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(httpx.get, url, follow_redirects=True, trust_env=False, timeout=TIMEOUT)


def is_closed(url: httpx.URL) -> bool:
    """Whether nothing listens where the browser is to return."""
    redirect_uri = httpx.URL(url.params["redirect_uri"])
    with socket.socket() as client:
        return client.connect_ex((redirect_uri.host, redirect_uri.port)) != 0


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_ends_the_wait_within_a_second_and_closes_the_port(program: Program, name: str) -> None:
    with login(program) as (process, url):
        assert not is_closed(url)
        with within(1):
            process.send_signal(signal.Signals[name])
            end = wait(process)
        assert (end.code, json.loads(end.out)["error"]) == (SIGNALS[name], "interrupted")
        assert is_closed(url)
    assert program.entries == {}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_during_the_exchange_of_the_code_ends_the_login(
    program: Program, provider: HostileProvider, name: str
) -> None:
    requested = delayed(provider, "/token", DELAY)
    with login(program) as (process, url), visiting(url) as visit:
        assert requested.wait(TIMEOUT)
        with within(1):
            process.send_signal(signal.Signals[name])
            end = wait(process)
        assert (end.code, json.loads(end.out)["error"]) == (SIGNALS[name], "interrupted")
        assert is_closed(url)
        assert isinstance(visit.exception(), httpx.RemoteProtocolError)  # no page says that it worked
    assert program.entries == {}


def test_a_signal_while_the_tokens_are_validated_revokes_them(
    program: Program, provider: HostileProvider, issuer: ProviderSimulator
) -> None:
    issuer.slim_id_token = True  # so that userinfo is asked
    requested = delayed(provider, "/userinfo", DELAY)
    with login(program) as (process, url), visiting(url):
        assert requested.wait(TIMEOUT)
        assert issuer.active_grants == 1
        with within(1):
            process.send_signal(signal.SIGTERM)
            assert wait(process).code == 143
        assert is_closed(url)
    assert (program.entries, issuer.active_grants) == ({}, 0)


@pytest.mark.parametrize("attempt", range(ROUNDS))
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_right_after_the_page_waits_until_the_session_is_stored(
    program: Program,
    name: str,
    attempt: int,  # noqa: ARG001 - without this the window may be missed
) -> None:
    with login(program, TEST_KEYRING_DELAY="0.03") as (process, url), visiting(url) as visit:
        assert "You are signed in" in visit.result().text
        process.send_signal(signal.Signals[name])
        end = wait(process)
        assert (end.code, json.loads(end.out)["event"]) == (SIGNALS[name], "signed_in")
    assert "Finishing the sign-in ...\n" in end.err
    assert program.run_in_process("say-hi").out == "Welcome Juan!\n"


def test_a_signal_while_the_session_is_stored_leaves_it_complete(program: Program) -> None:
    with login(program, TEST_KEYRING_SIGNAL=f"SIGTERM after {FIRST}") as (process, url), visiting(url) as visit:
        assert "You are signed in" in visit.result().text
        end = wait(process)
        assert (end.code, json.loads(end.out)["event"]) == (143, "signed_in")
    assert program.session()
    assert program.run_in_process("say-hi").out == "Welcome Juan!\n"


def test_a_kill_during_the_wait_leaves_nothing(program: Program) -> None:
    with login(program) as (process, url):
        process.kill()
        assert process.wait(TIMEOUT) == KILLED
        assert is_closed(url)
    assert program.entries == {}
    assert program.run_in_process("say-hi").code == 4


def test_a_kill_during_the_exchange_leaves_nothing(program: Program, provider: HostileProvider) -> None:
    requested = delayed(provider, "/token", 0.3)
    with login(program) as (process, url), visiting(url) as visit:
        assert requested.wait(TIMEOUT)
        process.kill()
        assert process.wait(TIMEOUT) == KILLED
        assert visit.exception() is not None
    assert program.entries == {}
    assert program.run_in_process("say-hi").code == 4


@pytest.mark.parametrize(("moment", "code"), [(f"after {FIRST}", 4), (f"before {LAST}", 4), (f"after {LAST}", 0)])
def test_a_kill_while_the_session_is_stored_leaves_a_whole_one_or_none(
    program: Program, moment: str, code: int
) -> None:
    with login(program, TEST_KEYRING_SIGNAL=f"SIGKILL {moment}") as (process, url), visiting(url):
        assert process.wait(TIMEOUT) == KILLED
    assert (program.session() is None) == (code == 4)  # an incomplete one would be an error
    assert program.run_in_process("say-hi").code == code
    with login(program) as (process, url), visiting(url):
        assert process.wait(TIMEOUT) == 0
    assert program.run_in_process("say-hi").code == 0
