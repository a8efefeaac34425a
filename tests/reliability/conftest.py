from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from awesome_cli.testing.issuer import ProviderSimulator
from support.machine import Machine, provider


@pytest.fixture
def issuer() -> Iterator[ProviderSimulator]:
    with provider() as issuer:
        yield issuer


@pytest.fixture
def machine(tmp_path: Path, issuer: ProviderSimulator) -> Machine:
    return Machine(tmp_path, issuer.url, issuer.client_id)
