"""Whether the commands and options in README, docs, messages and hints are those of the program."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from awesome_cli.brand import BUILT_IN_COMMANDS
from support.pages import DOCS, FENCED, README, SOURCES, code, options, section, tables

if TYPE_CHECKING:
    from support.terminal import Terminal

PARTS_OF_WORDS = "docs/how-to/completion.md"  # a page with command lines that are not complete
NOT_TYPED = {PARTS_OF_WORDS, "docs/reference/commands.md"}  # the latter is made from the commands
OTHER_COMMANDS = {"hello-api", "my-command", "deploy", "orders"}  # of other packages and programs, in examples
OF_OTHERS = {"--oidc-issuer-url"}  # an option of Kubernetes


def test_readme_lists_the_commands(helps: dict[str, str]) -> None:
    (rows,) = tables(section(README, "## Commands"))
    named = [code(cell)[0].removeprefix("awesome ") for cell, _ in rows]
    assert sorted(named) == sorted(BUILT_IN_COMMANDS)
    for name, (_, words) in zip(named, rows, strict=True):
        assert options(words) <= options(helps[name]), name


COMPLETE = [name for name in ("README.md", *DOCS) if name != PARTS_OF_WORDS]


@pytest.mark.parametrize("name", COMPLETE)
def test_every_option_in_the_docs_exists(helps: dict[str, str], name: str) -> None:
    existing = set().union(OF_OTHERS, *map(options, helps.values()))
    for line in code((DOCS | {"README.md": README})[name]):
        words = line.partition(" | ")[0]
        if words.startswith(("awesome ", "--")) or " --" not in words:
            assert options(words) <= existing, words


WORD = r"""(?:"[^"]*"|'[^']*'|[^\s|&;)`·"#])+"""
OF_PROGRAMS = re.compile(rf"(?<![\w/.:=-])(?:awesome|acme) ((?:--\w+ {WORD} )?[a-z-]+(?: {WORD})*)")
OF_BUILT_INS = re.compile(rf"((?:{'|'.join(BUILT_IN_COMMANDS)})(?: {WORD})* --.*)")


def typed_in_docs(text: str) -> set[str]:
    """Return the command lines in the code of a page, without the program's name."""
    blocks = [block for language, block in FENCED.findall(text) if language in ("", "console", "sh")]
    text = FENCED.sub("", text)
    blocks += re.findall(r"^ {4,}.+$", text, re.MULTILINE)
    spans = [" ".join(words.split()) for words in code(text)]
    typed = {found for part in (*spans, *"\n".join(blocks).splitlines()) for found in OF_PROGRAMS.findall(part)}
    return typed | {found[1] for words in spans if (found := OF_BUILT_INS.fullmatch(words))}


TYPED = {
    (name, words)
    for name, text in (DOCS | {"README.md": README}).items()
    for words in typed_in_docs(text)
    if name not in NOT_TYPED
}


def test_command_lines_are_found_in_the_docs() -> None:
    assert len(TYPED) > 120
    assert {words.split()[0] for _, words in TYPED} >= {*BUILT_IN_COMMANDS}


@pytest.mark.parametrize(("name", "words"), sorted(TYPED))
def test_a_command_line_in_the_docs_is_accepted(terminal: Terminal, name: str, words: str) -> None:
    if words.split(maxsplit=1)[0] not in OTHER_COMMANDS:
        assert terminal.run(*shlex.split(words), "--help") == 0, f"{name}: {terminal.err}"


@pytest.mark.parametrize("name", [*COMPLETE, *SOURCES])
def test_every_command_in_docs_errors_and_hints_exists(helps: dict[str, str], name: str) -> None:
    text = (DOCS | SOURCES | {"README.md": README})[name]
    typed = re.findall(r"`awesome ([a-z][^`]+)`", text)  # in docs
    typed += re.findall(r": awesome (?!has a bug)([a-z].*?)[\"({,.\n]", text)  # in hints
    for words in typed:
        first, *rest = words.partition(" | ")[0].split()
        if first in OTHER_COMMANDS:
            continue
        assert first in BUILT_IN_COMMANDS, words
        sub = " ".join([first, *rest[:1]]) if " ".join([first, *rest[:1]]) in helps else first
        assert options(words.partition(" | ")[0]) <= options(helps[sub]) | options(helps[""]), words
