from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from awesome_cli.testing.hostile import HostileProvider
from awesome_cli.testing.issuer import ProviderSimulator
from support.process import Program
from support.provider import fast_provider


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    with fast_provider() as provider:
        yield provider


@pytest.fixture
def issuer(provider: HostileProvider) -> ProviderSimulator:
    return provider.issuer


@pytest.fixture
def program(tmp_path: Path, issuer: ProviderSimulator) -> Program:
    return Program(tmp_path, is_measured=True).at(issuer.url, issuer.client_id)
