"""Providers on loopback for programs in real processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from awesome_cli.testing.hostile import NORMAL, Act, Delay, HostileProvider, Normally, serve_hostile
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import Chunk


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


class DelayAfterRequest:
    """An act that sets an event when the request arrives, waits, and plays another act."""

    def __init__(self, seconds: float, act: Act = NORMAL) -> None:
        self.requested = Event()
        self._act = Delay(seconds, act)

    def play(self, normally: Normally) -> Iterator[Chunk]:
        self.requested.set()
        yield from self._act.play(normally)


def delayed(provider: HostileProvider, path: str, seconds: float, act: Act = NORMAL) -> Event:
    """Delay the next response at a path; the event is set when its request arrives."""
    delay = DelayAfterRequest(seconds, act)
    provider.at(path, delay)
    return delay.requested
