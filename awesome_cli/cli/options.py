"""What options of several commands have in common."""

from __future__ import annotations

import math

import typer


def finite(seconds: float | None) -> float | None:
    """Refuse ``nan`` and ``inf``, which Python takes for numbers and nobody for a duration."""
    if seconds is not None and not math.isfinite(seconds):
        raise typer.BadParameter("must be a number of seconds")
    return seconds
