"""A pytest plugin: ``--record-providers`` writes the results of tests to the table in docs/reference/providers.md.

``@pytest.mark.provider(name, tried)`` on a test names a provider and what is tried with it; each such pair is a row.
"""

from __future__ import annotations

import ast
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from awesome_cli import __version__

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reference" / "providers.md"
HEADING = "| provider | version | date | what was tried | outcome |\n|---|---|---|---|---|\n"
OPTION = "--record-providers"
_MARKER = "provider"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help=f"write the results of these tests to {PAGE.name}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{_MARKER}(name, tried): what this test tries, with which provider")


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.user_properties += [(_MARKER, marker.args) for marker in item.iter_markers(_MARKER)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption(OPTION):
        return
    outcomes: dict[tuple[str, str], str] = {}
    for outcome in ("passed", "failed", "error"):  # the last one counts for a test with several cases
        for report in terminalreporter.getreports(outcome):
            outcomes |= {tuple(pair): outcome for name, pair in report.user_properties if name == _MARKER}
    today = datetime.now(UTC).date().isoformat()
    write([[name, version(name), today, what, outcome] for (name, what), outcome in sorted(outcomes.items())])


def tried() -> set[tuple[str, str, str]]:
    """Return the provider, its version, and what is tried, of each marker in the tests."""
    sources = [path.read_text("utf-8") for path in TESTS.glob("*/test_*.py")]
    trees = [ast.parse(source) for source in sources if f"@pytest.mark.{_MARKER}(" in source]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    marks = [call.args for call in calls if ast.unparse(call.func) == f"pytest.mark.{_MARKER}"]
    return {(name, version(name), what) for name, what in [map(ast.literal_eval, mark) for mark in marks]}


def version(provider: str) -> str:
    """Return the version of a package of Node.js that is installed for the tests, else of this package."""
    lock = json.loads((TESTS / "interop" / "package-lock.json").read_text("utf-8"))
    return str(lock["packages"].get(f"node_modules/{provider}", {"version": __version__})["version"])


def rows() -> list[list[str]]:
    """Return the cells of the table."""
    _, lines, _ = _page()
    return [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in lines]


def write(table: list[list[str]]) -> None:
    """Replace the rows of the table, and nothing else on the page."""
    before, _, after = _page()
    PAGE.write_bytes("".join([before, *(f"| {' | '.join(row)} |\n" for row in table), after]).encode())


def _page() -> tuple[str, list[str], str]:
    """Return the text up to the table's rows, the rows, and the text after them."""
    before, heading, rest = PAGE.read_text("utf-8").partition(HEADING)
    lines = list(itertools.takewhile(lambda line: line.startswith("|"), rest.splitlines(keepends=True)))
    return before + heading, lines, rest[len("".join(lines)) :]
