"""Write what is generated of the reference: ``python docs/generate_reference.py``.

It imports the test kit, and so needs pytest.
"""

from __future__ import annotations

from generator.blocks import with_blocks
from generator.man_page import man_page
from generator.markdown import DOCS


def files() -> dict[str, str]:
    """Return the text of every file that is generated, or has generated blocks, by its path below docs."""
    pages = {path.relative_to(DOCS).as_posix(): path.read_text("utf-8") for path in sorted(DOCS.glob("**/*.md"))}
    generated = {name: with_blocks(text) for name, text in pages.items() if "<!-- generated: " in text}
    return {**generated, "man/awesome.1": man_page()}


if __name__ == "__main__":
    for name, text in files().items():
        (DOCS / name).write_bytes(text.encode())
