"""Whether tests have replaced the system. Every full command asks, so it imports next to nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awesome_cli.brand import Brand
    from awesome_cli.system.environment import Environment

_replacements: list[Callable[[Brand], Environment]] = []


@contextmanager
def replaced_system_environment(make: Callable[[Brand], Environment]) -> Iterator[None]:
    """Let ``make`` take the place of the system during the block, so that no code in it reaches the real one."""
    _replacements.append(make)
    try:
        yield
    finally:
        _replacements.pop()


def system_replacement() -> Callable[[Brand], Environment] | None:
    """Return what takes the place of the system, or None."""
    return _replacements[-1] if _replacements else None
