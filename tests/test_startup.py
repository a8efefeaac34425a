"""What a command loads: start-up is guarded by modules, never by milliseconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import awesome_cli

HEAVY = {"anyio", "cryptography", "httpx", "jose", "keyring", "rich", "secretstorage", "segno", "tomlkit"}
PROBE = """
import sys
sys.argv = ["awesome", *sys.argv[1:]]
from awesome_cli.cli.main import run
try:
    run()
except SystemExit:
    print("\\n", *sys.modules, file=sys.stderr)
"""


def modules(*argv: str, home: Path) -> set[str]:
    """Run a command in a process of its own and return the top-level packages that it loaded."""
    environ = {"HOME": str(home), "PYTHONPATH": str(Path(awesome_cli.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *argv], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    return {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}


def test_version_imports_no_parser(tmp_path: Path) -> None:
    assert not modules("--version", home=tmp_path) & {*HEAVY, "typer", "jeepney", "dataclasses", "platformdirs"}


@pytest.mark.parametrize("argv", [("--help",), ("say-hi", "--help"), ("login", "--help")], ids=" ".join)
def test_help_imports_the_parser_and_no_large_dependency(tmp_path: Path, argv: tuple[str, ...]) -> None:
    loaded = modules(*argv, home=tmp_path)
    assert "typer" in loaded
    assert not loaded & HEAVY


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_the_fast_path_imports_only_the_d_bus_client() -> None:
    program = "import sys, awesome_cli.cli.fast_path; print(*sys.modules)"
    environ = {"PYTHONPATH": str(Path(awesome_cli.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "jeepney" in loaded
    assert not loaded & {*HEAVY, "typer", "dataclasses", "platformdirs"}


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_the_secret_service_modules_do_not_import_keyring() -> None:
    modules = "awesome_cli.keystore.secret_service, awesome_cli.sessions.store, awesome_cli.settings.profile"
    program = f"import sys, {modules}; print(*sys.modules)"
    environ = {"PYTHONPATH": str(Path(awesome_cli.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"keyring", "httpx", "jose", "tomlkit", "anyio"}
