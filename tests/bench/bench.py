"""Measure the program and its alternatives, in one interleaved run with a real gnome-keyring.

Run it with ``nox -s bench``; ``nox -s bench -- --short`` is what CI does. Times are reported as ratios to bare Python
in the same run, because only those can be compared between machines. What fails is a command that takes more
instructions than on record; ``nox -s bench -- --record`` records them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import growth, instructions, parts, resources, versions
from bench.cases import (
    BARE,
    HELP,
    KEYRING_GET,
    OWN_COMMAND,
    RENEWAL,
    SAY_HI,
    TOKEN,
    Case,
    measure,
    other_cases,
    own_cases,
    prepare,
)
from bench.figure import draw
from bench.installation import LOWEST, Installer
from bench.instructions import RECORD, Counter, Record, Verdict
from bench.runner import Runner, signed_in

MEMORY = {"say-hi": 12, "token": 24}  # goals, MB
WAITING = 0.002  # a goal: share of a core
TITLE = "Time to answer, in units of bare Python's start"
DRAWN = {
    "awesome --version",
    SAY_HI,
    "awesome whoami",
    OWN_COMMAND,
    HELP,
    TOKEN,
    "awesome api, one GET",
    RENEWAL,
    "awesome login --no-wait",
    KEYRING_GET,
    "secret-tool lookup",
}


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="awesome-bench-") as folder:
        installer = Installer(Path(folder))
        bin_folder = installer.install()
        if options.record:
            with signed_in(bin_folder) as runner:
                _record(runner)
            return 0
        if options.parts:
            with signed_in(bin_folder) as runner:
                prepare(runner)
                _print(parts.table(parts.parts_of_commands(runner, own_cases(bin_folder, runner))))
            return 0
        with signed_in(bin_folder) as runner:
            cases, report, verdict = _commands(runner, short=options.short)
            report |= _resources(runner, short=options.short)
            if not options.short:
                report |= _versions(installer, runner, counts=instructions.is_available())
        with signed_in(bin_folder) as runner:
            report |= _growth(runner, cases[0].median, short=options.short)
    _write(options.out, report, cases)
    for line in verdict.notes:
        _print(f"note: {line}")
    for line in verdict.failures:
        sys.stderr.write(f"failed: {line}\n")
    return 1 if verdict.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="few runs, as on CI")
    parser.add_argument("--record", action="store_true", help=f"count instructions and write {RECORD.name}, no more")
    parser.add_argument("--parts", action="store_true", help="count what the instructions are for, no more")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for bench.json and bench.svg")
    return parser.parse_args()


def _record(runner: Runner) -> None:
    prepare(runner)
    cases = own_cases(runner.bin_folder, runner)
    measure(cases, runner, runs=0)
    _counted(cases, runner, None).write(RECORD)


def _commands(runner: Runner, *, short: bool) -> tuple[list[Case], dict[str, Any], Verdict]:
    prepare(runner)
    own, others = own_cases(runner.bin_folder, runner), other_cases(runner.bin_folder, all_programs=not short)
    cases = [*own, *others]
    measure(cases, runner, runs=3 if short else 25)
    counted, verdict = _gate(own, runner)
    ratios = counted.ratios if counted else {}
    _print(_table(cases, ratios))
    seconds = {case.name: case.seconds for case in cases}
    return cases, {"start-up": seconds, "instructions, x bare Python": ratios}, verdict


def _gate(cases: list[Case], runner: Runner) -> tuple[Record | None, Verdict]:
    if not instructions.is_available():
        return None, instructions.without_valgrind(may_skip=os.environ.get("AWESOME_TESTS_NO_SKIP") != "1")
    recorded = Record.read(RECORD)
    counted = _counted(cases, runner, recorded)
    return counted, instructions.compare(counted, recorded)


def _counted(cases: list[Case], runner: Runner, recorded: Record | None) -> Record:
    bare, *rest = cases
    counter, python = Counter(runner.stderr, bare.argv), instructions.python_build()

    def limit(name: str) -> float:
        return recorded.limit(name, python) if recorded else float("inf")

    counts = {case.name: partial(counter.ratio, case.argv, case.environ, limit(case.name)) for case in rest}
    return Record(instructions.HOW, python, instructions.in_parallel(counts))


def _resources(runner: Runner, *, short: bool) -> dict[str, Any]:
    memory = {command: resources.peak_memory(runner, [runner.awesome, command]) for command in MEMORY}
    login, share = runner.sign_in(), resources.waiting(runner, 2 if short else 20)
    for command, megabytes in memory.items():
        _print(f"peak memory of {command}: {megabytes} MB, {_judged(megabytes, MEMORY[command], 'MB')}")
    _print(f"share of a core while a login waits: {share:.3%}, {_judged(share, WAITING, 'of a core')}")
    _print(f"login, end to end: {login:.2f} s")
    return {"peak memory, MB": memory, "login, end to end": login, "share of a core while a login waits": share}


def _versions(installer: Installer, runner: Runner, *, counts: bool) -> dict[str, Any]:
    found = versions.compare_versions(installer, runner, 10, counts=counts)
    _print(versions.table(found))
    for installation in found:
        if installation.typer == LOWEST:
            ratio = installation.medians[HELP] / installation.medians[BARE]
            goal = _judged(ratio, versions.GOAL_OF_HELP, "x bare Python")
            _print(f"{HELP} with the lowest Typer: {ratio:.2f} x bare Python, {goal}")
    times = {each.name: each.medians for each in found}
    return {"versions": times, "versions, instructions": {each.name: each.ratios for each in found}}


def _growth(runner: Runner, bare: float, *, short: bool) -> dict[str, Any]:
    runs = 3 if short else 15
    processes = [10] if short else [1, 10, 100]
    report = {
        "token by session size": growth.by_session_size(runner, [16] if short else [1, 4, 16, 64], runs),
        "processes at once, live session": growth.by_processes(runner, processes, expired=False),
        "processes at once, expired session": growth.by_processes(runner, processes, expired=True),
        **growth.by_profiles(runner, [10] if short else [1, 10, 100, 1000], runs),  # the last: they fill the keyring
    }
    for name, seconds in report.items():
        _print(f"{name}: {', '.join(f'{size}: {value / bare:.1f}' for size, value in seconds.items())} x bare Python")
        if name.startswith("processes"):
            each = [f"{size}: {value / bare / int(size):.1f}" for size, value in seconds.items()]
            _print(f"{name}, per process: {', '.join(each)} x bare Python")
    return report


def _table(cases: list[Case], ratios: Mapping[str, float]) -> str:
    medians = {case.name: case.median for case in cases}
    lines = [f"{'':28} {'median':>9} {'quartiles':>19} {'x bare':>7} {'x keyring':>9} {'instructions':>12}  goal"]
    for case in cases:
        low, high = case.quartiles
        goals = [_judged(case.median / medians[name], limit, f"x {name}") for name, limit in case.goals.items()]
        lines.append(
            f"{case.name:28} {case.median * 1000:6.1f} ms {low * 1000:7.1f} - {high * 1000:6.1f} ms"
            f" {case.median / medians[BARE]:7.2f} {case.median / medians[KEYRING_GET]:9.2f}"
            f" {f'{ratios[case.name]:.2f}' if case.name in ratios else '':>12}  {', '.join(goals)}"
        )
    return "\n".join(lines)


def _judged(value: float, goal: float, unit: str) -> str:
    return f"{'goal' if value <= goal else 'missed the goal'} <= {goal:g} {unit}"


def _write(folder: Path, report: Mapping[str, Any], cases: list[Case]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    ratios = {case.name: round(case.median / cases[0].median, 1) for case in cases}
    (folder / "bench.svg").write_text(chart(ratios))


def chart(ratios: Mapping[str, float]) -> str:
    """Return docs/performance.svg: the ratios to bare Python, the least first."""
    shown = {name: ratio for name, ratio in ratios.items() if name in DRAWN}
    return draw(TITLE, dict(sorted(shown.items(), key=lambda item: item[1])))


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
