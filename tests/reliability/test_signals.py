"""Ctrl-C, SIGTERM, SIGQUIT, a closed window: a renewal is finished first, anything else ends at once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import refresh_form
from awesome_cli.system import signals
from awesome_cli.testing.issuer import ProviderSimulator
from support.hurry import within
from support.machine import ROUNDS, TIMEOUT, Machine, expired_from_the_start, wait

ENDS = {name: (code, f"{word}\n") for name, (code, word) in signals.ENDS.items() if name != "SIGBREAK"}
SLOWLY = 1.5  # seconds that the provider takes
AT_RANDOM = 5 * ROUNDS  # signals


@pytest.mark.parametrize("moment", ["before 1", "after 1", "before 3", "after 4"])
@pytest.mark.parametrize("name", ENDS)
def test_a_signal_waits_until_the_rotated_token_is_kept(
    machine: Machine, issuer: ProviderSimulator, name: str, moment: str
) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    old = machine.session()
    end = machine.run("token", ROUGH_SIGNAL=f"{name} {moment}")
    told = "Finishing the renewal (30 s at most), or the session could be lost ...\n"
    assert (end.code, end.out, end.err) == (ENDS[name][0], "", told + ENDS[name][1])
    new = machine.session()
    assert old
    assert new
    assert new.refresh_token != old.refresh_token
    assert machine.run("token").out == new.access_token + "\n"
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


@pytest.mark.parametrize("name", ENDS)
def test_a_signal_that_came_while_the_provider_failed_is_not_forgotten(
    machine: Machine, issuer: ProviderSimulator, name: str
) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    answer = issuer.answer

    def slowly(*arguments: object, **named: object) -> Response:
        process.send_signal(signal.Signals[name])
        time.sleep(0.2)
        answer(*arguments, **named)  # type: ignore[arg-type]  # handed on as they came
        return Response(502)

    issuer.answer = slowly  # type: ignore[method-assign]  # a provider in trouble
    process = machine.start("say-hi")
    end = wait(process)
    assert (end.code, end.out) == (ENDS[name][0], "")
    assert machine.session()


@pytest.mark.parametrize("name", ENDS)
def test_a_login_that_waits_ends_within_a_second(machine: Machine, issuer: ProviderSimulator, name: str) -> None:
    issuer.auto_approve = False
    issuer.interval = 60
    process = machine.start("login", "--json")
    assert process.stdout
    assert json.loads(process.stdout.readline())["event"] == "device_code"
    with within(1):
        process.send_signal(signal.Signals[name])
        end = wait(process)
    assert (end.code, end.err.splitlines()[-1] + "\n") == ENDS[name]
    assert json.loads(end.out)["error"] == "interrupted"
    assert machine.entries == {}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("moment", [("before", 1), ("after", 3)])
def test_a_signal_while_a_login_is_kept_leaves_a_session_that_works(
    machine: Machine, issuer: ProviderSimulator, name: str, moment: tuple[str, int]
) -> None:
    assert machine.do("login").code == 0
    replaced = machine.session()
    proof = 2 * len(machine.entries)  # changes: it writes and deletes one part more than there are now
    issuer.person = {**issuer.person, "sub": "demo|eve"}
    when, number = moment
    end = machine.run("login", "--force", "--json", ROUGH_SIGNAL=f"{name} {when} {proof + number}")
    assert end.code == ENDS[name][0]
    assert json.loads(end.out.splitlines()[-1])["event"] == "signed_in"
    assert "revoked" not in end.err
    assert machine.run("say-hi").code == 0
    assert replaced
    dead = issuer.answer("POST", "/token", refresh_form(issuer.client_id, replaced.refresh_token or ""))
    assert dead.error() == "invalid_grant"
    session = machine.session()
    assert session
    userinfo = issuer.answer("GET", "/userinfo", headers={"Authorization": f"Bearer {session.access_token}"})
    assert userinfo.ok


@pytest.mark.parametrize("name", ENDS)
def test_a_process_that_waits_for_the_lock_can_be_ended(machine: Machine, issuer: ProviderSimulator, name: str) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    with machine.locked():
        waiting = machine.start("say-hi")
        time.sleep(1)
        assert waiting.poll() is None
        waiting.send_signal(signal.Signals[name])
        assert wait(waiting).code == ENDS[name][0]
    assert issuer.refreshes == 0


@contextmanager
def slow(issuer: ProviderSimulator, path: str, seconds: float) -> Iterator[Event]:
    """Let the provider take its time at a path; the event is set as soon as it is asked there."""
    asked, answer = Event(), issuer.answer

    def slowly(method: str, where: str, *arguments: object, **named: object) -> Response:
        if where == path:
            asked.set()
            time.sleep(seconds)
        return answer(method, where, *arguments, **named)  # type: ignore[arg-type]  # handed on as they came

    issuer.answer = slowly  # type: ignore[method-assign, assignment]  # a provider far away
    try:
        yield asked
    finally:
        issuer.answer = answer  # type: ignore[method-assign]


def check_that_it_was_renewed_once(machine: Machine, issuer: ProviderSimulator) -> None:
    end = machine.run("say-hi")
    assert (end.code, end.out) == (0, "Welcome Juan!\n")
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


def test_a_window_that_is_closed_in_a_renewal_costs_no_session(machine: Machine, issuer: ProviderSimulator) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    with slow(issuer, "/token", SLOWLY) as asked, machine.at_a_terminal("say-hi") as (process, terminal):
        assert asked.wait(TIMEOUT)
        os.close(terminal)
        assert process.wait(TIMEOUT) == 129
    check_that_it_was_renewed_once(machine, issuer)


def test_a_key_that_quits_in_a_renewal_costs_no_session(machine: Machine, issuer: ProviderSimulator) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    with slow(issuer, "/token", SLOWLY) as asked, machine.at_a_terminal("say-hi") as (process, terminal):
        assert asked.wait(TIMEOUT)
        os.write(terminal, b"\x1c")  # Ctrl-\
        assert process.wait(TIMEOUT) == 131
        assert os.read(terminal, 1000).endswith(b"Quit.\r\n")
        os.close(terminal)
    check_that_it_was_renewed_once(machine, issuer)


def test_a_window_that_is_closed_while_a_login_is_kept_leaves_a_session_that_works(machine: Machine) -> None:
    first_part = "awesome-cli:default:a:0"
    with machine.at_a_terminal("login", "--no-browser", ROUGH_DELAY="0.1") as (process, terminal):
        while "access_token" not in machine.entries.get(first_part, ""):  # a rehearsal comes before
            assert process.poll() is None
            time.sleep(0.01)
        assert machine.session() is None
        os.close(terminal)
        assert process.wait(TIMEOUT) == 129
    assert machine.run("say-hi").out == "Welcome Juan!\n"


@pytest.mark.parametrize("name", ENDS)
def test_a_signal_that_was_ignored_at_the_start_does_not_end_the_program(
    machine: Machine, issuer: ProviderSimulator, name: str
) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    with slow(issuer, "/token", SLOWLY / 3) as asked:
        process = machine.start_ignoring(name.removeprefix("SIG"), command="say-hi")
        assert asked.wait(TIMEOUT)
        process.send_signal(signal.Signals[name])
        end = wait(process)
    assert (end.code, end.out, end.err) == (0, "Welcome Juan!\n", "")
    check_that_it_was_renewed_once(machine, issuer)


def test_ctrl_c_pressed_twice_ends_a_logout_at_a_provider_that_hangs(
    machine: Machine, issuer: ProviderSimulator
) -> None:
    assert machine.do("login").code == 0
    with slow(issuer, "/revoke", SLOWLY * 2) as asked:
        process = machine.start("logout")
        assert process.stderr
        assert asked.wait(TIMEOUT)
        with within(1):
            process.send_signal(signal.SIGINT)
            assert process.stderr.readline().startswith("Finishing the sign-out: waiting for the provider,")
            process.send_signal(signal.SIGINT)
            end = wait(process)
    assert (end.code, machine.entries) == (10, {})


BEGUN = "import os; os.write(1, b'!'); from awesome_cli.cli.main import run; run()"  # the interpreter has started


@pytest.mark.parametrize("argv", [("say-hi",), ("login", "--force"), ("profiles",), ("doctor",)], ids=" ".join)
def test_ctrl_c_at_any_instant_ends_the_program_without_a_traceback_of_ours(
    machine: Machine, issuer: ProviderSimulator, argv: tuple[str, ...]
) -> None:
    """Those of the interpreter's own start, before it runs any code of ours, cannot be helped, and are not counted."""
    machine.measured = False
    chance = random.Random(AT_RANDOM)  # noqa: S311 - chance, not secrecy
    assert machine.do("login").code == 0
    started = time.monotonic()
    assert machine.run(*argv).code == 0
    usual = time.monotonic() - started
    for _ in range(AT_RANDOM):
        if argv == ("say-hi",):
            machine.let_the_access_token_end()
        process = machine.start_python("-c", BEGUN, *argv)
        assert process.stdout
        assert process.stdout.read(1) == "!"
        time.sleep(chance.uniform(0, usual))
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
    assert machine.run("say-hi").code == 0
