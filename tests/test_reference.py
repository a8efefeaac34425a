"""Whether what is generated of the reference is up to date."""

from __future__ import annotations

from pathlib import Path

from generate_reference import files

ROOT = Path(__file__).parents[1]


def test_what_is_generated_is_up_to_date() -> None:
    for name, text in files().items():
        assert (ROOT / "docs" / name).read_text("utf-8") == text, f"{name}: run python docs/generate_reference.py"
