"""A private home folder, and an environment without the settings, screen and D-Bus of the person who runs the tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOT_PASSED_ON = (
    *("AUTH0_", "AWESOME_", "BROWSER", "CI", "COLUMNS", "COVERAGE", "DBUS_", "DISPLAY", "FORCE_COLOR", "LINES"),
    *("NO_COLOR", "PYTHON_KEYRING", "SSH_", "SSL_CERT_", "TERM_PROGRAM", "VTE_VERSION", "WAYLAND_", "XDG_"),
)
FOLDERS = {
    "HOME": "home",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_RUNTIME_DIR": "run",
    "XDG_STATE_HOME": "state",
}


@contextmanager
def private_home() -> Iterator[dict[str, str]]:
    """Yield an environment whose folders are deleted after the block."""
    with tempfile.TemporaryDirectory(prefix="awesome-", ignore_cleanup_errors=True) as folder:
        yield private_environment(Path(folder))


def private_environment(folder: Path) -> dict[str, str]:
    """Return an environment with all user folders below ``folder``, which are created."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)}
    for name, subfolder in FOLDERS.items():
        path = folder / subfolder
        path.mkdir(mode=0o700, exist_ok=True)
        environ[name] = str(path)
    return environ
