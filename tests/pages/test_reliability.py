"""Whether the page about reliability names tests that exist, and as often as they produce a fault."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable

import pytest

from reliability import (
    test_kills,
    test_parallel,
    test_resume,
    test_secret_services,
    test_signals,
    test_slow_providers,
    test_web_flow,
)
from support import process
from support.pages import DOCS, ROOT, tables
from support.process import ROUNDS

PAGE = DOCS["docs/explanation/reliability.md"]
ROWS = [row for table in tables(PAGE) for row in table]
WORDS = {4: "four", 20: "twenty"}


def cases(test: Callable[..., object]) -> int:
    """Return how often a test is run."""
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return math.prod(len(mark.args[1]) for mark in marks if mark.name == "parametrize")


def loops(test: Callable[..., object]) -> int:
    """Return how often a test that repeats itself in each round produces its fault."""
    assert "for _ in range(ROUNDS):" in inspect.getsource(test)
    return ROUNDS


RACES = test_parallel.test_a_concurrent_refresh_does_not_restore_a_removed_or_replaced_session
APART = test_parallel.test_processes_with_different_environments_and_the_same_keyring_refresh_once
CTRL_C = test_signals.test_ctrl_c_at_any_time_ends_the_program_without_a_traceback
RIGHT_AFTER = test_web_flow.test_a_signal_right_after_the_page_waits_until_the_session_is_stored
ATTEMPTS = {
    "`logout` races with renewals": loops(RACES),
    "`login --force` races with renewals": loops(RACES),
    "renewals at once, with different HOME": loops(APART),
    "kill -9 at any moment of a renewal": test_kills.AT_RANDOM,
    "the same over GNOME Keyring and KeePassXC, with overlap": (
        test_secret_services.KILLS * len(test_secret_services.SERVICES)
    ),
    "Ctrl-C at any moment": test_signals.AT_RANDOM * cases(CTRL_C),
    "kill -9, Ctrl-C or SIGTERM in `login --no-wait`": test_resume.KILLS,
    "the same in `login --web`": cases(RIGHT_AFTER),
}  # by what the fault begins with, in ROUNDS rounds


def rounds_of_the_session() -> int:
    (number,) = re.findall(r'"AWESOME_TESTS_ROUNDS": "(\d+)"', (ROOT / "noxfile.py").read_text("utf-8"))
    return int(number)


def test_every_test_module_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(\w+/test_\w+)`", PAGE))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / "tests" / f"{name}.py").is_file()] == []


def test_the_page_names_every_module_of_the_reliability_tests() -> None:
    modules = {f"reliability/{path.stem}" for path in (ROOT / "tests" / "reliability").glob("test_*.py")}
    assert modules - set(re.findall(r"`(\w+/test_\w+)`", PAGE)) == set()


def test_the_page_says_how_many_rounds_its_commands_take() -> None:
    (default,) = re.findall(r'"AWESOME_TESTS_ROUNDS", "(\d+)"', inspect.getsource(process))
    assert re.search(rf"pytest tests/reliability +# {WORDS[int(default)]} rounds", PAGE)
    assert re.search(rf"nox -s reliability +# {WORDS[rounds_of_the_session()]} rounds", PAGE)


def test_the_attempts_on_the_page_are_those_of_the_tests() -> None:
    listed = {row[0]: int(row[3]) for row in ROWS if len(row) == 4 and row[3]}
    assert len(listed) == len(ATTEMPTS)
    for beginning, attempts in ATTEMPTS.items():
        (number,) = (number for fault, number in listed.items() if fault.startswith(beginning))
        assert number == attempts * rounds_of_the_session() / ROUNDS, beginning


@pytest.mark.parametrize(
    ("fault", "number"),
    [
        ("{} commands at once on an expired access token", test_parallel.AT_ONCE),
        ("{} at once over GNOME Keyring, and over KeePassXC", test_secret_services.AT_ONCE),
        ("{} `say-hi` at once on an expired session", test_slow_providers.AT_ONCE),
    ],
)
def test_the_processes_at_once_on_the_page_are_those_of_the_tests(fault: str, number: int) -> None:
    assert any(row[0].startswith(fault.format(number)) for row in ROWS)
