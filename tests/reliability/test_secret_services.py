"""The same weather over real Secret Services, each on a bus of its own."""

from __future__ import annotations

import random
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from awesome_cli.testing.issuer import ProviderSimulator
from support.process import ROUNDS, Program, wait
from support.provider import issuing_expired_tokens
from support.requirements import require
from support.time_limits import within

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.secret_service import SecretService

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Secret Services are at home on Linux")

AT_ONCE = 8
KILLS = 2 * ROUNDS
TRIES = 3
SERVICES = {"gnome_keyring": ("gnome-keyring-daemon", "dbus-daemon"), "keepassxc": ("keepassxc", "dbus-daemon")}


@pytest.fixture(params=SERVICES)
def serve(request: pytest.FixtureRequest) -> Callable[..., AbstractContextManager[SecretService]]:
    require(*SERVICES[request.param])
    from support import secret_service  # noqa: PLC0415 - it skips where the system has none

    service: Callable[..., AbstractContextManager[SecretService]] = getattr(secret_service, request.param)
    return service


class Desktop:
    """A machine whose keyring is a service."""

    def __init__(self, program: Program, service: SecretService) -> None:
        self.run = program.run
        self.start = program.start
        self._service = service

    @property
    def names(self) -> list[str]:
        return sorted(item.attributes["service"] for item in self._service.items())


@pytest.fixture
def on_desktop(
    serve: Callable[..., AbstractContextManager[SecretService]], issuer: ProviderSimulator, tmp_path: Path
) -> Callable[[Callable[[Desktop], None]], None]:
    """Play a scenario; from the start if the service itself crashed, as KeePassXC 2.7.4 does in some 300 commands."""

    def play(scenario: Callable[[Desktop], None]) -> None:
        for attempt in range(TRIES):
            issuer.refreshes = issuer.reuses = 0
            folder = tmp_path / str(attempt)
            folder.mkdir()
            program = Program(folder).at(issuer.url, issuer.client_id)
            with serve() as service:
                program.environ |= _on_the_bus(service.environ)
                try:
                    scenario(Desktop(program, service))
                except Exception:
                    if service.is_running():
                        raise
                else:
                    return
        pytest.fail("the service crashed by itself each time")

    return play


def test_a_whole_life(on_desktop: Callable[[Callable[[Desktop], None]], None], issuer: ProviderSimulator) -> None:
    def life(desktop: Desktop) -> None:
        with issuing_expired_tokens(issuer):
            assert desktop.run("login").code == 0
        processes = [desktop.start("say-hi") for _ in range(AT_ONCE)]
        assert {wait(process).out for process in processes} == {"Welcome Juan!\n"}
        assert (issuer.refreshes, issuer.reuses) == (1, 0)
        assert desktop.run("login", "--force").code == 0
        assert len(desktop.names) == len(set(desktop.names)) > 1
        assert desktop.run("logout").code == 0
        assert desktop.names == []

    on_desktop(life)


def test_killed_at_any_instant_of_a_renewal(
    on_desktop: Callable[[Callable[[Desktop], None]], None], issuer: ProviderSimulator
) -> None:
    def life(desktop: Desktop) -> None:
        issuer.overlap = 60
        chance = random.Random(KILLS)  # noqa: S311 - chance, not secrecy
        assert desktop.run("login").code == 0
        started = time.monotonic()
        assert desktop.run("token", "--min-ttl", "100000").code == 0
        usual = time.monotonic() - started
        killed = 0
        while killed < KILLS:
            process = desktop.start("token", "--min-ttl", "100000")
            time.sleep(chance.uniform(0, usual))
            process.kill()
            killed += wait(process).code == -9
            end = desktop.run("token", "--min-ttl", "0")
            assert (end.code, end.err_without_note) == (0, "")
        assert issuer.reuses == 0
        assert desktop.run("logout").code == 0
        assert desktop.names == []

    on_desktop(life)


def test_locked_it_is_no_reason_to_sign_in(
    serve: Callable[..., AbstractContextManager[SecretService]], program: Program, issuer: ProviderSimulator
) -> None:
    with serve(unlocked=False) as service:
        program.environ |= _on_the_bus(service.environ)
        for command in ("login", "say-hi", "token", "logout"):
            end = program.run(command, AWESOME_KEYRING_TIMEOUT="1")
            assert (end.code, end.out) == (9, ""), end.err
            assert end.err.splitlines()[-1].startswith("Hint: ")
    assert issuer.requests == []


def test_one_that_never_answers_is_given_up_on_time(program: Program, issuer: ProviderSimulator) -> None:
    require("dbus-daemon")
    from support.secret_service import silent_service  # noqa: PLC0415 - it skips where the system has none

    with silent_service() as environ:
        program.environ |= _on_the_bus(environ)
        with within(2):
            end = program.run("login", AWESOME_KEYRING_TIMEOUT="1")
        assert (end.code, end.out) == (9, "")
        assert "did not answer within 1 seconds" in end.err
    assert issuer.requests == []


def _on_the_bus(environ: dict[str, str]) -> dict[str, str]:
    address = {name: environ[name] for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")}
    return {**address, "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring"}
