"""Reading our Markdown pages, and writing tables for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1]
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)  # a block: its language and its text


def page(name: str) -> str:
    """Return a page by its path below docs."""
    return (DOCS / name).read_text("utf-8")


def section(text: str, title: str) -> str:
    """Return the text below a heading, up to the next one of its level."""
    level, _, _ = title.partition(" ")
    found = re.search(rf"^{re.escape(title)}\n(.*?)(?=^{level} |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise ValueError(f"there is no heading {title!r}")
    return found[1]


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of each table, row by row, without its heading."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    rows = [table.splitlines()[2:] for table in found]
    return [[[cell.strip() for cell in re.split(r" \|(?= )", row.strip("|"))] for row in table] for table in rows]


def code(text: str) -> list[str]:
    """Return the texts in single backticks."""
    return re.findall(r"`([^`]+)`", FENCED.sub("", text))


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a cell may contain the character that separates cells."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("|" + "|".join(f" {_cell(cell)} " for cell in line) + "|" for line in lines).replace(
        " --- ", "---"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
