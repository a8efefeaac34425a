"""kill -9 around every change of the keyring, and at any instant: every single one is accounted for."""

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
from support.machine import ROUNDS, Machine, expired_from_the_start, wait

KILLED = -9
AT_RANDOM = 10 * ROUNDS  # kills
AT_ONCE = 2  # processes; all machines share one lock, for they have one provider and one user

Outcomes = Counter[str]


def test_killed_around_every_change_of_a_renewal(scene: Scene) -> None:
    outcomes = scene.kill_around_every_change("say-hi")
    assert outcomes.total() >= 22
    assert set(outcomes) == {"old session", "old session, then sign in again", "new session"}


def test_with_overlap_at_the_provider_an_interrupted_renewal_recovers_by_itself(scene: Scene) -> None:
    scene.issuer.overlap = 60
    outcomes = scene.kill_around_every_change("say-hi")
    assert outcomes.total() >= 22
    assert set(outcomes) == {"old session", "new session"}
    assert scene.issuer.reuses == 0


def test_killed_around_every_change_of_a_first_login(scene: Scene) -> None:
    scene.signed_in = False
    outcomes = scene.kill_around_every_change("login")
    assert outcomes.total() >= 14
    assert set(outcomes) == {"no session", "new session"}


def test_killed_around_every_change_of_a_login_that_replaces_a_session(scene: Scene) -> None:
    outcomes = scene.kill_around_every_change("login", "--force")
    assert outcomes.total() >= 22
    assert set(outcomes) == {"old session", "new session"}


def test_killed_around_every_change_of_a_logout(scene: Scene) -> None:
    outcomes = scene.kill_around_every_change("logout")
    assert outcomes.total() >= 10
    assert set(outcomes) == {"old session, then sign in again", "no session"}


@pytest.mark.parametrize("overlap", [0, 60])
def test_killed_at_any_instant_of_a_renewal(scene: Scene, overlap: int) -> None:
    scene.issuer.overlap = overlap
    outcomes = scene.kill_at_random("say-hi", times=AT_RANDOM // 2)
    assert outcomes.total() == AT_RANDOM // 2
    again = {"old session, then sign in again"} if not overlap else set()
    assert set(outcomes) <= {"old session", "new session"} | again


@dataclass
class Scene:
    """Where machines are made, killed and looked at afterwards."""

    folder: Path
    issuer: ProviderSimulator
    signed_in: bool = True
    machines: int = 0

    def kill_around_every_change(self, *argv: str) -> Outcomes:
        undisturbed = self.machine()
        log = undisturbed.folder / "changes"
        assert undisturbed.run(*argv, ROUGH_LOG=str(log)).code == 0
        changes = len(log.read_text().splitlines())
        signals = [f"SIGKILL {when} {number}" for number in range(1, changes + 1) for when in ("before", "after")]
        victims = [(self.machine(), signal) for signal in signals]
        before = [machine.session() for machine, _ in victims]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ends = list(pool.map(lambda victim: victim[0].run(*argv, ROUGH_SIGNAL=victim[1]), victims))
        assert {end.code for end in ends} == {KILLED}, [end for end in ends if end.code != KILLED]
        return Counter(self.account_for(machine, old) for (machine, _), old in zip(victims, before, strict=True))

    def kill_at_random(self, *argv: str, times: int) -> Outcomes:
        chance = random.Random(times)  # noqa: S311 - chance, not secrecy
        undisturbed = self.machine()
        started = time.monotonic()
        assert undisturbed.run(*argv).code == 0
        usual = time.monotonic() - started
        outcomes: Outcomes = Counter()
        while outcomes.total() < times:
            machine = self.machine()
            old = machine.session()
            process = machine.start(*argv)
            time.sleep(chance.uniform(0, usual))
            process.kill()
            if wait(process).code == KILLED:
                outcomes[self.account_for(machine, old)] += 1
        return outcomes

    def machine(self) -> Machine:
        """A machine of its own, signed in with an access token that has ended."""
        self.machines += 1
        folder = self.folder / str(self.machines)
        folder.mkdir()
        machine = Machine(folder, self.issuer.url, self.issuer.client_id, measured=False)
        if self.signed_in:
            with expired_from_the_start(self.issuer):
                assert machine.do("login").code == 0
        return machine

    def account_for(self, machine: Machine, old: Session | None) -> str:
        """What was left, whole or nothing; what the next command made of it; and that a logout leaves nothing."""
        left = machine.session()
        asked_before = self.issuer.refreshes
        end = machine.do("say-hi")
        if left is None:
            outcome = "no session"
            assert end.code == 4
        elif old is None or left.access_token != old.access_token:
            outcome = "new session"
            assert (end.code, end.out) == (0, "Welcome Juan!\n")
            assert self.issuer.refreshes == asked_before
        else:
            outcome = "old session"
            if end.code:
                outcome += ", then sign in again"
                assert end.code == 4
                assert "awesome login" in end.err
                assert machine.entries == {}
            else:
                assert end.out == "Welcome Juan!\n"
        assert machine.do("logout").code == 0
        assert machine.entries == {}
        return outcome


@pytest.fixture
def scene(tmp_path: Path, issuer: ProviderSimulator) -> Scene:
    issuer.person = {**issuer.person, "nickname": "j" * 2000}  # a session of several parts
    return Scene(tmp_path, issuer)
