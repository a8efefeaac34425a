"""Terminal output contains no control characters from servers, variables, files or arguments."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest

from awesome_cli.brand import BUILT_IN_COMMANDS
from awesome_cli.testing.grants import Request
from awesome_cli.testing.hostile import DISCOVERY, Act, ChangeMembers, ForgeIdToken, HostileProvider, Respond
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.terminal import Result
from support.process import Program
from support.terminal import InProcess, Terminal

if TYPE_CHECKING:
    from pathlib import Path

EXIT_CODES = "\x00\x07\x08\x1b[2J\x1b]0;title\x07\x1b]8;;https://evil.example/\x1b\\\x7f\x85\x9b31m\r\n"
MARKS = "\u200b\u200e\u202e\u2066\u2028\u2029\ufeff\u00ad\U000e0041\ue000\ud800"
MARKUP = "[bold]b[/bold][link=https://evil.example/]l[/link][/x]&lt;"
HOSTILE = f"A{EXIT_CODES}B{MARKS}C{MARKUP}"
SAFE = f"A[2J]0;title]8;;https://evil.example/\\31mBC{MARKUP}"


CONTROLS = "\x1b[31m\x07\x7f\x9b2J\u202e\u200b\n"


def check(end: Result | Terminal) -> None:
    """Require that nothing but printable characters and line ends was printed."""
    for character in end.out + end.err:
        assert character == "\n" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.fixture
def signed_in(program: Program, hostile_provider: HostileProvider) -> Program:
    """Sign in a user all of whose claims contain control characters."""
    claims = dict.fromkeys(("name", "nickname", "email"), HOSTILE)
    hostile_provider.issuer.person = {**claims, "sub": HOSTILE.encode("ascii", "ignore").decode()}
    hostile_provider.at("/token", ChangeMembers(scope=HOSTILE))
    end = program.at(hostile_provider.url).run("login")
    assert end.code == 0, end.err
    check(end)
    return program


def test_say_hi_prints_a_hostile_name_as_one_printable_line(signed_in: Program) -> None:
    end = signed_in.run("say-hi")
    check(end)
    assert end.out == f"Welcome {SAFE}!\n"


def test_whoami_prints_one_line_per_field_despite_hostile_claims(signed_in: Program) -> None:
    end = signed_in.run("whoami", "--verbose")
    check(end)
    assert (end.code, len(end.out.splitlines())) == (0, 7)
    assert f"{SAFE} <{SAFE}>" in end.out


@pytest.mark.parametrize("argv", [("whoami", "--json"), ("token", "--json"), ("login", "--json")])
def test_json_output_is_ascii_without_control_characters(argv: tuple[str, ...], signed_in: Program) -> None:
    end = signed_in.run(*argv)
    check(end)
    assert end.out.isascii()
    document = json.loads(end.out)
    assert document["scope"] == SAFE
    if "name" in document:
        assert (document["name"], document["email"]) == (SAFE, SAFE)
        assert document["sub"] == HOSTILE.encode("ascii", "ignore").decode()  # unmodified, for programs to compare


def test_logout_prints_no_control_characters(signed_in: Program) -> None:
    end = signed_in.run("logout")
    check(end)
    assert SAFE in end.err


def test_the_json_events_of_a_login_are_ascii(in_process_program: InProcess, hostile_provider: HostileProvider) -> None:
    hostile_provider.issuer.person = {"sub": "j", "name": "Jürgen 🦊 Ωmega"}
    hostile_provider.at("/device/code", ChangeMembers(user_code="ÄÖÜ-ẞ"))
    end = in_process_program.at(hostile_provider.url).execute("login", "--json")
    assert end.out.isascii()
    first, last = (json.loads(line) for line in end.out.splitlines())
    assert (first["user_code"], last["name"]) == ("ÄÖÜ-ẞ", "Jürgen 🦊 Ωmega")


@pytest.mark.parametrize("claim", ["name", "email"])
def test_a_long_claim_is_truncated(
    claim: str, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.issuer.person = {"sub": "juan", claim: "x" * 9000}
    assert in_process_program.at(hostile_provider.url).execute("login").code == 0
    shown = in_process_program.execute("whoami", "--json").json[claim]
    assert (len(shown), shown[-1]) == (256, "…")
    assert len(in_process_program.execute("say-hi").out) <= len("Welcome !\n") + 256


@pytest.mark.parametrize(
    ("path", "act", "code"),
    [
        pytest.param(DISCOVERY, ChangeMembers(issuer=HOSTILE), 7, id="issuer"),
        pytest.param(DISCOVERY, ChangeMembers(token_endpoint=HOSTILE), 7, id="endpoint"),
        pytest.param(DISCOVERY, ChangeMembers(token_endpoint={HOSTILE: [HOSTILE]}), 7, id="endpoint of another type"),
        pytest.param("/device/code", Respond(400, {"error": HOSTILE}), 7, id="error code"),
        pytest.param("/device/code", Respond(400, {"error": "x", "error_description": HOSTILE}), 7, id="description"),
        pytest.param("/device/code", Respond(400, {"error": "x", "error_description": "y" * 9000}), 7, id="long words"),
        pytest.param("/device/code", ChangeMembers(verification_uri=HOSTILE), 7, id="verification URI"),
        pytest.param(
            "/device/code", ChangeMembers(verification_uri="https://" + "x" * 9000), 7, id="long verification URI"
        ),
        pytest.param(
            "/device/code", ChangeMembers(verification_uri_complete=HOSTILE), 0, id="complete verification URI"
        ),
        pytest.param("/device/code", ChangeMembers(user_code=HOSTILE), 0, id="user code"),
        pytest.param("/device/code", ChangeMembers(user_code="X" * 9000), 0, id="long user code"),
        pytest.param("/token", Respond(400, {"error": "x", "error_description": HOSTILE}), 7, id="poll"),
        pytest.param("/token", ChangeMembers(scope=HOSTILE), 0, id="scope"),
        pytest.param("/token", ChangeMembers(token_type=HOSTILE), 7, id="token type"),
        pytest.param("/token", ForgeIdToken(header={"alg": HOSTILE}), 8, id="alg"),
        pytest.param("/token", ForgeIdToken(header={"kid": HOSTILE}), 8, id="kid"),
        pytest.param("/token", ForgeIdToken(claims={"iss": HOSTILE}), 8, id="iss"),
    ],
)
@pytest.mark.parametrize("options", [["--verbose"], ["--json", "--verbose"]], ids=["words", "JSON"])
def test_login_prints_no_control_characters_of_provider_responses(  # noqa: PLR0917 - a row of a table
    path: str, act: Act, code: int, options: list[str], in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    hostile_provider.at(path, act)
    end = in_process_program.at(hostile_provider.url).execute("login", *options)
    assert end.code == code, end.err
    check(end)
    assert max(map(len, end.err.splitlines())) < 500
    assert end.out.isascii()


@pytest.fixture
def controlled(terminal: Terminal, tmp_path: Path) -> Terminal:
    """Sign in with settings, and in folders, that contain control characters."""
    if sys.platform == "win32":
        pytest.skip("Windows has no such names of folders")
    folder = tmp_path / f"folder{CONTROLS}"
    terminal.set(
        environ={
            "AWESOME_ISSUER": terminal.issuer.url,
            "AWESOME_API_URL": terminal.issuer.api_url,
            **{f"AWESOME_{name}": f"a{CONTROLS}b" for name in ("CLIENT_ID", "AUDIENCE", "SCOPE")},
        },
        config_dir=folder / "config",
        state_dir=folder / "state",
        cache_dir=folder / "cache",
    )
    terminal.issuer.client_id = f"a{CONTROLS}b"
    (folder / "config").mkdir(parents=True)
    text = json.dumps(CONTROLS).replace("\x7f", "\\u007f")
    (folder / "config" / "config.toml").write_text(f"[profiles.work]\naudience = {text}\n{text} = 1\n", "utf-8")
    terminal.login("--insecure-storage", "--verbose")
    check(terminal)
    assert terminal.run("whoami") == 0
    assert "a[31m2Jb" in terminal.out
    return terminal


RUNS = {
    "login": [["login"], ["login", "--json"], ["login", "--force"], ["login", "--issuer", CONTROLS]],
    "say-hi": [["say-hi"], ["say-hi", CONTROLS]],
    "whoami": [["whoami"], ["whoami", "--check"], ["whoami", "--json"]],
    "token": [["token"], ["token", "--json"], ["token", "--id"], ["token", "--min-ttl", CONTROLS]],
    "api": [["api", "hello"], ["api", CONTROLS], ["api", "x", "-F", CONTROLS], ["api", "x", "--data", f"@{CONTROLS}"]],
    "profiles": [
        ["profiles"],
        ["profiles", "--json"],
        ["profiles", "show", "default"],
        ["profiles", "show", "work"],
        ["profiles", "show", "default", "--json"],
        ["profiles", "show", CONTROLS],
        ["profiles", "remove", CONTROLS],
        ["profiles", "remove", "default"],
    ],
    "doctor": [["doctor"], ["doctor", "--json"]],
    "logout": [["logout"], ["logout", "--all"]],
    "demo": [["demo", "serve", "--port", CONTROLS], ["demo", CONTROLS]],
}
TROUBLES: dict[str, dict[str, str]] = {
    "none": {},
    "another client": {"AWESOME_CLIENT_ID": f"c{CONTROLS}"},
    "the profile": {"AWESOME_PROFILE": f"p{CONTROLS}"},
    "the issuer": {"AWESOME_ISSUER": f"https://{CONTROLS}/"},
    "the domain": {"AWESOME_ISSUER": "", "AWESOME_DOMAIN": f"d{CONTROLS}"},
    "the API": {"AWESOME_API_URL": f"https://api.example/{CONTROLS}"},
    "the keyring timeout": {"AWESOME_KEYRING_TIMEOUT": CONTROLS},
    "the access token": {"AWESOME_ACCESS_TOKEN": CONTROLS},
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("command", BUILT_IN_COMMANDS)
def test_no_command_prints_control_characters_of_settings_or_arguments(
    command: str, trouble: str, controlled: Terminal
) -> None:
    for argv in RUNS[command]:
        for words in ([], ["--verbose"], ["--profile", CONTROLS]):
            controlled.run(*words, *argv, **TROUBLES[trouble])
            check(controlled)
            assert controlled.out + controlled.err
            assert "--json" not in argv or controlled.out.isascii()


@pytest.mark.parametrize("command", sorted({*BUILT_IN_COMMANDS} - {"demo"}))
def test_no_command_prints_control_characters_of_an_invalid_config_file(command: str, controlled: Terminal) -> None:
    (controlled.environment.config_dir / "config.toml").write_text(f"[profiles.'{CONTROLS.strip()}", "utf-8")
    for argv in RUNS[command]:
        controlled.run(*argv)
        check(controlled)


def test_json_output_has_setting_values_unmodified(controlled: Terminal) -> None:
    assert controlled.run("whoami", "--json") == 0
    assert controlled.json["client_id"] == f"a{CONTROLS}b"
    assert controlled.out.replace("\n", "").isprintable()


def test_colours_links_and_qr_codes_are_printed_unmodified(terminal: Terminal) -> None:
    terminal.interactive = True
    terminal.set_variables(NO_COLOR="")
    terminal.login("--qr")
    assert re.search(r"\033]8;;(https://\S+)\033\\\033\[36m\1\033\[0m\033]8;;\033\\\n", terminal.err)
    assert re.search(r"the page shows  \033\[1m[A-Z-]+\033\[0m\n", terminal.err)
    assert re.search(r"\033\[38;5;16;48;5;231m[▀▄█ ]+▀▀▀▀▀▀▀[▀▄█ ]*\033\[0m\n", terminal.err)


@pytest.mark.parametrize(
    ("uri", "complete", "opened", "code"),
    [
        ("https://p.example/a", "https://p.example/a?c=1", ["https://p.example/a?c=1"], 0),
        ("https://p.example/a", "http://p.example/a?c=1", ["https://p.example/a"], 0),
        ("https://p.example/a", "https://p.example/\x1b]8;;", ["https://p.example/a"], 0),
        ("https://p.example/a", "https://p.example/%zz", ["https://p.example/a"], 0),
        ("https://p.example/a", "-https://p.example/", ["https://p.example/a"], 0),
        ("https://p.example/a", "https://me:pw@p.example/", ["https://p.example/a"], 0),
        ("http://p.example/a", "https://p.example/a?c=1", [], 7),
        ("https://p.example/'$(id)'", None, [], 7),
        ("javascript:alert(1)", None, [], 7),
    ],
)
def test_the_browser_opens_only_secure_urls(  # noqa: PLR0917 - a row of a table
    uri: str, complete: str | None, opened: list[str], code: int, terminal: Terminal, issuer: ProviderSimulator
) -> None:
    device = issuer.respond(Request("POST", "/device/code", {"client_id": issuer.client_id})).json() or {}
    terminal.provider.at(
        "/device/code", Respond(200, {**device, "verification_uri": uri, "verification_uri_complete": complete})
    )
    issuer.approve(device["user_code"])
    terminal.interactive = True
    assert terminal.run("login") == code
    assert terminal.opened == opened
