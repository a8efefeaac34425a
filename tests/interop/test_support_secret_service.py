"""The real keyrings, proved with keyring's own backend and without the program that they are there to meet."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.requirements import require
from support.secret_service import dead_bus, gnome_keyring, keepassxc, no_bus, silent_service

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from support.secret_service import SecretService

NAME = ("awesome-cli:rig", "juan")
AT_ONCE = 20  # seconds; on a busy machine, starting Python included
A_WHILE = 3  # seconds: long enough to call it hanging, for who has seen that the same call else ends at once

BACKEND = """
import sys
from keyring.backends.SecretService import Keyring

verb, *arguments = sys.argv[1:]
try:
    print(getattr(Keyring(), verb + "_password")(*arguments))
except Exception as error:
    print(type(error).__name__)
"""


def keyring(environ: dict[str, str], *call: str, within: float = AT_ONCE) -> str:
    """Say what keyring's backend returns, or the name of what it raises."""
    command = [sys.executable, "-c", BACKEND, *call]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, check=True, timeout=within
    ).stdout.strip()


@pytest.mark.parametrize(
    ("rig", "program"), [(gnome_keyring, "gnome-keyring-daemon"), (keepassxc, "keepassxc")], ids=["gnome", "keepassxc"]
)
def test_a_real_keyring_keeps_lists_and_forgets(
    rig: Callable[[], AbstractContextManager[SecretService]], program: str
) -> None:
    require("dbus-daemon", program)
    with rig() as service:
        assert keyring(service.environ, "get", *NAME) == "None"
        keyring(service.environ, "set", *NAME, "a secret")
        assert keyring(service.environ, "get", *NAME) == "a secret"
        (entry,) = service.items()
        assert (entry.attributes["service"], entry.attributes["username"]) == NAME
        assert entry.secret_size == len("a secret")
        keyring(service.environ, "delete", *NAME)
        assert keyring(service.environ, "get", *NAME) == "None"
        assert service.items() == []
        service.stop()
        assert keyring(service.environ, "get", *NAME) == "InitError"


@pytest.mark.parametrize("verb", ["get", "set", "delete"])
def test_a_locked_gnome_keyring_refuses_at_once(verb: str) -> None:
    require("dbus-daemon", "gnome-keyring-daemon")
    with gnome_keyring(unlocked=False) as service:
        secret = ["a secret"] if verb == "set" else []
        assert keyring(service.environ, verb, *NAME, *secret) == "KeyringLocked"


def test_a_gnome_keyring_may_be_locked_while_it_is_in_use() -> None:
    require("dbus-daemon", "gnome-keyring-daemon")
    with gnome_keyring() as service:
        keyring(service.environ, "set", *NAME, "a secret")
        service.lock()
        assert keyring(service.environ, "get", *NAME) == "KeyringLocked"
        assert [entry.secret_size for entry in service.items()] == [None]


def test_a_locked_keepassxc_waits_for_a_person() -> None:
    require("dbus-daemon", "keepassxc")
    with keepassxc(unlocked=False) as service:
        assert service.items() == []
        with pytest.raises(subprocess.TimeoutExpired):
            keyring(service.environ, "get", *NAME, within=A_WHILE)


def test_a_silent_service_is_waited_for() -> None:
    require("dbus-daemon")
    with silent_service() as environ, pytest.raises(subprocess.TimeoutExpired):
        keyring(environ, "get", *NAME, within=A_WHILE)


def test_a_dead_bus_and_none_at_all_are_told_apart() -> None:
    with dead_bus() as environ:
        assert keyring(environ, "get", *NAME) == "TimeoutError"
    with no_bus() as environ:
        assert keyring(environ, "get", *NAME) == "SecretServiceNotAvailableException"
