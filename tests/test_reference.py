"""Whether what is generated of the reference is up to date and complete, and whether man can show the man page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from awesome_cli import __version__
from awesome_cli.testing import misbehaviours
from generate_reference import files
from generator.commands import Command, reference
from generator.man_page import literal, prose
from generator.markdown import section
from support.requirements import require

if TYPE_CHECKING:
    from support.terminal import Terminal

ROOT = Path(__file__).parents[1]
MAN_PAGE = ROOT / "docs/man/awesome.1"
FOUND = reference()
COMMANDS = {command.name.partition(" ")[2]: command for command in (FOUND.root, *FOUND.all_commands)}


def test_what_is_generated_is_up_to_date() -> None:
    for name, text in files().items():
        assert (ROOT / "docs" / name).read_text("utf-8") == text, f"{name}: run python docs/generate_reference.py"


def test_the_page_of_misbehaviours_has_every_list_of_the_catalogue() -> None:
    page = (ROOT / "docs/reference/misbehaviours.md").read_text("utf-8")
    lists = {name for name in misbehaviours.__all__ if name.isupper()}
    assert set(re.findall(r"<!-- generated: misbehaviours (\w+) -->", page)) == lists


def words(text: str) -> str:
    """Return a text without line breaks and Markdown, as it can be searched for words."""
    return " ".join(text.replace("`", "").replace("\\|", "|").split())


def help_of(terminal: Terminal, command: str) -> str:
    assert terminal.run(*command.split(), "--help") == 0
    return terminal.out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_says_all_that_the_help_of_a_command_says(terminal: Terminal, command: str) -> None:
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    documented = words(section(page, f"## `{f'awesome {command}'.strip()}`") + section(page, "## `awesome`"))
    usage, _, rest = help_of(terminal, command).partition("\n\n")
    assert usage.startswith(f"Usage: awesome {command}".strip())
    description, _, rest = rest.partition("\n\nOptions:\n")
    description, _, arguments = description.partition("\n\nArguments:\n")
    assert words(description) in documented
    entries, _, examples = rest.rpartition("\n\n  Example")
    entries, _, subcommands = entries.partition("\n\nCommands:\n")
    for entry in re.split(r"\n(?=  \S)", "\n".join(filter(None, [arguments, entries, subcommands]))):
        spelling, _, meaning = entry.strip().partition("  ")
        meaning = re.sub(r"\[[^\]]+\]$", "", meaning.strip())  # [default: (60)], [required], [0<=x<=65535]
        for word in (words(spelling.replace(" / ", ", ")), words(meaning)):
            assert word in documented
    for example in examples.splitlines()[1:]:
        assert example.strip() in documented


def test_defaults_ranges_and_repetition_are_sentences() -> None:
    helps = {name: {each.spellings[-1]: each.help for each in command.options} for name, command in COMMANDS.items()}
    assert helps["token"]["--min-ttl"].endswith("Default: 60.")
    assert helps["demo serve"]["--port"].endswith("From 0 to 65535.")
    assert helps["api"]["--header"].endswith("Can be repeated.")
    assert not helps["api"]["--data"].endswith("Can be repeated.")


def shown(command: Command) -> list[str]:
    """Return what the man page must show of a command to the letter."""
    options = [spelling for option in command.options for spelling in option.spellings]
    return [*options, *(each.metavar for each in (*command.options, *command.arguments)), *command.examples]


def man(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    require("man")
    variables = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "80", **environ}
    return subprocess.run(("man", *arguments), env=variables, capture_output=True, text=True, check=False)


def test_man_has_no_warnings_about_the_page() -> None:
    formatted = man("--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(MAN_PAGE))
    assert (formatted.returncode, formatted.stderr) == (0, "")


def test_man_shows_the_page_to_the_letter_in_80_columns() -> None:
    text = man("-l", str(MAN_PAGE)).stdout
    for command in COMMANDS.values():
        for each in shown(command):
            assert each in text
    assert "Ctrl-\\ (SIGQUIT)" in text
    assert "~/.config/awesome-cli/config.toml" in text
    assert text.splitlines()[-1].split() == ["awesome", __version__, "AWESOME(1)"]
    assert all(len(line) <= 80 for line in text.splitlines())
    headings = re.findall(r"^[A-Z][A-Z ]+$", text, re.MULTILINE)
    assert headings == [
        *("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS"),
        *("EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"),
    ]


@pytest.mark.parametrize("text", [".x", "'x'", "-x --x_y", r"a\b", r"\fBa", "`x`", "~/x^2", 'say "x"', "a|b", "'\\"])
def test_man_shows_a_literal_line_as_it_is(tmp_path: Path, text: str) -> None:
    page = tmp_path / "x.1"
    page.write_text(f'.TH X 1\n.SH X\n.EX\n{literal(text)}\n.EE\n.SS "{literal(text)}"\n', "utf-8")
    shown = [line.strip() for line in man("--warnings", "-l", str(page)).stdout.splitlines()]
    assert shown.count(text) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".x and 'x'", ".x and 'x'"),
        ("'x'", "'x'"),
        (r"Ctrl-\\", "Ctrl-\\"),
        ("`a\\b` or --x", r"a\b or --x"),
        ("see [a page](page.md), and more ([there](page.md#x))", "see a page, and more"),
    ],
)
def test_man_shows_a_paragraph_of_markdown(tmp_path: Path, text: str, expected: str) -> None:
    page = tmp_path / "x.1"
    page.write_text(f".TH X 1\n.SH X\n{prose(text)}\n", "utf-8")
    assert [line.strip() for line in man("--warnings", "-l", str(page)).stdout.splitlines()][-3] == expected


def test_man_finds_the_page_where_the_wheel_is_installed(tmp_path: Path) -> None:
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".data/data/share/man/man1/awesome.1"))
        assert archive.read(name) == MAN_PAGE.read_bytes()
        archive.extract(name, tmp_path)
    found = man("--where", "awesome", MANPATH=str((tmp_path / name).parents[1]))
    assert found.stdout == f"{tmp_path / name}\n"
