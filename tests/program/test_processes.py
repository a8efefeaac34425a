"""Programs as processes: signals in own commands, output that is lost, and what child processes inherit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import awesome_cli
from awesome_cli.testing.hostile import Delay, serve_hostile
from support.requirements import require

if sys.platform == "win32":
    pytest.skip("signals and file descriptors as POSIX has them", allow_module_level=True)

ACME = """
import asyncio, os, subprocess, sys, time
from awesome_cli import Program

def started():
    print("started", flush=True)

def sleep():
    started()
    time.sleep(30)

async def block():
    started()
    time.sleep(30)

async def ignore():
    started()
    for _ in range(15):
        try:
            await asyncio.sleep(2)
        except asyncio.CancelledError:
            pass

def clean_up():
    try:
        import slow_module
    finally:
        print("cleaned up", flush=True)

def twice():
    for _ in range(2):
        acme.run(["sleep"])
    print("went on", flush=True)

def child():
    sys.exit(subprocess.call([sys.executable, "-c", "import os; print(os.environ.get('ACME_ACCESS_TOKEN'))"]))

def lines():
    for number in range(100_000):
        print(number)

def small():
    print("hello")

def replaced():
    import io
    sys.stdin = sys.stdout = io.StringIO()
    acme()

def captured():
    import contextlib, io
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        acme.session()

class Log:
    def __init__(self):
        self.file = open(os.path.expanduser("~/log"), "w")
        self.write = self.write_line  # a cycle: only the garbage collector finds it

    def write_line(self, line):
        self.file.write(line)

log = Log() if sys.argv[1:] in (["log"], ["--version"]) else None
if log:
    log.write("loaded ")

def write_log():
    log.write("ran")

COMMANDS = dict(
    sleep=sleep, clean_up=clean_up, twice=twice, child=child, lines=lines, small=small, captured=captured, log=write_log
)

def main(argv):
    if argv[0] in ("block", "ignore"):
        return acme.signed_in({"block": block, "ignore": ignore}[argv[0]])()
    return COMMANDS[argv[0]]()

acme = Program("acme", app=main, issuer=os.environ.get("PROVIDER"), client_id="test-client")
if sys.argv[1:] == ["replaced"]:
    import io
    sys.argv[1:] = ["small"]
    sys.stdin = sys.stdout = io.StringIO()
acme()
"""
CLICK = """
import click, time
from awesome_cli import Program

@click.group()
def cli(): ...

@cli.command()
def sleep():
    print("started", flush=True)
    time.sleep(30)

Program("acme-tool", app=cli, issuer="https://id.example/", client_id="x")()
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Return a function that starts a command of a program."""
    (tmp_path / "slow_module.py").write_text("print('started', flush=True)\nimport time\ntime.sleep(30)")

    def start(*argv: str, source: str = ACME, stdout: Any = subprocess.PIPE, **environ: str) -> subprocess.Popen[str]:  # noqa: ANN401 - as Popen has it
        passed_on = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        variables = {
            **passed_on,
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(Path(awesome_cli.__file__).parents[1]), str(tmp_path)]),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "ACME_ACCESS_TOKEN": "given",  # so that nobody has to sign in
            **environ,
        }
        command = [sys.executable, "-c", source, *argv]
        return subprocess.Popen(command, env=variables, stdout=stdout, stderr=subprocess.PIPE, text=True)

    return start


def end(process: subprocess.Popen[str], *signals: int) -> tuple[int, str, str]:
    """Send signals, the first when the command has started, and return the exit code and the rest of the output."""
    with process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        for number in signals:
            process.send_signal(number)
            time.sleep(0.3)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def code_of(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [(signal.SIGINT, 130, "Interrupted."), (signal.SIGTERM, 143, "Terminated."), (signal.SIGHUP, 129, "Hung up.")],
)
def test_a_signal_ends_an_own_command(start: Start, number: int, code: int, message: str) -> None:
    assert end(start("sleep"), number) == (code, "", f"{message}\n")


@pytest.mark.parametrize("command", ["block", "ignore"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_an_async_command_that_does_not_end_by_itself(
    start: Start, command: str, number: int, code: int
) -> None:
    signals = (number, number, number)  # asyncio itself waits for a task that ignores its cancellation
    assert end(start(command), *signals[: 2 if command == "block" else 3])[:2] == (code, "")


def test_a_command_within_a_command_ends_both(start: Start) -> None:
    assert end(start("twice"), signal.SIGINT) == (130, "", "Interrupted.\n")
    assert end(start("twice"), signal.SIGTERM) == (143, "", "Terminated.\n")


def test_own_code_cleans_up_after_a_signal_during_an_import(start: Start) -> None:
    assert end(start("clean_up"), signal.SIGINT) == (130, "cleaned up\n", "Interrupted.\n")


def test_ctrl_c_in_a_click_command_has_its_own_exit_code(start: Start) -> None:
    code, _, err = end(start("sleep", source=CLICK), signal.SIGINT)
    assert (code, err.splitlines()[-1]) == (130, "Interrupted.")


def test_click_calls_the_program_by_its_name(start: Start) -> None:
    out, _ = start("--help", source=CLICK).communicate(timeout=60)
    assert out.startswith("Usage: acme-tool [OPTIONS] COMMAND")


def test_a_child_of_an_own_command_inherits_the_given_token(start: Start) -> None:
    assert start("child").communicate(timeout=60)[0] == "given\n"


def test_output_that_is_lost_is_an_error(start: Start) -> None:
    require("/dev/full")
    with Path("/dev/full").open("w") as full:
        process = start("small", stdout=full)
        assert (
            process.communicate(timeout=60)[1] == "Error: The output could not be written (No space left on device).\n"
        )
    assert process.returncode == 1
    assert start("small").communicate(timeout=60) == ("hello\n", "")


def test_a_reader_that_closes_the_pipe_early_causes_no_traceback(start: Start) -> None:
    process = start("lines")
    with process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_streams_that_are_replaced_do_not_matter(start: Start) -> None:
    process = start("replaced")
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def test_an_error_is_shown_though_the_command_redirected_the_streams_meanwhile(start: Start) -> None:
    process = start("captured")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (9, "")
    assert err.startswith("Error: No keyring is available on this system.\n")


@pytest.mark.parametrize(("command", "written"), [("log", "loaded ran"), ("--version", "loaded ")])
def test_what_own_code_leaves_in_a_buffer_is_written_at_the_end(
    start: Start, tmp_path: Path, command: str, written: str
) -> None:
    assert code_of(start(command)) == 0
    assert (tmp_path / "log").read_text() == written


def test_a_renewal_is_finished_before_an_async_command_ends(start: Start, tmp_path: Path) -> None:
    """The second signal is raised in the command, while a thread renews the session."""
    renewing = ACME.replace("    started()\n    time.sleep(30)", "    started()\n    acme.token(min_ttl=99_999)", 2)
    with serve_hostile(auto_approve=True, interval=0.01) as provider:
        environ = {"PROVIDER": provider.url, "ACME_ACCESS_TOKEN": ""}
        assert code_of(start("login", "--insecure-storage", **environ)) == 0
        provider.at("/token", Delay(3))
        before = provider.paths.count("/token")
        with start("block", source=renewing, **environ) as process:
            while provider.paths.count("/token") == before:
                time.sleep(0.05)
            for _ in range(2):
                process.send_signal(signal.SIGINT)
                time.sleep(0.3)
            process.communicate(timeout=60)
        assert process.returncode == 130
        assert code_of(start("token", **environ)) == 0
        assert (provider.issuer.refreshes, provider.issuer.reuses) == (1, 0)
    assert list(tmp_path.rglob("insecure-session-default.json"))


def test_without_a_home_folder_an_error_of_own_code_is_shown(start: Start) -> None:
    homeless = "import os, pwd; os.environ.pop('HOME'); pwd.getpwuid = {}.__getitem__"
    process = start("unknown", source=f"{homeless}\n{ACME}")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.rstrip().endswith("KeyError: 'unknown'")
