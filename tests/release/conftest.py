from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def dist() -> Path:
    """Return the folder with the sdist and the wheel that ``nox -s build`` has built."""
    folder = os.environ.get("AWESOME_TESTS_DIST")
    if folder is None:
        pytest.skip("nox -s build and nox -s smoke run these tests")
    return Path(folder)


@pytest.fixture(scope="session")
def sdist(dist: Path) -> Path:
    (path,) = dist.glob("*.tar.gz")
    return path


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path
