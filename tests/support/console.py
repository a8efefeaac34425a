"""Console blocks of Markdown pages, and a person who types them in a shell of a machine that lacks nothing."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import awesome_cli
from awesome_cli.oauth.response import Response
from awesome_cli.testing.grants import Request, json_response
from awesome_cli.testing.issuer import ProviderSimulator
from support import person
from support.home import private_home
from support.network import Respond, network
from support.screen import Screen, screen
from support.secret_service import gnome_keyring

BLOCK = re.compile(r"^(?:<!-- ([^\n]+) -->\n)?```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(?:is|as|into) `((?:~/)?[\w.][\w./-]*)`[^`]*:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROVIDER = re.compile(
    r"(?:issuer(?: = \"| )(?P<issuer>https://[^\s\"]+)|domain(?: = \"| )(?P<domain>[\w-]+\.[\w.-]+))\"?"
    r"\s+(?:--)?client.id(?: = \"| )(?P<client_id>[^\s\"]+)"
)  # as options of login, or in config.toml
API = "api.example.com"
USER_CODE = r"\b[A-Z]{4}-[A-Z]{4}\b"
EXAMPLES = re.compile(
    rf"{USER_CODE}|\b\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\b\w+ \d\d:\d\d \(.+?\)|\b\d+ minutes left"
)  # codes and times
PORTS = ("8484", "8765")  # a free one takes the place of each
COLUMNS, ROWS = 1000, 60  # wider than any line, so that none is wrapped
END = "\ue000"  # a character that no command prints
STEP = f"""
. "$STATE"
eval "$1"
code=$?
{{ declare -px; printf 'cd %q\\n' "$PWD"; }} >"$STATE"
printf '\\n{END}'
exit $code
"""  # runs a command in the folder, and with the variables, that the one before it has left
ACME = """\
#!/bin/sh
exec "{python}" -c 'import sys; from acme.cli import acme; sys.argv[0] = "acme"; acme()' "$@"
"""


class Command(NamedTuple):
    line: str
    output: list[str]  # as documented; empty, if it is not

    @property
    def fails(self) -> bool:
        return any(re.match(r'Error: |\{"event": "failed"', line) for line in self.output)

    def prints(self, text: str) -> bool:
        """Whether a text is what is documented: ``…`` is any text, codes and times are examples."""
        lines = (
            r"(?:.*\n)*" if line == "…" else re.escape(_without_examples(line)).replace("…", ".*") + "\n"
            for line in self.output
        )
        return not self.output or re.fullmatch("".join(lines), _without_examples(text)) is not None


class Block(NamedTuple):
    comment: str  # above it
    commands: list[Command]


def blocks(text: str) -> list[Block]:
    """Return the console blocks of a page."""
    return [Block(comment, list(_commands(session))) for comment, session in BLOCK.findall(text)]


def _commands(session: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield Command(line, output.rstrip().splitlines())


def _without_examples(text: str) -> str:
    return EXAMPLES.sub("EXAMPLE", text)


class Reader:
    """Types commands, each in a terminal that goes on where the one before it has ended. ``issuers`` can be reached."""

    def __init__(self, environ: dict[str, str], issuers: list[ProviderSimulator], stack: ExitStack) -> None:
        self._environ = environ
        self._issuers = issuers
        self._stack = stack
        self._seen = ""

    def type(self, line: str) -> tuple[int, str]:
        """Run a command, and return its exit code and what is on the screen then."""
        with self._terminal(line) as terminal:
            code = terminal.wait()
            return code, self._read(terminal.wait_for(END).partition(END)[0])

    def serve(self, line: str, last: str) -> str:
        """Run a command until the end of the page, and return what is on the screen when a text is there."""
        return self._read(self._stack.enter_context(self._terminal(line)).wait_for(last))

    def approve(self) -> None:
        """Approve the sign-in whose code was seen last."""
        code = re.findall(USER_CODE, self._seen)[-1]
        assert any(issuer.approve(code) for issuer in self._issuers), code

    def _terminal(self, line: str) -> AbstractContextManager[Screen]:
        return screen(["bash", "-c", STEP, "bash", line], self._environ, columns=COLUMNS, rows=ROWS)

    def _read(self, text: str) -> str:
        self._seen += text
        return text.strip("\n") + "\n"


@contextmanager
def reader_of(text: str, folder: Path) -> Iterator[Reader]:
    """Yield a reader of a page in a folder, with a keyring, a browser, the page's files, and its providers online."""
    clients = {
        found["issuer"] or f"https://{found['domain']}/": found["client_id"] for found in PROVIDER.finditer(text)
    }
    issuers = [
        ProviderSimulator(now=time.time, url=url, client_id=client_id, interval=0.2)
        for url, client_id in clients.items()
    ]
    with ExitStack() as stack:
        keyring = stack.enter_context(gnome_keyring())
        online = stack.enter_context(network(_hosts(issuers)))
        home = stack.enter_context(private_home())
        environ = {name: value for name, value in home.items() if not name.startswith("XDG_")} | keyring.bus | online
        state, programs = Path(home["HOME"], ".state"), Path(home["HOME"], "bin")
        state.write_text(f"cd '{folder}'")
        _write(programs / "acme", ACME.format(python=sys.executable))
        _write(folder / "acme_cli-1.0.0.dist-info/METADATA", "Name: acme-cli\nVersion: 1.0.0\n")
        for name, content in FILE.findall(text):
            _write(folder / name.replace("~", home["HOME"]), content)
        if not (folder / "acme/cli.py").exists():
            _write(folder / "acme/cli.py", 'from awesome_cli import Program\n\nacme = Program("acme")\n')
        environ |= {
            "BROWSER": f"{sys.executable} {person.__file__} %s",
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), environ["PATH"]]),
            "PYTHONPATH": str(Path(awesome_cli.__file__).parents[1]),
            "STATE": str(state),
        }
        yield Reader(environ, issuers, stack)


def with_free_ports(text: str) -> str:
    for port in PORTS:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            text = text.replace(port, str(unused.getsockname()[1]))
    return text


def _hosts(issuers: Iterable[ProviderSimulator]) -> dict[str, Respond]:
    by_host: dict[str, list[ProviderSimulator]] = {}
    for issuer in issuers:
        by_host.setdefault(urlsplit(issuer.url).netloc, []).append(issuer)
    return {API: _answer_of_api, **{host: _answer_of(found) for host, found in by_host.items()}}


def _answer_of(issuers: list[ProviderSimulator]) -> Respond:
    """Return what passes requests to the issuer that has their path."""

    def respond(request: Request) -> list[Response]:
        return [next((issuer for issuer in issuers if issuer.has_path(request.path)), issuers[0]).respond(request)]

    return respond


def _answer_of_api(request: Request) -> list[Response]:
    if not request.headers.get("authorization", "").startswith("Bearer "):
        return [json_response({"error": "invalid_token"}, 401)]
    return [json_response({"message": "Hello Juan!"}, 200 if request.method == "GET" else 201)]


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    if content.startswith("#!"):
        path.chmod(0o700)
