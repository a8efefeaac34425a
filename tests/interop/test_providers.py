"""Whether docs/reference/providers.md says what the tests try, with which versions of the providers."""

from __future__ import annotations

import pytest

from support.provider_table import OPTION, PAGE, rows, tried

COMMAND = f"python3 -m nox -s interop -- {OPTION}"


def test_the_table_of_providers_has_a_row_for_everything_that_is_tried(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption(OPTION):
        pytest.skip("the table is being written")
    recorded = sorted((name, version, what, outcome) for name, version, _, what, outcome in rows())
    assert recorded == sorted((*row, "passed") for row in tried()), f"{PAGE.name} is out of date; run: {COMMAND}"


def test_the_page_of_providers_says_how_its_table_is_made() -> None:
    assert COMMAND in PAGE.read_text("utf-8")
