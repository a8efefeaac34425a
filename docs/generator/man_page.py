r"""The man page awesome(1), in the macros of man(7).

What the program cannot tell about itself (exit codes, variables, files) is taken from the pages of the reference that
the tests compare with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from awesome_cli import __version__
from generator import SITE
from generator.commands import OPTION_OR_VARIABLE, Command, Parameter, reference
from generator.markdown import code, page, section, tables

CODE_CHARACTERS = str.maketrans(
    {"\\": r"\e", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq", "-": r"\-"}
)
CODE = re.compile(rf"`([^`]+)`|{OPTION_OR_VARIABLE}")
LINK_IN_PARENTHESES = re.compile(r" \(\[[^\]]+\]\([^)]+\)\)")  # to another page, for details
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
INTRODUCTION = """The session is kept in the keyring of the operating system; `awesome logout` revokes it. Results are
written to stdout, everything else to stderr."""
RFCS = (
    ("RFC 8628", "OAuth 2.0 Device Authorization Grant"),
    ("RFC 8252", "OAuth 2.0 for Native Apps"),
    ("RFC 7009", "OAuth 2.0 Token Revocation"),
)


def man_page() -> str:
    """Return the page. It has no date, because it says the same whenever it is generated."""
    found = reference()
    root = found.root
    purpose = root.sentence.partition(";")[0]
    lines = [
        r".\" Written by docs/generate_reference.py; do not edit.",
        f'.TH {root.name.upper()} 1 "" "{root.name} {__version__}" "User Commands"',
        *(".nr HY 0", ".nh", ".ad l"),  # no hyphenation (twice, as .EE turns it on), and no blanks that fill a line
        ".SH NAME",
        rf"{root.name} \- {purpose[0].lower()}{purpose[1:]}",
        ".SH SYNOPSIS",
        rf"\fB{root.name}\fR [\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        *_paragraphs([root.sentence, INTRODUCTION]),
        ".SH OPTIONS",
        *_paragraphs(["Every command has these options; they work before and after it:"]),
        *_parameters(found.common),
        *_paragraphs([f"Only `{root.name}` itself has:"]),
        *_parameters(root.options),
        ".SH COMMANDS",
    ]
    for command in found.all_commands:
        lines += _command(command)
    lines += [".SH EXIT STATUS", *_exit_status(), ".SH ENVIRONMENT", *_environment(), ".SH FILES", *_files()]
    lines += [".SH EXAMPLES", *_examples(root), ".SH SEE ALSO", *_see_also()]
    return "\n".join(_without_idle_macros(lines)) + "\n"


def _without_idle_macros(lines: list[str]) -> list[str]:
    """Leave out .PP after a heading, which begins a paragraph by itself."""
    return [line for before, line in pairwise(["", *lines]) if line != ".PP" or not before.startswith((".SH", ".SS"))]


def _command(command: Command) -> list[str]:
    lines = [f'.SS "{literal(" ".join([command.name, *command.usage]))}"']
    lines += _paragraphs([command.sentence, *command.paragraphs])
    lines += _parameters((*command.arguments, *command.options))
    return [*lines, *_paragraphs(["Example:" if len(command.examples) == 1 else "Examples:"]), *_examples(command)]


def _examples(command: Command) -> list[str]:
    return [".PP", ".RS 4", ".EX", *map(literal, command.examples), ".EE", ".RE"]


def _parameters(parameters: Iterable[Parameter]) -> list[str]:
    lines = []
    for parameter in parameters:
        spellings = ", ".join(_bold(spelling) for spelling in parameter.spellings)
        metavar = rf"\fI{literal(parameter.metavar)}\fR" if parameter.metavar else ""
        lines += _entry(f"{spellings} {metavar}".strip(), parameter.help)
    return lines


def _exit_status() -> list[str]:
    (rows,) = tables(page("reference/exit-codes.md"))
    return [line for number, meaning in rows for line in _entry(_bold(number), _sentence(meaning))]


def _environment() -> list[str]:
    text = page("reference/settings.md")
    (rows,) = tables(section(text, "## Variables"))
    lines = _paragraphs(section(text, "## Order of precedence").split("\n\n")[:2])
    for setting, variables, in_file in rows:
        _, is_variable_only, rest = in_file.partition("(variable only)")
        place = rest if is_variable_only else f"; in config.toml: {in_file}"
        lines += _entry(", ".join(map(_bold, code(variables))), _sentence(setting + place))
    for title in ("## The screen", "## Network"):
        lines += _paragraphs(section(text, title).split("\n\n"))
    return lines


def _files() -> list[str]:
    """Return the files in the folders of the user's settings, state and cache; on Linux, and on macOS."""
    text = page("reference/storage.md")
    (files,), (folders,) = tables(section(text, "## Files")), tables(section(text, "## Folders"))
    lines = []
    for folder, linux, macos, _ in folders:
        for file, content in files:
            name, _, where = file.partition(" in the ")
            if where == f"{folder} folder":  # those in the lock folder are of no use to people
                path = f"{code(linux)[0]}/{code(name)[0]}"
                lines += _entry(_bold(path), _sentence(f"{content}; on macOS in {macos}"))
    _, variables, removal = section(text, "## Folders").split("\n\n")
    return [*lines, *_paragraphs([f"{variables.partition('. ')[0]}.", removal])]


def _see_also() -> list[str]:
    return _paragraphs(["`curl`(1), `jq`(1)", *(f"{number}, {title}" for number, title in RFCS), SITE])


def _entry(tag: str, text: str) -> list[str]:
    return [".TP", tag, prose(text)]


def _sentence(cell: str) -> str:
    """Return the text of a cell as a sentence."""
    text = _without_links(cell)
    return f"{text[0].upper()}{text[1:]}."


def _without_links(text: str) -> str:
    return LINK.sub(r"\1", LINK_IN_PARENTHESES.sub("", text))


def _paragraphs(texts: Iterable[str]) -> list[str]:
    return [line for text in texts if text.strip() for line in (".PP", prose(" ".join(text.split())))]


def prose(text: str) -> str:
    """Return a help text, or a paragraph of Markdown, as one line."""
    text = _without_links(text)
    end, parts = 0, []
    for found in CODE.finditer(text):
        parts += [_plain(text[end : found.start()]), _bold(found[1] or found[2])]
        end = found.end()
    line = "".join([*parts, _plain(text[end:])])
    return rf"\&{line}" if line.startswith((".", "'")) else line


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text).replace("\\", r"\e")  # a backslash escapes in Markdown too


def _bold(text: str) -> str:
    return rf"\fB{literal(text)}\fR"


def literal(text: str) -> str:
    """Return a line that is to be copied: as it is, and not as typography has it."""
    line = text.translate(CODE_CHARACTERS)
    return rf"\&{line}" if line.startswith(".") else line
