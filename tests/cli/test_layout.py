"""Text in columns: widths by cells, wrapped paragraphs, tables that fit."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from awesome_cli.cli.layout import TextPart, between, cells, cut, cut_line, table, text_of, wrap
from awesome_cli.cli.style import ROLES, StreamStyle
from awesome_cli.testing.terminal import Stream

WIDE_NAMES = ["陛下", "👑 Queen", "فاطمة", "Zoë"]
WORDS = st.lists(
    st.sampled_from(["awesome", "login", "--force", "陛下", "👑", "a", "https://id.example/x"]), min_size=1
)


@pytest.mark.parametrize("text", [*WIDE_NAMES, "ascii", "", "한국어", "e\u0301"])
def test_cells_are_those_of_terminals(text: str) -> None:
    assert cells(text) == wcswidth(text)


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("Juan", 4, "Juan"),
        ("Juana", 4, "Jua…"),
        ("陛下陛下", 8, "陛下陛下"),
        ("陛下陛下", 7, "陛下陛…"),
        ("陛下陛下", 6, "陛下…"),
        ("ab cd", 4, "ab…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_what_does_not_fit_is_cut(text: str, width: int, expected: str) -> None:
    assert cut(text, width) == expected


def test_a_line_is_cut_with_its_colours() -> None:
    assert cut_line([("Error: ", "error"), "it failed"], 11) == [("Error: ", "error"), "it", "…"]
    assert cut_line([("ab", "dim"), "c"], 3) == [("ab", "dim"), "c"]


def test_a_paragraph_is_wrapped_between_words_with_an_indent() -> None:
    parts: list[TextPart] = [("Hint: ", "dim"), "Sign in with: awesome login"]
    assert lines(wrap(parts, 24, "      ")) == ["Hint: Sign in with:", "      awesome login"]
    assert wrap(parts, 24, "      ")[0][0] == ("Hint: ", "dim")
    assert lines(wrap(parts, None)) == ["Hint: Sign in with: awesome login"]


def test_an_option_stays_with_its_command() -> None:
    assert lines(wrap(["Sign in with: awesome login --force --quiet"], 30)) == [
        "Sign in with: awesome",
        "login --force --quiet",
    ]


@pytest.mark.parametrize(
    "command",
    [
        'awesome login --param acr_values="mfa" --param max_age="300"',
        'awesome login --force --scope "openid profile email offline_access"',
        "awesome login --profile work --resume",
        'awesome login --param acr_values="urn:a:silver urn:a:gold"',
        "awesome login --timeout SECONDS",
    ],
)
@pytest.mark.parametrize("end", ["", " (or another one)", ", and on."])
def test_a_command_is_not_broken_so_that_it_can_be_pasted(command: str, end: str) -> None:
    for width in range(20, 100):
        lines = wrap([f"Sign in for it with: {command}{end}"], width, "  ", "awesome")
        assert sum(command in "".join(map(text_of, line)) for line in lines) == 1


def test_a_word_that_is_too_long_is_not_broken() -> None:
    url = "https://id.example.com/activate"
    assert lines(wrap([f"Open {url} now"], 12)) == ["Open", url, "now"]
    assert lines(wrap([" ", (url, "link")], 12)) == [f" {url}"]


def lines(wrapped: Any) -> list[str]:  # noqa: ANN401 - lists of parts
    return ["".join(map(text_of, line)) for line in wrapped]


@given(WORDS, st.integers(min_value=20, max_value=60))
def test_no_line_exceeds_the_width_unless_a_word_does(words: list[str], width: int) -> None:
    wrapped = lines(wrap([" ".join(words)], width, "  "))
    assert " ".join(line.strip() for line in wrapped) == " ".join(words)
    assert all(cells(line) <= width or " -" in line or len(line.split()) == 1 for line in wrapped)


@given(st.text("ab c", max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_a_piece_of_parts_is_the_piece_of_their_text(text: str, first: int, last: int) -> None:
    parts: list[TextPart] = [text[:5], (text[5:8], "dim"), text[8:]]
    assert "".join(map(text_of, between(parts, first, last))) == text[first:last].rstrip(" ")


@pytest.mark.parametrize("width", [40, 80, 200, None])
def test_the_columns_of_a_table_are_aligned_and_fit(width: int | None) -> None:
    rows = [("PROFILE", "WHO", "WHERE"), *(("default", name, "tenant.eu.auth0.com/a/long/path") for name in WIDE_NAMES)]
    heading, *found = table(rows, width)
    for line in found:
        where = line.index("tenant")
        assert cells(line[:where]) == heading.index("WHERE")
        assert width is None or cells(line) <= width


def test_a_table_that_cannot_fit_keeps_a_few_cells_of_each_column() -> None:
    assert table([("a" * 20, "b" * 20)], 4, "~") == [f"{'a' * 7}~  {'b' * 7}~"]


# --- StreamStyle


def style(*, terminal: bool = True, plain: str = "", **environ: str) -> StreamStyle:
    stream = Stream()
    stream.terminal = terminal
    return StreamStyle(stream, environ, plain=plain)


@pytest.mark.parametrize(
    ("terminal", "environ", "has_colours"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (True, {"plain": "1", "FORCE_COLOR": "1"}, False),
        (True, {"plain": "0"}, True),
    ],
)
def test_colours_are_used_on_terminals_unless_variables_say_otherwise(
    terminal: bool,  # noqa: FBT001 - a column of the table
    environ: dict[str, Any],
    has_colours: bool,  # noqa: FBT001 - the same
) -> None:
    found = style(terminal=terminal, **environ)
    assert found.has_colours == has_colours
    assert ("\033" in found.line([("x", "error")])) == has_colours


def test_every_role_is_a_colour_that_is_reset() -> None:
    for role, parameters in ROLES.items():
        assert f"\033[{parameters}mtext\033[0m" in style().line([("text", role)])
        assert style().line([("", role)]) == ""


def test_a_link_cannot_break_out_of_its_sequence() -> None:
    line = style().line([("https://x.example/\033\\\033]52;c;x\a", "link")])
    assert "\a" not in line
    assert line.count("\033]") == 2
    assert line.startswith("\033]8;;https://x.example/")
    assert "]8;;" not in style(TERM="linux").line([("https://x.example/", "link")])


@pytest.mark.parametrize(
    ("environ", "size"),
    [
        ({}, (80, 24)),
        ({"COLUMNS": "40", "LINES": "50"}, (40, 50)),
        ({"COLUMNS": "wide", "LINES": "-1"}, (80, 24)),
        ({"COLUMNS": "0", "LINES": "999999999"}, (80, 24)),
    ],
)
def test_the_size_is_that_of_the_variables_or_of_the_terminal(environ: dict[str, Any], size: tuple[int, int]) -> None:
    assert style(**environ).size == size


def test_a_variable_cannot_make_the_terminal_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((60, 20)))
    monkeypatch.setattr(Stream, "fileno", lambda _: 1)
    assert style(COLUMNS="300", LINES="10").size == (60, 10)
    assert style().size == (60, 20)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of terminals")
def test_a_terminal_is_drawn_on_only_by_its_foreground_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert style().is_in_foreground  # unless it is known to be another's
    monkeypatch.setattr(Stream, "fileno", lambda _: 1)
    for group, is_in_foreground in ((os.getpgrp(), True), (os.getpgrp() + 1, False)):
        monkeypatch.setattr(os, "tcgetpgrp", lambda _, group=group: group)
        assert style().is_in_foreground == is_in_foreground


def test_only_a_terminal_has_a_width() -> None:
    assert style(COLUMNS="40").columns == 40
    assert style(terminal=False, COLUMNS="40").columns is None


def test_symbols_are_ascii_where_the_encoding_lacks_any() -> None:
    latin = StreamStyle(io.TextIOWrapper(io.BytesIO(), "latin-1"), {})
    assert (latin.symbol("success"), latin.symbol("separator"), latin.spinner) == ("ok", "|", "|/-\\")
    assert (style().symbol("success"), style().symbol("separator")) == ("✓", "·")
