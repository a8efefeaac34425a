"""Whether the JSON that the program prints is what the schemas in docs/reference/schemas describe."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from awesome_cli.cli.format import rfc3339
from awesome_cli.oauth.discovery import ENDPOINTS
from awesome_cli.testing.hostile import DISCOVERY, Respond
from awesome_cli.testing.issuer import ID_TOKEN_LIFETIME
from awesome_cli.testing.terminal import visit_provider
from generator import SITE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.terminal import Terminal

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/reference/schemas"
BASE = f"{SITE}reference/schemas/"
SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.iterdir())}
EVENT = "login-event.schema.json"
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_time_in_utc(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo == UTC


@FORMATS.checks("uri", raises=ValueError)
def is_uri(value: object) -> bool:
    return not isinstance(value, str) or all(urlsplit(value)[:2])


every_output = pytest.mark.parametrize(
    ("command", "schema"),
    [
        (["login", "--json"], EVENT),
        (["whoami", "--json"], "whoami.schema.json"),
        (["token", "--json"], "token.schema.json"),
        (["token", "--id", "--json"], "token.schema.json"),
        (["profiles", "--json"], "profiles.schema.json"),
        (["profiles", "show", "default", "--json"], "profiles-show.schema.json"),
        (["doctor", "--json"], "doctor.schema.json"),
    ],
)


def with_closed_values(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose values have no other members than those it lists; it may itself be part of another one."""
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: closed(child) for name, child in value.items()}
        elif key == "items":
            result[key] = closed(value)
        elif key == "$defs":
            result[key] = {name: with_closed_values(child) for name, child in value.items()}
        elif key in ("allOf", "anyOf", "oneOf"):
            result[key] = [with_closed_values(child) for child in value]
        else:
            result[key] = value
    return result


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    return {**with_closed_values(schema), "unevaluatedProperties": False}


def registry(*, strict: bool) -> Registry[Any]:
    schemas = [with_closed_values(schema) if strict else schema for schema in SCHEMAS.values()]
    return Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas)


def errors(document: object, schema: str, *, strict: bool = True) -> list[str]:
    """Return what is wrong with a document. ``strict``: members that the schema does not list are wrong too."""
    reference = {"$ref": BASE + schema, **({"unevaluatedProperties": False} if strict else {})}
    validator = Draft202012Validator(reference, registry=registry(strict=strict), format_checker=FORMATS)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def parts(document: object) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON document."""
    if isinstance(document, dict):
        yield document
    children = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    for child in [*children]:
        yield from parts(child)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_says_what_it_is(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == BASE + name
    for part in parts(schema):
        assert part.get("format") in (None, *FORMATS.checkers)
        if isinstance(part.get("properties"), dict):
            assert part.get("title") or part.get("description")
            assert {*part["required"]} <= part["properties"].keys()
            assert all({"description", "const", "$ref"} & member.keys() for member in part["properties"].values())


def test_the_page_links_every_schema() -> None:
    page = (ROOT / "docs/reference/json.md").read_text("utf-8")
    assert sorted(re.findall(r"\(schemas/(.*?)\)", page)) == sorted(SCHEMAS)


def test_whoami(terminal: Terminal) -> None:
    terminal.login()
    terminal.run("whoami", "--json")
    assert errors(terminal.json, "whoami.schema.json") == []


def test_login(terminal: Terminal) -> None:
    terminal.login("--json")
    assert [event["event"] for event in terminal.events] == ["device_code", "signed_in"]
    assert [errors(event, EVENT) for event in terminal.events] == [[], []]
    assert "resume" not in terminal.events[0]


def test_login_that_fails(terminal: Terminal) -> None:
    assert terminal.run("login", "--json", AWESOME_ISSUER="http://provider.example/") == 3
    assert errors(terminal.json, EVENT) == []
    assert (terminal.json["event"], terminal.json["error"]) == ("failed", "config")


def test_login_with_no_wait(terminal: Terminal) -> None:
    assert terminal.run("login", "--no-wait", "--json") == 0
    assert errors(terminal.json, EVENT) == []
    assert (terminal.json["event"], terminal.json["resume"]) == ("device_code", "awesome login --resume")


def test_login_with_a_browser(terminal: Terminal) -> None:
    terminal.issuer.auto_approve = True
    terminal.set(visit=visit_provider(terminal.issuer))
    assert terminal.run("login", "--web", "--json") == 0
    assert [event["event"] for event in terminal.events] == ["authorization", "signed_in"]
    assert [errors(event, EVENT) for event in terminal.events] == [[], []]


def test_token(terminal: Terminal) -> None:
    terminal.login()
    for given in (None, "given"):
        terminal.run("token", "--json", AWESOME_ACCESS_TOKEN=given)
        assert errors(terminal.json, "token.schema.json") == []
        assert errors(terminal.json, "token.schema.json#/$defs/access_token") == []
    terminal.run("token", "--id", "--json")
    assert errors(terminal.json, "token.schema.json") == []
    assert errors(terminal.json, "token.schema.json#/$defs/id_token") == []
    assert terminal.json["expires_at"] == rfc3339(terminal.time.now() + ID_TOKEN_LIFETIME)


def test_profiles(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    terminal.keyring.set_password("awesome-cli:default", "awesome", "junk")
    terminal.run("profiles", "--json")
    assert [row["signed_in"] for row in terminal.json] == [None, True]
    assert errors(terminal.json, "profiles.schema.json") == []


def test_profiles_show(terminal: Terminal) -> None:
    config = terminal.environment.config_dir / "config.toml"
    config.parent.mkdir(parents=True)
    endpoints = "".join(f'{name} = "{terminal.issuer.url}{name}"\n' for name in ENDPOINTS)
    config.write_text(f"[profiles.empty]\n[profiles.full]\nresource = true\n{endpoints}", "utf-8")
    for profile in ("empty", "full"):
        terminal.run("profiles", "show", profile, "--json")
        assert errors(terminal.json, "profiles-show.schema.json") == []
        assert terminal.json["session"] is None
    assert {*ENDPOINTS} < {*terminal.json["settings"]}
    terminal.login()
    terminal.run("profiles", "show", "default", "--json")
    assert errors(terminal.json, "profiles-show.schema.json") == []
    assert terminal.json["session"]


def test_doctor(terminal: Terminal) -> None:
    terminal.provider.always(DISCOVERY, Respond(503))
    terminal.run("doctor", "--json")
    assert errors(terminal.json, "doctor.schema.json") == []
    assert {finding["ok"] for finding in terminal.json["findings"]} == {True, False, None}


@every_output
def test_a_missing_member_is_wrong_and_a_further_one_only_in_these_tests(
    terminal: Terminal, command: list[str], schema: str
) -> None:
    terminal.login()
    terminal.run(*command)
    document = terminal.json
    assert errors(document, schema) == []
    for value in parts(document):
        value["further"] = 1
        assert errors(document, schema, strict=False) == []
        assert errors(document, schema) != []
        del value["further"]
    for value in parts(document):
        for name in [*value]:
            removed = value.pop(name)
            assert errors(document, schema, strict=False) != [], name
            value[name] = removed


def wrong(name: str, value: object) -> Iterator[object]:
    """Yield values that a member cannot have in place of this one."""
    yield {} if not isinstance(value, dict) else []
    if isinstance(value, str):
        with suppress(ValueError):
            datetime.fromisoformat(value)
            yield "now"
        if name == "issuer":
            yield "somewhere"


@every_output
def test_a_value_of_another_form_is_wrong(terminal: Terminal, command: list[str], schema: str) -> None:
    terminal.login()
    terminal.run(*command)
    document = terminal.json
    for value in parts(document):
        for name, right in [*value.items()]:
            for other in wrong(name, right):
                value[name] = other
                assert errors(document, schema, strict=False) != [], (name, other)
            value[name] = right
