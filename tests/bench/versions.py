"""The same commands in other Pythons, and with the lowest and the newest Typer.

Each has a virtual environment of its own, with the package installed as users install it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cases import BARE, WITH_EVERY_PYTHON, Case, measure, own_cases
from bench.instructions import Counter
from bench.runner import Runner

ROOT = Path(__file__).parents[2]
PYTHONS = [f"python3.{minor}" for minor in range(11, 16)]  # by these names on PATH
LOCKED, LOWEST, NEWEST = "locked", "lowest", "newest"
GOAL_OF_HELP = 7  # times bare Python, with the lowest Typer
_VERSIONS = "import importlib.metadata as m, platform as p; print(p.python_version(), m.version('typer'))"


@dataclass
class Installation:
    """A virtual environment; ``typer`` is LOCKED, LOWEST or NEWEST."""

    bin_folder: Path
    typer: str
    cases: list[Case]
    ratios: dict[str, float]  # of instructions

    @property
    def name(self) -> str:
        command = [str(self.bin_folder / "python"), "-I", "-c", _VERSIONS]
        python, typer = _output(command).split()
        return f"Python {python}, Typer {typer}"

    @property
    def medians(self) -> dict[str, float]:
        return {case.name: case.median for case in self.cases}


def installations(folder: Path, runner: Runner) -> Iterator[Installation]:
    """Install the package in each Python that is found; one in which that fails is left out."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _output([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)])
    (wheel,) = map(str, folder.glob("*.whl"))
    (requirement,) = re.findall(r'"(typer>=[^"]+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    typers = {LOWEST: requirement.replace(">=", "=="), NEWEST: requirement}
    for python, typer in [
        *((python, LOCKED) for python in PYTHONS),
        (sys.executable, LOWEST),
        (sys.executable, NEWEST),
    ]:
        target = folder / f"{Path(python).name}-{typer}"
        install = [*pip, "--python", str(target / "bin" / "python"), "install", "--prefer-binary"]
        try:
            _output([python, "-m", "venv", "--without-pip", str(target)])
            _output([*install, "--constraint", str(ROOT / "requirements.lock"), wheel])
            if typer in typers:
                _output([*install, "--upgrade", typers[typer]])
        except (OSError, subprocess.CalledProcessError) as error:
            sys.stderr.write(f"left out: {python} with the {typer} Typer ({_reason(error)})\n")
            continue
        cases = [case for case in own_cases(target / "bin", runner) if case.name in WITH_EVERY_PYTHON]
        yield Installation(target / "bin", typer, cases, {})


def compare_versions(folder: Path, runner: Runner, runs: int, *, counts: bool) -> list[Installation]:
    """Measure all installations in one interleaved run."""
    found = list(installations(folder, runner))
    measure([case for installation in found for case in installation.cases], runner, runs)
    for installation in found if counts else []:
        counter = Counter(runner.stderr, installation.cases[0].argv)
        installation.ratios = {case.name: counter.ratio(case.argv, case.environ) for case in installation.cases}
    return found


def table(found: list[Installation]) -> str:
    """Return ratios to bare Python of the same installation, and of instructions; bare Python's to the first's."""
    first = found[0].medians[BARE]
    lines = ["times bare Python of the same installation, and in brackets instructions:"]
    for number, installation in enumerate(found, 1):
        ratio = installation.medians[BARE] / first
        lines.append(f"  ({number}) {installation.name}; bare Python takes {ratio:.2f} x that of (1)")
    lines.append(f"{'':24}" + "".join(f"{f'({number})':>15}" for number in range(1, len(found) + 1)))
    for name in WITH_EVERY_PYTHON[1:]:
        cells = [
            f"{installation.medians[name] / installation.medians[BARE]:.2f} ({installation.ratios.get(name, 0):.2f})"
            for installation in found
        ]
        lines.append(f"{name:24}" + "".join(f"{cell:>15}" for cell in cells))
    return "\n".join(lines)


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    if not isinstance(error, subprocess.CalledProcessError):
        return "it is not on PATH"
    return (error.stderr.strip() or str(error)).splitlines()[-1]
