"""Many processes at once on one expired session: one renewal, and nobody is left behind."""

from __future__ import annotations

import itertools
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from awesome_cli.system.account_folders import account_folders
from awesome_cli.testing.issuer import ProviderSimulator
from support.machine import ROUNDS, Machine, expired_from_the_start, wait
from support.need import need
from support.oidc_provider import oidc_provider

AT_ONCE = 50
COMMANDS = (("say-hi",), ("token",), ("whoami", "--json"))


def test_fifty_commands_at_once_renew_once(machine: Machine, issuer: ProviderSimulator) -> None:
    machine.measured = False
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    old = machine.session()
    processes = [machine.start(*argv) for argv in itertools.islice(itertools.cycle(COMMANDS), AT_ONCE)]
    ends = [wait(process) for process in processes]
    assert [(end.code, end.said) for end in ends] == [(0, "")] * AT_ONCE
    assert (issuer.refreshes, issuer.reuses) == (1, 0)
    new = machine.session()
    assert old
    assert new
    assert new.access_token != old.access_token
    assert {end.out for end in ends[0::3]} == {"Welcome Juan!\n"}
    assert {end.out for end in ends[1::3]} == {new.access_token + "\n"}
    assert {json.loads(end.out)["name"] for end in ends[2::3]} == {"Juan"}


def test_fifty_commands_at_once_renew_once_at_a_certified_provider(tmp_path: Path) -> None:
    need("node", "node_modules")
    with oidc_provider(interval=1) as provider:
        machine = Machine(tmp_path, provider.issuer, provider.client_id, measured=False)
        login = machine.start("login", "--json")
        assert login.stdout
        code = json.loads(login.stdout.readline())
        provider.approve(code["verification_uri"], code["user_code"])
        assert wait(login).code == 0
        machine.let_the_access_token_end()
        processes = [machine.start(*argv) for argv in itertools.islice(itertools.cycle(COMMANDS), AT_ONCE)]
        assert {(end.code, end.said) for end in [wait(process) for process in processes]} == {(0, "")}
        assert provider.refreshes() == {200: 1}


def test_logins_at_once_prove_the_keyring_one_after_the_other(machine: Machine) -> None:
    machine.measured = False
    ends = [wait(process) for process in [machine.start("login", "--force", ROUGH_DELAY="0.01") for _ in range(8)]]
    assert {end.code for end in ends} == {0}, ends
    assert machine.run("say-hi").out == "Welcome Juan!\n"


def test_the_lock_of_a_killed_process_costs_nothing(machine: Machine, issuer: ProviderSimulator) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    with machine.locked():
        waiting = machine.start("say-hi")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
    assert wait(waiting).out == "Welcome Juan!\n"
    assert not Path(account_folders("awesome-cli")[0], f"{machine.lock_name}.lock").exists()


def test_a_login_that_waits_for_its_person_holds_nobody_up(machine: Machine, issuer: ProviderSimulator) -> None:
    with expired_from_the_start(issuer):
        assert machine.do("login").code == 0
    issuer.auto_approve = False
    login = machine.start("login", "--force", "--json")
    assert login.stdout
    code = json.loads(login.stdout.readline())
    assert machine.run("say-hi").out == "Welcome Juan!\n"
    assert issuer.refreshes == 1
    assert login.poll() is None
    assert issuer.approve(code["user_code"])
    assert wait(login).code == 0


def test_eight_renewals_with_nothing_in_common_but_the_keyring_ask_once(
    machine: Machine, issuer: ProviderSimulator, tmp_path: Path
) -> None:
    """Two terminals may differ in HOME, TMPDIR and all XDG folders, and still reach the same keyring."""
    for _ in range(ROUNDS):
        with expired_from_the_start(issuer):
            assert machine.do("login", "--force").code == 0
        asked = issuer.refreshes
        processes = []
        for number in range(8):
            elsewhere = tmp_path / f"elsewhere-{number}"
            elsewhere.mkdir(exist_ok=True)
            names = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
            apart = dict.fromkeys((*names, "XDG_RUNTIME_DIR"), str(elsewhere))
            processes.append(machine.start_python("-m", "awesome_cli", "token", variables=machine.variables() | apart))
        ends = [wait(process) for process in processes]
        session = machine.session()
        assert session
        assert {(end.code, end.out) for end in ends} == {(0, session.access_token + "\n")}, ends
        assert (issuer.refreshes - asked, issuer.reuses) == (1, 0)


@pytest.mark.parametrize("rival", [("logout",), ("login", "--force")])
def test_no_session_is_resurrected_by_a_renewal_that_races(
    machine: Machine, issuer: ProviderSimulator, rival: tuple[str, ...]
) -> None:
    for _ in range(ROUNDS):
        with expired_from_the_start(issuer):
            assert machine.do("login", "--force").code == 0
        commands = [("say-hi",), ("token",), rival, ("say-hi",), ("token",)]
        with ThreadPoolExecutor(len(commands)) as pool:
            ends = list(pool.map(lambda argv: machine.run(*argv), commands))
        assert ends[2].code == 0, ends[2].err
        assert {end.code for end in ends} <= {0, 4}
        session = machine.session()
        if rival == ("logout",):
            assert session is None
            assert machine.entries == {}
        else:
            assert session
            assert machine.run("token").out == session.access_token + "\n"
            assert {end.code for end in ends} == {0}
    assert issuer.reuses == 0
