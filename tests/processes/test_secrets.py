"""Secrets do not appear in output, logs, files, exceptions or child processes."""

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
from awesome_cli.provider.client import oidc_client
from awesome_cli.provider.config import ClientConfig
from awesome_cli.provider.sign_in_client import SignInClient
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

PIECE = 16  # characters; a shorter part of a secret is not useful
LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{40,}")
VERBOSE_WITH_LOGS = (
    "import logging, os; logging.basicConfig(level=logging.DEBUG, filename=os.environ['TEST_LOG']);"
    " from awesome_cli import awesome; awesome()"
)


def pieces(text: str) -> set[str]:
    return {text[start : start + PIECE] for start in range(len(text) - PIECE + 1)}


def leaks(text: str, secrets: set[str]) -> set[str]:
    """Return the pieces of secrets in a text."""
    assert len(secrets) > 1, "no secrets were recorded"
    return pieces(text) & set().union(*map(pieces, secrets))


def files_of(program: Program | InProcess) -> str:
    """Return the names and contents of all files except the keyring."""
    files = [path for path in program.home.rglob("*") if path.is_file() and path.parent != program.home / "keyring"]
    assert files
    return "".join(f"{path}\n{path.read_text('utf-8', 'replace')}\n" for path in files)


@pytest.fixture
def verbose_program(program: Program, hostile_provider: HostileProvider) -> Program:
    """The program with PKCE and with debug messages of all loggers in a file."""
    program.at(hostile_provider.url)
    config = program.home / "config" / "awesome-cli"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[profiles.default]\npkce = true\n")
    program.command = [sys.executable, "-c", VERBOSE_WITH_LOGS]
    program.environ |= {"TEST_LOG": str(program.home / "log.txt"), "AWESOME_API_URL": hostile_provider.issuer.api_url}
    return program


def test_the_search_finds_a_leaked_secret(hostile_provider: HostileProvider, verbose_program: Program) -> None:
    assert verbose_program.run("login").code == 0
    token = verbose_program.run("token").out
    assert leaks(f"before {token[5:60]} after", hostile_provider.secrets)
    assert leaks("".join(verbose_program.entries.values()), hostile_provider.secrets)
    assert "send_request_headers" in (verbose_program.home / "log.txt").read_text("utf-8")


def test_no_command_prints_or_logs_a_secret(hostile_provider: HostileProvider, verbose_program: Program) -> None:
    output = ""
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
        end = verbose_program.run(*argv, "--verbose")
        assert end.code == 0, end.err
        output += end.out + end.err
    assert verbose_program.run("token", "--verbose").code == 4
    assert len(hostile_provider.secrets) >= 2 * 5  # code, verifier, three tokens: for each of two logins
    assert not leaks(output + files_of(verbose_program), hostile_provider.secrets)


def test_token_prints_only_the_requested_token_and_only_on_stdout(
    hostile_provider: HostileProvider, verbose_program: Program
) -> None:
    assert verbose_program.run("login").code == 0
    for argv in (["token"], ["token", "--id"], ["token", "--json"]):
        end = verbose_program.run(*argv, "--verbose")
        others = {secret for secret in hostile_provider.secrets if secret not in end.out}
        assert len(others) == len(hostile_provider.secrets) - 1
        assert not leaks(end.err + files_of(verbose_program), hostile_provider.secrets)


def test_the_demo_prints_no_secret(in_process_program: InProcess, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    end = in_process_program.execute("demo", "--auto", "--verbose")
    assert end.code == 0, end.err
    assert LIKE_A_SECRET.findall(end.out + end.err + caplog.text) == []


TOKEN_ACTS: dict[str, Act] = {
    "cut off": Disconnect(),
    "half a reply": Disconnect(after=600, act=NORMAL),
    "not HTTP": SendBytes(b"\x00" * 99),
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
    "unknown key": ForgeIdToken(header={"kid": "unknown"}),
    "another subject": ForgeIdToken(claims={"sub": "somebody else"}),
}


@pytest.mark.parametrize("act", TOKEN_ACTS.values(), ids=TOKEN_ACTS)
def test_no_failure_of_the_token_endpoint_prints_a_secret(
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
    output = "".join(end.out + end.err for end in ends) + caplog.text + files_of(in_process_program)
    assert not leaks(output, hostile_provider.secrets)


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
def test_no_failure_of_another_endpoint_prints_a_secret(
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
    output = "".join(end.out + end.err for end in ends) + caplog.text + files_of(in_process_program)
    assert not leaks(output, hostile_provider.secrets)


class Recorder:
    """Signs in with the library, and records all texts that could be printed."""

    def __init__(self, provider: HostileProvider, folder: Path) -> None:
        self.output: list[str] = []
        self._provider = provider
        self._folder = folder

    def run(self) -> None:
        anyio.run(self._converse)

    async def _converse(self) -> None:
        async with oidc_client(
            SignInClient,
            ClientConfig(issuer=self._provider.url, client_id="test-client", scope="openid offline_access", pkce=True),
            cache=FileMetadataCache(self._folder, warn=self.output.append),
            transport=None,
            now=time.time,
            log=self.output.append,
            environ={},
        ) as provider:
            try:
                await self._sign_in(provider)
            except AwesomeError as error:
                self.output.extend(_words(error))

    async def _sign_in(self, provider: SignInClient) -> None:
        flow = await provider.request_device_code()
        self.output.extend([repr(provider), repr(flow), str(flow)])
        session = await provider.poll_for_token(flow)
        self.output.extend([repr(session), str(session), repr([session])])
        self.output.append(repr(await provider.refresh(session)))


def _words(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield from (str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error))
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("act", [NORMAL, *TOKEN_ACTS.values()], ids=["nothing", *TOKEN_ACTS])
def test_no_exception_and_no_repr_contains_a_secret(
    act: Act, hostile_provider: HostileProvider, tmp_path: Path
) -> None:
    hostile_provider.issuer.expires_in = 1
    hostile_provider.at("/token", act)
    recorder = Recorder(hostile_provider, tmp_path)
    recorder.run()
    assert not leaks("\n".join(recorder.output), hostile_provider.secrets)


def test_the_repr_of_a_response_contains_no_secret() -> None:
    secret = "s3cret-" * 10
    body = {"access_token": secret, "refresh_token": secret, "id_token": secret, "token_type": "Bearer"}
    response = Response(200, json.dumps(body).encode(), {"set-cookie": secret})
    assert secret not in repr([response, parse_token(response), str(response)])


@pytest.mark.skipif(sys.platform != "linux", reason="how a browser is named differs elsewhere")
def test_a_child_process_gets_no_secret(program: Program, hostile_provider: HostileProvider) -> None:
    received = program.home / "received.txt"
    browser = program.home / "browser"
    browser.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} > {received}.new && mv {received}.new {received}\n')
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
    while not received.exists() and time.monotonic() < until:
        time.sleep(0.01)
    words = received.read_text("utf-8")
    assert words.startswith(hostile_provider.url)
    assert not leaks(words, hostile_provider.secrets)
    assert "s3cret" not in words


@pytest.mark.skipif(sys.platform != "linux", reason="only there keyring's search for a backend runs compilers")
def test_programs_started_by_the_search_for_a_keyring_get_no_secret(program: Program) -> None:
    tools, received = program.home / "tools", program.home / "received.txt"
    tools.mkdir()
    for name in ("gcc", "ld"):
        (tools / name).write_text(f'#!/bin/sh\n{{ echo "$0"; env; }} >> {received}\nexit 1\n')
        (tools / name).chmod(0o700)
    del program.environ["PYTHON_KEYRING_BACKEND"]
    path = f"{tools}:{program.environ['PATH']}"
    end = program.run("whoami", PATH=path, AWESOME_ACCESS_TOKEN="s3cret")
    assert end.code in (4, 9), end.err
    words = received.read_text("utf-8")
    assert "/gcc\n" in words
    assert f"PATH={path}" in words
    assert "s3cret" not in words
