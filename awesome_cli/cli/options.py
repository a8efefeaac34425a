"""What options of several commands have in common."""

from __future__ import annotations

import math

import typer


def examples(*lines: str) -> str:
    r"""Return the end of a command's help; ``\b`` keeps its lines from being wrapped."""
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])


def finite(seconds: float | None) -> float | None:
    """Refuse ``nan`` and ``inf``, which Python accepts as numbers."""
    if seconds is not None and not math.isfinite(seconds):
        raise typer.BadParameter("must be a number of seconds")
    return seconds
