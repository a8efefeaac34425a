"""kill -9 around every change of the keyring, and at random times: each leaves a whole session or none."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from awesome_cli.sessions.model import Session
from awesome_cli.testing.issuer import ProviderSimulator
from support.process import ROUNDS, Program, wait
from support.provider import issuing_expired_tokens

KILLED = -9
AT_RANDOM = 10 * ROUNDS  # kills
AT_ONCE = 2  # processes; all programs share one lock, as they have the same provider and user

Outcomes = Counter[str]


def test_a_kill_around_any_keyring_change_of_a_refresh_leaves_a_valid_state(kills: Kills) -> None:
    outcomes = kills.kill_around_every_change("say-hi")
    assert outcomes.total() >= 22
    assert set(outcomes) == {"old session", "old session, then sign in again", "new session"}


def test_a_killed_refresh_recovers_if_the_provider_allows_an_overlap(kills: Kills) -> None:
    kills.issuer.overlap = 60
    outcomes = kills.kill_around_every_change("say-hi")
    assert outcomes.total() >= 22
    assert set(outcomes) == {"old session", "new session"}
    assert kills.issuer.reuses == 0


def test_a_kill_around_any_keyring_change_of_a_first_login_leaves_a_valid_state(kills: Kills) -> None:
    kills.signed_in = False
    outcomes = kills.kill_around_every_change("login")
    assert outcomes.total() >= 14
    assert set(outcomes) == {"no session", "new session"}


def test_a_kill_around_any_keyring_change_of_a_repeated_login_leaves_a_valid_state(kills: Kills) -> None:
    outcomes = kills.kill_around_every_change("login", "--force")
    assert outcomes.total() >= 22
    assert set(outcomes) == {"old session", "new session"}


def test_a_kill_around_any_keyring_change_of_a_logout_leaves_a_valid_state(kills: Kills) -> None:
    outcomes = kills.kill_around_every_change("logout")
    assert outcomes.total() >= 10
    assert set(outcomes) == {"old session, then sign in again", "no session"}


@pytest.mark.parametrize("overlap", [0, 60])
def test_a_kill_at_any_time_during_a_refresh_leaves_a_valid_state(kills: Kills, overlap: int) -> None:
    kills.issuer.overlap = overlap
    outcomes = kills.kill_at_random("say-hi", times=AT_RANDOM // 2)
    assert outcomes.total() == AT_RANDOM // 2
    again = {"old session, then sign in again"} if not overlap else set()
    assert set(outcomes) <= {"old session", "new session"} | again


@dataclass
class Kills:
    """Programs with homes of their own, which are killed and examined afterwards."""

    folder: Path
    issuer: ProviderSimulator
    signed_in: bool = True
    programs: int = 0

    def kill_around_every_change(self, *argv: str) -> Outcomes:
        reference = self.new_program()
        log = reference.home / "changes"
        assert reference.run(*argv, TEST_KEYRING_LOG=str(log)).code == 0
        changes = len(log.read_text().splitlines())
        signals = [f"SIGKILL {when} {number}" for number in range(1, changes + 1) for when in ("before", "after")]
        killed_programs = [(self.new_program(), signal) for signal in signals]
        before = [program.session() for program, _ in killed_programs]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ends = list(pool.map(lambda pair: pair[0].run(*argv, TEST_KEYRING_SIGNAL=pair[1]), killed_programs))
        assert {end.code for end in ends} == {KILLED}, [end for end in ends if end.code != KILLED]
        return Counter(self.outcome_of(program, old) for (program, _), old in zip(killed_programs, before, strict=True))

    def kill_at_random(self, *argv: str, times: int) -> Outcomes:
        random_delays = random.Random(times)  # noqa: S311 - not for secrets
        reference = self.new_program()
        started = time.monotonic()
        assert reference.run(*argv).code == 0
        duration = time.monotonic() - started
        outcomes: Outcomes = Counter()
        while outcomes.total() < times:
            program = self.new_program()
            old = program.session()
            process = program.start(*argv)
            time.sleep(random_delays.uniform(0, duration))
            process.kill()
            if wait(process).code == KILLED:
                outcomes[self.outcome_of(program, old)] += 1
        return outcomes

    def new_program(self) -> Program:
        """Return a program with an expired access token."""
        self.programs += 1
        folder = self.folder / str(self.programs)
        folder.mkdir()
        program = Program(folder).at(self.issuer.url, self.issuer.client_id)
        if self.signed_in:
            with issuing_expired_tokens(self.issuer):
                assert program.run_in_process("login").code == 0
        return program

    def outcome_of(self, program: Program, old: Session | None) -> str:
        """Examine what a killed process left, what the next command does with it, and that a logout removes it."""
        left = program.session()
        refreshes = self.issuer.refreshes
        end = program.run_in_process("say-hi")
        if left is None:
            outcome = "no session"
            assert end.code == 4
        elif old is None or left.access_token != old.access_token:
            outcome = "new session"
            assert (end.code, end.out) == (0, "Welcome Juan!\n")
            assert self.issuer.refreshes == refreshes
        else:
            outcome = "old session"
            if end.code:
                outcome += ", then sign in again"
                assert end.code == 4
                assert "awesome login" in end.err
                assert program.entries == {}
            else:
                assert end.out == "Welcome Juan!\n"
        assert program.run_in_process("logout").code == 0
        assert program.entries == {}
        return outcome


@pytest.fixture
def kills(tmp_path: Path, issuer: ProviderSimulator) -> Kills:
    issuer.person = {**issuer.person, "nickname": "j" * 2000}  # a session of several chunks
    return Kills(tmp_path, issuer)
