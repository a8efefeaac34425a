"""Peak load: simulates 100,000 machines that sign in at a provider which answers a limited number of requests.

A discrete-event simulation in virtual time, with the polling of real logins (``oauth.device_grant.PollingSchedule``).
Machines start within ten minutes, people approve after about a minute, and the provider is unavailable for a minute.
Over its limit it responds in one of several ways: ``slow_down`` (RFC 8628), 429 as a gateway does, or not at all.
Run it with ``nox -s bench -- --peak-load``; it prints a table and writes ``peak-load.svg``.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import statistics
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from awesome_cli.oauth.device_grant import Pending, PollingSchedule, TransientFailure

ARRIVE_WITHIN = 600.0  # seconds
APPROVE_AFTER = (60.0, 0.6)  # seconds, median and sigma of a lognormal
OUTAGE = range(400, 460)  # seconds since the first machine
EXPIRES_IN = 900.0
INTERVAL = 5.0
TIMEOUT = 15.0  # seconds until a connection without a response counts as failed
MACHINES, LIMIT = 100_000, 1_500  # sign-ins, and requests per second that the provider answers
WIDTH, HEIGHT, SPAN = 720, 320, 1200  # of the figure: pixels, and seconds
OVER_LIMIT: dict[str, Pending | TransientFailure] = {
    "slow_down": Pending(slow_down=True),
    "Retry-After": TransientFailure(retry_after=30.0),
    "bare 429": TransientFailure(),
}


@dataclass
class Outcome:
    """Results of one simulation. Delays are seconds from approval to the poll that learns of it."""

    requests: Counter[int]
    delays: list[float]
    expired: int

    @property
    def peak(self) -> int:
        return max(self.requests.values())


def simulate(machines: int, limit: int, over_limit: str, *, fixed_interval: bool = False, seed: int = 1) -> Outcome:
    """Simulate the sign-ins. With ``fixed_interval``, machines poll every five seconds whatever the response."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable simulation
    outcome = Outcome(Counter(), [], 0)
    served: Counter[int] = Counter()
    polls: list[tuple[float, int]] = []
    schedules, approved_at, ends_at = [], [], []
    for machine in range(machines):
        starts_at = chance.uniform(0, ARRIVE_WITHIN)
        schedules.append(PollingSchedule.start(INTERVAL))
        approved_at.append(starts_at + chance.lognormvariate(math.log(APPROVE_AFTER[0]), APPROVE_AFTER[1]))
        ends_at.append(starts_at + EXPIRES_IN)
        polls.append((starts_at + INTERVAL, machine))
    heapq.heapify(polls)
    while polls:
        at, machine = heapq.heappop(polls)
        if at >= ends_at[machine]:
            outcome.expired += 1
            continue
        second, schedule, took = int(at), schedules[machine], 0.0
        outcome.requests[second] += 1
        if second in OUTAGE or (served[second] >= limit and over_limit == "nothing"):
            schedule, took = schedule.after_connection_failure(), TIMEOUT
        elif served[second] >= limit:
            schedule = schedule.after(OVER_LIMIT[over_limit])
        else:
            served[second] += 1
            if at >= approved_at[machine]:
                outcome.delays.append(at - approved_at[machine])
                continue
            schedule = schedule.after(Pending())
        schedules[machine] = PollingSchedule.start(INTERVAL) if fixed_interval else schedule
        heapq.heappush(polls, (at + took + schedules[machine].wait, machine))
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=MACHINES)
    parser.add_argument("--limit", type=int, default=LIMIT, help="requests per second that the provider answers")
    parser.add_argument("--out", type=Path, default=Path("bench"))
    options = parser.parse_args()
    outcomes = {
        "ours, slow_down": simulate(options.machines, options.limit, "slow_down"),
        "ours, 429, Retry-After: 30": simulate(options.machines, options.limit, "Retry-After"),
        "ours, bare 429": simulate(options.machines, options.limit, "bare 429"),
        "ours, silence": simulate(options.machines, options.limit, "nothing"),
        "fixed interval of 5 s": simulate(options.machines, options.limit, "nothing", fixed_interval=True),
    }
    sys.stdout.write(f"{'':26} {'peak/s':>7} {'requests':>9} {'noticed after (median, 99 %)':>29} {'expired':>8}\n")
    for name, outcome in outcomes.items():
        last = statistics.quantiles(outcome.delays, n=100)[98]
        sys.stdout.write(
            f"{name:26} {outcome.peak:7} {outcome.requests.total():9}"
            f" {statistics.median(outcome.delays):14.1f} s {last:10.1f} s {outcome.expired:8}\n"
        )
    options.out.mkdir(exist_ok=True)
    (options.out / "peak-load.svg").write_text(_figure(outcomes, options.limit))
    return 0


def _figure(outcomes: dict[str, Outcome], limit: int) -> str:
    colours = ("#2a6fdb", "#2f9e6e", "#c77d0a", "#8a4fbf", "#9aa5b1")
    top = max(outcome.peak for outcome in outcomes.values())
    lines = []
    for number, (name, outcome) in enumerate(outcomes.items()):
        lines.append(f'<polyline points="{points(outcome, top)}" fill="none" stroke="{colours[number]}"/>')
        lines.append(f'<text x="{WIDTH - 200}" y="{30 + 16 * number}" fill="{colours[number]}">{name}</text>')
    at_limit = HEIGHT - 30 - (HEIGHT - 60) * limit / top
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<line x1="50" x2="{WIDTH - 20}" y1="{at_limit:.1f}" y2="{at_limit:.1f}" stroke="#c33" stroke-dasharray="4"/>'
        f'<text x="54" y="{at_limit - 4:.1f}" fill="#c33">limit {limit}/s</text>'
        f'<text x="50" y="{HEIGHT - 8}">seconds (to {SPAN}); requests per second (to {top})</text>'
        f"{''.join(lines)}</svg>\n"
    )


def points(outcome: Outcome, top: int) -> str:
    """Return the line of one outcome; ``top`` is the rate at the upper end."""
    return " ".join(
        f"{50 + (WIDTH - 70) * second / SPAN:.1f},{HEIGHT - 30 - (HEIGHT - 60) * _rate(outcome, second) / top:.1f}"
        for second in range(0, SPAN, 5)
    )


def _rate(outcome: Outcome, second: int) -> float:
    return sum(outcome.requests[second + offset] for offset in range(5)) / 5


if __name__ == "__main__":
    sys.exit(main())
