"""What options of several commands have in common."""

from __future__ import annotations

import math

import typer


def examples(*lines: str) -> str:
    """Return the end of a command's help; the mark in its first line keeps the others as they are."""
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])


def finite(seconds: float | None) -> float | None:
    """Refuse ``nan`` and ``inf``, which Python takes for numbers and nobody for a duration."""
    if seconds is not None and not math.isfinite(seconds):
        raise typer.BadParameter("must be a number of seconds")
    return seconds
