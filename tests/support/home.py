"""A home of one's own: folders that nothing else uses, and an environment that points there."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_PASSED_ON = ("AUTH0_", "AWESOME_", "DBUS_", "DISPLAY", "PYTHON_KEYRING", "SSH_", "WAYLAND_", "XDG_")


@contextmanager
def private_home() -> Iterator[dict[str, str]]:
    """Give the environment for a program that shall see no settings, no screen and no D-Bus of the person's."""
    with tempfile.TemporaryDirectory(prefix="awesome-", ignore_cleanup_errors=True) as folder:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
        for name, place in {
            "HOME": "home",
            "XDG_CACHE_HOME": "cache",
            "XDG_CONFIG_HOME": "config",
            "XDG_DATA_HOME": "data",
            "XDG_RUNTIME_DIR": "run",
            "XDG_STATE_HOME": "state",
        }.items():
            path = Path(folder, place)
            path.mkdir(mode=0o700)
            environ[name] = str(path)
        yield environ
