from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.chromium import Browser, browser
from support.requirements import require

if TYPE_CHECKING:
    from support.desktop import Desktop


@pytest.fixture(scope="module")
def running_browser() -> Iterator[Browser]:
    require("chromium", "chromedriver")
    with browser() as window:
        yield window


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    """Yield a program with a GNOME Keyring of its own."""
    require("dbus-daemon", "gnome-keyring-daemon")
    from support.desktop import Desktop  # on Linux only
    from support.secret_service import gnome_keyring

    with gnome_keyring() as service:
        yield Desktop(tmp_path, service, is_measured=True)
