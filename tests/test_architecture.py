"""Who may import whom, as data: a module imports its own room and rows further down, and the packages it is for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import awesome_cli

PACKAGE = Path(awesome_cli.__file__).parent

ROWS = """
   10   __init__
    9   __main__
    8   program
    7   cli
    5   api
    4   provider
    3   sessions
    2   keystore  settings  testing
    1   oauth  system
    0   hints
   -1   brand  errors  text
"""  # rooms of one row do not import each other

PACKAGES = {
    "oauth/id_token": "cryptography jose",
    "system/lock": "filelock",
    "provider/http": "certifi httpx truststore",
    "settings/config_file": "tomlkit",
    "system/event_loop": "anyio",
    "system/environment": "httpx platformdirs",
    "provider/client": "anyio httpx",
    "api": "anyio httpx",
    "keystore/backend": "keyring",
    "keystore/secret_service": "secretstorage",
    "testing/keys": "cryptography jose",
    "testing/keyring": "keyring",
    "testing/hostile": "pytest",
    "cli": "typer",
    "cli/fast_path": "jeepney",
    "cli/demo": "anyio httpx",
    "cli/progress": "rich",
    "cli/context": "segno",
    "program": "httpx",
}  # by room or module; what is not listed stands on the standard library alone

LATE = {
    "system/account_folders",
    "system/environment",
    "cli/context",
    "cli/fast_path",
    "cli/main",
    "__init__",
}  # a command pays for what it uses: these open what it needs

PURE = ("brand", "errors", "hints", "text", "oauth", "sessions/record", "sessions/model")
HARMLESS = """
    __future__ base64 binascii collections contextlib dataclasses hashlib hmac ipaddress json math re typing unicodedata
    datetime.UTC email.utils.parsedate_to_datetime urllib.parse
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


def room(module: str) -> str:
    return module.partition("/")[0]


def row(module: str) -> int:
    rows = {name: int(number) for number, *names in map(str.split, ROWS.strip().splitlines()) for name in names}
    return rows[room(module)]


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    names = [name.split(".") for name, _ in imports(MODULES[module]) if name.startswith(("awesome_cli", "."))]
    others = {parts[1] for parts in names} - {room(module), "__version__"}
    assert {other for other in others if row(other) >= row(module)} == set()


@pytest.mark.parametrize("module", MODULES)
def test_packages_are_imported_where_they_are_known(module: str) -> None:
    roots = {name.partition(".")[0] for name, _ in imports(MODULES[module])}
    known = {*PACKAGES.get(room(module), "").split(), *PACKAGES.get(module, "").split()}
    assert roots - sys.stdlib_module_names - {"awesome_cli"} <= known


@pytest.mark.parametrize("module", sorted(set(MODULES) - LATE))
def test_imports_stand_at_the_top(module: str) -> None:
    assert [name for name, late in imports(MODULES[module]) if late] == []


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith(PURE)])
def test_pure_rooms_touch_nothing_outside(module: str) -> None:
    pure = [f"awesome_cli.{name.replace('/', '.')}" for name in PURE]
    harmless = tuple(f"{name}." for name in [*HARMLESS.split(), *pure, *PACKAGES.get(module, "").split()])
    assert [name for name, _ in imports(MODULES[module]) if not f"{name}.".startswith(harmless)] == []
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


def test_the_map_knows_packages_of_modules_that_exist() -> None:
    assert [name for name in PACKAGES if name not in MODULES] == []
