"""The memory of a command, and the processor time of a login that waits."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.runner import Runner, settings

# The child is measured after exec, but starts as a copy of this small probe.
_PROBE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_memory(runner: Runner, argv: Sequence[str]) -> float:
    """Return megabytes."""
    return round(int(runner.completed([*runner.python, _PROBE, *argv]).stdout) / 1024, 1)


def waiting(runner: Runner, seconds: float) -> float:
    """Return the share of a core that a waiting login uses, by the run time that the kernel counts."""
    runner.issuer.auto_approve, runner.issuer.interval = False, 5
    environ = {**runner.environ, **settings("AWESOME", runner.issuer)}
    argv = [runner.awesome, "--profile", "polls", "login"]
    with subprocess.Popen(argv, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        while "Waiting" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(1)
        before = _seconds_run(process.pid)
        time.sleep(seconds)
        cost = _seconds_run(process.pid) - before
        process.terminate()
    runner.issuer.auto_approve, runner.issuer.interval = True, 0.2
    return round(cost / seconds, 5)


def _seconds_run(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
