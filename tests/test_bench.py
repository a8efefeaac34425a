"""The pure parts of the bench: reading valgrind's output, the record, and the verdict of the gate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bench.instructions import COUNTS, HOW, RECORD, Counter, Record, compare, instructions, without_valgrind

OLD = "==7== Cachegrind, a cache profiler\n--7-- warning: L3 cache found\n==7== I   refs:      38,248,476\n"
NEW = "Welcome Juan!\n==7== I refs:        1,986,591,812\n"
RECORDED = Record(HOW, "3.11.7", {"say-hi": 4.0, "token": 14.0})


@pytest.mark.parametrize(("output", "count"), [(OLD, 38_248_476), (NEW, 1_986_591_812)])
def test_the_count_is_read_from_what_old_and_new_valgrinds_print(output: str, count: int) -> None:
    assert instructions(output) == count


def test_output_without_a_count_is_an_error() -> None:
    with pytest.raises(ValueError, match="did not count: no such tool"):
        instructions("no such tool")


class Outputs:
    """Takes the place of valgrind: bare Python executes 100 instructions, the command what is given, in turn."""

    def __init__(self, *counts: int) -> None:
        self.counts = [100] * COUNTS + list(counts)

    def __call__(self, argv: list[str], environ: Mapping[str, str]) -> str:
        assert (argv[0], environ["PYTHONHASHSEED"]) == ("valgrind", "0")
        return f"==1== I refs: {self.counts.pop(0)}\n"


@pytest.mark.parametrize(("counts", "ratio"), [([390], 3.9), ([500, 410], 4.1), ([500, 450, 480], 4.5)])
def test_a_command_over_its_limit_is_counted_again_and_the_least_is_taken(counts: list[int], ratio: float) -> None:
    outputs = Outputs(*counts)
    assert Counter(outputs, ["python"]).ratio(["awesome"], {}, limit=4.2) == ratio
    assert outputs.counts == []


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    RECORDED.write(tmp_path / "record.json")
    assert Record.read(tmp_path / "record.json") == RECORDED


def test_the_record_of_the_repository_is_one_of_this_way_to_count() -> None:
    assert Record.read(RECORD).how == HOW


def test_what_is_not_on_record_has_no_limit() -> None:
    assert RECORDED.limit("api", "3.11.7") == math.inf


def test_equal_counts_pass_in_silence() -> None:
    assert compared(RECORDED) == ([], [])


@pytest.mark.parametrize(("say_hi", "fails"), [(4.19, False), (4.21, True)])
def test_over_5_percent_more_fail(say_hi: float, fails: bool) -> None:  # noqa: FBT001 - a parameter of a test
    failures, notes = compared(counted(say_hi))
    expected = ["say-hi takes 4.21 x the instructions of bare Python, on record are 4.00 (+5.2%)."]
    assert (failures, notes) == (expected if fails else [], [])


def test_over_5_percent_fewer_are_to_be_recorded() -> None:
    failures, (note,) = compared(counted(3.7))
    assert failures == []
    assert note.endswith("on record are 4.00 (-7.5%). Record it: nox -s bench -- --record")


def test_another_build_of_python_may_differ_more() -> None:
    failures, (note,) = compared(replace(counted(4.5), python="3.11.2"))
    assert failures == []
    assert note == "This is Python 3.11.2; on record is 3.11.7: 15% are tolerated."
    assert len(compared(replace(counted(4.7), python="3.11.2"))[0]) == 1


def test_each_case_must_be_on_record_and_each_record_a_case() -> None:
    failures, _ = compared(replace(RECORDED, ratios={"say-hi": 4.0, "api": 40.0}))
    assert [failure.partition(".")[0] for failure in failures] == [
        "api is not on record",
        "token is on record, but no case",
    ]


def test_what_was_counted_in_another_way_cannot_be_compared() -> None:
    assert compared(replace(RECORDED, how="by hand"))[0] == [
        "The instructions were recorded in another way. Record them again."
    ]


@pytest.mark.parametrize("may_skip", [True, False])
def test_without_valgrind_the_gate_says_so_and_fails_where_nothing_may_be_skipped(may_skip: bool) -> None:  # noqa: FBT001
    verdict = without_valgrind(may_skip=may_skip)
    assert (bool(verdict.notes), bool(verdict.failures)) == (may_skip, not may_skip)


def counted(say_hi: float) -> Record:
    return replace(RECORDED, ratios={**RECORDED.ratios, "say-hi": say_hi})


def compared(record: Record) -> tuple[list[str], list[str]]:
    verdict = compare(record, RECORDED)
    return verdict.failures, verdict.notes
