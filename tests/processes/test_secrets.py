"""No secret leaves the program but where it belongs: whatever is typed, whatever goes wrong, however much it tells."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from awesome_cli.errors import AwesomeError
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import parse_token
from awesome_cli.provider.cache import FileMetadataCache
from awesome_cli.provider.client import ClientConfig, DeviceFlow, OidcClient, conversation
from awesome_cli.testing.hostile import (
    ABSENT,
    DISCOVERY,
    ENDLESS_BODY,
    KEYS,
    NORMAL,
    Act,
    ChangeMembers,
    Disconnect,
    ForgeIdToken,
    HostileProvider,
    Respond,
    SendBytes,
    redirect,
)
from support.process import TIMEOUT, Program
from support.terminal import InProcess

PIECE = 16  # characters; less than that of a secret is no use to anybody
LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{40,}")
VERBOSE_WITH_LOGS = (
    "import logging, os; logging.basicConfig(level=logging.DEBUG, filename=os.environ['TEST_LOG']);"
    " from awesome_cli.cli.main import run; run()"
)


def pieces(text: str) -> set[str]:
    return {text[start : start + PIECE] for start in range(len(text) - PIECE + 1)}


def leaks(said: str, secrets: set[str]) -> set[str]:
    """Return the pieces of secrets that stand in ``said``."""
    assert len(secrets) > 1, "nothing was there to leak"
    return pieces(said) & set().union(*map(pieces, secrets))


def files_of(program: Program | InProcess) -> str:
    """Return all that lies in files, names included, but for the keyring."""
    files = [path for path in program.home.rglob("*") if path.is_file() and path.parent != program.home / "keyring"]
    assert files
    return "".join(f"{path}\n{path.read_text('utf-8', 'replace')}\n" for path in files)


@pytest.fixture
def talkative(program: Program, hostile_provider: HostileProvider) -> Program:
    """The program with PKCE on and every logger told to write all it knows into a file."""
    program.at(hostile_provider.url)
    config = program.home / "config" / "awesome-cli"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[profiles.default]\npkce = true\n")
    program.command = [sys.executable, "-c", VERBOSE_WITH_LOGS]
    program.environ |= {"TEST_LOG": str(program.home / "log.txt"), "AWESOME_API_URL": hostile_provider.issuer.api_url}
    return program


def test_a_search_would_find_a_leak(hostile_provider: HostileProvider, talkative: Program) -> None:
    assert talkative.run("login").code == 0
    token = talkative.run("token").out
    assert leaks(f"before {token[5:60]} after", hostile_provider.secrets)
    assert leaks("".join(talkative.entries.values()), hostile_provider.secrets)
    assert "send_request_headers" in (talkative.home / "log.txt").read_text("utf-8")


def test_no_command_tells_one(hostile_provider: HostileProvider, talkative: Program) -> None:
    said = ""
    for argv in (
        ["login"],
        ["login", "--json", "--force"],
        ["say-hi"],
        ["whoami"],
        ["whoami", "--json"],
        ["api", "hello"],
        ["login"],
        ["logout"],
        ["logout"],
    ):
        end = talkative.run(*argv, "--verbose")
        assert end.code == 0, end.err
        said += end.out + end.err
    assert talkative.run("token", "--verbose").code == 4
    assert len(hostile_provider.secrets) >= 2 * 5  # code, verifier, three tokens: for each of two logins
    assert not leaks(said + files_of(talkative), hostile_provider.secrets)


def test_token_tells_the_one_that_it_is_asked_for_on_stdout_alone(
    hostile_provider: HostileProvider, talkative: Program
) -> None:
    assert talkative.run("login").code == 0
    for argv in (["token"], ["token", "--id"], ["token", "--json"]):
        end = talkative.run(*argv, "--verbose")
        others = {secret for secret in hostile_provider.secrets if secret not in end.out}
        assert len(others) == len(hostile_provider.secrets) - 1
        assert not leaks(end.err + files_of(talkative), hostile_provider.secrets)


def test_the_demo_tells_none(in_process_program: InProcess, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    end = in_process_program.execute("demo", "--auto", "--verbose")
    assert end.code == 0, end.err
    assert LIKE_A_SECRET.findall(end.out + end.err + caplog.text) == []


TOKEN_TROUBLE: dict[str, Act] = {
    "cut off": Disconnect(),
    "half a reply": Disconnect(after=600, act=NORMAL),
    "no HTTP": SendBytes(b"\x00" * 99),
    "flood": ENDLESS_BODY,
    "redirect": redirect("https://evil.example/", 307),
    "server error": Respond(500, "<p>"),
    "denied": Respond(403, {"error": "access_denied"}),
    "invalid grant": Respond(403, {"error": "invalid_grant"}),
    "unknown client": Respond(401, {"error": "invalid_client", "error_description": "no"}),
    "another type": ChangeMembers(token_type="DPoP"),
    "unusable access token": ChangeMembers(access_token="two words of a secret nature"),
    "unusable refresh token": ChangeMembers(refresh_token="two words of a secret nature"),
    "no ID token": ChangeMembers(id_token=ABSENT),
    "false ID token": ChangeMembers(
        id_token="eyJhbGciOiJub25lIn0.eyJzdWIiOiJzb21lYm9keSBlbHNlIn0.c2VjcmV0LXNpZ25hdHVyZQ"
    ),
    "another issuer": ForgeIdToken(claims={"iss": "https://evil.example/"}),
    "expired": ForgeIdToken(claims={"exp": 1}),
    "unknown key": ForgeIdToken(header={"kid": "never heard of"}),
    "another subject": ForgeIdToken(claims={"sub": "somebody else"}),
}


@pytest.mark.parametrize("act", TOKEN_TROUBLE.values(), ids=TOKEN_TROUBLE)
def test_no_failure_tells_one(
    act: Act, in_process_program: InProcess, hostile_provider: HostileProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hostile_provider.issuer.expires_in = 1
    hostile_provider.at("/token", act)
    in_process_program.at(hostile_provider.url)
    ends = [in_process_program.execute("login", "--json", "--verbose")]
    hostile_provider.issuer.token_lifetime = 0
    ends.append(in_process_program.execute("login", "--verbose"))
    for command in ("token", "say-hi", "api", "logout"):
        hostile_provider.at("/token", act)
        argv = ["api", hostile_provider.issuer.api_url + "/hello"] if command == "api" else [command]
        end = in_process_program.execute(*argv, "--verbose")
        ends.append(dataclasses.replace(end, out="") if command == "token" else end)
    said = "".join(end.out + end.err for end in ends) + caplog.text + files_of(in_process_program)
    assert not leaks(said, hostile_provider.secrets)


@pytest.mark.parametrize(
    ("path", "act"),
    [
        ("/device/code", ChangeMembers(verification_uri="http://evil.example/")),
        ("/device/code", ChangeMembers(user_code=7)),
        ("/device/code", Disconnect(after=300, act=NORMAL)),
        ("/userinfo", Disconnect()),
        ("/userinfo", redirect("https://evil.example/")),
        ("/revoke", Respond(503)),
        ("/revoke", Disconnect()),
        (KEYS, Respond(200, {"keys": []})),
        (DISCOVERY, ChangeMembers(revocation_endpoint=ABSENT)),
    ],
)
def test_nor_does_a_failure_elsewhere(
    path: str,
    act: Act,
    in_process_program: InProcess,
    hostile_provider: HostileProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    hostile_provider.issuer.slim_id_token = True
    hostile_provider.at(path, act)
    in_process_program.at(hostile_provider.url)
    ends = [
        in_process_program.execute("login", "--json", "--verbose"),
        in_process_program.execute("login", "--verbose"),
        in_process_program.execute("logout"),
    ]
    said = "".join(end.out + end.err for end in ends) + caplog.text + files_of(in_process_program)
    assert not leaks(said, hostile_provider.secrets)


class Witness:
    """Holds a conversation on its own, and keeps what can be printed of it."""

    def __init__(self, provider: HostileProvider, folder: Path) -> None:
        self.said: list[str] = []
        self._provider = provider
        self._folder = folder

    def listen(self) -> None:
        anyio.run(self._talk)

    async def _talk(self) -> None:
        async with conversation(
            ClientConfig(issuer=self._provider.url, client_id="test-client", scope="openid offline_access", pkce=True),
            cache=FileMetadataCache(self._folder, warn=self.said.append),
            transport=None,
            now=time.time,
            detail=self.said.append,
            environ={},
        ) as provider:
            try:
                await self._sign_in(provider)
            except AwesomeError as error:
                self.said.extend(_words(error))

    async def _sign_in(self, provider: OidcClient) -> None:
        begun: DeviceFlow = await provider.begin()
        self.said.extend([repr(provider), repr(begun), str(begun)])
        session = await provider.finish(begun)
        self.said.extend([repr(session), str(session), repr([session])])
        self.said.append(repr(await provider.renew(session)))


def _words(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield from (str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error))
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("act", [NORMAL, *TOKEN_TROUBLE.values()], ids=["nothing", *TOKEN_TROUBLE])
def test_neither_an_exception_nor_a_repr_tells_one(act: Act, hostile_provider: HostileProvider, tmp_path: Path) -> None:
    hostile_provider.issuer.expires_in = 1
    hostile_provider.at("/token", act)
    witness = Witness(hostile_provider, tmp_path)
    witness.listen()
    assert not leaks("\n".join(witness.said), hostile_provider.secrets)


def test_nor_does_the_repr_of_what_arrived() -> None:
    secret = "s3cret-" * 10
    body = {"access_token": secret, "refresh_token": secret, "id_token": secret, "token_type": "Bearer"}
    response = Response(200, json.dumps(body).encode(), {"set-cookie": secret})
    assert secret not in repr([response, parse_token(response), str(response)])


@pytest.mark.skipif(sys.platform != "linux", reason="how a browser is named differs elsewhere")
def test_a_child_process_is_told_none(program: Program, hostile_provider: HostileProvider) -> None:
    told = program.home / "told.txt"
    browser = program.home / "browser"
    browser.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} > {told}.new && mv {told}.new {told}\n')
    browser.chmod(0o700)
    environ = {**program.at(hostile_provider.url).environ, "BROWSER": f"{browser} %s", "AWESOME_ACCESS_TOKEN": "s3cret"}
    ours, theirs = os.openpty()
    with (
        os.fdopen(ours, "rb", buffering=0),
        subprocess.Popen(
            [*program.command, "login", "--verbose"], stdin=theirs, stderr=theirs, stdout=theirs, env=environ
        ) as process,
    ):
        os.close(theirs)
        assert process.wait(TIMEOUT) == 0
    until = time.monotonic() + TIMEOUT
    while not told.exists() and time.monotonic() < until:
        time.sleep(0.01)
    words = told.read_text("utf-8")
    assert words.startswith(hostile_provider.url)
    assert not leaks(words, hostile_provider.secrets)
    assert "s3cret" not in words


@pytest.mark.skipif(sys.platform != "linux", reason="only there keyring's search for a backend runs compilers")
def test_the_search_for_a_keyring_is_told_none(program: Program) -> None:
    tools, told = program.home / "tools", program.home / "told.txt"
    tools.mkdir()
    for name in ("gcc", "ld"):
        (tools / name).write_text(f'#!/bin/sh\n{{ echo "$0"; env; }} >> {told}\nexit 1\n')
        (tools / name).chmod(0o700)
    del program.environ["PYTHON_KEYRING_BACKEND"]
    path = f"{tools}:{program.environ['PATH']}"
    end = program.run("whoami", PATH=path, AWESOME_ACCESS_TOKEN="s3cret")
    assert end.code in (4, 9), end.err
    words = told.read_text("utf-8")
    assert "/gcc\n" in words
    assert f"PATH={path}" in words
    assert "s3cret" not in words
