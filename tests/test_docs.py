"""Help texts, and whether README and docs agree with the program."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from awesome_cli import __version__, errors
from awesome_cli.brand import BUILT_IN_COMMANDS
from awesome_cli.errors import AwesomeError
from awesome_cli.oauth.discovery import ENDPOINTS
from awesome_cli.settings.profile import FILE_SETTINGS, SWITCH_SETTINGS, TEXT_SETTINGS
from awesome_cli.system.signals import MESSAGES
from generator.commands import reference
from generator.markdown import code, section, tables
from support.brand import AWESOME
from support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(ROOT.glob("docs/**/*.md"))}
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob(".github/*.md"), *ROOT.glob("docs/**/*.md")})
SETTINGS = DOCS["docs/reference/settings.md"]
SOURCES = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in ROOT.glob("awesome_cli/**/*.py")}
FOUND = reference()
HELPS = [command.name.split()[1:] for command in (FOUND.root, *FOUND.all_commands)]
PLUGINS = {"hello-api", "my-command"}  # commands of other packages, in examples


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


@pytest.fixture
def helps(terminal: Terminal) -> dict[str, str]:
    """Return every help text by the command words before ``--help``."""
    found = {}
    for words in HELPS:
        assert terminal.run(*words, "--help") == 0
        found[" ".join(words)] = terminal.out
    return found


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


@pytest.mark.parametrize("words", [words for words in HELPS if words])
def test_shared_options_are_accepted_before_and_after_the_command(terminal: Terminal, words: list[str]) -> None:
    shared = ["--profile", "work", "--verbose", "--quiet", "-q"]
    assert terminal.run(*shared, *words, "--help") == 0
    assert terminal.run(*words, *shared, "--help") == 0


def test_the_version_is_printed(terminal: Terminal) -> None:
    assert terminal.run("--version") == 0
    assert terminal.out == f"awesome {__version__}\n"


def test_quiet_suppresses_notes_only(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    assert terminal.run("login", "-q") == 0
    assert terminal.err.splitlines() == [
        line for line in terminal.err.splitlines() if re.match(r"  1  Open|  2  Check|  Valid for", line)
    ]
    assert len(terminal.err.splitlines()) == 3  # the instructions for signing in
    for quiet in (["-q", "login"], ["login", "--quiet"]):
        assert terminal.run(*quiet) == 0
        assert terminal.err == ""
    assert terminal.run("login") == 0
    assert terminal.err == (
        "✓ You are already signed in as Juan at provider.example. To sign in anew: awesome login --force\n"
    )
    assert terminal.run("-q", "login", "--force", "--insecure-storage") == 0
    assert "Warning: Your tokens lie as plain text" in terminal.err
    assert terminal.run("-q", "say-hi", "--profile", "nobody") == 4
    assert terminal.err == (
        "Error: You are not signed in (profile nobody).\nHint: Sign in with: awesome login --profile nobody\n"
    )
    assert terminal.run("say-hi", "-q") == 0
    assert terminal.out == "Welcome Juan!\n"


def test_quiet_does_not_undo_verbose(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(7200)
    assert terminal.run("-q", "--verbose", "say-hi") == 0
    assert terminal.err == "  POST https://provider.example/token: HTTP status 200\n"


def test_quiet_applies_to_all_profiles_of_a_logout(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    assert terminal.run("-q", "logout", "--all") == 0
    assert terminal.err == ""


def test_readme_lists_the_commands(helps: dict[str, str]) -> None:
    (rows,) = tables(section(README, "## Commands"))
    named = [code(cell)[0].removeprefix("awesome ") for cell, _ in rows]
    assert sorted(named) == sorted(BUILT_IN_COMMANDS)
    for name, (_, words) in zip(named, rows, strict=True):
        assert options(words) <= options(helps[name]), name


@pytest.mark.parametrize("name", ["README.md", *DOCS])
def test_every_option_in_the_docs_exists(helps: dict[str, str], name: str) -> None:
    existing = set().union(*map(options, helps.values()))
    for words in code((DOCS | {"README.md": README})[name]):
        if words.startswith(("awesome ", "--")) or " --" not in words:
            assert options(words) <= existing, words


@pytest.mark.parametrize("name", ["README.md", *DOCS, *SOURCES])
def test_every_command_in_docs_errors_and_hints_exists(helps: dict[str, str], name: str) -> None:
    text = (DOCS | SOURCES | {"README.md": README})[name]
    typed = re.findall(r"`awesome ([a-z][^`]+)`", text)  # in docs
    typed += re.findall(r": awesome (?!has a bug)([a-z].*?)[\"({,.\n]", text)  # in hints
    for words in typed:
        first, *rest = words.split()
        if first in PLUGINS:
            continue
        assert first in BUILT_IN_COMMANDS, words
        sub = " ".join([first, *rest[:1]]) if " ".join([first, *rest[:1]]) in helps else first
        assert options(words) <= options(helps[sub]) | options(helps[""]), words


def test_the_exit_codes_page_lists_every_exit_code() -> None:
    (rows,) = tables(DOCS["docs/reference/exit-codes.md"])
    listed = [int(number) for number, _ in rows]
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AwesomeError)]
    assert listed == sorted({0, *(kind.exit_code for kind in classes), *MESSAGES})
    assert all(meaning for _, meaning in rows)


def strings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_settings_page_lists_every_variable() -> None:
    (rows,) = tables(section(SETTINGS, "## Variables"))
    listed = {name for _, variables, _ in rows for name in code(variables)}
    read = {
        AWESOME.variable(key) for key in (*TEXT_SETTINGS, "profile", "keyring_timeout", "access_token", "plain")
    } | {
        "AUTH0_DOMAIN",
        "AUTH0_CLIENT_ID",
        "AUTH0_AUDIENCE",
    }
    for source in SOURCES.values():
        read |= {text for text in strings(source) if re.fullmatch(r"(AWESOME|AUTH0)_[A-Z]+(_[A-Z0-9]+)*", text)}
    assert listed == read


def test_the_settings_page_lists_every_key_of_a_profile() -> None:
    keys = (*TEXT_SETTINGS, *SWITCH_SETTINGS, *FILE_SETTINGS, *ENDPOINTS)
    assert [key for key in keys if not re.search(rf"`{key}( = true)?`", SETTINGS)] == []


def test_the_storage_page_lists_the_members_of_a_manifest(terminal: Terminal) -> None:
    _, members, *_ = tables(DOCS["docs/reference/storage.md"])
    terminal.issuer.session_lifetime = 86_400
    terminal.login()
    manifest = json.loads(terminal.keyring.get_password("awesome-cli:default", "awesome") or "")
    assert {name for member, _ in members for name in code(member)} == set(manifest)
    (user,) = [meaning for member, meaning in members if member == "`card`"]
    assert set(code(user)) == set(manifest["card"])


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


def test_every_test_module_that_the_reliability_page_names_exists() -> None:
    named = set(re.findall(r"`(\w+/test_\w+)`", DOCS["docs/explanation/reliability.md"]))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / "tests" / f"{name}.py").is_file()] == []


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
