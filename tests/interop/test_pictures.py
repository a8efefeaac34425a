"""Whether the pictures of the docs are up to date in words, and can be read by everybody."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from support.requirements import require

ROOT = Path(__file__).parents[2]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "docs/record_pictures.py"))
PICTURES = {path.name: path.read_bytes() for path in sorted((ROOT / "docs/pictures").iterdir())}
SVGS = [f"{name}-{theme}.svg" for name in SCRIPT["RECORDINGS"] for theme in SCRIPT["THEMES"]]
PNGS = [f"{name}.png" for name in SCRIPT["SHOTS"]]
STALE = "docs/pictures is out of date; run: python3 -m nox -s pictures"
LARGEST = 60_000  # bytes


def words(picture: bytes) -> str:
    return str(SCRIPT["normalised"](SCRIPT["words"](picture)))


def check(fresh: dict[str, bytes], committed: dict[str, bytes]) -> None:
    """Compare the words of a new recording with those of the pictures."""
    for name, picture in fresh.items():
        assert words(committed[name]) == words(picture), f"{name}: {STALE}"


@pytest.mark.parametrize("name", SCRIPT["RECORDINGS"])
def test_the_pictures_of_terminals_show_the_words_of_the_program(name: str) -> None:
    require("gnome-keyring-daemon", "dbus-daemon")
    check(SCRIPT["terminal_pictures"](name), PICTURES)


def test_the_pictures_of_pages_show_the_words_of_the_provider() -> None:
    require("chromium", "chromedriver")
    check(SCRIPT["page_pictures"](), PICTURES)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("login-dark.svg", b"Approve only", b"Approve just"),
        ("login-qr-light.svg", b"Scan the code", b"Scan a code"),
        ("demo-light.svg", b"Valid for 15 minutes", b"Valid for 10 minutes"),
        ("whoami-light.svg", b"GNOME Keyring", b"KWallet"),
        ("confirm-phone-light.png", b"Let this program in?", b"Let that program in?"),
        ("approved-desktop-dark.png", b"Go back to", b"Go over to"),
    ],
)
def test_a_picture_with_other_words_is_found(name: str, old: bytes, new: bytes) -> None:
    assert old in PICTURES[name]
    check({name: PICTURES[name]}, PICTURES)
    with pytest.raises(AssertionError, match="nox -s pictures"):
        check({name: PICTURES[name]}, {name: PICTURES[name].replace(old, new)})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the code BCDF-GHJK  ", "the\ncode LMNP-QRST"),
        ("at http://127.0.0.1:40000/api", "at http://127.0.0.1:54321/api"),
        ("Since today 23:59 (just now)", "Since yesterday 23:59 (11 seconds ago)"),
        ("⠋ Waiting · expires in 14:59", "⠹ Waiting · expires in 9:07"),
        ("60 minutes left", "59 minutes left"),
    ],
)
def test_what_differs_by_nature_is_ignored(one: str, other: str) -> None:
    assert SCRIPT["normalised"](one) == SCRIPT["normalised"](other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Valid for 15 minutes.", "Valid for 10 minutes."),
        ("1 request", "2 requests"),
        ("at tenant.eu.auth0.com", "at other.eu.auth0.com"),
        ("--auto", "--yes"),
        ("✓ Signed in", "Signed in"),
    ],
)
def test_everything_else_is_compared(one: str, other: str) -> None:
    assert SCRIPT["normalised"](one) != SCRIPT["normalised"](other)


def test_the_folder_contains_what_the_script_makes_and_readme_shows_some_of_it() -> None:
    assert sorted(PICTURES) == sorted([*SVGS, *PNGS])
    shown = re.findall(r'(?:src|srcset)="([^"]+)"', (ROOT / "README.md").read_text("utf-8"))
    assert shown
    assert [path for path in shown if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("name", [*SVGS, *PNGS])
def test_a_picture_is_small(name: str) -> None:
    assert len(PICTURES[name]) < LARGEST


@pytest.mark.parametrize("name", SVGS)
def test_a_drawing_names_itself_needs_nothing_else_and_fits_its_frame(name: str) -> None:
    root = ET.fromstring(PICTURES[name])  # noqa: S314 - our own file
    kinds = {element.tag.partition("}")[2] for element in root.iter()}
    title = root.find("{*}title")
    assert kinds <= {"svg", "title", "rect", "path", "circle", "text"}
    assert (root.get("role"), title is not None and bool(title.text)) == ("img", True)
    assert re.findall(rb"https?://[^<\s\"]+(?=\")", PICTURES[name]) == [b"http://www.w3.org/2000/svg"]
    for text in root.iter("{*}text"):
        assert float(text.get("x", 0)) + float(text.get("textLength", "inf")) <= float(root.get("width", 0))
        assert float(text.get("y", "inf")) <= float(root.get("height", 0))


@pytest.mark.parametrize("theme", SCRIPT["THEMES"])
def test_every_colour_of_text_has_enough_contrast(theme: str) -> None:
    colours = SCRIPT["THEMES"][theme]
    for colour in colours.colours.values():
        bright, dark = sorted((luminance(colour), luminance(colours.window)), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, colour  # WCAG 2.2, success criterion 1.4.3


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, as WCAG defines it."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
