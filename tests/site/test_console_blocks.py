"""Every console block of README and docs is run, page by page, or says why it is not.

Lines that begin with ``$`` are commands, the others what these print. ``…`` is any text in a line or, alone, any
lines; codes and times are examples. A command without documented output may print anything. It must succeed, unless the
documented output is an error. Above a block, ``<!-- not run: REASON -->`` excuses it, and with
``<!-- the person approves -->`` somebody approves the sign-in that the block before it has begun.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from support.requirements import require

if sys.platform == "win32":
    pytest.skip("the docs show the shell of POSIX systems", allow_module_level=True)

from support.console import Block, Reader, blocks, reader_of, with_free_ports

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
}
NOT_RUN, APPROVES = "not run: ", "the person approves"
SERVES = "awesome demo serve"  # runs until the end of the page
INSTALLS = re.compile(r"    python3 -m venv \.venv && \.venv/bin/python -m pip install .+")  # CI runs these lines
TYPED = re.compile(r" {4,}(\$ |\./|(acme|awesome|curl|export|pip|pipx|python3?) )")
ALTERNATIVES = "docs/how-to/providers/"  # where each block begins with nobody signed in
TENANT = "--domain tenant.eu.auth0.com --client-id YOUR_CLIENT_ID"
BEGINS = {  # what the reader of a page has typed before
    "README.md": [f"awesome login {TENANT}", "awesome logout"],
    "docs/how-to/agents.md": [
        "awesome login --issuer https://login.example.com/ --client-id YOUR_CLIENT_ID",
        "awesome logout",
    ],
    "docs/explanation/performance.md": [f"awesome login {TENANT}"],
    "docs/how-to/api.md": [f"awesome login {TENANT}", "awesome logout"],
    "docs/how-to/ci.md": [f"awesome login {TENANT}", "export AWESOME_API_URL=https://api.example.com/"],
    "docs/how-to/headless.md": [f"awesome login {TENANT}", "awesome logout"],
    "docs/how-to/troubleshooting.md": [f"awesome login {TENANT}"],
}


def runnable(page: str) -> list[Block]:
    return [block for block in blocks(PAGES[page]) if not block.comment.startswith(NOT_RUN)]


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)])
def test_the_console_blocks_of_a_page_print_what_is_documented(page: str, tmp_path: Path) -> None:
    require("bash", "curl", "dbus-daemon", "dbus-run-session", "gnome-keyring-daemon")
    text = with_free_ports(PAGES[page])
    folder = tmp_path / "work"
    folder.mkdir()
    if page.startswith("docs/examples/"):
        shutil.copytree((ROOT / page).parent, folder, dirs_exist_ok=True)
    with reader_of("\n".join([*BEGINS.get(page, []), text]), folder) as reader:
        for line in BEGINS.get(page, []):
            assert reader.type(line)[0] == 0
        for block in blocks(text):
            if block.comment.startswith(NOT_RUN):
                continue
            if block.comment == APPROVES:
                reader.approve()
            if page.startswith(ALTERNATIVES):
                reader.type("awesome logout")
            run(block, reader)


def run(block: Block, reader: Reader) -> None:
    for command in block.commands:
        if command.line.startswith(SERVES):
            code, printed = 0, reader.serve(command.line, command.output[-1])
        else:
            code, printed = reader.type(command.line)
        assert command.prints(printed), f"{command.line}\n{printed}"
        assert (code != 0) is command.fails, f"{command.line}: exit code {code}\n{printed}"


@pytest.mark.parametrize("page", PAGES)
def test_every_console_block_is_run_or_says_why_it_is_not(page: str) -> None:
    found = blocks(PAGES[page])
    assert len(found) == len(re.findall(r"^ *```console", PAGES[page], re.MULTILINE))
    assert all(block.commands for block in found)
    comments = [block.comment for block in found if block.comment]
    assert all(comment == APPROVES or re.fullmatch(f"{NOT_RUN}.{{10,}}", comment) for comment in comments)
    assert len(comments) == len(re.findall(f"<!-- ({NOT_RUN}|{APPROVES})", PAGES[page]))


@pytest.mark.parametrize("page", PAGES)
def test_command_lines_are_in_console_blocks(page: str) -> None:
    outside = re.sub(r"^ *```.*?^ *```$", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in outside.splitlines() if TYPED.match(line) and not INSTALLS.fullmatch(line)]
    assert lines == []


@pytest.mark.parametrize(
    ("documented", "printed", "is_same"),
    [
        ("Welcome Juan!", "Welcome Juan!\n", True),
        ("Welcome Juan!", "Welcome Ana!\n", False),
        ("Welcome …!", "Welcome Ana!\n", True),
        ("Welcome …!", "Welcome\nAna!\n", False),
        ("one\n…\nlast", "one\ntwo\nthree\nlast\n", True),
        ("one\n…\nlast", "one\nlast\n", True),
        ("one\n…\nlast", "one\ntwo\n", False),
        ("one", "one\ntwo\n", False),
        ("code WDJB-MJHT", "code BCDF-GHJK\n", True),
        ("code WDJB-MJHT", "code 1234\n", False),
        ("Since today 09:30 (just now)", "Since yesterday 23:59 (a minute ago)\n", True),
        ("at 127.0.0.1:8765", "at 127.0.0.1:8766\n", False),
        ("Valid for 15 minutes", "Valid for 10 minutes\n", False),
    ],
)
def test_what_is_printed_is_compared_with_what_is_documented(documented: str, printed: str, *, is_same: bool) -> None:
    (block,) = blocks(f"```console\n$ awesome\n{documented}\n```\n")
    (command,) = block.commands
    assert command.prints(printed) is is_same


def test_a_command_that_fails_must_be_documented_as_failing() -> None:
    (block,) = blocks(
        "```console\n$ awesome token\nError: You are not signed in.\n$ awesome say-hi\nWelcome Juan!\n```\n"
    )
    assert [command.fails for command in block.commands] == [True, False]
