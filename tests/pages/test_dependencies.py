"""Whether README and docs name the packages and the versions that ``pyproject.toml`` requires."""

from __future__ import annotations

import re
import tomllib

import pytest

from support.pages import DOCS, README, ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
REQUIREMENTS = {re.split(r"[\[>=; ]", line)[0]: line for line in PROJECT["dependencies"]}
PAGES = DOCS | {"README.md": README}


@pytest.mark.parametrize("page", PAGES)
def test_the_python_versions_in_the_docs_are_supported(page: str) -> None:
    for lowest in re.findall(r"Python (3\.\d+) or\s+newer", PAGES[page]):
        assert f">={lowest}" == PROJECT["requires-python"]


def test_the_pages_for_users_say_which_python_is_needed() -> None:
    for page in ("README.md", "docs/tutorials/your-own-cli.md"):
        assert re.search(r"Python 3\.\d+ or\s+newer", PAGES[page])


@pytest.mark.parametrize("page", PAGES)
def test_the_lowest_typer_in_the_docs_is_the_one_that_is_required(page: str) -> None:
    for lowest in re.findall(r"any\s+Typer\s+from\s+([\d.]+)\s+on", PAGES[page], re.IGNORECASE):
        assert f"typer>={lowest}" == REQUIREMENTS["typer"]
