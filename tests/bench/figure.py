"""One bar chart as SVG, without a plotting library."""

from __future__ import annotations

from html import escape

WIDTH, ROW, LEFT, RIGHT = 720, 28, 220, 60  # pixels
OURS = ("awesome", "a renewal", "a command", "to define", "session()")  # what names of our own cases begin with


def draw(title: str, values: dict[str, float]) -> str:
    """Return a chart of horizontal bars, the longest one as wide as the page allows."""
    largest = max(values.values())
    height = ROW * (len(values) + 2)
    bars = []
    for number, (name, value) in enumerate(values.items()):
        top = ROW * (number + 1.5)
        width = (WIDTH - LEFT - RIGHT) * value / largest
        colour = "#2a6fdb" if name.startswith(OURS) else "#9aa5b1"
        bars.append(
            f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{ROW - 8}" fill="{colour}"/>'
            f'<text x="{LEFT + width + 6:.1f}" y="{top + 15}">{value:.1f}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{LEFT}" y="22" font-weight="bold">{escape(title)}</text>{"".join(bars)}</svg>\n'
    )
