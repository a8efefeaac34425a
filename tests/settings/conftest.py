"""Fixtures for tests of settings."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where ``config.toml`` is."""
    return tmp_path / "config.toml"
