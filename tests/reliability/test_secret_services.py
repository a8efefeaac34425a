"""Refreshes, kills and failures with real Secret Services."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the Secret Service is Linux's", allow_module_level=True)

from awesome_cli.testing.issuer import ProviderSimulator
from support.desktop import Desktop
from support.process import ROUNDS, wait
from support.provider import issuing_expired_tokens
from support.requirements import require
from support.secret_service import SecretService, gnome_keyring, keepassxc, silent_service
from support.time_limits import within

AT_ONCE = 8
KILLS = 2 * ROUNDS
TRIES = 3
SERVICES = {"gnome-keyring-daemon": gnome_keyring, "keepassxc": keepassxc}

RunScenario = Callable[[Callable[[Desktop], None]], None]
Serve = Callable[..., AbstractContextManager[SecretService]]


@pytest.fixture(params=SERVICES)
def serve(request: pytest.FixtureRequest) -> Serve:
    require(request.param, "dbus-daemon")
    return SERVICES[request.param]


@pytest.fixture
def on_desktop(serve: Serve, issuer: ProviderSimulator, tmp_path: Path) -> RunScenario:
    """Run a scenario, and repeat it if the service crashed, as KeePassXC 2.7.4 does about once in 300 commands."""

    def run(scenario: Callable[[Desktop], None]) -> None:
        for attempt in range(TRIES):
            issuer.refreshes = issuer.reuses = 0
            folder = tmp_path / str(attempt)
            folder.mkdir()
            with serve() as service:
                desktop = Desktop(folder, service)
                desktop.at(issuer.url, issuer.client_id)
                try:
                    scenario(desktop)
                except Exception:
                    if service.is_running():
                        raise
                else:
                    return
        pytest.fail("the service crashed each time")

    return run


def test_login_concurrent_refresh_and_logout_with_a_secret_service(
    on_desktop: RunScenario, issuer: ProviderSimulator
) -> None:
    def scenario(desktop: Desktop) -> None:
        with issuing_expired_tokens(issuer):
            assert desktop.run("login").code == 0
        processes = [desktop.start("say-hi") for _ in range(AT_ONCE)]
        ends = [wait(process) for process in processes]
        assert [end.out for end in ends] == ["Welcome Juan!\n"] * AT_ONCE, [(end.code, end.err) for end in ends]
        assert (issuer.refreshes, issuer.reuses) == (1, 0)
        assert desktop.run("login", "--force").code == 0
        assert len(desktop.entry_names) == len(set(desktop.entry_names)) > 1
        assert desktop.run("logout").code == 0
        assert desktop.entry_names == []

    on_desktop(scenario)


def test_a_kill_at_any_time_during_a_refresh_leaves_a_valid_session(
    on_desktop: RunScenario, issuer: ProviderSimulator
) -> None:
    def scenario(desktop: Desktop) -> None:
        issuer.overlap = 60
        random_delays = random.Random(KILLS)  # noqa: S311 - not for secrets
        assert desktop.run("login").code == 0
        started = time.monotonic()
        assert desktop.run("token", "--min-ttl", "100000").code == 0
        usual = time.monotonic() - started
        killed = 0
        while killed < KILLS:
            process = desktop.start("token", "--min-ttl", "100000")
            time.sleep(random_delays.uniform(0, usual))
            process.kill()
            killed += wait(process).code == -9
            end = desktop.run("token", "--min-ttl", "0")
            assert (end.code, end.err_without_note) == (0, "")
        assert issuer.reuses == 0
        assert desktop.run("logout").code == 0
        assert desktop.entry_names == []

    on_desktop(scenario)


def test_a_locked_secret_service_is_not_reported_as_signed_out(
    serve: Serve, issuer: ProviderSimulator, tmp_path: Path
) -> None:
    with serve(unlocked=False) as service:
        desktop = Desktop(tmp_path, service, is_measured=True)
        desktop.at(issuer.url, issuer.client_id)
        for command in ("login", "say-hi", "token", "logout"):
            end = desktop.run(command, AWESOME_KEYRING_TIMEOUT="1")
            assert (end.code, end.out) == (9, ""), end.err
            assert end.err.splitlines()[-1].startswith("Hint: ")
    assert issuer.requests == []


def test_a_bus_that_answers_late_delays_a_command(serve: Serve, issuer: ProviderSimulator, tmp_path: Path) -> None:
    with serve() as service:
        desktop = Desktop(tmp_path, service).at(issuer.url, issuer.client_id)
        assert desktop.run("login").code == 0
        timer = service.pause_bus(3.0)
        end = desktop.run("token")
        timer.join()
    assert (end.code, end.err_without_note) == (0, "")


def test_a_secret_service_that_never_answers_times_out(issuer: ProviderSimulator, tmp_path: Path) -> None:
    require("dbus-daemon")
    with silent_service() as environ:
        desktop = Desktop(tmp_path, SecretService(environ, lambda: None), is_measured=True)
        desktop.at(issuer.url, issuer.client_id)
        with within(2):
            end = desktop.run("login", AWESOME_KEYRING_TIMEOUT="1")
        assert (end.code, end.out) == (9, "")
        assert "did not answer within 1 seconds" in end.err
    assert issuer.requests == []
