"""The pages of the documentation, and how tests read them."""

from __future__ import annotations

import re
from pathlib import Path

from generator.markdown import FENCED, code, section, tables

__all__ = ["DOCS", "FENCED", "README", "ROOT", "SOURCES", "code", "options", "section", "tables"]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DOCS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(ROOT.glob("docs/**/*.md"))}
SOURCES = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in ROOT.glob("awesome_cli/**/*.py")}


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
