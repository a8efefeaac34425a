"""Which keyring backend is chosen, and that the Secret Service is tried first where it is certain."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import keyring.core
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend

from awesome_cli.errors import KeyringError, NoKeyringError
from awesome_cli.keystore import backend
from awesome_cli.keystore.backend import open_keyring, system_keyring
from awesome_cli.system.environment import Environment, system_environment
from awesome_cli.testing.keyring import MemoryKeyring
from support.brand import AWESOME


class Recommended(MemoryKeyring):
    priority = 5.0


class Chain(ChainerBackend):
    viable = False  # hides the class from keyring's own search for a backend
    priority = 10.0
    members: tuple[KeyringBackend, ...] = ()

    def __init__(self) -> None:
        pass

    @property
    def backends(self) -> list[KeyringBackend]:
        return list(self.members)


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "load_env", lambda: None)
    monkeypatch.setattr(keyring.core, "load_config", lambda: None)


def only(monkeypatch: pytest.MonkeyPatch, *backends: KeyringBackend) -> None:
    monkeypatch.setattr("keyring.backend.get_all_keyring", lambda: list(backends))


def environment(**environ: str) -> Environment:
    return replace(system_environment(AWESOME), environ=environ)


def secret_service(monkeypatch: pytest.MonkeyPatch, service: object) -> None:
    """Make the Secret Service certain, and ``service`` what connects to it."""
    monkeypatch.setattr(backend, "secret_service_is_certain", lambda _: True)
    module = SimpleNamespace(SecretService=SimpleNamespace(connect=service))
    monkeypatch.setitem(sys.modules, "awesome_cli.keystore.secret_service", module)


def test_the_keyring_of_the_environment_is_used() -> None:
    given = MemoryKeyring()
    assert open_keyring(replace(environment(), keyring=given)) is given


def test_a_certain_secret_service_is_unlocked_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    service = SimpleNamespace(find_collection=lambda: calls.append("find"), unlock=lambda: calls.append("unlock"))
    secret_service(monkeypatch, lambda: service)
    assert open_keyring(environment()) is service
    assert calls == ["find", "unlock"]


@pytest.mark.usefixtures("configured")
def test_a_secret_service_that_cannot_be_reached_leaves_the_choice_to_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> None:
        raise ConnectionError

    recommended = Recommended()
    only(monkeypatch, recommended)
    secret_service(monkeypatch, unreachable)
    assert open_keyring(environment()) is recommended


@pytest.mark.usefixtures("configured")
def test_elsewhere_the_recommended_backend_of_highest_priority_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    recommended = Recommended()
    only(monkeypatch, MemoryKeyring(), recommended)
    assert open_keyring(environment(PYTHON_KEYRING_BACKEND="another")) is recommended


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("backends", [(), (MemoryKeyring(),), (Chain(),)], ids=["none", "not recommended", "no chain"])
def test_without_a_recommended_backend_there_is_no_keyring(
    monkeypatch: pytest.MonkeyPatch, backends: tuple[KeyringBackend, ...]
) -> None:
    only(monkeypatch, *backends)
    with pytest.raises(NoKeyringError):
        system_keyring()


def test_of_a_chain_only_the_best_backend_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, recommended = Chain(), Recommended()
    monkeypatch.setattr(Chain, "members", (MemoryKeyring(), recommended))
    monkeypatch.setattr(keyring.core, "load_env", lambda: chain)
    assert system_keyring() is recommended


def test_a_configured_backend_is_used_though_it_is_not_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    configured = MemoryKeyring()
    monkeypatch.setattr(keyring.core, "load_env", lambda: configured)
    assert system_keyring() is configured


def test_a_configured_backend_that_cannot_be_loaded_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ImportError("secret")

    monkeypatch.setattr(keyring.core, "load_env", broken)
    with pytest.raises(KeyringError, match=r"cannot be loaded \(ImportError\)"):
        system_keyring()
