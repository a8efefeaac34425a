"""Signals and closed terminals: a refresh is completed first, everything else ends at once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from awesome_cli.oauth.token import refresh_form
from awesome_cli.system import signals
from awesome_cli.testing.grants import Request
from awesome_cli.testing.hostile import HostileProvider, Respond
from awesome_cli.testing.issuer import ProviderSimulator
from support.process import ROUNDS, TIMEOUT, Program, wait
from support.provider import delayed, issuing_expired_tokens
from support.time_limits import within

SIGNALS = {name: (code, f"{word}\n") for name, (code, word) in signals.SIGNALS.items() if name != "SIGBREAK"}
DELAY = 1.5  # seconds that the provider takes
AT_RANDOM = 5 * ROUNDS  # signals


@pytest.mark.parametrize("moment", ["before 1", "after 1", "before 3", "after 4"])
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_during_a_refresh_is_handled_after_the_tokens_are_stored(
    program: Program, issuer: ProviderSimulator, name: str, moment: str
) -> None:
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    old = program.session()
    end = program.run("token", TEST_KEYRING_SIGNAL=f"{name} {moment}")
    note = "Finishing the renewal (30 s at most), or the session could be lost ...\n"
    assert (end.code, end.out, end.err) == (SIGNALS[name][0], "", note + SIGNALS[name][1])
    new = program.session()
    assert old
    assert new
    assert new.refresh_token != old.refresh_token
    assert program.run_in_process("token").out == new.access_token + "\n"
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_during_a_failing_refresh_ends_the_program(
    program: Program, issuer: ProviderSimulator, provider: HostileProvider, name: str
) -> None:
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    requested = delayed(provider, "/token", 0.3, Respond(502))
    process = program.start("say-hi")
    assert requested.wait(TIMEOUT)
    process.send_signal(signal.Signals[name])
    end = wait(process)
    assert (end.code, end.out) == (SIGNALS[name][0], "")
    assert program.session()


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_ends_a_waiting_login_within_a_second(program: Program, issuer: ProviderSimulator, name: str) -> None:
    issuer.auto_approve = False
    issuer.interval = 60
    process = program.start("login", "--json")
    assert process.stdout
    assert json.loads(process.stdout.readline())["event"] == "device_code"
    with within(1):
        process.send_signal(signal.Signals[name])
        end = wait(process)
    assert (end.code, end.err.splitlines()[-1] + "\n") == SIGNALS[name]
    assert json.loads(end.out)["error"] == "interrupted"
    assert program.entries == {}


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("moment", [("before", 1), ("after", 3)])
def test_a_signal_while_a_session_is_stored_leaves_a_valid_session(
    program: Program, issuer: ProviderSimulator, name: str, moment: tuple[str, int]
) -> None:
    assert program.run_in_process("login").code == 0
    replaced = program.session()
    trial = 2 * len(program.entries)  # changes: the trial writes and deletes one chunk more than there are now
    issuer.person = {**issuer.person, "sub": "demo|eve"}
    when, number = moment
    end = program.run("login", "--force", "--json", TEST_KEYRING_SIGNAL=f"{name} {when} {trial + number}")
    assert end.code == SIGNALS[name][0]
    assert json.loads(end.out.splitlines()[-1])["event"] == "signed_in"
    assert "revoked" not in end.err
    assert program.run_in_process("say-hi").code == 0
    assert replaced
    response = issuer.respond(Request("POST", "/token", refresh_form(issuer.client_id, replaced.refresh_token or "")))
    assert response.error() == "invalid_grant"
    session = program.session()
    assert session
    userinfo = issuer.respond(Request("GET", "/userinfo", headers={"authorization": f"Bearer {session.access_token}"}))
    assert userinfo.ok


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_ends_a_process_that_waits_for_the_lock(
    program: Program, issuer: ProviderSimulator, name: str
) -> None:
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    with program.locked():
        waiting = program.start("say-hi")
        time.sleep(1)
        assert waiting.poll() is None
        waiting.send_signal(signal.Signals[name])
        assert wait(waiting).code == SIGNALS[name][0]
    assert issuer.refreshes == 0


def check_one_refresh(program: Program, issuer: ProviderSimulator) -> None:
    end = program.run_in_process("say-hi")
    assert (end.code, end.out) == (0, "Welcome Juan!\n")
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


@contextmanager
def refreshing_at_a_terminal(
    program: Program, issuer: ProviderSimulator, provider: HostileProvider
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Yield the process and its terminal once the refresh is requested; check afterwards that it was the only one."""
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    requested = delayed(provider, "/token", DELAY)
    with program.at_a_terminal("say-hi") as (process, terminal):
        assert requested.wait(TIMEOUT)
        yield process, terminal
    check_one_refresh(program, issuer)


def test_closing_the_terminal_during_a_refresh_keeps_the_session(
    program: Program, issuer: ProviderSimulator, provider: HostileProvider
) -> None:
    with refreshing_at_a_terminal(program, issuer, provider) as (process, terminal):
        os.close(terminal)
        assert process.wait(TIMEOUT) == 129


def test_the_quit_key_during_a_refresh_keeps_the_session(
    program: Program, issuer: ProviderSimulator, provider: HostileProvider
) -> None:
    with refreshing_at_a_terminal(program, issuer, provider) as (process, terminal):
        os.write(terminal, b"\x1c")  # Ctrl-\
        assert process.wait(TIMEOUT) == 131
        assert os.read(terminal, 1000).endswith(b"Quit.\r\n")
        os.close(terminal)


def test_closing_the_terminal_while_a_session_is_stored_leaves_a_valid_session(program: Program) -> None:
    first_chunk = "awesome-cli:default:a:0"
    with program.at_a_terminal("login", "--no-browser", TEST_KEYRING_DELAY="0.1") as (process, terminal):
        while "access_token" not in program.entries.get(first_chunk, ""):  # not the trial before
            assert process.poll() is None
            time.sleep(0.01)
        assert program.session() is None
        os.close(terminal)
        assert process.wait(TIMEOUT) == 129
    assert program.run_in_process("say-hi").out == "Welcome Juan!\n"


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_that_is_ignored_at_the_start_does_not_end_the_program(
    program: Program, issuer: ProviderSimulator, provider: HostileProvider, name: str
) -> None:
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    requested = delayed(provider, "/token", DELAY / 3)
    process = program.start_ignoring(name.removeprefix("SIG"), command="say-hi")
    assert requested.wait(TIMEOUT)
    process.send_signal(signal.Signals[name])
    end = wait(process)
    assert (end.code, end.out, end.err) == (0, "Welcome Juan!\n", "")
    check_one_refresh(program, issuer)


def test_a_second_ctrl_c_ends_a_logout_whose_provider_does_not_answer(
    program: Program, provider: HostileProvider
) -> None:
    assert program.run_in_process("login").code == 0
    requested = delayed(provider, "/revoke", DELAY * 2)
    process = program.start("logout")
    assert process.stderr
    assert requested.wait(TIMEOUT)
    with within(1):
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline().startswith("Finishing the sign-out: waiting for the provider,")
        process.send_signal(signal.SIGINT)
        end = wait(process)
    assert (end.code, program.entries) == (10, {})


STARTED = "import os; os.write(1, b'!'); from awesome_cli import awesome; awesome()"  # the interpreter has started


@pytest.mark.parametrize("argv", [("say-hi",), ("login", "--force"), ("profiles",), ("doctor",)], ids=" ".join)
def test_ctrl_c_at_any_time_ends_the_program_without_a_traceback(
    program: Program, issuer: ProviderSimulator, argv: tuple[str, ...]
) -> None:
    """Tracebacks of the interpreter's start, before it runs the program, cannot be prevented and are not counted."""
    program.is_measured = False
    random_delays = random.Random(AT_RANDOM)  # noqa: S311 - not for secrets
    assert program.run_in_process("login").code == 0
    started = time.monotonic()
    assert program.run(*argv).code == 0
    usual = time.monotonic() - started
    for _ in range(AT_RANDOM):
        if argv == ("say-hi",):
            program.expire_access_token()
        process = program.start_python("-c", STARTED, *argv)
        assert process.stdout
        assert process.stdout.read(1) == "!"
        time.sleep(random_delays.uniform(0, usual))
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=TIMEOUT / 4)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        if "Traceback" in err:
            assert "in run\n" not in err, err
        else:
            assert process.returncode in (0, 130, -signal.SIGINT), err
            assert "bug" not in err
    assert issuer.reuses == 0
    assert program.run_in_process("say-hi").code == 0
