"""Measure the program and its alternatives, in one interleaved run with a real gnome-keyring.

Run it with ``nox -s bench``; ``nox -s bench -- --short`` is what CI does. Times are reported as ratios to
bare Python in the same run, because only those can be compared between machines. It fails where a ratio is more than
twice its goal.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from bench.figure import draw
from support.secret_service import SecretService, gnome_keyring

BIN = Path(sys.executable).parent
BARE = "bare Python"
KEYRING_GET = "keyring get"
RENEWAL = "a renewal"
TOKEN = "awesome token"
FAR_OFF = 2.0  # times its goal: what fails


@dataclass
class Case:
    """One command line and its durations: seconds per run. ``goal`` is a ratio to the run of that name."""

    name: str
    argv: list[str]
    goals: dict[str, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return low, high


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="few runs, as on CI")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for bench.json and bench.svg")
    options = parser.parse_args()
    runs = 7 if options.short else 25
    with ExitStack() as stack:
        issuer = stack.enter_context(serve(_issuer))
        keyring = stack.enter_context(gnome_keyring())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="awesome-bench-")))
        bench = Bench(issuer, keyring, home)
        bench.sign_in()
        cases = bench.start_up(runs)
        report = {
            "start-up": {case.name: case.seconds for case in cases},
            "peak memory of a warm say-hi, MB": bench.peak_memory(),
            "login, end to end": bench.login(),
            "share of a core while a login waits": bench.waiting(4.0 if options.short else 20.0),
            "parallel commands on an expired session": bench.parallel([1, 10] if options.short else [1, 10, 50]),
            "token by session size": bench.sizes(runs, [1, 16] if options.short else [1, 4, 16, 64]),
            "say-hi among profiles": bench.profiles(runs, 3 if options.short else 50),
        }
    bare = next(case for case in cases if case.name == BARE).median
    table = _table(cases)
    sys.stdout.write(table + "\n")
    for name, value in report.items():
        if name != "start-up":
            sys.stdout.write(f"{name}: {json.dumps(_ratios(value, bare))}\n")
    options.out.mkdir(exist_ok=True)
    (options.out / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    shown = {case.name: case.median / bare for case in cases if case.name != BARE}
    (options.out / "bench.svg").write_text(draw("Time to answer, in units of bare Python's start", shown))
    return _verdict(cases, report)


def _issuer(url: str) -> ProviderSimulator:
    return ProviderSimulator(now=time.time, url=url, auto_approve=True, interval=0.2, token_lifetime=86_400)


class Bench:
    """Runs and times commands of a signed-in user."""

    def __init__(self, issuer: ProviderSimulator, keyring: SecretService, home: Path) -> None:
        self.issuer = issuer
        self.home = home
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "AWESOME_", "CI", "XDG"))
        }
        self.environ = {
            **inherited,
            **keyring.environ,
            "XDG_STATE_HOME": f"{home}/state",
            "XDG_CACHE_HOME": f"{home}/cache",
        }
        self.environ["XDG_CONFIG_HOME"] = f"{home}/config"

    def sign_in(self, profile: str = "default") -> float:
        settings = {"AWESOME_ISSUER": self.issuer.url, "AWESOME_CLIENT_ID": self.issuer.client_id}
        return self.run([str(BIN / "awesome"), "--profile", profile, "login", "--force"], settings)

    def run(self, argv: list[str], settings: dict[str, str] | None = None) -> float:
        """Run a command that must succeed, and return how many seconds it took."""
        started = time.perf_counter()
        subprocess.run(argv, env={**self.environ, **(settings or {})}, check=True, capture_output=True)
        return time.perf_counter() - started

    def start_up(self, runs: int) -> list[Case]:
        awesome = str(BIN / "awesome")
        cases = [
            Case(BARE, [sys.executable, "-I", "-c", "pass"]),
            Case("awesome say-hi", [awesome, "say-hi"], {KEYRING_GET: 0.25, BARE: 4}),
            Case("awesome whoami", [awesome, "whoami"], {KEYRING_GET: 0.50}),
            Case(TOKEN, [awesome, "token"], {KEYRING_GET: 0.75}),
            Case(RENEWAL, [awesome, "--profile", "renews", "token", "--min-ttl", "100000"], {BARE: 35}),
            Case("to define a program", [sys.executable, "-I", "-c", _DEFINE], {BARE: 1.2}),
            Case("session() of a library", [sys.executable, "-I", "-c", _SESSION], {TOKEN: 1.2}),
            Case("awesome --version", [awesome, "--version"], {BARE: 2.5}),
            Case("awesome --help", [awesome, "--help"], {BARE: 12}),
            Case(KEYRING_GET, [str(BIN / "keyring"), "get", "awesome-cli:default", "awesome"]),
            Case("secret-tool lookup", ["secret-tool", "lookup", "service", "awesome-cli:default"]),
            *(Case(f"{name} --version", [name, "--version"]) for name in ("gh", "hf", "aws")),
        ]
        cases = [case for case in cases if shutil.which(case.argv[0])]
        self.sign_in("renews")
        refreshes = self.issuer.refreshes
        for turn in range(runs + 2):
            for case in cases:
                seconds = self.run(case.argv)
                if turn > 1:  # the first two turns warm the caches
                    case.seconds.append(seconds)
        assert self.issuer.refreshes - refreshes == runs + 2, "a renewal is one request"
        return cases

    def peak_memory(self) -> float:
        probe = (
            "import os, resource, subprocess, sys\n"
            "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        # The child is measured after exec, but starts as a copy of this small probe.
        argv = [sys.executable, "-I", "-c", probe, str(BIN / "awesome"), "say-hi"]
        kilobytes = subprocess.run(argv, env=self.environ, check=True, capture_output=True, text=True).stdout
        return round(int(kilobytes) / 1024, 1)

    def login(self) -> float:
        return self.sign_in()

    def waiting(self, seconds: float) -> float:
        """Return the share of a core that a waiting login uses, by the run time that the kernel counts."""
        self.issuer.auto_approve = False
        self.issuer.interval = 5
        settings = {"AWESOME_ISSUER": self.issuer.url, "AWESOME_CLIENT_ID": self.issuer.client_id}
        argv = [str(BIN / "awesome"), "--profile", "waits", "login"]
        with subprocess.Popen(argv, env={**self.environ, **settings}, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            while "Waiting" not in process.stderr.readline():
                assert process.poll() is None
            time.sleep(1)
            before = _seconds_run(process.pid)
            time.sleep(seconds)
            cost = _seconds_run(process.pid) - before
            process.terminate()
        self.issuer.auto_approve, self.issuer.interval = True, 0.2
        return round(cost / seconds, 5)

    def parallel(self, counts: list[int]) -> dict[str, float]:
        result = {}
        for count in counts:
            self.issuer.token_lifetime = 1
            self.sign_in()
            time.sleep(1.1)
            self.issuer.token_lifetime = 86_400
            before = self.issuer.refreshes
            started = time.perf_counter()
            with ThreadPoolExecutor(count) as pool:
                list(pool.map(lambda _: self.run([str(BIN / "awesome"), "say-hi"]), range(count)))
            result[str(count)] = time.perf_counter() - started
            assert self.issuer.refreshes - before == 1, "one refresh for all commands"
        return result

    def sizes(self, runs: int, kilobytes: list[int]) -> dict[str, float]:
        """Time reading sessions with large access tokens, as some providers issue them."""
        result = {}
        for size in kilobytes:
            self.run([sys.executable, "-c", _ENLARGE_TOKEN, str(size * 1024)])
            result[f"{size} kB"] = statistics.median(self.run([str(BIN / "awesome"), "token"]) for _ in range(runs))
        self.sign_in()
        return result

    def profiles(self, runs: int, count: int) -> dict[str, float]:
        argv = [str(BIN / "awesome"), "say-hi"]
        alone = [self.run(argv) for _ in range(runs)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.sign_in, [f"profile-{number}" for number in range(count)]))
        among = [self.run(argv) for _ in range(runs)]
        return {"1": statistics.median(alone), str(count): statistics.median(among)}


def _seconds_run(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


_DEFINE = "from awesome_cli import Program; Program('acme', app='acme.cli:app', issuer='https://id.example/')"
_SESSION = "import awesome_cli; awesome_cli.session()"

_ENLARGE_TOKEN = """
import dataclasses, sys
from awesome_cli.keystore.secret_service import SecretService
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.sessions.store import SessionStore
store = SessionStore(KeyringStore(SecretService, username="awesome", timeout=30, note=print), "awesome-cli:default")
store.save(dataclasses.replace(store.load(), access_token="x" * int(sys.argv[1])))
"""


def _table(cases: list[Case]) -> str:
    medians = {case.name: case.median for case in cases}
    lines = [f"{'':22} {'median':>9} {'quartiles':>19} {'x bare':>7} {'x keyring':>9}  goal"]
    for case in cases:
        low, high = case.quartiles
        goals = ", ".join(f"<= {limit:g} x {name}" for name, limit in case.goals.items())
        lines.append(
            f"{case.name:22} {case.median * 1000:6.1f} ms {low * 1000:7.1f} - {high * 1000:6.1f} ms"
            f" {case.median / medians[BARE]:7.2f} {case.median / medians[KEYRING_GET]:9.2f}  {goals}"
        )
    return "\n".join(lines)


def _ratios(value: object, bare: float) -> object:
    if isinstance(value, dict):
        return {name: f"{seconds / bare:.1f} x bare" for name, seconds in value.items()}
    return value


def _verdict(cases: list[Case], report: Mapping[str, object]) -> int:
    medians = {case.name: case.median for case in cases}
    far_off = [
        f"{case.name} takes {case.median / medians[name]:.2f} x {name}, goal {limit:g}"
        for case in cases
        for name, limit in case.goals.items()
        if case.median > FAR_OFF * limit * medians[name]
    ]
    cache = report["peak memory of a warm say-hi, MB"]
    if isinstance(cache, float) and cache > FAR_OFF * 20:
        far_off.append(f"a warm say-hi takes {cache} MB, goal 20")
    for line in far_off:
        sys.stderr.write(f"far off: {line}\n")
    return 1 if far_off else 0


if __name__ == "__main__":
    sys.exit(main())
