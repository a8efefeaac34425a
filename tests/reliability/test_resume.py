"""``login --no-wait`` and ``login --resume`` in real processes: kills, signals, several at once, keyrings that fail."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("the Secret Service and /proc are Linux's", allow_module_level=True)

from awesome_cli.system import signals
from awesome_cli.system.account_folders import account_folders
from awesome_cli.testing.hostile import NORMAL, HostileProvider, Normally, Respond
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import Chunk
from support.desktop import Desktop
from support.process import ROUNDS, TIMEOUT, Program, wait
from support.requirements import require
from support.secret_service import gnome_keyring

SIGNALS = {name: code for name, (code, _) in signals.SIGNALS.items() if name != "SIGBREAK"}
KILLED = -9
KILLS = ROUNDS
INTERVAL = 0.5  # seconds
ENDS = {"approve": 0, "deny": 5, "expire": 6}  # exit codes by what happens to a code
TOLERANCE = 0.2  # seconds; a request takes longer to arrive than the next one
LARGE = ("--audience", f"https://api.example/{'a' * 700}")  # makes a sign-in of several entries

PROFILE = f"resume-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"  # locks and records are those of the account


class Polled:
    """An act that sets an event at each request, and plays the normal response."""

    def __init__(self) -> None:
        self.event = Event()

    def play(self, normally: Normally) -> Iterator[Chunk]:
        self.event.set()
        yield from NORMAL.play(normally)


@pytest.fixture(autouse=True)
def no_records() -> Iterator[None]:
    """Remove what the program leaves in the folder of the account."""
    yield
    for path in Path(account_folders("awesome-cli")[0]).glob(f"awesome-cli-{PROFILE}*"):
        path.unlink()


@pytest.fixture
def program(tmp_path: Path, issuer: ProviderSimulator) -> Program:
    issuer.interval, issuer.auto_approve = INTERVAL, False
    return new_program(tmp_path, issuer)


@pytest.fixture
def desktop(tmp_path: Path, issuer: ProviderSimulator) -> Iterator[Desktop]:
    require("gnome-keyring-daemon", "dbus-daemon")
    with gnome_keyring() as service:
        desktop = Desktop(tmp_path, service)
        desktop.at(issuer.url, issuer.client_id)
        desktop.environ["AWESOME_PROFILE"] = PROFILE
        yield desktop


@pytest.fixture
def polled(provider: HostileProvider) -> Event:
    act = Polled()
    provider.always("/token", act)
    return act.event


def new_program(folder: Path, issuer: ProviderSimulator) -> Program:
    folder.mkdir(exist_ok=True)
    program = Program(folder).at(issuer.url, issuer.client_id)
    program.environ["AWESOME_PROFILE"] = PROFILE
    return program


def begin(program: Program, *options: str) -> str:
    """Request a code in this process, and return what the person has to enter."""
    end = program.run_in_process("login", "--no-wait", "--json", *options)
    assert end.code == 0, end.err
    return str(end.json["user_code"])


def start_polling(program: Program, polled: Event, *options: str) -> subprocess.Popen[str]:
    """Start ``--resume``, and return when it has sent a poll."""
    polled.clear()
    process = program.start("login", "--resume", "--json", *options)
    assert polled.wait(TIMEOUT)
    return process


def last_event(out: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(out.splitlines()[-1])
    return event


def polls(issuer: ProviderSimulator) -> list[float]:
    return [request.at for request in issuer.requests if request.path == "/token"]


def test_a_kill_around_any_keyring_change_of_no_wait_leaves_a_code_that_can_be_resumed_or_none(
    tmp_path: Path, issuer: ProviderSimulator
) -> None:
    """Changes of the check before the request are left out: tests of login kill there."""
    argv = ("login", "--no-wait", *LARGE)
    changes = changes_of(new_program(tmp_path / "reference", issuer), tmp_path, *argv)
    first = next(number for number, change in enumerate(changes, 1) if ":pending:" in change)
    moments = range(first - 1, len(changes) + 1)
    killed = [new_program(tmp_path / str(number), issuer) for number in moments]
    kill_after(moments, killed, *argv)
    ends = [program.run_in_process("login", "--resume", "--timeout", "5").code for program in killed]
    assert ends == [4] * (len(moments) - 1) + [0]
    assert len(moments) > 2
    for program in killed:
        assert program.run_in_process("logout").code == 0
        assert program.entries == {}


def test_a_kill_around_any_keyring_change_of_resume_leaves_a_session_or_a_clear_exit_code(
    tmp_path: Path, issuer: ProviderSimulator
) -> None:
    argv = ("login", "--resume")
    reference = new_program(tmp_path / "reference", issuer)
    begin(reference, *LARGE)
    moments = range(1, len(changes_of(reference, tmp_path, *argv)) + 1)
    killed = [new_program(tmp_path / str(number), issuer) for number in moments]
    for program in killed:
        begin(program, *LARGE)
    kill_after(moments, killed, *argv)
    outcomes = []
    for program in killed:
        session = program.session()  # raises, if it is half
        code = program.run_in_process("login", "--resume", "--timeout", "5").code
        outcomes.append((code, session is not None))
        assert (program.run_in_process("say-hi").code == 0) is (session is not None)
        assert program.run_in_process("logout").code == 0
        assert program.entries == {}
    assert set(outcomes) == {(4, False), (0, True)}  # the code is used up, and its last entry deleted first
    assert outcomes == sorted(outcomes, key=[(4, False), (0, True)].index)


def changes_of(program: Program, folder: Path, *argv: str) -> list[str]:
    """Run a command, and return the changes of the keyring that it makes."""
    log = folder / "changes"
    end = program.run(*argv, TEST_KEYRING_LOG=str(log))
    assert end.code == 0, end.err
    return log.read_text().splitlines()


def kill_after(changes: range, programs: list[Program], *argv: str) -> None:
    """Run the command in each program, and kill it after the change with this number."""

    def run(program: Program, change: int) -> int:
        return program.run(*argv, TEST_KEYRING_SIGNAL=f"SIGKILL after {change}").code

    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(run, programs, changes)) == {KILLED}


def test_kills_at_any_time_leave_a_code_that_waits_a_session_or_a_clear_exit_code(desktop: Desktop) -> None:
    random_delays = random.Random(KILLS)  # noqa: S311 - not for secrets
    commands = (("login", "--no-wait", "--force"), ("login", "--resume"))
    usual = []
    for argv in commands:
        started = time.monotonic()
        assert desktop.run(*argv).code == 0
        usual.append(time.monotonic() - started)
    outcomes: Counter[tuple[str, int]] = Counter()
    for number in range(KILLS):
        argv = commands[number % 2]
        if argv == commands[1]:
            assert desktop.run(*commands[0]).code == 0
        process = desktop.start(*argv)
        time.sleep(random_delays.uniform(0, usual[number % 2]))
        process.kill()
        assert wait(process).code in (KILLED, 0)
        end = desktop.run("login", "--resume", "--timeout", "5")
        outcomes[argv[1], end.code] += 1
    assert {code for _, code in outcomes} <= {0, 4, 6}, outcomes
    assert desktop.run("login").code == 0
    assert desktop.run("logout").code == 0
    assert desktop.entry_names == []


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_ends_resume_and_keeps_the_sign_in(
    program: Program, issuer: ProviderSimulator, polled: Event, name: str
) -> None:
    user_code = begin(program)
    process = start_polling(program, polled)
    process.send_signal(signal.Signals[name])
    end = wait(process)
    assert end.code == SIGNALS[name]
    assert last_event(end.out)["error"] == "interrupted"
    assert issuer.approve(user_code)
    assert program.run_in_process("login", "--resume", "--timeout", "5").code == 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_after_the_approval_waits_until_the_session_is_stored(
    program: Program, issuer: ProviderSimulator, name: str
) -> None:
    issuer.auto_approve = True
    begin(program)
    end = program.run("login", "--resume", "--json", TEST_KEYRING_SIGNAL=f"{name} before 1")
    assert end.code == SIGNALS[name]
    assert last_event(end.out)["event"] == "signed_in"
    assert program.run_in_process("say-hi").code == 0


def test_commands_that_are_killed_again_and_again_go_on_at_the_same_pace(
    program: Program, issuer: ProviderSimulator, polled: Event
) -> None:
    """As an agent does that ends each command after some seconds: often while a poll is under way."""
    user_code = begin(program)
    for _ in range(ROUNDS):
        process = start_polling(program, polled)
        process.kill()
        assert wait(process).code == KILLED
    assert issuer.approve(user_code)
    assert program.run_in_process("login", "--resume", "--timeout", "5").code == 0
    assert len(polls(issuer)) >= ROUNDS + 1
    assert min(after - before for before, after in pairwise(polls(issuer))) > INTERVAL - TOLERANCE


@pytest.mark.parametrize(("decision", "code"), ENDS.items())
def test_of_several_at_once_one_polls_and_all_end_as_it_does(
    program: Program, provider: HostileProvider, polled: Event, decision: str, code: int
) -> None:
    user_code, issuer, reads = begin(program), provider.issuer, program.home / "reads"
    first = start_polling(program, polled)
    processes = [first, *(program.start("login", "--resume", "--json", TEST_KEYRING_READS=str(reads)) for _ in "23")]
    wait_for_readers(reads, 2)
    if decision == "expire":
        provider.always("/token", Respond(403, {"error": "expired_token"}))
    else:
        assert getattr(issuer, decision)(user_code)
    ends = [wait(process) for process in processes]
    assert [end.code for end in ends] == [code] * len(processes), [end.err for end in ends]
    assert len({last_event(end.out).get("message", "signed in") for end in ends}) == 1
    gaps = [after - before for before, after in pairwise(polls(issuer))]
    assert all(gap > INTERVAL - TOLERANCE for gap in gaps), gaps
    assert program.run_in_process("say-hi").code == (0 if code == 0 else 4)


def wait_for_readers(log: Path, number: int) -> None:
    """Wait until so many processes have read the sign-in that waits."""
    deadline = time.monotonic() + TIMEOUT
    while not log.exists() or log.read_text().count(":pending:0\n") < number:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_profiles_wait_at_the_same_time(program: Program, issuer: ProviderSimulator, polled: Event) -> None:
    codes = {profile: begin(program, "--profile", profile) for profile in (PROFILE, f"{PROFILE}-2")}
    processes = {profile: start_polling(program, polled, "--profile", profile) for profile in codes}
    first, second = codes
    assert issuer.approve(codes[second])
    assert wait(processes[second]).code == 0
    assert processes[first].poll() is None
    assert issuer.approve(codes[first])
    assert wait(processes[first]).code == 0


def test_the_device_code_is_in_the_keyring_alone(
    desktop: Desktop, provider: HostileProvider, issuer: ProviderSimulator, polled: Event
) -> None:
    issuer.interval, issuer.auto_approve = INTERVAL, False
    begun = desktop.run("--verbose", "login", "--no-wait", "--json")
    process = start_polling(desktop, polled, "--verbose")
    seen = [Path(f"/proc/{process.pid}/{name}").read_text() for name in ("cmdline", "environ")]
    assert any(":pending:" in name for name in desktop.entry_names)
    folders = [desktop.home, *map(Path, account_folders("awesome-cli"))]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {f"awesome-cli-{PROFILE}-pending.json"}
    seen += [path.read_text("utf-8", "replace") for path in files]
    assert issuer.approve(begun.json["user_code"])
    end = wait(process)
    assert end.code == 0, end.err
    seen += [begun.out, begun.err, end.out, end.err]
    assert len(provider.secrets) >= 4
    assert [secret for secret in provider.secrets if any(secret in text for text in seen)] == []
    assert not any(":pending:" in name for name in desktop.entry_names)


def test_without_a_keyring_both_commands_use_the_file(program: Program, issuer: ProviderSimulator) -> None:
    program.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    issuer.auto_approve = True
    assert program.run("login", "--no-wait").code == 9
    assert issuer.requests == []
    assert program.run("login", "--no-wait", "--insecure-storage").code == 0
    (file,) = program.home.rglob("*.pending")
    assert file.stat().st_mode & 0o777 == 0o600
    assert program.run("login", "--resume").code == 0
    assert not file.exists()
    assert program.run("say-hi").out == "Welcome Juan!\n"


def test_a_keyring_that_was_locked_meanwhile_keeps_the_sign_in(desktop: Desktop, issuer: ProviderSimulator) -> None:
    assert desktop.run("login", "--no-wait").code == 0
    desktop.service.lock()
    before = len(issuer.requests)
    end = desktop.run("login", "--resume", "--json", AWESOME_KEYRING_TIMEOUT="1")
    assert (end.code, last_event(end.out)["error"]) == (9, "keyring")
    assert desktop.run("login", "--no-wait", AWESOME_KEYRING_TIMEOUT="1").code == 9
    assert len(issuer.requests) == before
    assert any(":pending:" in name for name in desktop.entry_names)


@pytest.mark.parametrize("backend", ["Hanging", "HangingOnWrite"])
def test_a_keyring_that_does_not_answer_ends_both_commands_before_a_request(
    program: Program, issuer: ProviderSimulator, backend: str
) -> None:
    for option in ("--no-wait", "--resume"):
        end = program.run("login", option, backend=backend, AWESOME_KEYRING_TIMEOUT="0.3")
        assert end.code == (4 if (option, backend) == ("--resume", "HangingOnWrite") else 9)
    assert issuer.requests == []


def test_a_code_that_the_keyring_does_not_store_in_time_is_not_shown(
    program: Program, issuer: ProviderSimulator
) -> None:
    end = program.run("login", "--no-wait", "--json", backend="HangingOnPendingSignIn", AWESOME_KEYRING_TIMEOUT="0.5")
    assert (end.code, last_event(end.out)["error"]) == (9, "keyring")
    assert "activate" not in end.out + end.err
    assert program.entries == {}
    assert program.run_in_process("login", "--resume").code == 4
    assert [request.path for request in issuer.requests].count("/device/code") == 1


def test_a_code_that_cannot_be_deleted_after_the_approval_ends_with_9_and_then_is_forgotten(
    program: Program, issuer: ProviderSimulator
) -> None:
    issuer.auto_approve = True
    begin(program)
    end = program.run("login", "--resume", backend="HangingOnDelete", AWESOME_KEYRING_TIMEOUT="0.5")
    assert end.code == 9
    assert issuer.active_grants == 0
    assert program.run_in_process("login", "--resume").code == 9
    assert program.run_in_process("login", "--resume").code == 4
    assert program.entries == {}
