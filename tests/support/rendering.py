"""What a terminal shows of output that a test has recorded."""

from __future__ import annotations

import re

import pyte
import pyte.modes

ERASED = "\r\033[K"  # ends what was drawn on the last line


def rendered(output: str, columns: int, rows: int) -> list[str]:
    """Return the visible lines, without blanks at their ends and empty lines at the end."""
    screen = pyte.Screen(columns, rows)
    screen.set_mode(pyte.modes.LNM)  # a real terminal's driver makes CR LF of LF
    pyte.Stream(screen).feed(output)
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def live_lines(output: str) -> list[str]:
    """Return each drawing of the live line, without colours and without repetitions of the same state."""
    frames = [re.sub(r"\033(\[[0-9;]*m|\].*?\a)", "", frame) for frame in output.split(ERASED)]
    drawn = [frames[0].rpartition("\n")[2], *(frame for frame in frames[1:-1] if "\n" not in frame)]
    return [frame for frame in drawn if frame]
