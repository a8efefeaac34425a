"""The same commands in other Pythons, and with the lowest and the newest Typer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.cases import BARE, WITH_EVERY_PYTHON, Case, measure, own_cases
from bench.installation import LOCKED, LOWEST, NEWEST, InstallationError, Installer
from bench.instructions import Counter
from bench.runner import Runner

PYTHONS = [f"python3.{minor}" for minor in range(11, 16)]  # by these names on PATH
GOAL_OF_HELP = 7  # times bare Python, with the lowest Typer
_VERSIONS = "import importlib.metadata as m, platform as p; print(p.python_version(), m.version('typer'))"


@dataclass
class Installation:
    """``ratios`` are those of instructions."""

    name: str
    typer: str
    cases: list[Case]
    ratios: dict[str, float] = field(default_factory=dict)

    @property
    def medians(self) -> dict[str, float]:
        return {case.name: case.median for case in self.cases}


def installations(installer: Installer, runner: Runner) -> Iterator[Installation]:
    """Install the package in each Python that is found; one in which that fails is left out."""
    pythons = [(python, LOCKED) for python in PYTHONS]
    for python, typer in [*pythons, (sys.executable, LOWEST), (sys.executable, NEWEST)]:
        try:
            folder = installer.install(python, typer)
        except InstallationError as error:
            sys.stderr.write(f"left out: {python} with the {typer} Typer ({error})\n")
            continue
        versions = runner.completed([str(folder / "python"), "-I", "-c", _VERSIONS]).stdout.split()
        cases = [case for case in own_cases(folder, runner) if case.name in WITH_EVERY_PYTHON]
        yield Installation("Python {}, Typer {}".format(*versions), typer, cases)


def compare_versions(installer: Installer, runner: Runner, runs: int, *, counts: bool) -> list[Installation]:
    """Measure all installations in one interleaved run."""
    found = list(installations(installer, runner))
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
