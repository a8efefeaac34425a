"""What is measured: command lines with their goals, and those of other programs to compare with."""

from __future__ import annotations

import shutil
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from bench.runner import Runner, settings

BARE = "bare Python"
KEYRING_GET = "keyring get"
SAY_HI = "awesome say-hi"
TOKEN = "awesome token"
HELP = "awesome --help"
RENEWAL, LARGE_RENEWAL = "a renewal", "a renewal, tokens of 1.5 kB"
OWN_COMMAND = "a command of one's own"
WITH_EVERY_PYTHON = (BARE, "awesome --version", SAY_HI, "awesome whoami", TOKEN, RENEWAL, HELP, OWN_COMMAND)
RENEWS, RENEWS_LARGE = "renews", "renews-large"  # profiles
LONG = "100000"  # seconds; more than an access token lives


@dataclass
class Case:
    """One command line and what it took. ``goals`` are ratios of time to the cases of these names."""

    name: str
    argv: list[str]
    goals: dict[str, float] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return low, high


def prepare(runner: Runner) -> None:
    """Sign in to what the cases need besides the default profile."""
    runner.sign_in(RENEWS)
    runner.sign_in(RENEWS_LARGE, runner.large)
    runner.run([*runner.python, OWN, "login"], settings("ACME", runner.issuer))


def own_cases(bin_folder: Path, runner: Runner) -> list[Case]:
    """Return the cases of the package that is installed there; bare Python is the first."""
    awesome, python = str(bin_folder / "awesome"), [str(bin_folder / "python"), "-I", "-c"]
    api = {"AWESOME_API_URL": f"{runner.issuer.api_url}/"}
    client = settings("AWESOME", runner.issuer)

    def renewal(profile: str) -> list[str]:
        return [awesome, "--profile", profile, "token", "--min-ttl", LONG]

    return [
        Case(BARE, [*python, "pass"]),
        Case(SAY_HI, [awesome, "say-hi"], {BARE: 3.0, KEYRING_GET: 0.20}),
        Case("awesome whoami", [awesome, "whoami"], {BARE: 3.8}),
        Case("awesome --version", [awesome, "--version"], {BARE: 1.8}),
        Case(TOKEN, [awesome, "token"], {BARE: 8, KEYRING_GET: 0.50}),
        Case(f"{TOKEN} --format header", [awesome, "token", "--format", "header"], {BARE: 8, KEYRING_GET: 0.50}),
        Case(f"{TOKEN} --json", [awesome, "token", "--json"], {BARE: 8, KEYRING_GET: 0.50}),
        Case("awesome api, one GET", [awesome, "api", "hello"], {BARE: 25}, api),
        Case(RENEWAL, renewal(RENEWS), {BARE: 24}),
        Case(LARGE_RENEWAL, renewal(RENEWS_LARGE), {BARE: 32}),
        Case("awesome login --no-wait", [awesome, "--profile", "waits", "login", "--no-wait"], {BARE: 30}, client),
        Case(HELP, [awesome, "--help"]),  # its goal is for the lowest Typer: see versions.py
        Case(OWN_COMMAND, [*python, OWN, "greet", "Hello"], {BARE: 4.5}),
        Case("to define a program", [*python, _DEFINE], {BARE: 1.2}),
        Case("session() of a library", [*python, _SESSION], {TOKEN: 1.2}),
    ]


def other_cases(bin_folder: Path, *, all_programs: bool) -> list[Case]:
    """Return the alternatives that are installed: those that read a keyring, or all."""
    programs = ("gh", "hf", "aws", "az", "gcloud") if all_programs else ()
    cases = [
        Case(KEYRING_GET, [str(bin_folder / "keyring"), "get", "awesome-cli:default", "awesome"]),
        Case("secret-tool lookup", ["secret-tool", "lookup", "service", "awesome-cli:default"]),
        *(Case(f"{name} --version", [_program(name), "--version"]) for name in programs),
    ]
    return [case for case in cases if shutil.which(case.argv[0])]


def measure(cases: list[Case], runner: Runner, runs: int, *, warm_up: int = 1) -> None:
    """Run all cases in turn, so that other load on the machine affects all of them alike.

    The first turn fills caches: compiled modules, the provider's metadata.
    """
    for turn in range(runs + warm_up):
        for case in cases:
            seconds = runner.run(case.argv, case.environ)
            if turn >= warm_up:
                case.seconds.append(seconds)


def _program(name: str) -> str:
    """Return the path of a program; not that of pyenv's script, which takes time of its own to find it."""
    if Path(shutil.which(name) or "").parent.name != "shims":
        return name
    found = subprocess.run(["pyenv", "which", name], check=False, capture_output=True, text=True)
    return found.stdout.strip() or name


OWN = """
import argparse
from awesome_cli import Program

def main(argv):
    parser = argparse.ArgumentParser("acme", description="The tool of Acme.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("greet", help="greet who is signed in")
    command.add_argument("greeting")
    command.add_argument("--loud", action="store_true", help="in capitals")
    command.set_defaults(run=greet)
    options = vars(parser.parse_args(argv))
    return options.pop("run")(**options)

def greet(greeting, loud):
    text = f"{greeting}, {acme.user().name}!"
    print(text.upper() if loud else text)

acme = Program("acme", app=main, version="1.0.0")
acme()
"""
_DEFINE = "from awesome_cli import Program; Program('acme', app='acme.cli:app', issuer='https://id.example/')"
_SESSION = "import awesome_cli; awesome_cli.session()"
