"""Import rules as data: a module imports its own folder, lower rows, and the third-party packages listed for it."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import awesome_cli
from awesome_cli import errors

PACKAGE = Path(awesome_cli.__file__).parent

ROWS = """
   12   __init__
   11   __main__
   10   program
    9   running
    8   cli  library
    7   sign_in
    6   account  session_reader
    5   api
    4   provider
    3   sessions
    2   keystore  settings  testing
    1   oauth  system
    0   hints
   -1   brand  errors  text  urls
"""  # folders of one row do not import each other

PACKAGES = {
    "oauth/id_token": "cryptography jose",
    "system/lock": "filelock",
    "provider/http": "certifi httpx truststore",
    "settings/config_file": "tomlkit",
    "system/event_loop": "anyio",
    "system/environment": "httpx platformdirs",
    "provider/client": "httpx",
    "provider/sign_in_client": "anyio",
    "provider/request": "anyio httpx",
    "provider/approval": "anyio",
    "provider/device_flow": "anyio",
    "provider/web_flow": "anyio h11",
    "api": "anyio httpx",
    "keystore/backend": "keyring",
    "keystore/secret_service": "cryptography jeepney secretstorage",
    "keystore/secret_service_reader": "jeepney",
    "testing/keys": "cryptography jose",
    "testing/keyring": "keyring",
    "testing/hostile": "pytest",
    "cli": "typer",
    "cli/demo": "anyio httpx",
    "cli/api_output": "rich",
    "cli/layout": "rich",
    "cli/qr_code": "segno",
    "cli/context": "httpx",
    "cli/definition": "annotationlib",  # of Python 3.14's standard library
    "cli/injection": "annotationlib",
    "library": "httpx",
    "program": "httpx typer",
    "testing/terminal": "httpx pytest",
    "testing/time": "anyio",
    "testing/visitor": "httpx",
}  # by folder or module; modules that are not listed use the standard library only

LATE = {
    "__main__",
    "account",
    "cli/api_output",
    "cli/console",
    "cli/context",
    "cli/session_commands",
    "cli/definition",
    "cli/dispatch",
    "cli/fast_path",
    "cli/format",
    "cli/injection",
    "cli/layout",
    "cli/login_screen",
    "cli/main",
    "cli/typer_app",
    "hints",
    "library",
    "program",
    "provider/http",
    "provider/sign_in_client",
    "session_reader",
    "settings/config_file",
    "settings/profile",
    "sign_in",
    "system/account_folders",
    "system/environment",
    "system/files",
    "system/keys",
    "keystore/backend",
    "sessions/store_choice",
}  # late imports keep the start of commands fast that do not need them

PURE = ("brand", "errors", "hints", "text", "urls", "oauth", "sessions/manifest", "sessions/model", "sessions/user")
SIDE_EFFECT_FREE = """
    __future__ base64 binascii collections contextlib dataclasses hashlib hmac ipaddress json math re typing unicodedata
    datetime.UTC email.utils.parsedate_to_datetime enum.Enum http.HTTPStatus urllib.parse
"""  # no clock, environment, file, network, randomness
EFFECTS = {"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"}


class Import(NamedTuple):
    """``name`` in full, such as ``awesome_cli.errors.UsageError``. ``late``: neither at the top nor for types alone."""

    name: str
    late: bool


MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__"): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports(tree: ast.Module) -> Iterator[Import]:
    guarded = (
        node.body for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    early = {*tree.body, *(node for body in guarded for node in body)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node not in early) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from (Import(f"{origin}.{alias.name}", node not in early) for alias in node.names)


def folder(module: str) -> str:
    return module.partition("/")[0]


def row(module: str) -> int:
    rows = {name: int(number) for number, *names in map(str.split, ROWS.strip().splitlines()) for name in names}
    return rows[folder(module)]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_its_own_folder_and_lower_rows(module: str) -> None:
    names = [name.split(".") for name, _ in imports(MODULES[module]) if name.startswith(("awesome_cli", "."))]
    others = {parts[1] for parts in names} - {folder(module), "__version__"}
    assert {other for other in others if row(other) >= row(module)} == set()


@pytest.mark.parametrize("module", MODULES)
def test_third_party_packages_are_imported_only_where_they_are_listed(module: str) -> None:
    roots = {name.partition(".")[0] for name, _ in imports(MODULES[module])}
    listed = {*PACKAGES.get(folder(module), "").split(), *PACKAGES.get(module, "").split()}
    assert roots - sys.stdlib_module_names - {"awesome_cli"} <= listed


@pytest.mark.parametrize("module", sorted(set(MODULES) - LATE))
def test_imports_are_at_the_top_of_a_module(module: str) -> None:
    assert [name for name, late in imports(MODULES[module]) if late] == []


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith(PURE)])
def test_pure_modules_have_no_side_effects(module: str) -> None:
    pure = [f"awesome_cli.{name.replace('/', '.')}" for name in PURE]
    allowed = tuple(f"{name}." for name in [*SIDE_EFFECT_FREE.split(), *pure, *PACKAGES.get(module, "").split()])
    assert [name for name, _ in imports(MODULES[module]) if not f"{name}.".startswith(allowed)] == []
    called = {
        node.func.id
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called & EFFECTS == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_file_is_written_in_text_mode(module: str) -> None:
    """On Windows that changes line ends: ``\\r\\n``, as it was read from the file, would become ``\\r\\r\\n``."""
    calls = [node for node in ast.walk(MODULES[module]) if isinstance(node, ast.Call)]
    assert [ast.unparse(call) for call in calls if writes_text(call)] == []


def writes_text(call: ast.Call) -> bool:
    name = ast.unparse(call.func).rpartition(".")[2]
    modes = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]
    return name == "write_text" or (name in ("open", "fdopen") and bool({"w", "a", "x", "wt", "at", "xt"} & {*modes}))


def test_every_module_with_listed_packages_exists() -> None:
    assert [name for name in PACKAGES if name not in MODULES] == []


MAX_FILE_LINES = 300
EXCEPTIONS = {"testing/issuer": 480}
MAX_FUNCTION_LINES = 50  # without the parameters of a command
MAX_RUNTIME_LINES = 9_450  # lines of code: neither blank nor a comment or docstring
MAX_TESTING_LINES = 1_850  # the same; 430 of them are the catalogue of misbehaviours


def text_of(module: str) -> str:
    path = PACKAGE / module
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")


def lines_of(module: str) -> int:
    return len(text_of(module).splitlines())


@pytest.mark.parametrize("module", MODULES)
def test_no_file_exceeds_the_line_limit(module: str) -> None:
    assert lines_of(module) <= EXCEPTIONS.get(module, MAX_FILE_LINES)


@pytest.mark.parametrize("module", MODULES)
def test_no_function_exceeds_the_line_limit(module: str) -> None:
    functions = [node for node in ast.walk(MODULES[module]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [node.name for node in functions if (node.end_lineno or 0) - node.body[0].lineno >= MAX_FUNCTION_LINES] == []


def code_lines_of(module: str) -> int:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text_of(module)).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for docstring in docstrings(MODULES[module]):
        lines.difference_update(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    return len(lines)


NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def test_the_package_does_not_exceed_its_line_limits() -> None:
    runtime = [module for module in MODULES if folder(module) != "testing"]
    assert sum(map(code_lines_of, runtime)) <= MAX_RUNTIME_LINES
    assert sum(code_lines_of(module) for module in MODULES if folder(module) == "testing") <= MAX_TESTING_LINES


PRODUCT_NAMES = re.compile(r"awesome(?!_cli)|\blogin\b|\blogout\b|say-hi|auth0|dashboard", re.IGNORECASE)
NAMES_ALLOWED = {"", "brand", "hints", "testing/terminal"}  # the last one runs commands
ACCOUNT_ROW = 6  # from here up, modules may name the program and its commands


def docstrings(tree: ast.Module) -> list[ast.expr]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and node.body]
    return [node.value for node in first if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]


def string_literals(tree: ast.Module) -> Iterator[str]:
    """Yield the string literals of a module, without docstrings."""
    documentation = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
            yield node.value


@pytest.mark.parametrize("module", [module for module in MODULES if module not in NAMES_ALLOWED])
def test_no_string_below_the_account_names_a_program_a_command_or_a_vendors_dashboard(module: str) -> None:
    if row(module) < ACCOUNT_ROW:
        assert [text for text in string_literals(MODULES[module]) if PRODUCT_NAMES.search(text)] == []


def test_exceptions_end_in_error() -> None:
    raised = {
        node.name
        for tree in MODULES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and {"Exception", "SystemExit"} & {ast.unparse(base) for base in node.bases}
    }
    assert [name for name in raised if not name.endswith("Error")] == []
    assert [name for name, kind in vars(errors).items() if isinstance(kind, type) and not name.endswith("Error")] == []


def test_the_error_tree_in_the_docstring_has_every_class_and_exit_code() -> None:
    drawn: dict[str, tuple[str, int]] = {}
    above: list[str] = []
    lines = re.findall(r"^ {4}([│ ├└─]*)(\w+Error) *(\d*)", errors.__doc__ or "", re.MULTILINE)
    for indent, name, exit_code in lines:
        above[len(indent) // 4 :] = [name]
        parent = above[-2] if len(above) > 1 else "Exception"
        drawn[name] = parent, int(exit_code) if exit_code else drawn[parent][1]
    classes: list[Any] = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert drawn == {kind.__name__: (kind.__mro__[1].__name__, kind.exit_code) for kind in classes}
