"""QR codes in half-block characters: two modules above each other in one character."""

from __future__ import annotations

import segno

BORDER = 2  # light modules around the code; scanners manage with less than the four of ISO/IEC 18004
DARK_ON_LIGHT = "\033[38;5;16;48;5;231m"  # black on white whatever the terminal's theme is; some scanners need that
BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


class QrCode:
    """The code of a text. It is never a Micro QR code, which phones do not read. Raises ValueError for a long text."""

    def __init__(self, text: str) -> None:
        rows = [[*map(bool, row)] for row in segno.make_qr(text, error="l").matrix_iter(border=BORDER)]
        self._rows = rows if len(rows) % 2 == 0 else [*rows, [False] * len(rows[0])]
        self.columns = len(rows[0])
        self.rows = len(self._rows) // 2

    def lines(self, *, has_colours: bool) -> list[str]:
        """Return the lines to draw. Without colours light modules are drawn, in the hope of a dark terminal."""
        lines = []
        for upper, lower in zip(self._rows[::2], self._rows[1::2], strict=True):
            pairs = zip(upper, lower, strict=True)
            if has_colours:
                lines.append(f"{DARK_ON_LIGHT}{''.join(BLOCKS[pair] for pair in pairs)}\033[0m")
            else:
                lines.append("".join(BLOCKS[not top, not bottom] for top, bottom in pairs))
        return lines
