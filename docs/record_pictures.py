"""Make the pictures in docs/pictures: terminals as SVG, pages as PNG. ``python3 -m nox -s pictures`` runs it.

A terminal shows what the program wrote to it: nothing is edited. Each picture contains its words as text, with which
tests/interop/test_pictures.py compares those of a new recording.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pyte

import awesome_cli
from awesome_cli.oauth.response import Response
from awesome_cli.testing.grants import Request
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import serve
from support.chromium import Browser, browser
from support.home import private_home
from support.network import network
from support.processes import START_WITHIN
from support.screen import screen
from support.secret_service import gnome_keyring

FOLDER = Path(__file__).with_name("pictures")
NOW = time.time  # noqa: TID251 - a recording takes place in real time
COLUMNS = 80
USER_CODE = r"\b[A-Z]{4}-[A-Z]{4}\b"
TENANT = "tenant.eu.auth0.com"
CONFIG = f'[profiles.default]\ndomain = "{TENANT}"\nclient_id = "awesome-cli"\n'
SHELL = r"""
awesome() { "$PYTHON" -m awesome_cli "$@"; }
for command; do
  printf '\n\033[2m$\033[0m \033[1m%s\033[0m\n' "$command"
  eval "$command"
done
sleep 0.2
"""  # shows each command after a prompt, and runs it; then the terminal has time to receive the end


class Recording(NamedTuple):
    """What is run in a terminal of ``rows`` rows. It ends with the last command, or while ``login`` waits."""

    title: str
    commands: Sequence[str]
    rows: int = 24
    is_remote: bool = False
    is_signed_in: bool = False
    ends_while_waiting: bool = False


RECORDINGS = {
    "login": Recording("Terminal: signing in with a browser, then say-hi", ["awesome login", "awesome say-hi"]),
    "login-qr": Recording(
        "Terminal: signing in over SSH, with a QR code for a phone",
        ["awesome login"],
        rows=40,
        is_remote=True,
        ends_while_waiting=True,
    ),
    "demo": Recording("Terminal: the demo, from login to logout", ["awesome demo --auto"], rows=110),
    "whoami": Recording(
        "Terminal: who is signed in, and to which profile",
        ["awesome whoami", "awesome profiles"],
        is_signed_in=True,
    ),
}


# Terminals: the program, and what it needs of the world


class Network(NamedTuple):
    """A provider, the variables that lead programs to it, and whether one has asked for its tokens."""

    issuer: ProviderSimulator
    environ: dict[str, str]
    has_polled: threading.Event


@contextmanager
def _network() -> Iterator[Network]:
    """Serve a provider under the name of one at Auth0."""
    issuer = ProviderSimulator(now=NOW, url=f"https://{TENANT}/", client_id="awesome-cli", interval=1)
    has_polled = threading.Event()

    def respond(request: Request) -> list[Response]:
        if request.path == "/token":
            has_polled.set()
        return [issuer.respond(request)]

    with network({TENANT: respond}) as environ:
        yield Network(issuer, environ, has_polled)


@contextmanager
def _home() -> Iterator[dict[str, str]]:
    """Yield the environment of a person who has set the program up, and has a real keyring."""
    with gnome_keyring() as keyring, private_home() as private:
        environ = {name: value for name, value in private.items() if not name.startswith("XDG_")}
        config = Path(private["HOME"], ".config", "awesome-cli", "config.toml")
        config.parent.mkdir(parents=True)
        config.write_text(CONFIG)
        python_path = str(Path(awesome_cli.__file__).parents[1])
        yield environ | keyring.bus | {"LANG": "C.UTF-8", "PYTHON": sys.executable, "PYTHONPATH": python_path}


class _DimScreen(pyte.Screen):
    """Keeps what pyte forgets: that text is dim. It is a colour here."""

    def select_graphic_rendition(self, *attrs: int) -> None:
        super().select_graphic_rendition(*attrs)
        if 2 in attrs and 38 not in attrs and 48 not in attrs:  # ECMA-48 §8.3.117; not a parameter of 38 and 48
            self.cursor.attrs = self.cursor.attrs._replace(fg="dim")


def record(recording: Recording) -> list[list[pyte.screens.Char]]:
    """Run the commands in a terminal, and return the cells of its rows, without the empty ones around them."""
    with _home() as home, _network() as (issuer, network, has_polled):
        environ = home | network | ({"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"} if recording.is_remote else {})
        if recording.is_signed_in:
            issuer.auto_approve = True
            login = [sys.executable, "-m", "awesome_cli", "login", "--quiet"]
            subprocess.run(login, env=environ, check=True, capture_output=True)  # noqa: S603 - this program
        command = ["/bin/sh", "-c", SHELL, "sh", *recording.commands]
        with screen(command, environ, columns=COLUMNS, rows=recording.rows) as terminal:
            if "awesome login" in recording.commands:
                terminal.wait_for("/activate")
                if not has_polled.wait(START_WITHIN):
                    raise RuntimeError("The program does not wait for an approval.")
                (user_code,) = set(re.findall(USER_CODE, terminal.text))
                if not recording.ends_while_waiting:
                    issuer.approve(user_code)
            if not recording.ends_while_waiting:
                terminal.wait()
            _ = terminal.lines  # reads what is left
            return _cells(terminal.output, recording.rows)


def _cells(output: bytes, rows: int) -> list[list[pyte.screens.Char]]:
    emulated = _DimScreen(COLUMNS, rows)
    pyte.ByteStream(emulated).feed(output)
    used = [row for row, text in enumerate(emulated.display) if text.strip()]
    if used[0] != 1:  # row 0 is the empty line before the prompt
        raise RuntimeError("The terminal has too few rows.")
    return [[emulated.buffer[row][column] for column in range(COLUMNS)] for row in range(1, used[-1] + 1)]


# SVG


class Theme(NamedTuple):
    window: str
    bar: str
    edge: str
    colours: dict[str, str]  # by the names that pyte has for them


LIGHT = Theme(
    window="#ffffff",
    bar="#eaeef2",
    edge="#d0d7de",
    colours={
        "default": "#1f2328",
        "dim": "#59636e",
        "red": "#cf222e",
        "green": "#116329",
        "brown": "#7d4e00",
        "cyan": "#0a6470",
    },
)
DARK = Theme(
    window="#0d1117",
    bar="#21262d",
    edge="#3d444d",
    colours={
        "default": "#e6edf3",
        "dim": "#9198a1",
        "red": "#ff7b72",
        "green": "#56d364",
        "brown": "#e3b341",
        "cyan": "#56d4dd",
    },
)
THEMES = {"light": LIGHT, "dark": DARK}
CELL_WIDTH, CELL_HEIGHT, ASCENT, FONT_SIZE = 8.4, 18, 13.5, 14
MARGIN, BAR = 16, 30
FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
HALVES = {"█": (0, 1), "▀": (0, 0.5), "▄": (0.5, 0.5)}  # where in the cell: top and height


def draw(rows: Sequence[Sequence[pyte.screens.Char]], title: str, theme: Theme) -> str:
    """Return a window with these cells. Every run of text is as wide as its cells, whatever font there is."""
    width = round(COLUMNS * CELL_WIDTH + 2 * MARGIN)
    height = len(rows) * CELL_HEIGHT + BAR + 2 * MARGIN
    edge = f'stroke="{theme.edge}"'
    top = f"M.5 {BAR}V8.5a8 8 0 0 1 8-8H{width - 8.5}a8 8 0 0 1 8 8V{BAR}z"
    shapes = [
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" fill="{theme.window}" {edge}/>',
        f'<path d="{top}" fill="{theme.bar}" {edge}/>',
        *(f'<circle cx="{20 + 18 * number}" cy="{BAR / 2}" r="5" fill="{theme.edge}"/>' for number in range(3)),
    ]
    for number, cells in enumerate(rows):
        shapes += _row(cells, BAR + MARGIN + number * CELL_HEIGHT, theme)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-labelledby="title" font-family="{FONTS}" font-size="{FONT_SIZE}"'
        f' fill="{theme.colours["default"]}"><title id="title">{escape(title)}</title>\n'
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


class _Run(NamedTuple):
    """Neighbouring cells that look the same."""

    column: int
    columns: int
    text: str
    cell: pyte.screens.Char

    def continues_with(self, cell: pyte.screens.Char) -> bool:
        """Whether a cell can be drawn with this run. A symbol cannot, because fonts disagree about its width."""
        if _is_symbol(self.text) or _is_symbol(cell.data):
            return False
        is_blank = cell.data == " " and (cell.bg, cell.underscore) == (self.cell.bg, self.cell.underscore)
        return is_blank or cell._replace(data="") == self.cell._replace(data="")


def _is_symbol(text: str) -> bool:
    return not text.isascii() and not set(text) <= HALVES.keys() | {" "}


def _runs(cells: Sequence[pyte.screens.Char]) -> list[_Run]:
    runs: list[_Run] = []
    for column, cell in enumerate(cells):
        if runs and cell.data == "":  # the second half of a wide character
            runs[-1] = runs[-1]._replace(columns=runs[-1].columns + 1)
        elif runs and runs[-1].continues_with(cell):
            runs[-1] = runs[-1]._replace(columns=runs[-1].columns + 1, text=runs[-1].text + cell.data)
        else:
            runs.append(_Run(column, 1, cell.data, cell))
    if runs and runs[-1].cell.bg == "default" and not _is_symbol(runs[-1].text):  # nobody sees blanks at the end
        text = runs[-1].text.rstrip()
        runs[-1] = runs[-1]._replace(columns=len(text), text=text)
    return runs


def _row(cells: Sequence[pyte.screens.Char], top: float, theme: Theme) -> Iterator[str]:
    for run in _runs(cells):
        left, width = MARGIN + run.column * CELL_WIDTH, run.columns * CELL_WIDTH
        if run.cell.bg != "default":
            yield (
                f'<rect x="{left:.5g}" y="{top:g}" width="{width:.5g}" height="{CELL_HEIGHT}"'
                f' fill="{_colour(run.cell.bg, theme)}" shape-rendering="crispEdges"/>'
            )
        if not run.text.strip():
            continue
        fill = "" if run.cell.fg == "default" else f' fill="{_colour(run.cell.fg, theme)}"'
        if set(run.text) <= HALVES.keys() | {" "}:
            yield f'<path d="{_blocks(run.text, left, top)}"{fill} shape-rendering="crispEdges"/>'
        else:
            weight = ' font-weight="bold"' if run.cell.bold else ""
            line = ' text-decoration="underline"' if run.cell.underscore else ""
            yield (
                f'<text x="{left:.5g}" y="{top + ASCENT:g}" textLength="{width:.5g}" xml:space="preserve"'
                f"{fill}{weight}{line}>{escape(run.text, quote=False)}</text>"
            )


def _colour(name: str, theme: Theme) -> str:
    return theme.colours.get(name) or f"#{name}"


def _blocks(text: str, left: float, top: float) -> str:
    """Return block characters as one path: drawn as text they would have gaps between lines."""
    path, column = [], 0
    for character, group in groupby(text):
        columns = len([*group])
        if character in HALVES:
            start, part = HALVES[character]
            width, height = columns * CELL_WIDTH, part * CELL_HEIGHT
            path.append(
                f"M{left + column * CELL_WIDTH:.5g} {top + start * CELL_HEIGHT:g}h{width:.5g}v{height:g}h-{width:.5g}z"
            )
        column += columns
    return "".join(path)


# Pages

PHONE, DESKTOP, LOW_DESKTOP = (390, 844), (800, 740), (800, 460)


class Shot(NamedTuple):
    """One page on one screen."""

    page: str
    size: tuple[int, int]
    is_dark: bool = False


SHOTS = {
    "enter-code-desktop-light": Shot("enter-code", LOW_DESKTOP),
    "enter-code-phone-light": Shot("enter-code", PHONE),
    "confirm-desktop-light": Shot("confirm", DESKTOP),
    "confirm-desktop-dark": Shot("confirm", DESKTOP, is_dark=True),
    "confirm-phone-light": Shot("confirm", PHONE),
    "approved-desktop-light": Shot("approved", LOW_DESKTOP),
    "approved-desktop-dark": Shot("approved", LOW_DESKTOP, is_dark=True),
    "approved-phone-light": Shot("approved", PHONE),
}


def page_pictures() -> dict[str, bytes]:
    """Return the pages of the provider as PNG, by file name."""
    with (
        serve(lambda url: ProviderSimulator(now=NOW, url=url, program="awesome")) as issuer,
        browser() as window,
    ):
        return {f"{name}.png": _shoot(window, issuer, shot) for name, shot in SHOTS.items()}


def _shoot(window: Browser, issuer: ProviderSimulator, shot: Shot) -> bytes:
    form = {"client_id": issuer.client_id, "scope": "openid profile email offline_access"}
    code = issuer.respond(Request("POST", "/device/code", form)).json() or {}
    if shot.page == "approved":
        issuer.approve(code["user_code"])
    window.emulate(size=shot.size, is_dark=shot.is_dark)
    window.open(code["verification_uri" if shot.page == "enter-code" else "verification_uri_complete"])
    if window.run("return document.documentElement.scrollHeight > innerHeight"):
        raise RuntimeError(f"The page {shot.page} is higher than {shot.size[1]} pixels.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.png")
        window.screenshot(path)
        return _with_words(path.read_bytes(), f"{window.title} {window.text()}")


# Words

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"Description\0"  # PNG §11.3.3.1
DIFFERS = {  # what differs by nature
    USER_CODE: "CODE",
    r"\b127\.0\.0\.1:\d+": "LOOPBACK",
    r"\b(today|tomorrow|yesterday) \d\d:\d\d\b": "TIME",
    r"\b\d?\d:\d\d\b": "TIME",
    r"\((just now|\d+ \w+ ago)\)": "(AGO)",
    r"\b\d+ minutes left\b": "MINUTES left",
    r"[\u2800-\u28ff]": "SPINNER",
}


def words(picture: bytes) -> str:
    """Return the words in a picture."""
    return _words_of_png(picture) if picture.startswith(SIGNATURE) else _words_of_svg(picture)


def normalised(text: str) -> str:
    """Return words with one blank between them, and with placeholders for what differs from run to run."""
    text = " ".join(text.split())
    for pattern, placeholder in DIFFERS.items():
        text = re.sub(pattern, placeholder, text)
    return text


def _words_of_svg(picture: bytes) -> str:
    texts = ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own file
    rows = groupby(texts, key=lambda text: text.get("y"))
    return "\n".join("".join(text.text or "" for text in row) for _, row in rows)


def _with_words(picture: bytes, text: str) -> bytes:
    """Return a PNG with words in it: a chunk after the first one, which is the header."""
    data = b"tEXt" + KEYWORD + json.dumps(" ".join(text.split())).encode("ascii")
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    end = len(SIGNATURE) + 25
    return picture[:end] + chunk + picture[end:]


def _words_of_png(picture: bytes) -> str:
    at = len(SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        if kind == b"tEXt" and data.startswith(KEYWORD):
            return str(json.loads(data.removeprefix(KEYWORD)))
        at += length + 12
    return ""


def terminal_pictures(name: str) -> dict[str, bytes]:
    """Return one recording in each theme, by file name."""
    recording = RECORDINGS[name]
    rows = record(recording)
    return {f"{name}-{theme}.svg": draw(rows, recording.title, colours).encode() for theme, colours in THEMES.items()}


def main() -> None:
    """Write all pictures."""
    pictures = page_pictures()
    for name in RECORDINGS:
        pictures |= terminal_pictures(name)
    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (FOLDER / name).write_bytes(picture)


if __name__ == "__main__":
    main()
