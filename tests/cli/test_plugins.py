"""Commands of other packages: imported only when they are called, reported if they cannot be loaded."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.home import NOT_PASSED_ON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.terminal import Terminal

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "hello-api"


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Path]:
    """A folder on ``sys.path``, for packages of one test."""
    folder = tmp_path / "packages"
    folder.mkdir()
    sys.path.insert(0, str(folder))
    loaded = set(sys.modules)
    yield folder
    sys.path.remove(str(folder))
    for name in set(sys.modules) - loaded:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def install(packages: Path, command: str, source: str) -> None:
    """Create what an installer creates: a module, and the metadata with its entry point."""
    module = "plugin_" + command.replace("-", "_")
    (packages / f"{module}.py").write_text(source)
    metadata = packages / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[awesome_cli.commands]\n{command} = {module}:app\n")


HELLO = """
import typer
app = typer.Typer(add_completion=False)
@app.command()
def hello(ctx: typer.Context, verbose: bool = typer.Option(False, "--verbose", help="Its own.")) -> None:
    "Say hello."
    ctx.obj.console.result(f"hello {ctx.obj.name} {verbose}")
"""


def test_a_plugin_command_runs_with_the_shared_options(terminal: Terminal, packages: Path) -> None:
    install(packages, "hello", HELLO)
    assert terminal.run("hello", "--profile", "work") == 0
    assert terminal.out == "hello work False\n"


def test_the_options_of_a_plugin_take_precedence(terminal: Terminal, packages: Path) -> None:
    install(packages, "hello", HELLO)
    assert terminal.run("hello", "--verbose") == 0
    assert terminal.out == "hello default True\n"
    assert terminal.run("hello", "--help") == 0
    assert terminal.out.count("--verbose") == 1


def test_help_lists_a_plugin_with_the_first_sentence_of_its_help(terminal: Terminal, packages: Path) -> None:
    install(packages, "hello", HELLO)
    assert terminal.run("--help") == 0
    assert re.search(r"^  hello +Say hello\.$", terminal.out, re.MULTILINE)


def test_help_lists_a_plugin_that_cannot_be_loaded(terminal: Terminal, packages: Path) -> None:
    install(packages, "hello", "raise SystemExit(3)")
    assert terminal.run("--help") == 0
    assert re.search(r"^  hello +The command hello of the package plugin_hello 1\.0", terminal.out, re.MULTILINE)


def test_a_plugin_cannot_replace_a_builtin_command(terminal: Terminal, packages: Path) -> None:
    install(packages, "token", HELLO)
    assert terminal.run("token") == 4
    assert terminal.run("--help") == 0
    assert "plugin_token" not in terminal.out


def test_a_builtin_command_imports_no_plugin(terminal: Terminal, packages: Path) -> None:
    install(packages, "hello", "raise SystemExit(3)")
    assert terminal.run("token") == 4
    assert "plugin_hello" not in sys.modules


def test_ctrl_c_in_a_plugin_is_an_interruption(terminal: Terminal, packages: Path) -> None:
    install(packages, "hello", HELLO.replace("ctx.obj.console.result(f", "raise KeyboardInterrupt(f"))
    assert terminal.run("hello") == 130
    assert terminal.err == "Interrupted.\n"


def test_an_unknown_command_is_a_usage_error(terminal: Terminal, packages: Path) -> None:
    install(packages, "hello", HELLO)
    assert terminal.run("helo") == 2


@pytest.mark.parametrize(
    "source",
    [
        "import no_such_module",
        "syntax error",
        "raise SystemExit(0)",
        "",
        "app = 1",
        "import typer\napp = typer.Typer()",
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_reported_with_its_package(
    terminal: Terminal, packages: Path, source: str
) -> None:
    install(packages, "hello", source)
    assert terminal.run("hello", "--any", "thing") == 3
    assert terminal.err.startswith("Error: The command hello of the package plugin_hello 1.0 cannot be loaded (")
    assert terminal.run("hello", "--help") == 0
    assert "cannot be loaded" in terminal.out


@pytest.fixture
def provider() -> Iterator[ProviderSimulator]:
    with serve(lambda url: ProviderSimulator(now=time.time, url=url, auto_approve=True)) as provider:
        yield provider


def test_the_example_plugin_can_be_installed_and_run(provider: ProviderSimulator, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated", "install", "--quiet", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([*pip, *options, str(EXAMPLE)], check=True, capture_output=True, cwd=tmp_path)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)},
        "PYTHONPATH": os.pathsep.join([str(target), str(Path(__file__).parents[2])]),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "AWESOME_ISSUER": provider.url,
        "AWESOME_CLIENT_ID": provider.client_id,
        "AWESOME_API_URL": provider.api_url,
        **{name: str(tmp_path) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")},
    }

    def awesome(*argv: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "awesome_cli", *argv]
        return subprocess.run(program, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert awesome("login", "--insecure-storage").returncode == 0
    greeting = awesome("hello-api")
    assert (greeting.stdout, greeting.stderr, greeting.returncode) == ("Hello Juan!\n", "", 0)
    assert "hello-api" in awesome("--help").stdout
    assert json.loads(awesome("api", "hello").stdout)["message"] == "Hello Juan!"
