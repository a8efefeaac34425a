"""Counts instructions with valgrind, and compares them with those on record: CI's gate against slower code.

A count includes what a command executes in user space in its own process: neither the kernel, nor the keyring, nor
waiting. Unlike a time it hardly depends on the machine or on its other load: two counts of a command differ by
0.5 % at most. It is recorded as a ratio to bare Python's in the same run. That ratio depends on how Python was
compiled: with Debian's 3.11.2, which is optimized by a profile, it is 3 to 11 % higher than with pyenv's 3.11.7, which
is not. So a build that is not the recorded one has a higher tolerance.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import shutil
import statistics
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD = Path(__file__).with_name("instructions.json")
# Cachegrind without its caches counts what Callgrind counts, in half the time.
VALGRIND = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
HOW = f"{' '.join(VALGRIND)} with PYTHONHASHSEED=0, as ratios to python -I -c pass"
TOLERANCE, TOLERANCE_OF_ANOTHER_BUILD = 0.05, 0.15
COUNTS = 3  # of a command that is over its limit, of which the least is taken; and of bare Python, the median


@dataclass(frozen=True)
class Record:
    """``ratios`` are by case."""

    how: str
    python: str
    ratios: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> Record:
        return cls(**json.loads(path.read_text("utf-8")))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    def tolerance(self, python: str) -> float:
        """Return what share more or fewer instructions a command may take in this Python."""
        return TOLERANCE if python == self.python else TOLERANCE_OF_ANOTHER_BUILD

    def limit(self, name: str, python: str) -> float:
        """Return the ratio that fails when it is exceeded; infinite for what is not on record."""
        return self.ratios.get(name, math.inf) * (1 + self.tolerance(python))


@dataclass(frozen=True)
class Verdict:
    """Sentences: why the gate fails, and what else to say."""

    failures: list[str]
    notes: list[str]


Output = Callable[[list[str], Mapping[str, str]], str]  # runs a command and returns what it wrote to standard error


class Counter:
    """Counts what commands execute; ``output`` runs one."""

    def __init__(self, output: Output, bare: list[str]) -> None:
        self._output = output
        self._bare = statistics.median(self._count(bare, {}) for _ in range(COUNTS))

    def ratio(self, argv: list[str], environ: Mapping[str, str], limit: float = math.inf) -> float:
        """Return the ratio to bare Python; above the limit the least of three.

        On a busy machine a command may wait too long for the keyring, and then does more.
        """
        least = math.inf
        for _ in range(COUNTS):
            least = min(least, self._count(argv, environ) / self._bare)
            if least <= limit:
                break
        return round(least, 3)

    def _count(self, argv: list[str], environ: Mapping[str, str]) -> int:
        return instructions(self._output([*VALGRIND, *argv], {**environ, "PYTHONHASHSEED": "0"}))


def is_available() -> bool:
    return shutil.which(VALGRIND[0]) is not None


def in_parallel(counts: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Count on all cores: no count depends on how long it takes."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = {name: pool.submit(count) for name, count in counts.items()}
    return {name: result.result() for name, result in results.items()}


def instructions(valgrind_output: str) -> int:
    found = re.search(r"^==\d+== I +refs: +([\d,]+)$", valgrind_output, re.MULTILINE)
    if not found:
        raise ValueError(f"valgrind did not count: {valgrind_output}")
    return int(found[1].replace(",", ""))


def python_build() -> str:
    """Return the version of this Python, and how it was compiled."""
    optimized = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    kind = "optimized by a profile" if optimized else "not optimized by a profile"
    return f"{platform.python_version()}, {platform.python_compiler()}, {kind}"


def compare(counted: Record, recorded: Record) -> Verdict:
    """Return whether a command takes more than it took when that was recorded."""
    failures, notes = [], []
    tolerance = recorded.tolerance(counted.python)
    if counted.python != recorded.python:
        notes.append(f"This is Python {counted.python}; on record is {recorded.python}: {tolerance:.0%} are tolerated.")
    if counted.how != recorded.how:
        failures.append("The instructions were recorded in another way. Record them again.")
    failures += [f"{name} is not on record. {_AGAIN}" for name in _missing(counted.ratios, recorded.ratios)]
    failures += [f"{name} is on record, but no case. {_AGAIN}" for name in _missing(recorded.ratios, counted.ratios)]
    for name in (name for name in counted.ratios if name in recorded.ratios):
        ratio, before = counted.ratios[name], recorded.ratios[name]
        change = f"{name} takes {ratio:.2f} x the instructions of bare Python, on record are {before:.2f}"
        if ratio > recorded.limit(name, counted.python):
            failures.append(f"{change} ({ratio / before - 1:+.1%}).")
        elif ratio < before * (1 - tolerance):
            notes.append(f"{change} ({ratio / before - 1:+.1%}). {_AGAIN}")
    return Verdict(failures, notes)


def without_valgrind(*, may_skip: bool) -> Verdict:
    reason = "valgrind is not on this machine: the instructions are not counted."
    return Verdict([], [reason]) if may_skip else Verdict([reason], [])


def _missing(names: Iterable[str], others: Iterable[str]) -> list[str]:
    return [name for name in names if name not in set(others)]


_AGAIN = "Record it: nox -s bench -- --record"
