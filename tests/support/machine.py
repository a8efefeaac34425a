"""A machine of one's own: real processes of the real program, a keyring in a folder, the provider on loopback."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import awesome_cli
from awesome_cli.cli.main import main
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.sessions.locks import session_lock_name
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.store import SessionStore
from awesome_cli.system.account_folders import account_folders
from awesome_cli.system.environment import Environment, run_on_asyncio
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.keyrings.rough import Kept
from support.signals import no_signals

ROUNDS = int(os.environ.get("AWESOME_TESTS_ROUNDS", "4"))  # how often chance gets a chance
TIMEOUT = 60  # seconds for one process, on the busiest machine
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """What it said on stderr, but for the note that many processes on a busy machine may earn."""
        return self.err.replace("Waiting for the keyring; it may be asking you to unlock it.\n", "")


@dataclass
class Machine:
    """Where commands run as processes (``start``, ``run``), or, to arrange and to look, within this one (``do``).

    ``measured``: whether coverage counts what the processes do. It doubles their time, and a killed one tells nothing.
    """

    folder: Path
    issuer: str
    client_id: str
    environ: dict[str, str] = field(default_factory=dict)
    measured: bool = True

    def __post_init__(self) -> None:
        self.keyring = Kept(self.folder / "keyring")

    @property
    def entries(self) -> dict[str, str]:
        """What the keyring keeps, by name."""
        return self.keyring.entries()

    def session(self) -> Session | None:
        """The whole session that the keyring keeps, or None; half a one is an error."""
        return self._session_store.load()

    @property
    def _session_store(self) -> SessionStore:
        return SessionStore(
            KeyringStore(lambda: self.keyring, username="awesome", timeout=TIMEOUT, note=print), "awesome-cli:default"
        )

    def let_the_access_token_end(self) -> None:
        """Turn the kept session into one whose access token has ended."""
        session = self.session()
        assert session
        self._session_store.save(replace(session, user=replace(session.user, expires_at=0.0)))

    @property
    def lock_name(self) -> str:
        """The name of the lock of this provider's session."""
        return session_lock_name("awesome-cli-default", (self.issuer, self.client_id))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let another process hold the profile's lock during the block, and then be killed with it."""
        program = (
            "import sys, time; from pathlib import Path; from awesome_cli.system.lock import exclusive\n"
            "with exclusive([Path(sys.argv[1])], [sys.argv[2]]): print('held', flush=True); time.sleep(60)"
        )
        argv = [sys.executable, "-c", program, account_folders("awesome-cli")[0], self.lock_name]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=self.variables()) as holder:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            yield
            holder.kill()

    def variables(self, backend: str = "Kept") -> dict[str, str]:
        """The environment of a process; ``backend`` is a class of ``support.keyrings.rough``."""
        wanted = ("COVERAGE", "SYSTEMROOT") if self.measured else "SYSTEMROOT"
        passed_on = {name: value for name, value in os.environ.items() if name.startswith(wanted)}
        return {
            **passed_on,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(Path(awesome_cli.__file__).parents[1]), str(TESTS)]),
            "HOME": str(self.folder),
            "PYTHON_KEYRING_BACKEND": f"support.keyrings.rough.{backend}",
            "ROUGH_KEYRING": str(self.folder / "keyring"),
            "AWESOME_ISSUER": self.issuer,
            "AWESOME_CLIENT_ID": self.client_id,
            **self.environ,
        }

    def start(self, *argv: str, backend: str = "Kept", **environ: str | None) -> subprocess.Popen[str]:
        """Start a command; a variable that is None is unset."""
        return self._start(self._command(*argv), backend, environ)

    def start_ignoring(self, *signals: str, command: str) -> subprocess.Popen[str]:
        """Start a command with signals ignored from the start, as ``nohup`` does; names such as ``HUP``."""
        script = f"trap '' {' '.join(signals)}; exec \"$@\""
        return self._start(["/bin/sh", "-c", script, "sh", *self._command(command)], "Kept", {})

    @contextmanager
    def at_a_terminal(self, *argv: str, **environ: str | None) -> Iterator[tuple[subprocess.Popen[str], int]]:
        """Run a command at a terminal of its own; what is yielded besides the process is the terminal's other end.

        To close that is to close the window. The shell's redirection makes the terminal the controlling one.
        """
        ours, its = os.openpty()
        script = f'exec "$@" <{os.ttyname(its)} >{os.ttyname(its)} 2>&1'
        command = ["/bin/sh", "-c", script, "sh", *self._command(*argv)]
        process = self._start(command, "Kept", environ, start_new_session=True)
        try:
            with process:
                yield process, ours
        finally:
            os.close(its)

    def start_python(self, *argv: str, variables: Mapping[str, str | None] | None = None) -> subprocess.Popen[str]:
        """Start Python with these arguments."""
        return self._start([sys.executable, *argv], "Kept", variables or {})

    def _command(self, *argv: str) -> list[str]:
        return [sys.executable, "-m", "awesome_cli", *argv]

    def _start(
        self, command: list[str], backend: str, environ: Mapping[str, str | None], *, start_new_session: bool = False
    ) -> subprocess.Popen[str]:
        variables: dict[str, str | None] = {**self.variables(backend), **environ}
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={name: value for name, value in variables.items() if value is not None},
            start_new_session=start_new_session,
        )

    def run(self, *argv: str, backend: str = "Kept", **environ: str | None) -> Ended:
        """Run a command to its end."""
        return wait(self.start(*argv, backend=backend, **environ))

    def do(self, *argv: str) -> Ended:
        """Run a command within this process: quicker, where no process is the point."""
        environment = Environment(
            environ={"AWESOME_ISSUER": self.issuer, "AWESOME_CLIENT_ID": self.client_id},
            stdin=io.StringIO(),
            stdout=io.StringIO(),
            stderr=io.StringIO(),
            config_dir=self.folder / ".config/awesome-cli",
            state_dir=self.folder / ".local/state/awesome-cli",
            cache_dir=self.folder / ".cache/awesome-cli",
            account_dirs=tuple(map(Path, account_folders("awesome-cli"))),
            now=time.time,
            run=run_on_asyncio,
            open_browser=lambda _: False,
            defer_signals=no_signals,
            keyring=self.keyring,
        )
        code = main(argv, environment)
        assert isinstance(environment.stdout, io.StringIO)
        assert isinstance(environment.stderr, io.StringIO)
        return Ended(code, environment.stdout.getvalue(), environment.stderr.getvalue())


def wait(process: subprocess.Popen[str]) -> Ended:
    """Wait until the process ends; no traceback may be among what it said."""
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert "Traceback" not in err, err
    return Ended(process.returncode, out, err)


@contextmanager
def provider() -> Iterator[ProviderSimulator]:
    """Run the embedded provider, with somebody who approves at once."""
    with serve(lambda url: ProviderSimulator(now=time.time, url=url)) as server:
        server.issuer.auto_approve = True
        server.issuer.interval = 0.01
        yield server.issuer


@contextmanager
def expired_from_the_start(issuer: ProviderSimulator) -> Iterator[None]:
    """Let the access tokens of the block's sign-ins be over when they come."""
    issuer.token_lifetime = 0
    try:
        yield
    finally:
        issuer.token_lifetime = 3600
