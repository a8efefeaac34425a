"""Every message that the page about problems quotes is one that the program prints, with that exit code."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from awesome_cli import errors

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text("utf-8")
SOURCES = [ast.parse(path.read_text("utf-8")) for path in ROOT.glob("awesome_cli/**/*.py")]
VARIES = "\0"  # stands for a value that is filled in
SECTIONS = re.split(r"^## (.+)\n", PAGE, flags=re.MULTILINE)[1:]
EXIT_CODE = re.compile(r"Exit code (\d+)\b")  # begins the heading of a section, or else the text below a message
QUOTED = [
    (int(number[1]), message)
    for section, text in zip(SECTIONS[::2], SECTIONS[1::2], strict=True)
    for message, below in re.findall(r"^### `(.+)`\n\n(.+)$", text, re.MULTILINE)
    if (number := EXIT_CODE.match(section) or EXIT_CODE.match(below))
]
FOREIGN_CODES = {"authorization_declined"}  # of providers, and of no specification


def template(node: ast.expr) -> str:
    """Return the text of a literal, in which what is filled in is VARIES; empty for any other expression."""
    match node:
        case ast.Constant(value=str(text)):
            return text.replace("{}", VARIES)
        case ast.JoinedStr(values=values):
            return "".join(template(value) or VARIES for value in values)
        case _:
            return ""


def collect() -> tuple[set[str], dict[str, set[int | None]], set[str]]:
    """Return all texts in the source, the exit codes of errors by message (None: not known), and OAuth refusals."""
    texts, exit_codes, refusals = set(), defaultdict(set), set()
    for node in (node for tree in SOURCES for node in ast.walk(tree)):
        if isinstance(node, ast.Constant | ast.JoinedStr) and (text := template(node)):
            texts.add(text)
        if isinstance(node, ast.Call):
            if node.args:
                kind = getattr(errors, getattr(node.func, "id", ""), None)
                exit_codes[template(node.args[0])].add(getattr(kind, "exit_code", None))
            refusals |= {template(keyword.value) for keyword in node.keywords if keyword.arg == "what"}
    return texts, exit_codes, refusals


TEXTS, EXIT_CODES, REFUSALS = collect()


def pattern(text: str) -> re.Pattern[str] | None:
    fixed = text.split(VARIES)
    is_mostly_values = len(re.findall(r"[a-z]", text)) < len(fixed) * 3  # it would match anything
    return None if is_mostly_values else re.compile("(.+?)".join(map(re.escape, fixed)), re.DOTALL)


PATTERNS = {text: compiled for text in TEXTS if (compiled := pattern(text))}


def matching(message: str) -> set[str]:
    """Return the texts of the source from which the message can come, each value in it being a text of its own."""
    found = {text: compiled.fullmatch(message) for text, compiled in PATTERNS.items()}
    return {
        text
        for text, values in found.items()
        if values and all(VARIES in value or matching(value) for value in values.groups())
    }


def test_the_page_quotes_each_message_once_and_gives_its_exit_code() -> None:
    assert len(QUOTED) > 40
    assert sorted({message for _, message in QUOTED}) == sorted(re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE))


def test_the_sections_are_in_the_order_of_their_exit_codes() -> None:
    numbers = [int(found[1]) for section in SECTIONS[::2] if (found := EXIT_CODE.match(section))]
    assert all(one < other for one, other in pairwise(numbers))


@pytest.mark.parametrize(("number", "message"), QUOTED, ids=[message for _, message in QUOTED])
def test_a_quoted_message_is_in_the_source(number: int, message: str) -> None:
    message = re.sub(r"<[^<>]+>", VARIES, message)
    if refusal := re.fullmatch(r"([^:]+): (\S+) \.\.\.", message):  # oauth.response.error_from_response
        assert refusal[1] in REFUSALS
        assert number == errors.ProviderError.exit_code
        assert refusal[2] in TEXTS | FOREIGN_CODES | {VARIES}
        return
    texts = matching(message)
    assert texts, "no message of the program has these words"
    assert set().union(*(EXIT_CODES.get(text, {None}) for text in texts)) & {number, None}
