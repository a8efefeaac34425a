"""Whether the links of the docs lead somewhere, and the names of code in them exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from support.pages import DOCS, ROOT, SOURCES, code, options

PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob(".github/*.md"), *ROOT.glob("docs/**/*.md")})


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def test_every_relative_link_leads_to_an_existing_file_and_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked_from_another_one() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    }
    assert [page for page in PAGES if not linked & {page, page.parent}] == [ROOT / "README.md"]


@pytest.mark.parametrize("name", [name for name in DOCS if name.startswith("docs/decisions/")])
def test_a_decision_record_has_at_most_40_lines(name: str) -> None:
    assert len(DOCS[name].splitlines()) <= 40


def test_every_command_with_json_output_is_documented(helps: dict[str, str]) -> None:
    documented = re.findall(r"^## `awesome (.*?)(?: NAME)? --json`$", DOCS["docs/reference/json.md"], re.MULTILINE)
    assert sorted(documented) == sorted(words for words, text in helps.items() if "--json" in options(text))


EXPLANATIONS = [
    name for name in DOCS if name in ("docs/architecture.md", "docs/explanation/reading.md") or "decisions" in name
]
PLUGINS_NAMES = {"ChainerBackend", "my_command"}  # of keyring, and of an example


@pytest.mark.parametrize("name", EXPLANATIONS)
def test_every_module_and_function_that_the_explanations_name_exists(name: str) -> None:
    trees = [ast.parse(source) for source in SOURCES.values()]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    defined = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}
    defined |= {
        target.id for node in nodes if isinstance(node, ast.Assign) for target in node.targets if hasattr(target, "id")
    }
    for word in code(DOCS[name]):
        if re.fullmatch(r"[\w/]+\.py", word):
            is_ours = (
                Path(word).stem in PLUGINS_NAMES or (ROOT / "awesome_cli" / word).exists() or (ROOT / word).exists()
            )
            assert is_ours, word
        elif found := re.fullmatch(r"([A-Z]\w*[a-z]\w*)(?:\.(\w+))?(?:\(\))?|(\w+)\(\)", word):
            assert {part for part in found.groups() if part} <= defined | PLUGINS_NAMES, word
