"""Monday morning, on paper: 100,000 machines sign in at a provider that answers so many requests a second.

A discrete-event simulation on virtual time, with the polling of real logins (``oauth.device_grant.PollingSchedule``).
Machines start within ten minutes; people approve after a minute or so; the provider goes down for a minute in the
middle. Over its limit it answers as asked: ``slow_down`` as RFC 8628 has it, a bare 429 as a gateway does, or nothing.
Run it with ``nox -s bench -- --monday``; it prints a table and writes ``monday.svg``.
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
TIMEOUT = 15.0  # seconds until a connection that nobody answers counts as failed
OVER_LIMIT: dict[str, Pending | TransientFailure] = {
    "slow_down": Pending(slow_down=True),
    "Retry-After": TransientFailure(retry_after=30.0),
    "bare 429": TransientFailure(),
}


@dataclass
class Morning:
    """What came of it. Delays are seconds from approval to the poll that learns of it."""

    requests: Counter[int]
    delays: list[float]
    expired: int

    @property
    def peak(self) -> int:
        return max(self.requests.values())


def simulate(machines: int, limit: int, over_limit: str, *, stubborn: bool = False, seed: int = 1) -> Morning:
    """Let the machines sign in. ``stubborn`` ones poll every five seconds whatever they are told."""
    dice = random.Random(seed)  # noqa: S311 - a repeatable simulation
    morning = Morning(Counter(), [], 0)
    served: Counter[int] = Counter()
    polls: list[tuple[float, int]] = []
    paces, approved_at, ends_at = [], [], []
    for machine in range(machines):
        starts_at = dice.uniform(0, ARRIVE_WITHIN)
        paces.append(PollingSchedule.start(INTERVAL))
        approved_at.append(starts_at + dice.lognormvariate(math.log(APPROVE_AFTER[0]), APPROVE_AFTER[1]))
        ends_at.append(starts_at + EXPIRES_IN)
        polls.append((starts_at + INTERVAL, machine))
    heapq.heapify(polls)
    while polls:
        at, machine = heapq.heappop(polls)
        if at >= ends_at[machine]:
            morning.expired += 1
            continue
        second, schedule, took = int(at), paces[machine], 0.0
        morning.requests[second] += 1
        if second in OUTAGE or (served[second] >= limit and over_limit == "nothing"):
            schedule, took = schedule.after_connection_failure(), TIMEOUT
        elif served[second] >= limit:
            schedule = schedule.after(OVER_LIMIT[over_limit])
        else:
            served[second] += 1
            if at >= approved_at[machine]:
                morning.delays.append(at - approved_at[machine])
                continue
            schedule = schedule.after(Pending())
        paces[machine] = PollingSchedule.start(INTERVAL) if stubborn else schedule
        heapq.heappush(polls, (at + took + paces[machine].wait, machine))
    return morning


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=100_000)
    parser.add_argument("--limit", type=int, default=1_500, help="requests a second that the provider answers")
    parser.add_argument("--out", type=Path, default=Path("bench"))
    options = parser.parse_args()
    mornings = {
        "ours, slow_down": simulate(options.machines, options.limit, "slow_down"),
        "ours, 429, Retry-After: 30": simulate(options.machines, options.limit, "Retry-After"),
        "ours, bare 429": simulate(options.machines, options.limit, "bare 429"),
        "ours, silence": simulate(options.machines, options.limit, "nothing"),
        "every 5 s, come what may": simulate(options.machines, options.limit, "nothing", stubborn=True),
    }
    sys.stdout.write(f"{'':26} {'peak/s':>7} {'requests':>9} {'noticed after (median, 99 %)':>29} {'expired':>8}\n")
    for name, morning in mornings.items():
        last = statistics.quantiles(morning.delays, n=100)[98]
        sys.stdout.write(
            f"{name:26} {morning.peak:7} {morning.requests.total():9}"
            f" {statistics.median(morning.delays):14.1f} s {last:10.1f} s {morning.expired:8}\n"
        )
    options.out.mkdir(exist_ok=True)
    (options.out / "monday.svg").write_text(_figure(mornings, options.limit))
    return 0


def _figure(mornings: dict[str, Morning], limit: int) -> str:
    colours = ("#2a6fdb", "#2f9e6e", "#c77d0a", "#8a4fbf", "#9aa5b1")
    width, height, span = 720, 320, 1200
    top = max(morning.peak for morning in mornings.values())
    lines = []
    for number, (name, morning) in enumerate(mornings.items()):
        points = " ".join(
            f"{50 + (width - 70) * second / span:.1f},{height - 30 - (height - 60) * _rate(morning, second) / top:.1f}"
            for second in range(0, span, 5)
        )
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colours[number]}" stroke-width="1.5"/>')
        lines.append(f'<text x="{width - 200}" y="{30 + 16 * number}" fill="{colours[number]}">{name}</text>')
    at_limit = height - 30 - (height - 60) * limit / top
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<line x1="50" x2="{width - 20}" y1="{at_limit}" y2="{at_limit}" stroke="#c33" stroke-dasharray="4"/>'
        f'<text x="54" y="{at_limit - 4}" fill="#c33">limit {limit}/s</text>'
        f'<text x="50" y="{height - 8}">seconds since the first machine, to {span}; requests a second, to {top}</text>'
        f"{''.join(lines)}</svg>\n"
    )


def _rate(morning: Morning, second: int) -> float:
    return sum(morning.requests[second + offset] for offset in range(5)) / 5


if __name__ == "__main__":
    sys.exit(main())
