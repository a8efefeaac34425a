"""Start-up cost, checked by the modules that are imported, not by time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import awesome_cli

LARGE = {"anyio", "cryptography", "httpx", "jose", "keyring", "rich", "secretstorage", "segno", "tomlkit"}
PROGRAM = """
import sys
sys.argv = ["awesome", *sys.argv[1:]]
from awesome_cli import awesome
try:
    awesome()
except SystemExit:
    print("\\n", *sys.modules, file=sys.stderr)
"""


def modules(*argv: str, home: Path) -> set[str]:
    """Run a command in a new process and return the top-level packages that it imported."""
    environ = {"HOME": str(home), "PYTHONPATH": str(Path(awesome_cli.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *argv], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    return {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}


def imported_with(*modules: str) -> set[str]:
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    environ = {"PYTHONPATH": str(Path(awesome_cli.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_version_imports_no_parser(tmp_path: Path) -> None:
    assert not modules("--version", home=tmp_path) & {*LARGE, "typer", "jeepney", "json", "dataclasses", "platformdirs"}


@pytest.mark.parametrize("argv", [("--help",), ("say-hi", "--help"), ("login", "--help")], ids=" ".join)
def test_help_imports_the_parser_and_no_large_dependency(tmp_path: Path, argv: tuple[str, ...]) -> None:
    loaded = modules(*argv, home=tmp_path)
    assert "typer" in loaded
    assert not loaded & LARGE


def test_defining_a_program_imports_nothing_else() -> None:
    """So it costs at most 1.2 times bare Python, which the bench measures."""
    code = (
        "import sys; before = {*sys.modules}\n"
        "from awesome_cli import Program\n"
        "Program('acme', app='acme.cli:app', issuer='https://login.acme.example/', client_id='acme-cli')\n"
        "print(*sorted({*sys.modules} - before))"
    )
    environ = {"PYTHONPATH": str(Path(awesome_cli.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if not name.startswith("awesome_cli")} <= {
        "__future__",
        "_contextvars",
        "contextvars",
    }
    assert {"awesome_cli.brand", "awesome_cli.program"} <= {*done.stdout.split()}
    assert "awesome_cli.errors" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_the_fast_path_imports_only_the_d_bus_client() -> None:
    loaded = imported_with("awesome_cli.cli.fast_path")
    assert "jeepney" in loaded
    assert not loaded & {*LARGE, "typer", "dataclasses", "platformdirs"}


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_the_secret_service_modules_do_not_import_keyring() -> None:
    loaded = imported_with(
        "awesome_cli.keystore.secret_service", "awesome_cli.sessions.store", "awesome_cli.settings.profile"
    )
    assert not loaded & {"keyring", "httpx", "jose", "tomlkit", "anyio"}


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ("print('before')", "before\n"),
        ("import atexit; atexit.register(print, 'after')", "awesome {version}\nafter\n"),
        ("import threading; threading.Thread(target=lambda: print('after')).start()", "after"),
    ],
    ids=["output", "atexit", "thread"],
)
def test_whatever_is_to_be_done_at_the_end_of_the_process_is_done(before: str, shown: str) -> None:
    code = f"import sys; sys.argv = ['awesome', '--version']; from awesome_cli.__main__ import main; {before}; main()"
    environ = {"PYTHONPATH": str(Path(awesome_cli.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown.format(version=awesome_cli.__version__) in done.stdout
