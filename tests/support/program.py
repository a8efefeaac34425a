"""The real program in a process of its own, in a home of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from awesome_cli.cli.main import main
from awesome_cli.system.environment import Environment, run_on_asyncio
from support.file_keyring import Keyring
from support.signals import no_signals

OURS = ("AWESOME_", "AUTH0_", "SSL_CERT_", "XDG_", "PYTHON_KEYRING_")
NOT_OURS = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION", "NO_COLOR", "DBUS_SESSION_BUS_ADDRESS"}
MEASURING = ("COVERAGE",)  # doubles the time of a process, and its rules are tested within this one
PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
TIMEOUT = 30.0  # seconds; far more than anything here takes


@dataclass(frozen=True)
class End:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - a JSON document
        return json.loads(self.out)


class Program:
    """``python -m awesome_cli`` with a keyring in a file, in folders below ``home``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.command = [sys.executable, "-m", "awesome_cli"]
        self.keyring = home / "keyring.json"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith((*OURS, *MEASURING)) and name not in NOT_OURS and name.upper() not in PROXIES
        }
        path = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2]), inherited.get("PYTHONPATH", "")]
        self.environ = {
            **inherited,
            "HOME": str(home),
            "LOCALAPPDATA": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_RUNTIME_DIR": str(home),
            "TMPDIR": str(home),
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "PYTHONWARNINGS": "error",
            "PYTHON_KEYRING_BACKEND": "support.file_keyring.Keyring",
            "TEST_KEYRING": str(self.keyring),
        }

    def at(self, issuer: str, client_id: str = "awesome-demo") -> Program:
        """Mean this provider from now on."""
        self.environ |= {"AWESOME_ISSUER": issuer, "AWESOME_CLIENT_ID": client_id}
        return self

    def start(self, *argv: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *argv],
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, *argv: str, **environ: str) -> End:
        with self.start(*argv, **environ) as process:
            try:
                out, err = process.communicate(timeout=TIMEOUT)
            finally:
                process.kill()
        assert "Traceback" not in err, err
        return End(process.returncode, out, err)

    @property
    def keeps(self) -> str:
        """What lies in the keyring: nothing, or everything in one text."""
        text = self.keyring.read_text("utf-8") if self.keyring.exists() else "{}"
        return "" if text == "{}" else text


class Inside(Program):
    """The same inside this process, which is quicker: all is real but the process and what waits at its edges."""

    def run(self, *argv: str, **environ: str) -> End:
        out, err = io.StringIO(), io.StringIO()
        environment = Environment(
            environ={**self.environ, **environ},
            stdin=io.StringIO(),
            stdout=out,
            stderr=err,
            config_dir=self.home / "config",
            state_dir=self.home / "state",
            cache_dir=self.home / "cache",
            account_dirs=(self.home / "locks",),
            now=time.time,
            run=run_on_asyncio,
            open_browser=lambda _: False,
            defer_signals=no_signals,
            keyring=Keyring(self.keyring),
        )
        return End(main(argv, environment), out.getvalue(), err.getvalue())


@pytest.fixture
def inside(tmp_path: Path) -> Inside:
    return Inside(tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)
