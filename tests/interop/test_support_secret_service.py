"""The Secret Services of the tests, with keyring's backend and without the program."""

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

NAME = ("awesome-cli:test", "juan")
TIMEOUT = 20  # seconds, including the start of Python on a busy machine
HANGING = 3  # seconds after which a call counts as hanging; others return at once

BACKEND = """
import sys
from keyring.backends.SecretService import Keyring

verb, *arguments = sys.argv[1:]
try:
    print(getattr(Keyring(), verb + "_password")(*arguments))
except Exception as error:
    print(type(error).__name__)
"""


def keyring(environ: dict[str, str], *call: str, within: float = TIMEOUT) -> str:
    """Return what keyring's backend returns, or the name of the exception."""
    command = [sys.executable, "-c", BACKEND, *call]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, check=True, timeout=within
    ).stdout.strip()


@pytest.mark.parametrize(
    ("start", "program"),
    [(gnome_keyring, "gnome-keyring-daemon"), (keepassxc, "keepassxc")],
    ids=["gnome", "keepassxc"],
)
def test_a_real_keyring_stores_lists_and_deletes_entries(
    start: Callable[[], AbstractContextManager[SecretService]], program: str
) -> None:
    require("dbus-daemon", program)
    with start() as service:
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
            keyring(service.environ, "get", *NAME, within=HANGING)


def test_a_call_to_a_silent_service_does_not_return() -> None:
    require("dbus-daemon")
    with silent_service() as environ, pytest.raises(subprocess.TimeoutExpired):
        keyring(environ, "get", *NAME, within=HANGING)


def test_a_dead_bus_and_a_missing_one_raise_different_errors() -> None:
    with dead_bus() as environ:
        assert keyring(environ, "get", *NAME) == "TimeoutError"
    with no_bus() as environ:
        assert keyring(environ, "get", *NAME) == "SecretServiceNotAvailableException"
