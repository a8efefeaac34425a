"""The program as a process: closed or full streams, no home folder, signals during startup, unexpected exceptions."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from errno import EBADF
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import awesome_cli
from awesome_cli.system.signals import EXIT_CODES, MESSAGES
from support.requirements import require

if TYPE_CHECKING:
    from support.terminal import Terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="file descriptors as POSIX has them")


def environ(**variables: str) -> dict[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return {
        **passed_on,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(awesome_cli.__file__).parents[1]),
        **variables,
    }


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command line in which ``awesome`` is the program."""
    line = f'awesome() {{ "{sys.executable}" -m awesome_cli "$@"; }}; {command}'
    return subprocess.run(
        ["/bin/sh", "-c", line], env=environ(**variables), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("streams", ["<&-", "2>&-", "<&- 2>&-"])
def test_version_works_with_stdin_or_stderr_closed(tmp_path: Path, streams: str) -> None:
    done = shell(f"awesome --version {streams}", HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("awesome ")


@pytest.mark.parametrize("command", ["--version", "--help", "profiles --json", "token --help"])
def test_a_result_for_a_closed_stdout_is_an_error(tmp_path: Path, command: str) -> None:
    done = shell(f"awesome {command} >&-", HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (1, f"Error: The output could not be written ({os.strerror(EBADF)}).\n")
    assert shell(f"awesome {command} <&- >&- 2>&-", HOME=str(tmp_path)).returncode == 1


def test_a_command_without_a_result_needs_no_stdout(tmp_path: Path) -> None:
    done = shell("awesome logout >&-", HOME=str(tmp_path), PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["profiles --json", "--help"])
def test_a_full_disk_is_reported(tmp_path: Path, command: str) -> None:
    require("/dev/full")
    done = shell(f"awesome {command} > /dev/full", HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "Error: The output could not be written (No space left on device).\n"


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&1 >/dev/null | true"])
def test_a_stderr_that_cannot_be_written_does_not_change_the_exit_code(tmp_path: Path, stderr: str) -> None:
    require("/dev/full")
    line = f"{{ awesome say-hi; echo $? >{tmp_path}/code; }} {stderr}"
    shell(line, HOME=str(tmp_path), PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    assert (tmp_path / "code").read_text() == "9\n"


def test_commands_run_without_a_temporary_folder(tmp_path: Path) -> None:
    program = (
        "import sys, tempfile\n"
        "def gettempdir(): raise FileNotFoundError('as on a full disk')\n"
        "tempfile.gettempdir = gettempdir\n"
        "from awesome_cli import awesome; sys.argv = ['awesome', 'say-hi', '--quiet']; awesome()"
    )
    variables = environ(HOME=str(tmp_path), PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 9
    assert done.stderr.startswith("Error: No keyring is available on this system.\n")


@pytest.mark.parametrize("limit", [5, 6, 7])
@pytest.mark.parametrize("command", ["say-hi", "token --min-ttl 9999999", "login --force", "logout", "doctor"])
def test_too_few_file_descriptors_are_not_reported_as_a_bug(tmp_path: Path, command: str, limit: int) -> None:
    line = f"ulimit -n {limit}; awesome {command}"
    settings = {"AWESOME_ISSUER": "http://127.0.0.1:9/", "AWESOME_CLIENT_ID": "cli"}
    keyring = {"PYTHON_KEYRING_BACKEND": "support.keyrings.file.FileKeyring", "TEST_KEYRING": str(tmp_path / "keyring")}
    path = os.pathsep.join([environ()["PYTHONPATH"], str(Path(__file__).parents[1])])
    done = shell(line, HOME=str(tmp_path), PYTHONPATH=path, **settings, **keyring)
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr
    assert done.returncode in (0, 4, 7, 9)


def test_a_reader_that_closes_the_pipe_early_causes_no_error_message(tmp_path: Path) -> None:
    done = shell("{ awesome login --help; echo $? >&2; } | true", HOME=str(tmp_path))
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_a_missing_home_folder_is_reported() -> None:
    program = (
        "import sys; sys.modules['pwd'] = None\n"  # as if the user had no entry in the password database
        "from awesome_cli import awesome; sys.argv = ['awesome', 'profiles']; awesome()"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=environ(HOME="relative"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert done.stderr.endswith("Hint: Set HOME.\n")


def test_ctrl_c_during_startup_is_an_interruption(tmp_path: Path) -> None:
    program = (
        "import signal, sys\nfrom awesome_cli import awesome\n"
        "class Argv(list):\n    def __getitem__(self, key): signal.raise_signal(signal.SIGINT)\n"
        "sys.argv = Argv(); awesome()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environ(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


@pytest.mark.parametrize("number", EXIT_CODES)
def test_demo_serve_runs_until_a_signal_ends_it(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "awesome_cli", "demo", "serve"]
    with subprocess.Popen(
        command, env=environ(HOME=str(tmp_path)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(5)]
        port = lines[1].rstrip("/\n").rpartition(":")[2]
        assert lines == [
            "export AWESOME_PROFILE=demo\n",
            f"export AWESOME_ISSUER=http://127.0.0.1:{port}/\n",
            "export AWESOME_CLIENT_ID=awesome-demo\n",
            f"export AWESOME_AUDIENCE=http://127.0.0.1:{port}/api\n",
            f"export AWESOME_API_URL=http://127.0.0.1:{port}/api\n",
        ]
        taken = shell(f"awesome demo serve --port {port}", HOME=str(tmp_path))
        assert (taken.returncode, taken.stdout) == (2, "")
        assert taken.stderr.startswith(f"Error: Port {port} cannot be listened on")
        time.sleep(0.2)  # until it waits for a signal
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == EXIT_CODES[number]
    assert err.splitlines()[-1] == MESSAGES[EXIT_CODES[number]]


def test_an_unexpected_exception_is_reported_as_a_bug_without_its_message(terminal: Terminal) -> None:
    def broken() -> float:
        raise RuntimeError("with a secret in its message")

    terminal.login()
    terminal.set(now=broken)
    assert terminal.run("--verbose", "whoami") == 1
    assert "Error: awesome has a bug: RuntimeError." in terminal.err
    assert "session_commands.py" in terminal.err
    assert "secret" not in terminal.err
