"""The wheel, installed with pip, pipx and uv into an empty home: it runs, and after an uninstall nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from awesome_cli import __version__
from support.locks import LOCK, ROOT, RUNTIME_LOCK

SCRIPTS, EXE = ("Scripts", ".exe") if sys.platform == "win32" else ("bin", "")
ACME, SUITE = (ROOT / "docs/examples" / name for name in ("acme-cli", "hostile-suite"))
NOT_PASSED_ON = ("AWESOME_", "PIPX_", "PYTHON", "UV_TOOL_", "VIRTUAL_ENV", "XDG_")
PYTHON = (sys.executable, "-m")
SETTINGS = {"PIP_CONFIG_FILE": ".config/pip/pip.conf", "UV_CONFIG_FILE": ".config/uv/uv.toml"}  # which index is used


class Machine(NamedTuple):
    """A home folder, and the variables of a shell in it."""

    home: Path
    environ: dict[str, str]

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            command,
            cwd=self.home,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self) -> set[Path]:
        return {path.relative_to(self.home) for path in self.home.rglob("*") if not path.is_dir()}

    def files_of_awesome(self) -> list[str]:
        """Return what the package and the program have left; pipx keeps a lock of its own for each package."""
        found = sorted(path.as_posix() for path in self.files() if path.name != ".awesome-cli.lock")
        return [path for path in found if "awesome" in path]

    def virtual_environment(self) -> Path:
        """Create one without pip, and return its Python."""
        self.run(*PYTHON, "venv", "--without-pip", "venv")
        return self.home / "venv" / SCRIPTS / f"python{EXE}"

    def check_program(self, folder: Path) -> Path:
        program = folder / f"awesome{EXE}"
        assert self.run(program, "--version") == f"awesome {__version__}\n"
        last = self.run(program, "demo", "--auto").splitlines()[-1]
        assert (last[:8], last[-1]) == ("Welcome ", "!")
        return program


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return an empty home; the installers use the caches and settings of the real one."""
    settings = {name: str(Path.home() / path) for name, path in SETTINGS.items() if (Path.home() / path).is_file()}
    caches = {
        "PIP_CACHE_DIR": subprocess.check_output([*PYTHON, "pip", "cache", "dir"], text=True).strip(),
        "UV_CACHE_DIR": subprocess.check_output(["uv", "cache", "dir"], text=True).strip(),
    }
    environ = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)}
    return Machine(tmp_path, {**settings, **environ, **caches, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)})


def test_pip_installs_it_with_the_hashes_of_the_runtime_lock(machine: Machine, wheel: Path) -> None:
    python = machine.virtual_environment()
    pip: tuple[str | Path, ...] = (*PYTHON, "pip", "--python", python)
    machine.run(*pip, "install", "--require-hashes", "--requirement", RUNTIME_LOCK)
    before = machine.files()
    machine.run(*pip, "install", "--no-deps", wheel)
    machine.run(*pip, "check")
    machine.check_program(python.parent)
    machine.run(*pip, "uninstall", "--yes", "awesome-cli")
    assert machine.files() == before


def test_the_examples_pass_their_tests_with_the_wheel(machine: Machine, wheel: Path) -> None:
    python = machine.virtual_environment()
    projects = [tomllib.loads((example / "pyproject.toml").read_text("utf-8")) for example in (ACME, SUITE)]
    needed = [requirement for project in projects for requirement in project["dependency-groups"]["test"]]
    machine.run(*PYTHON, "pip", "--python", python, "install", "--constraint", LOCK, wheel, ACME, *needed)
    for example in (ACME, SUITE):
        machine.run(python, "-P", "-m", "pytest", "-p", "no:cacheprovider", example)


def test_pipx_installs_it_and_removes_it(machine: Machine, wheel: Path) -> None:
    pipx = (*PYTHON, "pipx")
    machine.run(*pipx, "install", "--backend", "pip", f"--pip-args=--constraint={LOCK}", wheel)
    program = machine.check_program(Path(machine.run(*pipx, "environment", "--value", "PIPX_BIN_DIR").strip()))
    assert machine.files_of_awesome() != []
    machine.run(*pipx, "uninstall", "awesome-cli")
    assert not program.exists()
    assert machine.files_of_awesome() == []


def test_uv_installs_it_and_removes_it(machine: Machine, wheel: Path) -> None:
    machine.run("uv", "tool", "install", "--constraints", LOCK, wheel)
    program = machine.check_program(Path(machine.run("uv", "tool", "dir", "--bin").strip()))
    assert machine.files_of_awesome() != []
    machine.run("uv", "tool", "uninstall", "awesome-cli")
    assert not program.exists()
    assert machine.files_of_awesome() == []


def test_uvx_runs_it_without_installing_it(machine: Machine, wheel: Path) -> None:
    shown = machine.run("uvx", "--constraints", LOCK, "--from", wheel, "awesome", "--version")
    assert shown == f"awesome {__version__}\n"
    assert machine.files_of_awesome() == []
