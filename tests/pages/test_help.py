"""Help texts: their form, their examples, and the options that all commands share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from awesome_cli.brand import BUILT_IN_COMMANDS
from support.help_texts import COMMANDS
from support.pages import options

if TYPE_CHECKING:
    from support.terminal import Terminal


def test_every_help_text_begins_with_a_sentence_and_ends_with_examples(helps: dict[str, str]) -> None:
    for words, text in helps.items():
        usage, empty, message, *_ = text.splitlines()
        assert usage.startswith(f"Usage: awesome {words}".rstrip()), text
        assert empty == ""
        assert re.fullmatch(r"  [A-Z].*\w.*[.,\w]", message), text
        assert re.search(r"\n\n  Examples?:\n(    (curl.*)?awesome.*\n)+\Z", text), text


def test_the_first_sentence_of_a_help_text_is_the_one_in_the_list_of_commands(helps: dict[str, str]) -> None:
    for name, message in BUILT_IN_COMMANDS.items():
        first = " ".join(helps[name].split("\n\n")[1].split())
        assert first == message


def test_every_option_in_the_help_examples_exists(helps: dict[str, str]) -> None:
    for words, text in helps.items():
        _, _, examples = text.partition("\n  Example")
        for command in re.findall(r"awesome ([^|)\n]+)", examples):
            used = [word for word in command.split() if re.fullmatch(r"--?[a-zA-Z-]+", word)]
            named = next(name for name in sorted(helps, key=len, reverse=True) if name in command)
            assert words in (named, "") or named.startswith(words)
            assert set(used) <= options(helps[named]) | set(re.findall(r"(?<!\S)-\w\b", helps[named])), command


def test_help_texts_show_no_type_names_and_fit_80_columns(helps: dict[str, str]) -> None:
    for text in helps.values():
        assert not re.search(r"<\w+>|\b(TEXT|INTEGER|FLOAT|BOOLEAN)\b(?!\|@FILE)", text)
        assert all(len(line) <= 80 for line in text.splitlines())


def test_every_option_has_a_help_text(helps: dict[str, str]) -> None:
    for text in helps.values():
        for entry in re.split(r"\n(?=  -)", text.partition("Options:\n")[2].partition("\n\n")[0]):
            assert re.search(r"\S  +\S|\n {6,}\S", entry.strip()), entry


@pytest.mark.parametrize("words", [words for words in COMMANDS if words])
def test_shared_options_are_accepted_before_and_after_the_command(terminal: Terminal, words: list[str]) -> None:
    shared = ["--profile", "work", "--verbose", "--quiet", "-q"]
    assert terminal.run(*shared, *words, "--help") == 0
    assert terminal.run(*words, *shared, "--help") == 0
