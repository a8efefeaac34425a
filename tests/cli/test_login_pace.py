"""The pace of the polls of ``login --resume``: one schedule, whichever process goes on with it (RFC 8628 §3.5)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awesome_cli.testing.hostile import Delay, Disconnect, Respond
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.time import START, VirtualTime
from support.terminal import Terminal, account_of

if TYPE_CHECKING:
    import httpx

INTERVAL = 5.0  # seconds; the simulator's
PENDING = Respond(403, {"error": "authorization_pending"})
SLOW_DOWN = Respond(429, {"error": "slow_down"})


class KilledError(BaseException):
    pass


class Pace:
    """Runs the two commands, and records when a poll is sent, in seconds from the start."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.time, self.provider, self.issuer = terminal.time, terminal.provider, terminal.issuer
        self.polls: list[float] = []
        self.user_code = ""
        self._kills = False
        terminal.answer = self._answer

    @property
    def now(self) -> float:
        return self.time.now() - START

    @property
    def gaps(self) -> list[float]:
        return [round(after - before, 2) for before, after in pairwise(self.polls)]

    @property
    def record(self) -> Path:
        (path,) = self.terminal.environment.account_dirs[0].glob("*-pending.json")
        return path

    def begin(self) -> None:
        assert self.terminal.run("login", "--no-wait", "--json") == 0, self.terminal.err
        self.user_code = self.terminal.json["user_code"]

    def resume(self, timeout: float | None = None) -> int:
        return self.terminal.run("login", "--resume", *([] if timeout is None else ["--timeout", str(timeout)]))

    def kill_while_polling(self) -> None:
        """Run ``--resume`` until a poll is sent, and end it before the response comes, as ``kill -9`` does."""
        self._kills = True
        assert self.resume() == 1
        self._kills = False

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            self.polls.append(round(self.now, 2))
            if self._kills:
                raise KilledError
        return await self.terminal.respond(request)


@pytest.fixture
def pace(terminal: Terminal) -> Pace:
    pace = Pace(terminal)
    pace.begin()
    return pace


def test_the_first_poll_waits_for_the_interval_however_soon_resume_follows(pace: Pace) -> None:
    assert pace.resume(12) == 12
    assert pace.polls == [5, 10]


def test_the_time_between_two_commands_counts(pace: Pace) -> None:
    pace.time.pass_by(3)
    assert pace.resume(6) == 12
    assert pace.polls == [5]
    pace.time.pass_by(60)
    assert pace.resume(6) == 12
    assert pace.polls == [5, 69, 74]


@pytest.mark.parametrize("timeout", [0.5, 2, 3, 4.9])
def test_short_timeouts_poll_as_often_as_long_ones(pace: Pace, timeout: float) -> None:
    while pace.now < 26:
        assert pace.resume(timeout) == 12
    assert pace.polls == pytest.approx([5, 10, 15, 20, 25], abs=0.1)


def test_a_timeout_of_zero_polls_if_a_poll_is_due(pace: Pace) -> None:
    for seconds in (4, 2, 4):
        pace.time.pass_by(seconds)
        assert pace.resume(0) == 12
    assert pace.polls == [6]
    pace.issuer.approve(pace.user_code)
    assert pace.resume(0) == 12
    pace.time.pass_by(1)
    assert pace.resume(0) == 0
    assert pace.polls == [6, 11]


def test_a_slow_down_holds_for_every_later_process(pace: Pace) -> None:
    pace.provider.at("/token", SLOW_DOWN, PENDING, SLOW_DOWN)
    while pace.now < 57:
        assert pace.resume(4) == 12
    assert pace.polls == [5, 15, 25, 40, 55]


def test_an_interval_of_a_slow_down_holds_for_the_next_process(pace: Pace) -> None:
    pace.provider.at("/token", Respond(400, {"error": "slow_down", "interval": 30}))
    for _ in range(3):
        assert pace.resume(30) == 12
    assert pace.gaps == [30, 30]


def test_the_time_that_the_provider_asks_for_holds_for_the_next_process(pace: Pace) -> None:
    pace.provider.at("/token", Respond(429, headers={"retry-after": "60"}))
    assert pace.resume(6) == 7
    for _ in range(6):
        assert pace.resume(10) == 12
    assert pace.polls == [5, 65]


def test_the_wait_after_a_connection_failure_holds_for_the_next_process(pace: Pace) -> None:
    pace.provider.at("/token", Disconnect())
    assert pace.resume(6) == 7
    for _ in range(3):
        assert pace.resume(5) == 12
    assert pace.polls == [5, 15, 20]


@pytest.mark.parametrize("ahead", [-3600, -30, -3])
@pytest.mark.parametrize("timeout", [3, 60])
def test_a_clock_that_is_set_back_delays_the_next_poll_by_an_interval_at_most(
    pace: Pace, ahead: float, timeout: float
) -> None:
    assert pace.resume(6) == 12
    pace.time.pass_by(ahead)
    began = pace.now
    while pace.now < began + 4.5:
        assert pace.resume(timeout) == 12
    assert pace.polls[1] - began == pytest.approx(5, abs=1.1)


def test_a_clock_that_is_set_ahead_polls_at_once_and_then_at_the_interval(pace: Pace) -> None:
    assert pace.resume(6) == 12
    pace.time.pass_by(300)
    assert pace.resume(6) == 12
    assert pace.polls == [5, 306, 311]


def test_a_code_that_expired_while_nothing_ran_is_not_polled_for(pace: Pace) -> None:
    pace.time.pass_by(900)
    assert pace.resume(60) == 6
    assert pace.polls == []


def test_a_code_that_expires_before_the_timeout_ends_with_6(pace: Pace) -> None:
    pace.time.pass_by(893)
    assert pace.resume(60) == 6
    assert pace.polls == [893, 898]


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "junk",
        "[]",
        "{}",
        '{"device": "another", "interval": 5, "wait": 0, "polled_at": 0}',
        '{"device": DEVICE, "interval": 0, "wait": 0, "polled_at": 0}',
        '{"device": DEVICE, "interval": -1, "wait": -1, "polled_at": 1800000000}',
        '{"device": DEVICE, "interval": 0.001, "wait": 0.001, "polled_at": 1800000000}',
        '{"device": DEVICE, "interval": "5", "wait": null, "polled_at": []}',
        '{"device": DEVICE, "interval": 1e999, "wait": NaN, "polled_at": 1e400}',
    ],
)
@pytest.mark.parametrize("timeout", [3, 16])
def test_a_lost_or_damaged_record_neither_speeds_the_polls_up_nor_stops_them(
    pace: Pace, text: str | None, timeout: float
) -> None:
    pending = account_of(pace.terminal).stores.pending().load()
    assert pending
    if text is None:
        pace.record.unlink()
    else:
        pace.record.write_text(text.replace("DEVICE", f'"{pending.digest}"'))
    began = pace.now
    while pace.now < began + 15:
        assert pace.resume(timeout) == 12
    assert 2 <= len(pace.polls) <= 4
    assert min(pace.gaps) >= INTERVAL


def test_a_poll_whose_process_was_killed_counts(pace: Pace) -> None:
    for _ in range(3):
        pace.kill_while_polling()
    assert pace.resume(6) == 12
    assert pace.gaps == [5, 5, 5]


def test_the_timeout_does_not_give_up_a_poll_whose_response_may_be_the_tokens(pace: Pace) -> None:
    pace.issuer.approve(pace.user_code)
    pace.provider.at("/token", Delay(12))
    assert pace.resume(6) == 0
    assert pace.now == pytest.approx(17, abs=0.1)


def test_a_provider_that_hangs_is_given_up_after_the_timeout_of_a_request(pace: Pace) -> None:
    pace.provider.at("/token", Delay(3600))
    assert pace.resume(6) == 7
    assert pace.now == pytest.approx(20, abs=0.1)
    assert pace.resume(12) == 12


def test_the_screen_of_resume_counts_down_to_the_timeout(pace: Pace) -> None:
    pace.terminal.interactive = True
    assert pace.resume(12) == 12
    assert "gives up in 0:12" in pace.terminal.err


def test_a_code_that_is_replaced_while_its_process_polls_does_not_hold_up_its_successor(
    terminal: Terminal, time: VirtualTime
) -> None:
    """A command that a person or an agent has forgotten in the background still polls for the first code."""
    pace, ends = Pace(terminal), []
    pace.begin()

    async def replace(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            terminal.answer = pace._answer  # noqa: SLF001 - what it was before
            await anyio.to_thread.run_sync(in_another_process)
        return await terminal.respond(request)

    def in_another_process() -> None:
        begun = terminal.execute("login", "--no-wait", "--json").json
        pace.issuer.approve(begun["user_code"])
        time.pass_by(6)
        ends.append(terminal.execute("login", "--resume", "--timeout", "0"))

    terminal.answer = replace
    pace.resume(6)
    assert [end.code for end in ends] == [0], ends[0].err
    assert terminal.run("say-hi") == 0


STEPS = st.one_of(
    st.tuples(st.just("resume"), st.floats(0, 20).map(lambda number: round(number, 1))),
    st.tuples(st.just("pass"), st.floats(0, 12).map(lambda number: round(number, 1))),
    st.tuples(st.just("kill"), st.none()),
    st.tuples(st.just("slow down"), st.none()),
    st.tuples(st.just("offline"), st.none()),
)


@given(st.lists(STEPS, max_size=8))
@settings(max_examples=25)
def test_whatever_runs_and_ends_polls_are_never_closer_than_the_interval(
    steps: list[tuple[str, float | None]],
) -> None:
    with TemporaryDirectory() as folder:
        time = VirtualTime()
        pace = Pace(Terminal(Path(folder), ProviderSimulator(now=time.now, url="https://provider.example/"), time))
        pace.begin()
        for action, number in steps:
            if action == "resume":
                assert pace.resume(number) in (7, 12)
            elif action == "pass":
                time.pass_by(number or 0.0)
            elif action == "kill":
                pace.kill_while_polling()
            else:
                pace.provider.at("/token", SLOW_DOWN if action == "slow down" else Disconnect())
        assert all(gap >= INTERVAL for gap in [*pace.polls[:1], *pace.gaps])
        pace.issuer.approve(pace.user_code)
        assert 0 in (pace.resume(4.9) for _ in range(80)), "a poll was due, and none was sent"
