"""The access token that a variable gives, hidden from child processes. Every full command imports it."""

from __future__ import annotations

import os
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from awesome_cli.brand import Brand

_hidden: dict[str, str] = {}


def environ_of_process() -> dict[str, str]:
    """Return the environment variables, and those that are hidden from child processes."""
    return {**_hidden, **os.environ}  # noqa: TID251 - the one place that reads it


def hide_token_from_children(brand: Brand) -> None:
    """Remove the access token from ``os.environ``; :func:`environ_of_process` still returns it.

    Child processes inherit ``os.environ``, also those that libraries start: keyring's search for a backend runs gcc
    and ld. Only a program may do so; a library leaves the environment of its caller unchanged.
    """
    variable = brand.variable("access_token")
    token = os.environ.pop(variable, None)  # noqa: TID251 - what child processes inherit
    if token is not None:
        _hidden[variable] = token


def show_token_to_children() -> None:
    """Undo :func:`hide_token_from_children`, for a program's own code: it decides what it starts, and with what."""
    os.environ.update(_hidden)  # noqa: TID251 - the same


@contextmanager
def token_hidden_from_children() -> Iterator[None]:
    """Hide the access token of the program during the block, if it was hidden before."""
    shown = {name: os.environ.pop(name) for name in _hidden if name in os.environ}  # noqa: TID251 - the same
    try:
        yield
    finally:
        os.environ.update(shown)  # noqa: TID251 - the same
