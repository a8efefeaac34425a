"""Whether the exit codes in README and docs exist, and mean what ``awesome_cli.errors`` says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from awesome_cli import errors
from awesome_cli.errors import AwesomeError
from awesome_cli.system.signals import MESSAGES, SIGNALS
from support.pages import DOCS, README, ROOT, tables

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AwesomeError)]
CODES = {0, *(kind.exit_code for kind in CLASSES), *MESSAGES}
(TABLE,) = tables(DOCS["docs/reference/exit-codes.md"])
MEANINGS = {int(number): meaning for number, meaning in TABLE}

OTHERS = ("CHANGELOG.md", ".github/SECURITY.md")
PAGES = DOCS | {"README.md": README} | {name: (ROOT / name).read_text("utf-8") for name in OTHERS}
NUMBERS = r"(\d+(?:(?:, | or | and )\d+)*)"
SPELLINGS = [
    rf"[Ee]xit(?: codes?)?(?: is| are)? {NUMBERS}",
    rf"\b(?:ends?|exits?)(?: at once)? (?:with|but) {NUMBERS}\b",
]
AFTER_EXIT_CODE = r"(?<!step )(?<![\w.§/-])(\d+) (?:if|means|remains|that|a later)\b"  # where exit codes are spoken of
ON_PAGES = {
    "docs/explanation/reliability.md": [rf"\({NUMBERS}\)", r"\b(1[234]\d(?: or 1[234]\d)?)\b"],
    "docs/reference/providers.md": [rf"\({NUMBERS}\)"],
    "docs/how-to/agents.md": [rf"^\| {NUMBERS} \|"],
}
SUBJECTS = {
    1: r"traceback",
    2: r"command line|in any other one",
    3: r"[Ss]etting|config\.toml",
    4: r"[Ss]ign in|[Ss]ign-in|signed in|session|`CI`|refresh token is used up",
    5: r"[Rr]efused|denied",
    6: r"expire|too late|[Nn]obody finished|sends the tokens loses these",
    7: r"provider|network|browser|lock|open files|[Rr]equest|code_verifier|[Pp]ort |on this machine|sign-in failed"
    r"|later attempt|every end but",
    8: r"token|sign(ed|s)? with|algorithm|clock",
    9: r"[Kk]eyring|password|[Pp]lain|open files",
    10: r"revo|keyring is emptied|open files",
    11: r"\bAPI",
    12: r"approved|[Pp]ending|still valid|every end but",
    129: r"terminal",
    130: r"Ctrl-C|any of these",
    131: r"SIGQUIT|Ctrl-\\\\",
    143: r"SIGTERM|any of these",
}  # what the words around it are about


class Mention(NamedTuple):
    """An exit code on a page, and the words around it: its heading, and the row, item or paragraph."""

    page: str
    number: int
    words: str


def blocks(text: str) -> Iterator[str]:
    """Return each row of a table, item of a list, and paragraph, on one line, after its heading."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    heading = ""
    for block in re.split(r"\n\s*\n|\n(?=\||\s*- |\s*\d+\. )", text):
        line = " ".join(block.split())
        if line.startswith("#"):
            heading = line
        yield line if line.startswith("#") else f"{heading}\n{line}"


def mentions() -> Iterator[Mention]:
    """Return each exit code outside of the page about exit codes."""
    for page, text in PAGES.items():
        spellings = [*SPELLINGS, *ON_PAGES.get(page, [])]
        for words in blocks(text):
            found = {match[1] for spelling in spellings for match in re.finditer(spelling, words, re.MULTILINE)}
            if re.search(r"[Ee]xit", words):
                found |= {match[1] for match in re.finditer(AFTER_EXIT_CODE, words)}
            yield from (
                Mention(page, int(number), words) for numbers in found for number in re.findall(r"\d+", numbers)
            )


MENTIONS = [*mentions()]


def test_the_page_lists_every_exit_code() -> None:
    assert [int(number) for number, _ in TABLE] == sorted(CODES)


def test_the_page_gives_the_meanings_of_the_error_classes() -> None:
    documented: dict[int, list[str]] = {}
    for name, number, meaning in re.findall(r"^[│ ├└─]*(\w+Error) +(\d+) +(.+)$", errors.__doc__ or "", re.MULTILINE):
        assert getattr(errors, name).exit_code == int(number)
        documented.setdefault(int(number), []).append(meaning)
    assert documented.keys() | MESSAGES.keys() == CODES - {0}
    for number, meanings in documented.items():
        assert MEANINGS[number].partition(" (")[0] == "; ".join(meanings)


def test_the_page_names_the_signals_and_their_messages() -> None:
    for name, (code, message) in SIGNALS.items():
        assert name in MEANINGS[code]
        assert MEANINGS[code].startswith(message.lower().rstrip("."))


def test_exit_codes_are_found_in_the_pages() -> None:
    assert len(MENTIONS) > 90
    assert {mention.number for mention in MENTIONS} >= CODES - {2, 143}


@pytest.mark.parametrize("mention", MENTIONS)
def test_an_exit_code_exists_and_is_what_the_words_around_it_are_about(mention: Mention) -> None:
    assert mention.number in CODES
    assert mention.number == 0 or re.search(SUBJECTS[mention.number], mention.words)
