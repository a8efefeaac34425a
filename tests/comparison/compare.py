"""Run docs/examples/comparison, one program with several libraries, against the provider of the test kit.

``nox -s compare`` prints the table of docs/explanation/comparison.md, and writes it with ``--record``. The provider
rotates refresh tokens without an overlap; the keyring of all is one of files.
"""

from __future__ import annotations

import base64
import importlib.metadata
import io
import json
import re
import ssl
import subprocess
import sys
import tempfile
import time
import tokenize
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trustme

sys.path.insert(0, str(Path(__file__).parent.parent))

from awesome_cli.oauth.response import Response
from awesome_cli.testing.hostile import (
    ABSENT,
    DISCOVERY,
    ChangeMembers,
    Delay,
    Disconnect,
    ForgeIdToken,
    HostileProvider,
    serve_hostile,
)
from support.home import private_environment
from support.keyrings.file import FileKeyring

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "examples" / "comparison"
PAGE = ROOT / "docs" / "explanation" / "comparison.md"
LIBRARIES = {
    "with_awesome_cli": "awesome-cli",
    "with_requests_oauth2client": "requests-oauth2client",
    "with_authlib": "authlib",
    "with_msal": "msal",
    "by_hand": "requests",
}  # by program
HEADING = """\
| | lines | forged ID tokens accepted | after a lost connection | sessions lost | `logout` revokes | largest entry |
|---|---|---|---|---|---|---|
"""
AT_ONCE = 5  # processes that find an expired session
TRIALS = 8  # of which half with a provider that is slow
SLOW = 0.15  # seconds
FORGED = {"name": "Mallory"}
AN_HOUR = 3600  # seconds


@dataclass(frozen=True)
class Resign:
    """An act: what a function makes of the segments of the ID token, with another name in it."""

    forge: Callable[[dict[str, Any], dict[str, Any], str], str]

    def play(self, normally: Callable[[], Response]) -> Iterator[Response]:
        response = normally()
        members = json.loads(response.body)
        header, claims, signature = members["id_token"].split(".")
        members["id_token"] = self.forge(_decoded(header), _decoded(claims) | FORGED, signature)
        yield replace(response, body=json.dumps(members).encode())


def _decoded(segment: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return members


def _encoded(members: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


def forgeries() -> dict[str, Any]:
    """Return acts that forge the ID token, by what is wrong with it."""
    now = int(time.time())
    return {
        "signature of other claims": Resign(lambda header, claims, old: f"{_encoded(header)}.{_encoded(claims)}.{old}"),
        "no signature": Resign(lambda header, claims, _: f"{_encoded({**header, 'alg': 'none'})}.{_encoded(claims)}."),
        "another audience": ForgeIdToken({**FORGED, "aud": "other"}),
        "another issuer": ForgeIdToken({**FORGED, "iss": "https://other.example/"}),
        "expired": ForgeIdToken({**FORGED, "exp": now - AN_HOUR, "iat": now - 2 * AN_HOUR}),
        "no expiry": ForgeIdToken({**FORGED, "exp": ABSENT}),
        "no audience": ForgeIdToken({**FORGED, "aud": ABSENT}),
        "hash of another access token": ForgeIdToken({**FORGED, "at_hash": "AAAA"}),
        "another authorized party": ForgeIdToken({**FORGED, "azp": "other"}),
    }


@dataclass
class Acme:
    """One program with a home and a keyring of its own."""

    program: str
    provider: HostileProvider
    environ: dict[str, str]
    keyring: FileKeyring

    def start(self, *argv: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(FOLDER / f"{self.program}.py"), *argv]
        return subprocess.Popen(
            command, env=self.environ, stdin=subprocess.DEVNULL, stdout=-1, stderr=subprocess.DEVNULL, text=True
        )

    def run(self, *argv: str) -> tuple[int, str]:
        process = self.start(*argv)
        out, _ = process.communicate(timeout=120)
        return process.returncode, out


@contextmanager
def acme(program: str, **settings: Any) -> Iterator[Acme]:  # noqa: ANN401 - fields of ProviderSimulator
    """Serve a provider; msal accepts none without TLS, a path, and an authorization endpoint."""
    settings = {"client_id": "acme-cli", "auto_approve": True, "interval": 0.2, **settings}
    with tempfile.TemporaryDirectory(prefix="acme-") as folder:
        environ = private_environment(Path(folder)) | {
            "PYTHONPATH": str(ROOT / "tests"),
            "PYTHON_KEYRING_BACKEND": "support.keyrings.file.FileKeyring",
            "TEST_KEYRING": f"{folder}/keyring",
        }
        if program == "with_msal":
            authority = trustme.CA()
            authority.cert_pem.write_to_path(f"{folder}/authority.pem")
            settings |= {"path": "/tenant", "tls": _server_context(authority)}
            environ["REQUESTS_CA_BUNDLE"] = f"{folder}/authority.pem"
        with serve_hostile(**settings) as provider:
            if program == "with_msal":
                endpoint = f"{provider.url}/authorize"
                provider.always(DISCOVERY, ChangeMembers(authorization_endpoint=lambda _: endpoint))
            environ["ACME_ISSUER"] = provider.url
            yield Acme(program, provider, environ, FileKeyring(Path(environ["TEST_KEYRING"])))


def _server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def accepted_forgeries(program: str) -> list[str]:
    """Return which forged ID tokens make the program greet whom they name."""
    accepted = []
    for name, act in forgeries().items():
        with acme(program) as trial:
            trial.provider.at("/token", act)
            trial.run("login")
            if "Mallory" in trial.run("say-hi")[1]:
                accepted.append(name)
    return accepted


def survives_a_lost_connection(program: str) -> bool:
    with acme(program) as trial:
        trial.provider.at("/token", Disconnect())
        return trial.run("login")[0] == 0


def lost_sessions(program: str) -> int:
    """Return in how many trials several processes on one expired session make the provider end it."""
    lost = 0
    for number in range(TRIALS):
        with acme(program, token_lifetime=1) as trial:
            assert trial.run("login")[0] == 0
            trial.provider.issuer.token_lifetime = AN_HOUR
            time.sleep(1.2)
            if number % 2:
                trial.provider.always("/token", Delay(SLOW))
            for process in [trial.start("token") for _ in range(AT_ONCE)]:
                process.communicate(timeout=120)
            lost += not trial.provider.issuer.active_grants
    return lost


def after_a_login(program: str) -> tuple[bool, int]:
    """Return whether ``logout`` revokes the grant, and the largest entry of the keyring in bytes of UTF-16."""
    with acme(program) as trial:
        assert trial.run("login")[0] == 0
        assert trial.run("token")[0] == 0
        largest = max(len(secret.encode("utf-16-le")) for secret in trial.keyring.entries().values())
        assert trial.run("logout")[0] == 0
        return not trial.provider.issuer.active_grants, largest


def code_lines(path: Path) -> int:
    """Return the number of lines that are neither blank nor a comment or docstring."""
    ignored = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
        if token.type not in ignored and not token.string.startswith('"""'):
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)


def row(program: str) -> str:
    accepted, (revokes, largest) = accepted_forgeries(program), after_a_login(program)
    library = LIBRARIES[program]
    cells = [
        f"{library} {importlib.metadata.version(library)} (`{program}.py`)",
        f"{code_lines(FOLDER / f'{program}.py')}",
        f"{len(accepted)} of {len(forgeries())}",
        "`login` goes on" if survives_a_lost_connection(program) else "`login` ends",
        f"{lost_sessions(program)} of {TRIALS}",
        "yes" if revokes else "no",
        f"{largest:,} bytes",
    ]
    sys.stderr.write(f"{program}: accepted {', '.join(accepted) or 'none'}\n")
    return f"| {' | '.join(cells)} |\n"


def main() -> int:
    programs = [name for name in sys.argv if name in LIBRARIES] or LIBRARIES
    table = HEADING + "".join(map(row, programs))
    sys.stdout.write(table)
    if "--record" in sys.argv and programs is LIBRARIES:
        before, _, after = PAGE.read_text("utf-8").partition(HEADING)
        PAGE.write_text(before + table + re.sub(r"^(?:[|].*\n)+", "", after), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
