"""Runs the program in real processes with a private home, and a keyring in files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import awesome_cli
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.session_locks import session_lock_name
from awesome_cli.sessions.store import SessionStore
from awesome_cli.system.account_folders import account_folders
from awesome_cli.testing.terminal import Result
from support.home import private_environment
from support.keyrings.file import FileKeyring
from support.terminal import InProcess

ROUNDS = int(os.environ.get("AWESOME_TESTS_ROUNDS", "4"))  # repetitions of tests that depend on chance
TIMEOUT = 60.0  # seconds for one process, on a busy machine
TESTS = Path(__file__).parents[1]
PYTHON_PATH = os.pathsep.join([str(Path(awesome_cli.__file__).parents[1]), str(TESTS)])


class Program:
    """``python -m awesome_cli``. ``keyring`` is the storage of the default backend.

    ``is_measured``: whether coverage counts what the processes execute. That doubles their time.
    """

    def __init__(self, home: Path, *, is_measured: bool = False) -> None:
        self.home = home
        self.is_measured = is_measured
        self.command = [sys.executable, "-m", "awesome_cli"]
        self.keyring = FileKeyring(home / "keyring")
        self.environ = {
            **private_environment(home),
            "LOCALAPPDATA": str(home),
            "TMPDIR": str(home),
            "PYTHONPATH": PYTHON_PATH,
            "PYTHONWARNINGS": "error",
            "PYTHON_KEYRING_BACKEND": "support.keyrings.file.FileKeyring",
            "TEST_KEYRING": str(self.keyring.folder),
        }

    def at(self, issuer: str, client_id: str = "test-client") -> Program:
        """Use this provider from now on."""
        self.environ |= {"AWESOME_ISSUER": issuer, "AWESOME_CLIENT_ID": client_id}
        return self

    def start(self, *argv: str, backend: str = "", **environ: str | None) -> subprocess.Popen[str]:
        """Start a command. ``backend`` is a class in ``support.keyrings.unreliable``; None unsets a variable."""
        if backend:
            environ["PYTHON_KEYRING_BACKEND"] = f"support.keyrings.unreliable.{backend}"
        return self.popen([*self.command, *argv], environ)

    def run(self, *argv: str, backend: str = "", **environ: str | None) -> Result:
        return wait(self.start(*argv, backend=backend, **environ))

    def sign_in(
        self, decide: Callable[[dict[str, Any]], object], *options: str, **environ: str
    ) -> tuple[int, dict[str, Any]]:
        """Start a login, pass its first event to ``decide``, and return the exit code and the last event."""
        process = self.start("login", "--json", *options, **environ)
        assert process.stdout
        decide(json.loads(process.stdout.readline()))
        result = wait(process)
        last: dict[str, Any] = json.loads(result.out.splitlines()[-1])
        return result.code, last

    def run_in_process(self, *argv: str) -> Result:
        """Run a command in this process, which is faster: with the same folders, locks and keyring."""
        environ = self.environ
        terminal = InProcess(
            self.home,
            environ={name: value for name, value in environ.items() if name.startswith("AWESOME_")},
            config_dir=Path(environ["XDG_CONFIG_HOME"], "awesome-cli"),
            state_dir=Path(environ["XDG_STATE_HOME"], "awesome-cli"),
            cache_dir=Path(environ["XDG_CACHE_HOME"], "awesome-cli"),
            account_dirs=tuple(map(Path, account_folders("awesome-cli"))),
            keyring=self.keyring,
        )
        return terminal.execute(*argv)

    def start_python(self, *argv: str, **environ: str | None) -> subprocess.Popen[str]:
        return self.popen([sys.executable, *argv], environ)

    def start_ignoring(self, *signals: str, command: str) -> subprocess.Popen[str]:
        """Start a command with signals ignored from the start, as ``nohup`` does; names such as ``HUP``."""
        script = f"trap '' {' '.join(signals)}; exec \"$@\""
        return self.popen(["/bin/sh", "-c", script, "sh", *self.command, command], {})

    @contextmanager
    def at_a_terminal(self, *argv: str, **environ: str | None) -> Iterator[tuple[subprocess.Popen[str], int]]:
        """Run a command with a pseudo-terminal as its controlling one; yield the process and the other end.

        Closing that end is what closing a terminal window does.
        """
        ours, theirs = os.openpty()
        script = f'exec "$@" <{os.ttyname(theirs)} >{os.ttyname(theirs)} 2>&1'
        command = ["/bin/sh", "-c", script, "sh", *self.command, *argv]
        try:
            with self.popen(command, environ, start_new_session=True) as process:
                yield process, ours
        finally:
            os.close(theirs)

    def popen(
        self, command: list[str], environ: Mapping[str, str | None], *, start_new_session: bool = False
    ) -> subprocess.Popen[str]:
        variables = {**self.variables, **environ}
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=self.home,
            env={name: value for name, value in variables.items() if value is not None},
            start_new_session=start_new_session,
        )

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a process, including what coverage needs."""
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        return {**(measured if self.is_measured else {}), **self.environ}

    @property
    def entries(self) -> dict[str, str]:
        """The entries of the keyring, by service name."""
        return self.keyring.entries()

    def session(self) -> Session | None:
        """Return the session in the keyring, or None; an incomplete one is an error."""
        return self._session_store.load()

    @property
    def _session_store(self) -> SessionStore:
        secrets = KeyringStore(lambda: self.keyring, username="awesome", timeout=TIMEOUT, note=print)
        return SessionStore(secrets, f"awesome-cli:{self.environ.get('AWESOME_PROFILE', 'default')}")

    def expire_access_token(self) -> None:
        """Store the session as one whose access token has expired."""
        session = self.session()
        assert session
        self._session_store.save(replace(session, user=session.user._replace(expires_at=0.0)))

    @property
    def lock_name(self) -> str:
        owner = self.environ["AWESOME_ISSUER"], self.environ["AWESOME_CLIENT_ID"]
        return session_lock_name("awesome-cli-default", owner)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the profile's lock in another process during the block; the process is then killed."""
        code = (
            "import sys, time; from pathlib import Path; from awesome_cli.system.lock import acquire_locks\n"
            "with acquire_locks([Path(sys.argv[1])], [sys.argv[2]]): print('held', flush=True); time.sleep(60)"
        )
        with self.start_python("-c", code, account_folders("awesome-cli")[0], self.lock_name) as holder:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            yield
            holder.kill()


def wait(process: subprocess.Popen[str], *, timeout: float = TIMEOUT, stdin: str | None = None) -> Result:
    """Wait for the end of a process. Its output must not contain a traceback."""
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    finally:
        process.kill()
    assert "Traceback" not in err, err
    return Result(process.returncode, out, err)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)
