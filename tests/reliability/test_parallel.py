"""Concurrent processes with one expired access token: one refresh, and all succeed."""

from __future__ import annotations

import itertools
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from awesome_cli.system.account_folders import account_folders
from awesome_cli.testing.issuer import ProviderSimulator
from support.oidc_provider import oidc_provider
from support.process import ROUNDS, Program, wait
from support.provider import issuing_expired_tokens
from support.requirements import require

AT_ONCE = 50
COMMANDS = (("say-hi",), ("token",), ("whoami", "--json"))


def test_fifty_concurrent_commands_refresh_once(program: Program, issuer: ProviderSimulator) -> None:
    program.is_measured = False
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    old = program.session()
    processes = [program.start(*argv) for argv in itertools.islice(itertools.cycle(COMMANDS), AT_ONCE)]
    ends = [wait(process) for process in processes]
    assert [(end.code, end.err_without_note) for end in ends] == [(0, "")] * AT_ONCE
    assert (issuer.refreshes, issuer.reuses) == (1, 0)
    new = program.session()
    assert old
    assert new
    assert new.access_token != old.access_token
    assert {end.out for end in ends[0::3]} == {"Welcome Juan!\n"}
    assert {end.out for end in ends[1::3]} == {new.access_token + "\n"}
    assert {json.loads(end.out)["name"] for end in ends[2::3]} == {"Juan"}


def test_fifty_concurrent_commands_refresh_once_at_a_certified_provider(tmp_path: Path) -> None:
    require("node", "node_modules")
    with oidc_provider(interval=1) as provider:
        program = Program(tmp_path).at(provider.issuer, provider.client_id)
        code, _ = program.sign_in(lambda code: provider.approve(code["verification_uri"], code["user_code"]))
        assert code == 0
        program.expire_access_token()
        processes = [program.start(*argv) for argv in itertools.islice(itertools.cycle(COMMANDS), AT_ONCE)]
        assert {(end.code, end.err_without_note) for end in [wait(process) for process in processes]} == {(0, "")}
        assert provider.refreshes() == {200: 1}


def test_concurrent_logins_succeed_with_a_slow_keyring(program: Program) -> None:
    program.is_measured = False
    ends = [
        wait(process) for process in [program.start("login", "--force", TEST_KEYRING_DELAY="0.01") for _ in range(8)]
    ]
    assert {end.code for end in ends} == {0}, ends
    assert program.run_in_process("say-hi").out == "Welcome Juan!\n"


def test_the_lock_of_a_killed_process_is_released(program: Program, issuer: ProviderSimulator) -> None:
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    with program.locked():
        waiting = program.start("say-hi")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
    assert wait(waiting).out == "Welcome Juan!\n"
    assert not Path(account_folders("awesome-cli")[0], f"{program.lock_name}.lock").exists()


def test_a_login_that_waits_for_approval_does_not_block_other_commands(
    program: Program, issuer: ProviderSimulator
) -> None:
    with issuing_expired_tokens(issuer):
        assert program.run_in_process("login").code == 0
    issuer.auto_approve = False
    login = program.start("login", "--force", "--json")
    assert login.stdout
    code = json.loads(login.stdout.readline())
    assert program.run_in_process("say-hi").out == "Welcome Juan!\n"
    assert issuer.refreshes == 1
    assert login.poll() is None
    assert issuer.approve(code["user_code"])
    assert wait(login).code == 0


def test_processes_with_different_environments_and_the_same_keyring_refresh_once(
    program: Program, issuer: ProviderSimulator, tmp_path: Path
) -> None:
    """Terminals of one user can differ in HOME, TMPDIR and all XDG folders."""
    for _ in range(ROUNDS):
        with issuing_expired_tokens(issuer):
            assert program.run_in_process("login", "--force").code == 0
        before = issuer.refreshes
        processes = []
        for number in range(8):
            elsewhere = tmp_path / f"elsewhere-{number}"
            elsewhere.mkdir(exist_ok=True)
            names = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
            apart = dict.fromkeys((*names, "XDG_RUNTIME_DIR"), str(elsewhere))
            processes.append(program.start("token", **apart))
        ends = [wait(process) for process in processes]
        session = program.session()
        assert session
        assert {(end.code, end.out) for end in ends} == {(0, session.access_token + "\n")}, ends
        assert (issuer.refreshes - before, issuer.reuses) == (1, 0)


@pytest.mark.parametrize("other", [("logout",), ("login", "--force")])
def test_a_concurrent_refresh_does_not_restore_a_removed_or_replaced_session(
    program: Program, issuer: ProviderSimulator, other: tuple[str, ...]
) -> None:
    for _ in range(ROUNDS):
        with issuing_expired_tokens(issuer):
            assert program.run_in_process("login", "--force").code == 0
        commands = [("say-hi",), ("token",), other, ("say-hi",), ("token",)]
        with ThreadPoolExecutor(len(commands)) as pool:
            ends = list(pool.map(lambda argv: program.run(*argv), commands))
        assert ends[2].code == 0, ends[2].err
        assert {end.code for end in ends} <= {0, 4}
        session = program.session()
        if other == ("logout",):
            assert session is None
            assert program.entries == {}
        else:
            assert session
            assert program.run_in_process("token").out == session.access_token + "\n"
            assert {end.code for end in ends} == {0}
    assert issuer.reuses == 0
