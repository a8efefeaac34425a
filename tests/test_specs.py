"""docs/specs.md names functions and tests that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "specs.md").read_text("utf-8")
ROWS = [
    tuple(re.findall(r"`([\w.]+)`", cell) for cell in cells[3:5])
    for cells in (line.split("|") for line in TEXT.splitlines() if line.startswith("|"))
    if len(cells) == 6 and "---" not in cells[1]
]


def names_in(path: Path, prefix: str) -> Iterator[str]:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}.{node.name}"
        elif isinstance(node, ast.ClassDef):
            methods = (child for child in node.body if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))
            yield from (f"{prefix}.{node.name}.{method.name}" for method in methods)


def names_below(folder: Path, pattern: str) -> set[str]:
    paths = [path.relative_to(folder) for path in folder.rglob(pattern)]
    return {name for path in paths for name in names_in(folder / path, ".".join(path.with_suffix("").parts))}


def test_every_named_function_exists() -> None:
    functions = {name for row in ROWS for name in row[0]}
    assert len(functions) > 30
    assert functions - names_below(ROOT / "awesome_cli", "*.py") == set()


def test_every_named_test_exists() -> None:
    tests = {name for row in ROWS for name in row[1]}
    assert len(tests) > 40
    assert tests - names_below(ROOT / "tests", "test_*.py") == set()


def test_every_rule_names_a_function_and_a_test() -> None:
    rules = [row for row in ROWS[1:] if row != ([], [])]
    assert len(rules) > 40
    assert all(all(row) for row in rules)


@pytest.mark.parametrize(
    "specification",
    ["RFC 8628", "RFC 6749", "RFC 6750", "RFC 7009", "RFC 8414", "RFC 8707", "RFC 8725", "Core §3.1.3.7", "Core §12.2"],
)
def test_every_implemented_specification_is_listed(specification: str) -> None:
    assert specification in TEXT
