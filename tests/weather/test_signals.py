"""Ctrl-C and SIGTERM: a renewal is finished first, anything else ends at once."""

from __future__ import annotations

import json
import signal
import time

import pytest

from awesome_cli.demo.issuer import Issuer
from awesome_cli.oauth.reply import Reply
from awesome_cli.oauth.token import refresh_form
from rigs.hurry import within
from rigs.machine import Machine, expired_from_the_start, wait

ENDS = {"SIGINT": (130, "Interrupted.\n"), "SIGTERM": (143, "Terminated.\n")}


@pytest.mark.parametrize("moment", ["before 1", "after 1", "before 3", "after 4"])
@pytest.mark.parametrize("name", ENDS)
def test_a_signal_waits_until_the_rotated_token_is_kept(
    machine: Machine, issuer: Issuer, name: str, moment: str
) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    old = machine.session()
    end = machine.run("token", ROUGH_SIGNAL=f"{name} {moment}")
    assert (end.code, end.out, end.err) == (ENDS[name][0], "", ENDS[name][1])
    new = machine.session()
    assert old
    assert new
    assert new.refresh_token != old.refresh_token
    assert machine.run("token").out == new.access_token + "\n"
    assert (issuer.refreshes, issuer.reuses) == (1, 0)


@pytest.mark.parametrize("name", ENDS)
def test_a_signal_that_came_while_the_provider_failed_is_not_forgotten(
    machine: Machine, issuer: Issuer, name: str
) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    answer = issuer.answer

    def slowly(*arguments: object, **named: object) -> Reply:
        process.send_signal(signal.Signals[name])
        time.sleep(0.2)
        answer(*arguments, **named)  # type: ignore[arg-type]  # handed on as they came
        return Reply(502)

    issuer.answer = slowly  # type: ignore[method-assign]  # a provider in trouble
    process = machine.start("say-hi")
    end = wait(process)
    assert (end.code, end.out) == (ENDS[name][0], "")
    assert machine.session()


@pytest.mark.parametrize("name", ENDS)
def test_a_login_that_waits_ends_within_a_second(machine: Machine, issuer: Issuer, name: str) -> None:
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
    machine: Machine, issuer: Issuer, name: str, moment: tuple[str, int]
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
def test_a_process_that_waits_for_the_lock_can_be_ended(machine: Machine, issuer: Issuer, name: str) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    with machine.locked():
        waiting = machine.start("say-hi")
        time.sleep(1)
        assert waiting.poll() is None
        waiting.send_signal(signal.Signals[name])
        assert wait(waiting).code == ENDS[name][0]
    assert issuer.refreshes == 0
