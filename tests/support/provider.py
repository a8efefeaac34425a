"""Providers on loopback for programs in real processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from awesome_cli.testing.hostile import HostileProvider, serve_hostile
from awesome_cli.testing.issuer import ProviderSimulator


@contextmanager
def fast_provider() -> Iterator[HostileProvider]:
    """Serve a scriptable provider that approves every code at once."""
    with serve_hostile(auto_approve=True, interval=0.01) as provider:
        yield provider


@contextmanager
def issuing_expired_tokens(issuer: ProviderSimulator) -> Iterator[None]:
    """Let access tokens that are issued during the block be expired."""
    issuer.token_lifetime = 0
    try:
        yield
    finally:
        issuer.token_lifetime = 3600
