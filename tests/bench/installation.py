"""Installs the package as users do: a wheel, in a virtual environment without any other package.

The packages of the tests would be measured as well: httpx, for one, imports Click where that is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKED, LOWEST, NEWEST = "locked", "lowest", "newest"  # versions of Typer
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


class InstallationError(Exception):
    """The message is the reason."""


class Installer:
    """Builds the package and installs it in subfolders of ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        _run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)])
        (self._wheel,) = map(str, folder.glob("*.whl"))
        (requirement,) = re.findall(r'"(typer>=[^"]+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
        self._typers = {LOWEST: requirement.replace(">=", "=="), NEWEST: requirement}

    def install(self, python: str = sys.executable, typer: str = LOCKED) -> Path:
        """Return the folder of the programs. Raises InstallationError."""
        target = self._folder / f"{Path(python).name}-{typer}"
        _run([python, "-m", "venv", "--without-pip", str(target)])
        pip = [*PIP, "--python", str(target / "bin" / "python"), "install", "--prefer-binary"]
        _run([*pip, "--constraint", str(ROOT / "requirements.lock"), self._wheel])
        if typer in self._typers:
            _run([*pip, "--upgrade", self._typers[typer]])
        return target / "bin"


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise InstallationError(f"{command[0]} is not on PATH") from None
    except subprocess.CalledProcessError as error:
        raise InstallationError((error.stderr.strip() or str(error)).splitlines()[-1]) from None
