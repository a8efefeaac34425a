from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.provider import fast_provider
from support.requirements import require
from support.windows import COMPONENTS, Windows, windows

if TYPE_CHECKING:
    from awesome_cli.testing.issuer import ProviderSimulator


@pytest.fixture(scope="session")
def windows_python(pytestconfig: pytest.Config) -> Iterator[Windows]:
    """Build a Python for Windows in pytest's cache, or use the one of an earlier run."""
    require(*COMPONENTS)
    assert pytestconfig.cache is not None
    with windows(pytestconfig.cache.mkdir("windows")) as machine:
        yield machine


@pytest.fixture
def issuer() -> Iterator[ProviderSimulator]:
    with fast_provider() as provider:
        yield provider.issuer
