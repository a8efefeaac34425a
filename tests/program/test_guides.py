"""The code of README, of the tutorial and of the guide to other frameworks runs as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from awesome_cli import Program
    from awesome_cli.testing.terminal import Terminal

    MakeTerminal = Callable[[Program], Terminal]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
TUTORIAL = (ROOT / "docs/tutorials/your-own-cli.md").read_text("utf-8")
FRAMEWORKS = (ROOT / "docs/how-to/other-frameworks.md").read_text("utf-8")


def code(text: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run(source: str) -> ModuleType:
    module = ModuleType("guide")
    exec(source, vars(module))  # noqa: S102 - it is our own documentation
    return module


def test_the_program_of_the_readme_has_ten_lines_and_the_commands_that_the_readme_names(
    terminal_for: MakeTerminal,
) -> None:
    (source,) = code(README)
    assert len([line for line in source.splitlines() if line]) == 10
    terminal = terminal_for(run(source).acme)
    assert terminal.run("say-hi") == 4
    terminal.login(name="Juan")
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Juan!\n"
    (named,) = re.findall(r"These ten lines are a\s+program with (.*?):\n", README, re.DOTALL)
    commands = [words.removeprefix("acme ") for words in re.findall(r"`([^`]+)`", named)]
    assert terminal.run("--help") == 0
    listed = re.findall(r"^[^\w-]+([a-z][a-z-]*) +[A-Z]", terminal.out, re.MULTILINE)
    assert sorted(commands) == sorted(listed)
    for command in commands:
        assert terminal.run(command, "--help") == 0


@pytest.mark.parametrize("source", code(FRAMEWORKS), ids=["argparse", "click", "cyclopts"])
def test_a_program_of_each_framework_runs(source: str, terminal_for: MakeTerminal) -> None:
    terminal = terminal_for(run(source).acme)
    terminal.api = lambda _: httpx.Response(201)
    assert terminal.run("deploy", "billing") == 4
    terminal.login()
    assert terminal.run("deploy", "billing") == 0, terminal.err
    assert terminal.out == "Juan deploys billing 201\n"
    assert terminal.run("--help") == 0
    assert "login, logout, whoami" in terminal.out
    assert "deploy" in terminal.out


def test_the_tutorial_builds_a_program_whose_tests_pass(tmp_path: Path) -> None:
    ten_lines, defaults, deploy, answer, tests, fast = code(TUTORIAL)
    short = re.search(r"^acme = Program\(.*\)$", ten_lines, re.MULTILINE)
    assert short
    assert len([line for line in ten_lines.splitlines() if line]) == 10
    package = tmp_path / "acme"
    package.mkdir()
    (package / "__init__.py").touch()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_acme.py").write_text(tests)
    own = f"{ten_lines.replace(short[0], defaults)}\n{deploy}\n{answer}"
    by_name = own.replace(defaults, "from acme.__main__ import acme\n")
    assert "Program(" not in by_name
    for sources in ({"cli.py": own}, {"cli.py": by_name, "__main__.py": fast}):
        for name, source in sources.items():
            (package / name).write_text(source)
        variables = {
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE")},
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_tutorials_metadata_can_be_built(tmp_path: Path) -> None:
    (metadata,) = code(TUTORIAL, "toml")
    (tmp_path / "pyproject.toml").write_text(metadata)
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/__init__.py").touch()
    (tmp_path / "acme/cli.py").write_text(code(TUTORIAL)[0])
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated"]
    build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(tmp_path)]
    subprocess.run(build, check=True, capture_output=True)
    assert (tmp_path / "acme-1.0.0-py3-none-any.whl").exists()
